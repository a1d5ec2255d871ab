"""The classes of values that decide how a record is written, for a column of values at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeAlias

Look: TypeAlias = Callable[[Any], Any]
ColumnLook: TypeAlias = Callable[[Sequence[Any]], Iterable[Any]]

LONGEST = 253  # characters of what is remembered for the process


class AtOnce(NamedTuple):
    """A look that is taken at a whole column."""

    look: ColumnLook


class Classes(dict[Any, Any]):
    """Values repeat within a batch. Only for values of one type: Python calls 1, True and 1.0 the same key."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def __missing__(self, value: Any) -> Any:
        made = self[value] = self._look(value)
        return made


def remembered(look: Look) -> AtOnce:
    """A look at texts that are dear to look at and repeat from batch to batch, as addresses do (0.1 µs, not 0.7)."""
    known = lru_cache(maxsize=4096)(look)
    return AtOnce(lambda column: map(known if max(map(len, column)) <= LONGEST else look, column))


def at_columns(looks: Sequence[tuple[int, Look | AtOnce]], types: Sequence[type]) -> list[tuple[int, ColumnLook]]:
    """The looks at columns of these types, with a memory where the values can be remembered."""
    return [(n, look.look if isinstance(look, AtOnce) else _at_column(look, types[n])) for n, look in looks]


def _at_column(look: Look, type_: type) -> ColumnLook:
    return partial(map, look if type_ is list else Classes(look).__getitem__)
