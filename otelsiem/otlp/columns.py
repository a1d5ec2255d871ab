"""Many records read together: those with the same keys become columns, one for each attribute, a step for all of them.

Guarantees: a record is what `walk` makes of the same bytes, and its lists and maps are nobody else's; None where it is
left to `walk`. A column of texts is a handful of calls in C: what stands before a text follows from its length, so that
it is checked and cut off in one go. What is not written as everybody writes it is left to protobuf.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cache
from itertools import chain, repeat
from operator import attrgetter, itemgetter
from struct import unpack
from typing import Any, TypeAlias

from otelsiem.model.record import Record, Value
from otelsiem.otlp.encode import varint
from otelsiem.otlp.messages import ExportLogsServiceRequest
from otelsiem.otlp.rules import DROPPED, NO_SPAN, NO_TRACE, clamped
from otelsiem.otlp.skeleton import Numbers
from otelsiem.otlp.walk import held

Raw: TypeAlias = Sequence[bytes]  # messages of one kind
Attributes: TypeAlias = dict[str, Value]
Found: TypeAlias = list[Attributes | None]

MANY = 32  # records of one kind that are worth turning into columns
WIDEST = 64  # attributes of a record that are filled in at once
LONGEST = 1 << 10  # bytes of a value on average: to copy longer ones costs more than what is saved
SAMPLE = 16  # records that say whether there are so many
FIRST, FEW = 64, 16  # of so many values so many different ones: it is worth looking whether few are different in all
_KEY, _VALUE = b"\x0a", b"\x12"  # tags of a KeyValue
_TEXT, _INT, _DOUBLE = b"\x0a", b"\x18", b"\x21"  # tags of an AnyValue
_BODY, _ATTRIBUTE = b"\x2a", b"\x32"  # tags of a LogRecord
_PACKED = b"\x0a"  # tag of Numbers.ints
_LONG = 0x80  # lengths from here on take more than one byte

_fields = attrgetter(
    "time_unix_nano", "observed_time_unix_nano", "severity_number", "severity_text", "event_name",
    "body", "attributes", "trace_id", "span_id", "flags", "dropped_attributes_count",
)  # fmt: skip
_all = itemgetter(slice(None))  # of a repeated field, as a list


def alike(messages: Sequence[Any]) -> bool:
    """Whether enough of these are of a kind, as far as a sample tells."""
    sample = messages[:: max(len(messages) // SAMPLE, 1)] if len(messages) >= MANY else []
    kinds = {(message.event_name, *map(_head, message.attributes)) for message in sample}
    return len(messages) >= MANY * max(len(kinds), 1) and len(kinds) <= 0.75 * len(sample)


def records(messages: Sequence[Any]) -> list[Record | None]:
    """A record for each LogRecord of a skeleton; None where `walk` is to read it."""
    times, observed, numbers, words, events, bodies, attributes, traces, spans, flags, dropped = zip(
        *map(_fields, messages), strict=True
    )
    found = _attributes([*map(_all, attributes)], events)
    if any(dropped):
        for one, count in zip(found, dropped, strict=True):
            if count and one is not None:
                one.setdefault(DROPPED, count)
    if min(numbers) < 0 or max(numbers) > 24:
        numbers = tuple(map(clamped, numbers))
    made = map(
        Record,
        repeat(""),
        times,
        observed,
        numbers,
        words,
        events,
        _bodies(bodies),
        found,
        _hex(traces, NO_TRACE),
        _hex(spans, NO_SPAN),
        flags,
    )
    if None not in found:
        return [*made]
    return [None if one is None else record for record, one in zip(made, found, strict=True)]


def _hex(ids: Raw, none: bytes) -> Sequence[str]:
    """Another length and all zero are "absent" (logs.proto, LogRecord.trace_id)."""
    if [*map(len, ids)].count(len(none)) == len(ids) and none not in ids:
        return [*map(bytes.hex, ids)]
    return [found.hex() if len(found) == len(none) and found != none else "" for found in ids]


# --- attributes -------------------------------------------------------------------------------------------------------


def _attributes(raws: Sequence[Raw], events: Sequence[str]) -> Found:
    """The attributes of each record. Those of one event and number are read together, else those of the same keys."""
    made: Found = [None] * len(raws)
    for kind in _apart([*zip(events, map(len, raws), strict=True)]):
        if not _put(made, kind, raws):
            for part in _apart([tuple(map(_head, raws[n])) for n in kind]):
                if len(part) < len(kind):  # else they only look alike, and would be read again in vain
                    _put(made, [kind[n] for n in part], raws)
    return made


def _apart(marks: Sequence[Hashable]) -> list[Sequence[int]]:
    """The places of each mark that many have."""
    if marks.count(marks[0]) == len(marks):
        return [range(len(marks))] if len(marks) >= MANY else []
    places: dict[Hashable, list[int]] = {}
    for n, mark in enumerate(marks):
        places.setdefault(mark, []).append(n)
    return [each for each in places.values() if len(each) >= MANY]


def _put(made: Found, places: Sequence[int], raws: Sequence[Raw]) -> bool:
    """Read the records at these places together. False: they have different keys."""
    found = _turned([raws[n] for n in places])
    for n, attributes in zip(places, found or (), strict=False):
        made[n] = attributes
    return found is not None


def _turned(raws: Sequence[Raw]) -> list[Attributes] | None:
    """The attributes of records that have the same number of them; None: they have different keys."""
    if not raws[0]:
        return [{} for _ in raws]
    keys: list[str] = []
    columns: list[Sequence[Value]] = []
    for column in zip(*raws, strict=True):
        found = _column(column)
        if found is None:
            return None
        keys.append(found[0])
        columns.append(found[1])
    if len(keys) > WIDEST:
        return [*map(dict, map(zip, repeat(keys), zip(*columns, strict=True)))]
    return [*map(_filling(len(keys))(*keys), *columns)]


@cache  # there are WIDEST of them
def _filling(width: int) -> Callable[..., Callable[..., Attributes]]:
    """`lambda k0, k1, …: lambda v0, v1, …: {k0: v0, k1: v1, …}`: a dict made in its final size costs half.

    The text is made of the width alone; keys are arguments.
    """
    keys, values = ([f"{name}{n}" for n in range(width)] for name in "kv")
    pairs = ", ".join(map(": ".join, zip(keys, values, strict=True)))
    made: Callable[..., Callable[..., Attributes]] = eval(  # noqa: S307 - nothing of a sender's
        f"lambda {', '.join(keys)}: lambda {', '.join(values)}: {{{pairs}}}"
    )
    return made


def _column(raws: Raw) -> tuple[str, Sequence[Value]] | None:
    """The one key of these KeyValues, and their values; None: they have several."""
    head = _head(raws[0])
    if len({*raws[:FIRST]}) <= FEW and len(distinct := [*{*raws}]) <= len(raws) / 2:
        values = _read(distinct, head)  # a text that many records say is one object, too
        if values is not None:
            known = dict(zip(distinct, values, strict=True))
            return head[2:].decode(), [*map(known.__getitem__, raws)]
    elif (values := _read(raws, head)) is not None:
        return head[2:].decode(), values
    if head and not all(map(bytes.startswith, raws, repeat(head))):
        return None
    messages = _parsed([(_ATTRIBUTE, raws)])[0].attributes
    keys = {message.key for message in messages}
    return None if len(keys) > 1 else (keys.pop(), [held(message.value) for message in messages])


def _read(raws: Raw, head: bytes) -> Sequence[Value] | None:
    """The values of KeyValues that begin with this head and are all of one kind that is read together."""
    first, at = raws[0], len(head) + 1
    while at < len(first) and first[at] >= _LONG:  # the value's length
        at += 1
    kind = _KINDS.get(first[at + 1 : at + 2]) if head else None
    return None if kind is None else kind.read(raws, head)


def _head(raw: bytes) -> bytes:
    """A KeyValue's key as everybody writes it, with its tag and length; b"" when it is written otherwise."""
    return raw[: raw[1] + 2] if len(raw) > 2 and raw[:1] == _KEY and raw[1] < _LONG else b""


