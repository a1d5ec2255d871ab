"""What a consumer of each format finds in a line: names (paths, in a document) and values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from otelsiem.testing import syslog_message
from tests.formats import cef_reader, leef_reader

Found: TypeAlias = Mapping[str, Any]


def _document(line: str) -> Found:
    return _flat(json.loads(line))


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Paths; of a list of objects the first."""
    match value:
        case dict():
            return {path: one for key, item in value.items() for path, one in _flat(item, f"{prefix}/{key}").items()}
        case [dict() as first, *_]:
            return _flat(first, prefix)
        case _:
            return {prefix.lstrip("/"): value}


def _cef(line: str) -> Found:
    """Custom fields by their labels too."""
    event = cef_reader.read(line.encode())
    held = event.extension
    labelled = {held[f"{key}Label"]: value for key, value in held.items() if f"{key}Label" in held}
    return {"severity": event.severity, **held, **labelled}


def _leef(line: str) -> Found:
    return leef_reader.read(line.encode()).attributes


def _syslog(line: str) -> Found:
    message = syslog_message.read(line.encode())
    said = {name: value for element in message.data.values() for name, value in element.items()}
    return {"severity": message.severity, "msgid": message.id, **said}


READ: Mapping[str, Callable[[str], Found]] = {
    "json": _document,
    "ecs": _document,
    "ocsf": _document,
    "datadog": _document,
    "hec": _document,
    "cef": _cef,
    "leef": _leef,
    "rfc5424": _syslog,
}
