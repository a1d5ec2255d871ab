"""The part of OCSF that audit records use, as published: classes, objects, attributes, closed lists, by version.

Read from `ocsf.tsv`, which `tests/formats/make_ocsf_table.py` makes; source and licence stand in its first line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

MINORS = range(1, 9)  # versions 1.1.0 to 1.8.0


class Attribute(NamedTuple):
    """One attribute of a class or an object."""

    type: str  # a type, or the name of an object
    array: bool
    required: bool
    profiles: frozenset[str]  # it exists only where one of them is used; none: always
    closed: frozenset[str]  # the values of a closed list
    sibling: str  # says in words what the value 99 means


class Type(NamedTuple):
    """What values of a type may be."""

    base: str
    longest: int | None
    low: int | None
    high: int | None
    pattern: re.Pattern[str] | None


class Owner(NamedTuple):
    """A class or an object."""

    name: str
    attributes: dict[str, Attribute]
    one_of: tuple[str, ...]  # at least one of them must be there
    profiles: frozenset[str] = frozenset()  # that a class may use


class Schema(NamedTuple):
    """One version."""

    version: str
    types: dict[str, Type]
    classes: dict[int, Owner]
    objects: dict[str, Owner]

    def attribute(self, owner: Owner, name: str, profiles: frozenset[str]) -> Attribute | None:
        """The attribute, when it exists under these profiles."""
        found = owner.attributes.get(name)
        return found if found and (not found.profiles or found.profiles & profiles) else None

    def object(self, attribute: Attribute) -> Owner | None:
        """The object that the attribute holds, None when it holds a value."""
        return self.objects.get(attribute.type)


@cache
def schema(minor: int) -> Schema:
    """OCSF 1.<minor>.0."""
    types: dict[str, Type] = {}
    uids: dict[str, int] = {}
    owners: dict[str, Owner] = {}
    for row in _rows():
        spans, owner, name, *more = row
        if not _in(minor, spans):
            continue
        more += [""] * (5 - len(more))
        match owner:
            case "*":
                types[name] = _type(more)
            case "+":
                uids[name] = int(more[0])
                owners[name] = _owner(owners, name)._replace(profiles=_set(more[1], "|"))
            case "&":
                owners[name] = _owner(owners, name)
            case "?":
                owners[name] = _owner(owners, name)._replace(one_of=tuple(more[1].split(",")))
            case _:
                owners[owner] = _owner(owners, owner)
                owners[owner].attributes[name] = _attribute(more)
    classes = {uid: owners[name] for name, uid in uids.items()}
    objects = {name: owner for name, owner in owners.items() if name not in uids}
    return Schema(f"1.{minor}.0", types, classes, objects)


@cache
def _rows() -> list[list[str]]:
    table = (files("otelsiem.formats") / "ocsf.tsv").read_text("utf-8")
    return [line.split("\t") for line in table.splitlines()[1:]]


def _in(minor: int, spans: str) -> bool:
    ends = [span.split("-") for span in spans.split(",")]
    return any(int(end[0]) <= minor <= int(end[-1]) for end in ends)


def _owner(owners: Mapping[str, Owner], name: str) -> Owner:
    return owners.get(name) or Owner(name, {}, ())


def _set(text: str, separator: str) -> frozenset[str]:
    return frozenset(text.split(separator)) - {""}


def _attribute(row: list[str]) -> Attribute:
    type_, required, profiles, closed, sibling = row[:5]
    array = type_.endswith("[]")
    return Attribute(type_.removesuffix("[]"), array, required == "!", _set(profiles, "|"), _set(closed, ","), sibling)


def _type(row: list[Any]) -> Type:
    base, longest, span, pattern = row[:4]
    low, _, high = span.partition(",")
    return Type(
        base,
        int(longest) if longest else None,
        int(low) if low else None,
        int(high) if high else None,
        re.compile(pattern) if pattern else None,
    )
