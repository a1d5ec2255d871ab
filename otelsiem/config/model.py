"""What a configuration says once it is read: receivers, processors, exporters and the service.

Everything is frozen and checked; times are seconds, sizes bytes. The keys are those of the OpenTelemetry Collector
where it has one. Destinations and processors bring their own models and are found by name (`discover.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from otelsiem.config.bearertokenauth import BearerTokenAuth
from otelsiem.config.lock import Auth, Included, IncludeMetadata, ServerTls
from otelsiem.config.quantity import Address, Endpoint, Number, Octets, Whole
from otelsiem.model.destination import Destination
from otelsiem.model.duration import Seconds
from otelsiem.model.errors import Problem
from otelsiem.model.match import Match
from otelsiem.model.processor import Processor

# The Collector's default since 0.110: what is not written is not open to the network. Containers write 0.0.0.0.
GRPC = Address("localhost", 4317)
HTTP = Address("localhost", 4318)


class Settings(BaseModel):
    """A block of keys: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Grpc(Settings):
    """OTLP over gRPC."""

    endpoint: Endpoint = Field(default=GRPC, description="host:port to listen on")
    tls: ServerTls | None = Field(default=None, description="encryption; without it everything travels as plain text")
    auth: Auth | None = Field(default=None, description="who may send; without it everybody may")
    include_metadata: Included = Field(default=IncludeMetadata(), description="what to keep of the request itself")
    max_recv_msg_size_mib: Whole = Field(default=20, ge=1, le=512, description="largest request, decompressed, in MiB")


class Http(Settings):
    """OTLP over HTTP, protobuf and JSON."""

    endpoint: Endpoint = Field(default=HTTP, description="host:port to listen on")
    tls: ServerTls | None = Field(default=None, description="encryption; without it everything travels as plain text")
    auth: Auth | None = Field(default=None, description="who may send; without it everybody may")
    include_metadata: Included = Field(default=IncludeMetadata(), description="what to keep of the request itself")
    max_request_body_size: Octets = Field(default=20 << 20, ge=1, description="largest request, decompressed")


class Protocols(Settings):
    """Only the protocols that are named are opened, each with its defaults when nothing follows its name."""

    grpc: Grpc | None = Field(default=None, description="OTLP over gRPC, and delivery receipts")
    http: Http | None = Field(default=None, description="OTLP over HTTP")

    @model_validator(mode="before")
    @classmethod
    def named_is_meant(cls, value: object) -> object:
        """`grpc:` with nothing behind it opens gRPC with its defaults, as in the Collector."""
        if not isinstance(value, dict):
            return value
        return {k: {} if v is None and k in {"grpc", "http"} else v for k, v in value.items()}

    @model_validator(mode="after")
    def at_least_one(self) -> Protocols:
        if self.grpc is None and self.http is None:
            raise ValueError("a receiver needs at least one protocol: write grpc:, http: or both")
        return self


class OtlpReceiver(Settings):
    """Takes OTLP log records."""

    protocols: Protocols = Field(description="`grpc`, `http` or both")

    @property
    def addresses(self) -> list[tuple[str, Address]]:
        """What it listens on, by protocol."""
        both = (("grpc", self.protocols.grpc), ("http", self.protocols.http))
        return [(name, protocol.endpoint) for name, protocol in both if protocol is not None]


class Batching(Settings):
    """The shape of one request. The destination's own limits stand above it."""

    max_size: Whole | None = Field(default=None, ge=1, description="never more; default: the destination's limit")
    sizer: Literal["items", "bytes"] = Field(default="items", description="whether sizes count records or bytes")
    flush_timeout: Seconds = Field(default=0.2, description="how long a record waits for company")


class SendingQueue(Settings):
    """How much is under way at once. The queue itself is the journal."""

    num_consumers: Whole = Field(default=4, ge=1, le=64, description="requests in flight at most")
    batch: Batching = Field(default=Batching(), description="the shape of a request")


