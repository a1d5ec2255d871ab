"""Datadog logs, over the HTTP intake of any site, or of a proxy that speaks its language.

Guarantees: a wrong key or site holds, and says which to compare; a log that Datadog would drop for its age, or cut for
its size, is changed here where it can be seen, never there where it cannot. Datadog has no dedup: what had to be sent
twice is stored twice, with the same `event_id`. Its 202 means queued: there is no receipt for what comes after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import Field, model_validator

from otelsiem import __version__
from otelsiem.destinations._datadog_settings import Api, Endpoint, Tags
from otelsiem.destinations._datadog_verdict import Judge
from otelsiem.destinations._frame import array, room
from otelsiem.destinations._payloads import Lines, payloads
from otelsiem.destinations._settings import HttpClient, TemplateText
from otelsiem.formats._datadog.cut import fitted
from otelsiem.formats._datadog.layout import Schema
from otelsiem.formats._datadog.window import GROWTH, redated, window
from otelsiem.formats.datadog import SOURCE, Style, documents
from otelsiem.formats.gzip import compress, decompress
from otelsiem.formats.speaker import Product
from otelsiem.formats.template import Template
from otelsiem.model.destination import Encoded, HttpSettings, Limits, Moment, Payload, Traits
from otelsiem.model.exchange import Answer, Exchange, HttpRequest
from otelsiem.model.outcome import Outcome, Reject
from otelsiem.model.record import Batch, pick, records

LARGEST_REQUEST = 4_800_000  # bytes: Datadog takes 5,000,000 (contract 3); logs that turn old on the way grow a little
LARGEST_LOG = 1_000_000 - 2 * GROWTH  # bytes: more is cut by Datadog without a word
MOST_LOGS = 1000  # of an array

OLD = (
    "records outside the 18 h (2 h ahead) that Datadog keeps are sent with the time of now and the tag late:true; "
    "their own time is in audit.time"
)
TOO_OLD = "its time is outside the 18 h (2 h ahead) that Datadog keeps, and stale is dead_letter"

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Dated(Payload):
    """A payload that knows from and until when its logs are, in ns, and whether some carry another time already."""

    oldest: int = 0
    newest: int = 0
    late: bool = False

    def left(self, now: int) -> bool:
        """Whether some of it would be dropped by now."""
        low, high = window(now)
        return self.oldest < low or self.newest > high


class Datadog(HttpClient):
    """Events to Datadog's log intake.

    `service`, `source`, `hostname` and each of `tags` are templates (`tenant:{tenant.id}`). Without `service`, `env`
    and `version`, the resource says them, as Datadog's unified service tagging wants it.
    """

    api: Api = Field(description="the key, and the site where it was made")
    endpoint: Endpoint | None = Field(None, description="URL to send to instead of the site's own, for a proxy")
    service: TemplateText | None = Field(None, description="service; unset: the resource's service.name")
    source: TemplateText = Field(SOURCE, description="source (ddsource), which picks Datadog's pipeline")
    hostname: TemplateText | None = Field(None, description="host where the resource names none; unset: this machine")
    tags: Tags = Field((), description="tags, `key:value`; a list, or one text with commas")
    env: str | None = Field(None, description="tag env; unset: the resource's deployment.environment.name")
    version: str | None = Field(None, description="tag version; unset: the resource's service.version")
    schema_: Schema = Field(
        "standard", alias="schema", description="standard: with Datadog's standard attributes; event: without them"
    )
    product: Product = Field(Product(), description="vendor, product and version, where the resource must not decide")
    stale: Literal["resend_as_now", "dead_letter"] = Field(
        "resend_as_now", description="what becomes of records that Datadog would drop: older than 18 h, 2 h ahead"
    )
    oversize: Literal["cut", "dead_letter"] = Field(
        "cut", description="what becomes of a log over 1 MB: its longest texts are cut, or it is a dead letter"
    )
    compression: Literal["gzip", "none"] = Field("gzip", description="of bodies over 1.5 KB")
    max_request_bytes: int = Field(1 << 20, ge=1024, le=LARGEST_REQUEST, description="uncompressed bytes of a request")

    traits: ClassVar[Traits] = Traits(
        title="Datadog",
        auth="API key",
        batching="1,000 logs, 4.8 MB",
        compression="gzip",
        partial="a refused request is halved until the record is alone; the others are taken",
        idempotence="stored and billed twice, with the same `event_id`",
        probe="whether the key is valid on this site",
        cannot="a log that was taken (202) may still fall to an exclusion filter or a quota",
    )

    @model_validator(mode="before")
    @classmethod
    def _collector_spellings(cls, data: Any) -> Any:
        """What the Collector's datadog exporter calls otherwise."""
        if not isinstance(data, dict) or not isinstance(logs := data.get("logs"), dict):
            return data
        data, logs = dict(data), dict(logs)
        if "endpoint" in logs:
            data.setdefault("endpoint", logs.pop("endpoint"))
        if "use_compression" in logs:
            used = logs.pop("use_compression")
            data.setdefault("compression", {True: "gzip", False: "none"}.get(used, used))
        if logs:
            data["logs"] = logs  # what nobody knows is told
        else:
            del data["logs"]
        return data

    @model_validator(mode="after")
    def _one_key(self) -> Datadog:
        if any(name.lower() == "dd-api-key" for name in self.headers):
            raise ValueError("headers: DD-API-KEY is set by the exporter itself; write api: {key: …}")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(records=MOST_LOGS, bytes=self.max_request_bytes, record_bytes=LARGEST_LOG)

    @property
    def wire(self) -> HttpSettings:
        return self.http_settings(max_reply=1 << 20)

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        moments = [record.moment or at.now for record in records(batch)]
        low, high = window(at.now)
        if self.stale == "resend_as_now" or not moments or (low <= min(moments) and max(moments) <= high):
            return self._encode(batch, at, moments)
        kept = [n for n, moment in enumerate(moments) if low <= moment <= high]
        made = self._encode(pick(batch, kept), at, [moments[n] for n in kept])
        payloads = [replace(payload, indices=[kept[n] for n in payload.indices]) for payload in made.payloads]
        rejected = {kept[n]: reason for n, reason in made.rejected.items()}
        return Encoded(payloads, rejected | dict.fromkeys(set(range(len(moments))) - set(kept), TOO_OLD))

    def _encode(self, batch: Batch, at: Moment, moments: Sequence[int]) -> Encoded:
        style, limits = self._style, room(self.limits)
        largest = LARGEST_LOG - 8 if self.oversize == "cut" else 0

        def write(part: Batch) -> Lines:
            lines = _encoder.encode_lines(documents(part, at, style))
            return _all_fitted(lines, largest) if 0 < largest < len(lines) else lines, ()

        made = array(payloads(batch, write, limits), gzip=self.compression == "gzip")
        return Encoded(tuple(_dated(made.payloads, moments, at.now)), made.rejected)

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        """One request. What has grown old since it was encoded is not sent as it is: Datadog would drop it with 202."""
        if isinstance(payload, Dated) and payload.left(at.now):
            if self.stale == "dead_letter":
                return Reject(TOO_OLD)  # halves are encoded anew, so that only the old ones are rejected
            payload = _redated(payload, at.now)
        note = OLD if isinstance(payload, Dated) and payload.late else ""
        reply = yield self._post(payload.body, payload.headers)
        if isinstance(reply, Answer) and reply.status == 415 and "Content-Encoding" in payload.headers:
            reply = yield self._post(decompress(payload.body), {})  # a proxy that does not know gzip: once as it is
        outcome: Outcome = self._judge.payload(reply, at.now, note)
        return outcome

    def probe(self, at: Moment) -> Exchange:
        """Delivered: the key is valid on this site. An empty request is not sent: it can make an empty log."""
        base, elsewhere = self.api.checked_at(self.endpoint)
        reply = yield HttpRequest("GET", f"{base}/api/v1/validate", self._headers())
        return self._judge.probe(reply, at.now, elsewhere=elsewhere)

    def _post(self, body: bytes, headers: Mapping[str, str]) -> HttpRequest:
        return HttpRequest("POST", self._url, {**self._headers(), "Content-Type": "application/json", **headers}, body)

    def _headers(self) -> dict[str, str]:
        return {
            **{name: value.get_secret_value() for name, value in self.headers.items()},
            "DD-API-KEY": self.api.key.get_secret_value(),
            "DD-EVP-ORIGIN": "otelsiem",
            "DD-EVP-ORIGIN-VERSION": __version__,
            "User-Agent": f"otelsiem/{__version__}",
        }

    @property
    def _url(self) -> str:
        return self.endpoint or f"https://http-intake.logs.{self.api.site}/api/v2/logs"

    @property
    def _judge(self) -> Judge:
        return Judge(self.api.site, (self.api.key.get_secret_value(), *self.shared_secrets))

    @property
    def _style(self) -> Style:
        service, hostname = (_compiled(text) if text else None for text in (self.service, self.hostname))
        tags = tuple(map(_compiled, self.tags))
        return Style(
            self.product, service, _compiled(self.source), hostname, tags, self.env or "", self.version or "",
            self.schema_,
        )  # fmt: skip


