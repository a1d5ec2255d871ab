"""What the journal knows by heart: its pipelines, each with its exporters' desks, as the last commit left them."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from otelsiem.journal.dead import REMOVED
from otelsiem.journal.desk import Desk
from otelsiem.journal.journal import Cursor
from otelsiem.journal.line import Line
from otelsiem.journal.shelf import Shelf
from otelsiem.model.errors import JournalError


class Books:
    """Changed by the writer after a commit; read by everybody."""

    def __init__(self, shelf: Shelf) -> None:
        self.lines: dict[str, Line] = {}
        self._desks: dict[Cursor, Desk] = {}
        self.removed: dict[Cursor, Desk] = {}  # detached, with dead letters; by the cursor they had
        self._lock = threading.Lock()
        self.refresh(shelf)

    def refresh(self, shelf: Shelf) -> None:
        """Take everything from the shelf again; what is on loan stays on loan."""
        stock = shelf.load()
        by_id: dict[int, Line] = {}
        for row in stock.lines:
            line = self.lines.get(row.name) or Line(row)
            line.row = row
            line.oldest = stock.oldest.get(row.id)
            self.lines[row.name] = by_id[row.id] = line
        for held in stock.desks:
            line = by_id[held.pipeline]
            cursor, earliest = Cursor(line.name, held.name.removeprefix(REMOVED)), stock.earliest.get(held.id)
            gone = held.name.startswith(REMOVED)
            known = self.removed.get(cursor) if gone else self._desks.get(cursor)
            if known is None and gone:
                self.removed[cursor] = Desk(held, line, earliest=None, most_ranges=shelf.most_ranges)
            elif known is None:
                self.seat(Desk(held, line, earliest=earliest, most_ranges=shelf.most_ranges))
            else:
                known.refresh(held.place, held.memory, earliest)

    def seat(self, desk: Desk) -> None:
        with self._lock:
            self.lines.setdefault(desk.line.name, desk.line)
            self._desks[desk.cursor] = desk
            desk.line.desks = (*desk.line.desks, desk)

    def remove(self, desk: Desk) -> None:
        """It is detached and has left dead letters."""
        with self._lock:
            self.removed = {**self.removed, Cursor(desk.line.name, desk.cursor.exporter.removeprefix(REMOVED)): desk}

    def forget(self, cursor: Cursor) -> None:
        """What it left is gone, or it is back."""
        with self._lock:
            self.removed = {key: desk for key, desk in self.removed.items() if key != cursor}

    def unseat(self, desk: Desk) -> None:
        with self._lock:
            self._desks.pop(desk.cursor, None)
            desk.line.desks = tuple(other for other in desk.line.desks if other is not desk)

    def desk(self, cursor: Cursor) -> Desk:
        desk = self._desks.get(cursor)
        if desk is None:
            raise JournalError(f"exporter {cursor.exporter!r} is not attached to pipeline {cursor.pipeline!r}")
        return desk

    def find(self, cursor: Cursor) -> Desk | None:
        return self._desks.get(cursor)

    def named(self, exporter: str) -> list[Desk]:
        """The desks of an exporter, on whichever pipelines it works."""
        with self._lock:
            return [desk for desk in self._desks.values() if desk.cursor.exporter == exporter]

    def __iter__(self) -> Iterator[Desk]:
        with self._lock:
            return iter(list(self._desks.values()))
