"""What is in the fake broker, and what it takes: every record as a consumer would read it, every producer's sequence.

Guarantees: a batch is written once however often an idempotent producer sends it, and as often as it comes from any
other; nothing is written out of order.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from otelsiem.testing.kafka_records import BatchError, Record, RecordBatch, read
from otelsiem.testing.kafka_wire import Written

UNKNOWN_TOPIC, TOO_LARGE, INVALID_ACKS, TOPIC_FORBIDDEN = 3, 10, 21, 29
INVALID_TIMESTAMP, OUT_OF_ORDER, OLD_EPOCH, INVALID_RECORD = 32, 45, 47, 87

_REMEMBERED = 5  # batches of one producer and partition: as many as may be in flight


@dataclass(frozen=True, slots=True)
class Kept:
    """A record as a consumer would read it."""

    topic: str
    partition: int
    offset: int
    record: Record
    producer: int
    codec: str

    @property
    def value(self) -> bytes:
        return self.record.value or b""


@dataclass(slots=True)
class _Writer:
    """What is known of one producer in one partition."""

    epoch: int
    last: int = -1
    recent: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))


class Store:
    """Topics, their records and their rules; `lock` is held by whoever writes."""

    def __init__(self, topics: Mapping[str, int]) -> None:
        self.topics = dict(topics)
        self.message_max_bytes = 1_048_588
        self.future_ms = 3_600_000  # message.timestamp.after.max.ms
        self.compacted: Collection[str] = ()
        self.forbidden: Collection[str] = ()
        self.log: list[Kept] = []
        self.duplicates = 0  # batches that were answered and not written again
        self.complaints: list[str] = []  # what a careful operator would have found wrong
        self.lock = threading.Lock()
        self._writers: dict[tuple[str, int, int], _Writer] = {}

    def values(self, topic: str) -> list[bytes]:
        """What a topic holds, in the order of its partitions."""
        with self.lock:
            found = sorted(self.log, key=lambda kept: (kept.partition, kept.offset))
        return [kept.value for kept in found if kept.topic == topic]

    def write(self, acks: int, topic: str, partition: int, data: bytes, *, written: bool) -> Written:
        """Take the batch of one partition, or say why not; without `written` it is only looked at."""
        if acks != -1:
            self.complaints.append(f"acks {acks}: what is acknowledged may be on one broker only")
            return Written(topic, partition, INVALID_ACKS)
        if topic in self.forbidden:
            return Written(topic, partition, TOPIC_FORBIDDEN)
        if partition >= self.topics.get(topic, 0):
            return Written(topic, partition, UNKNOWN_TOPIC)
        try:
            batch = read(data)
        except BatchError as error:
            self.complaints.append(f"a broken batch: {error}")
            return Written(topic, partition, error.code)
        if refused := self._refused(topic, batch):
            return Written(topic, partition, *refused)
        return self._append(topic, partition, batch) if written else Written(topic, partition)

    def _refused(self, topic: str, batch: RecordBatch) -> tuple[int, int, tuple[tuple[int, str], ...]] | None:
        if batch.size > self.message_max_bytes:
            return TOO_LARGE, -1, ()
        late = time.time() * 1000 + self.future_ms
        ahead = tuple([(n, "the timestamp is out of range") for n, one in enumerate(batch.records) if one.time > late])
        if ahead:
            return INVALID_TIMESTAMP, -1, ahead
        keyless = tuple(
            [(n, "a compacted topic wants a key") for n, one in enumerate(batch.records) if one.key is None]
        )
        return (INVALID_RECORD, -1, keyless) if topic in self.compacted and keyless else None

    def _append(self, topic: str, partition: int, batch: RecordBatch) -> Written:
        if batch.producer < 0:
            self.complaints.append("a producer that is not idempotent")
        else:
            known = self._sequenced(topic, partition, batch)
            if known is not None:
                return known
        offset = sum([1 for kept in self.log if (kept.topic, kept.partition) == (topic, partition)])
        for n, record in enumerate(batch.records):
            self.log.append(Kept(topic, partition, offset + n, record, batch.producer, batch.codec))
        if batch.producer >= 0:
            writer, last = self._writers[topic, partition, batch.producer], batch.sequence + len(batch.records) - 1
            writer.last = last
            writer.recent.append((batch.sequence, last, offset))
        return Written(topic, partition, 0, offset)

    def _sequenced(self, topic: str, partition: int, batch: RecordBatch) -> Written | None:
        """The answer to a batch that was written before, or that has another before it; None: it is the next one."""
        writer = self._writers.setdefault((topic, partition, batch.producer), _Writer(batch.epoch))
        if batch.epoch < writer.epoch:
            return Written(topic, partition, OLD_EPOCH)
        if batch.epoch > writer.epoch:  # it begins anew, after something that it does not know the end of
            writer.epoch, writer.last = batch.epoch, -1
            writer.recent.clear()
        last = batch.sequence + len(batch.records) - 1
        for first, end, offset in writer.recent:
            if (first, end) == (batch.sequence, last):
                self.duplicates += 1
                return Written(topic, partition, 0, offset)
        return None if batch.sequence == writer.last + 1 else Written(topic, partition, OUT_OF_ORDER)
