"""Records of one signature written together: turned into columns, so that a step for all of them is one call in C.

Guarantees: a line has the bytes of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple, TypeAlias

from msgspec.structs import astuple

from otelsiem.formats._classes import ColumnLook
from otelsiem.formats._line import clean, escaped
from otelsiem.formats._stand_in import Plan
from otelsiem.formats.layout import Signature, halves
from otelsiem.model.record import Record
from otelsiem.model.severity import SCALES

Column: TypeAlias = Sequence[Any]
Key: TypeAlias = tuple[Any, ...]  # what decides about the plan: the event, `FIELDS`, the classes of values

# Whether a record has a body, a level's word, a trace, a span, both times, flags, a severity: the fields of a key.
FIELDS = slice(1, 8)

NUMBERS = [str(number) for number in range(len(SCALES))]
_BODIES = frozenset({str, type(None)})
MANY = 16  # lines that are worth more preparation
_EARLIEST = 1_000_000_000  # ns: a time before that has no second to cut off its digits


class Columns(NamedTuple):
    """The fields of records, each as a column."""

    ids: Column
    times: Column
    observed: Column
    numbers: Column
    words: Column
    events: Column
    bodies: Column
    attributes: Column
    traces: Column
    spans: Column
    flags: Column

    @property
    def values(self) -> list[Column]:
        """The attributes' values, each as a column."""
        return [*zip(*map(dict.values, self.attributes), strict=True)]

    @property
    def moments(self) -> Column:
        """The effective times."""
        if all(self.times):
            return self.times
        return [time or observed for time, observed in zip(self.times, self.observed, strict=True)]


def turned(records: Iterable[Record]) -> Columns:
    """The records, by column."""
    return Columns(*zip(*map(astuple, records), strict=True))


def alike(records: Sequence[Record]) -> Signature | None:
    """The signature that all of these share; None where they differ."""
    attributes = [record.attributes for record in records]
    keys, types = [*attributes[0]], [*map(type, attributes[0].values())]
    # A record has no key twice, so all their keys in a row can only be those of the first again and again.
    if [*chain.from_iterable(attributes)] != keys * len(records):
        return None
    if [*map(type, chain.from_iterable(map(dict.values, attributes)))] != types * len(records):
        return None
    return (*keys, *types)


class Together(ABC):
    """Writes the records of one signature in one group, those together that are written alike."""

    def __init__(self, signature: Signature) -> None:
        self._texts = [n for n, type_ in enumerate(halves(signature)[1]) if type_ is str]

    @abstractmethod
    def keys(self, columns: Columns, raw: Sequence[Column]) -> list[Key]:
        """What decides, for each record, about how it is written."""

    @abstractmethod
    def lines(self, key: Key, records: Sequence[Record], columns: Columns, raw: list[Column]) -> Sequence[bytes | None]:
        """Lines of records of one key, which are these columns; `raw` are the values of their attributes."""

    def odd(self, columns: Columns, raw: Sequence[Column]) -> set[int]:
        """The places of those that cannot be written this way, as far as their fields tell. Mostly there are none."""
        found: set[int] = set()
        for n in self._texts:
            found |= lacking(raw[n])  # an empty text is no value
        if min(moments := columns.moments) < _EARLIEST:
            found |= {n for n, moment in enumerate(moments) if moment < _EARLIEST}
        if not _BODIES.issuperset(map(type, columns.bodies)):
            found |= {n for n, body in enumerate(columns.bodies) if type(body) not in _BODIES}
        if min(columns.numbers) < 0 or max(columns.numbers) >= len(SCALES):
            found |= {n for n, number in enumerate(columns.numbers) if not 0 <= number < len(SCALES)}
        return found

    def __call__(self, records: Sequence[Record]) -> Sequence[bytes | None]:
        """A line for each record."""
        columns = turned(records)
        raw = columns.values
        if odd := self.odd(columns, raw):
            return self._without(odd, records)
        keys = self.keys(columns, raw)
        if keys.count(keys[0]) == len(keys):
            return self.lines(keys[0], records, columns, raw)
        made: list[bytes | None] = [None] * len(keys)
        for key, places in apart(keys).items():
            columns = turned(part := [records[n] for n in places])
            put(made, places, self.lines(key, part, columns, columns.values))
        return made

    def body(self, records: Sequence[Record]) -> bytes | None:  # noqa: ARG002 for those that know a shorter way
        """All their lines as one text, each ended; None where they must be written line by line."""
        return None

    def _without(self, odd: set[int], records: Sequence[Record]) -> list[bytes | None]:
        made: list[bytes | None] = [None] * len(records)
        if places := [n for n in range(len(records)) if n not in odd]:
            put(made, places, self([records[n] for n in places]))
        return made


