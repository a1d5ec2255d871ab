"""A reload: from what runs to what a new plan says, while requests come in.

Guarantees: whatever is refused or fails before the door takes records under the new plan leaves everything as it was;
the door turns between two requests; what is equal in both plans is not touched; an exporter is removed in the moment
in which nothing is pending for it, so nobody's records are left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from otelsiem.door import JournalDoor, Routes
from otelsiem.gateway.change import Doors, Resumption, Staff, compare_deliveries, compare_listeners, fixed
from otelsiem.gateway.deliveries import Deliveries, Running
from otelsiem.gateway.listening import Listening
from otelsiem.gateway.places import attach, occupied, places, refuse, resume, unfinished
from otelsiem.gateway.plan import Delivery, Plan
from otelsiem.journal.journal import Cursor, Journal
from otelsiem.model.errors import JournalError, OtelsiemError

log = logging.getLogger("otelsiem.gateway")

LEAVING = 5.0  # seconds for an exporter that goes to deliver what was there when the reload began
PAUSE = 2.0  # seconds that requests wait at most while it delivers the last of it


@dataclass(frozen=True, slots=True)
class Works:
    """What a reload works on."""

    journal: Journal
    door: JournalDoor
    listening: Listening
    deliveries: Deliveries
    stopping: Callable[[], bool]


async def reload(works: Works, old: Plan, new: Plan) -> str:
    """What has changed, in words. Raises OtelsiemError (a ConfigError with every problem) when nothing has."""
    journal = works.journal
    there = await asyncio.to_thread(places, journal)
    doors = compare_listeners(works.listening.listeners, new.listeners)
    staff = compare_deliveries([one.delivery for one in works.deliveries.running], new.deliveries, there)
    refuse([*fixed(old, new), *await asyncio.to_thread(occupied, journal, staff.resume)])
    await _caught_up(works, staff.leave, new)
    made = {one.place: works.deliveries.make(one) for one in _new(staff)}
    async with contextlib.AsyncExitStack() as undo:
        undo.push_async_callback(asyncio.to_thread, _discard, list(made.values()))
        undo.push_async_callback(asyncio.to_thread, _detach, journal, [one.place for one in staff.start], there)
        await asyncio.to_thread(attach, journal, staff)
        if new.room and (old.room, old.history) != (new.room, new.history):
            undo.push_async_callback(asyncio.to_thread, journal.resize, old.room, old.history)
            await asyncio.to_thread(journal.resize, new.room, new.history)
        await _listen(works.listening, doors, undo)
        await works.door.between(lambda: _turn(works, staff.leave, new))
        undo.pop_all()
    await _deliver(works, staff, made, time.monotonic() + old.drain)
    return _said(doors, staff)


async def _caught_up(works: Works, leave: Sequence[Cursor], new: Plan) -> None:
    """Who goes has delivered what was there when the reload began; else the reload is refused."""
    began, deadline = time.time_ns(), time.monotonic() + LEAVING
    while behind := await asyncio.to_thread(_behind, works, leave, began):
        if works.stopping():
            raise OtelsiemError("not reloaded: the gateway is stopping")
        if time.monotonic() > deadline or any(_stuck(works, place) for place in behind):
            refuse(await asyncio.to_thread(unfinished, works.journal, behind, new.deliveries))
        await asyncio.sleep(0.02)


def _behind(works: Works, leave: Sequence[Cursor], since: int) -> list[Cursor]:
    counts = {place: works.journal.counts(place) for place in leave}
    behind = [place for place, count in counts.items() if count.pending and count.oldest <= since]
    for place in behind:
        works.journal.wake(place)  # what is here goes now, without waiting for company
    return behind


def _stuck(works: Works, place: Cursor) -> bool:
    """Whether waiting is of no use: it fails or is held, or has set records aside for later."""
    troubled = any(one.delivery.place == place and one.exporter.troubles() for one in works.deliveries.running)
    return troubled or works.journal.counts(place).due > 0


async def _listen(listening: Listening, doors: Doors, undo: contextlib.AsyncExitStack) -> None:
    """New ones first, where they do not need the address of an old one."""
    for listener in doors.first:
        await listening.open(listener)
        undo.push_async_callback(listening.close, listener)
    for listener in doors.close:
        undo.push_async_callback(listening.restore, listener)
    await asyncio.gather(*[listening.close(listener) for listener in doors.close])
    for listener in doors.after:
        await listening.open_after(listener)
        undo.push_async_callback(listening.close, listener)


def _turn(works: Works, leave: Sequence[Cursor], new: Plan) -> Routes:
    """On the door's thread, between two requests: nothing comes, so who goes can be done with everything."""
    journal, deadline = works.journal, time.monotonic() + PAUSE
    if leave:
        if not journal.flush(PAUSE):
            raise JournalError("not reloaded: the journal is busy or cannot be written; send SIGHUP again later")
        while (left := unfinished(journal, leave, new.deliveries)) and time.monotonic() < deadline:
            for place in leave:
                journal.wake(place)
            time.sleep(0.01)
        refuse(left)
        journal.detach(*leave)  # refuses too, should anything have come after all
    return new.routes


