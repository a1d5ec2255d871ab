"""Console lines of the records of one signature, a column at a time.

Guarantees: the lines are those of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import TypeAlias

from otelsiem.formats._columns import Column, Columns, Key, Together, joined
from otelsiem.formats._console import values as console
from otelsiem.formats.json import until_the_second
from otelsiem.formats.layout import Signature, halves, small
from otelsiem.formats.planned import Write
from otelsiem.formats.shape import Shape, shape
from otelsiem.formats.values import PLAIN
from otelsiem.formats.vocabulary import OUTCOMES
from otelsiem.model.record import Record

WHO = ("user_email", "user_name", "user_id", "agent_name", "agent_id")  # the first that there is
NAMED = {"action": "action", "outcome": "outcome", "reason": "reason", "src": "src_ip"}
MOST_ATTRIBUTES = 6

Pieces: TypeAlias = "list[Column | str]"  # a column, or a text that is the same for all

_SHOWN = frozenset({*WHO, "tenant_id", *NAMED.values()})
_PLAIN = PLAIN | {float, list}
_ENDED = frozenset(OUTCOMES)
_shape = lru_cache(maxsize=512)(shape)  # 15 µs


@lru_cache(maxsize=1024)  # 3 µs
def _second(second: str) -> str:
    return until_the_second(second).replace("T", " ")


def writer(signature: Signature, said: Mapping[str, str], *, color: bool) -> Write | None:
    """A writer for records of this signature, of a resource that says this; None: there is none."""
    keys, types = halves(signature)
    if not small(signature) or not _PLAIN.issuperset(types):
        return None
    plan = _shape(keys)
    flat = {name: keys.index(key) for name, key in plan.moved}
    odd = [name for name, n in flat.items() if name in _SHOWN and types[n] is not str]  # a 0 is not shown
    if odd or plan.heads or (plan.outcomes and "outcome" not in flat):
        return None
    return _Writer(signature, plan, flat, said, color=color)


class _Writer(Together):
    def __init__(
        self, signature: Signature, plan: Shape, flat: Mapping[str, int], said: Mapping[str, str], *, color: bool
    ) -> None:
        super().__init__(signature)
        keys, self._types = halves(signature)
        rest = keys if plan.rest is None else plan.rest
        self._more = [(console.shown(key), keys.index(key)) for key in rest[:MOST_ATTRIBUTES]]
        self._left = len(rest) - len(self._more)
        self._flat, self._said, self._color = flat, said, color
        self._outcome = flat.get("outcome") if plan.outcomes else None
        self._severities = console.severities(color=color)

    def odd(self, columns: Columns, raw: Sequence[Column]) -> set[int]:
        found = super().odd(columns, raw)
        if self._outcome is not None and not _ENDED.issuperset(raw[self._outcome]):  # others are translated
            found |= {n for n, outcome in enumerate(raw[self._outcome]) if outcome not in _ENDED}
        return found

    def keys(self, columns: Columns, raw: Sequence[Column]) -> list[Key]:  # noqa: ARG002 no attribute decides
        return [*zip(map(bool, columns.bodies), map(bool, columns.traces), strict=True)]

    def lines(
        self,
        key: Key,
        records: Sequence[Record],  # noqa: ARG002 their columns say it all
        columns: Columns,
        raw: list[Column],
    ) -> Sequence[bytes]:
        has_body, has_trace = key
        faint, _, end = console.painted("|", console.DIM, color=self._color).partition("|")
        severities = [self._severities[n] for n in columns.numbers]
        pieces = [faint, _times(columns.moments), f"{end} ", severities, " ", self._events(columns.events)]
        pieces += self._one("actor", WHO, raw) + self._one("tenant", ("tenant_id",), raw)
        if has_body:
            pieces += [" ", console.messages(columns.bodies)]
        rest = [piece for label, name in NAMED.items() for piece in self._one(label, (name,), raw)]
        if has_trace:
            rest += [" trace=", console.values(columns.traces)]
        for label, n in self._more:
            rest += [f" {label}=", _column(raw[n], self._types[n])]
        if self._left:
            rest.append(f" (+{self._left} more)")
        if rest:
            pieces += [f" {faint}", str(rest[0])[1:], *rest[1:], end]
        return joined([repeat(piece) if type(piece) is str else piece for piece in pieces])

    def _events(self, events: Column) -> Column:
        """They repeat."""
        known = {
            event: console.painted(console.shown(event or "-"), console.BOLD, color=self._color)
            for event in set(events)
        }
        return [known[event] for event in events]

    def _one(self, label: str, names: Sequence[str], raw: Sequence[Column]) -> Pieces:
        """The first of these meanings that the records have, or their resource; nothing where there is none."""
        for name in names:
            if name in self._flat:
                return [f" {label}=", console.values(raw[self._flat[name]])]
            if name in self._said:
                return [f" {label}=", console.shown(self._said[name])]
        return []


def _times(moments: Column) -> Column:
    """To the millisecond."""
    ns = [*map(str, moments)]
    return [f"{_second(n[:-9])}{n[-9:-6]}Z" for n in ns]


def _column(column: Column, type_: type) -> Column:
    return console.values(column) if type_ is str else [console.shown(value) for value in column]
