"""What every record gets once, before pipelines fan out: an id, and the times its sender left out.

Guarantees: the same request bytes under the same token give the same ids, so a resend after a lost answer repeats
them; two records of one request never share an id that was made here. An id that the sender gave is kept as it is.

A made id has the layout of a UUIDv7 (RFC 9562 5.7). Its 74 free bits are, where that RFC has random ones, 73 bits of
SHA-256(token name, NUL, decompressed request) with the record's index added to the lowest 47: no room is set aside for
the index, so requests of one millisecond stay apart by all 73 bits. Its milliseconds are the record's time, else the
sender's observed time, else 0: never the time of arrival, which a resend would change.
"""

from __future__ import annotations

from hashlib import sha256

from otelsiem.model.record import Batch, Value
from otelsiem.otlp.when import sent_time

SENDERS = ("audit.record.id", "log.record.uid", "event_id")  # first hit wins


def stamp(batch: Batch, request: bytes, token: str, now: int) -> None:
    """Give the records of one whole request their ids and times; `token` is the token's name, never its value."""
    Stamp(request, token, now).put(batch)


class Stamp:
    """The ids of one request that is decoded in pieces: `put` each piece in turn."""

    __slots__ = ("_counter", "_middle", "_now")

    def __init__(self, request: bytes, token: str, now: int) -> None:
        seed = sha256(token.encode("utf-8", "surrogatepass") + b"\0")
        seed.update(request)
        digest = int.from_bytes(seed.digest()[:16], "big")
        version = 0x7000 | digest & 0xFFF
        variant = 0x8000 | digest >> 12 & 0x3FFF
        self._middle = f"-{version:04x}-{variant:04x}-"
        self._counter = digest >> 26 & (1 << 47) - 1  # one bit short of its place: the index cannot carry out of it
        self._now = now

    def put(self, batch: Batch) -> None:
        """Stamp the next records of the request."""
        now, middle, counter = self._now, self._middle, self._counter
        last, prefix = -1, ""  # records of one request often share a millisecond
        for group in batch:
            for record in group.records:
                attributes = record.attributes
                time = record.time
                if not time:
                    time = record.time = sent_time(attributes)
                moment = (time or record.observed) // 1_000_000
                if not record.observed:
                    record.observed = now
                counter += 1  # also for a record with an id of its own: the others' ids do not depend on it
                if ("audit.record.id" in attributes or "log.record.uid" in attributes or "event_id" in attributes) and (
                    given := _given(attributes)
                ):
                    record.id = given
                    continue
                if moment != last:
                    last = moment
                    prefix = f"{moment >> 16 & 0xFFFFFFFF:08x}-{moment & 0xFFFF:04x}{middle}"
                record.id = f"{prefix}{counter:012x}"
        self._counter = counter


def _given(attributes: dict[str, Value]) -> str:
    """The sender's own id, "" when none of its names holds a text."""
    for name in SENDERS:
        value = attributes.get(name)
        if type(value) is str and value:
            return value
    return ""
