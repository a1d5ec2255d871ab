"""Any API that takes JSON over HTTP: Slack-like, Elastic-like, or one of your own.

Guarantees: what the settings call success is delivered and nothing else is; a no that blames nobody holds; what a
record holds cannot leave its place in the body; the receiver can know by the signature that a request is ours and
whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

import msgspec
from pydantic import AfterValidator, Field, model_validator

from otelsiem import __version__
from otelsiem.destinations._frame import framed, room
from otelsiem.destinations._payloads import LARGE_PIECE, PIECE, Entries, entries
from otelsiem.destinations._settings import HttpClient, header_name, printable
from otelsiem.destinations._signature import ID, Signature
from otelsiem.destinations._webhook_settings import Auth, Failures, Success, Url, url_secrets
from otelsiem.destinations._webhook_verdict import Judge
from otelsiem.formats.gzip import decompress
from otelsiem.formats.json_template import Escape, JsonTemplate
from otelsiem.formats.named import BY_COLUMNS, FormatName, Lines, named
from otelsiem.formats.speaker import Product
from otelsiem.model.destination import Encoded, HttpSettings, Limits, Moment, Payload, Traits
from otelsiem.model.exchange import Answer, Exchange, HttpRequest
from otelsiem.model.outcome import Delivered
from otelsiem.model.record import Batch, records

TEXT = frozenset({"cef", "leef", "rfc5424", "rfc3164"})  # formats whose lines are no JSON: within JSON they are texts

_encoder = msgspec.json.Encoder()


def _content_type(value: str) -> str:
    if "/" not in value or not printable(value):
        raise ValueError("is a media type, for example application/json")
    return value


def _template(value: str) -> str:
    """A template that can be read as one JSON text or as one per line; which of them it is, `body` says."""
    try:
        _compiled(value, lines=False)
    except ValueError as error:
        try:
            _compiled(value, lines=True)
        except ValueError:
            raise ValueError(str(error)) from None
    return value


class Webhook(HttpClient):
    """Events to any JSON API: records in a format of your choice, or in a template of your own.

    `body` says how they travel: `array` ([…, …]), `lines` (one per line), `single` (a request for each).
    """

    url: Url = Field(description="where to send; a query and a token in it are allowed, and never shown")
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="HTTP method")
    auth: Auth | None = Field(None, description="who we are: basic, bearer or header")
    body: Literal["array", "lines", "single"] | None = Field(
        None, description="how records travel; unset: array, and single where there is a template"
    )
    format: FormatName = Field("json", description="format of a record, and of {{record}} in a template")
    template: Annotated[str, AfterValidator(_template)] | None = Field(
        None, description='JSON with fields, for each record: {"text": "{{message}}"}'
    )
    escape: Escape = Field("none", description="markup: &, < and > in the texts of a template as entities, for Slack")
    wrap: Annotated[str, Field(min_length=1)] | None = Field(
        None, description='key of an object around an array or a record: {"events": […]}'
    )
    content_type: Annotated[str, AfterValidator(_content_type)] | None = Field(
        None, description="media type; unset: application/json, application/x-ndjson for lines"
    )
    signature: Signature | None = Field(None, description="HMAC signature of each request")
    idempotency_header: Annotated[str, AfterValidator(header_name)] | None = Field(
        None, description="header with a key that stays when a request is sent again, for example Idempotency-Key"
    )
    success: Success = Field(Success(), description="when a request has succeeded")
    failures: Failures | None = Field(None, description="where an answer names the records that it did not take")
    compression: Literal["gzip", "none"] = Field("none", description="of bodies over 1.5 KB")
    max_records: int = Field(1000, ge=1, le=10_000, description="records of a request")
    max_request_bytes: int = Field(1 << 20, ge=1024, le=64 << 20, description="uncompressed bytes of a request")
    max_event_bytes: int | None = Field(None, ge=256, description="an event over it becomes a dead letter, unsent")
    product: Product = Field(Product(), description="vendor, product and version, where the resource must not decide")
    probe_method: Literal["HEAD", "GET", "OPTIONS", "none"] = Field(
        "HEAD", description="how to ask whether it is well; none: it is not asked"
    )
    probe_url: Url | None = Field(None, description="where to ask, where only 2xx is well; unset: url, if it answers")

    traits: ClassVar[Traits] = Traits(
        title="Any JSON API over HTTP",
        auth="basic, bearer, a header; HMAC signature",
        batching="array, lines or one record each; 1,000 records, 1 MiB",
        compression="gzip, off unless set",
        partial="each record has its own verdict where `failures` says how; else a refused request is halved",
        idempotence="taken twice, unless it looks at `idempotency_header` or `webhook-id`",
        probe="whether it answers without refusing who we are",
        cannot="what a receiver does after it said yes",
    )

    @model_validator(mode="after")
    def _fits(self) -> Webhook:
        if self.template is not None:
            try:
                _compiled(self.template, lines=self._body == "lines")
            except ValueError as error:
                raise ValueError(f"template: {error}") from None
        elif self.escape != "none":
            raise ValueError("escape: is for the texts of a template")
        if self.wrap and self._body == "lines":
            raise ValueError("wrap: lines have nothing around them; write body: array")
        taken = [name.lower() for name in self._own_headers]
        for name in self.headers:
            if name.lower() in taken:
                raise ValueError(f"headers: {name} is set by the exporter itself")
        if len(set(taken)) < len(taken):
            raise ValueError("signature: auth, signature and idempotency_header name the same header")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(records=self.max_records, bytes=self.max_request_bytes, record_bytes=self.max_event_bytes)

    @property
    def wire(self) -> HttpSettings:
        return self.http_settings(max_reply=4 << 20)

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        separator = {"array": b",", "lines": b"\n", "single": b""}[self._body]

        def write(part: Batch) -> Entries:
            return [text + separator for text in self._texts(part, at)], ()

        before, after = self._frame
        limits = room(self.limits, before, after)
        if self._body == "single":
            limits = replace(limits, records=1)
        by_columns = self.template is None and self.format in BY_COLUMNS
        made = entries(batch, write, limits, piece=LARGE_PIECE if by_columns else PIECE)
        if self._keyed:
            ids = [record.id for record in records(batch)]
            keyed = [replace(p, headers={ID: _key(p.body, [ids[n] for n in p.indices])}) for p in made.payloads]
            made = Encoded(tuple(keyed), made.rejected)
        strip = len(separator) if self._body == "array" else 0
        return framed(made, before, after, strip=strip, gzip=self.compression == "gzip")

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        reply = yield self._request(payload.body, payload.headers, at)
        if isinstance(reply, Answer) and reply.status == 415 and "Content-Encoding" in payload.headers:
            headers = {name: value for name, value in payload.headers.items() if name != "Content-Encoding"}
            reply = yield self._request(decompress(payload.body), headers, at)  # it does not know gzip: once as it is
        return self._judge.payload(reply, len(payload.indices), at.now)

    def probe(self, at: Moment) -> Exchange:
        """Delivered: it answers, and says nothing against us. A question never carries a record."""
        if self.probe_method == "none":
            return Delivered("it is not asked whether it is well: probe_method is none")
        headers = {**self._common, **(self.auth.headers if self.auth else {})}
        url = (self.probe_url or self.url).get_secret_value()
        reply = yield HttpRequest(self.probe_method, url, headers)
        return self._judge.probe(reply, at.now, chosen=self.probe_url is not None)

    def _texts(self, part: Batch, at: Moment) -> list[bytes]:
        """Each record as JSON, or as a line of text where lines may be that."""
        template = _compiled(self.template, lines=self._body == "lines") if self.template is not None else None
        if template is None:
            return self._records(part, at, bare=self._body == "lines")
        whole = self._records(part, at, bare=False) if template.whole else ()
        return template.fill(part, at, self.product, whole, self.escape)

    def _records(self, part: Batch, at: Moment, *, bare: bool) -> list[bytes]:
        lines = _named(self.format, self.product)(part, at)
        return lines if bare or self.format not in TEXT else [_encoder.encode(line.decode()) for line in lines]

    def _request(self, body: bytes, headers: Mapping[str, str], at: Moment) -> HttpRequest:
        key = headers.get(ID, "")
        complete = {
            **self._common,
            **(self.auth.headers if self.auth else {}),
            "Content-Type": self._media_type,
            **{name: value for name, value in headers.items() if name != ID},
            **({self.idempotency_header: key} if self.idempotency_header else {}),
            **(self.signature.headers(body, key, at) if self.signature else {}),
        }
        return HttpRequest(self.method, self.url.get_secret_value(), complete, body)

    @property
    def _body(self) -> Literal["array", "lines", "single"]:
        return self.body or ("array" if self.template is None else "single")

    @property
    def _frame(self) -> tuple[bytes, bytes]:
        inside = (b"[", b"]") if self._body == "array" else (b"", b"")
        if self.wrap is None:
            return inside
        return b"{" + _encoder.encode(self.wrap) + b":" + inside[0], inside[1] + b"}"

    @property
    def _media_type(self) -> str:
        if self.content_type:
            return self.content_type
        if self._body != "lines":
            return "application/json"
        text = self.format in TEXT and self.template is None
        return "text/plain; charset=utf-8" if text else "application/x-ndjson"

    @property
    def _keyed(self) -> bool:
        return self.idempotency_header is not None or (self.signature is not None and ID in self.signature.names)

    @property
    def _common(self) -> dict[str, str]:
        own = {name: value.get_secret_value() for name, value in self.headers.items()}
        return {"User-Agent": f"otelsiem/{__version__}", **own}

    @property
    def _own_headers(self) -> list[str]:
        """The headers that settings other than `headers` name."""
        auth = [self.auth.header.name] if self.auth and self.auth.header else []
        signed = self.signature.names if self.signature else ()
        return [*auth, *signed, *([self.idempotency_header] if self.idempotency_header else [])]

    @property
    def _judge(self) -> Judge:
        urls = [url.get_secret_value() for url in (self.url, self.probe_url) if url is not None]
        secrets = [secret for url in urls for secret in url_secrets(url)]
        secrets += (*(self.auth.secrets if self.auth else ()), *(self.signature.secrets if self.signature else ()))
        return Judge(self.success, self.failures, (*secrets, *self.shared_secrets), self._keyed)


def _key(body: bytes, ids: list[str]) -> str:
    """The same for the same records in the same words, whenever they are sent; nothing else has it."""
    digest = hashlib.sha256("\0".join(ids).encode("utf-8", "surrogatepass") + b"\0" + body)
    return f"msg_{digest.hexdigest()[:32]}"


@lru_cache(maxsize=256)  # settings: few, and the same for every batch
def _compiled(template: str, *, lines: bool) -> JsonTemplate:
    return JsonTemplate(template, lines=lines)


@lru_cache(maxsize=256)
def _named(name: FormatName, product: Product) -> Lines:
    return named(name, product)
