"""The heads of HTTP/1.1 messages: ours to bytes, the peer's from bytes (RFC 9112 2 to 6).

Guarantees: a request head that could be read as two is never written. A response head is read one way or refused:
lines end with CRLF (a bare LF or CR is refused, RFC 9112 2.2 lets us), no line is folded, no NUL, no space before a
colon, one meaning of Content-Length, never beside Transfer-Encoding. Words of a refusal quote nothing of the peer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

LONGEST = 64 << 10  # bytes of a head
CLOSE = -1  # length of a body that ends where the connection ends
CHUNKED = -2

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token: RFC 9110 5.6.2
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")  # a line end in a value would be the next line's beginning
_STATUS = re.compile(r"HTTP/1\.([0-9]) ([1-9][0-9][0-9])(?: [^\x00\r\n]*)?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_OURS = frozenset({"content-length", "transfer-encoding", "connection"})


class MalformedHeadError(Exception):
    """Not HTTP, or HTTP that two readers could read differently; says what, in a few words."""


class Head(NamedTuple):
    """The head of a response. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    cookies: list[str]  # the Set-Cookie lines: the only ones that cannot be joined with a comma
    length: int  # of the body in bytes, CLOSE or CHUNKED
    keeps: bool  # the peer leaves the connection open afterwards


def request_lines(
    method: str, path: str, host: str, headers: tuple[tuple[str, str], ...], *, close: bool = False
) -> bytes:
    """A request head as far as it is the same for many requests. Raises ValueError for what is not valid HTTP."""
    names = {name.lower() for name, _ in headers}
    if not _NAME.fullmatch(method) or not _OURS.isdisjoint(names):
        raise ValueError
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in headers):
        raise ValueError
    lines = [f"{method} {path} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    if "accept-encoding" not in names:  # RFC 9110 12.5.3: without it a server may choose any coding
        lines.append("accept-encoding: identity")
    if close:
        lines.append("connection: close")
    return "\r\n".join([*lines, ""]).encode()


def request_head(lines: bytes, method: str, size: int) -> bytes:
    """The lines of a request with the length of its body and the empty line behind them."""
    if size or method in ("POST", "PUT", "PATCH"):  # RFC 9110 8.6
        return b"%bcontent-length: %d\r\n\r\n" % (lines, size)
    return lines + b"\r\n"


def response_head(data: bytes, *, bodiless: bool) -> Head:
    """The head without its empty line. `bodiless`: the request was one whose answers have no body."""
    first, *lines = data.decode("latin-1").split("\r\n")
    found = _STATUS.fullmatch(first)
    if found is None:
        raise MalformedHeadError("it does not begin with a status line of HTTP/1.1")
    minor, status = found.groups()
    cookies: list[str] = []
    headers = fields(lines, cookies)
    number = int(status)
    length = _length(headers, bodiless=bodiless or number < 200 or number in (204, 304))  # RFC 9112 6.3
    tokens = headers.get("connection", "").lower()
    keeps = minor != "0" and length != CLOSE and "close" not in [token.strip() for token in tokens.split(",")]
    return Head(number, headers, cookies, length, keeps)


def fields(lines: Iterable[str], cookies: list[str]) -> dict[str, str]:
    """Header or trailer lines; what stands twice is joined with a comma (RFC 9110 5.3)."""
    headers: dict[str, str] = {}
    for line in lines:
        name, value = _field(line)
        if name == "set-cookie":
            cookies.append(value)
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


@lru_cache(maxsize=128)  # a server says the same in nearly every answer: this halves the cost of a head
def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _NAME.fullmatch(name):
        raise MalformedHeadError("a header line is folded, or its name is none")
    if "\n" in value or "\r" in value or "\0" in value:
        raise MalformedHeadError("a header has a bare CR, a bare LF or a NUL in it")
    return name.lower(), value.strip(" \t")


def _length(headers: Mapping[str, str], *, bodiless: bool) -> int:
    coding, said = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None and said is not None:
        raise MalformedHeadError("it has both a Content-Length and a Transfer-Encoding")
    length = CLOSE
    if coding is not None:
        if coding.lower() != "chunked":
            raise MalformedHeadError("its Transfer-Encoding is not chunked")
        length = CHUNKED
    elif said is not None:
        values = {value.strip(" \t") for value in said.split(",")} if "," in said else {said}
        if len(values) != 1 or not _LENGTH.fullmatch(said := values.pop()):
            raise MalformedHeadError("its Content-Length is not one number")
        length = int(said)
    return 0 if bodiless else length
