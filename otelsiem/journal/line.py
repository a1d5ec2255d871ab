"""A pipeline as the journal sees it: a line of numbered records, and the desks of the exporters along it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from otelsiem.journal.shelf import LineRow, Mark

if TYPE_CHECKING:
    from otelsiem.journal.desk import Desk

MEAN = 512  # packed bytes of a record, until we know better


class Line:
    """What is committed of a pipeline. Written by the writer alone; every attribute is replaced as a whole."""

    __slots__ = ("desks", "id", "mean", "name", "oldest", "row")

    def __init__(self, row: LineRow) -> None:
        self.id, self.name, self.row = row.id, row.name, row
        self.oldest: Mark | None = None  # the oldest entry kept
        self.desks: tuple[Desk, ...] = ()
        self.mean = MEAN

    @property
    def next(self) -> int:
        return self.row.next
