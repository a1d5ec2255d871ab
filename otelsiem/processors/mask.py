"""Masks what must not travel: the values of chosen keys, and what looks like a secret within any text.

Guarantees: at whatever depth, in attributes, body, resource and scope. Ids and the hash of the rules stay, so a masked
record can still be found. With `hmac` equal values stay equal, and nobody without the key can try out which. Keys stay
as they are, and numbers are masked by their keys alone.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from otelsiem.model.destination import Moment
from otelsiem.model.listed import listed
from otelsiem.model.processor import Aside
from otelsiem.model.record import Batch, Group, Record, Scope, Value
from otelsiem.model.secret import Secret
from otelsiem.processors._mask_kinds import KINDS, Finder, Kind

MASKED = "[masked]"
KEPT = frozenset(  # a chance likeness in them would cut a record off from what is known of it
    {"audit.record.id", "log.record.uid", "event_id", "audit.constitutional_hash"}
)
_DEEP = frozenset({dict, list})
REMEMBERED = 4096  # keys of which it is known whether they are masked
SHORTEST = 16  # bytes of an HMAC's key


def _key_pattern(text: str) -> str:
    if not text.strip("*. "):
        raise ValueError("this matches every key: name the keys to be masked")
    return text


def _text_pattern(text: str) -> str:
    try:
        found = re.compile(text)
    except re.error as wrong:
        raise ValueError(f"not a regular expression: {wrong}") from None
    if found.search("") is not None:
        raise ValueError("this matches an empty text, so it would be found everywhere")
    if re.search(r"(?<!\\)\((?:[^()\\]|\\.)*(?<!\\)[*+}](?:[^()\\]|\\.)*\)[*+{]", text):
        raise ValueError("a group that repeats is repeated: on a hostile text this may take for ever")
    return text


Key = Annotated[str, AfterValidator(_key_pattern), Field(json_schema_extra={"pattern": "[^*. ]"})]
Pattern = Annotated[str, AfterValidator(_text_pattern)]


class Mask(BaseModel):
    """Masks the values of keys, and secrets within texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    keys: Annotated[list[Key], BeforeValidator(listed, json_schema_input_type=Key | list[Key])] = Field(
        [],
        description="keys, at any depth, in any case; `*` is any run of characters. One without a dot is also the last"
        " part of a longer one: `password` is `db.password` too",
    )
    kinds: Annotated[list[Kind], BeforeValidator(listed, json_schema_input_type=Kind | list[Kind])] = Field(
        [],
        description="what is found within any text: "
        + "; ".join([f"{name}: {kind.said}" for name, kind in KINDS.items()]),
    )
    patterns: Annotated[list[Pattern], BeforeValidator(listed, json_schema_input_type=Pattern | list[Pattern])] = Field(
        [], description="regular expressions of what else is found within any text"
    )
    mode: Literal["replace", "remove", "hmac"] = Field(
        "replace", description="`[masked]` in its place, nothing, or a keyed digest, equal for equal values"
    )
    key: Secret | None = Field(None, description="of `hmac`: at least 16 bytes, for example from `${file:mask.key}`")

    _masked: _Remembered = PrivateAttr()
    _find: Finder | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _something(self) -> Mask:
        if not (self.keys or self.kinds or self.patterns):
            raise ValueError("nothing would be masked: give `keys`, `kinds` or `patterns`")
        if (self.mode == "hmac") != (self.key is not None):
            raise ValueError("`key` and `mode: hmac` belong together")
        if self.key is not None and len(self.key.get_secret_value().strip().encode()) < SHORTEST:
            raise ValueError(f"`key` is shorter than {SHORTEST} bytes: short keys can be tried out")
        return self

    def model_post_init(self, _: Any) -> None:
        self._masked = _Remembered(self.keys)
        self._find = Finder(self.kinds, self.patterns) if self.kinds or self.patterns else None

    def process(self, batch: Batch, at: Moment, aside: Aside) -> Batch:  # noqa: ARG002 no clock, nothing taken out
        work = _Work(self._masked, self._find, self._instead())
        for group in batch:
            self._resource(group, work)
            for record in group.records:
                work.record(record)
        return batch

    @staticmethod
    def _resource(group: Group, work: _Work) -> None:
        """A resource and a scope may be shared with other groups: they are replaced, not changed."""
        if (resource := work.attributes(group.resource)) is not None:
            group.resource = resource
        if group.scope.attributes and (held := work.attributes(group.scope.attributes)) is not None:
            group.scope = Scope(group.scope.name, group.scope.version, held, group.scope.schema_url)

    def _instead(self) -> Callable[[Value], str | None]:
        """What comes in the place of a value; None: nothing."""
        if self.mode == "remove":
            return lambda _: None
        if self.key is None:
            return lambda _: MASKED
        key = self.key.get_secret_value().strip().encode()
        return lambda value: f"hmac:{hmac.digest(key, _bytes(value), 'sha256').hex()[:32]}"


