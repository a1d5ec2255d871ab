"""JSON Schema (draft 2020-12) of a configuration file, for editors: `otelsiem schema > otelsiem.schema.json`.

Made from the same models that judge a file, so no key can be missing. Expressions (`${env:NAME}`) stand wherever a
scalar does, and the Collector's keys that have no effect are marked deprecated. It is more generous than `otelsiem
validate`: what hangs on other keys, on files or on the environment only `validate` knows.
"""

from __future__ import annotations

from otelsiem.config.blocks import ABOUT, NAME, Json, document, reached
from otelsiem.config.collector import ACCEPTED, MAPPED, REFUSED, SAME, TABLE, Row
from otelsiem.config.scalar import resolve

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXPRESSION = {
    "type": "string",
    "pattern": r"\$\{.+\}",
    "description": "${env:NAME}, ${env:NAME:-default} or ${file:path}",
}

_SCALARS = frozenset({"string", "integer", "number", "boolean"})
_REFERENCE = {"$ref": "#/$defs/expression"}


def schema() -> Json:
    """The document."""
    root = document()
    for row in TABLE:
        _allow(root, row)
    root["$defs"].pop("Exporter")  # its keys are in every exporter
    definitions = {name: _opened(block) for name, block in root.pop("$defs").items()}
    whole = _opened(root)
    return {"$schema": DIALECT, "title": "otelsiem", **whole, "$defs": {**definitions, "expression": EXPRESSION}}


def _allow(root: Json, row: Row) -> None:
    """A key of the Collector: one without effect, one spelled otherwise here, or a refused one with nothing in it."""
    if row.verdict is SAME or (len(row.steps) == 2 and row.verdict is not ACCEPTED):
        return
    allowed: Json = {"deprecated": True, "description": f"here {row.to}" if row.verdict is MAPPED else row.why}
    if row.only:
        allowed["const"] = resolve(row.only)
    if row.verdict is REFUSED:
        allowed["enum"] = [None, False, "", [], {}]
    *path, last = row.steps
    for block in reached(root, path):
        for name in last:
            if "properties" in block:
                block["properties"].setdefault(name, dict(allowed))
            else:
                block["patternProperties"][f"^{name.replace('_', '_?')}{NAME}"] = dict(allowed)


def _opened(node: Json) -> Json:
    """The same, with an expression wherever a scalar may stand."""
    if _scalar(node):
        about = {key: node[key] for key in ABOUT if key in node}
        bare = _written({key: value for key, value in node.items() if key not in ABOUT})
        return {**about, **bare} if _any_text(bare) else {**about, "anyOf": [bare, _REFERENCE]}
    node = dict(node)
    for key in ("properties", "patternProperties"):
        if key in node:
            node[key] = {name: _opened(inner) for name, inner in node[key].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            node[key] = _opened(node[key])
    if "anyOf" in node:
        choices = [_written(one) if _scalar(one) else _opened(one) for one in node["anyOf"]]
        plain = any(_scalar(one) for one in node["anyOf"]) and not any(_any_text(one) for one in choices)
        node["anyOf"] = [*choices, _REFERENCE] if plain else choices
    return node


def _scalar(node: Json) -> bool:
    return node.get("type") in _SCALARS or "enum" in node or "const" in node


def _written(node: Json) -> Json:
    """Where text is wanted, a number is read as it was written: `index: 2024`."""
    if node.get("type") == "string" and not {"enum", "const", "pattern"} & node.keys():
        return {**node, "type": ["string", "number"]}
    return node


def _any_text(node: Json) -> bool:
    return node.get("type") == ["string", "number"]
