"""An independent judge of ECS documents: what Elastic's published field list says, and what Elasticsearch refuses.

Knows nothing of the formatter. `faults` returns a sentence for each thing that is wrong with a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

TABLE = Path(__file__).parent / "data" / "ecs.txt"
DEEPEST = 20  # index.mapping.depth.limit
_TIME = re.compile(r"\d{4}-(0\d|1[0-2])-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{1,9})?Z")


class Field(NamedTuple):
    """One row of the published list."""

    type: str
    array: bool
    closed: frozenset[str]


@cache
def published() -> tuple[dict[str, Field], dict[str, frozenset[str]]]:
    """The fields, and the event types that are expected of each category."""
    fields: dict[str, Field] = {}
    expected: dict[str, frozenset[str]] = {}
    for row in TABLE.read_text("utf-8").splitlines()[1:]:
        name, type_, *more = row.split("\t")
        if name.startswith("="):
            expected[name[1:]] = frozenset(type_.split(","))
        else:
            array, closed = (*more, "", "")[:2]
            fields[name] = Field(type_, array == "array", frozenset(closed.split(",")) - {""})
    return fields, expected


def faults(line: bytes) -> list[str]:
    """What is wrong with this document."""
    if b"\n" in line:
        return ["a document is one line"]
    document = json.loads(line, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    found = [*_walk("", document, 1), *_whole(document)]
    if "@timestamp" not in document:
        found.append("@timestamp is missing: a data stream refuses the document")
    return found


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    assert len(made) == len(pairs), f"a key stands twice: {[key for key, _ in pairs]}"
    return made


def _no_constant(word: str) -> Any:
    raise AssertionError(f"{word} is not JSON")


def _walk(path: str, value: Any, depth: int) -> Iterator[str]:
    fields, _ = published()
    if path == "labels":
        yield from _labels(value)
    elif (field := fields.get(path)) and field.type != "object":
        yield from _field(path, value, field)
    elif type(value) is dict:
        if not value and path:
            yield f"{path}: an empty object"
        if depth > DEEPEST:
            yield f"{path}: deeper than {DEEPEST}"
        for key, inner in value.items():
            if not key or "." in key:
                yield f"{path}: {key!r} is no field name"
            yield from _walk(f"{path}.{key}" if path else key, inner, depth + 1)
    else:
        yield f"{path}: not a field of ECS, or one that holds objects"


def _labels(value: Any) -> Iterator[str]:
    for key, inner in value.items():
        if not key.strip() or "." in key or re.search(r"[\x00-\x20\x7f*\"\\]", key) or len(key.encode()) > 2048:
            yield f"labels: {key!r} is no name"
        items = inner if type(inner) is list else [inner]
        if inner is not None and not all(type(item) is str for item in items):
            yield f"labels.{key}: {inner!r} is not text"


def _field(path: str, value: Any, field: Field) -> Iterator[str]:
    if type(value) is list:
        if not field.array:
            yield f"{path}: a list, but ECS has one value here"
    elif field.array:
        yield f"{path}: one value, but ECS has a list here"
    for item in value if type(value) is list else [value]:
        if not TYPES[field.type](item):
            yield f"{path}: {item!r} is no {field.type}"
        elif field.closed and item not in field.closed:
            yield f"{path}: {item!r} is not in the closed list"


def _whole(document: dict[str, Any]) -> Iterator[str]:
    """What must agree between fields."""
    _, expected = published()
    event = document.get("event", {})
    fitting = [expected[category] for category in event.get("category", ()) if category in expected]
    for type_ in event.get("type", ()) if fitting else ():
        if not any(type_ in types for types in fitting):
            yield f"event.type: {type_!r} does not fit {event['category']}"
    if event.get("kind") == "signal":
        yield "event.kind: signal is reserved for Kibana"


def _text(item: Any) -> bool:
    return type(item) is str


def _whole_number(widest: int) -> Callable[[Any], bool]:
    return lambda item: type(item) is int and -widest <= item < widest


def _number(item: Any) -> bool:
    return type(item) in (int, float) and abs(item) <= 3.4028235e38


def _ip(item: Any) -> bool:
    try:
        ip_address(item)
    except ValueError:
        return False
    return type(item) is str and "%" not in item


def _date(item: Any) -> bool:
    return type(item) is str and _TIME.fullmatch(item) is not None


TYPES: dict[str, Callable[[Any], bool]] = {
    "keyword": _text, "constant_keyword": _text, "wildcard": _text, "match_only_text": _text,
    "long": _whole_number(1 << 63), "integer": _whole_number(1 << 31),
    "float": _number, "scaled_float": _number, "double": _number,
    "ip": _ip, "date": _date, "boolean": lambda item: type(item) is bool,
    "flattened": lambda item: type(item) is dict, "nested": lambda item: type(item) is dict,
}  # fmt: skip
