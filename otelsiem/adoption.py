"""An outbox with its journal in a directory that the processes of one application share, and what dead ones left there.

    outbox = adoption.outbox(Path("audit-journal"), {"splunk_hec": Outlet(SplunkHec(…))})

One thread per directory and process looks now and then for journals in which nobody works, delivers what waits there,
and removes them. Whose records they are is decided by `exporters.json` in each (`journal/note.py`):

- the name of an exporter is its identity, as in a gateway: other names are left alone, and told in the log;
- the same name and the same settings: any process of the directory delivers it;
- the same name and other settings: a process that began later does, since a person has changed them meanwhile, unless
  a living one has the old settings. One that lived beside the dead one delivers to another place, and does not;
- two services (OTEL_SERVICE_NAME), where both are said: never.

Guarantees: two processes never work in one journal (flock), so nothing is delivered twice but what a process had on
loan when it died; a journal goes only when nothing is in it, no dead letter either.
"""

from __future__ import annotations

import ctypes
import logging
import os
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from otelsiem.forks import at_fork
from otelsiem.journal import family, note
from otelsiem.journal.journal import Cursor, Journal
from otelsiem.membership import Member, living
from otelsiem.model.errors import JournalError
from otelsiem.model.mark import mark
from otelsiem.outbox import PIPELINE, Outbox, Outlet
from otelsiem.telemetry.figures import Figures
from otelsiem.telemetry.observed import Measured

log = logging.getLogger("otelsiem.adoption")

FIRST, EVERY = 1.0, 30.0  # seconds to the first look and between two, each times 0.5 to 1.5
MOST = 4  # journals delivered from at once, beside the process's own
STUCK = 60.0  # seconds without progress: it goes back, another may have its turn
TICK = 0.2  # seconds between looks at what is being delivered
CLOSING = 2.0  # seconds for what is under way when one is put back
GRACE = 0.5  # seconds after the deadline of a process that ends
SERVICE = "OTEL_SERVICE_NAME"


def outbox(
    directory: Path,
    outlets: Mapping[str, Outlet],
    figures: Figures | None = None,
    *,
    service: str = "",
    most_mib: int = 1024,
    floor_mib: int = 64,
) -> Outbox:
    """Open, in a journal of this process's own; `close` leaves. After a fork the child calls this again."""
    member = Member(service or os.environ.get(SERVICE, ""), figures or Measured(), most_mib)
    member.marks = {name: mark(outlet.destination) for name, outlet in outlets.items()}
    member.living = living(directory)
    journal = family.claim(directory, most_mib, floor_mib, member.fits)
    try:
        _let_go(journal, outlets)
        member.directory = journal.directory
        member.older = frozenset(family.orphans(directory))
        member.outbox = Outbox(journal, outlets, member.figures, member)
    except BaseException:
        journal.close()
        raise
    _join(directory, member)
    return member.outbox


