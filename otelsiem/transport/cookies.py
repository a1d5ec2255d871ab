"""Cookies that a peer gave to a session, for load balancers that keep a client with one server by them (RFC 6265).

Guarantees: a cookie goes back only to the scheme, host and port that set it, within the session that got it; at most
20 of 4 KiB for each, of at most 256 pairs of session and origin, the least recently used go first; nothing that could
not stand in a header line is kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from email.utils import mktime_tz, parsedate_tz
from math import inf
from typing import NamedTuple

from otelsiem.transport.target import Target

JARS = 256
COOKIES = 20
LARGEST = 4096  # bytes of name and value


class _Cookie(NamedTuple):
    value: str
    secure: bool
    until: float


_Jar = dict[tuple[str, str], _Cookie]  # by name and path, the oldest first


class Cookies:
    """The cookies of one transport, for several threads. `now`: seconds since the epoch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jars: OrderedDict[tuple[str, str], _Jar] = OrderedDict()

    def header(self, session: str, target: Target, now: float) -> str:
        """The value of the Cookie header; "" when there is none to send."""
        path = target.path.partition("?")[0]
        with self._lock:
            jar = self._jars.get((session, target.key))
            if jar is None:
                return ""
            self._jars.move_to_end((session, target.key))
            fit = [
                (name, where, cookie.value)
                for (name, where), cookie in jar.items()
                if cookie.until > now and _within(path, where) and (target.encrypted or not cookie.secure)
            ]
        fit.sort(key=lambda found: -len(found[1]))  # RFC 6265 5.4: longer paths first
        return "; ".join([f"{name}={value}" for name, _, value in fit])

    def keep(self, session: str, target: Target, lines: Iterable[str], now: float) -> None:
        """What the Set-Cookie lines of an answer say."""
        read = [found for line in lines if (found := _read(line, target, now)) is not None]
        if not read:
            return
        with self._lock:
            jar = self._jars.setdefault((session, target.key), {})
            self._jars.move_to_end((session, target.key))
            for key, cookie in read:
                if cookie.until > now:
                    jar[key] = cookie
                else:
                    jar.pop(key, None)
            while len(jar) > COOKIES:
                del jar[next(iter(jar))]
            while len(self._jars) > JARS:
                self._jars.popitem(last=False)


def _read(line: str, target: Target, now: float) -> tuple[tuple[str, str], _Cookie] | None:
    """One Set-Cookie line (RFC 6265 5.2), or None when it is not for us."""
    pair, *rest = line.split(";")
    name, equals, value = (part.strip(" \t") for part in pair.partition("="))
    if not equals or not name or len(name) + len(value) > LARGEST or not (name + value).isascii():
        return None
    if not (name + value).isprintable():
        return None
    said = {key.strip(" \t").lower(): text.strip(" \t") for key, _, text in (part.partition("=") for part in rest)}
    secure = "secure" in said
    if not _ours(said.get("domain", ""), target.host) or (secure and not target.encrypted):
        return None
    path = said.get("path", "")
    if not path.startswith("/"):
        path = target.path.partition("?")[0].rpartition("/")[0] or "/"  # RFC 6265 5.1.4
    return (name, path), _Cookie(value, secure, _until(said, now))


def _until(said: dict[str, str], now: float) -> float:
    """When it ends; Max-Age outweighs Expires, and what cannot be read says nothing."""
    age = said.get("max-age", "")
    if age.removeprefix("-").isdecimal() and age.isascii():
        return now + int(age[:12]) if not age.startswith("-") else -inf
    parts = parsedate_tz(said.get("expires", ""))
    try:
        return float(mktime_tz(parts)) if parts is not None else inf
    except (ValueError, OverflowError):
        return inf


def _ours(domain: str, host: str) -> bool:
    """A cookie for another host is none for us; one for a parent is kept for this host alone."""
    domain = domain.removeprefix(".").lower()
    numeric = ":" in host or host.replace(".", "").isdecimal()
    return not domain or domain == host or (host.endswith(f".{domain}") and not numeric)


def _within(path: str, where: str) -> bool:
    """RFC 6265 5.1.4."""
    return path == where or (path.startswith(where) and (where.endswith("/") or path[len(where)] == "/"))
