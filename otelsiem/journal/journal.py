"""The journal's protocol: durable appends in front, one place per exporter behind.

Every kind passes one conformance suite. A position is the number of a record in its pipeline. An append is answered
only when it is durable. A lease is records on loan; settling it gives every one of them a fate in one transaction.
What was on loan when a process died is lent again after the restart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

from otelsiem.journal.trim import History
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Receipt, Ticket
from otelsiem.model.processor import Refused
from otelsiem.model.record import Batch, Group

StartAt: TypeAlias = Literal["end", "beginning"]


@dataclass(slots=True)
class Append:
    """What one request brings to one pipeline."""

    pipeline: str
    batch: Batch
    filtered: Mapping[str, int] = field(default_factory=dict)  # rule -> records a processor took out
    refused: Sequence[Refused] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where an append came to stand: records first … first+count-1 of its pipeline. Also the sender's receipt."""

    pipeline: str
    first: int
    count: int


class Pending:
    """The answer to `append`: filled once, when the commit is durable or has failed."""

    __slots__ = ("error", "positions", "tag", "wake")

    def __init__(self, wake: Callable[[list[Pending]], None], tag: object = None) -> None:
        self.wake = wake
        self.tag = tag  # whatever the caller needs to find its sender again
        self.positions: tuple[Position, ...] | None = None
        self.error: Exception | None = None  # JournalFullError, JournalError


Wake: TypeAlias = Callable[[list[Pending]], None]
"""Called once per commit group, on the writer's thread, with all the group's answers that share this wake."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """One exporter's place in one pipeline."""

    pipeline: str
    exporter: str


