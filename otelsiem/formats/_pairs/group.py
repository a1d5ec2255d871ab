"""What the lines of a group have in common: who speaks, what resource and scope say, and how lines of an event end.

Guarantees: it is worked out once per content, not once per piece of a batch (160 µs, as much as 30 records cost); what
is kept of it is bounded, because resources and event names come from senders.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import msgspec

from otelsiem.formats._keys import FAMILIES, Key, is_empty, told
from otelsiem.formats._pairs.lists import Language, Pair, Slot, named, pairs, slot
from otelsiem.formats._pairs.plan import Plan
from otelsiem.formats._pairs.shape import Arrangements
from otelsiem.formats.json import Event
from otelsiem.formats.layout import Layouts
from otelsiem.formats.shape import shape
from otelsiem.formats.speaker import KEYS, Product, Speaker, beyond, speaker
from otelsiem.formats.structured import camel
from otelsiem.formats.values import safe
from otelsiem.formats.vocabulary import FROM_RESOURCE, spellings
from otelsiem.model.destination import Moment
from otelsiem.model.record import Group, Scope

Slots: TypeAlias = list[Slot[Any]]

Content: TypeAlias = tuple[bytes, Product, str]

_MOST, _LONGEST = 32, 8192  # resources kept, and ends of each; bytes and characters of one: 16 MiB at worst
_pack = msgspec.msgpack.Encoder().encode
_SOURCES = spellings("audit.source")[:-1]  # the last is the name of the service, which the header says


class Dialect(NamedTuple):
    """A format: its language, its header, and what its lines say of an event by its name and severity."""

    language: Language
    header: Callable[[Speaker, str, int, int], str]  # who, event, SeverityNumber, bytes of a field (0 = any number)
    unsaid: Callable[[Speaker], Mapping[str, str]]  # what the header cannot say as it is
    first: Callable[[str, int], Slots]
    last: Callable[[str, int, bool], Slots]  # whether the record names a technique itself
    plans: Layouts[Plan]
    shapes: Arrangements
    kept: OrderedDict[Content, Common]


class Ends(NamedTuple):
    """What the lines of one event at one severity have in common in a group."""

    header: str
    first: list[Pair]
    last: list[Pair]
    start: str  # header and first pairs
    opening: str  # the same, up to the time
    closing: str  # last pairs, up to the exact time


class Common:
    """What the lines of a group have in common, whenever they are written."""

    def __init__(self, group: Group, dialect: Dialect, host: str, product: Product) -> None:
        self._dialect = dialect
        language = dialect.language
        resource = {key: safe(value) for key, value in group.resource.items()}
        known = {key: value for key, value in resource.items() if not is_empty(value)}
        self.speaker = speaker({key: told(known[key]) for key in KEYS if key in known}, product, host)
        self.said = _said(known)
        self.is_plain = all(type(value) is str for value in self.said.values())
        self.blank = Event()
        for name, value in self.said.items():
            setattr(self.blank, name, value)
        last = _resource(language, beyond(resource, self.speaker))
        last += [own(language, name, value) for name, value in dialect.unsaid(self.speaker).items()]
        if group.schema_url:
            last.append(own(language, "resource_schema_url", group.schema_url))
        self._last = [*last, *_scope(language, group.scope)]
        said = self.speaker.hostname
        key = language.resource["host.name"][0]
        self._host = [slot(language, key, said, language.named("resourceHostName"))] if said else []
        self.ends: dict[tuple[str, int, bool], Ends] = {}

    def find(self, event: str, number: int, attacked: bool) -> Ends:
        """Kept in `ends`. `attacked`: the record names a technique itself."""
        made = self._made(event, number, attacked)
        if len(self.ends) >= _MOST:
            self.ends.clear()
        if len(made.opening) + len(made.closing) <= _LONGEST:
            self.ends[event, number, attacked] = made
        return made

    def _made(self, event: str, number: int, attacked: bool) -> Ends:
        dialect, language = self._dialect, self._dialect.language
        first, wholes = filled(language, [*dialect.first(event, number), *self._host])
        last, more = filled(language, [*dialect.last(event, number, attacked), *self._last])
        last = [*wholes, *last, *more]
        between, escape = language.between, language.escape
        opening = "".join([f"{start}{escape(text)}{between}" for start, text, _ in first])
        closing = "".join([f"{between}{start}{escape(text)}" for start, text, _ in last])
        exact = f"{between}{language.named('timeUnixNano')}="
        header = self.header(event, number, 0)
        begin = f"{header}{opening}"
        return Ends(header, first, last, begin, f"{begin}{language.time}=", f"{closing}{exact}")

    def header(self, event: str, number: int, room: int) -> str:
        return self._dialect.header(self.speaker, event, number, room)


def common(group: Group, dialect: Dialect, at: Moment, product: Product) -> Common:
    """What is in common, from the last time if the group says the same."""
    try:
        packed = _pack((group.resource, group.scope, group.schema_url))
    except (ValueError, OverflowError, RecursionError):  # surrogates, integers of more than 64 bits, a deep nest
        return Common(group, dialect, at.host, product)
    key, kept = (packed, product, at.host), dialect.kept
    if (found := kept.get(key)) is None:
        found = Common(group, dialect, at.host, product)
        if len(packed) <= _LONGEST:
            kept[key] = found
            if len(kept) > _MOST:
                kept.popitem(last=False)
    return found


def filled(language: Language, slots: Slots) -> tuple[list[Pair], list[Pair]]:
    """Slots that hold their values themselves."""
    values = [found.source for found in slots]
    return pairs(language, [found._replace(source=n) for n, found in enumerate(slots)], values, {})


def own(language: Language, flat: str, value: Any) -> Slot[Any]:
    """A value under a name of ours."""
    name = language.named(camel(flat))
    return slot(language, Key(name), value, name, flat)


def _said(known: Mapping[str, Any]) -> dict[str, Any]:
    """What the resource says for all its records."""
    said = {name: known[key] for name, key in shape(known).moved if name in FROM_RESOURCE}
    if not any(key in known for key in _SOURCES):
        said.pop("source", None)
    return said


def _resource(language: Language, resource: Mapping[str, Any]) -> Slots:
    names = named(language, resource, "resource")
    slots: Slots = []
    used: set[str] = set()
    unnamed: dict[str, Any] = {}
    for attribute, value in resource.items():
        name = names.get(attribute, "")
        candidates = () if attribute == "host.name" else language.resource.get(attribute, ())
        several = isinstance(value, list) and any(key.kind in FAMILIES for key in candidates)
        each = value if several else [value]  # a machine has several addresses: the first that fits
        found = next(
            (
                (key, one)
                for one in each
                for key in candidates
                if key.name not in used and language.taken(key, one) is not None
            ),
            None,
        )
        if is_empty(value) or not (found or name):
            unnamed[attribute] = value
            continue
        if found:
            used.add(found[0].name)
            slots.append(slot(language, found[0], found[1], name, attribute))
        if name and (found is None or several):
            slots.append(slot(language, Key(name), value, name, attribute))
    return [*slots, *_unnamed(language, "resource_rest", unnamed)]


def _scope(language: Language, scope: Scope) -> Slots:
    names = named(language, scope.attributes, "scope")
    parts = {"scope_name": scope.name, "scope_version": scope.version, "scope_schema_url": scope.schema_url}
    slots = [own(language, flat, value) for flat, value in parts.items() if value]
    said = {key: value for key, value in scope.attributes.items() if key in names and not is_empty(value)}
    slots += [slot(language, Key(names[key]), value, names[key], key) for key, value in said.items()]
    left = {key: value for key, value in scope.attributes.items() if key not in said}
    return [*slots, *_unnamed(language, "scope_rest", left)]


def _unnamed(language: Language, flat: str, left: Mapping[str, Any]) -> Slots:
    return [own(language, flat, dict(left))] if left else []