def _bodies(pieces: Sequence[Raw]) -> Sequence[Value]:
    """The values of AnyValues, each of which may have come in pieces, though none does."""
    if [*map(len, pieces)].count(1) == len(pieces):
        texts = _BODIES.read([*map(itemgetter(0), pieces)], b"")
        if texts is not None:
            return texts
    return [held(record.body) for record in _parsed([(_BODY, each) for each in pieces])]


def _parsed(fields: Sequence[tuple[bytes, Raw]]) -> Sequence[Any]:
    """A LogRecord for each of these, of one field as often as there are bytes for it.

    They are parsed where they stand in a request, as deep inside: protobuf takes no more and no less than there.
    """
    records = b"".join([_VALUE + varint(len(said)) + said for tag, raws in fields for said in [_repeated(tag, raws)]])
    scope_logs = b"\x12" + varint(len(records)) + records
    request = ExportLogsServiceRequest.FromString(b"\x0a" + varint(len(scope_logs)) + scope_logs)
    messages: Sequence[Any] = request.resource_logs[0].scope_logs[0].log_records[:]
    return messages


def _repeated(tag: bytes, raws: Raw) -> bytes:
    sizes = [*map(len, raws)]
    before = {size: tag + varint(size) for size in {*sizes}}
    return b"".join(chain.from_iterable(zip(map(before.__getitem__, sizes), raws, strict=True)))


