"""Whether a text is an IP literal or a host name: SIEMs type the two apart and refuse one in the other's place.

Strict on purpose: a zone (`fe80::1%eth0`), a port, a mask or a blank makes it neither.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["ip", "name", ""]

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?\Z")  # RFC 1123 2.1, underscores as found in the wild
_NUMBERS = re.compile(r"[0-9.]+\Z")  # looks like an address and is none: no host is called so
LONGEST = 253  # characters of a name; nothing longer is worth keeping in the cache


@lru_cache(maxsize=4096)  # addresses repeat; looking costs 0.1 µs, parsing 2 µs
def _kind(text: str) -> Kind:
    if "%" not in text:
        try:
            ip_address(text)
        except ValueError:
            pass
        else:
            return "ip"
    return "name" if _NAME.match(text) and not _NUMBERS.match(text) else ""


def kind(value: object) -> Kind:
    """What a value is: an IP literal, the name of a host, or neither."""
    return _kind(value) if type(value) is str and len(value) <= LONGEST else ""
