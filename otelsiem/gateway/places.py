"""Places in the journal that no exporter of the configuration works any more: given back, given up, or refused.

Guarantees: a place with records pending is never given back without a person's word, and never pins the journal in
silence: it is a problem of the configuration, with the ways out of it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from otelsiem.gateway.change import Resumption, Staff, compare_deliveries
from otelsiem.gateway.plan import Delivery
from otelsiem.journal.journal import Cursor, Journal
from otelsiem.model.errors import ConfigError, Problem

log = logging.getLogger("otelsiem.gateway")


def places(journal: Journal) -> list[Cursor]:
    """Those that the journal has."""
    return [Cursor(counts.pipeline, counts.exporter) for counts in journal.stats().exporters]


def prepare(journal: Journal, deliveries: Sequence[Delivery], forget: Collection[str] = ()) -> None:
    """At a start: the journal has exactly the places that these deliveries work at. ConfigError: why it may not."""
    staff = compare_deliveries([], deliveries, places(journal))
    given_up = [place for place in staff.leave if place.exporter in forget]
    leave = [place for place in staff.leave if place not in given_up]
    refuse([*unfinished(journal, leave, deliveries), *occupied(journal, staff.resume)])
    for place in given_up:
        give_up(journal, place)
    for name in {*forget} - {place.exporter for place in given_up}:
        log.warning("exporter=%s msg=%r", name, "nothing to forget: it is configured, or not in the journal")
    if leave:
        journal.detach(*leave)
        for place in leave:
            log.info("exporter=%s pipeline=%s msg=%r", place.exporter, place.pipeline, "is gone, nothing was pending")
    resume(journal, staff.resume)
    attach(journal, staff)


def attach(journal: Journal, staff: Staff) -> None:
    """Places for those that start."""
    for delivery in staff.start:
        if delivery.resume and delivery.place not in places(journal):
            told = f"nothing to resume: {delivery.resume} has no place in pipeline {delivery.pipeline}"
            log.warning("exporter=%s msg=%r", delivery.settings.name, told)
        journal.attach(delivery.pipeline, delivery.settings.name, delivery.start_at)


def resume(journal: Journal, resumptions: Sequence[Resumption]) -> None:
    """Places that go on under another name."""
    for one in resumptions:
        to = journal.rename(one.place, one.delivery.settings.name)
        pending = journal.counts(to).pending
        log.info("exporter=%s was=%s pending=%d msg=%r", to.exporter, one.place.exporter, pending, "takes over")


def give_up(journal: Journal, place: Cursor) -> None:
    """A person said so. Its dead letters stay."""
    pending = journal.counts(place).pending
    journal.detach(place, forget=True)
    what = "given up and removed, as --forget asked"
    log.warning("exporter=%s pipeline=%s purged=%d msg=%r", place.exporter, place.pipeline, pending, what)


def unfinished(journal: Journal, leave: Sequence[Cursor], deliveries: Sequence[Delivery]) -> list[Problem]:
    """Those that would leave records behind."""
    pipelines = {delivery.pipeline for delivery in deliveries}
    pending = {place: journal.counts(place).pending for place in leave}
    return [_left_behind(place, count, place.pipeline in pipelines) for place, count in pending.items() if count]


def occupied(journal: Journal, resumptions: Sequence[Resumption]) -> list[Problem]:
    """Those that cannot take over, because they left dead letters of their own when they were removed."""
    return [
        Problem(
            f"exporters.{name}.resume",
            f"{name} has dead letters of its own in pipeline {one.place.pipeline} and cannot take over others",
            hint=f"otelsiem dead-letters purge --exporter {name} --all, or choose another id",
        )
        for one in resumptions
        for name in [one.delivery.settings.name]
        if any(letter.pipeline == one.place.pipeline for letter in journal.dead_letters(name, limit=1000))
    ]


def refuse(problems: Sequence[Problem]) -> None:
    """Raise when there are any."""
    if problems:
        raise ConfigError(problems)


def _left_behind(place: Cursor, pending: int, pipeline_stays: bool) -> Problem:
    records = "1 record that waits" if pending == 1 else f"{pending} records that wait"
    give_up = f"give them up at a start with: otelsiem run --forget {place.exporter}"
    if not pipeline_stays:
        return Problem(
            f"service.pipelines.{place.pipeline}",
            f"is gone, with {records} for {place.exporter}",
            hint=f"put it back until they are delivered; or {give_up}",
        )
    return Problem(
        f"service.pipelines.{place.pipeline}.exporters",
        f"{place.exporter} is gone, with {records} for it",
        hint="put it back until they are delivered; or write `resume: "
        f"{place.exporter}` on the exporter that shall deliver them; or {give_up}",
    )
