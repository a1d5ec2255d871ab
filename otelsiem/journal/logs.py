"""The shelf on append-only logs and offset commits: what Kafka can do, in memory, to keep the protocol honest.

Nothing is ever changed in place. Entries go to partitions by their number, in messages below the largest size; due
records and dead letters are compacted logs (a key without a value is a tombstone); an exporter's place is an offset
commit with ranges and counters in at most 4,096 bytes of metadata, or in a log of their own when they do not fit. One
transaction spans them all. Opening the shelf reads everything from the logs again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import msgspec

from otelsiem.journal.heap import Heap
from otelsiem.journal.shelf import DeadRow, DeskRow, DueRow, EntryRow, Grave, LineRow
from otelsiem.journal.state import State

METADATA = 4096  # bytes: Kafka's offset.metadata.max.bytes
PARTITIONS = 3
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.decode

Message: TypeAlias = tuple[Any, bytes | None]  # key, value; no value = tombstone


@dataclass(slots=True)
class Logs:
    """A small broker: topics, and committed offsets with metadata. It outlives the shelf that writes to it."""

    largest: int = 1 << 20  # max.message.bytes
    topics: dict[str, list[Message]] = field(default_factory=dict)
    trimmed: dict[int, int] = field(default_factory=dict)  # pipeline -> the first number kept
    commits: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # group -> offset, metadata

    def view(self, topic: str) -> dict[Any, bytes]:
        """A compacted topic as its last values."""
        found: dict[Any, bytes] = {}
        for key, value in self.topics.get(topic, ()):
            if value is None:
                found.pop(key, None)
            else:
                found[key] = value
        return found


class LogShelf(Heap):
    """The heap holds what was read from the logs; every change is written to them at the end of its transaction."""

    most_ranges = 400  # so that they fit the metadata

    def __init__(self, logs: Logs, most: int) -> None:
        super().__init__(most)
        self._logs = logs
        self._writes: list[tuple[str, Message]] = []
        self._commits: dict[int, tuple[int, bytes]] = {}
        self._trims: dict[int, int] = {}
        self._recover()

    # --- reading everything again --------------------------------------------------------------------------------

    def _recover(self) -> None:
        view = self._logs.view
        for value in view("pipelines").values():
            line = _unpack(value, type=LineRow)
            self._lines[line.id] = line
            self._recover_entries(line.id)
        places = view("places")
        for value in view("groups").values():
            desk = _unpack(value, type=DeskRow)
            _, metadata = self._logs.commits[desk.id]
            self._desks[desk.id] = replace(desk, place=_unpack(metadata or places[desk.id], type=State))
            self._due[desk.id] = {}
        for (desk_id, position), value in view("due").items():
            self._due[desk_id][position] = _unpack(value, type=DueRow)
        for number, value in view("dead").items():
            grave = self._dead[number] = _unpack(value, type=Grave)
            self._buried[grave.owner, grave.row.position] = number
        for key, value in view("omitted").items():
            self._omitted[key] = _unpack(value, type=bytes)
        used = [key for topic in ("dead", "groups") for key, _ in self._logs.topics.get(topic, ())]
        self._number = max(used, default=0)

    def _recover_entries(self, pipeline: int) -> None:
        parts: dict[int, list[bytes]] = {}
        for partition in range(PARTITIONS):
            for (first, _), value in self._logs.topics.get(f"entries-{pipeline}-{partition}", ()):
                if value is not None and first >= self._logs.trimmed.get(pipeline, 0):
                    parts.setdefault(first, []).append(value)
        for first, values in sorted(parts.items()):
            row = _unpack(b"".join(values), type=EntryRow)
            self._entries[pipeline, first] = row
            self._size += len(row.blob)
        self._firsts[pipeline] = sorted(parts)

    # --- the transaction -----------------------------------------------------------------------------------------

    def commit(self) -> None:
        for topic, message in self._writes:
            self._logs.topics.setdefault(topic, []).append(message)
        self._logs.commits.update(self._commits)
        self._logs.trimmed.update(self._trims)
        self._clear()
        super().commit()

    def roll_back(self) -> None:
        self._clear()
        super().roll_back()

    def _clear(self) -> None:
        self._writes, self._commits, self._trims = [], {}, {}

    def _write(self, topic: str, key: object, value: object) -> None:
        self._writes.append((topic, (key, None if value is None else _pack(value))))

    # --- changes -------------------------------------------------------------------------------------------------

    def add_line(self, name: str) -> int:
        id_ = super().add_line(name)
        self._write("pipelines", id_, self._lines[id_])
        return id_

    def save_line(self, row: LineRow) -> None:
        super().save_line(row)
        self._write("pipelines", row.id, row)

    def add_desk(self, pipeline: int, name: str, place: State) -> int:
        id_ = super().add_desk(pipeline, name, place)
        self._write("groups", id_, self._desks[id_])
        self._commit_offset(id_, place)
        return id_

    def save_desk(self, desk: int, place: State) -> None:
        super().save_desk(desk, place)
        self._commit_offset(desk, place)

    def _commit_offset(self, desk: int, place: State) -> None:
        metadata = _pack(place)
        if len(metadata) > METADATA:
            self._write("places", desk, place)
            metadata = b""
        self._commits[desk] = (place.low, metadata)

    def save_memory(self, desk: int, memory: bytes) -> None:
        super().save_memory(desk, memory)
        self._write("groups", desk, self._desks[desk])

    def rename_desk(self, desk: int, name: str) -> None:
        super().rename_desk(desk, name)
        self._write("groups", desk, self._desks[desk])

    def drop_desk(self, desk: int) -> None:
        buckets = [key for key in self._omitted if key[0] == desk]
        super().drop_desk(desk)
        self._write("groups", desk, None)
        for key in buckets:
            self._write("omitted", key, None)

    def save_omitted(self, desk: int, bucket: int, packed: bytes) -> None:
        super().save_omitted(desk, bucket, packed)
        self._write("omitted", (desk, bucket), packed)

    def drop_omitted(self, desk: int, below: int) -> None:
        before = set(self._omitted)
        super().drop_omitted(desk, below)
        for key in before - set(self._omitted):
            self._write("omitted", key, None)

    def add_entries(self, pipeline: int, rows: Sequence[EntryRow]) -> None:
        super().add_entries(pipeline, rows)
        largest = self._logs.largest
        for row in rows:
            topic = f"entries-{pipeline}-{row.first % PARTITIONS}"
            packed = _pack(row)
            for part, at in enumerate(range(0, len(packed), largest)):
                self._writes.append((topic, ((row.first, part), packed[at : at + largest])))

    def drop_entries(self, pipeline: int, end: int) -> None:
        super().drop_entries(pipeline, end)
        self._trims[pipeline] = end

    def add_due(self, desk: int, rows: Iterable[DueRow]) -> None:
        rows = list(rows)
        super().add_due(desk, rows)
        for row in rows:
            self._write("due", (desk, row.position), row)

    def drop_due(self, desk: int, positions: Iterable[int]) -> list[int]:
        gone = super().drop_due(desk, positions)
        for position in gone:
            self._write("due", (desk, position), None)
        return gone

    def add_dead(self, owner: int, rows: Iterable[DeadRow]) -> None:
        before = self._number
        super().add_dead(owner, rows)
        for number in range(before + 1, self._number + 1):
            self._write("dead", number, self._dead[number])

    def drop_dead(self, numbers: Sequence[int], *, shred: bool) -> None:
        super().drop_dead(numbers, shred=shred)
        for number in numbers:
            self._write("dead", number, None)
