"""What a destination is to the rest of the house: limits, encode, exchange, probe. All of it pure.

`encode` is total: every record of the batch is in exactly one payload or in `rejected`, and no payload exceeds the
limits unless it holds a single record. Time, host and channel come in as a `Moment`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from otelsiem.model.adapter import AdapterSettings
from otelsiem.model.exchange import Exchange, Reply, Request, Wait
from otelsiem.model.nodes import Nodes
from otelsiem.model.outcome import Outcome, Ticket
from otelsiem.model.record import Batch


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold; also the shape of a lease. Bytes are uncompressed, separators included."""

    records: int = 1000
    bytes: int = 1 << 20
    record_bytes: int | None = None
    age: float = 0.2  # seconds a lease waits for company (flush_timeout)


@dataclass(frozen=True, slots=True)
class Moment:
    """What purity needs to be told."""

    now: int  # ns since the epoch
    host: str = ""
    instance: str = ""
    channel: str = ""  # a GUID of the courier that asks: HEC counts its acknowledgements per channel
    attempt: int = 0
    draw: float = 0.5  # fresh randomness in [0, 1), for jitter
    nodes: Nodes = field(default_factory=Nodes, compare=False)  # what this exporter knows of its endpoints


@dataclass(frozen=True, slots=True)
class Payload:
    """One request's worth of records."""

    body: bytes = field(repr=False)
    indices: Sequence[int]  # of the batch it was encoded from, ascending
    key: str = ""  # "" = all payloads share one fate; else what must not share a request (an index, a tenant)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)  # content-encoding and the like
    size: int = 0  # uncompressed bytes


@dataclass(frozen=True, slots=True)
class Encoded:
    """The payloads of a batch, and the records that can never be sent with the reason for each."""

    payloads: Sequence[Payload]
    rejected: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Whom we trust, and who we say we are. Files are read when a connection is opened, and again once they changed."""

    ca_file: str = ""  # "" = the system's authorities
    cert_file: str = ""  # our certificate with its chain
    key_file: str = ""
    verify: bool = True
    server_name: str = ""  # what the peer's certificate must name; "" = the host of the URL
    min_version: str = "1.2"  # "1.2" or "1.3"
    fingerprint: str = ""  # SHA-256 of a certificate in the peer's chain (model/fingerprint.py): it alone is trusted
    alpn: str = "http/1.1"  # what is spoken inside (RFC 7301); "" = that is not said


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How to open connections for HTTP requests."""

    timeout: float = 10.0  # total deadline of one request, seconds
    tls: TlsSettings = TlsSettings()
    proxy: str = field(repr=False, default="")  # http://[user:password@]host:port; "" = none
    max_reply: int = 4 << 20
    connections: int = 64  # at once, to all peers together: an exporter has no more couriers
    idle_connections: int = 64  # kept open between requests; 0 = none
    idle_seconds: float = 90.0  # a connection unused for longer is not used again


@dataclass(frozen=True, slots=True)
class GrpcSettings:
    """How to open channels for gRPC calls. TLS verifies always, and speaks 1.2 or newer."""

    timeout: float = 10.0  # total deadline of one call, seconds
    tls: TlsSettings = TlsSettings()
    max_reply: int = 4 << 20
    keepalive_seconds: float = 0.0  # a ping after so long without data; 0 = none
    keepalive_timeout: float = 20.0  # a ping unanswered for so long ends the connection
    keepalive_idle: bool = False  # also while no call is under way
    balancer: str = "round_robin"  # among the addresses of a name: round_robin or pick_first
    authority: str = ""  # what calls say they are for; "" = the host of the URL


@dataclass(frozen=True, slots=True)
class FileSettings:
    """Where and how to write records on this machine."""

    path: str
    rotate_bytes: int = 0  # 0 = never by size
    rotate_seconds: float = 0.0  # 0 = never by age
    keep: int = 0  # rotated files kept; 0 = all
    compression: str = ""  # of rotated files: "" or "gzip"
    fsync: str = "batch"  # batch: before the write is answered; never: the kernel decides
    mode: int = 0o600


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """A stream of this process."""

    stream: str = "stdout"


