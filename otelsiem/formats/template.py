"""Metadata templates such as `audit-{tenant.id}`: written by operators, compiled once, asked per record.

`{event}`, `{severity}`, `{scope.name}`, `{resource.<attribute>}`, `{attr.<attribute>}` and `{<attribute>}` (the
record's, else its resource's; every spelling of the same meaning counts); `{…|default}` for a value that is missing,
else `unknown`; `{{` and `}}` for braces. Values come from records and are hostile: what goes into a name is letters,
digits and a few signs, never a path, a line break or more than LONGEST characters. What the operator wrote between
the fields stays as written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from otelsiem.formats.values import text
from otelsiem.formats.vocabulary import spellings
from otelsiem.model.record import Record, Scope
from otelsiem.model.severity import scale

MISSING = "unknown"
LONGEST = 200  # characters of one value

Look: TypeAlias = Callable[[Record, Mapping[str, Any], Scope], object]
Fill: TypeAlias = Callable[[Record, Mapping[str, Any], Scope], str]

_NOTHING = Record()
_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<field>[^{}]*)\}|[{}]")
_UNFIT = re.compile(r"[^\w.:@+-]+")  # \w: letters and digits of any script, and the underscore
_DOTS = re.compile(r"\.{2,}")


class Template:
    """A compiled template; raises ValueError when it cannot be read."""

    __slots__ = ("_parts", "constant", "fields", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._parts = _parse(source)
        self.fields = tuple([part[0] for part in self._parts if not isinstance(part, str)])
        # A template without fields is this text.
        self.constant = "".join([p for p in self._parts if isinstance(p, str)]) if not self.fields else None

    def __call__(self, record: Record, resource: Mapping[str, Any], scope: Scope) -> str:
        """The text for one record."""
        if self.constant is not None:
            return self.constant
        return "".join([part if isinstance(part, str) else part[1](record, resource, scope) for part in self._parts])

    def bind(self, resource: Mapping[str, Any], scope: Scope) -> Callable[[Record], str]:
        """The template for the records of one group; what is the same for all of them is worked out once."""
        if all(name.startswith(("resource.", "scope.")) for name in self.fields):
            fixed = self(_NOTHING, resource, scope)
            return lambda _record: fixed
        if set(self.fields) == {"event"}:  # the default `source`: events of a batch repeat
            return self._per_event(resource, scope)
        return lambda record: self(record, resource, scope)

    def _per_event(self, resource: Mapping[str, Any], scope: Scope) -> Callable[[Record], str]:
        seen: dict[str, str] = {}

        def filled(record: Record) -> str:
            if (known := seen.get(record.event)) is None:
                known = seen[record.event] = self(record, resource, scope)
            return known

        return filled

    def __repr__(self) -> str:
        return f"Template({self.source!r})"


def fit(value: object) -> str:
    """A record's value as part of a name; "" when nothing of it is left."""
    long = text(value)[: 4 * LONGEST]  # what is cut off cannot matter, and a megabyte must not be searched
    return _DOTS.sub("_", _UNFIT.sub("_", long))[:LONGEST]


def _parse(source: str) -> list[str | tuple[str, Fill]]:
    parts: list[str | tuple[str, Fill]] = []
    end = 0
    for token in _TOKEN.finditer(source):
        parts.append(source[end : token.start()])
        end = token.end()
        match token[0]:
            case "{{" | "}}":
                parts.append(token[0][0])
            case "{" | "}":
                raise ValueError(
                    f"unbalanced {token[0]!r} at character {token.start() + 1} of the template {source!r}; "
                    "write {{ or }} for a brace"
                )
            case _:
                parts.append(_field(token["field"], source))
    parts.append(source[end:])
    return [part for part in parts if part]


def _field(written: str, source: str) -> tuple[str, Fill]:
    name, bar, default = written.partition("|")
    name = name.strip()
    if not name:
        raise ValueError(f"an empty field {{}} in the template {source!r}; name an attribute, e.g. {{tenant.id}}")
    look, missing = _look(name), default.strip() if bar else MISSING

    def fill(record: Record, resource: Mapping[str, Any], scope: Scope) -> str:
        return fit(look(record, resource, scope)) or missing

    return name, fill


def _look(name: str) -> Look:
    kind, dot, rest = name.partition(".")
    if name == "event":
        return lambda record, _resource, _scope: record.event
    if name == "severity":
        return lambda record, _resource, _scope: scale(record.severity).name
    if name == "scope.name":
        return lambda _record, _resource, scope: scope.name
    if dot and rest and kind == "resource":
        return lambda _record, resource, _scope: resource.get(rest)
    if dot and rest and kind in ("attr", "attributes"):
        return lambda record, _resource, _scope: record.attributes.get(rest)
    return _any_spelling(spellings(name))


def _any_spelling(keys: tuple[str, ...]) -> Look:
    def look(record: Record, resource: Mapping[str, Any], _scope: Scope) -> object:
        for key in keys:
            if (value := record.attributes.get(key)) not in (None, ""):
                return value
        for key in keys:
            if (value := resource.get(key)) not in (None, ""):
                return value
        return None

    return look