def _detach(journal: Journal, fresh: Sequence[Cursor], there: Sequence[Cursor]) -> None:
    """New places go again; nothing was ever delivered from them."""
    try:
        made = [place for place in places(journal) if place in fresh and place not in there]
        if made:
            journal.detach(*made, forget=True)
    except JournalError as error:  # why the reload failed matters more; the next one or a start looks at them again
        log.warning("msg=%r", f"places of exporters that did not start stay in the journal: {error}")


def _new(staff: Staff) -> list[Delivery]:
    return [*staff.start, *staff.restart, *[one.delivery for one in staff.resume]]


def _discard(made: Sequence[Running]) -> None:
    for one in made:
        one.exporter.stop(time.monotonic())


async def _deliver(works: Works, staff: Staff, made: Mapping[Cursor, Running], deadline: float) -> None:
    """Each one by itself, so that a slow one delays no other. Nothing of this may fail the reload any more."""
    for delivery in staff.start:
        works.deliveries.start(made[delivery.place])
    await asyncio.gather(
        *[_leave(works, place, deadline) for place in staff.leave],
        *[_restart(works, made[delivery.place], deadline) for delivery in staff.restart],
        *[_resume(works, one, made[one.delivery.place], deadline) for one in staff.resume],
    )


async def _leave(works: Works, place: Cursor, deadline: float) -> None:
    if gone := works.deliveries.at(place):
        await asyncio.to_thread(gone.exporter.stop, deadline)
    works.deliveries.forget(place)


async def _restart(works: Works, made: Running, deadline: float) -> None:
    await _hand_over(works, made.delivery.place, deadline)
    works.deliveries.start(made)


async def _resume(works: Works, one: Resumption, made: Running, deadline: float) -> None:
    before = works.deliveries.at(one.place)
    await _hand_over(works, one.place, deadline)
    try:
        await asyncio.to_thread(resume, works.journal, [one])
    except OtelsiemError as error:
        what = f"could not take over, {one.place.exporter} goes on until the next reload: {error}"
        log.error("exporter=%s msg=%r", one.delivery.settings.name, what)  # noqa: TRY400 - the reason is the whole story
        await asyncio.to_thread(_discard, [made])
        if before is not None:
            works.deliveries.start(works.deliveries.make(before.delivery))
    else:
        works.deliveries.start(made)


async def _hand_over(works: Works, place: Cursor, deadline: float) -> None:
    try:
        if before := works.deliveries.at(place):
            await asyncio.to_thread(before.exporter.hand_over, deadline)
    except OtelsiemError as error:  # what stays on loan is lent again after a restart
        log.error("exporter=%s msg=%r", place.exporter, f"not all of its records came back: {error}")  # noqa: TRY400 - see above
    works.deliveries.forget(place)


def _said(doors: Doors, staff: Staff) -> str:
    verbs = {
        "opened": [one.receiver for one in (*doors.first, *doors.after)],
        "closed": [one.receiver for one in doors.close],
        "started": [one.settings.name for one in staff.start],
        "restarted": [one.settings.name for one in staff.restart],
        "resumed": [f"{one.place.exporter} as {one.delivery.settings.name}" for one in staff.resume],
        "removed": [place.exporter for place in staff.leave],
        "kept": [*[one.receiver for one in doors.keep], *[one.settings.name for one in staff.keep]],
    }
    return "; ".join([f"{verb} {', '.join(names)}" for verb, names in verbs.items() if names])
