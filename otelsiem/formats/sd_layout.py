"""How the parameters of records of one shape are laid out: a text with places, and what to pick for them.

Guarantees: the bytes are those of the general way (`structured.parameters`); what is not plain (a null, an object, an
outcome to translate) has no layout and goes that way. `Layouts` keeps few
of them for the process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from otelsiem.formats.shape import shape
from otelsiem.formats.structured import FLAT, ORDER, PIVOTS, names

_AS_THEY_ARE = frozenset({str, int})


class Layout(NamedTuple):
    """`places % pick([*values, *said, first, second])`, where `first` and `second` are of the record itself."""

    places: str
    pick: Callable[[Sequence[Any]], tuple[Any, ...]]
    odd: tuple[int, ...]  # values that are no texts yet
    outcome: int | None  # the value that must be one of three words
    parameters: int  # how many


def layout(keys: Sequence[str], types: Sequence[type], said: Sequence[str]) -> Layout | None:
    """The layout for attributes of these keys and types in a group whose resource says `said`; None: there is none."""
    plan = shape(keys)
    if plan.heads:
        return None
    where = {key: n for n, key in enumerate(keys)}
    moved = {**dict(plan.moved), **{f"target.{name}": key for name, key in plan.target}}
    moved |= {f"mitre_attack.{name}": key for name, key in plan.attack}
    if plan.outcomes and "outcome" not in moved:
        return None
    at = {name: n for n, name in enumerate(said, len(keys))} | {name: where[key] for name, key in moved.items()}
    rest = keys if plan.rest is None else plan.rest
    first, second = len(keys) + len(said), len(keys) + len(said) + 1
    pivots = [name for name in PIVOTS if name in at]
    others = [name for name in ORDER if name in at and name not in PIVOTS]
    places = "".join([f' {FLAT[name]}="%s"' for name in pivots]) + "%s"
    places += "".join([f' {FLAT[name]}="%s"' for name in others]) + "%s"
    places += "".join([f' {name.replace("%", "%%")}="%s"' for name in names(rest)])
    picked = [*[at[name] for name in pivots], first, *[at[name] for name in others], second, *[where[k] for k in rest]]
    odd = tuple([n for n, kind in enumerate(types) if kind not in _AS_THEY_ARE])
    outcome = where[moved["outcome"]] if plan.outcomes else None
    return Layout(places, itemgetter(*picked), odd, outcome, len(picked) - 2)
