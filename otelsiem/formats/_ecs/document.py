"""ECS documents the general way: from the normalised event, whatever the record holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from otelsiem.formats._ecs.fields import ATTRIBUTES, ENTITIES, MEANINGS, Field, fitted, score
from otelsiem.formats._ecs.group import Common
from otelsiem.formats._ecs.labels import label, labels
from otelsiem.formats._ecs.tree import Tree, home, put
from otelsiem.formats._ecs.words import UNKNOWN, threat, words_of
from otelsiem.formats.address import kind
from otelsiem.formats.json import Event, Target, until_the_second
from otelsiem.formats.values import text
from otelsiem.formats.vocabulary import OUTCOMES
from otelsiem.model import event as events
from otelsiem.model.record import Record
from otelsiem.model.severity import scale

PIVOTS = ("agent_id", "correlation_id", "constitutional_hash")
KEPT = ("session_id", "actor_type", "decision", "confidence", "mcp_method")  # no field in ECS: labels of that name
ADDRESSES = (("server", "server.address", "server.port"), ("source", "source.address", "source.port"))


class Document(msgspec.Struct, gc=False, omit_defaults=True, rename={"timestamp": "@timestamp"}):
    """The field sets of ECS that audit records have something for."""

    timestamp: str = ""
    message: Any = None
    ecs: Any = None
    event: Any = None
    log: Any = None
    error: Any = None
    trace: Any = None
    span: Any = None
    organization: Any = None
    user: Any = None
    group: Any = None
    source: Any = None
    server: Any = None
    network: Any = None
    http: Any = None
    url: Any = None
    user_agent: Any = None
    host: Any = None
    service: Any = None
    process: Any = None
    file: Any = None
    dns: Any = None
    device: Any = None
    container: Any = None
    cloud: Any = None
    orchestrator: Any = None
    faas: Any = None
    gen_ai: Any = None
    entity: Any = None
    rule: Any = None
    threat: Any = None
    related: Any = None
    labels: Any = None


def tree_of(event: Event, record: Record, common: Common) -> Tree:
    """The document of one normalised event, its members in the order in which they are written."""
    tree: Tree = {"@timestamp": nanoseconds(event.time_unix_nano)}
    if event.message is not None:
        tree["message"] = event.message
    tree |= {name: _copy(value) for name, value in common.sets.items()}
    also: Tree = {"time_unix_nano": event.time_unix_nano}  # labels of ours
    known = events.known(event.event_type or "") or UNKNOWN
    _event(tree, also, event, record, common)
    _kinds(tree, also, event, known)
    for name, field in MEANINGS.items():
        if (value := getattr(event, name)) is not None and not home(tree, field, value):
            also[name] = label(value)
    for name in (*PIVOTS, *KEPT):
        if (value := getattr(event, name)) is not None:
            also[name] = label(value)
    _address(tree, also, "source", event.src_ip, event.src_port)
    if event.target:
        _target(tree, also, event.target)
    threat(tree, also, event.mitre_attack, known)
    rest = _attributes(tree, event.metadata or {})
    _related(tree, common)
    tree["labels"] = also | labels(rest) | common.labels
    return tree


def document_of(tree: Tree) -> Document:
    """The same as a struct."""
    return Document(timestamp=tree.pop("@timestamp"), **tree)


def _copy(value: Any) -> Any:
    return {key: _copy(inner) for key, inner in value.items()} if type(value) is dict else value


def nanoseconds(ns: str) -> str:
    return f"{until_the_second(ns[:-9])}{ns[-9:]:0>9}Z"


def _event(tree: Tree, also: Tree, event: Event, record: Record, common: Common) -> None:
    """What a record says in fields of its own."""
    said = {
        "id": event.event_id,
        "code": event.event_type,
        "action": fitted(event.action, "keyword") or event.event_type,
        "severity": event.severity_number,
        "dataset": common.dataset,
        "created": nanoseconds(event.observed_time_unix_nano) if event.observed_time_unix_nano else None,
        "risk_score": score(event.risk_score),
        "original": None if event.body is None else text(event.body),
    }
    tree["event"] = {name: value for name, value in said.items() if value is not None}
    if event.action is not None and fitted(event.action, "keyword") is None:
        also["action"] = label(event.action)
    if event.risk_score is not None and said["risk_score"] is None:
        also["risk_score"] = label(event.risk_score)
    if record.severity > 0:
        put(tree, "log.level", scale(record.severity).ecs)
    if event.severity_text:
        also["severity_text"] = event.severity_text
    if event.trace_id:
        put(tree, "trace.id", event.trace_id)
    if event.span_id:
        put(tree, "span.id", event.span_id)
    if event.trace_flags is not None:
        also["trace_flags"] = str(event.trace_flags)


def _kinds(tree: Tree, also: Tree, event: Event, known: events.Event) -> None:
    """The four categorisation fields: closed lists, in which the record's own words have a say."""
    words = words_of(event.event_type or "", event.decision if type(event.decision) is str else None, known)
    ended = event.outcome if event.outcome in OUTCOMES else _compliant(event) or words.outcome
    said = {"kind": words.kind, "category": words.category, "type": words.type, "outcome": ended}
    tree["event"] |= {name: value for name, value in said.items() if value}
    if event.outcome is not None and event.outcome not in OUTCOMES:
        also["outcome"] = label(event.outcome)


