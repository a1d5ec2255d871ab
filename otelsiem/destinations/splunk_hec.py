"""Splunk HTTP Event Collector, and what speaks its language (LogScale, Cribl Stream, CloudWatch's HLC endpoint).

Guarantees: only a bad record is ever rejected, and only that one; a bad token, index or address holds; the body of a
success is read; a record that the collector has already indexed is not sent again. HEC has no dedup: what had to be
sent twice is indexed twice, with the same `event_id`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from otelsiem import __version__
from otelsiem.destinations._hec_verdict import Judge
from otelsiem.destinations._payloads import Lines, payloads
from otelsiem.destinations._settings import SETTINGS, Duration, Headers, TemplateText, Tls, http_url, printable
from otelsiem.formats.gzip import decompress
from otelsiem.formats.hec import Schema, Style, envelopes
from otelsiem.formats.json import Product
from otelsiem.formats.template import Template
from otelsiem.model.destination import Encoded, HttpSettings, Limits, Moment, Payload, TlsSettings
from otelsiem.model.exchange import Answer, Exchange, HttpRequest
from otelsiem.model.record import Batch
from otelsiem.model.secret import Secret

EVENT_PATH = "/services/collector/event"
LARGEST_REQUEST = 2 << 20  # bytes: far below what Splunk Cloud takes (contract 4)
LARGEST_EVENT = 838_860_800  # bytes: limits.conf [http_input] max_content_length

_encoder = msgspec.json.Encoder()


def _endpoint(value: str) -> str:
    """The URL to post events to, from a base URL or from the whole one."""
    url = http_url(value).rstrip("/")
    path = urlsplit(url).path
    if "/services/collector" in path:
        if not path.endswith(("/services/collector", "/event", "/event/1.0")):
            raise ValueError(f"must end with {EVENT_PATH}, or be the base URL (https://splunk.example.com:8088)")
        return url
    return url if path.endswith("/hec") else url + EVENT_PATH  # LogScale: /api/v1/ingest/hec


def _token(value: Secret) -> Secret:
    token = value.get_secret_value().strip()  # files end with a newline
    if not token:
        raise ValueError("is empty: set the HEC token (Splunk: Settings > Data inputs > HTTP Event Collector)")
    if not printable(token) or " " in token:
        raise ValueError("has characters that no token has; write the token alone, without `Splunk` before it")
    return Secret(token)


class SplunkHec(BaseModel):
    """Events to Splunk over the HTTP Event Collector.

    `index`, `source`, `sourcetype` and `host` are templates (`audit-{tenant.id}`). With fields in `index`, each index
    gets requests of its own, so that one that is not allowed holds nobody else.
    """

    model_config = SETTINGS

    endpoint: Annotated[str, AfterValidator(_endpoint)] = Field(
        description="base URL of the collector (https://splunk.example.com:8088), or the whole URL"
    )
    token: Annotated[Secret, AfterValidator(_token)] = Field(description="the HEC token")
    index: TemplateText | None = Field(None, description="index; unset: the token's default index")
    source: TemplateText | None = Field("otelsiem:{event}", description="source")
    sourcetype: TemplateText | None = Field("_json", description="source type")
    host: TemplateText | None = Field(None, description="host; unset: the resource's host.name, else this machine")
    fields: tuple[str, ...] = Field(
        (), description="attributes to index beside the record id, the trace, tenant, agent, correlation and hash"
    )
    schema_: Schema = Field(
        "cim", alias="schema", description="cim: the normalised event and Splunk's CIM names; event: without them"
    )
    product: Product = Field(Product(), description="vendor, product and version, where the resource must not decide")
    compression: Literal["gzip", "none"] = Field("gzip", description="of bodies over 1.5 KB")
    max_request_bytes: int = Field(1 << 20, ge=1024, le=LARGEST_REQUEST, description="uncompressed bytes of a request")
    max_event_bytes: int = Field(
        LARGEST_REQUEST, ge=1024, le=LARGEST_EVENT, description="an event over it becomes a dead letter, unsent"
    )
    tls: Tls = Field(Tls(), description="how the collector proves who it is")
    timeout: Duration = Field(10.0, description="total time for one request")
    headers: Headers = Field({}, description="headers to add to every request")

    @model_validator(mode="before")
    @classmethod
    def _collector_spellings(cls, data: Any) -> Any:
        """What the Collector's splunk_hec exporter calls otherwise."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if "max_content_length_logs" in data:
            data.setdefault("max_request_bytes", data.pop("max_content_length_logs"))
        if "disable_compression" in data:
            data.setdefault("compression", "none" if data.pop("disable_compression") else "gzip")
        return data

    @field_validator("fields")
    @classmethod
    def _indexable(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:  # contract 11: Splunk hides names with a leading _, and cannot search for these signs
            if not name or name.startswith("_") or not printable(name) or any(sign in name for sign in "=\"' "):
                raise ValueError(f"{name!r} cannot be an indexed field: no leading _, no =, quotes or spaces")
        return names

    @property
    def limits(self) -> Limits:
        return Limits(bytes=self.max_request_bytes, record_bytes=self.max_event_bytes)

    @property
    def wire(self) -> HttpSettings:
        return HttpSettings(
            timeout=self.timeout, tls=TlsSettings(ca_file=self.tls.ca_file, verify=not self.tls.insecure_skip_verify), max_reply=1 << 20
        )

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        style = self._style
        keyed = style.index is not None and style.index.constant is None

        def write(part: Batch) -> Lines:
            written = envelopes(part, at, style)
            return _encoder.encode_lines(written), [e.index or "" for e in written] if keyed else ()

        return payloads(batch, write, self.limits, gzip=self.compression == "gzip")

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        reply = yield self._post(payload.body, payload.headers)
        if isinstance(reply, Answer) and reply.status == 415 and "Content-Encoding" in payload.headers:
            reply = yield self._post(decompress(payload.body), {})  # it does not know gzip: once as it is
        return self._judge.payload(reply, len(payload.indices), payload.size, at.now)

    def probe(self, at: Moment) -> Exchange:
        reply = yield self._post(b"", {})  # writes nothing, and unlike /health it looks at the token (contract 9)
        return self._judge.probe(reply, at.now)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> HttpRequest:
        complete = {
            **{name: value.get_secret_value() for name, value in self.headers.items()},
            "Authorization": f"Splunk {self.token.get_secret_value()}",
            "Content-Type": "application/json",
            "User-Agent": f"otelsiem/{__version__}",
            **headers,
        }
        return HttpRequest("POST", self.endpoint, complete, body)

    @property
    def _judge(self) -> Judge:
        extra = [value.get_secret_value() for value in self.headers.values()]
        return Judge((self.token.get_secret_value(), *extra))

    @property
    def _style(self) -> Style:
        return Style(
            _compiled(self.host), _compiled(self.source), _compiled(self.sourcetype), _compiled(self.index),
            self.fields, self.schema_, self.product,
        )  # fmt: skip


@lru_cache(maxsize=256)  # templates are settings: few, and the same for every batch
def _compiled(template: str | None) -> Template | None:
    return Template(template) if template else None
