"""OTLP over HTTP: to any Collector, gateway or vendor that takes OpenTelemetry logs, in protobuf or in JSON.

Guarantees: those of `otlp.py`. A 200 whose body says otherwise is believed; a page for people is no receiver's answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from otelsiem import __version__
from otelsiem.destinations import _otlp_round
from otelsiem.destinations._otlp_endpoints import HttpEndpoints, OtlpHeaders, host_port, known, logs_url
from otelsiem.destinations._otlp_requests import requests
from otelsiem.destinations._otlp_verdict import Judge
from otelsiem.destinations._settings import HttpClient
from otelsiem.formats import gzip, zstd
from otelsiem.model.destination import Encoded, HttpSettings, Limits, Moment, Payload, Traits
from otelsiem.model.errors import MissingExtraError
from otelsiem.model.exchange import Exchange, HttpRequest
from otelsiem.model.record import Batch
from otelsiem.otlp.encode import PROTOBUF
from otelsiem.otlp.encode_json import JSON

_TYPES = {"proto": "application/x-protobuf", "json": "application/json"}


class OtlpHttp(HttpClient):
    """Records to an OTLP receiver over HTTP."""

    endpoint: HttpEndpoints | None = Field(
        None, description="base URL of the receiver (https://collector.example.com:4318), or a list; /v1/logs is added"
    )
    logs_endpoint: HttpEndpoints | None = Field(None, description="whole URL for logs, used as it is, or a list")
    headers: OtlpHeaders = Field({}, description="headers to add to every request, for example Authorization")
    encoding: Literal["proto", "json"] = Field("proto", description="of requests: protobuf or JSON")
    compression: Literal["gzip", "zstd", "none"] = Field("gzip", description="of bodies over 1.5 KB")
    max_request_bytes: int = Field(3 << 20, ge=1024, le=64 << 20, description="uncompressed bytes of a request")

    traits: ClassVar[Traits] = Traits(
        title="OpenTelemetry Collector, gateways and vendors over OTLP/HTTP",
        auth="headers (bearer token, API key), client certificate",
        batching="requests of up to 3 MiB and 1,000 records; resource and scope are kept",
        compression="gzip, zstd",
        partial="a refused request is halved until the record is alone; of a partial success, which does not say which "
        "records are meant, all become dead letters and none is sent again",
        idempotence="none in the protocol: the receiver gets both, with the same log.record.uid",
        probe="an empty request: address, TLS and credentials",
        cannot="what becomes of a record behind the receiver: an OK is from the next hop",
    )

    @field_validator("compression")
    @classmethod
    def _installed(cls, value: str) -> str:
        if value == "zstd":
            try:
                zstd.available()
            except MissingExtraError as missing:
                raise ValueError(str(missing)) from None
        return value

    @model_validator(mode="before")
    @classmethod
    def _somewhere(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("endpoint") is None and data.get("logs_endpoint") is None:
            raise ValueError("endpoint is missing: the base URL of the receiver, for example https://collector:4318")
        return data

    @property
    def urls(self) -> Sequence[str]:
        """Where requests go."""
        return self.logs_endpoint or [logs_url(base) for base in self.endpoint or ()]

    @property
    def limits(self) -> Limits:
        return Limits(bytes=self.max_request_bytes)

    @property
    def wire(self) -> HttpSettings:
        return self.http_settings()

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        del at
        return requests(batch, JSON if self.encoding == "json" else PROTOBUF, self.limits, self._payload)

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        records = len(payload.indices)
        return _otlp_round.converse(
            len(self.urls), at, self.timeout, lambda node: self._post(node, payload.body, payload.headers),
            lambda node, reply: self._judge(node).http(reply, records, at.now),
        )  # fmt: skip

    def probe(self, at: Moment) -> Exchange:
        """Delivered: an endpoint is reached and takes our credentials: it has answered an empty request."""
        empty = b"{}" if self.encoding == "json" else b""
        return _otlp_round.converse(
            len(self.urls), at, self.timeout, lambda node: self._post(node, empty, {}),
            lambda node, reply: (judge := self._judge(node)).blameless(judge.http(reply, 0, at.now)),
        )  # fmt: skip

    def _payload(self, body: bytes, indices: Sequence[int]) -> Payload:
        size = len(body)
        if self.compression == "none" or size <= gzip.WORTHWHILE:
            return Payload(body, indices, "", {}, size)
        packed = gzip.compress(body) if self.compression == "gzip" else zstd.compress(body)
        return Payload(packed, indices, "", {"Content-Encoding": self.compression}, size)

    def _post(self, node: int, body: bytes, headers: Mapping[str, str]) -> HttpRequest:
        complete = {
            **{name: secret.get_secret_value() for name, secret in self.headers.items()},
            "Content-Type": _TYPES[self.encoding],
            "User-Agent": f"otelsiem/{__version__}",
            **headers,
        }
        return HttpRequest("POST", self.urls[node], complete, body)

    def _judge(self, node: int) -> Judge:
        peer = host_port(self.urls[node]) if len(self.urls) > 1 else ""
        return Judge((*known(self.headers), *self.shared_secrets), peer, self.encoding == "json")