# --- columns of one kind of value -------------------------------------------------------------------------------------
# Each is told how many bytes there are when what stands before the values was cut off everywhere. Are there more, one
# of them is something else: None.


def _texts(bare: Raw, size: int) -> Sequence[Value] | None:
    joined = b"\0".join(bare)
    if len(joined) != size + len(bare) - 1:
        return None
    if joined.count(b"\0") != len(bare) - 1:  # some say NUL themselves
        return [*map(bytes.decode, bare)]
    return joined.decode().split("\0")


def _ints(bare: Raw, size: int) -> Sequence[Value] | None:
    joined = b"".join(bare)
    if len(joined) != size or not all(bare) or max(map(itemgetter(-1), bare)) >= _LONG:  # one does not end in a number
        return None
    found: Sequence[Value] = Numbers.FromString(_PACKED + varint(size) + joined).ints[:]
    return found if len(found) == len(bare) else None  # none holds two


def _doubles(bare: Raw, size: int) -> Sequence[Value] | None:
    joined = b"".join(bare)
    whole = len(joined) == size == 8 * len(bare) and [*map(len, bare)].count(8) == len(bare)
    return unpack(f"<{len(bare)}d", joined) if whole else None


class _Kind(dict[int, bytes]):
    """Reads messages that hold one kind of value and nothing else.

    As a dict it holds what stands before the value by the size of what stands behind the key: tags and lengths.
    """

    def __init__(self, tags: Sequence[bytes], counted: int, read: Callable[[Raw, int], Sequence[Value] | None]) -> None:
        """The tags from the outside in, of which so many are followed by a length."""
        super().__init__()
        self._tags, self._counted, self._values = tags, counted, read

    def read(self, raws: Raw, head: bytes) -> Sequence[Value] | None:
        """Their values, when all begin with this head; None: one of them is something else."""
        sizes = [*map(len, raws)]
        size, whole = sizes[0], sum(sizes)
        if whole > LONGEST * len(raws):
            return None
        before: Iterable[bytes]
        if sizes.count(size) == len(sizes):
            said = head + self[size - len(head)]
            before, least = repeat(said), len(said) * len(raws)
        else:
            known = {size: head + self[size - len(head)] for size in {*sizes}}
            before = [*map(known.__getitem__, sizes)]
            least = sum(map(len, before))
        # Where it does not stand before it, nothing is cut off, and there are more bytes than there should be.
        return self._values([*map(bytes.removeprefix, raws, before)], whole - least)

    def __missing__(self, size: int) -> bytes:
        said, rest = b"", size
        for n, tag in enumerate(self._tags):
            length, rest = _length(rest - 1) if n < self._counted else (b"", rest - 1)
            said += tag + length
        if rest < 0:
            said = bytes(max(size, 0) + 1)  # no message of this size is so long
        if size < 1 << 12:
            self[size] = said
        return said


def _length(size: int) -> tuple[bytes, int]:
    """Of so many bytes, those that say how long the others are, and how many these are; -1: so many cannot be said."""
    for digits in range(1, 6):
        rest = size - digits
        if rest >= 0 and len(said := varint(rest)) == digits:
            return said, rest
    return b"", -1


_BODIES = _Kind((_TEXT,), 1, _texts)
_KINDS = {
    _TEXT: _Kind((_VALUE, _TEXT), 2, _texts),
    _INT: _Kind((_VALUE, _INT), 1, _ints),
    _DOUBLE: _Kind((_VALUE, _DOUBLE), 1, _doubles),
}
