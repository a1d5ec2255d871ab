"""Durations as people type them: Go's (`1m30s`), as seconds.

A number without its unit is refused instead of guessed: the Collector reads `timeout: 60` as 60 nanoseconds.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(ns|us|µs|μs|ms|s|m|h|d)")


def seconds(value: object) -> float:
    """`1m30s`, `200ms`, `1.5h`, `0`; Go's units, and `d` for 24 hours."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, int | float) and not isinstance(text, bool):
        if text == 0:
            return 0.0
        raise ValueError("expected a duration, found a number without a unit; write for example 30s, 200ms or 1m30s")
    if text == "0":
        return 0.0
    if isinstance(text, str) and text:
        parts = list(_PART.finditer(text))
        if "".join(part[0] for part in parts) == text:
            return sum(float(part[1]) * UNITS[part[2]] for part in parts)
    raise ValueError("expected a duration such as 30s, 200ms or 1m30s (units: ns us ms s m h d)")


def spelled(value: float) -> str:
    """As a person would type it: `1m30s`, `200ms`; what is finer than a millisecond is rounded."""
    left, text = round(value * 1000), ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text or "0"


# for editors and the reference page
Written = Annotated[
    str,
    WithJsonSchema(
        {
            "title": "duration",
            "anyOf": [
                {"type": "string", "pattern": r"^(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h|d))+$"},
                {"enum": [0, "0"]},
            ],
        }
    ),
]

Seconds = Annotated[float, BeforeValidator(seconds, json_schema_input_type=Written), Field(ge=0)]
Duration = Annotated[float, BeforeValidator(seconds, json_schema_input_type=Written), Field(gt=0)]
