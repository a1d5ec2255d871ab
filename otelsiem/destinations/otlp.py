"""OTLP over gRPC: to any Collector, gateway or vendor that takes OpenTelemetry logs.

Guarantees: every field of a record arrives under its own, with its id as `log.record.uid` so that whoever gets it twice
can tell; only what blames the records is rejected; what was partly taken is not sent again. OTLP itself promises
neither deduplication nor more than one hop: an OK says that this receiver has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from otelsiem.destinations import _otlp_round
from otelsiem.destinations._otlp_endpoints import GrpcEndpoints, Metadata, host_port, known
from otelsiem.destinations._otlp_requests import requests
from otelsiem.destinations._otlp_verdict import Judge
from otelsiem.destinations._settings import SETTINGS, Tls, known_in_tls, printable
from otelsiem.formats.gzip import WORTHWHILE
from otelsiem.model.destination import Encoded, GrpcSettings, Limits, Moment, Payload, Traits
from otelsiem.model.duration import Duration
from otelsiem.model.exchange import Exchange, GrpcRequest
from otelsiem.model.record import Batch
from otelsiem.otlp.encode import PROTOBUF

METHOD = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


class GrpcTls(Tls):
    """As for HTTP; gRPC verifies always, and its core speaks TLS 1.2 or newer."""

    insecure: bool = Field(False, description="no TLS at all: for an endpoint without a scheme")

    @model_validator(mode="before")
    @classmethod
    def _collector_keys(cls, data: Any) -> Any:
        """The Collector's other keys; what gRPC cannot do is refused."""
        if not isinstance(data, dict):
            return data
        if data.get("insecure_skip_verify") is True:
            raise ValueError("insecure_skip_verify: gRPC verifies always; name the peer's certificate in ca_file")
        if str(data.get("min_version")) == "1.3":
            raise ValueError("min_version: gRPC takes no lower limit; the newest that both speak is used, at least 1.2")
        return {**known_in_tls(data), "insecure": data.get("insecure") or False}


class Keepalive(BaseModel):
    """Pings on a quiet connection, so that a dead one is noticed. Too many make a server hang up."""

    model_config = SETTINGS

    time: Duration = Field(10.0, description="a ping after so long without data")
    timeout: Duration = Field(10.0, description="a ping unanswered for so long ends the connection")
    permit_without_stream: bool = Field(False, description="also while no request is under way")


def _authority(value: str) -> str:
    if not printable(value) or any(sign in value for sign in " /@"):
        raise ValueError("is a host name, with a port if needed")
    return value


class Otlp(BaseModel):
    """Records to an OTLP receiver over gRPC."""

    model_config = SETTINGS

    endpoint: GrpcEndpoints = Field(
        description="host:port of the receiver (collector.example.com:4317); http:// before it: without TLS; or a list"
    )
    tls: GrpcTls = Field(GrpcTls(), description="whom we trust, and who we say we are; insecure: true for none")
    headers: Metadata = Field({}, description="metadata to add to every request, for example authorization")
    compression: Literal["gzip", "none"] = Field("gzip", description="of messages over 1.5 KB")
    timeout: Duration = Field(10.0, description="total time for one request")
    keepalive: Keepalive | None = Field(None, description="pings on a quiet connection; none unless set")
    balancer_name: Literal["round_robin", "pick_first"] = Field(
        "round_robin", description="how the addresses of a name share the requests"
    )
    authority: Annotated[str, AfterValidator(_authority)] = Field(
        "", description="host that requests say they are for, instead of the endpoint's"
    )
    max_request_bytes: int = Field(3 << 20, ge=1024, le=64 << 20, description="uncompressed bytes of a request")

    traits: ClassVar[Traits] = Traits(
        title="OpenTelemetry Collector, gateways and vendors over OTLP/gRPC",
        auth="metadata (bearer token, API key), client certificate",
        batching="requests of up to 3 MiB and 1,000 records; resource and scope are kept",
        compression="gzip",
        partial="a refused request is halved until the record is alone; of a partial success, which does not say which "
        "records are meant, all become dead letters and none is sent again",
        idempotence="none in the protocol: the receiver gets both, with the same log.record.uid",
        probe="an empty request: address, TLS and credentials",
        cannot="what becomes of a record behind the receiver: an OK is from the next hop",
    )

    @model_validator(mode="after")
    def _encrypted_or_not(self) -> Otlp:
        for address in self.endpoint:
            if address.startswith("https://") and self.tls.insecure:
                raise ValueError("endpoint: https:// and tls.insecure: true contradict each other; leave one out")
            files = self.tls.ca_file or self.tls.cert_file
            if files and (self.tls.insecure or address.startswith("http://")):
                raise ValueError("tls: files are named, and yet the connection would be without TLS; leave one out")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(bytes=self.max_request_bytes)

    @property
    def wire(self) -> GrpcSettings:
        keepalive = self.keepalive or Keepalive()
        return GrpcSettings(
            timeout=self.timeout,
            tls=self.tls.settings,
            keepalive_seconds=keepalive.time if self.keepalive else 0.0,
            keepalive_timeout=keepalive.timeout,
            keepalive_idle=keepalive.permit_without_stream,
            balancer=self.balancer_name,
            authority=self.authority,
        )

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        del at
        return requests(batch, PROTOBUF, self.limits, _payload)

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        records, size = len(payload.indices), payload.size

        def ask(node: int) -> GrpcRequest:
            return self._call(node, payload.body)

        return _otlp_round.converse(
            len(self.endpoint), at, self.timeout, ask,
            lambda node, reply: self._judge(node).grpc(reply, records, size, at.now),
        )  # fmt: skip

    def probe(self, at: Moment) -> Exchange:
        """Delivered: an endpoint is reached and takes our credentials: it has answered an empty request."""
        return _otlp_round.converse(
            len(self.endpoint), at, self.timeout, lambda node: self._call(node, b""),
            lambda node, reply: (judge := self._judge(node)).blameless(judge.grpc(reply, 0, 0, at.now)),
        )  # fmt: skip

    def _call(self, node: int, message: bytes) -> GrpcRequest:
        metadata = {name: secret.get_secret_value() for name, secret in self.headers.items()}
        gzip = self.compression == "gzip" and len(message) > WORTHWHILE
        return GrpcRequest(self._urls[node], METHOD, message, metadata, "gzip" if gzip else "")

    def _judge(self, node: int) -> Judge:
        return Judge(known(self.headers), host_port(self._urls[node]) if len(self.endpoint) > 1 else "")

    @property
    def _urls(self) -> Sequence[str]:
        scheme = "http" if self.tls.insecure else "https"
        return [each if "://" in each else f"{scheme}://{each}" for each in self.endpoint]


def _payload(body: bytes, indices: Sequence[int]) -> Payload:
    return Payload(body, indices, "", {}, len(body))
