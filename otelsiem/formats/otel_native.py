"""OpenTelemetry records as Elasticsearch keeps them: attributes under their own names, the layout of `logs-*.otel-*`.

Guarantees: what a record, its resource and its scope say stands where the Collector's `otel` mapping puts it and where
the built-in template `logs-otel@template` expects it; the record's id is `attributes.audit.record.id`; the four keys
of responders have OTel's names whatever the sender called them. No name is empty or has an empty part, which would
cost the document. NaN and infinities are texts, bytes are base64.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Raw

from otelsiem.formats.json import until_the_second
from otelsiem.formats.shape import shape
from otelsiem.formats.speaker import KEYS, NOBODY, Product, speaker
from otelsiem.formats.values import PLAIN, safe
from otelsiem.formats.vocabulary import NESTING
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

RECORD_ID = "audit.record.id"
PIVOTS = {
    "tenant_id": "tenant.id",
    "agent_id": "gen_ai.agent.id",
    "correlation_id": "audit.correlation.id",
    "constitutional_hash": "audit.constitutional_hash",
}


@dataclass(frozen=True, slots=True)
class Style:
    """How OTel-native documents are written."""

    product: Product = NOBODY


class Body(msgspec.Struct, gc=False, omit_defaults=True):
    """One of the two: a field cannot be a text in one document and an object in the next."""

    text: Any = None
    structured: Any = None


class Document(msgspec.Struct, gc=False, omit_defaults=True, rename={"timestamp": "@timestamp"}):
    """The document. What a record does not have is absent."""

    timestamp: str = ""
    observed_timestamp: str | None = None
    severity_text: str | None = None
    severity_number: int = 0
    event_name: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags: int = 0
    attributes: Mapping[str, Any] | None = None
    resource: Raw | None = None
    scope: Raw | None = None
    body: Body | None = None


class Plan(NamedTuple):
    """What to do with attributes of these keys."""

    renamed: tuple[tuple[str, str], ...]  # their name, ours
    added: tuple[tuple[str, str], ...]  # OTel's name of a pivot, the attribute that says it
    identified: bool  # the sender's own id is among them


Plans: TypeAlias = dict[tuple[str, ...], Plan]

_encoder = msgspec.json.Encoder()


def documents(batch: Batch, at: Moment, style: Style) -> list[Document]:
    """The documents of a batch, in order. They share values with the records and are only good to be encoded."""
    made: list[Document] = []
    plans: Plans = {}
    seconds: dict[str, str] = {}
    for group in batch:
        blank = _blank(group, at, style.product)
        made += [_document(record, blank, plans, seconds, at.now) for record in group.records]
    return made


def lines(batch: Batch, at: Moment, style: Style) -> list[bytes]:
    """One line per record."""
    return [_encoder.encode(document) for document in documents(batch, at, style)]


def _document(record: Record, blank: Document, plans: Plans, seconds: dict[str, str], now: int) -> Document:
    made: Document = blank.__copy__()  # type: ignore[attr-defined]  # msgspec's stubs leave it out
    made.timestamp = _stamp(record.time or record.observed or now, seconds)
    if record.observed:
        made.observed_timestamp = _stamp(record.observed, seconds)
    made.severity_text = record.severity_text or None
    made.severity_number = record.severity
    made.event_name = record.event or None
    made.trace_id = record.trace_id or None
    made.span_id = record.span_id or None
    made.trace_flags = record.flags
    made.attributes = _attributes(record.attributes, record.id, plans)
    if (body := record.body) is not None and body != "":
        made.body = Body(text=body) if type(body) is str else _body(body)
    return made


def _stamp(ns: int, seconds: dict[str, str]) -> str:
    """RFC 3339 with nanoseconds; the seconds of a batch repeat, so each is formatted once."""
    text = f"{ns:010}" if ns > 0 else "0000000000"
    second = text[:-9]
    day = seconds.get(second)
    if day is None:
        day = seconds[second] = until_the_second(second)
    return f"{day}{text[-9:]}Z"


def _body(body: Any) -> Body:
    """Objects are structured, a list as an object around it, anything else is a text (a field has one type)."""
    if isinstance(body, dict):
        return Body(structured=_legal(safe(body)))
    return Body(structured={"value": safe(body)}) if isinstance(body, list | tuple) else Body(text=safe(body))


def _attributes(attributes: Mapping[str, Any], id_: str, plans: Plans) -> Mapping[str, Any] | None:
    known = attributes
    if not PLAIN.issuperset(map(type, values := attributes.values())) or "" in values:
        attributes = {key: safe(value) for key, value in attributes.items()}
        known = _hits(attributes)
    plan = plans.get(keys := tuple(known))
    if plan is None:
        plan = plans[keys] = _plan(keys)
    if plan.renamed or (known is not attributes and not all(map(_is_legal, attributes))):
        attributes = _legal(attributes)
    if plan.added or (id_ and not plan.identified):
        attributes = dict(attributes)
        for name, key in plan.added:
            attributes.setdefault(name, known[key])
        if id_:
            attributes.setdefault(RECORD_ID, id_)
    return attributes or None


def _hits(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that may mean something: no nulls, no empty texts, and what is inside `metadata` and its like."""
    known = {key: value for key, value in attributes.items() if value is not None and value != ""}
    for container in NESTING:
        if isinstance(inner := attributes.get(container), dict):
            nested = {f"{container}.{key}": value for key, value in inner.items() if value is not None and value != ""}
            known = nested | known
    return known


def _plan(keys: tuple[str, ...]) -> Plan:
    moved = shape(keys).moved
    return Plan(
        renamed=tuple([(key, fit(key)) for key in keys if not _is_legal(key)]),
        added=tuple([(PIVOTS[flat], key) for flat, key in moved if flat in PIVOTS and PIVOTS[flat] != key]),
        identified=RECORD_ID in keys,
    )


def _is_legal(key: str) -> bool:
    return bool(key) and key[0] != "." and key[-1] != "." and ".." not in key and bool(key.strip())


def fit(key: str) -> str:
    """A name without empty parts: Elasticsearch refuses a document with `a..b`, `.a` or "" in it."""
    return ".".join([part if part.strip() else "_" for part in key.split(".")])


def _legal(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The same with legal names; none takes another's."""
    made = {key: value for key, value in attributes.items() if _is_legal(key)}
    for key, value in attributes.items():
        if not _is_legal(key):
            name = fit(key)
            while name in made:
                name += "_"
            made[name] = value
    return made


def _blank(group: Group, at: Moment, product: Product) -> Document:
    """What all documents of a group have in common, encoded once."""
    resource = {key: safe(value) for key, value in group.resource.items()}
    hits = _hits(resource)
    said = dict(zip(KEYS, speaker(hits, product, at.host), strict=True))
    resource |= {key: value for key, value in said.items() if value and hits.get(key) != value}
    for name, key in _plan(tuple(hits)).added:
        resource.setdefault(name, hits[key])
    scope = group.scope
    about = [("name", scope.name), ("version", scope.version), ("schema_url", scope.schema_url)]
    return Document(
        resource=_raw([("schema_url", group.schema_url), ("attributes", _legal(resource))]),
        scope=_raw([*about, ("attributes", _legal(safe(scope.attributes)))]),
    )


def _raw(parts: Iterable[tuple[str, Any]]) -> Raw | None:
    said = {key: value for key, value in parts if value}
    return Raw(_encoder.encode(said)) if said else None
