"""Where a request goes: its URL taken apart once, in the forms that connecting and HTTP need."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import httpcore


class Target(NamedTuple):
    """A URL taken apart."""

    url: httpcore.URL
    origin: httpcore.Origin
    key: str  # requests with equal keys may share a connection
    host: str
    port: int
    encrypted: bool
    header: bytes  # the Host header
    peer: str  # host:port, for messages


@lru_cache(maxsize=256)  # a destination has one URL, seldom a few; parsing costs as much as a small request's head
def target(url: str) -> Target:
    """Raises ValueError for what is no URL, needs escaping, or is neither http: nor https:."""
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").encode("idna")
    if scheme not in ("http", "https") or not host:
        raise ValueError
    standard = 443 if scheme == "https" else 80
    port = parts.port or standard
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    where = httpcore.URL(scheme=scheme.encode(), host=host, port=port, target=path.encode("ascii"))
    name = host.decode()
    shown = f"[{name}]" if ":" in name else name
    header = shown if port == standard else f"{shown}:{port}"
    peer = f"{shown}:{port}"
    return Target(where, where.origin, f"{scheme}://{peer}", name, port, scheme == "https", header.encode(), peer)
