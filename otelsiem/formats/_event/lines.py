"""Lines whose document is the normalised event, by columns: what all such formats have in common.

Guarantees: a line has the bytes of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

from msgspec import Raw

from otelsiem.formats._columns import NUMBERS, Column, Columns, Key, Planned, steady, there
from otelsiem.formats._event.plan import Fields, decisive
from otelsiem.formats._line import escaped, members
from otelsiem.formats._stand_in import Plan
from otelsiem.formats.json import Event, until_the_second
from otelsiem.formats.layout import Signature, halves, small
from otelsiem.formats.vocabulary import FROM_RESOURCE

_second = lru_cache(maxsize=1024)(until_the_second)  # 3 µs
_decisive = lru_cache(maxsize=512)(decisive)  # 15 µs


class Said:
    """What a group says in all its documents."""

    def __init__(self, blank: Event) -> None:
        values = {name: value for name in FROM_RESOURCE if (value := getattr(blank, name)) is not None}
        self.plain = all(type(value) is str for value in values.values())  # else its records go the general way
        self.names = tuple(values)
        parts: dict[str, Raw | str | None] = {
            "resource": blank.resource,
            "resource_schema_url": blank.resource_schema_url,
            "scope": blank.scope,
            "_siem": blank.siem,
        }
        tail = members({name: value for name, value in parts.items() if value is not None})
        self.row = (*(escaped([values.get(name, "") for name in FROM_RESOURCE]) if self.plain else ()), tail)


def looks(signature: Signature) -> list[tuple[int, Any]] | None:
    """The columns of values that decide whether a record of this signature has a plan; None: none has."""
    found = _decisive(*halves(signature)) if small(signature) else None
    return None if found is None else [(n, look.look) for n, look in found]


class Events(Planned):
    """Writes lines by a plan for each key."""

    names: Sequence[str] = ()  # of severities

    @abstractmethod
    def made(self, fields: Fields) -> Plan | None:
        """The plan of records with these fields."""

    def planned(self, key: Key) -> Plan | None:
        return self.made(Fields(*key[:-1])) if key[-1] else None

    def keys(self, columns: Columns, raw: Sequence[Column]) -> list[Key]:
        size = len(columns.ids)
        both: Iterable[bool] = repeat(True)
        if not (all(columns.times) and all(columns.observed)):
            both = [*map(all, zip(columns.times, columns.observed, strict=True))]
        fields = (columns.events, columns.bodies, columns.words, columns.traces, columns.spans)
        marks = [*map(there, fields), both, there(columns.flags)]
        told = [found for n, look in self._looks if (found := [*look(raw[n])])]  # mostly none says no
        marks.append(map(all, zip(*told, strict=True)) if told else repeat(True))
        if all(type(mark) is repeat for mark in marks):
            return [next(zip(*marks, strict=False))] * size  # as mostly
        return [*zip(*marks, strict=False)]

    def told(self, columns: Columns, raw: Sequence[Column], row: Sequence[Column], plan: Plan) -> list[Iterable[Any]]:  # noqa: ARG002
        moments, numbers, flags = columns.moments, steady(columns.numbers), steady(columns.flags)
        ns = [*map(str, moments)]
        stamps = [f"{_second(n[:-9])}{n[-9:-3]}Z" for n in ns]
        observed = ns if columns.observed == moments else [*map(str, columns.observed)]
        levels, figures = _each(self.names.__getitem__, numbers), _each(NUMBERS.__getitem__, numbers)
        return [levels, figures, stamps, ns, observed, _each(str, flags)]


def _each(make: Callable[[Any], str], column: Iterable[Any]) -> Iterable[str]:
    """What is made of each value."""
    return repeat(make(next(column))) if type(column) is repeat else [*map(make, column)]
