"""Which records left an exporter without being delivered, and why: by a rule that filtered them, or purged.

Kept by number in buckets, one bit each, so that a filter that leaves out every other record costs an exporter a bit
for every record. Guarantees: what is said of a number is what its settle said; where it is not known, it says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from otelsiem.journal.journal import Fate, FateKind
from otelsiem.journal.shelf import Mark
from otelsiem.journal.state import Span, State
from otelsiem.model.errors import JournalError

BUCKET = 1024  # numbers
SINCE = -1  # the bucket that says from which number on the others are complete
KEPT = 1 << 20  # of a pipeline's last numbers it is known in any case; of older ones while their entries are kept
PURGED = ""  # where a rule's name would stand

_BYTES = BUCKET // 8
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode


def floor(oldest: Mark | None, following: int) -> int:
    """The lowest number of a pipeline of which it is remembered."""
    return max(min(oldest.first if oldest is not None else following, following - KEPT), 0)


def complete_from(place: State) -> int:
    """From which number on buckets can be complete, when the first of them is written now."""
    return place.start if not place.filtered and not place.purged else above(place)


def above(place: State) -> int:
    """The number above all that are settled."""
    return place.ranges[-1][1] if place.ranges else place.low


def bits(left: Iterable[tuple[str, Span]], least: int) -> Mapping[tuple[int, str], int]:
    """The bits of these numbers by bucket and rule, from the bucket of `least` on."""
    least = least // BUCKET * BUCKET
    found: dict[tuple[int, str], int] = {}
    for rule, (start, stop) in left:
        start = max(start, least)
        while start < stop:
            bucket, low = divmod(start, BUCKET)
            size = min(stop - start, BUCKET - low)
            key = bucket, rule
            found[key] = found.get(key, 0) | ((1 << size) - 1) << low
            start += size
    return found


def with_bits(packed: bytes | None, rule: str, more: int) -> bytes:
    """A bucket to which these were added. JournalError when it is damaged."""
    held = _unpacked(packed) if packed else {}
    held[rule] = (int.from_bytes(held.get(rule, b""), "little") | more).to_bytes(_BYTES, "little")
    return _encode(held)


def packed_since(number: int) -> bytes:
    """What the bucket `SINCE` holds."""
    return msgspec.msgpack.encode(number)


def known_from(place: State, buckets: Mapping[int, bytes], remembered: int) -> int:
    """From which number on it is known how a settled record ended. `remembered`: `floor` of its pipeline."""
    clean = not place.filtered and not place.purged  # whatever is settled, and no dead letter, was delivered
    if SINCE not in buckets:
        return place.start if clean else 1 << 63
    since = _since(buckets[SINCE])
    return since if clean else max(since, remembered)


def ends(buckets: Mapping[int, bytes], numbers: range) -> dict[int, Fate]:
    """Of these numbers, those that were not delivered."""
    found: dict[int, Fate] = {}
    for bucket, packed in buckets.items():
        if bucket == SINCE:
            continue
        first = bucket * BUCKET
        for rule, held in _unpacked(packed).items():
            fate = Fate(FateKind.PURGED) if rule == PURGED else Fate(FateKind.FILTERED, f"left out by {rule}")
            found.update(dict.fromkeys(_numbers(first, held, numbers), fate))
    return found


def _unpacked(packed: bytes) -> dict[str, bytes]:
    try:
        return _decode(packed)
    except msgspec.MsgspecError as error:
        raise JournalError(f"what an exporter left out cannot be read: {error}") from error


def _since(packed: bytes) -> int:
    try:
        return msgspec.msgpack.decode(packed, type=int)
    except msgspec.MsgspecError:
        return 1 << 63  # then nothing is known


def _numbers(first: int, held: bytes, wanted: range) -> Sequence[int]:
    """Those of a bucket that begins with `first`, as far as they are wanted."""
    low, high = max(wanted.start - first, 0), min(wanted.stop - first, BUCKET)
    if low >= high:
        return ()
    value = int.from_bytes(held, "little") >> low & (1 << high - low) - 1
    return [first + low + at for at, bit in enumerate(reversed(f"{value:b}")) if bit == "1"]
