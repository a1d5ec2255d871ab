"""Where a record belongs: the name of its index, its alias or its data stream, by templates and the time of the event.

    audit    audit-%Y.%m.%d    audit-{tenant.id|unknown}-%Y.%m

Guarantees: a name made with what a record says is one that Elasticsearch and OpenSearch take (contract 4), and never a
system index; the date is the event's, in UTC, so that what is sent again finds the first copy (contract 5).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

import msgspec

from otelsiem.formats.template import Template
from otelsiem.model.record import Record, Scope

LONGEST = 255  # bytes of a name
LONGEST_PART = 100  # bytes of a data stream's dataset, and of its namespace
DIRECTIVES = frozenset("YymdHjGV")  # no names of months: they depend on the machine's language; nothing below an hour
HOUR = 3_600_000_000_000

_TOKEN = re.compile(r"\{\{|\}\}|\{[^{}]*\}|%(?P<sign>.?)", re.DOTALL)
_UNFIT = re.compile(r'[\\/*?"<>|\s,#:]')
_HEAD = "-_+."  # what no name may begin with; with a dot it would be an index of the system

Fill: TypeAlias = Callable[[Record], str]


class Place(NamedTuple):
    """An index, and what its documents say of it, as JSON without the braces."""

    name: str
    said: bytes = b""


class Names:
    """A template of names; raises ValueError when it cannot be read or makes no legal name."""

    __slots__ = ("_parts", "constant", "dated", "pattern", "source")

    def __init__(self, source: str, *, whole: bool = True) -> None:
        """`whole`: it is all of a name, not what stands in the middle of one."""
        self.source = source
        self._parts = _parse(source)
        _check(source, self._parts, whole=whole)
        self.pattern = "".join([str(part) for part in self._parts])  # with * for what is not known before
        self.dated = any(isinstance(part, _Date) for part in self._parts)
        self.constant = self.pattern if all(isinstance(part, str) for part in self._parts) else None

    def bind(self, resource: Mapping[str, Any], scope: Scope) -> Fill:
        """The names for the records of one group, as the records say them."""
        if self.constant is not None:
            constant = self.constant
            return lambda _record: constant
        fills = [part if isinstance(part, str) else part.bind(resource, scope) for part in self._parts]
        return lambda record: "".join([fill if isinstance(fill, str) else fill(record) for fill in fills])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Names) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    def __repr__(self) -> str:
        return f"Names({self.source!r})"


class _Field:
    """A field of a template, in its braces."""

    def __init__(self, source: str) -> None:
        self._template = Template(source)

    def bind(self, resource: Mapping[str, Any], scope: Scope) -> Fill:
        return self._template.bind(resource, scope)

    def __str__(self) -> str:
        return "*"


class _Date:
    """The time of the event, as strftime writes it."""

    def __init__(self, directives: str) -> None:
        self.directives = directives

    def bind(self, _resource: Mapping[str, Any], _scope: Scope) -> Fill:
        known: dict[int, str] = {}

        def fill(record: Record) -> str:
            hour = (record.time or record.observed) // HOUR
            if (text := known.get(hour)) is None:
                text = known[hour] = self._on(hour)
            return text

        return fill

    def _on(self, hour: int) -> str:
        within = min(max(hour * 3600, 0), 253_402_300_799)  # ends with the year 9999
        return time.strftime(self.directives, time.gmtime(within))

    def __str__(self) -> str:
        return "*"


_Part: TypeAlias = str | _Field | _Date


class Indices:
    """Records by the name of an index or an alias."""

    def __init__(self, names: Names) -> None:
        self.pattern = names.pattern
        self.ends = names.dated  # there comes a day when nothing more is written to an index
        self.constant = Place(names.constant) if names.constant is not None else None
        self._names = names

    def bind(self, resource: Mapping[str, Any], scope: Scope) -> Callable[[Record], Place]:
        """Where the records of one group go."""
        fill = self._names.bind(resource, scope)
        return _remembered(fill, lambda said: Place(fit(said)))


class Streams:
    """Records by data stream, `logs-<dataset>-<namespace>`; documents say which (ECS `data_stream.*`)."""

    def __init__(self, dataset: Names, namespace: Names, *, suffix: str = "") -> None:
        self.pattern = f"logs-{dataset.pattern}{suffix}-{namespace.pattern}"
        self.ends = True  # a stream begins new ones
        self._dataset, self._namespace, self._suffix = dataset, namespace, suffix
        self.constant: Place | None = None
        if dataset.constant is not None and namespace.constant is not None:
            self.constant = self._place(f"{dataset.constant}\n{namespace.constant}")

    def bind(self, resource: Mapping[str, Any], scope: Scope) -> Callable[[Record], Place]:
        """Where the records of one group go."""
        dataset, namespace = self._dataset.bind(resource, scope), self._namespace.bind(resource, scope)
        return _remembered(lambda record: f"{dataset(record)}\n{namespace(record)}", self._place)

    def _place(self, said: str) -> Place:
        first, _, second = said.partition("\n")
        dataset = fit(first.replace("-", "_"), LONGEST_PART - len(self._suffix)) + self._suffix
        namespace = fit(second, LONGEST_PART)
        fields = {"type": "logs", "dataset": dataset, "namespace": namespace}
        return Place(f"logs-{dataset}-{namespace}", b'"data_stream":' + msgspec.json.encode(fields) + b",")


Where: TypeAlias = Indices | Streams


def _remembered(fill: Fill, make: Callable[[str], Place]) -> Callable[[Record], Place]:
    """Places of a batch repeat."""
    known: dict[str, Place] = {}

    def find(record: Record) -> Place:
        said = fill(record)
        place = known.get(said)
        if place is None:
            place = known[said] = make(said)
        return place

    return find


def fit(said: str, longest: int = LONGEST) -> str:
    """A name, or a part of one: lower case, without what a name may not hold, of so many bytes."""
    name = _UNFIT.sub("_", said).lower().lstrip(_HEAD) or "unknown"
    if len(encoded := name.encode("utf-8", "replace")) <= longest:
        return name
    mark = sha256(encoded).hexdigest()[:16]  # two long names stay two
    return f"{encoded[: longest - 17].decode('utf-8', 'ignore')}_{mark}"


def _parse(source: str) -> list[_Part]:
    Template(source)  # raises when its braces cannot be read
    parts: list[_Part] = []
    end = 0
    for token in _TOKEN.finditer(source):
        parts += [source[end : token.start()]]
        end = token.end()
        sign = token["sign"]
        if sign is not None:
            if not sign or sign not in DIRECTIVES:
                raise ValueError(_no_directive(sign, source))
            parts.append(_Date(f"%{sign}"))
        else:
            parts.append(token[0][0] if token[0] in ("{{", "}}") else _Field(token[0]))
    return _joined([*parts, source[end:]])


def _joined(parts: Sequence[_Part]) -> list[_Part]:
    """Texts that follow each other as one, and `%Y.%m.%d` as one date."""
    joined: list[_Part] = []
    for part in parts:
        match joined[-2:], part:
            case _, "":
                pass
            case [*_, str(before)], str():
                joined[-1] = before + part
            case [*_, _Date() as date], _Date():
                joined[-1] = _Date(date.directives + part.directives)
            case [_Date() as date, str(between)], _Date():
                joined[-2:] = [_Date(date.directives + between + part.directives)]
            case _:
                joined.append(part)
    return joined


def _no_directive(sign: str, source: str) -> str:
    if sign == "{":
        return f"%{{…}} in {source!r}: write the attribute in braces alone, for example audit-{{service.name}}"
    known = " ".join([f"%{known}" for known in "YymdHjGV"])
    return f"%{sign} in {source!r}: a date is made of {known}, for example audit-%Y.%m.%d"


def _check(source: str, parts: Sequence[_Part], *, whole: bool) -> None:
    texts = [part for part in parts if isinstance(part, str)]
    for text in texts:
        if unfit := _UNFIT.search(text):
            raise ValueError(f"{source!r}: the name of an index cannot hold {unfit[0]!r}")
        if text != text.lower():
            raise ValueError(f"{source!r}: the name of an index is in lower case")
    if not parts:
        raise ValueError("is empty")
    if whole and isinstance(first := parts[0], str) and first[0] in _HEAD:
        raise ValueError(f"{source!r}: the name of an index cannot begin with {first[0]!r}")
    if sum([len(text.encode("utf-8", "replace")) for text in texts]) > LONGEST:
        raise ValueError(f"is longer than a name may be ({LONGEST} bytes)")
