"""One outbox of a process among those of its application, and what it may deliver of what a dead process left.

The rules stand in `adoption.py`. Guarantees: a name that is not ours is never ours; what cannot be read is no consent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from otelsiem.journal import family, note
from otelsiem.journal.note import Note
from otelsiem.model.mark import mark
from otelsiem.outbox import Outbox, Outlet
from otelsiem.telemetry.figures import Figures

log = logging.getLogger("otelsiem.adoption")


class Keeper(Protocol):
    """Who looks after the directory (`adoption.py`)."""

    def look(self) -> None:
        """Something is different now."""

    def leave(self, member: Member, deadline: float) -> bool:
        """Whether that was the last one, with whom the thread ends."""

    def ended(self, deadline: float) -> None:
        """Wait for that."""


@dataclass(slots=True, eq=False)
class Member:
    """One outbox of this process, and what it may deliver for others."""

    service: str
    figures: Figures
    most: int
    marks: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path()
    living: Sequence[Note] = ()  # when we began
    older: frozenset[Path] = frozenset()  # dead before we began
    outbox: Outbox | None = None
    keeper: Keeper | None = None

    def changed(self, outlets: Mapping[str, Outlet]) -> None:
        """The exporters are others now: whoever finds this journal is told."""
        self.marks = {name: mark(outlet.destination) for name, outlet in outlets.items()}
        try:
            note.write(self.directory, Note(self.service, self.marks))
        except OSError as why:
            log.warning("journal=%r msg=%r", str(self.directory), f"{note.NAME} cannot be written: {why}")
        if self.keeper is not None:
            self.keeper.look()

    def leave(self, deadline: float) -> None:
        """The outbox closes."""
        if self.keeper is not None and not self.keeper.leave(self, deadline):
            self.keeper = None

    def gone(self, deadline: float) -> None:
        """It has closed: the last one out waits until what is being delivered for others has been put back."""
        if self.keeper is not None:
            self.keeper.ended(deadline)

    def fits(self, directory: Path) -> bool:
        """Whether a dead process's journal can be ours: nothing waits in it that we may not deliver."""
        found, pending = note.read(directory), family.waiting(directory)
        return pending is not None and self._ours(found) and all(self.may(found, name, self.living) for name in pending)

    def may(self, found: Note | None, name: str, living: Sequence[Note] | None) -> bool:
        """Whether we deliver what such a journal holds for this exporter. `living`: of the living processes, when it
        was dead before we began; else None."""
        if name not in self.marks or not self._ours(found):
            return False
        had = found.exporters.get(name) if found is not None else None
        if had == self.marks[name]:
            return True
        return living is not None and (had is None or all(one.exporters.get(name) != had for one in living))

    def _ours(self, found: Note | None) -> bool:
        return found is None or not (found.service and self.service) or found.service == self.service


def living(parent: Path) -> Sequence[Note]:
    """What the living processes say of themselves."""
    dead = set(family.orphans(parent))
    found = [note.read(directory) for directory in family.directories(parent) if directory not in dead]
    return [one for one in found if one is not None]
