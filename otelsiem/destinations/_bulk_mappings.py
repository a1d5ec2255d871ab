"""The index template that `otelsiem setup` installs: the types of the fields that we write, and no surprises beside.

Guarantees: only types that every edition of Elasticsearch 7.17 to 9 and OpenSearch has; a text that looks like a date
or a number stays a text; one value that is too long costs no document, and in new editions no label too many.
"""

from __future__ import annotations

from typing import Any

from otelsiem.formats._ecs.fields import ATTRIBUTES, MEANINGS, RESOURCE

VERSION = 1  # of what is in here: raise it with every change
IGNORE_ABOVE = 1024  # characters: a longer keyword is kept but not searched (contract 4); ECS has the same number

_TYPES = {"long": "long", "integer": "integer", "ip": "ip", "ips": "ip"}
_TEXTS = ("message", "error.message", "error.stack_trace")
# `date` and not `date_nanos`: every other stream of logs-* has it, and the two do not sort together. The nanoseconds
# are in labels.time_unix_nano.
_OWN = {
    "@timestamp": "date", "event.created": "date", "event.severity": "long", "event.risk_score": "float",
    "source.ip": "ip", "source.port": "long", "server.ip": "ip", "server.port": "long", "host.ip": "ip",
    "related.ip": "ip",
}  # fmt: skip
SETTINGS = {"index.mapping.total_fields.limit": 2500}
# Elasticsearch 8.15 and newer: a field too many is kept without being searched, instead of costing its document.
BEYOND = "index.mapping.total_fields.ignore_dynamic_beyond_limit"

_KEYWORD = {"type": "keyword", "ignore_above": IGNORE_ABOVE}
_STREAM = {"properties": {name: {"type": "keyword"} for name in ("type", "dataset", "namespace")}}


def ecs() -> dict[str, Any]:
    """The mappings of ECS documents."""
    tree: dict[str, Any] = {}
    known = [*MEANINGS.values(), *ATTRIBUTES.values(), *RESOURCE.values()]
    for path, kind in {**{field.path: _TYPES[field.type] for field in known if field.type in _TYPES}, **_OWN}.items():
        _put(tree, path, {"type": kind})
    for path in _TEXTS:
        _put(tree, path, {"type": "text"})
    _put(tree, "event.original", {"type": "keyword", "index": False, "doc_values": False})
    tree["data_stream"] = _STREAM
    return {
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": [
            {"labels": {"path_match": "labels.*", "mapping": _KEYWORD}},
            {"texts": {"match_mapping_type": "string", "mapping": _KEYWORD}},
        ],
        "properties": tree,
    }


def otel(flattened: str) -> dict[str, Any]:
    """The mappings of OTel documents where no template is built in; `flattened` is how the type is called there."""
    attributes = {"properties": {"attributes": {"type": flattened}}}
    return {
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": [{"texts": {"match_mapping_type": "string", "mapping": _KEYWORD}}],
        "properties": {
            "@timestamp": {"type": "date"},
            "observed_timestamp": {"type": "date"},
            "severity_number": {"type": "long"},
            "attributes": {"type": flattened},
            "resource": attributes,
            "scope": attributes,
            "body": {"properties": {"text": {"type": "text"}, "structured": {"type": flattened}}},
            "data_stream": _STREAM,
        },
    }


def _put(tree: dict[str, Any], path: str, field: dict[str, Any]) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {}).setdefault("properties", {})
    tree[last] = field
