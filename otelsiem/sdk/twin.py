"""Copies of the SDK's records that share nothing changeable with them.

`copy.copy` goes through the protocol of pickle, which costs ten times as much.
"""

from __future__ import annotations

import copy
from typing import Any

from otelsiem.model.record import Value


def twin(kind: type, fields: dict[str, Any]) -> Any:
    """One of this kind with these fields, which are its own from now on."""
    made: Any = object.__new__(kind)
    made.__dict__ = fields
    return made


def copied(log_record: Any) -> tuple[Any, dict[str, Value]]:
    """A copy, and its attributes to be added to (beyond the SDK's limit, if need be)."""
    mine = _shallow(log_record)
    mine.log_record = _shallow(log_record.log_record)
    held = mine.log_record.attributes
    inner = getattr(held, "_dict", None)
    if inner is None:
        attributes: dict[str, Value] = dict(held or {})
        mine.log_record.attributes = attributes
        return mine, attributes
    attributes = dict(inner)
    if not held.dropped:
        mine.log_record.attributes = attributes
        return mine, attributes
    bounded = mine.log_record.attributes = _shallow(held)  # keeps how many were dropped
    bounded._dict = attributes
    return mine, attributes


def _shallow(one: Any) -> Any:
    return twin(type(one), one.__dict__.copy()) if hasattr(one, "__dict__") else copy.copy(one)
