"""Splunk HTTP Event Collector, and what speaks its language (LogScale, Cribl Stream, CloudWatch's HLC endpoint).

Guarantees: only a bad record is ever rejected, and only that one; a bad token, index or address holds; the body of a
success is read; a record that the collector has already indexed is not sent again. With `ack`, delivered means that
the indexers confirmed it. Another endpoint gets a payload only when the one before it cannot have taken it. HEC has no
dedup: what had to be sent twice is indexed twice, with the same `event_id`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal
from zlib import crc32

import msgspec
from pydantic import AfterValidator, Field, field_validator, model_validator

from otelsiem import __version__
from otelsiem.destinations import _hec_ack, _hec_confirm
from otelsiem.destinations._hec_ack import Ack, AckText
from otelsiem.destinations._hec_url import Endpoints, ack_url, health_url, peer, url_path
from otelsiem.destinations._hec_verdict import Judge, untouched, unwell
from otelsiem.destinations._payloads import LARGE_PIECE, Lines, payloads
from otelsiem.destinations._settings import HttpClient, TemplateText, printable
from otelsiem.formats.gzip import decompress
from otelsiem.formats.hec import Schema, Style, body, indexes
from otelsiem.formats.speaker import Product
from otelsiem.formats.template import Template
from otelsiem.model.destination import Confirmation, Confirming, Encoded, HttpSettings, Limits, Moment, Payload, Traits
from otelsiem.model.exchange import Answer, Exchange, Failure, HttpRequest, Reply, Request, Wait
from otelsiem.model.outcome import Outcome, Ticket
from otelsiem.model.record import Batch
from otelsiem.model.secret import Secret

LARGEST_REQUEST = 2 << 20  # bytes: far below what Splunk Cloud takes (contract 4)
LARGEST_EVENT = 838_860_800  # bytes: limits.conf [http_input] max_content_length

NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_encoder = msgspec.json.Encoder()


def _token(value: Secret) -> Secret:
    token = value.get_secret_value().strip()  # files end with a newline
    if not token:
        raise ValueError("is empty: set the HEC token (Splunk: Settings > Data inputs > HTTP Event Collector)")
    if not printable(token) or " " in token:
        raise ValueError("has characters that no token has; write the token alone, without `Splunk` before it")
    return Secret(token)


class SplunkHec(HttpClient):
    """Events to Splunk over the HTTP Event Collector.

    `index`, `source`, `sourcetype` and `host` are templates (`audit-{tenant.id}`). With fields in `index`, each index
    gets requests of its own, so that one that is not allowed holds nobody else.
    """

    traits: ClassVar[Traits] = Traits(
        title="Splunk HTTP Event Collector, and what speaks its language (LogScale, Cribl Stream)",
        auth="HEC token; client certificate",
        batching="1,000 events, 1 MiB (at most 2) of a request; one request per index when `index` has fields",
        compression="gzip over 1.5 KB; without it when the collector does not know it",
        partial="what was indexed before it is not sent again; it alone becomes a dead letter, the others go on",
        idempotence="indexed twice, with the same `event_id`; with `ack` only what was not confirmed is sent again",
        probe="the health of the collector, then the token",
        cannot="without `ack`: that what a collector took survives its crash; with and without: no copies",
    )

    endpoint: Endpoints = Field(
        description="base URL of the collector (https://splunk.example.com:8088), or the whole URL; or a list of them"
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
    ack: AckText = Field(Ack(enabled=False), description="indexer acknowledgement; off unless the block is there")
    health_check_enabled: bool = Field(True, description="ask for its health before it is called well")
    health_path: Annotated[str, AfterValidator(url_path)] | None = Field(
        None, description="path to ask for its health; unset: /services/collector/health beside the events"
    )

    @model_validator(mode="before")
    @classmethod
    def _collector_spellings(cls, data: Any) -> Any:
        """What the Collector's splunk_hec exporter calls otherwise."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if "max_content_length_logs" in data:
            most = data.pop("max_content_length_logs")  # a smaller request keeps to it, too
            data.setdefault("max_request_bytes", min(most, LARGEST_REQUEST) if type(most) is int else most)
        if "max_event_size" in data:
            data.setdefault("max_event_bytes", data.pop("max_event_size"))
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

    @model_validator(mode="after")
    def _confirmable(self) -> SplunkHec:
        if self.ack.enabled and not all(ack_url(url, "") for url in self.endpoint):
            raise ValueError("ack: an endpoint that ends in /hec (LogScale) confirms nothing; leave ack out")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(bytes=self.max_request_bytes, record_bytes=self.max_event_bytes)

    @property
    def wire(self) -> HttpSettings:
        return self.http_settings(max_reply=1 << 20)

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        style = self._style
        keyed = style.index is not None and style.index.constant is None

        def write(part: Batch) -> Lines:
            return body(part, at, style), indexes(part, style) if keyed else ()

        return payloads(batch, write, self.limits, piece=LARGE_PIECE, gzip=self.compression == "gzip")

    @property
    def confirmation(self) -> Confirmation | None:
        return self.ack.confirmation

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        """One endpoint after another, as long as it is certain that nothing of the payload was taken."""
        first: Outcome | None = None
        for node in self._round(at):
            reply = yield self._post(node, at, payload.body, payload.headers)
            if isinstance(reply, Answer) and reply.status == 415 and "Content-Encoding" in payload.headers:
                reply = yield self._post(node, at, decompress(payload.body))  # it does not know gzip: once as it is
            outcome = self._judge(node).payload(reply, len(payload.indices), payload.size, at.now)
            first = first or outcome
            self._heard(node, reply, outcome, at)
            if not untouched(reply, outcome):
                return outcome
        assert first is not None, "there is an endpoint"
        return first

    def confirm(self, tickets: Sequence[Ticket], at: Moment) -> Confirming:
        """Each endpoint is asked for its own ids; one that gives no answer is not asked on."""
        found: dict[Ticket, Outcome] = {}
        for waiting in _hec_ack.pending(tickets, self.ack.timeout, at.now):
            judge, reply = self._judge(waiting.node), None
            if waiting.mixed:
                found |= _hec_confirm.mixed(judge, waiting.tickets, waiting.overdue)
                continue
            for part in _hec_ack.parts(waiting.numbers):
                if not isinstance(reply, Failure):
                    reply = yield self._question(waiting.node, at, list(part))
                found |= _hec_confirm.confirmed(judge, reply, part, waiting.overdue, at.now)
        return found

    def probe(self, at: Moment) -> Exchange:
        """Delivered: an endpoint is well and takes our token. The next one is asked when one is not well."""
        first: Outcome | None = None
        for node in self._round(at):
            reply, outcome = yield from self._ask(node, at)
            first = first or outcome
            self._heard(node, reply, outcome, at)
            if not unwell(reply, outcome):
                return outcome
        assert first is not None, "there is an endpoint"
        return first

    def _ask(self, node: int, at: Moment) -> Generator[Request | Wait, Reply, tuple[Reply, Outcome]]:
        judge = self._judge(node)
        url = health_url(self.endpoint[node], self.health_path) if self.health_check_enabled else ""
        if url:
            reply = yield HttpRequest("GET", url, self._headers(at), b"", self._session(at))
            if outcome := judge.health(reply, at.now):
                return reply, outcome
        reply = yield self._post(node, at, b"")  # writes nothing, and unlike /health it looks at the token (contract 9)
        return reply, judge.probe(reply, at.now)

    def _round(self, at: Moment) -> Sequence[int]:
        """The endpoints, best first. Couriers begin at different ones, each stays with its own."""
        return at.nodes.order(len(self.endpoint), at.now, crc32(at.channel.encode()))

    def _heard(self, node: int, reply: Reply, outcome: Outcome, at: Moment) -> None:
        if unwell(reply, outcome):
            late = isinstance(reply, Failure) and reply.kind == "timeout"  # then so much later it is by now
            at.nodes.failed(node, at.now + int(self.timeout * 1e9) if late else at.now)
        else:
            at.nodes.answered(node)

    def _post(self, node: int, at: Moment, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> HttpRequest:
        return HttpRequest("POST", self.endpoint[node], {**self._headers(at), **headers}, body, self._session(at))

    def _question(self, node: int, at: Moment, numbers: list[int]) -> HttpRequest:
        url = ack_url(self.endpoint[node], at.channel)
        return HttpRequest("POST", url, self._headers(at), _encoder.encode({"acks": numbers}), self._session(at))

    def _headers(self, at: Moment) -> dict[str, str]:
        complete = {
            **{name: value.get_secret_value() for name, value in self.headers.items()},
            "Authorization": f"Splunk {self.token.get_secret_value()}",
            "Content-Type": "application/json",
            "User-Agent": f"otelsiem/{__version__}",
        }
        if self.ack.enabled:
            complete["X-Splunk-Request-Channel"] = at.channel
        return complete

    def _session(self, at: Moment) -> str:
        """An ackId is known only to the node that gave it: a load balancer finds it by its cookie (contract 2)."""
        return at.channel if self.ack.enabled else ""

    def _judge(self, node: int) -> Judge:
        several = peer(self.endpoint[node]) if len(self.endpoint) > 1 else ""
        return Judge((self.token.get_secret_value(), *self.shared_secrets), several, node, self.ack.enabled)

    @property
    def _style(self) -> Style:
        return Style(
            _compiled(self.host), _compiled(self.source), _compiled(self.sourcetype), _compiled(self.index),
            self.fields, self.schema_, self.product,
        )  # fmt: skip


@lru_cache(maxsize=256)  # templates are settings: few, and the same for every batch
def _compiled(template: str | None) -> Template | None:
    return Template(template) if template else None
