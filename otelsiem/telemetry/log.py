"""Our own log: one line per event on stderr, `key=value` or a JSON object.

Guarantees: an event is one line whatever it contains (line breaks are escaped, so nobody can forge a line); nothing
reaches the host's handlers, so our log never feeds our own exporter.

Levels: WARNING = odd, nothing lost; ERROR = a person is needed; nothing per batch above DEBUG.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

NAME = "otelsiem"
FOREIGN = (
    "uvicorn",
    "grpc",
    "asyncio",
    "opentelemetry",
)  # libraries that speak in our process; only what they call an error is one of our lines

_FIELDS = "otelsiem_fields"
_TEMPLATE = re.compile(r"[a-z_]+=\S*( [a-z_]+=\S*)*")
_BARE = re.compile(r"[A-Za-z0-9_./:@%+,\-\[\]]+")


def fields(**values: object) -> Mapping[str, object]:
    """What an event knows, for `extra=` of a logging call."""
    return {_FIELDS: values}


class KeyValue(logging.Formatter):
    """time, level, logger, message and fields as one line."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={_quoted(value)}" for key, value in self.event(record).items())

    def event(self, record: logging.LogRecord) -> dict[str, object]:
        """What the line says."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event: dict[str, object] = {
            "time": when.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **(_pairs(record) or {"msg": record.getMessage()}),
        }
        event.update(getattr(record, _FIELDS, {}))
        if record.exc_info:
            event["error"] = self.formatException(record.exc_info)
        return event


class JsonLines(KeyValue):
    """The same as one JSON object; numbers stay numbers, all else is text."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({key: _plain(value) for key, value in self.event(record).items()})


def configure(level: int = logging.INFO, stream: TextIO | None = None, *, as_json: bool = False) -> logging.Handler:
    """Send our log to stderr (or `stream`), and nowhere else. Called again, it replaces what it set up before."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if as_json else KeyValue())
    for name in (NAME, *FOREIGN):
        logger = logging.getLogger(name)
        for old in [h for h in logger.handlers if isinstance(h.formatter, KeyValue)]:
            logger.removeHandler(old)
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(level if name == NAME else logging.ERROR)
    return handler


def _pairs(record: logging.LogRecord) -> Mapping[str, object]:
    """The fields of a call written as `log.error("exporter=%s msg=%r", …)`; empty for any other.

    The template, which the author wrote, says where a field begins; what is filled in never does.
    """
    if not isinstance(record.msg, str) or not isinstance(record.args, tuple) or not _TEMPLATE.fullmatch(record.msg):
        return {}
    values = list(record.args)
    pairs: dict[str, object] = {}
    for token in record.msg.split(" "):
        key, _, form = token.partition("=")
        taken = [values.pop(0) for _ in range(form.replace("%%", "").count("%")) if values]
        pairs[key] = taken[0] if form in {"%r", "%d"} and taken else form % tuple(taken)
    return pairs


def _plain(value: object) -> object:
    return value if isinstance(value, int | str) else str(value)


def _quoted(value: object) -> str:
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=True)
