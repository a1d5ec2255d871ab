"""How documents of one shape are laid out: struct types with the fields that such records have, filled by one call.

A document that has every field must be asked for each whether it is there; a type made for the shape need not be, and
is filled in C. What is not plain (a null, an object, a list of lists) has no layout and goes the general way. Layouts,
and the plans of lines, are kept for the process, because making one costs as much as twenty records; shapes come from
senders, so few are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

import msgspec

from otelsiem.formats.values import PLAIN

Row: TypeAlias = Sequence[Any]  # a record's attribute values, None, then what the group's resource says
Pick: TypeAlias = Callable[[Row], tuple[Any, ...]]
Signature: TypeAlias = tuple[Any, ...]  # the attribute keys, then the types of their values

MOST_KEYS, LONGEST_KEYS = 64, 4096  # of one shape, so that all layouts together stay below some megabytes

_PLAIN = PLAIN | {float, list}  # these two are plain when what is in them is


class Layout(NamedTuple):
    """A struct type for one shape, and what to pick for it from a row."""

    make: Callable[..., msgspec.Struct]  # its fields in order
    attributes: Pick
    metadata: Callable[[Mapping[str, Any], Row], Any]
    pivots: Pick  # what its writer looks at itself; None for what is not there
    target: Pick | None  # its id, type and name
    careful: Pick | None  # what must be `unharmed` for a record to be written this way


L = TypeVar("L")


class Layouts(Generic[L]):
    """The layouts of a process: at most `size`, so that senders who invent shapes cannot fill the memory.

    When it is full, only every 64th newcomer gets in, for the one that was not asked for longest: a flood of shapes
    then costs little and the layouts in use stay. Calls of several threads do no harm: each step is one call in C.
    """

    def __init__(self, size: int, make: Callable[[Sequence[str], Sequence[type], Sequence[Any]], L | None]) -> None:
        self._size, self._make = size, make
        self._kept: OrderedDict[tuple[object, ...], L | None] = OrderedDict()
        self._away = 0

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, signature: Signature, said: tuple[Any, ...]) -> L | None:
        """The layout for this signature in a group whose resource says this; None: there is none."""
        key = (signature, said)
        try:
            found = self._kept[key]
            self._kept.move_to_end(key)
        except KeyError:
            return self._new(key, signature, said)
        return found

    def _new(self, key: tuple[object, ...], signature: Signature, said: tuple[Any, ...]) -> L | None:
        keys, types = halves(signature)
        if not _PLAIN.issuperset(types) or not small(signature):
            return None
        if len(self._kept) >= self._size:
            self._away += 1
            if self._away % 64:
                return None
            self._kept.popitem(last=False)
        made = self._kept[key] = self._make(keys, types, said)
        return made


def halves(signature: Signature) -> tuple[tuple[str, ...], tuple[type, ...]]:
    """The attribute keys, and the types of their values."""
    half = len(signature) // 2
    return signature[:half], signature[half:]


def small(signature: Signature) -> bool:
    """Whether what is made for it may be kept."""
    keys, _ = halves(signature)
    return len(keys) <= MOST_KEYS and sum(map(len, keys)) <= LONGEST_KEYS


def unharmed(value: Any) -> bool:
    """Whether JSON has this float or list as it is: a finite number, a list of plain values."""
    return isfinite(value) if type(value) is float else PLAIN.issuperset(map(type, value))


def metadata_of(rest: tuple[str, ...] | None, where: Mapping[str, int]) -> Callable[[Mapping[str, Any], Row], Any]:
    """The attributes that do not move: all of them as they are, or a struct of the rest."""
    if rest is None:
        return lambda attributes, _row: attributes
    make, pick = struct_type(rest), picker([where[key] for key in rest])
    return lambda _attributes, row: make(*pick(row))


def struct_type(names: Sequence[str], spelled: Mapping[str, str] | None = None) -> Callable[..., msgspec.Struct]:
    """A struct type with these fields, which leaves out what is None; attribute keys are no names in Python."""
    fields: list[tuple[str, Any, Any]] = [(f"f{n}", Any, None) for n in range(len(names))]
    spelled = spelled or {}
    rename = {f"f{n}": spelled.get(name, name) for n, name in enumerate(names)}
    return msgspec.defstruct("Laid", fields, rename=rename, omit_defaults=True, gc=False)


def picker(places: Sequence[int]) -> Pick:
    """These values as a tuple, whatever their number is."""
    if not places:
        return lambda _row: ()
    if len(places) == 1:
        place = places[0]
        return lambda row: (row[place],)
    return itemgetter(*places)