def _compliant(event: Event) -> str:
    found = (event.metadata or {}).get("compliance.is_compliant")
    return "success" if found is True else "failure" if found is False else ""


def _address(tree: Tree, also: Tree, side: str, address: Any, port: Any) -> None:
    """An address as it was said, and again where its type has a field."""
    if address is not None and not _place_address(tree, side, address):
        also[f"{side}_address"] = label(address)
    if port is not None and not home(tree, Field(f"{side}.port", "long"), port):
        also[f"{side}_port"] = label(port)


def _place_address(tree: Tree, side: str, address: Any) -> bool:
    if not home(tree, Field(f"{side}.address"), address):
        return False
    if found := kind(address):
        put(tree, f"{side}.{'ip' if found == 'ip' else 'domain'}", address)
    return True


def _target(tree: Tree, also: Tree, target: Target) -> None:
    """To what it was done: a user has fields of its own."""
    word = str(target.type).lower()
    path = "user.target" if word == "user" else "entity.target"
    for name in ("id", "name"):
        value = getattr(target, name)
        if value is not None and not home(tree, Field(f"{path}.{name}"), value):
            also[f"target_{name}"] = label(value)
    if target.type is None:
        return
    if word in ENTITIES:
        put(tree, "entity.target.type", [word])
    if not home(tree, Field("entity.target.sub_type"), target.type):
        also["target_type"] = label(target.type)


def _attributes(tree: Tree, attributes: Mapping[str, Any]) -> Tree:
    """Attributes that ECS has a field for go there; returns the others."""
    rest = dict(attributes)
    for side, address, port in ADDRESSES:
        if (value := rest.get(address)) is not None and _place_address(tree, side, value):
            del rest[address]
        if (value := rest.get(port)) is not None and home(tree, Field(f"{side}.port", "long"), value):
            del rest[port]
    for key in attributes:
        if (field := ATTRIBUTES.get(key)) is not None and attributes[key] != "" and home(tree, field, attributes[key]):
            del rest[key]
    return rest


def _related(tree: Tree, common: Common) -> None:
    """Everyone and every place that the document names, for the question "where else?"."""
    user, sides = tree.get("user", {}), [tree.get("source", {}), tree.get("server", {})]
    found = {
        "user": [user[name] for name in ("name", "id", "email") if name in user],
        "ip": [side["ip"] for side in sides if "ip" in side] + common.ips,
        "hosts": common.hosts + [side["domain"] for side in sides if "domain" in side],
    }
    if made := {name: list(dict.fromkeys(values)) for name, values in found.items() if values}:
        tree["related"] = made
