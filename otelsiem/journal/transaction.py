"""One commit: what it writes, and what memory becomes once it is durable. Nothing here is visible before `publish`.

Guarantees: all appends of a request, or none; a settle's ranges, due records, dead letters, counters, emitted entries
and connector state together; and what was settled before is not counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otelsiem.journal.books import Books
from otelsiem.journal.cache import Cache, Entry
from otelsiem.journal.codec import Piece, merge
from otelsiem.journal.desk import Desk
from otelsiem.journal.journal import Position
from otelsiem.journal.line import Line
from otelsiem.journal.omitted import BUCKET, SINCE, bits, complete_from, floor, packed_since, with_bits
from otelsiem.journal.parcel import Parcel
from otelsiem.journal.settlement import Settlement
from otelsiem.journal.shelf import DeadRow, EntryRow, LineRow, Mark, Shelf
from otelsiem.journal.state import Span, State
from otelsiem.journal.trim import MOST_ENTRIES, History, trim
from otelsiem.model.errors import JournalError

MERGED = 1024  # records that small appends are merged up to


@dataclass(slots=True)
class Draft:
    """A pipeline while a transaction adds to it."""

    line: Line
    next: int
    received: int
    filtered: int
    refused: int
    letters: int
    written: int
    small: list[Piece] = field(default_factory=list)
    smalls: int = 0  # records in them
    at: int = 0  # where the small ones begin
    rows: list[EntryRow] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    oldest: Mark | None = None
    trimmed: bool = False

    def row(self) -> LineRow:
        line = self.line
        return LineRow(
            line.id, line.name, self.next, self.received, self.filtered, self.refused, self.letters, self.written
        )


class Transaction:
    """Between the shelf's begin and its commit."""

    def __init__(self, shelf: Shelf, books: Books, now: int) -> None:
        self.shelf, self.books, self.now = shelf, books, now
        self.after: list[Callable[[], None]] = []  # once it is durable
        self.undo: list[Callable[[], None]] = []  # when it is not
        self.seated: list[Desk] = []
        self._drafts: dict[str, Draft] = {}
        self._places: dict[Desk, State] = {}
        self._settled: dict[Desk, list[Settlement]] = {}

    # --- pipelines -----------------------------------------------------------------------------------------------

    def draft(self, name: str) -> Draft:
        """The pipeline, made when it is new."""
        draft = self._drafts.get(name)
        if draft is None:
            line = self.books.lines.get(name)
            if line is None:
                line = Line(LineRow(self.shelf.add_line(name), name))
            row = line.row
            draft = Draft(line, row.next, row.received, row.filtered, row.refused, row.letters, row.written)
            self._drafts[name] = draft
        return draft

    def append(self, parcels: Sequence[Parcel]) -> tuple[Position, ...]:
        """Everything one request brings."""
        return tuple([self._append(parcel) for parcel in parcels])

    def _append(self, parcel: Parcel) -> Position:
        draft = self.draft(parcel.pipeline)
        first = draft.next
        for piece in parcel.pieces:
            if not piece.small or draft.smalls + piece.records > MERGED:
                self._merge(draft)
            if piece.small:
                if not draft.small:
                    draft.at = draft.next
                draft.small.append(piece)
                draft.smalls += piece.records
            else:
                self._entry(draft, piece, draft.next)
            draft.next += piece.records
        draft.received += parcel.records + parcel.filtered + len(parcel.refused)
        draft.filtered += parcel.filtered
        if parcel.refused:
            self._refuse(draft, parcel.refused)
        return Position(parcel.pipeline, first, parcel.records)

    def _merge(self, draft: Draft) -> None:
        if draft.small:
            self._entry(draft, merge(draft.small), draft.at)
            draft.small, draft.smalls = [], 0

    def _entry(self, draft: Draft, piece: Piece, first: int) -> None:
        draft.rows.append(EntryRow(first, piece.records, piece.size, self.now, draft.written, piece.body))
        draft.entries.append(Entry(first, first + piece.records, piece.size, self.now, piece.batch))
        draft.written += len(piece.body)

    def _refuse(self, draft: Draft, refused: Sequence[tuple[str, bytes]]) -> None:
        now = self.now
        rows = [
            DeadRow(number, reason, 0, now, now, now, blob)
            for number, (reason, blob) in enumerate(refused, draft.letters)
        ]
        self.shelf.add_dead(-draft.line.id, rows)
        draft.letters += len(rows)
        draft.refused += len(rows)

    # --- exporters -----------------------------------------------------------------------------------------------

    def place(self, desk: Desk) -> State:
        return self._places.get(desk, desk.state)

    def move(self, desk: Desk, place: State, made: Settlement | None = None) -> None:
        """A command changes the exporter's place; `made` is what it takes off loan."""
        self._places[desk] = place
        if made is not None:
            self._settled.setdefault(desk, []).append(made)

    def leave(self, desk: Desk) -> None:
        """The exporter is removed: nothing more of it is written."""
        self._places.pop(desk, None)
        self._settled.pop(desk, None)

    def abandon(self, line: Line) -> None:
        """Nobody is left who could read this pipeline: its entries go."""
        self.shelf.drop_entries(line.id, self.draft(line.name).next)
        self._note_oldest(line, None)

    def settle(self, made: Settlement) -> None:
        """Give records their fates."""
        desk = made.desk
        if desk.gone:
            return
        self._settled.setdefault(desk, []).append(made)
        place = self.place(desk)
        fresh = place.fresh(made.spans)
        there = self.shelf.drop_due(desk.id, made.positions) if made.positions else ()
        if (made.spans or made.positions) and not fresh and not there:
            return  # all of it was settled before: emit nothing twice
        if made.dead or made.due or made.filtered or there:
            self._fates(made, place, there)
        else:
            self._places[desk] = place.settle(fresh)
        if made.emit:
            self.append(made.emit)
        if made.memory is not None:
            self.shelf.save_memory(desk.id, made.memory)

    def _fates(self, made: Settlement, place: State, there: Sequence[int]) -> None:
        desk = made.desk
        of_due = frozenset(there)

        def counts(position: int) -> bool:
            return position in of_due if made.positions else not place.has(position)

        dead = [row for row in made.dead if counts(row.position)]
        due = [row for row in made.due if counts(row.position)]
        filtered = [(rule, position) for position, rule in made.filtered.items() if counts(position)]
        self.shelf.add_dead(desk.id, dead)
        self.shelf.add_due(desk.id, due)
        self.omit(desk, [(rule, (position, position + 1)) for rule, position in filtered])
        rules = [rule for rule, _ in filtered]
        if made.positions:
            self._places[desk] = place.leave_due(len(there) - len(due), dead=len(dead), filtered=rules)
        else:
            fresh = place.fresh(made.spans)
            self._places[desk] = place.settle(fresh, dead=len(dead), filtered=rules, due=len(due))

    def omit(self, desk: Desk, left: Sequence[tuple[str, Span]]) -> None:
        """These numbers leave without being delivered, each by its rule; said before `move` counts them."""
        if not left:
            return
        shelf, line = self.shelf, desk.line
        least = floor(line.oldest, line.next)
        if shelf.omitted(desk.id, SINCE) is None:
            self.omitted_since(desk, complete_from(self.place(desk)))
        for (bucket, rule), more in bits(left, least).items():
            held = shelf.omitted(desk.id, bucket)
            try:
                packed = with_bits(held, rule, more)
            except JournalError:  # damaged: a commit must not fail for it, and what it said is not known any more
                packed = with_bits(None, rule, more)
                self.omitted_since(desk, (bucket + 1) * BUCKET)
            shelf.save_omitted(desk.id, bucket, packed)
            if held is None:
                shelf.drop_omitted(desk.id, least // BUCKET)

    def omitted_since(self, desk: Desk, number: int) -> None:
        """From this number on it is known which were left out."""
        self.shelf.save_omitted(desk.id, SINCE, packed_since(number))

    # --- the end -------------------------------------------------------------------------------------------------

    def finish(self, history: History) -> bool:
        """Write what was gathered; True when more entries can go."""
        for draft in self._drafts.values():
            self._merge(draft)
            if draft.rows:
                self.shelf.add_entries(draft.line.id, draft.rows)
            self.shelf.save_line(draft.row())
        for desk, place in self._places.items():
            assert place.sound, f"P2 would break: {desk.cursor} {place}"
            self.shelf.save_desk(desk.id, place)
        more = False
        lines = {**self.books.lines, **{name: draft.line for name, draft in self._drafts.items()}}
        for line in lines.values():
            more = self._trim(line, history) or more
        return more

    def _trim(self, line: Line, history: History) -> bool:
        draft = self._drafts.get(line.name)
        desks = [*line.desks, *[desk for desk in self.seated if desk.line is line]]
        oldest = line.oldest
        if oldest is None and draft is not None and draft.rows:
            row = draft.rows[0]
            oldest = Mark(row.first, row.end, row.taken, row.before, len(row.blob))
            draft = self._note_oldest(line, oldest)
        if not desks or oldest is None:
            return False  # with no exporter there is nobody who has had them
        low = min([self.place(desk).low for desk in desks])
        if oldest.end > low:
            return False
        passed = self._passed(line, low) if history.size else 0
        if history.keeps(oldest, passed, self.now):
            return False
        marks = self.shelf.oldest(line.id, low, MOST_ENTRIES + 2)
        cut = trim(marks, low, history, passed, self.now)
        if cut.end is None:
            return False
        self.shelf.drop_entries(line.id, cut.end)
        following = self.draft(line.name).next
        left = [mark for mark in marks if mark.first >= cut.end] or self.shelf.oldest(line.id, following, 1)
        self._note_oldest(line, left[0] if left else None)
        return cut.more

    def _note_oldest(self, line: Line, oldest: Mark | None) -> Draft:
        draft = self.draft(line.name)
        draft.oldest, draft.trimmed = oldest, True
        return draft

    def _passed(self, line: Line, low: int) -> int:
        """Bytes written before the first entry that somebody still needs; numbers above `next` were never lent."""
        mark = self.shelf.holding(line.id, low)
        return mark.before if mark is not None and mark.end > low else line.row.written

    def publish(self, cache: Cache) -> None:
        """It is durable: let memory say so."""
        for draft in self._drafts.values():
            line = draft.line
            if draft.trimmed:
                line.oldest = draft.oldest
            if draft.entries:
                entry = draft.entries[-1]
                line.mean = max(entry.size // (entry.end - entry.first), 1)
                if cache.wanted(line.id, draft.entries[0].first, [desk.mark for desk in line.desks]):
                    cache.put(line.id, draft.entries)
            line.row = draft.row()
            self.books.lines.setdefault(line.name, line)
        for desk in {**self._places, **self._settled}:
            desk.publish(self.place(desk), self._settled.get(desk, ()))
        for done in self.after:
            done()
        for draft in self._drafts.values():
            if draft.rows:
                for desk in draft.line.desks:
                    desk.arrived()

    def give_up(self) -> None:
        """It is not: undo what had to be done in memory on the way."""
        for undo in self.undo:
            undo()
