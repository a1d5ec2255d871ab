"""YAML text to a tree that remembers file and line, by the rules of YAML 1.2.

Guarantees: any bytes give a tree or problems, never another exception; duplicate keys are refused; depth and the
number of values after aliases are bounded, so a file of nine lines cannot fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from otelsiem.config.mistakes import explain
from otelsiem.config.report import Report
from otelsiem.config.scalar import resolve
from otelsiem.config.tree import Atom, Items, Leaf, Node, Place, Table, copy, empty, moved
from otelsiem.model.errors import MissingExtraError
from otelsiem.model.secret import redact

DEEPEST = 60  # levels
MOST = 20_000  # values, each use of an anchor counted
LARGEST = 1 << 20  # bytes of one file

_TAG = "tag:yaml.org,2002:"
_CASTS: dict[str, Callable[[str], Atom]] = {"str": str, "int": resolve, "float": resolve, "bool": resolve}


class _Unreadable(Exception):  # noqa: N818 - a jump out of the reader, not an error anybody sees
    def __init__(self, line: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.message, self.hint = line, message, hint


def read(raw: bytes, file: str, report: Report) -> Table | None:
    """The mapping that a file holds, or None when the report says why there is none."""
    try:
        return _Reader(file, _events(raw)).document()
    except _Unreadable as bad:
        report.problem(Place(file, bad.line), "", bad.message, bad.hint)
        return None


def value(text: str, place: Place, steps: Sequence[str], report: Report) -> Node | None:
    """A value typed on the command line: a scalar, `[a, b]` or `{a: b}`, or None when the report says why not.

    A comment is refused: a `#` in a password would cut it off without a word.
    """
    end = 0

    def noted(events: Iterator[Any]) -> Iterator[Any]:
        nonlocal end
        for event in events:
            kind = type(event).__name__
            if kind in {"MappingStartEvent", "SequenceStartEvent"} and not event.flow_style:
                raise _Unreadable(0, "expected one value", "text that holds ': ' needs quotes")
            end = end if kind in {"DocumentEndEvent", "StreamEndEvent"} else event.end_mark.index
            yield event

    try:
        node = _Reader("", noted(_events(text.encode("utf-8", "surrogateescape")))).root()
        if text[end:].strip():
            raise _Unreadable(0, "in YAML a comment begins at '#'", "a value that holds '#' needs quotes")
    except _Unreadable as bad:
        shown = redact(bad.message, [text.strip(), text.strip().lstrip("*&!")])
        report.problem(place, steps, shown, bad.hint)
        return None
    return moved(Leaf(None, "", place) if node is None else node, place)


def _events(raw: bytes) -> Iterator[Any]:
    try:
        import yaml
    except ModuleNotFoundError as missing:
        raise MissingExtraError("Reading a configuration file", "gateway", "PyYAML") from missing
    if len(raw) > LARGEST:
        raise _Unreadable(1, f"the file has {len(raw):,} bytes, more than a configuration may have ({LARGEST:,})")
    try:
        yield from yaml.parse(raw.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as bad:
        line = raw.count(b"\n", 0, bad.start) + 1
        raise _Unreadable(line, "this is not UTF-8 text", "save the file as UTF-8") from bad
    except yaml.YAMLError as bad:
        raise _Unreadable(*explain(bad, raw.decode("utf-8-sig"))) from bad
    except (ValueError, OverflowError) as bad:  # PyYAML hands "\UFFFFFFFF" to chr() unchecked
        raise _Unreadable(1, "not valid YAML: an escape in a quoted text names no character") from bad


@dataclass(slots=True)
class _Reader:
    """Events to nodes. Reading events, not composing, keeps depth and size checks in front of every allocation."""

    file: str
    events: Iterator[Any]
    anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    count: int = 0

    def document(self) -> Table:
        root = self.root()
        if root is None or (isinstance(root, Leaf) and root.value is None):
            return empty(Place(self.file, 1))
        if not isinstance(root, Table):
            raise _Unreadable(root.place.line, "expected a mapping (receivers:, exporters:, service:, …)")
        return root

    def root(self) -> Node | None:
        root: Node | None = None
        for event in self.events:
            kind = type(event).__name__
            if kind in {"StreamStartEvent", "DocumentStartEvent", "DocumentEndEvent", "StreamEndEvent"}:
                continue
            if root is not None:
                line = event.start_mark.line + 1
                raise _Unreadable(line, "a second document begins here", "one file holds one document; use two files")
            root = self.node(event, 0)
        return root

    def node(self, event: Any, depth: int) -> Node:
        place = Place(self.file, event.start_mark.line + 1)
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self.alias(event.anchor, place)
        self.grow(1, place)
        if depth > DEEPEST:
            raise _Unreadable(place.line, f"nested deeper than {DEEPEST} levels")
        before = self.count
        node: Node
        if kind == "ScalarEvent":
            node = _scalar(event, place)
        elif kind == "SequenceStartEvent":
            _tagged(event, "seq", place)
            node = Items(list(self.children(depth)), place)
        else:
            _tagged(event, "map", place)
            node = self.table(place, depth)
        if event.anchor:
            self.anchors[event.anchor] = (node, self.count - before + 1)
        return node

    def children(self, depth: int) -> Iterator[Node]:
        for event in self.events:
            if type(event).__name__ in {"SequenceEndEvent", "MappingEndEvent"}:
                return
            yield self.node(event, depth + 1)

    def table(self, place: Place, depth: int) -> Table:
        table, merged = empty(place), empty(place)
        nodes = self.children(depth)
        for key in nodes:
            value = next(nodes)
            if not isinstance(key, Leaf):
                raise _Unreadable(key.place.line, "a key must be a word, this one is a list or a mapping")
            if key.text == "<<" and key.plain:
                self.merge_key(merged, value)
                continue
            if key.text in table.items:
                first = table.keys[key.text].line
                raise _Unreadable(
                    key.place.line,
                    f"the key {key.text!r} stands here twice (first on line {first})",
                    "keep one of them",
                )
            table.items[key.text], table.keys[key.text] = value, key.place
        for name, value in merged.items.items():
            if name not in table.items:  # what is written in the mapping itself wins
                table.items[name], table.keys[name] = value, merged.keys[name]
        return table

    def merge_key(self, merged: Table, value: Node) -> None:
        for part in value.items if isinstance(value, Items) else [value]:
            if not isinstance(part, Table):
                raise _Unreadable(value.place.line, "'<<' takes a mapping or a list of mappings")
            for name, node in part.items.items():
                if name not in merged.items:  # the first of several wins
                    merged.items[name], merged.keys[name] = node, part.keys[name]

    def alias(self, name: str, place: Place) -> Node:
        if name not in self.anchors:
            raise _Unreadable(
                place.line, f"*{name} stands for nothing: no value above is marked &{name}, or this is a part of it"
            )
        node, size = self.anchors[name]
        self.grow(size, place)
        return copy(node)

    def grow(self, by: int, place: Place) -> None:
        self.count += by
        if self.count > MOST:
            raise _Unreadable(place.line, f"more than {MOST:,} values, aliases expanded")


def _scalar(event: Any, place: Place) -> Leaf:
    text: str = event.value
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise _Unreadable(place.line, "a quoted text holds half of a surrogate pair")
    plain = event.style is None
    tag = event.tag
    if tag is None or tag == "!":
        typed = plain and tag is None
        return Leaf(resolve(text) if typed else text, text, place, typed)
    kind = tag.removeprefix(_TAG)
    if kind == "null":
        return Leaf(None, text, place)
    if kind not in _CASTS:
        raise _Unreadable(place.line, f"the tag {tag!r} means nothing here", "leave the tag out")
    value = _CASTS[kind](text)
    if kind != "str" and type(value).__name__ != kind and not (kind == "float" and type(value) is int):
        raise _Unreadable(place.line, f"this text is not the {kind} that its tag says")
    return Leaf(value, text, place)


def _tagged(event: Any, kind: str, place: Place) -> None:
    if event.tag not in {None, "!", _TAG + kind}:
        raise _Unreadable(place.line, f"the tag {event.tag!r} means nothing here", "leave the tag out")