class _Remembered:
    """Whether a key is masked: by the patterns once, then from memory."""

    def __init__(self, keys: list[str]) -> None:
        self._match = re.compile("|".join(map(_glob, keys)), re.IGNORECASE | re.DOTALL).fullmatch if keys else None
        self._plain: set[str] = set()
        self._hit: set[str] = set()

    def __call__(self, key: str) -> bool:
        if key in self._plain:
            return False
        if key in self._hit:
            return True
        found = self._match is not None and self._match(key) is not None
        known = self._hit if found else self._plain
        if len(known) >= REMEMBERED:
            known.clear()
        known.add(key)
        return found

    def none(self, held: dict[str, Value]) -> bool:
        """Whether no key of it is masked."""
        return held.keys() <= self._plain or not any(map(self, held))


class _Work:
    """One batch. A record in which nothing is to be masked, which is most of them, passes in a microsecond."""

    __slots__ = ("_find", "_instead", "_masked")

    def __init__(self, masked: _Remembered, find: Finder | None, instead: Callable[[Value], str | None]) -> None:
        self._masked, self._find, self._instead = masked, find, instead

    def record(self, record: Record) -> None:
        if (attributes := self.attributes(record.attributes)) is not None:
            record.attributes = attributes
        body = record.body
        if type(body) is not str:
            record.body = self._inside("", body)
            body = ""
        if self._find is not None and self._find.perhaps([record.event, record.severity_text, body]):
            record.severity_text, record.event = self._text(record.severity_text), self._text(record.event)
            record.body = self._inside("", record.body)

    def attributes(self, held: dict[str, Value]) -> dict[str, Value] | None:
        """The masked ones; None when there is nothing to be masked."""
        deep = not _DEEP.isdisjoint([*map(type, held.values())])
        texts = [value for value in held.values() if type(value) is str] if self._find else []
        if deep or (self._find is not None and self._find.perhaps(texts)):
            return self._map("", held)
        return None if self._masked.none(held) else self._flat(held)

    def _flat(self, held: dict[str, Value]) -> dict[str, Value]:
        """The same as `_map`, where there is nothing inside."""
        made = held.copy()
        for key, value in held.items():
            if self._masked(key) and key not in KEPT:
                if (instead := self._instead(value)) is None:
                    del made[key]
                else:
                    made[key] = instead
        return made

    def _map(self, path: str, held: dict[str, Value]) -> dict[str, Value]:
        made: dict[str, Value] = {}
        for key, value in held.items():
            full = f"{path}.{key}" if path else key
            if full in KEPT:
                made[key] = value
            elif not self._masked(full):
                made[key] = self._inside(full, value)
            elif (instead := self._instead(value)) is not None:
                made[key] = instead
        return made

    def _inside(self, path: str, value: Value) -> Value:
        match value:
            case str():
                return self._text(value)
            case dict():
                return self._map(path, value)
            case list():
                return [self._inside(path, one) for one in value]
            case _:
                return value

    def _text(self, text: str) -> str:
        if self._find is None or not (found := self._find(text)):
            return text
        made: list[str] = []
        at = 0
        for start, end in found:
            made += [text[at:start], self._instead(text[start:end]) or ""]
            at = end
        return "".join([*made, text[at:]])


def _glob(key: str) -> str:
    written = ".*".join(map(re.escape, key.split("*")))
    return written if "." in key else rf"(?:.*\.)?{written}"


def _bytes(value: Value) -> bytes:
    """The same for equal values; a half of a surrogate pair, which no other encoding takes, is no obstacle."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=bytes.hex)
    return text.encode("utf-8", "surrogatepass")
