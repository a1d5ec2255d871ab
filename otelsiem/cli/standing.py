"""How things stand in the journal: from the running gateway, else read from its file."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from otelsiem.cli import client, say
from otelsiem.cli.exits import CommandError
from otelsiem.config.model import Config
from otelsiem.journal.reserve import Reserve
from otelsiem.journal.room import FLOOR, MIB, free_room, shortage


@dataclass(frozen=True, slots=True)
class Standing:
    """The rows of the admin API's status, and what this machine says of the disk."""

    source: str  # gateway, file
    directory: Path
    pipelines: Sequence[Mapping[str, Any]]
    exporters: Sequence[Mapping[str, Any]]
    journal: Mapping[str, Any]
    limit: int
    free: int

    @property
    def balanced(self) -> bool:
        """P2: every record accepted has exactly one fate."""
        return all(self._balanced(one) for one in self.exporters)

    @property
    def state(self) -> str:
        if not self.journal.get("ready"):
            return f"not ready: {self.journal.get('problem') or 'the gateway does not say why'}"
        return f"full: {self._shortage()}" if self.journal.get("full") else "ready"

    @property
    def size(self) -> str:
        used = int(self.journal.get("bytes", 0))
        return f"{_mib(used)} on disk, of {_mib(self.limit)} allowed; {_mib(self.free)} free on the disk"

    def plain(self) -> dict[str, Any]:
        """For scripts."""
        now = say.now()
        exporters = [
            {**one, "age": say.seconds_since(one.get("oldest"), now), "balanced": self._balanced(one)}
            for one in self.exporters
        ]
        journal = {"directory": str(self.directory), **self.journal, "limit": self.limit, "free": self.free}
        why = self._shortage() if self.journal.get("full") else ""
        return {
            "source": self.source,
            "journal": {**journal, "why": why},
            "pipelines": list(self.pipelines),
            "exporters": exporters,
            "balanced": self.balanced,
        }

    def _shortage(self) -> str:
        reserve = Reserve(self.directory).there()
        used = int(self.journal.get("bytes", 0))
        why = shortage(used, self.limit, self.free, FLOOR, reserve=reserve)
        return why or "there was no room when it was last written"

    @staticmethod
    def _balanced(one: Mapping[str, Any]) -> bool:
        fates = ("delivered", "dead", "filtered", "purged", "pending")
        return one.get("accepted") == sum([int(one.get(name, 0)) for name in fates])


def standing(config: Config) -> Standing:
    """Ask whoever knows. CommandError or JournalError when nobody does."""
    settings = config.service.journal
    try:
        with client.gateway(config) as gateway:
            said, source = gateway.status(), "gateway"
    except client.AbsentError:
        if settings.type != "sqlite":
            raise CommandError("no gateway is running, and a journal in memory ends with its gateway") from None
        said, source = _read(settings.directory, settings.max_size_mib * MIB), "file"
    return Standing(
        source,
        settings.directory,
        _rows(said, "pipelines"),
        _rows(said, "exporters"),
        said.get("journal", {}),
        settings.max_size_mib * MIB,
        free_room(settings.directory),
    )


def _read(directory: Path, most: int) -> dict[str, Any]:
    from otelsiem.admin import render
    from otelsiem.admin.operations import Status
    from otelsiem.journal import peek

    with contextlib.closing(peek.peek(directory)) as db:
        return render.status(Status(peek.stats(db, directory, most, FLOOR)))


def _rows(said: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    rows = said.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _mib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB" if size >= 1 << 30 else f"{size / MIB:.1f} MiB"
