"""OpenSearch 1 to 3, and Amazon's managed OpenSearch: bulk requests into a data stream, an index or an alias.

Guarantees: those of `_bulk.py`. Requests to Amazon are signed when they are sent, by whoever holds the credentials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import BaseModel, Field, model_validator

from otelsiem.destinations import _bulk_mappings as mappings
from otelsiem.destinations import _bulk_probe as probes
from otelsiem.destinations import _bulk_things as things
from otelsiem.destinations._bulk import BulkClient
from otelsiem.destinations._bulk_setup import Thing
from otelsiem.destinations._bulk_verdict import Judge
from otelsiem.destinations._settings import SETTINGS
from otelsiem.model.destination import Moment, Traits
from otelsiem.model.exchange import Answer, Exchange, Reply
from otelsiem.model.exchange import SigV4 as Signature
from otelsiem.model.outcome import Delivered


class SigV4(BaseModel):
    """Requests signed with credentials of AWS, as they are found where the gateway runs."""

    model_config = SETTINGS

    region: str = Field(pattern=r"^[a-z0-9-]{2,40}$", description="region of the domain, for example eu-central-1")
    service: Literal["es", "aoss"] = Field("es", description="es: a domain; aoss: OpenSearch Serverless")
    profile: str = Field("", description="profile of the AWS configuration; unset: the usual chain of credentials")
    role_arn: str = Field("", pattern=r"^(arn:[!-~]+)?$", description="role to assume with them")


class Auth(BaseModel):
    """How requests are signed."""

    model_config = SETTINGS

    sigv4: SigV4 = Field(description="AWS Signature Version 4")


class Opensearch(BulkClient):
    """Events to OpenSearch over its bulk API, as Elastic Common Schema or as OpenTelemetry records.

    `index` and the parts of `data_stream` are templates (`audit-{tenant.id}-%Y.%m.%d`); dates are those of the events.
    With fields or dates in them each index gets requests of its own, so that one that is not allowed holds nobody else.
    """

    traits: ClassVar[Traits] = Traits(
        title="OpenSearch",
        auth="user and password, bearer token (JWT), AWS SigV4, client certificate",
        batching="1,000 records or 5 MiB a request",
        compression="gzip",
        partial="each record has its own verdict; the others are indexed",
        idempotence="found by its _id and not indexed again",
        probe="reaches a node, signs in; where the index is there: may create documents",
        cannot="after a rollover between two tries, a data stream takes the second copy too",
    )

    auth: Auth | None = Field(None, description="auth: {sigv4: {region: …}} for Amazon's managed OpenSearch")

    @model_validator(mode="before")
    @classmethod
    def _collector_spellings(cls, data: Any) -> Any:
        """The Collector keeps the HTTP client's settings in `http`, and the data stream's beside it."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if isinstance(http := data.get("http"), dict):
            if twice := sorted((data.keys() & http.keys()) - {"timeout"}):  # that one stands beside it there, too
                raise ValueError(f"{twice[0]} stands here and in http; write it once")
            del data["http"]
            data = {**http, **data}
        stream = {name: data.pop(name) for name in ("dataset", "namespace") if name in data}
        if stream and isinstance(data.get("data_stream", {}), dict):
            data["data_stream"] = {**data.get("data_stream", {}), **stream}
        return data

    @model_validator(mode="after")
    def _one_address(self) -> Opensearch:
        if (self.endpoint is None) == (self.endpoints is None):
            raise ValueError(
                "endpoint is missing; write endpoint: https://opensearch.example.com:9200, or endpoints with a list"
                if self.endpoint is None
                else "endpoint and endpoints say where it is; write one of them"
            )
        return self

    @property
    def _ways_in(self) -> Sequence[str]:
        return ("user", "bearer_token", "auth")

    @property
    def _signature(self) -> Signature | None:
        if self.auth is None:
            return None
        signed = self.auth.sigv4
        return Signature(signed.service, signed.region, signed.profile, signed.role_arn)

    def _lifecycle(self, pattern: str) -> Thing:
        return things.ism(pattern, self.lifecycle, stream=self._streams)

    def _template(self, *, with_policy: bool) -> Thing:  # noqa: ARG002 a policy here finds its indices by itself
        mapped = mappings.otel("flat_object") if self.mapping.mode == "otel" else mappings.ecs()
        return things.template(self._where.pattern, mapped, "", stream=self._streams, beyond=False)

    def _may_write(self, node: int, judge: Judge, greeting: Reply, at: Moment) -> Exchange:
        """It has no way to ask. Where the index is there, a document that is none is refused only if we may write."""
        index = self._where.pattern
        there = None
        if "*" not in index:
            there = yield self._request(node, "HEAD", f"/{quote(index, safe='')}")
        if isinstance(there, Answer) and there.status == 200:
            reply = yield self._request(node, "POST", self._bulk(index), probes.BROKEN)
            return probes.refused_as_broken(judge, reply, at.now)
        if probes.greeted(judge, greeting, at.now) is not None:
            return Delivered()
        reply = yield self._request(node, "POST", self._bulk(index.replace("*", "otelsiem")))
        return probes.refused_as_empty(judge, reply, at.now)
