"""A bulk body as the servers read it: action line, document line, each with a newline; else the whole of it is refused.

Only `create` and `index` are known here: our fake's clients write nothing else.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from otelsiem.testing.elasticsearch_words import Wrong, illegal

ACTIONS = frozenset({"create", "index"})
KEYS = frozenset({"_index", "_id", "routing", "pipeline", "require_alias", "require_data_stream", "dynamic_templates"})
LONGEST_ID = 512


@dataclass(frozen=True)
class Action:
    """One record of a bulk request."""

    op: str
    index: str
    id: str  # "": the server makes one
    source: dict[str, Any] | None  # None: not JSON, which is found out when it is indexed


def read(body: bytes, index: str) -> list[Action] | Wrong:
    """The actions of a body, or why all of it is refused."""
    if not body:
        return Wrong(400, "parse_exception", "request body is required")
    if not body.endswith(b"\n"):
        return illegal("The bulk request must be terminated by a newline [\\n]")
    lines = [line for line in body[:-1].split(b"\n") if line]
    if not lines:
        return Wrong(400, "action_request_validation_exception", "Validation Failed: 1: no requests added;")
    made: list[Action] = []
    for at in range(0, len(lines), 2):
        action = _action(lines[at], at + 1, index)
        if isinstance(action, Wrong):
            return action
        if at + 1 == len(lines):
            return illegal("The bulk request must be terminated by a newline [\\n]")
        op, meta = action
        made.append(Action(op, meta.get("_index", index), meta.get("_id", ""), _source(lines[at + 1])))
    long = next((action.id for action in made if len(action.id.encode()) > LONGEST_ID), None)
    if long is not None:
        size = len(long.encode())
        reason = (
            f"Validation Failed: 1: id [{long[:30]}…] is too long, must be no longer than 512 bytes but was: {size};"
        )
        return Wrong(400, "action_request_validation_exception", reason)
    return made


def _action(line: bytes, number: int, index: str) -> tuple[str, dict[str, Any]] | Wrong:
    wrong = illegal(f"Malformed action/metadata line [{number}], expected START_OBJECT or END_OBJECT")
    try:
        said = json.loads(line)
    except ValueError:
        return Wrong(400, "x_content_parse_exception", f"[{number}:1] Unrecognized token")
    if not isinstance(said, dict) or len(said) != 1:
        return wrong
    [(op, meta)] = said.items()
    if op not in ACTIONS or not isinstance(meta, dict):
        return illegal(f"Malformed action/metadata line [{number}], expected field [create], [delete], [index] or "
                       f"[update] but found [{op}]")  # fmt: skip
    if unknown := next(iter(meta.keys() - KEYS), None):
        return illegal(f"Action/metadata line [{number}] contains an unknown parameter [{unknown}]")
    if not meta.get("_index", index):
        return Wrong(400, "action_request_validation_exception", "Validation Failed: 1: index is missing;")
    return op, meta


def _source(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def inflated(body: bytes, limit: int) -> bytes | None:
    """The text, one byte more than the limit at most; None when it is not gzip."""
    packed = zlib.decompressobj(31)
    try:
        text = packed.decompress(body, limit + 1)
    except zlib.error:
        return None
    return text if packed.eof or len(text) > limit else None