class Planned(Together):
    """Writes JSON lines by a plan for each key."""

    def __init__(self, signature: Signature, looks: Sequence[tuple[int, ColumnLook]], group: Sequence[Any]) -> None:
        """`looks` are at the columns of values that decide something; `group` is what stands behind them in a row."""
        super().__init__(signature)
        self._looks, self._group = looks, [*map(repeat, group)]
        self._plans: dict[Key, Plan | None] = {}

    @abstractmethod
    def planned(self, key: Key) -> Plan | None:
        """The plan of records with this key; None: they go the general way."""

    @abstractmethod
    def told(
        self, columns: Columns, raw: Sequence[Column], row: Sequence[Column], plan: Plan
    ) -> Sequence[Iterable[Any]]:
        """What a row says beside the record's texts: times, numbers …; `row` are the attributes' values, escaped."""

    def odd(self, columns: Columns, raw: Sequence[Column]) -> set[int]:
        return lacking(columns.ids) | super().odd(columns, raw)

    def keys(self, columns: Columns, raw: Sequence[Column]) -> list[Key]:
        both = [*map(all, zip(columns.times, columns.observed, strict=True))]
        fields = (
            columns.bodies, columns.words, columns.traces, columns.spans, both, columns.flags, columns.numbers,
        )  # fmt: skip
        return keyed(columns.events, *map(there, fields), *[look(raw[n]) for n, look in self._looks])

    def lines(
        self,
        key: Key,
        records: Sequence[Record],  # noqa: ARG002 their columns say it all
        columns: Columns,
        raw: list[Column],
    ) -> Sequence[bytes | None]:
        pieces = self._pieces(key, columns, raw)
        return [None] * len(columns.ids) if pieces is None else joined(merged(pieces, len(columns.ids)))

    def body(self, records: Sequence[Record]) -> bytes | None:
        columns = turned(records)
        raw = columns.values
        if self.odd(columns, raw):
            return None
        keys = self.keys(columns, raw)
        if keys.count(keys[0]) != len(keys) or (pieces := self._pieces(keys[0], columns, raw)) is None:
            return None
        return "".join(chain.from_iterable(zip(*merged([*pieces, repeat("\n")], len(keys)), strict=False))).encode()

    def _pieces(self, key: Key, columns: Columns, raw: list[Column]) -> Sequence[Iterable[str]] | None:
        """What the lines of records of one key consist of; None: they go the general way."""
        if key not in self._plans:
            self._plans[key] = self.planned(key)
        if (plan := self._plans[key]) is None:
            return None
        bodies = columns.bodies if columns.bodies[0] else [""] * len(columns.ids)  # all have one, or none
        fields = [columns.ids, bodies, columns.events, columns.words, columns.traces, columns.spans]
        row: Sequence[Column] = raw
        # Asking all their texts at once costs 0.4 µs per record, asking those of each record 1.1.
        if not clean(chain(*fields, *[raw[n] for n in self._texts])):
            fields, row = [*map(escaped, fields)], [*map(escaped, raw)]
        told = self.told(columns, raw, row, plan)
        extras = [[*map(make, raw[n])] for n, make in plan.extras]
        often = map(steady, fields[2:])
        return plan.pieces(
            [*map(steady, row), *self._group, *fields[:2], *often, *told, *extras, *map(repeat, plan.constants)]
        )


def lacking(column: Column) -> set[int]:
    """The places of values that are empty."""
    return set() if all(column) else {n for n, value in enumerate(column) if not value}


def there(column: Column) -> Iterable[bool]:
    """For each value whether it is there. Mostly all are, or none."""
    if all(column):
        return repeat(True)
    return map(bool, column) if any(column) else repeat(False)


def keyed(column: Column, *more: Iterable[Any]) -> list[Key]:
    """One key for each value of the column; what repeats has no end."""
    return [*zip(column, *more, strict=False)]


def steady(column: Column) -> Iterable[Any]:
    """The column, as what repeats without end where all its values are the same."""
    first = column[0]
    return repeat(first) if first == column[-1] and column.count(first) == len(column) else column


def merged(pieces: Sequence[Iterable[str]], lines: int) -> Sequence[Iterable[str]]:
    """The same with neighbours that repeat made one: each that is left costs 0.02 µs per line."""
    if lines < MANY:
        return pieces
    made: list[Iterable[str]] = []
    said: list[str] = []
    for piece in pieces:
        if type(piece) is repeat:
            said.append(next(piece))
            continue
        if said:
            made.append(repeat("".join(said)))
            said = []
        made.append(piece)
    return [*made, repeat("".join(said))]


def joined(pieces: Iterable[Iterable[str]]) -> list[bytes]:
    """Lines of pieces, each a column or a text that repeats without end."""
    return [*map(str.encode, texts(pieces))]


def texts(pieces: Iterable[Iterable[str]]) -> Iterator[str]:
    """The same, before they are bytes."""
    return map("".join, zip(*pieces, strict=False))


def apart(marks: Sequence[Any]) -> dict[Any, list[int]]:
    """The places of each mark."""
    places: dict[Any, list[int]] = {}
    for n, mark in enumerate(marks):
        places.setdefault(mark, []).append(n)
    return places


def put(lines: list[Any], places: Sequence[int], made: Iterable[Any]) -> None:
    """The lines in their places."""
    for n, line in zip(places, made, strict=True):
        lines[n] = line
