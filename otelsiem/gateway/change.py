"""What a new plan changes: a comparison of values, in which nothing is opened and nobody is asked.

Guarantees: what is equal is kept, whatever stands around it; every exporter of the new plan and every place in the
journal is in exactly one part; a listener that needs the address of another waits until that one is closed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from otelsiem.gateway.plan import Delivery, Listener, Plan
from otelsiem.journal.journal import Cursor
from otelsiem.model.errors import Problem

RESTART = "cannot change while the gateway runs: restart it"


@dataclass(frozen=True, slots=True)
class Doors:
    """What becomes of the listeners."""

    keep: Sequence[Listener]
    first: Sequence[Listener]  # opened before any other is closed
    close: Sequence[Listener]
    after: Sequence[Listener]  # need the address of one that is closed


@dataclass(frozen=True, slots=True)
class Resumption:
    """An exporter that takes over the place of another."""

    place: Cursor
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Staff:
    """What becomes of the exporters."""

    keep: Sequence[Delivery]
    restart: Sequence[Delivery]  # as it will be; the place is the same
    start: Sequence[Delivery]
    resume: Sequence[Resumption]
    leave: Sequence[Cursor]  # places that nobody needs any more


def compare_listeners(old: Sequence[Listener], new: Sequence[Listener]) -> Doors:
    """From what listens to what shall listen."""
    close = [listener for listener in old if listener not in new]
    taken = {port for listener in close for port in _ports(listener)}
    fresh = [listener for listener in new if listener not in old]
    after = [listener for listener in fresh if taken & _ports(listener)]
    return Doors(
        keep=[listener for listener in new if listener in old],
        first=[listener for listener in fresh if listener not in after],
        close=close,
        after=after,
    )


def compare_deliveries(old: Sequence[Delivery], new: Sequence[Delivery], places: Collection[Cursor]) -> Staff:
    """From what delivers to what shall deliver; `places` are those that the journal has. At a start `old` is empty."""
    running = {delivery.place: delivery for delivery in old}
    wanted = {delivery.place: delivery for delivery in new}
    resumed = _resumed(new, places, wanted)
    there = [place for place in wanted if place in running]
    taking_over = {delivery.place for delivery in resumed.values()}
    return Staff(
        keep=[wanted[place] for place in there if _same(running[place], wanted[place])],
        restart=[wanted[place] for place in there if not _same(running[place], wanted[place])],
        start=[wanted[place] for place in wanted if place not in running and place not in taking_over],
        resume=[Resumption(place, delivery) for place, delivery in resumed.items()],
        leave=[place for place in places if place not in wanted and place not in resumed],
    )


def fixed(old: Plan, new: Plan) -> list[Problem]:
    """What the new plan changes and a running gateway cannot."""
    kind = [plan.journal_name.partition(" ")[0] for plan in (old, new)]
    changed = {
        "service.journal.type": kind[0] != kind[1],
        "service.journal.directory": old.directory != new.directory,
        "service.admin.endpoint": old.admin != new.admin,
    }
    return [Problem(path, RESTART) for path, so in changed.items() if so]


def _resumed(new: Sequence[Delivery], places: Collection[Cursor], wanted: Collection[Cursor]) -> dict[Cursor, Delivery]:
    """Places of exporters that are gone, with who takes over: one that has no place of its own, the first that asks."""
    found: dict[Cursor, Delivery] = {}
    for delivery in new:
        before = Cursor(delivery.pipeline, delivery.resume)
        if delivery.resume and delivery.place not in places and before in places and before not in wanted:
            found.setdefault(before, delivery)
    return found


def _same(old: Delivery, new: Delivery) -> bool:
    """`start_at` and `resume` say how a place is found; this one has its place."""
    return replace(old, start_at=new.start_at, resume=new.resume) == new


def _ports(listener: Listener) -> set[str]:
    """Those that cannot be had twice. Two hosts may share a port, but waiting for it does no harm."""
    ports = {endpoint.rpartition(":")[2] for endpoint in (listener.grpc, listener.http) if endpoint}
    return ports - {"0"}
