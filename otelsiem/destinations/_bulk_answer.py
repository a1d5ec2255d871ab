"""What a bulk request was answered: one item for each record, or one error for the whole of it.

Guarantees: whatever is no answer of Elasticsearch or OpenSearch reads as nothing; the words of a peer become one short
printable line, without our secrets and without the value that it found fault with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from otelsiem.model.secret import redact

# What is asked for: enough to know each record's fate. Without it an answer is as long as the request (contract 3).
FILTER = "errors,items.*.status,items.*.result,items.*.failure_store,items.*.error.type,items.*.error.reason"

LONGEST = 200  # characters of the peer's words in a reason
_READ = 64 << 10  # bytes of an error that are worth parsing

# What quotes a document: "Preview of field's value: '…'", a parser's excerpt, a Grok pattern's "field value: […]".
_DATA = re.compile(
    r"(?:Preview of field's value|at \[Source|; Source|(?<=match )field value):? .*"
    r"|: Unrecognized token .*",
    re.DOTALL,
)


class Cause(msgspec.Struct, gc=False):
    """Why it was not taken."""

    type: str | None = None
    reason: str | None = None


class Item(msgspec.Struct, gc=False):
    """One record's part of the answer."""

    status: int = 0
    error: Cause | str | None = None
    result: str | None = None
    failure_store: str | None = None

    @property
    def kind(self) -> str:
        """The type of its error, "" when there is none or it is not said."""
        return (self.error.type or "") if isinstance(self.error, Cause) else ""

    @property
    def words(self) -> str:
        """What is said about its error."""
        if isinstance(self.error, Cause):
            return self.error.reason or ""
        return self.error or ""


class _Items(msgspec.Struct, gc=False):
    items: list[dict[str, Item]]


class _Error(msgspec.Struct, gc=False):
    error: Any = None
    message: Any = None
    Message: Any = None  # AWS


_items = msgspec.json.Decoder(_Items)
_error = msgspec.json.Decoder(_Error)


def items(body: bytes) -> Sequence[Item] | None:
    """The items in order; None when it is no answer to a bulk request."""
    try:
        found = _items.decode(body)
    except (ValueError, RecursionError):
        return None
    if not all(map(len, found.items)):
        return None
    return [next(iter(item.values())) for item in found.items]


def error(body: bytes) -> Item:
    """The error of a whole request, as an item; what cannot be read says nothing."""
    if len(body) > _READ:
        return Item()
    try:
        found = _error.decode(body)
    except (ValueError, RecursionError):  # no JSON, no object, no UTF-8; nested too deep
        return Item()
    match found.error:
        case {"type": str(kind), **rest}:
            said = rest.get("reason")
            return Item(error=Cause(kind, said if isinstance(said, str) else None))
        case str(said):
            return Item(error=said)
    said = found.message if isinstance(found.message, str) else found.Message
    return Item(error=said if isinstance(said, str) else None)


def line(text: str, secrets: Iterable[str], longest: int = LONGEST) -> str:
    """The peer's words as one short line."""
    shown = _DATA.sub("", redact(text[:4000], secrets))[:1000]
    return " ".join("".join([c if c.isprintable() else " " for c in shown]).split())[:longest].rstrip(" .")
