"""Where a journal keeps things, as the writer sees it: rows in, rows out, all of a transaction or nothing.

One implementation per medium (`tables.py` SQLite, `heap.py` memory, `logs.py` append-only logs as Kafka has them). The
rules of the journal stand above this seam and are the same for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from otelsiem.journal.state import State


@dataclass(frozen=True, slots=True)
class LineRow:
    """A pipeline."""

    id: int
    name: str
    next: int = 0
    received: int = 0
    filtered: int = 0
    refused: int = 0
    letters: int = 0  # dead letters of its door so far: the next one's number
    written: int = 0  # bytes of blobs so far


@dataclass(frozen=True, slots=True)
class DeskRow:
    """An exporter on one pipeline."""

    id: int
    pipeline: int
    name: str
    place: State
    memory: bytes | None = None  # a connector's state


@dataclass(frozen=True, slots=True)
class EntryRow:
    first: int
    records: int
    size: int  # packed, before compression
    taken: int  # ns: when it was committed
    before: int  # bytes of blobs written to this pipeline before it
    blob: bytes

    @property
    def end(self) -> int:
        return self.first + self.records


@dataclass(frozen=True, slots=True)
class Mark:
    """An entry without its records."""

    first: int
    end: int
    taken: int
    before: int
    size: int  # of the blob


@dataclass(frozen=True, slots=True)
class DueRow:
    position: int
    at: int
    attempts: int
    reason: str
    first: int  # ns: when its first failure was settled
    taken: int  # ns: when it came into the journal
    record: bytes  # sealed group of one


@dataclass(frozen=True, slots=True)
class DeadRow:
    position: int
    reason: str
    attempts: int
    first: int
    last: int
    taken: int
    record: bytes


@dataclass(frozen=True, slots=True)
class Trace:
    """What is remembered of a number that was settled and not delivered, or of a bucket of them."""

    kind: Literal["due", "dead", "omitted"]
    number: int  # its position; of an omitted one the bucket
    reason: str = ""
    attempts: int = 0
    packed: bytes = b""  # of a bucket


@dataclass(frozen=True, slots=True)
class Grave:
    """A dead letter with its number: lower numbers died earlier."""

    number: int
    owner: int
    row: DeadRow


@dataclass(frozen=True, slots=True)
class Stock:
    """What a shelf holds when it is opened: small, whatever is pending."""

    lines: Sequence[LineRow]
    desks: Sequence[DeskRow]
    oldest: Mapping[int, Mark]  # by pipeline id
    earliest: Mapping[int, int]  # by exporter id: the time of its first due record


class Shelf(Protocol):
    """`owner` is an exporter's id, or minus a pipeline's id for the dead letters of its door.

    Everything under "the writer's thread" happens between begin and commit or roll_back. The rest may be called from
    any thread and sees what is committed.
    """

    most_ranges: int
    most: int  # bytes; with more, intake must wait. May be changed on the writer's thread
    errors: tuple[type[Exception], ...]  # what the medium raises

    def no_room(self, error: Exception) -> bool:
        """Whether the medium is full, not broken."""

    # --- the writer's thread ---
    def load(self) -> Stock: ...
    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def roll_back(self) -> None: ...
    def add_line(self, name: str) -> int: ...
    def save_line(self, row: LineRow) -> None: ...
    def add_desk(self, pipeline: int, name: str, place: State) -> int: ...
    def save_desk(self, desk: int, place: State) -> None: ...
    def save_memory(self, desk: int, memory: bytes) -> None: ...
    def rename_desk(self, desk: int, name: str) -> None: ...
    def drop_desk(self, desk: int) -> None:
        """With its due records, dead letters and buckets."""

    def omitted(self, desk: int, bucket: int) -> bytes | None:
        """What `omitted.py` keeps of an exporter."""

    def save_omitted(self, desk: int, bucket: int, packed: bytes) -> None: ...
    def drop_omitted(self, desk: int, below: int) -> None:
        """The buckets below this one, but for the one that says since when."""

    def add_entries(self, pipeline: int, rows: Sequence[EntryRow]) -> None: ...
    def oldest(self, pipeline: int, below: int, most: int) -> Sequence[Mark]:
        """The oldest entries, ascending: those that start below this number, at most so many."""

    def holding(self, pipeline: int, position: int) -> Mark | None:
        """The last entry that starts at or below this number, uncommitted ones included."""

    def drop_entries(self, pipeline: int, end: int) -> None:
        """All that start below this number; it is where an entry starts, or the end."""

    def add_due(self, desk: int, rows: Iterable[DueRow]) -> None:
        """A record that is there already is replaced."""

    def drop_due(self, desk: int, positions: Iterable[int]) -> list[int]:
        """Those that were there."""

    def due_positions(self, desk: int) -> Sequence[int]: ...
    def add_dead(self, owner: int, rows: Iterable[DeadRow]) -> None: ...
    def graves(self, owner: int, after: int, most: int, positions: Sequence[int] | None) -> Sequence[Grave]:
        """Dead letters with a higher number than `after`, ascending; only these positions, when given."""

    def drop_dead(self, numbers: Sequence[int], *, shred: bool) -> None: ...
    def last_grave(self) -> int: ...
    def tidy(self) -> bool:
        """After a commit, outside of a transaction: whatever the medium needs. True when there is more to do."""

    # --- any thread ---
    def entries(self, pipeline: int, position: int, most: int) -> Sequence[EntryRow]:
        """The entry that holds the position, and those that follow it."""

    def entry_mark(self, pipeline: int, position: int) -> Mark | None: ...
    def due_rows(self, desk: int, most: int) -> Sequence[DueRow]:
        """By time, then position."""

    def first_due(self, desk: int) -> DueRow | None:
        """The one with the lowest position."""

    def traces(self, owner: int, numbers: range, buckets: range) -> Sequence[Trace]:
        """Of these numbers, all of one moment; with the bucket that says since when."""

    def dead_rows(self, owners: Sequence[int] | None, most: int, skip: int) -> Sequence[Grave]: ...

    @property
    def bytes(self) -> int: ...
    def full(self) -> bool:
        """Intake must wait."""

    def rescue(self) -> bool:
        """There was no room for a commit: make some. False when there is nothing left to give."""

    def reopen(self) -> None:
        """The medium failed: let go of it and open it again, so that what it holds is known for certain."""

    def close(self) -> None: ...
