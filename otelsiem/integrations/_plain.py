"""Values of somebody else's log entries, as attributes.

Guarantees: copied, and bounded; an object that is no value is the name of its type: what its text would tell (a request
with its query string, a settings object) was not meant to be audited. Exceptions too.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from typing import Any
from uuid import UUID

from otelsiem.model.record import Value
from otelsiem.sdk.convert import value

ITEMS = 1000  # in all that one entry brings
_EXACT = frozenset({str, bool, float, type(None)})
_KINDS = (str, bool, int, float, bytes, bytearray, type(None))
_SPOKEN = (date, time, timedelta, Decimal, UUID, PurePath, IPv4Address, IPv6Address, IPv4Network, IPv6Network)


def plain(held: Mapping[str, Any]) -> dict[str, Value]:
    """Attributes of these."""
    room = [ITEMS]
    return {key: _plain(item, room) for key, item in held.items()}


def _plain(item: Any, room: list[int], depth: int = 1) -> Value:
    room[0] -= 1
    if type(item) in _EXACT:
        return item  # type: ignore[no-any-return]  # one of these
    if room[0] < 0 or depth > 8:
        return "…"
    with suppress(Exception):  # it is the host's: one that cannot be read must not cost the entry
        match item:
            case Enum():
                return _plain(item.value, room, depth + 1)
            case _ if isinstance(item, _KINDS):
                return value(item)
            case _ if isinstance(item, _SPOKEN):
                return str(item)
            case Mapping():
                pairs = item.copy() if type(item) is dict else item  # another thread may go on with it
                return {str(key): _plain(one, room, depth + 1) for key, one in pairs.items()}
            case list() | tuple() | set() | frozenset():
                return [_plain(one, room, depth + 1) for one in tuple(item)]
            case _:
                pass
    return f"<{type(item).__name__}>"
