"""A tree as YAML that `yaml.py` reads back to the same values, or as JSON.

Guarantees: what was text stays text under the rules of YAML 1.2, `$` included; an expression without quotes keeps its
type; nothing but ASCII is written when a text holds what could act on a terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from otelsiem.config.scalar import resolve
from otelsiem.config.substitute import typed
from otelsiem.config.tree import Atom, Items, Leaf, Node, Table


def yaml_text(root: Table, head: Sequence[str]) -> str:
    """The document, with `head` as comments at its top."""
    import yaml

    events = [
        yaml.StreamStartEvent(), yaml.DocumentStartEvent(explicit=False), *_events(root),
        yaml.DocumentEndEvent(explicit=False), yaml.StreamEndEvent(),
    ]  # fmt: skip
    harmless = all(event.value.isprintable() for event in events if isinstance(event, yaml.ScalarEvent))
    text: str = yaml.emit(events, allow_unicode=harmless, width=10**6)
    return "".join(f"# {line}\n" for line in head) + text


def json_text(root: Table) -> str:
    """The same as JSON; expressions are texts."""
    return json.dumps(_plain(root), indent=2)


def _plain(node: Node) -> Any:
    match node:
        case Leaf():
            return node.source if node.outside else typed(node.value) if isinstance(node.value, str) else node.value
        case Items():
            return [_plain(item) for item in node.items]
        case Table():
            return {key: _plain(item) for key, item in node.items.items()}


def _events(node: Node) -> Iterator[Any]:
    import yaml

    match node:
        case Leaf():
            text, bare = _scalar(node)
            yield yaml.ScalarEvent(None, None, (True, True), text, style=None if bare else '"')
        case Items():
            yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=not node.items)
            for item in node.items:
                yield from _events(item)
            yield yaml.SequenceEndEvent()
        case Table():
            yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=not node.items)
            for key, item in node.items.items():
                yield yaml.ScalarEvent(None, None, (True, True), key, style=None if _is_text(key) else '"')
                yield from _events(item)
            yield yaml.MappingEndEvent()


def _scalar(leaf: Leaf) -> tuple[str, bool]:
    """How it is typed, and whether without quotes."""
    if leaf.outside:
        return leaf.source, leaf.plain
    if isinstance(leaf.value, str):
        return typed(leaf.value), _is_text(leaf.value)
    return _literal(leaf.value, leaf.text), True


def _is_text(text: str) -> bool:
    """Whether it is text without quotes, too: here, and for readers of YAML 1.1 (`yes`, `0600`, `<<`)."""
    import yaml

    resolver = yaml.resolver.Resolver()
    older = resolver.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]  # by its stubs
    return isinstance(resolve(text), str) and older == "tag:yaml.org,2002:str"


def _literal(value: Atom, text: str) -> str:
    """A number as it was typed, if it was; else one that is read back as the same."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    candidates = [text, str(value), hex(value)] if isinstance(value, int) else [text]  # 0x…: over 40 digits
    if isinstance(value, float):
        pointed = repr(value) if "." in repr(value) else repr(value).replace("e", ".0e")
        candidates.append({"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(repr(value), pointed))
    return next(one for one in candidates if repr(resolve(one)) == repr(value))
