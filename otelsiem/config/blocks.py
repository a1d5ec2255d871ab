"""Every block of a configuration as JSON Schema, made from the models that judge a file: for editors and for people.

`schema.py` makes a document for editors of it, `reference.py` the tables of the reference page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from otelsiem.config import components, discover
from otelsiem.config.collector import TABLE, Row, bare
from otelsiem.config.components import EXPORTERS, SECTIONS, Section
from otelsiem.config.enabled import Switch
from otelsiem.config.model import ExporterSettings, Service
from otelsiem.config.quantity import Address, size
from otelsiem.model.duration import spelled

Json: TypeAlias = dict[str, Any]

NAME = r"(/[^\s/,\[\]{}]{1,100})?$"  # of a component, behind its type

ABOUT = ("title", "description", "default", "deprecated", "writeOnly")  # stand beside a choice, not inside it
NOTHING = {"type": "null"}
SECTION = {
    "receivers": "what takes records",
    "processors": "what is done to records before they are stored",
    "exporters": "where records are delivered",
    "connectors": "none in this version",
    "extensions": "what serves the others: who may come in",
}

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


class _Generator(GenerateJsonSchema):
    """As pydantic's, with defaults as a person types them, and without titles that repeat the key."""

    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, Address) else super().encode_default(dft)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def document() -> Json:
    """The whole file; components of other packages that are installed here are in it."""
    found = {section: dict(_models(section)) for section in SECTIONS}
    every = [model for models in found.values() for model in models.values()]
    unique: list[type[BaseModel]] = list(dict.fromkeys([*every, ExporterSettings, Service, Switch]))
    made, whole = models_json_schema([(model, "validation") for model in unique], schema_generator=_Generator)
    definitions: Json = {name: _tidy(block) for name, block in whole["$defs"].items()}
    named = {model: definitions.pop(str(ref["$ref"]).rpartition("/")[2]) for (model, _), ref in made.items()}
    switch = named[Switch]["properties"]
    sections = {}
    for section, models in found.items():
        blocks = {kind: _with(named[model], switch, set(switch)) for kind, model in models.items()}
        if section is EXPORTERS:
            shared = named[ExporterSettings]["properties"]
            blocks = {kind: _with(blocks[kind], shared, components.shared(model)) for kind, model in models.items()}
        sections[section.name] = _section(section.name, blocks)
    definitions["Exporter"] = named[ExporterSettings]
    sections |= {name: _section(name, {}) for name in ("connectors",)}
    return {
        "type": "object",
        "properties": {**sections, "service": _service(named[Service])},
        "additionalProperties": False,
        "required": ["service"],
        "$defs": definitions,
    }


def or_nothing(block: Json) -> Json:
    """A key with nothing behind it says as little as no key."""
    about = {key: value for key, value in block.items() if key in ABOUT}
    bare = {key: value for key, value in block.items() if key not in ABOUT}
    choices = bare["anyOf"] if bare.keys() == {"anyOf"} else [bare]
    return {**about, "anyOf": choices if NOTHING in choices else [*choices, NOTHING]}


def reached(root: Json, path: Sequence[tuple[str, ...]]) -> list[Json]:
    """The mappings at the end of a path; each step is the names that may stand there, `*` for any id."""
    blocks = [root]
    for names in path:
        inner = [found for block in blocks for found in _inside(block, names)]
        blocks = [found for one in inner for found in _objects(root, one)]
    return blocks


def _inside(block: Json, names: tuple[str, ...]) -> Iterator[Json]:
    for pattern, found in block.get("patternProperties", {}).items():
        if names == ("*",) or any(re.match(pattern, name) for name in names):
            yield found
    for name in names:
        if name in block.get("properties", {}):
            yield block["properties"][name]


def _objects(root: Json, node: Json) -> Iterator[Json]:
    """The mappings that a node may be."""
    if "$ref" in node:
        yield from _objects(root, root["$defs"][node["$ref"].rpartition("/")[2]])
    for one in node.get("anyOf", ()):
        yield from _objects(root, one)
    if "properties" in node or "patternProperties" in node:
        yield node


def _models(section: Section) -> Iterator[tuple[str, type[BaseModel]]]:
    for kind in section.types():
        try:
            model = section.look(kind)
        except discover.NotLoadableError:
            continue  # `otelsiem components` says why
        if model is not None:
            yield kind, model


def _with(block: Json, shared: Mapping[str, Json], names: set[str]) -> Json:
    """The keys of a destination, and those that every exporter has."""
    ours = {name: or_nothing(inner) for name, inner in shared.items() if name in names}
    return {**block, "properties": ours | block["properties"]}


def _section(name: str, blocks: Mapping[str, Json]) -> Json:
    """Components by `type` or `type/name`, in every spelling of the type."""
    patterns = {}
    for kind, block in blocks.items():
        others = [one for row in TABLE for one in _spellings(row, name, kind) if one != kind]
        either = "|".join(one.replace("_", "_?") for one in (kind, *others))
        patterns[f"^({either}){NAME}"] = or_nothing(block)
    block = {"type": "object", "patternProperties": patterns, "additionalProperties": False}
    return or_nothing({**block, "description": SECTION[name]})


def _spellings(row: Row, section: str, kind: str) -> Iterator[str]:
    """What the Collector calls this type."""
    if len(row.steps) == 2 and row.steps[0] == (section,):
        yield from (one for one in row.steps[1] if row.to == kind or bare(one) == bare(kind))


def _service(block: Json) -> Json:
    properties = {key: inner if key == "pipelines" else or_nothing(inner) for key, inner in block["properties"].items()}
    pipelines = dict(properties["pipelines"])
    pipelines["patternProperties"] = {"^logs" + NAME: pipelines["additionalProperties"]}
    return {**block, "properties": {**properties, "pipelines": {**pipelines, "additionalProperties": False}}}


def _tidy(node: Any) -> Any:
    """Without what pydantic says for other readers, and with defaults as they are typed."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "properties" in node:
        node = {**node, "properties": {key: _tidy(inner) for key, inner in node["properties"].items()}}
        node.pop("title", None)
        return node
    tidy = {
        key: _tidy(value) if key in {"anyOf", "items", "additionalProperties"} else value for key, value in node.items()
    }
    for bound, keyword in _BOUNDS.items():
        if bound in tidy:
            value = tidy.pop(bound)
            if tidy.get("type") in {"integer", "number"}:
                tidy.setdefault(keyword, value)
    if tidy.get("format") in {"path", "password"}:
        tidy.pop("format")
    _typed_default(tidy)
    return tidy


def _typed_default(node: Json) -> None:
    default = node.get("default")
    if default is None or isinstance(default, dict):
        node.pop("default", None)  # unset, or what the keys of the block say
    elif node.get("title") == "duration":
        node["default"] = spelled(default)
    elif node.get("title") == "size":
        node["default"] = size(default)
    elif isinstance(default, float) and default.is_integer():
        node["default"] = int(default)