class Keeper:
    """The thread of one directory."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent
        self._wake = threading.Event()
        self._members: list[Member] = []
        self._adopted: list[Adopted] = []
        self._put_back: dict[Path, float] = {}  # until when it is left alone
        self._told: set[tuple[Path, str]] = set()
        self._deadline: float | None = None
        self._thread = threading.Thread(target=self._run, name="otelsiem-adoption", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def look(self) -> None:
        """Something is different now."""
        self._wake.set()

    def joined(self, member: Member) -> None:
        member.keeper = self
        self._members.append(member)
        self._wake.set()

    def leave(self, member: Member, deadline: float) -> bool:
        """Whether that was the last one, with whom the thread ends: it puts back what it is delivering."""
        with _guard:
            if member in self._members:
                self._members.remove(member)
            last = not self._members
            if last:
                self._deadline = deadline
                if _keepers.get(self.parent.resolve()) is self:
                    del _keepers[self.parent.resolve()]
        self._wake.set()
        return last

    def ended(self, deadline: float) -> None:
        """Wait for that."""
        self._thread.join(max(deadline - time.monotonic(), 0.0) + GRACE)

    # --- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        due = time.monotonic() + FIRST * _jitter()
        while self._deadline is None:
            try:
                if time.monotonic() >= due:
                    due = time.monotonic() + EVERY * _jitter()
                    self._look()
                if self._tend():
                    due = time.monotonic()  # there may be more
            except Exception:  # whatever it is, the next look may go
                log.exception("directory=%r msg=%r", str(self.parent), "looking after dead processes' journals failed")
            self._wake.wait(TICK if self._adopted else max(due - time.monotonic(), 0.0))
            self._wake.clear()
        for left, one in zip(range(len(self._adopted), 0, -1), self._adopted, strict=True):
            one.close(max(self._deadline - GRACE - time.monotonic(), 0.0) / left)

    def _look(self) -> None:
        mine = {one.directory for one in self._adopted}
        now = time.monotonic()
        for directory in family.orphans(self.parent):
            if directory in mine or self._put_back.get(directory, 0.0) > now:
                continue
            pending = family.waiting(directory)
            if pending:
                self._consider(directory, pending)
            elif pending is not None and family.retire(directory):
                log.debug("journal=%r msg=%r", str(directory), "a dead process left it empty; removed")

    def _consider(self, directory: Path, pending: Mapping[str, int]) -> None:
        ours = self._deliverable(directory, pending)
        for name in pending.keys() - ours.keys():
            self._tell(directory, name, pending[name])
        if ours and len(self._adopted) < MOST:
            self._adopt(directory, ours)

    def _deliverable(self, directory: Path, pending: Mapping[str, int]) -> dict[str, tuple[Outlet, Member]]:
        """Who delivers what waits in it: somebody with the same settings, else with the name."""
        found, members, others = note.read(directory), list(self._members), living(self.parent)
        ours: dict[str, tuple[Outlet, Member]] = {}
        for beside in (None, others):
            for member in members:
                running = member.outbox.running() if member.outbox is not None else {}
                for name in pending.keys() & running.keys() - ours.keys():
                    if member.may(found, name, beside if directory in member.older else None):
                        ours[name] = running[name], member
        return ours

    def _adopt(self, directory: Path, ours: Mapping[str, tuple[Outlet, Member]]) -> None:
        member = next(iter(ours.values()))[1]
        try:
            journal = family.open_journal(directory, member.most, 0)  # nothing new comes in: it may be full
        except JournalError as why:  # another process was quicker, or it is damaged
            log.debug("journal=%r reason=%r msg=%r", str(directory), str(why), "not adopted")
            return
        try:
            there = {one.exporter: one.pending for one in journal.stats().exporters if one.pipeline == PIPELINE}
            outlets = {name: replace(outlet, couriers=1) for name, (outlet, _) in ours.items() if there.get(name)}
            made = Outbox(journal, outlets, member.figures, observed=False)
        except BaseException:
            journal.close()
            raise
        records = sum([there[name] for name in outlets])
        log.warning("journal=%r records=%d msg=%r", str(directory), records, "adopted from a process that is dead")
        self._adopted.append(Adopted(directory, made, records, time.monotonic()))

    def _tend(self) -> bool:
        """Whether one was finished."""
        finished = False
        for one in list(self._adopted):
            done = not one.pending()
            if done or one.stuck() or not self._still(one):
                self._adopted.remove(one)
                one.close(CLOSING)
                finished |= done
                if not done:
                    self._put_back[one.directory] = time.monotonic() + STUCK * _jitter()
                elif family.retire(one.directory):
                    log.debug("journal=%r msg=%r", str(one.directory), "all of it is delivered; removed")
        return finished

    def _still(self, one: Adopted) -> bool:
        """Whether its exporters are still ours, and deliver."""
        running = {name for member in list(self._members) if member.outbox for name in member.outbox.running()}
        return running >= set(one.outbox.names)

    def _tell(self, directory: Path, name: str, records: int) -> None:
        if (directory, name) in self._told:
            return
        self._told.add((directory, name))
        log.error(
            "journal=%r records=%d exporter=%r msg=%r", str(directory), records, name,
            "left by a process that is dead, and nobody here delivers it: no exporter of this name, or one with other"
            " settings or of another service. A process with such an exporter that starts now takes it; if the"
            f" settings were meant to change, restart; if the service was renamed, remove {note.NAME} from it",
        )  # fmt: skip


@dataclass(slots=True, eq=False)
class Adopted:
    """A dead process's journal that is being delivered from."""

    directory: Path
    outbox: Outbox
    left: int
    moved: float  # when it last became less

    def pending(self) -> int:
        return sum([one.pending for one in self.outbox.counts().values()])

    def stuck(self) -> bool:
        now, left = time.monotonic(), self.pending()
        if left < self.left:
            self.left, self.moved = left, now
        return now - self.moved > STUCK

    def close(self, timeout: float) -> None:
        try:
            self.outbox.close(timeout)
        except Exception as why:  # noqa: BLE001 - the others go on; what was on loan is lent again
            log.warning("journal=%r msg=%r", str(self.directory), f"put back with trouble: {why}")


def _let_go(journal: Journal, outlets: Mapping[str, Outlet]) -> None:
    """Exporters of an earlier life that nothing waits for: else what comes now would wait for them."""
    there = journal.stats().exporters
    gone = [Cursor(one.pipeline, one.exporter) for one in there if one.exporter not in outlets and not one.pending]
    if gone:
        journal.detach(*gone)


def _jitter() -> float:
    return random.uniform(0.5, 1.5)  # noqa: S311 - so that processes that began together do not look together


_keepers: dict[Path, Keeper] = {}
_guard = threading.Lock()


def _join(directory: Path, member: Member) -> None:
    with _guard:
        keeper = _keepers.get(directory.resolve())
        if keeper is None:
            keeper = _keepers[directory.resolve()] = Keeper(directory)
            keeper.begin()
        keeper.joined(member)


def _forget() -> None:
    global _guard  # noqa: PLW0603 - a fork may have found it held
    _guard = threading.Lock()
    for keeper in _keepers.values():  # never to be freed here: their threads and journals are the parent's
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(keeper))
    _keepers.clear()


at_fork(child=_forget)
