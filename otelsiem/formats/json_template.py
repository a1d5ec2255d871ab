"""A JSON text with fields in it, `{"text": "{{severity}}: {{message}}", "score": {{risk_score}}}`, filled per record.

Guarantees: whatever a record holds, the result is the JSON that the template shows, with the same keys in the same
places: inside quotes a value is escaped text, outside them a whole JSON value (`null` when there is none). A template
that would not be JSON, or that lets a value be a key, is refused when it is compiled.

A field is a name of the normalised event (`message`, `tenant_id`, `target.id`, `metadata.attempts`), any spelling of
the same meaning (`tenant.id`), an attribute, `resource.<attribute>`, `_siem.<name>`, or `record`: the whole record in
the format of the destination. `{{user_name|nobody}}` says what stands where there is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from otelsiem.formats.json import Event, events
from otelsiem.formats.speaker import Product
from otelsiem.formats.values import safe, text
from otelsiem.formats.vocabulary import places
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

RECORD = "record"
Escape: TypeAlias = Literal["none", "markup"]
Look: TypeAlias = Callable[[Event, Record, Group], Any]

_FIELD = re.compile(r"\{\{([^{}]*)\}\}")
_PLACES = re.compile(r'\\.|"', re.DOTALL)
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})  # what Slack and its kind read as mentions and links
_NAMES = frozenset(Event.__struct_fields__) - {"siem", "resource", "scope", "metadata", "target", "mitre_attack"}
_WORDS = {"event": "event_type", "id": "event_id", "time": "timestamp"}
_MARK = "\ue000"  # stands for a value while a template is checked
_encoder = msgspec.json.Encoder()


class Slot(NamedTuple):
    """One field of a template."""

    name: str
    default: str | None
    quoted: bool
    look: Look | None  # None: the whole record


class _Case(NamedTuple):
    """What one record is filled in from."""

    event: Event
    record: Record
    group: Group
    written: str  # the whole record as JSON, where it is wanted


class JsonTemplate:
    """A compiled template; raises ValueError when it cannot be read. `lines`: each line of it is JSON of its own."""

    __slots__ = ("_parts", "source", "whole")

    def __init__(self, source: str, *, lines: bool = False) -> None:
        self.source = source
        cleaned = source.strip()
        parts = _parse(cleaned)
        _check(parts, lines=lines)
        # A line break can stand between tokens only: one line per record is the same JSON.
        self._parts = parts if lines else [p.replace("\n", " ").replace("\r", " ") if isinstance(p, str) else p
                                           for p in parts]  # fmt: skip
        self.whole = any(isinstance(part, Slot) and part.look is None for part in parts)

    def __repr__(self) -> str:
        return f"JsonTemplate({self.source!r})"

    def fill(
        self, batch: Batch, at: Moment, product: Product, records: Sequence[bytes] = (), escape: Escape = "none"
    ) -> list[bytes]:
        """One text per record, in order. `records`: each in the destination's format, as JSON; where `whole`."""
        made = iter(events(batch, at, product))
        written = iter(records)
        cases = [
            _Case(next(made), record, group, next(written, b"null").decode())
            for group in batch
            for record in group.records
        ]
        return [self._filled(case, escape).encode() for case in cases]

    def _filled(self, case: _Case, escape: Escape) -> str:
        return "".join([part if isinstance(part, str) else _value(part, case, escape) for part in self._parts])


def _value(slot: Slot, case: _Case, escape: Escape) -> str:
    if slot.look is None:
        return _quoted(case.written, escape) if slot.quoted else case.written
    value = slot.look(case.event, case.record, case.group)
    if value is None or value == "":
        if slot.quoted:
            return _quoted(slot.default or "", "none")
        return slot.default if slot.default is not None else "null"
    if slot.quoted:
        return _quoted(text(value), escape)
    return _encoder.encode(safe(value)).decode()


def _quoted(value: str, escape: Escape) -> str:
    """The value as it stands between the quotes of a JSON text."""
    return _encoder.encode(value.translate(_MARKUP) if escape == "markup" else value).decode()[1:-1]


def _parse(source: str) -> list[str | Slot]:
    parts: list[str | Slot] = []
    end, quoted = 0, False
    for found in _FIELD.finditer(source):
        before = source[end : found.start()]
        quoted = _inside(before, quoted=quoted)
        parts += [before, _slot(found[1], quoted=quoted)]
        end = found.end()
    parts.append(source[end:])
    if "{{" in "".join([part for part in parts if isinstance(part, str)]):
        raise ValueError("has {{ without a name and }} behind it; a field is written {{message}}")
    return [part for part in parts if part]


def _inside(piece: str, *, quoted: bool) -> bool:
    """Whether a piece that began inside or outside of quotes ends inside."""
    return quoted ^ (sum(1 for one in _PLACES.finditer(piece) if one[0] == '"') % 2 == 1)


def _slot(written: str, *, quoted: bool) -> Slot:
    name, bar, default = (part.strip() for part in written.partition("|"))
    if not name:
        raise ValueError("has an empty field {{}}; name one, for example {{message}}")
    if bar and not quoted:
        try:
            json.loads(default)
        except ValueError:
            raise ValueError(
                f'the default of {{{{{name}}}}} is no JSON; outside of quotes write 0, null or "…"'
            ) from None
    return Slot(name, default if bar else None, quoted, None if name == RECORD else _look(name))


def _check(parts: Sequence[str | Slot], *, lines: bool) -> None:
    sample = "".join([part if isinstance(part, str) else _MARK if part.quoted else "null" for part in parts])
    for one in sample.split("\n") if lines else [sample]:
        try:
            read = json.loads(one, parse_constant=_no_constant)
        except ValueError as error:
            where = f" (character {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else ""
            each = ": each line of it is a JSON text" if lines else ""
            raise ValueError(f"is not JSON with its fields filled in{where}{each}") from None
        if any(_MARK in key for key in _keys(read)):
            raise ValueError(
                "has a field in a key; values may come from strangers, so a field is a value or part of one"
            )


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _keys(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [*node, *[key for value in node.values() for key in _keys(value)]]
    return [key for value in node for key in _keys(value)] if isinstance(node, list) else []


def _look(name: str) -> Look:
    head, dot, rest = name.partition(".")
    flat = _WORDS.get(name, name)
    if flat in _NAMES:
        return lambda event, _record, _group: getattr(event, flat)
    if dot and head in {"target", "mitre_attack"}:
        return lambda event, _record, _group: getattr(getattr(event, head), rest, None)
    if dot and head == "metadata":
        return lambda event, _record, _group: (event.metadata or {}).get(rest)
    if dot and head == "resource":
        return lambda _event, _record, group: group.resource.get(rest)
    if dot and head == "_siem":
        return lambda event, _record, _group: _decoded(event.siem).get(rest)
    if name in {"metadata", "target", "mitre_attack"}:
        return lambda event, _record, _group: getattr(event, name)
    meant = [place.flat for place in places(name)]
    spelled = _look(meant[0]) if meant else None

    def look(event: Event, record: Record, group: Group) -> Any:
        """The attribute of this very name; else what means the same; else what the resource says."""
        found = record.attributes.get(name)
        if found is None and spelled:
            found = spelled(event, record, group)
        return group.resource.get(name) if found is None else found

    return look


def _decoded(raw: Any) -> Mapping[str, Any]:
    return msgspec.json.decode(raw) if raw is not None else {}
