"""Records sent to a gateway over OTLP/HTTP as JSON, written here by hand: for what no SDK says on purpose."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

START = 1767225600_000000000


@dataclass(frozen=True)
class Event:
    """One record."""

    body: str = "peer"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    name: str = "audit.login"
    time: int = START
    severity: int = 9


def emit(port: int, events: Iterable[Event], resource: Mapping[str, Any] | None = None) -> None:
    """Send them in one request; a gateway that does not take all of them fails the test."""
    records = [
        {
            "timeUnixNano": str(event.time),
            "severityNumber": event.severity,
            "eventName": event.name,
            "body": {"stringValue": event.body},
            "attributes": _pairs(event.attributes),
        }
        for event in events
    ]
    group = {"resource": {"attributes": _pairs(resource or {"service.name": "peer"})}}
    request = {"resourceLogs": [group | {"scopeLogs": [{"scope": {"name": "peer"}, "logRecords": records}]}]}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/v1/logs", json.dumps(request), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        said = reply.read()
        assert reply.status == 200, (reply.status, said)
        assert not json.loads(said or b"{}").get("partialSuccess"), said
    finally:
        connection.close()


def _pairs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case dict():
            return {"kvlistValue": {"values": _pairs(value)}}
        case _:
            return {"stringValue": str(value)}
