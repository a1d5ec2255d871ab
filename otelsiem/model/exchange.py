"""What a conversation with a destination is made of: requests, replies, waits. Values only; nothing here is sent.

A destination's `exchange` is a generator: it yields a request and is sent the reply, until it returns an outcome.
Headers and bodies carry secrets and audit data, so neither appears in a repr.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from otelsiem.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, complete: the transport adds nothing but the connection."""

    method: str
    url: str = field(repr=False)  # may carry a channel or a key
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes = field(repr=False, default=b"")
    session: str = ""  # requests of one session return the cookies that the peer gave it; "" = none are kept


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """Bytes for a stream of this machine: a file or a terminal. `body` ends where a record ends."""

    body: bytes = field(repr=False)


Request: TypeAlias = HttpRequest | WriteRequest


@dataclass(frozen=True, slots=True)
class Wait:
    """Let this much time pass."""

    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The peer answered. Header names are lower-case. A write that succeeded is an Answer 200."""

    status: int
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes = field(repr=False, default=b"")


FailureKind: TypeAlias = Literal[
    "resolve",  # no such host
    "connect",  # refused, unreachable
    "proxy",  # the proxy in between refuses us: credentials, or a rule of its own
    "tls",  # certificate or handshake
    "reset",  # the connection ended before an answer
    "timeout",  # the total deadline passed
    "protocol",  # the peer does not speak our protocol
    "oversize",  # the reply was larger than we read
    "disk",  # a local write failed
]


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer. `sent` is True when the peer may have taken the body (a second send may duplicate)."""

    kind: FailureKind
    detail: str
    sent: bool = False


Reply: TypeAlias = Answer | Failure

Exchange: TypeAlias = Generator[Request | Wait, Reply, Outcome]