class RetryOnFailure(Settings):
    """Patience. The defaults never give up; a record dies only of a limit that is set here, and holds never count."""

    enabled: bool = Field(default=True, description="false: one failed attempt makes a dead letter")
    initial_interval: Seconds = Field(default=1.0, gt=0, description="wait after the first failure")
    max_interval: Seconds = Field(default=60.0, gt=0, description="longest wait")
    multiplier: Number = Field(default=2.0, ge=1, le=100, description="growth of the wait from try to try")
    randomization_factor: Number = Field(default=0.5, ge=0, le=1, description="share by which a wait varies, both ways")
    max_elapsed_time: Seconds = Field(default=0.0, description="dead letter after this long; 0 = never")
    max_retries: Whole | None = Field(
        default=None, ge=0, description="dead letter after so many retries; unset = never"
    )

    @model_validator(mode="after")
    def ordered(self) -> RetryOnFailure:
        if self.initial_interval > self.max_interval:
            raise ValueError(
                f"initial_interval ({self.initial_interval:g}s) is longer than max_interval ({self.max_interval:g}s)"
            )
        return self


class RateLimit(Settings):
    """No more than this to the destination; what waits, waits in the journal."""

    events_per_second: Number = Field(gt=0, description="records a second, on average")
    burst: Number | None = Field(default=None, gt=0, description="records at once; default: one second's worth")


class HoldSettings(Settings):
    """What happens while the fault is ours or the operator's."""

    probe_interval: Seconds = Field(default=30.0, gt=0, description="between two looks whether it takes us again")


class ExporterSettings(Settings):
    """The keys that every exporter has beside those of its destination."""

    match: Match | None = Field(default=None, description="which records it takes; the others are counted as filtered")
    sending_queue: SendingQueue = Field(default=SendingQueue(), description="how much is under way at once")
    retry_on_failure: RetryOnFailure = Field(default=RetryOnFailure(), description="back-off and giving up")
    rate_limit: RateLimit | None = Field(default=None, description="records per second")
    timeout: Seconds = Field(default=10.0, gt=0, description="deadline of a request, where there are any")
    hold: HoldSettings = Field(default=HoldSettings(), description="probing while delivery is held")
    start_at: Literal["end", "beginning"] = Field(default="end", description="where a new exporter begins")
    resume: str | None = Field(
        default=None, description="id of a removed exporter whose pending records it takes over, per pipeline"
    )


class History(Settings):
    """How long delivered records stay in the journal, for search and fates. Both limits 0: not at all."""

    age: Seconds = Field(default=0.0, description="keep delivered records this long")
    size: Octets = Field(default=0, description="keep at most this much of them")


class JournalSettings(Settings):
    """The durable log that stands between receivers and exporters."""

    type: Literal["sqlite", "memory"] = Field(default="sqlite", description="`memory` is lost with the process")
    directory: Path = Field(default=Path("otelsiem-data"), description="where its files are")
    max_size_mib: Whole = Field(default=8192, ge=64, description="intake is refused above this")
    history: History = Field(
        default=History(), description="what stays after delivery, and how long its fates are known"
    )


class AdminSettings(Settings):
    """Health, metrics and commands."""

    endpoint: Endpoint = Field(default=Address("127.0.0.1", 8000), description="host:port to listen on")


class ShutdownSettings(Settings):
    """How the service ends."""

    drain_timeout: Seconds = Field(default=10.0, description="time to deliver what can go at once")


class Pipeline(Settings):
    """Which receivers feed which exporters, and what is done to the records between."""

    receivers: list[str] = Field(description="ids of the receivers that feed it")
    processors: list[str] = Field(default=[], description="ids of processors, in the order in which they work")
    exporters: list[str] = Field(description="ids of the exporters that deliver its records")


class Service(Settings):
    """What is put to work."""

    pipelines: dict[str, Pipeline] = Field(description="`logs` or `logs/name`")
    extensions: list[str] = Field(default=[], description="ids of the extensions that are put to work")
    journal: JournalSettings = Field(default=JournalSettings(), description="the durable log")
    admin: AdminSettings = Field(default=AdminSettings(), description="health, metrics and commands")
    shutdown: ShutdownSettings = Field(default=ShutdownSettings(), description="how the service ends")


@dataclass(frozen=True, slots=True)
class Exporter:
    """One exporter: where it delivers to, and how."""

    id: str
    destination: Destination
    settings: ExporterSettings


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that may start. Keyed by component id; only what pipelines use should be put to work."""

    receivers: Mapping[str, OtlpReceiver]
    processors: Mapping[str, Processor]
    exporters: Mapping[str, Exporter]
    service: Service
    warnings: tuple[Problem, ...] = ()
    extensions: Mapping[str, BearerTokenAuth] = field(default_factory=dict)
