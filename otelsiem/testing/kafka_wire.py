"""As much of Kafka's protocol as a producer needs of a broker: requests read, answers written.

Versions are old enough to have no tagged fields, but for ApiVersions, whose third version librdkafka asks first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

PRODUCE, FETCH, METADATA, HANDSHAKE, VERSIONS, INIT_PRODUCER, CONFIGS, AUTHENTICATE = 0, 1, 3, 17, 18, 22, 32, 36

# key -> oldest and newest version; a client that needs Fetch for records of magic 2 is told of it
SPOKEN = {
    PRODUCE: (3, 8), FETCH: (4, 10), METADATA: (1, 4), HANDSHAKE: (1, 1), VERSIONS: (0, 3),
    INIT_PRODUCER: (0, 1), CONFIGS: (1, 1), AUTHENTICATE: (0, 0),
}  # fmt: skip


class Reader:
    """A request's bytes, from the front."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def number(self, form: str) -> int:
        value: int = struct.unpack_from(f">{form}", self._data, self._at)[0]
        self._at += struct.calcsize(form)
        return value

    def text(self) -> str | None:
        size = self.number("h")
        return self._take(size).decode() if size >= 0 else None

    def data(self) -> bytes | None:
        size = self.number("i")
        return self._take(size) if size >= 0 else None

    def many(self, one: Callable[[], T]) -> list[T] | None:
        size = self.number("i")
        return [one() for _ in range(size)] if size >= 0 else None

    def _take(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]


@dataclass(frozen=True, slots=True)
class Produce:
    """A produce request."""

    acks: int
    timeout: int
    parts: tuple[tuple[str, int, bytes], ...]  # topic, partition, records


def number(form: str, *values: int) -> bytes:
    return struct.pack(f">{form}", *values)


def text(value: str | None) -> bytes:
    if value is None:
        return number("h", -1)
    data = value.encode()
    return number("h", len(data)) + data


def many(parts: Sequence[bytes]) -> bytes:
    return number("i", len(parts)) + b"".join(parts)


def versions(version: int) -> bytes:
    """The answer to ApiVersions."""
    if version < 3:
        rows = [number("hhh", key, *span) for key, span in SPOKEN.items()]
        return number("h", 0) + many(rows) + (number("i", 0) if version else b"")
    rows = [number("hhh", key, *span) + b"\0" for key, span in SPOKEN.items()]
    return number("h", 0) + bytes((len(rows) + 1,)) + b"".join(rows) + number("i", 0) + b"\0"


def produce(reader: Reader) -> Produce:
    reader.text()  # transaction
    acks, timeout = reader.number("h"), reader.number("i")
    parts: list[tuple[str, int, bytes]] = []
    for _ in range(reader.number("i")):
        topic = reader.text() or ""
        parts += [(topic, reader.number("i"), reader.data() or b"") for _ in range(reader.number("i"))]
    return Produce(acks, timeout, tuple(parts))


@dataclass(frozen=True, slots=True)
class Written:
    """The answer for one partition: a code, where it went, and which records are to blame."""

    topic: str
    partition: int
    code: int = 0
    offset: int = -1
    blamed: tuple[tuple[int, str], ...] = ()


def produced(answers: Iterable[Written], version: int) -> bytes:
    """The answer to Produce, one topic for each partition, which is allowed."""
    return many([_written(answer, version) for answer in answers]) + number("i", 0)


def _written(answer: Written, version: int) -> bytes:
    said = number("ihqq", answer.partition, answer.code, answer.offset, -1)
    if version >= 5:
        said += number("q", 0)
    if version >= 8:
        said += many([number("i", n) + text(why) for n, why in answer.blamed]) + text(None)
    return text(answer.topic) + many([said])


@dataclass(frozen=True, slots=True)
class Shown:
    """A topic in an answer to Metadata."""

    name: str
    code: int = 0
    partitions: int = 0
    leader: int = 1
    replicas: tuple[int, ...] = (1,)
    in_sync: tuple[int, ...] = (1,)


def metadata(host: str, port: int, topics: Iterable[Shown], version: int) -> bytes:
    """The answer to Metadata: one broker."""
    broker = number("i", 1) + text(host) + number("i", port) + text(None)
    start = number("i", 0) if version >= 3 else b""
    cluster = text("fake") if version >= 2 else b""
    return start + many([broker]) + cluster + number("i", 1) + many([_shown(topic) for topic in topics])


def _shown(topic: Shown) -> bytes:
    replicas, in_sync = (many([number("i", n) for n in nodes]) for nodes in (topic.replicas, topic.in_sync))
    code = 5 if topic.leader < 0 else 0  # LEADER_NOT_AVAILABLE
    parts = [number("hii", code, n, topic.leader) + replicas + in_sync for n in range(topic.partitions)]
    return number("h", topic.code) + text(topic.name) + b"\0" + many(parts)


def configs(names: Sequence[str], settings: dict[str, str]) -> bytes:
    """The answer to DescribeConfigs of topics."""
    entries = [text(key) + text(value) + b"\0" + b"\x01" + b"\0" + many([]) for key, value in settings.items()]
    return number("i", 0) + many([number("h", 0) + text(None) + b"\x02" + text(name) + many(entries) for name in names])
