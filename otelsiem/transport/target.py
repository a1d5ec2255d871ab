"""Where a request goes: its URL taken apart once, in the forms that connecting and HTTP need."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

_HOST = re.compile(r"[0-9A-Za-z._:%-]+")  # names, punycode, addresses with a zone; nothing that could end a line
_PLAIN = re.compile(r"[\x21-\x7e]+")


class Target(NamedTuple):
    """A URL taken apart."""

    key: str  # scheme, host and port: requests with equal keys may share a connection and cookies
    host: str
    port: int
    encrypted: bool
    authority: str  # the Host header
    path: str  # with the query: RFC 9112 3.2.1
    peer: str  # host:port, for messages

    @property
    def absolute(self) -> str:
        """How a proxy is told of a plain request: RFC 9112 3.2.2."""
        return f"http://{self.authority}{self.path}"


@lru_cache(maxsize=256)  # a destination has one URL, seldom a few; parsing costs as much as a small request's head
def target(url: str) -> Target:
    """Raises ValueError for what is no URL, needs escaping, holds credentials, or is neither http: nor https:."""
    parts = urlsplit(url)
    scheme, host = parts.scheme.lower(), (parts.hostname or "").encode("idna").decode()
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    plain = _HOST.fullmatch(host) and _PLAIN.fullmatch(path) and "@" not in parts.netloc
    if scheme not in ("http", "https") or not plain:
        raise ValueError
    standard = 443 if scheme == "https" else 80
    port = parts.port or standard
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == standard else f"{shown}:{port}"
    peer = f"{shown}:{port}"
    return Target(f"{scheme}://{peer}", host, port, scheme == "https", authority, path, peer)
