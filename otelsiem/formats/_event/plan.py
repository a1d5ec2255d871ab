"""How lines of one shape are laid out whose document is the normalised event, and where the values of a record go.

Guarantees: the bytes are those of the general way (`json.document`); what is not plain (an attack technique, a title
that stands in for a body, an outcome to translate) has no plan and goes that way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from math import isfinite
from typing import Any, NamedTuple, TypeAlias

from otelsiem.formats._classes import AtOnce
from otelsiem.formats._columns import Column
from otelsiem.formats._line import Bare, More, Text, json, pieces, places
from otelsiem.formats._stand_in import Plan
from otelsiem.formats.json import Event
from otelsiem.formats.layout import picker
from otelsiem.formats.shape import shape
from otelsiem.formats.values import PLAIN
from otelsiem.formats.vocabulary import FROM_RESOURCE, OUTCOMES

Hole: TypeAlias = "Text | Bare | More"
Tree: TypeAlias = dict[str, Any]  # what `_line.pieces` reads

# What stands in a row behind the attribute values, and behind what a format adds for its groups.
RECORD = ("id", "body", "event", "word", "trace", "span")
TOLD = ("level", "number", "stamp", "ns", "observed", "flags")
NS = TOLD.index("ns")
GROUP = (*FROM_RESOURCE, "tail")

_FIELDS = Event.__struct_fields__
_ATTRIBUTES = _FIELDS[_FIELDS.index("source") : _FIELDS.index("target")]
_TARGET = ("id", "type", "name")
_PLAIN = PLAIN | {float, list}
_OUTCOMES = frozenset(OUTCOMES)
_BOOLS = {True: "true", False: "false"}


class Fields(NamedTuple):
    """What a record has beside an id, a time, a severity and attributes."""

    event: bool
    body: bool
    word: bool
    trace: bool
    span: bool
    both: bool  # times
    flags: bool


def decisive(keys: Sequence[str], types: Sequence[type]) -> list[tuple[int, AtOnce]] | None:
    """The values of a shape that must be looked at; None: it has no plan.

    A look at a column says of each value whether a plan can have it, or nothing at all when all can be had.
    """
    found = shape(keys)
    outcomes = {key for name, key in found.moved if name == "outcome"}
    if not _PLAIN.issuperset(types) or found.attack or found.heads or (found.outcomes and not outcomes):
        return None
    looks: list[tuple[int, AtOnce]] = []
    for n, (key, type_) in enumerate(zip(keys, types, strict=True)):
        if key in outcomes:
            if type_ is not str:
                return None
            looks.append((n, AtOnce(_ended)))
        elif type_ in (float, list):
            looks.append((n, AtOnce(_finite if type_ is float else _flat)))
    return looks


def _ended(column: Column) -> Sequence[bool]:
    return () if _OUTCOMES.issuperset(column) else [value in _OUTCOMES for value in column]


def _finite(column: Column) -> Sequence[bool]:
    return () if all(map(isfinite, column)) else [*map(isfinite, column)]


def _flat(column: Column) -> Sequence[bool]:
    if PLAIN.issuperset(map(type, chain.from_iterable(column))):
        return ()
    return [PLAIN.issuperset(map(type, value)) for value in column]


class Layout:
    """The document of a shape with holes for values, and what a row must hold beside them."""

    def __init__(
        self, keys: Sequence[str], types: Sequence[type], said: Sequence[str], group: Sequence[str], told: Sequence[str]
    ) -> None:
        """`said`: the meanings that the resource has; `group` and `told`: what the format's own rows have besides."""
        self.keys, self.types, self.found = keys, types, shape(keys)
        self._at = {name: n for n, name in enumerate((*GROUP, *group, *RECORD, *TOLD, *told), len(keys))}
        self._where = {key: n for n, key in enumerate(keys)}
        self._extras: list[tuple[int, Callable[[Any], str]]] = []
        self._known: dict[int, Hole] = {}
        self.flat: Tree = {name: Text(self._at[name]) for name in said}
        self.flat |= {name: self.value(key) for name, key in self.found.moved}
        target = dict(self.found.target)
        self.target: Tree = {name: self.value(target[name]) for name in _TARGET if name in target}

    def text(self, name: str) -> Text:
        return Text(self._at[name])

    def bare(self, name: str) -> Bare:
        return Bare(self._at[name])

    def more(self, name: str) -> More:
        return More(self._at[name])

    def value(self, key: str, make: Callable[[Any], str] | None = None) -> Hole:
        """The hole for an attribute's value as JSON; `make` writes it otherwise than as it is."""
        n = self._where[key]
        if make is not None and self.types[n] is not str:
            return self._extra(n, make)
        if n not in self._known:
            self._known[n] = Text(n) if self.types[n] is str else self._extra(n, _maker(self.types[n]))
        return self._known[n]

    def document(self, fields: Fields) -> Tree:
        """The normalised event; its rest, from the resource on, is the group's."""
        tree: Tree = {"event_id": self.text("id")}
        if fields.event:
            tree["event_type"] = self.text("event")
        tree |= {"severity": self.text("level"), "severity_number": self.bare("number")}
        if fields.word:
            tree["severity_text"] = self.text("word")
        if fields.body:
            tree["message"] = self.text("body")
        tree |= {"timestamp": self.text("stamp"), "time_unix_nano": self.text("ns")}
        if fields.both:
            tree["observed_time_unix_nano"] = self.text("observed")
        tree |= {name: self.flat[name] for name in _ATTRIBUTES if name in self.flat}
        if self.target:
            tree["target"] = self.target
        rest = self.keys if self.found.rest is None else self.found.rest
        tree["metadata"] = {key: self.value(key) for key in rest}
        if fields.trace:
            tree["trace_id"] = self.text("trace")
        if fields.span:
            tree["span_id"] = self.text("span")
        if fields.flags:
            tree["trace_flags"] = self.bare("flags")
        tree |= {name: self.flat[name] for name in ("constitutional_hash", "correlation_id") if name in self.flat}
        return tree | {"_tail": self.more("tail")}

    def plan(self, tree: Tree) -> Plan:
        """The plan of a line that is this tree."""
        constants, order = places(["{", *pieces(tree), "}"], len(self.keys) + len(self._at) + len(self._extras))
        return Plan(picker(order), tuple(constants), tuple(self._extras), ())

    def is_text(self, name: str) -> bool:
        """Whether what is found under this flat name, if anything, is text."""
        return type(self.flat.get(name, Text(0))) is Text

    @property
    def is_target_text(self) -> bool:
        return all(type(hole) is Text for hole in self.target.values())

    def _extra(self, n: int, make: Callable[[Any], str]) -> Bare:
        self._extras.append((n, make))
        return Bare(len(self.keys) + len(self._at) + len(self._extras) - 1)


def _maker(type_: type) -> Callable[[Any], str]:
    return str if type_ is int else _BOOLS.__getitem__ if type_ is bool else json
