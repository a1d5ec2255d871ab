"""What Elasticsearch and OpenSearch have in common: records as bulk requests, judged item by item.

Guarantees: sending a record twice leaves one copy, as long as its index is the same (contract 5); each record has a
verdict of its own; another endpoint is asked as soon as one fails; an index that does not take records holds nobody
else's, where records are divided among several.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from pydantic import Field, model_validator

from otelsiem.destinations import _bulk_probe as probes
from otelsiem.destinations import _bulk_settings as settings
from otelsiem.destinations import _bulk_things as things
from otelsiem.destinations._bulk_answer import FILTER
from otelsiem.destinations._bulk_cluster import JSON, Cluster
from otelsiem.destinations._bulk_index import Indices, Names, Streams, Where
from otelsiem.destinations._bulk_lines import PARTS, written
from otelsiem.destinations._bulk_setup import Thing, installed
from otelsiem.destinations._bulk_verdict import Judge, elsewhere, unwell
from otelsiem.destinations._payloads import LARGE_PIECE, PIECE, entries
from otelsiem.formats import ecs, otel_native
from otelsiem.formats.speaker import Product
from otelsiem.model.destination import Encoded, HttpSettings, Installed, Installing, Limits, Moment, Payload
from otelsiem.model.exchange import Exchange, HttpRequest, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome
from otelsiem.model.record import Batch

LARGEST_REQUEST = 100 << 20  # bytes: http.max_content_length, counted after decompression (contract 4)


class BulkClient(Cluster):
    """The settings and the conversations that both have."""

    index: settings.Index | None = Field(
        None, description="index or alias, for example audit-{tenant.id}-%Y.%m.%d; unset: the data stream"
    )
    data_stream: settings.DataStream = Field(
        settings.DataStream(), description="the data stream logs-<dataset>-<namespace>; used where `index` is unset"
    )
    logstash_format: settings.LogstashFormat = Field(
        settings.LogstashFormat(), description="an index for each date, as Logstash names them"
    )
    mapping: settings.Mapping = Field(settings.Mapping(), description="in whose words a record is written")
    pipeline: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        None, description="ingest pipeline that every document goes through"
    )
    product: Product = Field(Product(), description="vendor, product and version, where the resource must not decide")
    compression: Literal["gzip", "none"] = Field("gzip", description="of bodies over 1.5 KB")
    max_request_bytes: int = Field(5 << 20, ge=1024, le=LARGEST_REQUEST, description="uncompressed bytes of a request")
    max_event_bytes: int = Field(
        10 << 20, ge=1024, le=LARGEST_REQUEST, description="an event over it becomes a dead letter, unsent"
    )
    lifecycle: settings.Lifecycle = Field(settings.Lifecycle(), description="what `otelsiem setup` sets up")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, data: Any) -> Any:
        """What the Collector's exporters call otherwise."""
        return settings.folded(data, {"logs_index": "index"})

    @model_validator(mode="after")
    def _named(self) -> BulkClient:
        _ = self._where  # raises when what the parts make together is no name
        return self

    @property
    def limits(self) -> Limits:
        return Limits(bytes=self.max_request_bytes, record_bytes=self.max_event_bytes)

    @property
    def wire(self) -> HttpSettings:
        return self.http_settings()

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        where, documents = self._where, self._documents
        return entries(
            batch,
            lambda part: written(part, documents(part, at), where),
            self.limits,
            parts=PARTS,
            piece=LARGE_PIECE if self.mapping.mode == "ecs" else PIECE,
            gzip=self.compression == "gzip",
        )

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        """One endpoint after another, as long as they fail: what was taken twice is there once."""
        first: Outcome | None = None
        index = self._index_of(payload)
        for node in self._round(at):
            reply = yield self._request(node, "POST", self._bulk(index), payload.body, payload.headers)
            outcome = self._judge(node, index).payload(reply, len(payload.indices), at.now)
            first = first or outcome
            self._heard(node, reply, at)
            if not elsewhere(reply):
                return outcome
        assert first is not None, "there is an endpoint"
        return first

    def probe(self, at: Moment) -> Exchange:
        """Delivered: an endpoint is well, knows us and would take our records. The next one is asked when it is ill."""
        first: Outcome | None = None
        for node in self._round(at):
            reply = yield self._request(node, "GET", "/")
            judge = self._judge(node, self._where.pattern)
            outcome = probes.greeted(judge, reply, at.now)
            if outcome is None or isinstance(outcome, Delivered):
                outcome = yield from self._may_write(node, judge, reply, at)
            self._heard(node, reply, at)
            if not unwell(reply):
                return outcome
            first = first or outcome
        assert first is not None, "there is an endpoint"
        return first

    def setup(self, at: Moment) -> Installing:
        """An index template and a lifecycle for where the records go, asked of one endpoint."""
        pattern = self._where.pattern
        if pattern.startswith("*"):
            what = f"{pattern} is the name of every index: begin `index` with a word of your own"
            return [Installed(f"index template {things.name(pattern)}", Hold(what))]
        node = self._round(at)[0]
        judge = self._judge(node, pattern)

        def ask(method: str, path: str, body: bytes) -> HttpRequest:
            return self._request(node, method, path, body, JSON)

        done: list[Installed] = []
        policy = self._policy
        if policy is not None:
            done.append((yield from installed(policy, ask, judge, at.now)))
        left_out = bool(done) and isinstance(done[0].outcome, Delivered) and done[0].outcome.note.startswith("left out")
        template = self._template(with_policy=policy is not None and not left_out)
        done.append((yield from installed(template, ask, judge, at.now)))
        return done

    @property
    def _streams(self) -> bool:
        """Whether records go into a data stream."""
        return self.index is None and not self.logstash_format.enabled

    @property
    def _policy(self) -> Thing | None:
        """How long its indices live; nothing for an index that is written to for ever, which must not go by age."""
        aged = self._where.ends and (self._streams or self.lifecycle.delete_after is not None)
        return self._lifecycle(self._where.pattern) if aged else None

    @abstractmethod
    def _lifecycle(self, pattern: str) -> Thing:
        """The policy, as this product has it."""

    @abstractmethod
    def _template(self, *, with_policy: bool) -> Thing:
        """What its indices are like."""

    @abstractmethod
    def _may_write(self, node: int, judge: Judge, greeting: Reply, at: Moment) -> Exchange:
        """The second half of the probe, asked once a node has answered."""

    @property
    def _query(self) -> Mapping[str, str]:
        """What a bulk request asks for beside its body."""
        return {"pipeline": self.pipeline} if self.pipeline else {}

    def _bulk(self, index: str) -> str:
        """Escaped like AWS does it, which signs what it reads: a comma as it is would make the signature wrong."""
        query = {**self._query, "filter_path": FILTER}
        return f"/{quote(index, safe='')}/_bulk?{urlencode(query, quote_via=quote, safe='')}"

    def _index_of(self, payload: Payload) -> str:
        constant = self._where.constant
        return constant.name if constant is not None else payload.key

    @property
    def _documents(self) -> Callable[[Batch, Moment], Sequence[bytes]]:
        if self.mapping.mode == "otel":
            native = otel_native.Style(self.product)
            return lambda part, at: otel_native.lines(part, at, native)
        style = ecs.Style(self.product, Names(self.data_stream.dataset, whole=False).constant or "")
        return lambda part, at: ecs.lines(part, at, style)

    @property
    def _where(self) -> Where:
        suffix = ".otel" if self.mapping.mode == "otel" else ""
        date = self.logstash_format.prefix_separator + self.logstash_format.date_format
        stream = self.data_stream
        return _compiled(
            self.index, stream.dataset, stream.namespace, suffix, date if self.logstash_format.enabled else ""
        )


@lru_cache(maxsize=256)  # settings: few, and the same for every batch
def _compiled(index: str | None, dataset: str, namespace: str, suffix: str, date: str) -> Where:
    if index is None and not date:
        return Streams(Names(dataset, whole=False), Names(namespace, whole=False), suffix=suffix)
    return Indices(Names((index if index is not None else f"logs-{dataset}{suffix}-{namespace}") + date))
