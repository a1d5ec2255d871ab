"""A cluster: where its nodes are, who we are to it, and one request to one of them.

Guarantees: a key or a token is never sent in the clear; a node that failed is asked last for a while; no reason shows
what proves who we are.
"""

from __future__ import annotations

from abc import abstractmethod
from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlsplit
from zlib import crc32

from pydantic import AfterValidator, Field, model_validator

from otelsiem import __version__
from otelsiem.destinations import _bulk_settings as settings
from otelsiem.destinations._bulk_verdict import Judge, unwell
from otelsiem.destinations._settings import HttpClient
from otelsiem.model.destination import Moment
from otelsiem.model.duration import Duration
from otelsiem.model.exchange import HttpRequest, Reply, SigV4
from otelsiem.model.secret import Secret

NDJSON: Mapping[str, str] = MappingProxyType({"Content-Type": "application/x-ndjson"})
JSON: Mapping[str, str] = MappingProxyType({"Content-Type": "application/json"})


class Cluster(HttpClient):
    """The settings of whoever speaks to one."""

    endpoint: settings.Url | None = Field(None, description="root of the cluster, https://es.example.com:9200")
    endpoints: settings.Urls | None = Field(None, description="or its nodes: another one is asked when one fails")
    tls: settings.CaTls = Field(settings.CaTls(), description="whom we trust, and who we say we are")
    timeout: Duration = Field(60.0, description="total time for one request")
    user: Annotated[str, AfterValidator(settings.user)] | None = Field(None, description="user, with `password`")
    password: Annotated[Secret, AfterValidator(settings.password)] | None = Field(None, description="its password")
    bearer_token: Annotated[Secret, AfterValidator(settings.token)] | None = Field(
        None, description="token of a service account, or a JWT"
    )

    @model_validator(mode="before")
    @classmethod
    def _fingerprint(cls, data: Any) -> Any:
        """Logstash and the Elastic Agent have it outside of `tls`, or under other names of that block."""
        if (
            not isinstance(data, dict)
            or "ca_trusted_fingerprint" not in data
            or not isinstance(data.get("tls", {}), dict)
        ):
            return data
        data = dict(data)
        mark = data.pop("ca_trusted_fingerprint")
        return {**data, "tls": {**data.get("tls", {}), "ca_trusted_fingerprint": mark}}

    @model_validator(mode="after")
    def _complete(self) -> Cluster:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password belong together; one of them is missing")
        named = [name for name in self._ways_in if getattr(self, name) is not None]
        if len(named) > 1:
            raise ValueError(f"{' and '.join(named)} say who we are; write one of them")
        clear = [url for url in self.nodes if url.lower().startswith("http://")]
        for name in named:
            if clear and name in ("api_key", "bearer_token"):
                raise ValueError(f"{name} is not sent over http://, where everybody can read it; write https://")
        return self

    @property
    def nodes(self) -> tuple[str, ...]:
        """The roots of the cluster."""
        return self.endpoints or ((self.endpoint,) if self.endpoint is not None else ())

    @property
    @abstractmethod
    def _ways_in(self) -> Sequence[str]:
        """The settings that say who we are; one of them at most."""

    @property
    def _authorization(self) -> str:
        """The header that says who we are; "" where it is not said in one."""
        if self.user is not None and self.password is not None:
            pair = f"{self.user}:{self.password.get_secret_value()}"
            return f"Basic {b64encode(pair.encode()).decode()}"
        return f"Bearer {self.bearer_token.get_secret_value()}" if self.bearer_token is not None else ""

    @property
    def _signature(self) -> SigV4 | None:
        return None

    def _request(
        self, node: int, method: str, path: str, body: bytes = b"", more: Mapping[str, str] = NDJSON
    ) -> HttpRequest:
        headers = {name: value.get_secret_value() for name, value in self.headers.items()}
        headers |= {"Accept": "application/json", "User-Agent": f"otelsiem/{__version__}"}
        if body:
            headers |= {**NDJSON, **more}
        if authorization := self._authorization:
            headers["Authorization"] = authorization
        return HttpRequest(method, self.nodes[node] + path, headers, body, auth=self._signature)

    def _round(self, at: Moment) -> Sequence[int]:
        """The endpoints, best first. Couriers begin at different ones, each stays with its own."""
        return at.nodes.order(len(self.nodes), at.now, crc32(at.channel.encode()))

    def _heard(self, node: int, reply: Reply, at: Moment) -> None:
        if unwell(reply):
            late = getattr(reply, "kind", "") == "timeout"  # then so much later it is by now
            at.nodes.failed(node, at.now + int(self.timeout * 1e9) if late else at.now)
        else:
            at.nodes.answered(node)

    def _judge(self, node: int, index: str) -> Judge:
        several = urlsplit(self.nodes[node]).netloc if len(self.nodes) > 1 else ""
        known_by = next((name for name in self._ways_in if getattr(self, name) is not None), "")
        known_by = "user and password" if known_by == "user" else known_by
        return Judge((*self._secrets, *self.shared_secrets), several, index, known_by)

    @property
    def _secrets(self) -> tuple[str, ...]:
        """Ours, as it was typed and as it is sent."""
        known = [secret.get_secret_value() for secret in (self.password, self.bearer_token) if secret is not None]
        sent = self._authorization.partition(" ")[2]
        return (*known, *([sent] if sent else []))
