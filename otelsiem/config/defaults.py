"""A configuration with every key that it has: where nothing was typed, the default.

Guarantees: what is added changes nothing. Each default is tried on the block's own model, and one that cannot be
typed, or that would mean something else when typed (`grpc:` with nothing behind it opens gRPC), stays out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from otelsiem.config.components import halves, nothing, shared
from otelsiem.config.enabled import KEY
from otelsiem.config.model import ExporterSettings, Service
from otelsiem.config.secrets import model
from otelsiem.config.tree import Items, Leaf, Node, Place, Table, build, empty, plain
from otelsiem.model.duration import spelled

HERE = Place()


def filled(root: Table) -> Table:
    """The whole tree with its defaults; `root` is one that has been checked."""
    whole = _copy(root)
    for section, table in root.items.items():
        if section == "service":
            whole.items[section] = _block(Service, table)
        elif isinstance(table, Table):
            components = {id_: _component(section, id_, component) for id_, component in table.items.items()}
            whole.items[section] = Table(components, dict(table.keys), table.place)
    return whole


def _component(section: str, id_: str, node: Node) -> Node:
    found = model(section, id_)
    if found is None:
        return node
    typed = node if isinstance(node, Table) else empty(node.place)
    theirs, ours = halves(found, typed) if section == "exporters" else (typed, empty())
    items: dict[str, Node] = {KEY: Leaf(True, "true", HERE)}
    if section == "exporters":
        common = _items(_block(ExporterSettings, ours))
        items |= {key: value for key, value in common.items() if key in shared(found)}
    items |= _items(_block(found, theirs))
    return Table(items, dict.fromkeys(items, node.place), node.place)


def _items(node: Node) -> dict[str, Node]:
    return node.items if isinstance(node, Table) else {}


def _block(block: type[BaseModel], node: Node) -> Node:
    """The block with the defaults of what was not typed."""
    typed = empty() if nothing(node) else node
    built = _built(block, plain(typed))
    if built is None or not isinstance(typed, Table):
        return node
    table = _copy(typed)
    for name, info in block.model_fields.items():
        key, value = info.alias or name, getattr(built, name)
        if key in table.items:
            table.items[key] = _deeper(value, table.items[key])
        elif value == info.get_default(call_default_factory=True):  # else it has another spelling, which was typed
            _add(table, key, value, block, built)
    return table


def _add(table: Table, key: str, value: object, block: type[BaseModel], built: BaseModel) -> None:
    for node in _spellings(value):
        tried = _built(block, {**plain(table), key: plain(node)})
        if tried is not None and tried.model_dump() == built.model_dump():
            table.items[key], table.keys[key] = node, HERE
            return


def _deeper(value: object, node: Node) -> Node:
    if isinstance(value, BaseModel) and (isinstance(node, Table) or nothing(node)):
        return _block(type(value), node)
    if isinstance(value, list | tuple) and isinstance(node, Items) and len(value) == len(node.items):
        return Items([_deeper(one, item) for one, item in zip(value, node.items, strict=True)], node.place)
    if isinstance(value, Mapping) and isinstance(node, Table):
        inner = {key: _deeper(value.get(key), item) for key, item in node.items.items()}
        return Table(inner, dict(node.keys), node.place)
    return node


def _spellings(value: Any) -> Iterator[Node]:
    """What a person might type for a value, best first."""
    match value:
        case None | bool() | int() | str():
            yield build(value, HERE)
        case float():
            yield build(spelled(value), HERE)
            yield build(int(value) if value.is_integer() else value, HERE)
        case SecretStr():
            if not value.get_secret_value():
                yield build("", HERE)
        case BaseModel():
            yield _block(type(value), empty())
        case list() | tuple() | set() | frozenset():
            yield Items([next(_spellings(one)) for one in value], HERE)
        case Mapping():
            inner = {str(key): next(_spellings(one)) for key, one in value.items()}
            yield Table(inner, dict.fromkeys(inner, HERE), HERE)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            yield build(str(value), HERE)  # an address: host:port
            yield next(_spellings(named))
        case _:
            yield build(str(value), HERE)


def _built(block: type[BaseModel], value: object) -> BaseModel | None:
    try:
        return block.model_validate(value)
    except ValidationError:
        return None


def _copy(table: Table) -> Table:
    return Table(dict(table.items), dict(table.keys), table.place)
