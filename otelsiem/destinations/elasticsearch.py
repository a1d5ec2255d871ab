"""Elasticsearch 7.17, 8 and 9: bulk requests into a data stream, an index or an alias.

Guarantees: those of `_bulk.py`. What the cluster put into a failure store instead of the stream counts as delivered,
and is told with its number: sending it again would only add to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from otelsiem.destinations import _bulk_mappings as mappings
from otelsiem.destinations import _bulk_probe as probes
from otelsiem.destinations import _bulk_settings as settings
from otelsiem.destinations import _bulk_things as things
from otelsiem.destinations._bulk import BulkClient
from otelsiem.destinations._bulk_cluster import JSON
from otelsiem.destinations._bulk_setup import Thing, there
from otelsiem.destinations._bulk_verdict import Judge
from otelsiem.model.destination import Installed, Installing, Moment, Traits
from otelsiem.model.exchange import Exchange, Reply
from otelsiem.model.outcome import Delivered
from otelsiem.model.secret import Secret

OTEL_TEMPLATE = "logs-otel@template"
OTEL_SINCE = "it came with Elasticsearch 8.16: there, write mapping: {mode: ecs}, or an index of your own"


class Elasticsearch(BulkClient):
    """Events to Elasticsearch over its bulk API, as Elastic Common Schema or as OpenTelemetry records.

    `index` and the parts of `data_stream` are templates (`audit-{tenant.id}-%Y.%m.%d`); dates are those of the events.
    With fields or dates in them each index gets requests of its own, so that one that is not allowed holds nobody else.
    """

    traits: ClassVar[Traits] = Traits(
        title="Elasticsearch",
        auth="API key, user and password, bearer token, client certificate",
        batching="1,000 records or 5 MiB a request",
        compression="gzip",
        partial="each record has its own verdict; the others are indexed",
        idempotence="found by its _id and not indexed again",
        probe="reaches a node, signs in, may create documents there",
        cannot="after a rollover between two tries, a data stream takes the second copy too",
    )

    cloudid: settings.CloudId | None = Field(None, description="or the Cloud ID of a deployment in Elastic Cloud")
    api_key: Annotated[Secret, AfterValidator(settings.api_key)] | None = Field(
        None, description="API key: the field `encoded` of the answer that made it, or id:api_key"
    )
    require_data_stream: bool | None = Field(
        None, description="never make a plain index by mistake (8.13 and newer); unset: with the mapping otel"
    )

    @model_validator(mode="after")
    def _one_address(self) -> Elasticsearch:
        given = [name for name in ("endpoint", "endpoints", "cloudid") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{' and '.join(given)} say where it is; write one of them"
                if given
                else "endpoint is missing; write "
                "endpoint: https://es.example.com:9200, or endpoints with a list, or cloudid"
            )
        return self

    @property
    def nodes(self) -> tuple[str, ...]:
        return (settings.cloud_url(self.cloudid),) if self.cloudid is not None else super().nodes

    @property
    def _ways_in(self) -> Sequence[str]:
        return ("user", "api_key", "bearer_token")

    @property
    def _authorization(self) -> str:
        return f"ApiKey {self.api_key.get_secret_value()}" if self.api_key is not None else super()._authorization

    @property
    def _secrets(self) -> tuple[str, ...]:
        if self.api_key is None:
            return super()._secrets
        pair = settings.decoded(self.api_key.get_secret_value())
        return (*super()._secrets, *[text for text in (pair, pair.partition(":")[2]) if text])

    @property
    def _query(self) -> Mapping[str, str]:
        required = self.require_data_stream
        if required is None:
            required = self.mapping.mode == "otel" and self._streams
        return {**super()._query, **({"require_data_stream": "true"} if required else {})}

    def setup(self, at: Moment) -> Installing:
        if self.mapping.mode == "otel" and self._streams:
            return (yield from self._built_in(at))
        return (yield from super().setup(at))

    def _built_in(self, at: Moment) -> Installing:
        """Elasticsearch brings the template of `logs-*.otel-*` itself, with a lifecycle."""
        node = self._round(at)[0]
        reply = yield (request := self._request(node, "GET", f"/_index_template/{OTEL_TEMPLATE}"))
        judge = self._judge(node, self._where.pattern)
        return [Installed(f"index template {OTEL_TEMPLATE}", there(reply, judge, at.now, OTEL_SINCE), request)]

    def _lifecycle(self, pattern: str) -> Thing:
        return things.ilm(pattern, self.lifecycle, stream=self._streams)

    def _template(self, *, with_policy: bool) -> Thing:
        pattern, otel = self._where.pattern, self.mapping.mode == "otel"
        mapped = mappings.otel("flattened") if otel else mappings.ecs()
        policy = things.name(pattern) if with_policy else ""
        return things.template(pattern, mapped, policy, stream=self._streams, beyond=True)

    def _may_write(self, node: int, judge: Judge, greeting: Reply, at: Moment) -> Exchange:
        body = probes.question(self._where.pattern)
        reply = yield self._request(node, "POST", "/_security/user/_has_privileges", body, JSON)
        if found := probes.allowed(judge, reply, at.now):
            return found
        if probes.greeted(judge, greeting, at.now) is not None:
            other = probes.distribution(greeting)
            return Delivered(f"this is {other}: write the type {other}" if other == "opensearch" else "")
        reply = yield self._request(node, "POST", self._bulk(self._where.pattern.replace("*", "otelsiem")))
        return probes.refused_as_empty(judge, reply, at.now)
