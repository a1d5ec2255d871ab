"""What a key of CEF or LEEF may carry. A module whose name starts with an underscore is no format.

Both have dictionaries of keys with a type and a maximum length, and receivers that read a wrong type as nothing: a host
name in `src` is an event without a source. So a key takes a value or leaves it to the next candidate; `text` takes any.
"""

from __future__ import annotations

import json
from base64 import b64encode
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias, assert_never

from otelsiem.formats.address import kind
from otelsiem.formats.values import number, safe, text
from otelsiem.formats.visible import in_json, visible

Kind: TypeAlias = Literal["text", "whole", "listed", "ip", "ipv4", "ipv6", "port", "integer", "decimal"]

FAMILIES = {"ip": (4, 6), "ipv4": (4,), "ipv6": (6,)}
_LONGEST_ADDRESS = 45  # an IPv6 address that ends as IPv4
_INT64 = 2**63


class Key(NamedTuple):
    """One key of a dictionary."""

    name: str
    kind: Kind = "text"
    most: int = 0  # characters before escaping, 0 = any number
    label: str = ""  # of a custom field, which without one means nothing


def taken(key: Key, value: Any) -> str | None:
    """The value as this key writes it, before it is cut and escaped; None when it may not stand there."""
    match key.kind:
        case "text":
            return told(value)
        case "whole":  # an id cut short is another id
            return whole if len(visible(whole := told(value))) <= key.most else None
        case "listed":
            return _listed(value)
        case "ip" | "ipv4" | "ipv6":
            return value if type(value) is str and family(value) in FAMILIES[key.kind] else None
        case "port":
            return str(value) if type(value) is int and 0 <= value <= 65_535 else None
        case "integer":
            return str(value) if type(value) is int and -_INT64 <= value < _INT64 else None
        case "decimal":
            return _decimal(value)
        case _:
            assert_never(key.kind)


def family(value: str) -> int:
    """4 or 6 for an IP address, 0 for any other text."""
    return _family(value) if len(value) <= _LONGEST_ADDRESS else 0


@lru_cache(maxsize=4096)  # addresses repeat
def _family(value: str) -> int:
    if kind(value) != "ip":
        return 0
    return 6 if ":" in value else 4


def is_empty(value: Any) -> bool:
    """Whether there is nothing to write; an empty value is no value (CEF contract 2)."""
    return value is None or (type(value) in (str, bytes) and not value)


def told(value: Any) -> str:
    """The value as one text: texts as they are, everything else as JSON that needs no escaping."""
    if type(value) is str:
        return value
    try:
        return in_json(text(value))
    except UnicodeEncodeError:  # surrogates, which no UTF-8 can carry
        return json.dumps(safe(value), default=_base64, separators=(",", ":"))


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _listed(value: Any) -> str:
    """Roles and the like as people write them, `admin,ops`; as JSON when that could be misread."""
    if isinstance(value, list) and value and all(type(item) is str and item and "," not in item for item in value):
        return ",".join(value)
    return told(value)


def _decimal(value: Any) -> str | None:
    if type(value) is float:
        return repr(value) if isinstance(number(value), float) else None
    return str(value) if type(value) is int and abs(value) <= 2**53 else None  # a double has no room for more
