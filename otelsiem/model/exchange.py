"""What a conversation with a destination is made of: requests, replies, waits. Values only; nothing here is sent.

A destination's `exchange` is a generator: it yields a request and is sent the reply, until it returns an outcome.
Headers and bodies carry secrets and audit data, so neither appears in a repr.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from otelsiem.model.adapter import CallRequest
from otelsiem.model.kafka import ProduceRequest, TopicsRequest
from otelsiem.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class SigV4:
    """Signed with AWS Signature Version 4, by the credentials that this process finds when it sends."""

    service: str  # as in the credential scope: es, aoss, securityhub
    region: str
    profile: str = ""  # of the AWS configuration files; "" = the usual chain
    role_arn: str = ""  # a role to assume with them; "" = none


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, complete: the transport adds nothing but the connection and, when asked to, a signature."""

    method: str
    url: str = field(repr=False)  # may carry a channel or a key
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes = field(repr=False, default=b"")
    session: str = ""  # requests of one session return the cookies that the peer gave it; "" = none are kept
    auth: SigV4 | None = None  # what the transport resolves and signs; None = the headers say who we are


@dataclass(frozen=True, slots=True)
class GrpcRequest:
    """One unary call, its message already serialised."""

    url: str = field(repr=False)  # https://host:port, or http:// for a connection without TLS
    method: str  # /package.Service/Method
    message: bytes = field(repr=False)
    metadata: Mapping[str, str] = field(repr=False, default_factory=dict)  # names are lower-case
    compression: str = ""  # of the message: "" or "gzip"


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """Bytes for a stream of this machine: a file or a terminal. `body` ends where a record ends."""

    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendRequest:
    """Bytes for the connection of a session, which is opened when none lives; over UDP each frame is a datagram.

    Over TCP the answer is a `Standing`: handed over, no more. Without frames only a connection is asked for.
    """

    frames: Sequence[bytes] = field(repr=False)
    session: str = ""


@dataclass(frozen=True, slots=True)
class StandRequest:
    """What of a session's bytes the peer's kernel has, with the connection alive since; the answer is a `Standing`.

    With a connection: waits until so many of its bytes have stood; a Failure says why it ended before.
    """

    session: str = ""
    connection: int = 0  # 0 = look only
    through: int = 0  # bytes of the connection, from its first
    patience: float = 0.0  # seconds


Request: TypeAlias = (
    HttpRequest | CallRequest | GrpcRequest | WriteRequest | SendRequest | StandRequest | ProduceRequest | TopicsRequest
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Let this much time pass."""

    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The peer answered. Header names are lower-case. A write that succeeded is an Answer 200.

    So is every answer to a gRPC call, with `grpc-status`, `grpc-message` and `grpc-status-details-bin` (base64).
    """

    status: int
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes = field(repr=False, default=b"")


FailureKind: TypeAlias = Literal[
    "resolve",  # no such host
    "connect",  # refused, unreachable
    "proxy",  # the proxy in between refuses us: credentials, or a rule of its own
    "tls",  # certificate or handshake
    "credentials",  # who we are to a cloud cannot be found out here: nothing was sent
    "reset",  # the connection ended before an answer
    "timeout",  # the total deadline passed
    "protocol",  # the peer does not speak our protocol
    "oversize",  # the reply was larger than we read
    "disk",  # a local write failed
    "missing",  # a package of ours is not installed: nothing was sent
]


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer. `sent` is True when the peer may have taken the body (a second send may duplicate)."""

    kind: FailureKind
    detail: str
    sent: bool = False


Reply: TypeAlias = Answer | Failure

Exchange: TypeAlias = Generator[Request | Wait, Reply, Outcome]
