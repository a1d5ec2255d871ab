"""What is wrong with a journal, in words for a person and in deeds for the repair.

A deed names rows; `mend.py` does it, inside one transaction. What has no deed here needs the file to be written anew
from what can be read of it (`deep`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from otelsiem.journal.shelf import LineRow
from otelsiem.journal.state import State

ANEW = "writes the file anew with all that can be read"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what is wrong, where, what it costs, what repair would do."""

    where: str
    what: str
    cost: str
    repair: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; costs {self.cost}; repair {self.repair}"


@dataclass(slots=True)
class Diagnosis:
    """All findings, and what mends them."""

    findings: list[Finding] = field(default_factory=list)
    deep: bool = False  # SQLite cannot read all of the file, or would not write it: it has to be written anew
    pipelines: int = 0
    exporters: int = 0
    entries: int = 0
    records: int = 0
    letters: int = 0
    due: int = 0
    unreadable: list[tuple[int, int, str]] = field(default_factory=list)  # entries: pipeline, first, why
    misplaced: list[tuple[int, int]] = field(default_factory=list)  # readable, on numbers that another one has
    resized: list[tuple[int, int, int]] = field(default_factory=list)  # pipeline, first, records it really holds
    lines: list[LineRow] = field(default_factory=list)
    places: list[tuple[int, State]] = field(default_factory=list)
    bad_due: list[tuple[int, int, str]] = field(default_factory=list)  # exporter, position, why
    bad_dead: list[tuple[int, str]] = field(default_factory=list)  # number, why

    @property
    def sound(self) -> bool:
        return not self.findings

    def find(self, where: str, what: str, cost: str, repair: str, *, deep: bool = False) -> None:
        self.findings.append(Finding(where, what, cost, repair))
        self.deep = self.deep or deep
