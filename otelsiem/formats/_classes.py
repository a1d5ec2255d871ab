"""The classes of values that decide how a record is written, each value looked at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

Look: TypeAlias = Callable[[Any], Any]


class Classes(dict[Any, Any]):
    """Values repeat within a batch. Only for values of one type: Python calls 1, True and 1.0 the same key."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look

    def __missing__(self, value: Any) -> Any:
        made = self[value] = self._look(value)
        return made

    @staticmethod
    def of(looks: Sequence[tuple[int, Look]], types: Sequence[type]) -> list[tuple[int, Look]]:
        """The looks, with a memory where the values can be remembered."""
        return [(n, look if types[n] is list else Classes(look).__getitem__) for n, look in looks]
