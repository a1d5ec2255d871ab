"""A log record as a judge saw it: read from the OTLP JSON lines that the Collector's file exporter writes.

Values keep their OTLP types: an int64 is a Python int, a double a float, so 7 and 7.0 can be told apart by type.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One record with its resource and scope."""

    event: str = ""
    time: int = 0
    severity: int = 0
    severity_text: str = ""
    body: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    scope: str = ""
    scope_version: str = ""
    trace_id: str = ""
    span_id: str = ""
    flags: int = 0


def value(said: dict[str, Any]) -> Any:
    """An AnyValue of OTLP JSON as a Python value."""
    for kind, content in said.items():
        match kind:
            case "intValue":
                return int(content)
            case "bytesValue":
                return base64.b64decode(content)
            case "arrayValue":
                return [value(item) for item in content.get("values", [])]
            case "kvlistValue":
                return mapping(content.get("values", []))
            case _:  # stringValue, boolValue, doubleValue
                return content
    return None


def mapping(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    """A list of KeyValue; a key that stands twice would hide a difference, so it is an error."""
    found = {pair["key"]: value(pair.get("value", {})) for pair in pairs}
    assert len(found) == len(pairs), f"a key stands twice: {pairs}"
    return found


def records(path: Path) -> Iterator[Seen]:
    """All records of a file that the Collector may still be writing: an unfinished last line is left out."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield from of_request(json.loads(line))


def of_request(request: dict[str, Any]) -> Iterator[Seen]:
    """The records of one ExportLogsServiceRequest in OTLP JSON."""
    for group in request.get("resourceLogs", []):
        resource = mapping(group.get("resource", {}).get("attributes", []))
        for scoped in group.get("scopeLogs", []):
            scope = scoped.get("scope", {})
            for record in scoped.get("logRecords", []):
                yield Seen(
                    event=record.get("eventName", ""),
                    time=int(record.get("timeUnixNano", 0)),
                    severity=record.get("severityNumber", 0),
                    severity_text=record.get("severityText", ""),
                    body=value(record.get("body", {})),
                    attributes=mapping(record.get("attributes", [])),
                    resource=resource,
                    scope=scope.get("name", ""),
                    scope_version=scope.get("version", ""),
                    trace_id=record.get("traceId", ""),
                    span_id=record.get("spanId", ""),
                    flags=record.get("flags", 0),
                )
