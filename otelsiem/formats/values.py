"""Attribute values as JSON and as text, so that nothing is lost on the way.

JSON has no NaN and no infinity (the encoder would write null), so they travel as text; bytes travel as base64.
"""

from __future__ import annotations

from base64 import b64encode
from math import inf
from typing import Any

import msgspec

PLAIN = frozenset({str, int, bool})  # types that are JSON as they are

_encoder = msgspec.json.Encoder()


def number(value: float) -> float | str:
    """The float, or the text that JSON has no number for."""
    if value - value == 0:  # inf - inf and nan - nan are nan
        return value
    return "Infinity" if value == inf else "-Infinity" if value == -inf else "NaN"


def safe(value: Any) -> Any:
    """The value with every NaN and infinity in it as text; bytes are left to the encoder, which writes base64."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return {key: safe(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [safe(v) for v in value]
    return value


def text(value: Any) -> str:
    """The value as one text: texts as they are, null as nothing, everything else as JSON writes it."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return b64encode(value).decode("ascii")
    if isinstance(value, float):
        value = number(value)
        return value if isinstance(value, str) else repr(value)
    return _encoder.encode(safe(value)).decode()
