"""What Datadog makes of a log: its preprocessing of JSON, and the remappers, as a person finds it afterwards.

Written from the vendor's pages (docs/contracts, datadog 7 and 8), apart from our formatter: an attribute with one of
the remappers' names decides the status, the host, the service or the date, wherever it came from, and a message that is
a JSON object becomes attributes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DATES = ("timestamp", "date", "_timestamp", "Timestamp", "eventTime", "published_date", "syslog.timestamp")
STATUS = ("status", "severity", "level", "syslog.severity")
HOST = ("host", "hostname", "syslog.hostname")
SERVICE = ("service", "syslog.appname", "dd.service")
MESSAGE = ("message", "msg", "log")
TRACE, SPAN = ("trace_id", "dd.trace_id"), ("span_id", "dd.span_id")
SOURCE, TAGS = "ddsource", "ddtags"
RESERVED = frozenset({*DATES, *STATUS, *HOST, *SERVICE, *MESSAGE, *TRACE, *SPAN, SOURCE, TAGS, "source"})

SYSLOG = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
_PREFIXES = (  # the first that fits
    ("emerg", "emergency"), ("f", "emergency"), ("a", "alert"), ("c", "critical"), ("e", "error"), ("w", "warning"),
    ("n", "notice"), ("i", "info"), ("d", "debug"), ("t", "debug"), ("v", "debug"), ("o", "ok"), ("s", "ok"),
)  # fmt: skip
_TAG = re.compile(r"[^\w:./-]")


@dataclass(frozen=True, slots=True)
class Log:
    """One log as it is found. `attributes` by their path: `usr.id`."""

    message: str
    status: str
    timestamp: int  # ms since the epoch
    service: str
    host: str
    source: str
    tags: tuple[str, ...]
    trace_id: str
    span_id: str
    attributes: Mapping[str, Any]


def found(item: Mapping[str, Any], now: float) -> Log:
    """A log of the intake as it is stored."""
    flat = dict(_flat(item))
    text = _first(flat, MESSAGE)
    inner = _parsed(text)
    if inner is not None:  # what the message says wins: it is the log itself, the rest came along with it
        flat = {**flat, **dict(_flat(inner))}
        text = _first(inner, MESSAGE) or text
    return Log(
        message=text if isinstance(text, str) else json.dumps(text),
        status=status(_first(flat, STATUS)),
        timestamp=_milliseconds(_first(flat, DATES), now),
        service=str(_first(flat, SERVICE) or ""),
        host=str(_first(flat, HOST) or ""),
        source=str(flat.get(SOURCE) or flat.get("source") or ""),
        tags=_tags(item.get(TAGS)),
        trace_id=str(_first(flat, TRACE) or ""),
        span_id=str(_first(flat, SPAN) or ""),
        attributes={key: value for key, value in flat.items() if key not in RESERVED},
    )


def status(value: Any) -> str:
    """The status remapper: numbers are syslog's, words count by how they begin."""
    if isinstance(value, int) and not isinstance(value, bool):
        return SYSLOG[value] if 0 <= value <= 7 else "info"
    word = value.lower() if isinstance(value, str) else ""
    return next((meant for prefix, meant in _PREFIXES if word.startswith(prefix)), "info")


def _first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((attributes[name] for name in names if attributes.get(name) not in (None, "")), None)


def _parsed(text: Any) -> Mapping[str, Any] | None:
    if not isinstance(text, str) or not text.lstrip("\ufeff \t\r\n").startswith("{"):
        return None
    try:
        read = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _milliseconds(value: Any, now: float) -> int:
    """Whole numbers are milliseconds whatever was meant; what is no date gives the time of arrival."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return int(now * 1000)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str):  # a list is not what the intake reads
        return ()
    made = [_TAG.sub("_", tag.strip().lower())[:200] for tag in value.split(",")]
    return tuple([tag for tag in made if tag[:1].isalpha()][:100])


def _flat(node: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict) and depth < 20:
            yield from _flat(value, here, depth + 1)
        else:
            yield here, value
