"""Records whose texts UTF-8 can carry: half a surrogate pair, which Python's texts may hold, becomes `?`.

Guarantees: everything else stays as it is. Nothing that came in bytes needs this; what an application says may.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from otelsiem.model.record import Batch, Group, Value

S = TypeVar("S", bound=msgspec.Struct)


def encodable(batch: Batch) -> Batch:
    """The batch, anew."""
    return [
        Group(_mapping(one.resource), _struct(one.scope), [_struct(r) for r in one.records], _text(one.schema_url))
        for one in batch
    ]


def _struct(one: S) -> S:
    return type(one)(*[_value(getattr(one, name)) for name in one.__struct_fields__])


def _value(value: Value) -> Value:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return _mapping(value)
    if isinstance(value, list):
        return [_value(one) for one in value]
    return value


def _mapping(held: dict[str, Value]) -> dict[str, Value]:
    return {_text(key): _value(value) for key, value in held.items()}


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
