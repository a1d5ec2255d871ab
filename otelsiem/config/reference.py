"""The tables of `docs/reference/configuration.md`: every key with its default, and every key of the Collector.

`python -m otelsiem.config.reference docs/reference/configuration.md` prints them into the page again; a test says when
that is due.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from otelsiem.config.blocks import Json, document
from otelsiem.config.collector import ACCEPTED, MAPPED, SAME, TABLE, Row

_HEAD = "| key | type | default | meaning |\n|---|---|---|---|\n"
_DIALECT_HEAD = "| key of the Collector | here | |\n|---|---|---|\n"
_PART = re.compile(r"(<!-- printed: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page(text: str) -> str:
    """The page with its tables as they are now."""
    printed = {"defaults": defaults, "dialect": dialect}
    return _PART.sub(lambda found: f"{found[1]}\n{printed[found[2]]()}\n{found[3]}", text)


def defaults() -> str:
    """Every key of every component and of the service: type, default, sentence."""
    root = document()
    return "\n".join(f"### {title}\n\n{_HEAD}{''.join(rows)}" for title, rows in _tables(root))


def dialect() -> str:
    """Every key of the Collector and what it means here."""
    return _DIALECT_HEAD + "".join(f"| {_names(row)} | {_fate(row)} | {row.why} |\n" for row in TABLE)


def _tables(root: Json) -> Iterator[tuple[str, list[str]]]:
    properties = root["properties"]
    shared = root["$defs"]["Exporter"]
    for section in ("receivers", "processors", "exporters", "extensions"):
        if section == "exporters":
            yield "every exporter", list(_rows(root, shared, (), ()))
        for pattern, node in properties[section]["anyOf"][0]["patternProperties"].items():
            kind = re.split(r"[(|)]", pattern)[1].replace("_?", "_")
            _, block = _block(root, node)
            own = {key: inner for key, inner in (block or {})["properties"].items() if key not in shared["properties"]}
            yield f"{section}: `{kind}`", list(_rows(root, {**(block or {}), "properties": own}, (), ()))
    yield "`service`", list(_rows(root, properties["service"], (), ()))


def _rows(root: Json, node: Json, path: tuple[str, ...], above: tuple[str, ...]) -> Iterator[str]:
    """One row for every key of a block and of the blocks in it; a block in itself is named and not entered."""
    name, block = _block(root, node)
    if block is None or (name and name in above):
        return
    for key, inner in block.get("properties", {}).items():
        here = (*path, key)
        required = key in block.get("required", ())
        said = inner.get("description", "").replace("|", "\\|")
        yield f"| `{'.'.join(here)}` | {_type(root, inner)} | {_default(inner, required)} | {said} |\n"
        yield from _rows(root, inner, here, (*above, name))
    for each in (block.get("items"), *block.get("patternProperties", {}).values()):
        if each is not None:
            yield from _rows(root, each, (*path, "*"), (*above, name))


def _block(root: Json, node: Json) -> tuple[str, Json | None]:
    """The block that a node is, with the name of its definition."""
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        return name, root["$defs"][name]
    if "properties" in node or "patternProperties" in node or "items" in node:
        return "", node
    found = (_block(root, one) for one in node.get("anyOf", ()))
    return next((one for one in found if one[1] is not None), ("", None))


def _type(root: Json, node: Json) -> str:
    if "title" in node:
        return str(node["title"])
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_type(root, one) for one in node["anyOf"] if one != {"type": "null"}))
    if "$ref" in node:
        return "block"
    if "const" in node or "enum" in node:
        return " or ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    match node.get("type"):
        case "array":
            return f"list of {_type(root, node['items'])}"
        case "object":
            return "mapping" if "properties" not in node else "block"
        case "boolean":
            return "true or false"
        case "integer":
            return "whole number"
        case "string":
            return "secret" if node.get("writeOnly") else "text"
        case other:
            return str(other or "any")


def _default(node: Json, required: bool) -> str:
    if required:
        return "required"
    default = node.get("default", "")
    return f"`{default if isinstance(default, str) else json.dumps(default)}`" if default != "" else ""


def _names(row: Row) -> str:
    """`exporters.*.sending_queue.` and the names that share a fate."""
    *path, last = row.path.split(".")
    head = ".".join(path).replace("|", "/")
    names = last.split("|")
    if len(names) == 1:
        return f"`{head}.{last}`"
    return f"`{head}.` " + ", ".join(f"`{name}`" for name in names)


def _fate(row: Row) -> str:
    if row.verdict is SAME:
        return "the same"
    if row.verdict is MAPPED:
        return f"`{row.to}`"
    if row.verdict is ACCEPTED:
        return f"no effect; only `{row.only}`" if row.only else "no effect"
    return "refused"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(page(target.read_text("utf-8")), "utf-8")
