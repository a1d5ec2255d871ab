"""A play on a journal: leases, acceptances, confirmations and releases in a random order, checked at every step."""

from __future__ import annotations

import random

from otelsiem.journal.journal import Cursor, Journal, Lease
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.testing.journal.words import PATIENCE, SECOND, Subject, balanced, names, nothing, numbered, put


class Play:
    """One seed, played until everything has its fate."""

    def __init__(self, journal: Journal, subject: Subject, seed: int) -> None:
        self.journal, self.subject = journal, subject
        self.random = random.Random(seed)  # noqa: S311 - a test's dice
        self.cursor: Cursor = journal.attach(f"logs/{seed}", "a")
        self.size = self.random.choice([30, 100, 300])
        self.leases: list[Lease] = []
        self.stubs: list[Lease] = []
        self.delivered: set[int] = set()
        self.dead: set[int] = set()

    def run(self) -> None:
        put(self.journal, numbered(self.size), self.cursor.pipeline)
        for _ in range(self.size * 3):
            self.random.choice([self.lend, self.accept, self.confirm, self.look])()
        while self.look() < self.size:
            self.subject.clock.now += SECOND
            self.lend()
            for lease in [*self.leases, *self.stubs]:
                self.deliver(lease)
            self.leases, self.stubs = [], []
        nothing(self.journal, self.cursor)

    def lend(self) -> None:
        lease = self.journal.lease(self.cursor, Limits(self.random.randint(1, 20), age=0.0), 0.0)
        if lease is not None:
            mine = self.positions(lease)
            assert names(lease) == [str(n) for n in mine], "the records that belong to the positions"
            others = {n for one in [*self.leases, *self.stubs] for n in self.positions(one)}
            assert others.isdisjoint(mine), "lent twice"
            assert not (self.delivered | self.dead) & set(mine), "lent after its fate was settled"
            self.leases.append(lease)

    def accept(self) -> None:
        """Each record of one lease has a random fate."""
        if not self.leases:
            return
        lease = self.leases.pop(self.random.randrange(len(self.leases)))
        fates = [self.random.choice("tttuuvdrl+") for _ in range(lease.count)]
        index = {fate: [n for n, mine in enumerate(fates) if mine == fate] for fate in set(fates)}
        later = Later(self.subject.clock.now + self.random.randint(0, SECOND), "later", 1)
        receipt = Receipt(
            dict.fromkeys(index.get("d", ()), Death("no", 1)),
            dict.fromkeys(index.get("l", ()), later),
            {},
            index.get("r", ()),
            {ticket: index[ticket] for ticket in "tuv" if ticket in index},
        )
        place = self.positions(lease)
        stubs = self.journal.settle(lease, receipt)
        assert {ticket: self.positions(stub) for ticket, stub in stubs.items()} == {
            ticket: [place[n] for n in indices] for ticket, indices in receipt.accepted.items()
        }
        self.stubs += stubs.values()
        self.delivered.update(place[n] for n in index.get("+", ()))
        self.dead.update(place[n] for n in index.get("d", ()))

    def confirm(self) -> None:
        if not self.stubs:
            return
        stub = self.stubs.pop(self.random.randrange(len(self.stubs)))
        if self.random.random() < 0.3:
            self.journal.settle(stub, Receipt(released=range(stub.count)))
        else:
            self.deliver(stub)

    def deliver(self, lease: Lease) -> None:
        self.journal.settle(lease, Receipt())
        self.delivered.update(self.positions(lease))

    def look(self) -> int:
        """What the journal counts is what was decided; how many records have their fate."""
        assert self.journal.flush(PATIENCE)
        counts = balanced(self.journal, self.cursor)
        assert (counts.delivered, counts.dead) == (len(self.delivered), len(self.dead)), counts
        assert counts.on_loan == sum([lease.count for lease in [*self.leases, *self.stubs]]), counts
        return counts.delivered + counts.dead

    @staticmethod
    def positions(lease: Lease) -> list[int]:
        return [lease.position(index) for index in range(lease.count)]
