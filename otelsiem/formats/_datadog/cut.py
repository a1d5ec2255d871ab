"""Logs that Datadog would truncate, cut here instead, where it can be said.

Datadog takes a log of more than 1 MB with 202 and keeps its beginning, which is no JSON any more: all attributes are
lost (contract 3). Guarantees: the longest texts are cut until the document fits; `audit.truncated` names each with the
characters that it had, and the tag `truncated:true` finds them; names, numbers and the pivots of responders stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import msgspec

from otelsiem.formats._datadog.tags import MOST_TAGS

TRUNCATED = "truncated:true"
MOST_CUTS = 64
SHORTEST = 256  # characters: texts below that are left alone
_SIGN = "…"
_KEPT = frozenset({"event_id", "tenant_id", "agent_id", "correlation_id", "constitutional_hash", "trace_id", "ddtags"})

Found: TypeAlias = tuple[int, Any, Any, str]  # length, what holds it, its key there, the path to it

_encoder = msgspec.json.Encoder()


def fitted(line: bytes, limit: int) -> bytes:
    """The document in at most so many bytes, or as it is when its texts are not what makes it large."""
    made = line
    try:
        document = msgspec.json.decode(line)
        tags = [*str(document.get("ddtags", "")).split(",")][: MOST_TAGS - 1]
        document["ddtags"] = ",".join(filter(None, [*tags, TRUNCATED]))
        said: dict[str, int] = {}
        document["audit.truncated"] = said
        for _ in range(MOST_CUTS):
            if len(made := _encoder.encode(document)) <= limit:
                return made
            length, holder, key, path = max(_texts(document), key=lambda one: one[0])
            if length <= SHORTEST:
                return line
            said.setdefault(path, length)
            holder[key] = _shorter(holder[key], len(made) - limit)
    except RecursionError:  # nested deeper than can be walked
        return line
    return line


def _shorter(text: str, excess: int) -> str:
    """The text without so many bytes of JSON, or as little of it as is worth keeping."""
    size = len(_encoder.encode(text))
    keep = max(int(len(text) * (size - excess) / size) - 64, SHORTEST // 2)
    return text[:keep] + _SIGN


def _texts(node: Any, path: str = "") -> Iterator[Found]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, str):
            if here not in _KEPT:
                yield len(value), node, key, here[:SHORTEST]
        elif isinstance(value, dict | list):
            yield from _texts(value, here)
