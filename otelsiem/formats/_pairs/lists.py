"""Records as key=value pairs, for formats whose lines are that (CEF, LEEF): which key says what, and under which name.

Guarantees: no key stands twice in a line, whatever case a reader folds it to; a sender's attribute never gets a name
that says something else (a predefined key, a name of ours). What has no key of the dictionary is written under its own
name in camel case; what cannot be named so (a name that is no word, two that would be one, a null) is in one JSON text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from otelsiem.formats._cef_keys import Keys
from otelsiem.formats._keys import Key, is_empty
from otelsiem.formats.json import Event
from otelsiem.formats.structured import FLAT, camel

S = TypeVar("S")

_CUTTABLE = ("text", "listed")
MOST_NAMES = 128  # attributes of one record that get a name of their own
_FIT = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._:/@ -]+[A-Za-z0-9]+)*")
_LONGEST_NAME = 64
_TECHNIQUE = re.compile(r"(?P<atlas>AML\.)?T[0-9]{4}(\.[0-9]{3})?")
_BETWEEN_WORDS = re.compile(r"[._:/@ -]+")

# Fields of a record beside its attributes, and what those of a document are called.
HEADS = ("event_id", "message", "severity_text", "trace_id", "span_id", "trace_flags", "observed_time_unix_nano")
_FIELDS = [name for name in Event.__struct_fields__ if name in FLAT or name in HEADS or name == "body"]
_PARTS = {"target": ("id", "type", "name"), "mitre_attack": ("tactic", "tactic_name", "technique", "technique_name")}
ORDER = (*_FIELDS, *[f"{holder}.{part}" for holder, parts in _PARTS.items() for part in parts], "account.id",
         "account.name", "framework")  # fmt: skip
_OURS = ("severity_number", "time_unix_nano", "event_type", "vendor", "product", "version", "truncated", "rest")
_RESERVED = frozenset([camel(name).lower() for name in (*ORDER, *_OURS)])
_SPACES = {"resource": ("rest", "schemaurl"), "scope": ("rest", "schemaurl", "name", "version")}  # begin names
_ACCOUNTS = frozenset({"user", "account", "identity", "person"})
_fields = attrgetter(*_FIELDS)


class Language(NamedTuple):
    """What the machine below must know of a format."""

    first: Keys  # meanings that stand first in a line
    second: Keys
    message: Keys
    attributes: Keys
    resource: Keys
    time: str  # the key of the time in milliseconds
    prefix: str  # of names that are not in the dictionary
    predefined: frozenset[str]  # names that no attribute may take, in lower case
    between: str
    show: Callable[[str], str]  # a value as its reader sees it
    escape: Callable[[str], str]  # and as it is written
    taken: Callable[[Key, Any], str | None]
    calm: Callable[[str], bool]  # these values are written as they are

    def named(self, name: str) -> str:
        """A name of ours, or of an attribute, as a key."""
        return self.prefix + name[0].upper() + name[1:] if self.prefix else name


class Slot(NamedTuple, Generic[S]):
    """A key, what it is filled from, and the name for the whole of what the key has no room for ("" = it has none)."""

    start: str
    key: Key
    source: S
    whole: str
    called: str


class Arranged(NamedTuple, Generic[S]):
    """Where everything goes."""

    first: list[Slot[S]]
    more: list[Slot[S]]
    left: dict[str, S]  # what has no name


# What stands before a value (its key, with the label), the value before escaping, whether it is worth nothing when cut.
Pair: TypeAlias = tuple[str, str, bool]


def arrange(
    language: Language, meanings: Mapping[str, S], attributes: Mapping[str, S], fits: Callable[[Key, S], bool]
) -> Arranged[S]:
    """A key for each meaning and each attribute, in the order of the line."""
    used: set[str] = set()

    def key_for(candidates: tuple[Key, ...], source: S) -> Key | None:
        for key in candidates:
            if key.name not in used and fits(key, source):
                used.add(key.name)
                return key
        return None

    def keyed(block: Keys) -> list[Slot[S]]:
        found: list[Slot[S]] = []
        for flat, candidates in block.items():
            if flat in left and (key := key_for(candidates, left[flat])):
                found.append(slot(language, key, left.pop(flat), language.named(camel(flat)), flat))
        return found

    left = dict(meanings)
    first, second = keyed(language.first), keyed(language.second)
    names = named(language, attributes, "")
    own: list[Slot[S]] = []
    unnamed: dict[str, S] = {}
    for attribute, source in attributes.items():
        name = names.get(attribute, "")
        if key := key_for(language.attributes.get(attribute, ()), source):
            second.append(slot(language, key, source, name, attribute))
        elif name:
            own.append(slot(language, Key(name), source, name, attribute))
        else:
            unnamed[attribute] = source
    message = keyed(language.message)
    ours = [
        slot(language, Key(name := language.named(camel(flat))), source, name, flat) for flat, source in left.items()
    ]
    return Arranged(first, [*second, *message, *ours, *own], unnamed)


def named(language: Language, keys: Iterable[str], space: str) -> dict[str, str]:
    """The keys that can have a name of their own, with it. `space`: what the names begin with, "" for attributes."""
    spelled = {key: _spelled(key, space) for key in keys}
    often = Counter([name.lower() for name in spelled.values()])
    free = {
        key: language.named(name)
        for key, name in spelled.items()
        if name and often[name.lower()] == 1 and _is_free(name.lower(), space, language)
    }
    return {key: free[key] for key in [*free][:MOST_NAMES]}


def _is_free(name: str, space: str, language: Language) -> bool:
    if name in language.predefined:
        return False
    if space:
        return name.removeprefix(space) not in _SPACES[space]
    return not name.startswith(tuple(_SPACES)) and name not in _RESERVED


def _spelled(key: str, space: str) -> str:
    if len(key) > _LONGEST_NAME or not _FIT.fullmatch(key):
        return ""
    words = _BETWEEN_WORDS.split(key)
    first, *rest = [space, *words] if space else words
    return first + "".join([word[0].upper() + word[1:] for word in rest])


def pairs(
    language: Language, slots: Iterable[Slot[int]], values: Sequence[Any], left: dict[str, Any]
) -> tuple[list[Pair], list[Pair]]:
    """What is written. A value that its key has no room for is cut there; it stands whole in the second list, or in
    `left` when it has no name."""
    made: list[Pair] = []
    wholes: list[Pair] = []
    for start, key, place, whole, called in slots:
        value = values[place]
        text = value if type(value) is str and key.kind == "text" else language.taken(key, value) or ""
        # a character is shown as ten at most
        if key.most and 10 * len(text) > key.most and len(language.show(text[: key.most + 1])) > key.most:
            if whole:
                wholes.append((f"{whole}=", text, False))
            else:
                left[called] = value
            text = cut(text, key.most, language.show)
        made.append((start, text, key.kind not in _CUTTABLE))
    return made, wholes


def cut(text: str, most: int, written: Callable[[str], Sized]) -> str:
    """The longest beginning of a text that has at most this size when it is written."""
    text = text[: max(most, 0)]
    size = bisect_right(range(1, len(text) + 1), most, key=lambda n: len(written(text[:n])))
    while size and len(written(text[:size])) > most:  # where the last character decides how it is written
        size -= 1
    return text[:size]


def slot(language: Language, key: Key, source: S, whole: str = "", called: str = "") -> Slot[S]:
    """With what stands before the value."""
    label = f"{key.name}Label={key.label}{language.between}" if key.label else ""
    return Slot(f"{label}{key.name}=", key, source, whole, called)


def meanings(event: Event) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """What a document says by meaning, in the order of ORDER, and its other attributes; nothing empty is a meaning."""
    fields = zip(_FIELDS, _fields(event), strict=True)
    said = {name: value for name, value in fields if value is not None and not is_empty(value)}
    for holder, parts in _PARTS.items():
        if (held := getattr(event, holder)) is not None:
            said |= {f"{holder}.{part}": value for part in parts if not is_empty(value := getattr(held, part))}
    if is_account(said.get("target.type")):
        said |= {f"account.{part}": said.pop(f"target.{part}") for part in ("id", "name") if f"target.{part}" in said}
    if framework := framework_of(said.get("mitre_attack.technique")):
        said["framework"] = framework
    return said, event.metadata or {}


def is_account(kind: Any) -> bool:
    """Whether a target of this type is somebody."""
    return isinstance(kind, str) and kind.lower() in _ACCOUNTS


def framework_of(technique: Any) -> str:
    """Which of MITRE's catalogues a technique is from, as its number says."""
    if type(technique) is str and (found := _TECHNIQUE.fullmatch(technique)):
        return "MITRE ATLAS" if found["atlas"] else "MITRE ATT&CK"
    return ""