@dataclass(frozen=True, slots=True)
class OAuth:
    """Where tokens come from: OAuth 2.0 client credentials (RFC 6749 4.4)."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    ca_file: str = ""  # for the token endpoint; "" = the system's authorities


@dataclass(frozen=True, slots=True)
class Sasl:
    """How we say who we are."""

    mechanism: str  # PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER
    username: str = ""
    password: str = field(repr=False, default="")
    oauth: OAuth | None = None


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """One producer. What audit data needs is not here because it is not a choice: idempotent, acks of all in sync."""

    brokers: tuple[str, ...]  # host:port
    client_id: str = "otelsiem"
    timeout: float = 60.0  # seconds until a message has arrived or is given back, every retry of the client included
    tls: TlsSettings | None = None  # None = nothing is encrypted
    sasl: Sasl | None = None
    compression: str = "zstd"
    compression_level: int = -1  # -1 = the codec's own default
    max_message_bytes: int = 1_000_000  # of a message and of a batch of messages, before compression
    linger: float = 0.005  # seconds that a batch waits for company
    create_topics: bool = False  # let the broker create topics that do not exist
    refresh: float = 300.0  # seconds between two looks at who leads what
    canonical: bool = False  # broker names are aliases: resolve them to their canonical names first


@dataclass(frozen=True, slots=True)
class SocketSettings:
    """A peer that is sent bytes and says nothing: a connection for each session (courier)."""

    host: str
    port: int
    network: str = "tcp"  # or "udp"
    tls: TlsSettings | None = None  # None = nothing is encrypted
    timeout: float = 10.0  # seconds to connect and to shake hands
    after: float = 3.0  # seconds a connection lives on before what the peer's kernel has of it counts as arrived
    dead_after: float = 30.0  # seconds without an acknowledgement, or without taking a byte, that end a connection


Wire: TypeAlias = (
    HttpSettings | GrpcSettings | SocketSettings | FileSettings | StreamSettings | KafkaSettings | AdapterSettings
)


@dataclass(frozen=True, slots=True)
class Traits:
    """What a person choosing a destination wants to know, in a few words each; the matrix page prints them."""

    title: str  # the product's own name
    auth: str
    batching: str
    compression: str
    partial: str  # what becomes of the others when one record is refused
    idempotence: str  # what a payload that is sent twice does there
    probe: str  # what `otelsiem test` proves before it sends a record
    cannot: str  # what nobody can promise with this service


class Destination(Protocol):
    """A service and how to speak to it. A frozen pydantic model: its fields are the YAML keys.

    Our own also have `traits: ClassVar[Traits]`; without it a destination has no row in the matrix.
    """

    @property
    def limits(self) -> Limits: ...

    @property
    def wire(self) -> Wire:
        """What kind of transport carries the requests, and its settings."""

    def encode(self, batch: Batch, at: Moment) -> Encoded: ...

    def exchange(self, payload: Payload, at: Moment) -> Exchange: ...

    def probe(self, at: Moment) -> Exchange:
        """A harmless question whose Delivered means: reachable, and our credentials are good."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How patiently to ask what became of payloads that were accepted. Seconds."""

    interval: float = 10.0  # between two questions on one channel
    timeout: float = 300.0  # not confirmed by an answer after this long: sent again
    most: int = 10_000  # payloads of one courier that may be unconfirmed at once; then it takes no new lease


Confirming: TypeAlias = Generator[Request | Wait, Reply, Mapping[Ticket, Outcome]]


@runtime_checkable
class Confirms(Protocol):
    """The further half of a destination whose exchange may return `Accepted`."""

    @property
    def confirmation(self) -> Confirmation | None:
        """None: these settings want no confirmation, and no exchange returns `Accepted`."""

    def confirm(self, tickets: Sequence[Ticket], at: Moment) -> Confirming:
        """Ask what became of tickets given on `at.channel`.

        Delivered: confirmed, settle it. Retry or Hold: it could not be asked, nothing is known, ask again later.
        Reject or Split: the peer says that it has lost the payload, so send it again. Left out: not yet.
        """


@dataclass(frozen=True, slots=True)
class Caution:
    """A setting that is allowed and wants to be known about: told when a configuration is read."""

    key: str  # the setting
    said: str
    hint: str = ""


@runtime_checkable
class Cautions(Protocol):
    """The further half of a destination some of whose settings cost something that a person should know."""

    def cautions(self) -> Sequence[Caution]: ...


@dataclass(frozen=True, slots=True)
class Installed:
    """One thing that `otelsiem setup` looked after: what it is, and what came of it."""

    what: str  # "index template otelsiem-audit"
    outcome: Outcome  # Delivered: it is there now; its note says whether it was there before
    request: Request | None = None  # what was asked for, for `--dry-run`


Installing: TypeAlias = Generator[Request | Wait, Reply, Sequence[Installed]]


@runtime_checkable
class Installs(Protocol):
    """The further half of a destination whose service wants preparing: templates, topics, streams."""

    def setup(self, at: Moment) -> Installing:
        """Make what is missing; what is there already is left as it is unless it is ours and older."""
