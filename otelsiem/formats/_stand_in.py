"""Values that stand in for a record's while its document is built, and are found in the document again.

Where they are, there the values of every such record belong; a line is then that text with the values in their places.
Guarantees: the general way decides what is written where, because it was asked; a stand-in that did not come out whole
makes no line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from otelsiem.formats._line import Bare, More, Text, json, pieces, places
from otelsiem.formats.layout import Pick, picker
from otelsiem.formats.values import text


class NoPlan(Exception):  # noqa: N818  # no error: this shape goes the general way
    pass


class Plan(NamedTuple):
    """The pieces of a line: what they pick from a row, behind whose own values come the extras and the constants."""

    pieces: Pick
    constants: tuple[str, ...]
    extras: tuple[tuple[int, Callable[[Any], str]], ...]  # JSON that is made of single values
    picks: tuple[Pick, ...]  # what else the writer wants of a row


class StandIns:
    """The stand-ins of one document, known by their identity."""

    def __init__(self, width: int) -> None:
        self._width = width  # of a row without extras
        self._extras: list[tuple[int, Callable[[Any], str]]] = []
        self._holes: dict[int, Text | Bare] = {}
        self._lists: dict[int, Bare] = {}
        self._numbers: dict[str, tuple[int, Callable[[Any], str]]] = {}  # those that are texts in another place
        self._kept: list[Any] = []  # so that no identity is given twice

    def text(self, place: int, stand_in: str = "") -> str:
        """For a text that stays as it is."""
        return self._keep(stand_in or unheard(place), Text(place))  # type: ignore[no-any-return]  # what came goes

    def worded(self, n: int, make: Callable[[Any], str]) -> str:
        """For a value that becomes a text."""
        return self._keep(unheard(n), Text(self._extra(n, make)))  # type: ignore[no-any-return]  # what came goes

    def bare(self, n: int, make: Callable[[Any], str], stand_in: Any = None) -> Any:
        """For a value that becomes JSON."""
        return self._keep(unheard(n) if stand_in is None else stand_in, Bare(self._extra(n, make)))

    def number(self, n: int, stand_in: Any) -> Any:
        """For a number that stays one, or becomes a text in another place."""
        make: Callable[[Any], str] = str if type(stand_in) is int else text
        self._numbers[text(stand_in)] = (n, make)
        return self.bare(n, str if type(stand_in) is int else json, stand_in)

    def listed(self, n: int, make: Callable[[Any], str], *more: Any) -> list[Any]:
        """For a list that is written as a whole; `more` makes it a list of its kind."""
        first = unheard(n)
        self._kept.append(first)
        self._lists[id(first)] = Bare(self._extra(n, make))
        return [first, *more]

    def place(self, value: Any, width: int) -> int:
        """Where among the first `width` values of a row that of a stand-in stands."""
        hole = self._holes.get(id(value))
        if type(hole) is not Text or hole.place >= width:
            raise NoPlan
        return hole.place

    def plan(self, tree: dict[str, Any], *picks: Sequence[int]) -> Plan:
        """The plan that a document of stand-ins makes."""
        marked = self._marked(tree)
        constants, order = places(["{", *pieces(marked), "}"], self._width + len(self._extras))
        if any(_told(stand_in, constant) for stand_in in self._kept for constant in constants):
            raise NoPlan
        return Plan(picker(order), tuple(constants), tuple(self._extras), tuple([picker(pick) for pick in picks]))

    def _keep(self, stand_in: Any, hole: Text | Bare) -> Any:
        self._kept.append(stand_in)
        self._holes[id(stand_in)] = hole
        return stand_in

    def _extra(self, n: int, make: Callable[[Any], str]) -> int:
        self._extras.append((n, make))
        return self._width + len(self._extras) - 1

    def _marked(self, value: Any) -> Any:
        """The document with a hole in place of each stand-in."""
        kind = type(value)
        if kind in (Text, Bare, More):
            return value
        if (hole := self._holes.get(id(value))) is not None:
            return hole
        if kind is str:
            return Text(self._extra(*self._numbers[value])) if value in self._numbers else value
        if kind is dict:
            return {key: self._marked(inner) for key, inner in value.items()}
        if kind is list:
            return (
                self._lists.get(id(value[0])) if value and id(value[0]) in self._lists else [*map(self._marked, value)]
            )
        return value


def unheard(n: int) -> str:
    """A text that nobody sends: private-use characters around a number. If someone does, it stays what it is."""
    return f"\ue000{n}\ue001"


def _told(stand_in: Any, constant: str) -> bool:
    return (stand_in if type(stand_in) is str else text(stand_in)) in constant
