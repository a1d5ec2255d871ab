"""What holds for every record that leaves as OTLP, in whichever encoding: its id, and values OTLP has no room for.

Guarantees: nothing is left out. An integer beyond 64 bits goes as text, half a surrogate pair as `?`, what nests deeper
than readers take as JSON text, a type that is none of OTLP's as Python writes it. A time before 1970 and an id that is
not hex are absent.
"""

from __future__ import annotations

from typing import Any

from otelsiem.formats.values import text as as_json
from otelsiem.model.record import Record, Value
from otelsiem.otlp.rules import DROPPED

UID, AUDIT_ID = "log.record.uid", "audit.record.id"  # a receiver of ours reads both, the second one first (`ids.py`)


def uid(record: Record) -> str:
    """The attribute to add with the record's id, so that whoever gets it twice can tell (contract 7); "" for none."""
    attributes, id_ = record.attributes, record.id
    if not id_ or attributes.get(AUDIT_ID) == id_ or (said := attributes.get(UID)) == id_:
        return ""
    name = UID if said is None and UID not in attributes else AUDIT_ID
    return name if name not in attributes else ""  # both say something else: what the sender wrote stays


def fits(value: int) -> bool:
    """Whether OTLP has room for an integer."""
    return -(1 << 63) <= value < 1 << 63


def parted(attributes: dict[str, Value]) -> tuple[dict[str, Value], int]:
    """The attributes, and how many their sender had dropped: a field of its own on the wire."""
    dropped = attributes.get(DROPPED)
    if type(dropped) is not int or not 0 < dropped < 1 << 32:
        return attributes, 0
    return {key: value for key, value in attributes.items() if key != DROPPED}, dropped


def replaced(text: str) -> bytes:
    """UTF-8 of a text that may hold half a surrogate pair."""
    return text.encode("utf-8", "replace")


def beyond(value: int) -> str:
    """An integer that does not fit, as text; str() refuses 4,301 digits."""
    return hex(value) if value.bit_length() > 4096 else str(value)


def flattened(value: Any) -> str:
    """What nests too deep, as JSON text."""
    return as_json(_writable(value))


def _writable(value: Any) -> Any:
    if isinstance(value, str):
        return replaced(value).decode()
    if isinstance(value, dict):
        return {replaced(str(key)).decode(): _writable(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_writable(held) for held in value]
    if isinstance(value, int) and not fits(value):
        return beyond(value)
    return value if value is None or isinstance(value, int | float | bytes) else str(value)


def clamped_time(time: int) -> int:
    return time if 0 <= time < 1 << 64 else 0


def id_bytes(text: str, size: int) -> bytes:
    """A trace or span id; what is none is absent."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return b""
    return found if len(found) == size else b""
