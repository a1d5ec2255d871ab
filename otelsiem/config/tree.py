"""A configuration as it was typed: values with the file and line of each key, before any meaning is given to them.

Everything that reports a problem finds its place here. Secrets that came from outside (`${env:…}`, `${file:…}`) know
that they did, so no message shows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

Atom: TypeAlias = "str | int | float | bool | None"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was typed; line 0 = not in a file."""

    file: str = ""
    line: int = 0


@dataclass(slots=True)
class Leaf:
    """One scalar: what it means, and how it was written."""

    value: Atom
    text: str = field(repr=False)  # after substitution: what a text field gets
    place: Place
    plain: bool = False  # unquoted, so it has a type
    outside: str = ""  # the expression (`${env:NAME}`) that supplied the value; it is never shown then
    broken: bool = False  # a problem was told already: whatever follows from it is not worth a second one
    source: str = field(default="", repr=False)  # of a value from outside: what to type for it, in place of the value


@dataclass(slots=True)
class Items:
    """A list."""

    items: list[Node]
    place: Place


@dataclass(slots=True)
class Table:
    """A mapping; `keys` says where each key stands."""

    items: dict[str, Node]
    keys: dict[str, Place]
    place: Place

    def drop(self, key: str) -> None:
        del self.items[key], self.keys[key]


Node: TypeAlias = Leaf | Items | Table


def empty(place: Place = Place()) -> Table:
    """A mapping with nothing in it."""
    return Table({}, {}, place)


def plain(node: Node) -> Any:
    """The values alone, as validation wants them."""
    match node:
        case Leaf():
            return node.value
        case Items():
            return [plain(item) for item in node.items]
        case Table():
            return {key: plain(item) for key, item in node.items.items()}


def build(value: object, place: Place) -> Node:
    """A tree from values that nobody typed into a file."""
    if isinstance(value, dict):
        return Table({k: build(v, place) for k, v in value.items()}, dict.fromkeys(value, place), place)
    if isinstance(value, list):
        return Items([build(item, place) for item in value], place)
    assert value is None or isinstance(value, str | int | float)
    return Leaf(value, str(value), place)


def copy(node: Node) -> Node:
    """A tree of its own, so that what is done to one use of an anchor is not done to the others."""
    match node:
        case Leaf():
            return Leaf(node.value, node.text, node.place, node.plain, node.outside)
        case Items():
            return Items([copy(item) for item in node.items], node.place)
        case Table():
            return Table({k: copy(v) for k, v in node.items.items()}, dict(node.keys), node.place)


def merge(base: Node, over: Node) -> Node:
    """The Collector's way with several files: mappings are merged key by key, anything else is replaced.

    What is missing in a merged mapping is told where the mapping was typed first.
    """
    if not (isinstance(base, Table) and isinstance(over, Table)):
        return over
    items, keys = dict(base.items), dict(base.keys)
    for key, node in over.items.items():
        under = items.get(key)
        items[key] = node if under is None else merge(under, node)
        if not (isinstance(under, Table) and isinstance(node, Table)):
            keys[key] = over.keys[key]
    return Table(items, keys, base.place if base.items else over.place)


def nested(steps: Sequence[str], node: Node, place: Place) -> Table:
    """The mapping in which these steps lead to the node."""
    *outer, last = steps
    table = Table({last: node}, {last: place}, place)
    for step in reversed(outer):
        table = Table({step: table}, {step: place}, place)
    return table


def moved(node: Node, place: Place) -> Node:
    """The same tree, all of it typed at one place."""
    match node:
        case Leaf():
            return replace(node, place=place)
        case Items():
            return Items([moved(item, place) for item in node.items], place)
        case Table():
            return Table({k: moved(v, place) for k, v in node.items.items()}, dict.fromkeys(node.keys, place), place)


def leaves(node: Node) -> Iterator[Leaf]:
    """Every scalar below and including this node."""
    match node:
        case Leaf():
            yield node
        case Items():
            for item in node.items:
                yield from leaves(item)
        case Table():
            for item in node.items.values():
                yield from leaves(item)


def find(node: Node, steps: Sequence[str | int]) -> tuple[Node, list[str | int], Place]:
    """Follow the steps as far as they exist: the node reached, the steps that led there, where its key stands.

    Steps that do not exist are skipped: validation puts the names of union members among them.
    """
    taken: list[str | int] = []
    place = node.place
    for step in steps:
        if isinstance(node, Table) and isinstance(step, str) and step in node.items:
            place = node.keys[step]
            node = node.items[step]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place = node.place
        else:
            continue
        taken.append(step)
    return node, taken, place


def dotted(steps: Sequence[str | int]) -> str:
    """`exporters.splunk_hec/soc.endpoint`, `service.pipelines.logs.exporters[0]`."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
