"""The normalised event: one flat document per record, whose classic names every consumer knows.

Nothing is lost and little is said twice: an attribute that means what a flat name means moves there when it is the
one that we write (`tenant.id`) or is spelled like the flat name (`tenant_id`). Any other alias fills the flat name
and stays in `metadata` too, because its own name says more (`server_id`, `anomaly.score`); so does every attribute
that lost to an earlier one of its row. Everything else is `metadata`. `resource` holds what the resource says
beyond `_siem`; `_siem` names the product that spoke.

The exact times are texts (`time_unix_nano`), because many readers round whole numbers beyond 2^53 to doubles.
NaN and infinities are texts, bytes are base64.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import Raw

from otelsiem.formats.shape import Pairs, Shape, shape
from otelsiem.formats.speaker import NOBODY, Product, beyond, speaker
from otelsiem.formats.values import PLAIN, safe
from otelsiem.formats.vocabulary import FROM_RESOURCE, HEADS, NESTING, OUTCOMES, outcome
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record
from otelsiem.model.severity import SCALES, scale


@dataclass(frozen=True, slots=True)
class Style:
    """How normalised events are written."""

    product: Product = NOBODY


class Target(msgspec.Struct, gc=False, omit_defaults=True):
    """To what it was done."""

    id: Any = None
    type: Any = None
    name: Any = None


class Attack(msgspec.Struct, gc=False, omit_defaults=True):
    """The MITRE ATT&CK technique."""

    tactic: Any = None
    tactic_name: Any = None
    technique: Any = None
    technique_name: Any = None


class Event(msgspec.Struct, gc=False, omit_defaults=True, rename={"siem": "_siem"}):
    """The document. What a record does not have is absent; a time, a severity and `metadata` are always there."""

    event_id: str | None = None
    event_type: str | None = None
    severity: str = ""
    severity_number: int = -1
    severity_text: str | None = None
    message: str | None = None
    timestamp: str = ""
    time_unix_nano: str = ""
    observed_time_unix_nano: str | None = None
    body: Any = None  # a body that is not text
    source: Any = None
    tenant_id: Any = None
    agent_id: Any = None
    agent_name: Any = None
    user_id: Any = None
    user_name: Any = None
    user_email: Any = None
    user_roles: Any = None
    actor_type: Any = None
    action: Any = None
    outcome: Any = None
    reason: Any = None
    error_type: Any = None
    error_message: Any = None
    src_ip: Any = None
    src_port: Any = None
    user_agent: Any = None
    session_id: Any = None
    request_id: Any = None
    tool_name: Any = None
    tool_call_id: Any = None
    mcp_method: Any = None
    policy: Any = None
    policy_id: Any = None
    decision: Any = None
    risk_score: Any = None
    confidence: Any = None
    target: Target | None = None
    metadata: Mapping[str, Any] | None = None
    trace_id: str | None = None
    span_id: str | None = None
    trace_flags: int | None = None
    constitutional_hash: Any = None
    correlation_id: Any = None
    mitre_attack: Attack | None = None
    resource: Raw | None = None
    resource_schema_url: str | None = None
    scope: Raw | None = None
    siem: Raw | None = None


E = TypeVar("E", bound=Event)
Stamp: TypeAlias = Callable[[str], str]
Shapes: TypeAlias = dict[tuple[str, ...], Shape]

_encoder = msgspec.json.Encoder()
_NAMES = [row.name for row in SCALES]
_MOVES = frozenset({"audit.record.id", "event_id", "event_type", "message"})  # heads that would only repeat a field


def documents(batch: Batch, at: Moment, product: Product, kind: type[E]) -> list[E]:
    """The documents of a batch, in order. They share values with the records and are only good to be encoded."""
    made: list[E] = []
    shapes: Shapes = {}
    stamp = timestamps()
    for group in batch:
        blank = template(group, at, product, kind)
        made += [document(record, blank, shapes, stamp) for record in group.records]
    return made


def events(batch: Batch, at: Moment, product: Product) -> list[Event]:
    """The normalised events of a batch, in order."""
    return documents(batch, at, product, Event)


def lines(batch: Batch, at: Moment, style: Style) -> list[bytes]:
    """One line per record."""
    from otelsiem.formats import _json_lines  # here, because it writes the events of this module

    return _json_lines.lines(batch, at, style.product)


def timestamps() -> Stamp:
    """Epoch nanoseconds (as text) to RFC 3339 in UTC with microseconds.

    The seconds of a batch repeat, so each is formatted once: use one of these for a batch and let go of it.
    """
    seen: dict[str, str] = {}

    def stamp(ns: str) -> str:
        second = ns[:-9]
        day = seen.get(second)
        if day is None:
            day = seen[second] = until_the_second(second)
        return f"{day}{ns[-9:-3]:0>6}Z"

    return stamp


def until_the_second(second: str) -> str:
    """Epoch seconds (as text) as RFC 3339 up to the point before the fraction."""
    within = min(max(int(second or 0), 0), 253_402_300_799)  # RFC 3339 ends with the year 9999
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(within))


def document(record: Record, blank: E, shapes: Shapes, stamp: Stamp) -> E:
    """The document of one record, from the template of its group."""
    attributes: Mapping[str, Any] = record.attributes
    metadata: Mapping[str, Any]
    if PLAIN.issuperset(map(type, values := attributes.values())) and "" not in values:
        plan = shapes.get(keys := tuple(attributes))
        if plan is None:
            plan = shapes[keys] = shape(keys)
        metadata = attributes if plan.rest is None else {key: attributes[key] for key in plan.rest}
    else:
        attributes, plan, metadata = _unusual(attributes, shapes)
    # Copying and setting costs half of what naming the fields in a call does.
    made: E = blank.__copy__()  # type: ignore[attr-defined]  # msgspec's stubs leave it out
    made.metadata = metadata
    for name, key in plan.moved:
        setattr(made, name, attributes[key])
    _head(made, record, stamp)
    if plan.outcomes and made.outcome not in OUTCOMES:
        _translate(made, attributes, plan.outcomes)
    if plan.special:
        _special(made, attributes, plan)
    return made


def _head(document: Event, record: Record, stamp: Stamp) -> None:
    """What a record says in fields of its own."""
    moment = record.time or record.observed
    ns = str(moment) if moment > 0 else document.time_unix_nano  # no time at all: it happened when it is sent
    document.event_id = record.id or None
    document.event_type = record.event or None
    document.severity = _NAMES[record.severity] if 0 <= record.severity <= 24 else scale(record.severity).name
    document.severity_number = record.severity
    document.severity_text = record.severity_text or None
    document.timestamp = stamp(ns)
    document.time_unix_nano = ns
    if record.time and record.observed:
        document.observed_time_unix_nano = str(record.observed)
    document.trace_id = record.trace_id or None
    document.span_id = record.span_id or None
    document.trace_flags = record.flags or None
    body = record.body
    if type(body) is str:
        document.message = body or None
    elif body is not None:
        document.body = safe(body)
        document.message = _readable(body)


def _readable(body: Any) -> str | None:
    """The sentence inside a structured body, when it has one."""
    found = [body[key] for key in HEADS[2].also if type(body.get(key)) is str] if isinstance(body, dict) else []
    return found[0] if found else None


def _special(document: Event, attributes: Mapping[str, Any], plan: Shape) -> None:
    """What few records have."""
    if plan.target:
        document.target = Target(**{name: attributes[key] for name, key in plan.target})
    if plan.attack:
        document.mitre_attack = Attack(**{name: attributes[key] for name, key in plan.attack})
    if plan.heads:
        _stand_in(document, attributes, plan.heads)


def _translate(document: Event, attributes: Mapping[str, Any], keys: tuple[str, ...]) -> None:
    """The outcome in our three words; the word that the sender used stays in the metadata."""
    moved = document.outcome is not None  # then the first key's own word is about to be replaced
    for key in keys[:1] if moved else keys:
        if word := outcome(attributes[key]):
            document.outcome = word
            if moved:
                document.metadata = {**(document.metadata or {}), key: attributes[key]}
            return


def _stand_in(document: Event, attributes: Mapping[str, Any], heads: Pairs) -> None:
    """Attributes fill the fields that the record left empty; what would only repeat a field leaves the metadata."""
    said: set[str] = set()
    for name, key in heads:
        value = attributes[key]
        if getattr(document, name) is None and type(value) is str:
            setattr(document, name, value)
        if key in _MOVES and value == getattr(document, name):
            said.add(key)
    if said:
        document.metadata = {key: value for key, value in (document.metadata or {}).items() if key not in said}


def _unusual(attributes: Mapping[str, Any], shapes: Shapes) -> tuple[Mapping[str, Any], Shape, Mapping[str, Any]]:
    """Attributes with nulls, empty texts, numbers that JSON may not have, or something nested.

    Nulls and empty texts are no hits, and keys inside `metadata`, `details` and `context` are looked at too.
    """
    clean = {key: safe(value) for key, value in attributes.items()}
    known = {key: value for key, value in clean.items() if value is not None and value != ""}
    for container in NESTING:
        if isinstance(inner := clean.get(container), dict):
            nested = {f"{container}.{key}": value for key, value in inner.items() if value is not None and value != ""}
            known = nested | known
    keys = tuple(known)
    if (plan := shapes.get(keys)) is None:
        plan = shapes[keys] = shape(keys)
    kept = known.keys() if plan.rest is None else frozenset(plan.rest)
    return known, plan, {key: value for key, value in clean.items() if key in kept or key not in known}


def template(group: Group, at: Moment, product: Product, kind: type[E]) -> E:
    """What all documents of a group have in common; the parts that are objects are encoded once."""
    resource = {key: safe(value) for key, value in group.resource.items()}
    known = {key: value for key, value in resource.items() if value is not None and value != ""}
    made = kind(time_unix_nano=str(max(at.now, 0)))
    for name, key in shape(known).moved:
        if name in FROM_RESOURCE:
            setattr(made, name, known[key])
    said = speaker(known, product, at.host)
    made.siem = _raw({key: value for key, value in said._asdict().items() if value})
    rest = beyond(resource, said)
    made.resource = _raw(rest) if rest else None
    made.resource_schema_url = group.schema_url or None
    scope = group.scope
    parts = {"name": scope.name, "version": scope.version, "schema_url": scope.schema_url}
    described = {key: value for key, value in parts.items() if value}
    if scope.attributes:
        described["attributes"] = safe(scope.attributes)
    made.scope = _raw(described) if described else None
    return made


def _raw(value: object) -> Raw:
    return Raw(_encoder.encode(value))
