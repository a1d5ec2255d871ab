"""What the admin API asks of a running gateway, answered from the journal and the exporters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from otelsiem.admin.operations import Reloaded, Status
from otelsiem.exporter import Exporter
from otelsiem.journal.journal import DeadLetter, Fate, FateKind, Journal
from otelsiem.tally import MetricsTally


class Running(Protocol):
    """The part of the service that is asked."""

    started: bool
    draining: bool
    reloaded: Reloaded | None

    @property
    def shut(self) -> Sequence[str]: ...

    @property
    def exporters(self) -> Sequence[tuple[Exporter, MetricsTally]]: ...


class GatewayOperations:
    """Implements admin.operations.Operations."""

    def __init__(self, service: Running, journal: Journal) -> None:
        self._service, self._journal = service, journal

    def ready(self) -> Sequence[str]:
        """Why the gateway cannot take records."""
        stats = self._journal.stats()
        reasons = {
            "starting": not self._service.started,
            "stopping": self._service.draining,
            f"the journal cannot be written: {stats.problem or 'unknown'}": not stats.ready,
            "the journal is full: make room, or raise service.journal.max_size_mib": stats.full,
        }
        return [*[reason for reason, so in reasons.items() if so], *self._service.shut]

    def status(self) -> Status:
        holds = {}
        for exporter, _ in self._service.exporters:
            for key, reason in exporter.holds().items():
                holds[exporter.name] = f"{key}: {reason}" if key else reason
        return Status(self._journal.stats(), holds, self._service.reloaded)

    def dead_letters(self, exporter: str, limit: int, offset: int) -> Sequence[DeadLetter]:
        return self._journal.dead_letters(exporter, limit=limit, offset=offset)

    def replay(self, exporter: str, positions: Sequence[int] | None) -> int:
        return self._journal.replay(exporter, positions)

    def purge(self, exporter: str, positions: Sequence[int] | None) -> int:
        return self._journal.purge(exporter, positions)

    def fates(self, pipeline: str, position: int) -> Mapping[str, Fate]:
        """What became of one record, per exporter of its pipeline."""
        return {name: found[0] for name, found in self.fates_of(pipeline, range(position, position + 1)).items()}

    def fates_of(self, pipeline: str, numbers: range) -> Mapping[str, Sequence[Fate]]:
        """The same of records that follow each other, in their order.

        The journal says which exporters there are: it knows them before they work, and while a reload hands them over.
        """
        at_work = {one.name: one for one, _ in self._service.exporters if one.cursor.pipeline == pipeline}
        return {
            name: _with_trouble(self._journal.fates(pipeline, numbers, name), at_work.get(name))
            for name in self._journal.exporters(pipeline)
        }


def _with_trouble(found: Sequence[Fate], exporter: Exporter | None) -> Sequence[Fate]:
    """What keeps the pending ones waiting is said of each."""
    trouble = exporter.troubles().get("", "") if exporter is not None else ""
    if exporter is None or not trouble:
        return found
    waiting = Fate(FateKind.PENDING, f"held: {trouble}" if exporter.holds().get("") else trouble)
    return [waiting if fate.kind is FateKind.PENDING else fate for fate in found]
