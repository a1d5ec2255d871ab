"""Documents read back from an index into what was sent, by contract 8 and the schema and not by our formats."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.peers.seen import Seen


def nanoseconds(text: str) -> int:
    """RFC 3339 with nanoseconds and Z."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0"))


def of_otel(document: dict[str, Any]) -> Seen:
    """The OpenTelemetry-native document."""
    body = document.get("body", {})
    attributes = dict(document["attributes"])
    attributes.pop("audit.record.id")  # we gave it
    resource = dict(document["resource"]["attributes"])
    resource.pop("host.name", None)  # the gateway's machine, since the sender names none
    return Seen(
        event=document["event_name"],
        time=nanoseconds(document["@timestamp"]),
        severity=document["severity_number"],
        severity_text=document.get("severity_text", ""),
        body=body["text"] if "text" in body else body.get("structured"),
        attributes=attributes,
        resource=resource,
        scope=document["scope"]["name"],
        scope_version=document["scope"]["version"],
        trace_id=document.get("trace_id", ""),
        span_id=document.get("span_id", ""),
        flags=document.get("trace_flags", 0),
    )


def of_ecs(document: dict[str, Any]) -> Seen:
    """The Elastic Common Schema: what it has no field for is in `labels`, as text, a level deep."""
    labels = dict(document["labels"])
    event, trace = document["event"], document.get("trace", {})
    said = {
        "time": labels.pop("time_unix_nano"),
        "text": labels.pop("severity_text", ""),
        "version": labels.pop("scope_version"),
        "flags": labels.pop("trace_flags", "0"),
        "vendor": labels.pop("vendor"),
    }
    assert int(said["time"]) == nanoseconds(document["@timestamp"])
    return Seen(
        event=event["code"],
        time=nanoseconds(document["@timestamp"]),
        severity=event["severity"],
        severity_text=said["text"],
        body=document["message"] if "message" in document else json.loads(event["original"]),
        attributes={"user.id": document["user"]["id"], **labels},
        resource={"service.name": document["service"]["name"], "service.namespace": said["vendor"]},
        scope=document["log"]["logger"],
        scope_version=said["version"],
        trace_id=trace.get("id", ""),
        span_id=document.get("span", {}).get("id", ""),
        flags=int(said["flags"]),
    )


def plain(sent: Seen) -> Seen:
    """What ECS can say of it: attributes without a field of their own are text, and maps are flat."""
    attributes: dict[str, Any] = {}
    for name, value in sent.attributes.items():
        parts = {f"{name}_{key}": part for key, part in value.items()} if isinstance(value, dict) else {name: value}
        attributes |= {key: part if isinstance(part, list) else _text(part) for key, part in parts.items()}
    return replace(sent, attributes=attributes)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
