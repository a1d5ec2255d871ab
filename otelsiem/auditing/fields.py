"""What the fields of a typed event may hold, and what becomes of those that hold nothing.

Each function returns the value as it is kept, or raises ValueError with a sentence that names the field. What could
change later is copied into something that cannot. None is nothing, where a field may hold that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from otelsiem.model import severity

Pairs: TypeAlias = tuple[tuple[str, float], ...]  # a mapping that nobody can change


def put(event: object, **values: Any) -> None:
    """Set fields of a frozen dataclass, while it is being made."""
    for name, value in values.items():
        object.__setattr__(event, name, value)


def text(name: str, value: Any) -> str:
    """A text that says something."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name}={value!r}: it is a text, and not an empty one")
    return str(value)


def level(name: str, value: Any) -> str:
    """A word for a level, or nothing."""
    if value is None:
        return ""
    if value != "" and not severity.number(value):
        known = "trace, debug, info, low, medium, high, critical, emergency"
        raise ValueError(f"{name}={value!r}: it is one of {known}")
    return str(value)


def word(name: str, value: Any, words: Iterable[str]) -> str:
    """One of these words; None is "", where that is one of them."""
    known = tuple(words)
    if value is None and "" in known:
        return ""
    if value not in known:
        raise ValueError(f"{name}={value!r}: it is one of {', '.join(filter(None, known))}")
    return str(value)


def score(name: str, value: Any, most: float) -> float | None:
    """A number from 0 to `most`, or None."""
    if value is None:
        return None
    number = _number(name, value)
    if not 0 <= number <= most:
        raise ValueError(f"{name}={value!r}: it is a number from 0 to {most:g}")
    return number


def measured(name: str, value: Any) -> float:
    """A number that is one: not NaN, not infinite."""
    number = _number(name, value)
    if not math.isfinite(number):
        raise ValueError(f"{name}={value!r}: it is a finite number")
    return number


def seconds(name: str, value: Any) -> float | None:
    """A duration, or None."""
    if value is None:
        return None
    number = measured(name, value)
    if number < 0:
        raise ValueError(f"{name}={value!r}: it is a number of seconds, 0 or more")
    return number


def whole(name: str, value: Any) -> int | None:
    """How many of something, or None."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f"{name}={value!r}: it is a whole number, 0 or more")
    return value


def texts(name: str, values: Any) -> tuple[str, ...]:
    """A list of texts. One text alone is a mistake that would make a list of its letters."""
    if values is None:
        return ()
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise ValueError(f"{name}={values!r}: it is a list of texts")  # noqa: TRY004 - all of these are ValueErrors
    return tuple([text(name, one) for one in values])


def numbers(name: str, values: Mapping[str, float] | Pairs | None) -> Pairs:
    """Named numbers."""
    if values is None:
        return ()
    try:
        pairs = dict(values).items()
    except (TypeError, ValueError):
        raise ValueError(f"{name}={values!r}: it is a mapping of names to numbers") from None
    return tuple([(text(name, key), measured(f"{name}[{key!r}]", one)) for key, one in pairs])


def filled(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that hold nothing; False and 0 are something."""
    return {key: value for key, value in attributes.items() if value is not None and value not in ("", ())}


def _number(name: str, value: Any) -> float:
    if type(value) in (int, float):
        return value  # type: ignore[no-any-return]  # as it was written: 40 stays 40
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError  # float() would take them
        return float(value)  # of numpy, decimal, fractions
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}={value!r}: it is a number") from None
