"""JSON lines for receivers with a limit: longest texts cut first, so that what arrives is still JSON, and says so."""

from __future__ import annotations

from typing import Any

import msgspec

from otelsiem.formats.visible import in_json

CORE = ("event_id", "event_type", "severity", "timestamp", "tenant_id", "agent_id", "correlation_id",
        "constitutional_hash")  # fmt: skip
TRUNCATED = "truncated"

_STEPS = (4096, 1024, 256, 64, 16)  # characters of a text, and entries of a list or an object
_encoder = msgspec.json.Encoder()


def json_line(line: bytes, room: int) -> bytes | None:
    """The document within so many bytes, without an unseen sign; None when not even its core fits."""
    line = seen(line)
    if len(line) <= room:
        return line
    whole: dict[str, Any] = msgspec.json.decode(line)
    for step in _STEPS:
        made = {key: _cut(value, step) for key, value in whole.items()}
        if len(line := seen(_encoder.encode({**made, TRUNCATED: True}))) <= room:
            return line
    core = {key: _cut(whole[key], 32) for key in CORE if key in whole}
    line = seen(_encoder.encode({**core, TRUNCATED: True}))
    return line if len(line) <= room else None


def seen(line: bytes) -> bytes:
    """Signs that a reader cannot see as JSON escapes them; in valid JSON they stand within texts only."""
    shown = line.decode()
    return line if shown.isprintable() else in_json(shown).encode()


def _cut(value: Any, step: int) -> Any:
    if isinstance(value, str):
        return value[:step]
    if isinstance(value, list):
        return [_cut(item, step) for item in value[:step]]
    if isinstance(value, dict):
        return {key[:step]: _cut(item, step) for key, item in list(value.items())[:step]}
    return value
