"""Indices and data streams as the fake keeps them: documents by `_id`, dynamic mappings, and what both refuse.

A field keeps the type that its first document gave it, an object stays an object, and a document that is refused for
one field is refused whole. A rollover begins an empty index: `_id`s of the one before are not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from otelsiem.testing.elasticsearch_words import Wrong, illegal
from otelsiem.testing.elasticsearch_words import mapping as mapping_error

IPS = frozenset({"source.ip", "client.ip", "server.ip", "destination.ip", "host.ip", "related.ip", "observer.ip"})
DATES = frozenset({"@timestamp", "event.created", "event.start", "event.end", "event.ingested"})
FLAT = ("attributes", "resource.attributes", "scope.attributes")  # of the OTel template: keys with dots are names there
DEEPEST = 20
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d))?")
_ILLEGAL = re.compile(r'[\\/*?"<>|\s,#:]')


@dataclass
class Stored:
    """A document that was indexed, or that a failure store keeps."""

    index: str  # what it was sent to
    backing: str
    id: str
    source: dict[str, Any]


@dataclass
class Index:
    """One index."""

    name: str
    documents: dict[str, Stored] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    blocked: bool = False
    date_detection: bool = True
    limit: int = 1000  # index.mapping.total_fields.limit
    otel: bool = False

    def parse(self, source: Mapping[str, Any], *, opensearch: bool) -> Wrong | None:
        """What is wrong with a document; None, and its fields are known from now on."""
        found = dict(self.types)
        for path, value in _walk(source, FLAT if self.otel else ()):
            if reason := self._fits(path, value, found):
                return mapping_error(reason, opensearch=opensearch)
        if len(found) > max(self.limit, len(self.types)):
            return illegal(f"Limit of total fields [{self.limit}] has been exceeded while adding new fields [1]")
        self.types = found
        return None

    def _fits(self, path: str, value: Any, found: dict[str, str]) -> str:
        if path.startswith("!"):
            return path[1:]
        if value is None:
            return ""
        known, new = found.get(path), self._type(path, value)
        if known is None:
            found[path] = known = new
        if (known == "object") != (new == "object"):
            if known == "object":
                return (
                    f"object mapping for [{path}] tried to parse field [{path}] as object, but found a concrete value"
                )
            return f"failed to parse field [{path}] of type [{known}] in document"
        if not _parses(known, value):
            shown = str(value)[:100]
            return f"failed to parse field [{path}] of type [{known}] in document. Preview of field's value: '{shown}'"
        return ""

    def _type(self, path: str, value: Any) -> str:
        if path in IPS:
            return "ip"
        if path in DATES:
            return "date"
        match value:
            case dict():
                return "object"
            case bool():
                return "boolean"
            case int():
                return "long"
            case float():
                return "float"
        return "date" if self.date_detection and isinstance(value, str) and _DATE.fullmatch(value) else "text"


def _walk(source: Mapping[str, Any], flat: tuple[str, ...], at: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """Every field by its path; `!` and a reason where no field can be."""
    if depth > DEEPEST:
        yield f"!Limit of mapping depth [{DEEPEST}] has been exceeded due to object field [{at}]", None
        return
    for key, value in source.items():
        if not key.strip() or key[0] == "." or key[-1] == "." or ".." in key:
            yield f"!field name cannot contain only whitespace, or start or end with a dot: [{key[:40]}]", None
            continue
        path = f"{at}.{key}" if at else key
        parts = key.split(".") if at not in flat else [key]
        for n in range(1, len(parts)):
            yield (f"{at}." if at else "") + ".".join(parts[:n]), {}
        for item in value if isinstance(value, list) else [value]:
            yield path, item
            if isinstance(item, dict) and at not in flat:
                yield from _walk(item, flat, path, depth + len(parts))


def _parses(known: str, value: Any) -> bool:
    match known:
        case "ip":
            try:
                ip_address(str(value))
            except ValueError:
                return False
        case "date":
            return isinstance(value, int) or (isinstance(value, str) and _DATE.fullmatch(value) is not None)
        case "long" | "float":
            try:
                return not isinstance(value, bool) and abs(float(value)) < 2**63
            except (TypeError, ValueError):
                return False
        case "boolean":
            return isinstance(value, bool) or value in ("true", "false", "")
    return True


def misnamed(name: str) -> Wrong | None:
    """Why no index can have this name."""
    why = ""
    if name != name.lower():
        why = "must be lowercase"
    elif _ILLEGAL.search(name):
        why = "must not contain the following characters [' ','\"','*','\\','<','|',',','>','/','?']"
    elif name.startswith(("-", "_", "+")) or name in {".", ".."}:
        why = "must not start with '_', '-', or '+'"
    elif len(name.encode()) > 255:
        why = f"index name is too long, ({len(name.encode())} > 255)"
    return Wrong(400, "invalid_index_name_exception", f"Invalid index name [{name[:300]}], {why}") if why else None
