"""The address of an HTTP proxy, as it is typed: `http://[user:password@]host:port`.

Guarantees: no message quotes the address, since it may hold a password.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and who we are to it."""

    host: str
    port: int
    user: str | None = field(repr=False, default=None)  # None = it asks for no credentials
    password: str = field(repr=False, default="")


def proxy(url: str) -> Proxy:
    """Raises ValueError, in words for a person."""
    text = url.strip()
    scheme, found, _ = text.partition("://")
    if not found or scheme.lower() != "http":
        raise ValueError("must begin with http:// (requests to https endpoints are encrypted through it all the same)")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("has characters that a URL cannot have; write them as %XX")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port  # the port is only read on request, and only then checked
    except ValueError:
        raise ValueError(
            "is not an address; write http://proxy.example.com:3128, signs like / @ : of a password as %XX"
        ) from None
    if not host or "@" in parts.path:
        raise ValueError("names no host; write http://proxy.example.com:3128, signs like / @ : of a password as %XX")
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise ValueError("must end after the port; write http://proxy.example.com:3128")
    if "@" not in parts.netloc:
        return Proxy(host, port or 80)
    return Proxy(host, port or 80, unquote(parts.username or ""), unquote(parts.password or ""))