def _all_fitted(lines: bytes, largest: int) -> bytes:
    """Lines of which some may be too large."""
    fit = [fitted(line, largest) if len(line) > largest else line for line in lines.split(b"\n")]
    return b"\n".join(fit)


def _dated(made: Iterable[Payload], moments: Sequence[int], now: int) -> Iterator[Dated]:
    """The payloads with the times that their logs have now."""
    low, high = window(now)
    fresh = not moments or (low <= min(moments) and max(moments) <= high)
    for payload in made:
        values = {field.name: getattr(payload, field.name) for field in fields(Payload)}
        own = moments if fresh else [moments[n] for n in payload.indices]
        late = not (low <= min(own) and max(own) <= high)
        shown = [m if low <= m <= high else now for m in own] if late else own
        yield Dated(**values, oldest=min(shown), newest=max(shown), late=late)


def _redated(payload: Dated, now: int) -> Dated:
    """The same logs, those that Datadog would drop by now with the time of now."""
    small = "Content-Encoding" in payload.headers
    logs = msgspec.json.decode(decompress(payload.body) if small else payload.body, type=list[msgspec.Raw])
    body = b"[" + b",".join([redated(bytes(log), now) for log in logs]) + b"]"
    return replace(payload, body=compress(body) if small else body, size=len(body), late=True)


@lru_cache(maxsize=256)  # templates are settings: few, and the same for every batch
def _compiled(template: str) -> Template:
    return Template(template)
