"""What a peer says, as part of a reason: one short printable line, without our secrets.

Guarantees: at most LONGEST characters, whatever the peer sends and however it sends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec

from otelsiem.model.secret import redact

LONGEST = 120
_READ = 64 << 10  # bytes: no error of an API is longer; a page of a proxy is not worth parsing


def quoted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text as it may stand in a reason."""
    shown = redact(text[: 8 * LONGEST], secrets)[: 4 * LONGEST]
    return " ".join("".join([c if c.isprintable() else " " for c in shown]).split())[:LONGEST]


def decoded(body: bytes) -> Any:
    """A body as JSON; None when it is none, or too long to be an answer."""
    if not body or len(body) > _READ:
        return None
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None


def said(body: bytes, secrets: Iterable[str] = ()) -> str:
    """What an error says: under the names that most APIs use, or in plain words; "" when nothing can be read."""
    found = decoded(body)
    if found is None and body[:1] not in (b"<", b"{", b"["):  # no page of a proxy, no broken JSON
        return quoted(body[: 8 * LONGEST].decode("utf-8", "replace"), secrets)
    return quoted(": ".join(islice(_texts(found, 4), 3)), secrets)


_NAMES = ("title", "error", "errors", "detail", "message", "msg", "reason", "description", "error_description", "code")


def _texts(node: Any, depth: int) -> Iterable[str]:
    if isinstance(node, str) and node.strip():
        yield node
    elif depth and isinstance(node, dict):
        for name in _NAMES:
            if name in node:
                yield from _texts(node[name], depth - 1)
    elif depth and isinstance(node, list):
        for one in node[:3]:
            yield from _texts(one, depth - 1)