@dataclass(slots=True)
class Lease:
    """Records on loan to a courier: `spans` for a lease of numbers, `keys` for a lease of due records."""

    cursor: Cursor
    batch: Batch
    count: int
    spans: Sequence[tuple[int, int]] = ()  # half-open, ascending: the batch is their records in order
    keys: Sequence[tuple[int, int]] = ()  # (at, position) of each due record, in the batch's order
    attempts: Sequence[int] = ()  # for due records: how often each was tried before; empty = none was

    def position(self, index: int) -> int:
        """The number of the record at this index of the batch."""
        if self.keys:
            return self.keys[index][1]
        for start, stop in self.spans:
            if index < stop - start:
                return start + index
            index -= stop - start
        raise IndexError(index)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused record as it is kept."""

    exporter: str
    pipeline: str
    position: int
    reason: str
    attempts: int
    first: int  # ns: when its first refusal was settled
    last: int  # ns: when its last one was
    group: Group  # holds exactly the one record


@dataclass(frozen=True, slots=True)
class ExporterCounts:
    """P2: accepted = delivered + dead + filtered + purged + pending, at rest and across kill -9."""

    pipeline: str
    exporter: str
    accepted: int
    delivered: int
    dead: int
    filtered: int
    purged: int
    pending: int
    due: int  # of the pending ones
    on_loan: int  # of the pending ones
    oldest: int  # ns: when the oldest pending record was taken; 0 = none
    rules: Sequence[tuple[str, int]] = ()  # of the filtered ones: which rule left out how many, as far as is known


@dataclass(frozen=True, slots=True)
class PipelineCounts:
    pipeline: str
    next: int
    received: int  # records that came to the door: next + filtered + refused
    filtered: int
    refused: int


@dataclass(frozen=True, slots=True)
class JournalStats:
    pipelines: Sequence[PipelineCounts]
    exporters: Sequence[ExporterCounts]
    bytes: int  # on disk, WAL included (in memory for a memory journal)
    full: bool
    ready: bool
    problem: str = ""  # why it is not ready


class FateKind(StrEnum):
    PENDING = "pending"
    DUE = "due"
    DEAD = "dead"
    SETTLED = "settled"  # delivered, filtered or purged, and too long ago to say which
    DELIVERED = "delivered"
    FILTERED = "filtered"
    PURGED = "purged"
    UNKNOWN = "unknown"  # before the exporter's start, or not written yet


@dataclass(frozen=True, slots=True)
class Fate:
    kind: FateKind
    reason: str = ""
    attempts: int = 0


class Journal(Protocol):
    """All methods may be called from any thread; none blocks for longer than it says."""

    def attach(self, pipeline: str, exporter: str, start_at: StartAt = "end") -> Cursor:
        """The exporter's cursor, made in a commit of its own when it is new. Blocks until that is durable."""

    def detach(self, *cursors: Cursor, forget: bool = False) -> None:
        """Remove exporters, all of them in one commit. Blocks until that is durable.

        With records pending it is refused (JournalError) unless `forget`, which purges them. Dead letters stay: they
        can be listed and purged, and belong to the exporter again when it is attached again.
        """

    def rename(self, cursor: Cursor, exporter: str) -> Cursor:
        """The place goes on under another exporter's name, in one commit; what was on loan is lent again. Blocks.

        JournalError when that exporter has a place or dead letters of its own. With its own name: only the loans end,
        for couriers that were stopped before they could give them back.
        """

    def resize(self, most: int, history: History) -> None:
        """From now on: intake is refused above `most` bytes, and delivered entries stay so long. Blocks."""

    def append(self, appends: Sequence[Append], wake: Wake, tag: object = None) -> Pending:
        """Queue what one request brings to each pipeline: all of it or nothing becomes durable, in one transaction.

        Never blocks: beyond the bytes allowed in flight, or when full, the answer is a JournalFullError at once: the
        Pending comes back with its `error` set, and `wake` is not called.
        """

    def lease(self, cursor: Cursor, limits: Limits, wait: float) -> Lease | None:
        """Records to deliver: due ones that are ready first, never mixed with numbers; else the next numbers.

        Waits up to `wait` seconds for the first record and, from then on, up to `limits.age` for a full lease.
        None: nothing came, the exporter may have no more on loan, or the journal closes.
        """

    def settle(
        self, lease: Lease, receipt: Receipt, emit: Sequence[Append] = (), state: bytes | None = None
    ) -> Mapping[Ticket, Lease]:
        """Give every record of the lease its fate; durable with the next commit, at most 50 ms on. Does not block.

        What the receipt calls accepted stays on loan: each ticket comes back as a lease of positions, whose batch is
        empty, to be settled when it is confirmed (`Receipt()`) or lent again (`released`).

        What a connector emits and its new state are durable in the same transaction, or not at all.
        """

    def state(self, cursor: Cursor) -> bytes | None:
        """What the last durable settle of this cursor left as its state."""

    def counts(self, cursor: Cursor) -> ExporterCounts: ...

    def stats(self) -> JournalStats: ...

    def exporters(self, pipeline: str) -> Sequence[str]:
        """Those that have a place in a pipeline, at work or not."""

    def fate(self, pipeline: str, position: int, exporter: str) -> Fate:
        """What became of one record.

        How a settled one ended is known of the last million of its pipeline, of older ones as long as `history` keeps
        their entries, and always where the exporter never left one out.
        """

    def fates(self, pipeline: str, numbers: range, exporter: str) -> Sequence[Fate]:
        """The same of records that follow each other, in their order."""

    def dead_letters(self, exporter: str = "", *, limit: int = 100, offset: int = 0) -> Sequence[DeadLetter]:
        """Dead letters, oldest first; of all exporters and doors when none is named."""

    def replay(self, exporter: str, positions: Sequence[int] | None = None) -> int:
        """Dead → due, ready at once; all of the exporter's when no positions are given. How many moved. Blocks.

        Those of a door (`door/<pipeline>`) are appended to their pipeline as new records instead.
        """

    def purge(self, exporter: str, positions: Sequence[int] | None = None) -> int:
        """Delete dead letters for good (counted as purged). How many. Blocks."""

    def purge_pending(self, cursor: Cursor) -> int:
        """Give up what is pending and not on loan (counted as purged). How many. Blocks. A person's explicit act."""

    def wake(self, cursor: Cursor) -> None:
        """Let its waiting `lease`s return with what there is, so that the couriers look at their orders."""

    def flush(self, timeout: float) -> bool:
        """Block until everything queued before this call is durable; False when time ran out."""

    def close(self) -> None:
        """Commit what is queued and let go of the files."""
