"""Stamps the constitutional hash, which says what rules were in force, and shows records that bring a different one.

Guarantees: a record without a hash gets ours; one that brings a hash in force keeps it. One that brings any other is
kept and marked, or refused if so configured, and either way a `constitutional_hash_mismatch` record beside it says so.
Such a record never causes another. Hashes compare without regard to case and surrounding blanks: neither can change
which rules a hex digest names. Nothing else is forgiven, no prefix and no other length.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from otelsiem.formats.vocabulary import spellings
from otelsiem.model.destination import Moment
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.listed import listed
from otelsiem.model.match import canonical
from otelsiem.model.processor import Aside, Refused
from otelsiem.model.record import Batch, Group, Record, Value

HASH = "audit.constitutional_hash"
ALSO = ("constitutional_hash", "constitutional.hash")
_SAID = (HASH, *ALSO)
EXPECTED = "audit.constitutional_hash.expected"
RECEIVED = "audit.constitutional_hash.received"
MISMATCH = "constitutional_hash_mismatch"
ERROR = 17

# what responders pivot on; the resource stays that of the group, so only what a record itself says is copied
COPIED = tuple(key for name in ("tenant.id", "gen_ai.agent.id", "audit.correlation.id") for key in spellings(name))


def digest(named: Mapping[str, bytes], length: int = 16) -> str:
    """The hash of the files that hold the rules, by name: the first `length` hex digits of SHA-256.

    Over the files sorted by name: the name in UTF-8, NUL, the contents' length as eight bytes big-endian, the contents;
    so no name or content can pass for another division of the same bytes.
    """
    total = sha256()
    for name in sorted(named):
        total.update(name.encode("utf-8", "surrogateescape") + b"\0" + len(named[name]).to_bytes(8, "big"))
        total.update(named[name])
    return total.hexdigest()[:length]


def _told(text: str) -> str:
    text = text.strip()
    if not text or any(c.isspace() for c in text):
        raise ValueError("a hash is one word, without blanks")
    return text


Hash = Annotated[str, Field(max_length=128), AfterValidator(_told)]


class Constitution(BaseModel):
    """Stamps which rules were in force, and reports records that were made under others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: Hash | None = Field(None, description="hash of the rules in force")
    files: Annotated[list[str], BeforeValidator(listed, json_schema_input_type=str | list[str])] = Field(
        [], description="files or globs that hold the rules; the hash is computed from them when the gateway starts"
    )
    accept: Annotated[list[Hash], BeforeValidator(listed, json_schema_input_type=Hash | list[Hash])] = Field(
        [], description="further hashes that are valid during a change"
    )
    on_mismatch: Literal["accept", "reject"] = Field(
        "accept", description="accept keeps and marks the record, reject refuses it at the door"
    )
    length: int = Field(16, ge=8, le=64, description="hex digits of the hash computed from `files`")

    _valid: frozenset[str] = PrivateAttr(frozenset())

    @model_validator(mode="after")
    def _one_origin(self) -> Constitution:
        if (self.hash is None) == (not self.files):
            raise ValueError("give either `hash` or `files`")
        return self

    def model_post_init(self, _: object) -> None:
        self._valid = frozenset(_compared(h) for h in (self.hash, *self.accept) if h)

    def resolved(self, hash: str) -> Constitution:  # noqa: A002 the field's name
        """The same settings with the hash that `digest` made of the files."""
        return Constitution(hash=hash, accept=self.accept, on_mismatch=self.on_mismatch, length=self.length)

    def alone(self, attributes: Mapping[str, Value]) -> bool:
        """Whether nobody but us says under which rules a record was made, so that there is nothing to be compared."""
        return (
            self.hash is not None
            and HASH not in attributes
            and "constitutional_hash" not in attributes  # spelled out: a third of the time of a loop over ALSO
            and "constitutional.hash" not in attributes
        )

    def stamped(self, record: Record) -> bool:
        """Stamp a record of which nobody else says under which rules it was made; False: it is for `process`."""
        attributes = record.attributes
        if not self.alone(attributes):
            return False
        attributes[HASH] = self.hash
        return True

    def process(self, batch: Batch, at: Moment, aside: Aside) -> Batch:  # noqa: ARG002 needs no clock
        ours = self.hash
        if ours is None:
            raise OtelsiemError("the constitution's files were not read: call resolved(digest(…)) first")
        kept: Batch = []
        for group in batch:
            strangers = self._strangers(group, ours)
            if strangers:
                group = self._judged(group, strangers, ours, aside)
            if group.records:
                kept.append(group)
        return kept

    def _strangers(self, group: Group, ours: str) -> dict[int, str]:
        """Stamps the records of a group; which of them bring a hash that is not in force, and the hash."""
        default = _brought(group.resource) or ours
        strange = default != ours and _compared(default) not in self._valid
        strangers: dict[int, str] = {}
        for n, record in enumerate(group.records):
            attributes = record.attributes
            if (held := attributes.get(HASH)) == ours:
                continue
            if held is None and "constitutional_hash" not in attributes and "constitutional.hash" not in attributes:
                attributes[HASH] = default
                if strange:
                    strangers[n] = default
                continue
            said = _brought(attributes) or default
            if not _text(held):
                attributes[HASH] = said
            if said != ours and _compared(said) not in self._valid:
                strangers[n] = said
        return {n: said for n, said in strangers.items() if canonical(group.records[n].event) != MISMATCH}

    def _judged(self, group: Group, strangers: dict[int, str], ours: str, aside: Aside) -> Group:
        """The group with each stranger marked, or without it, and a record of its own about each."""
        records: list[Record] = []
        for n, record in enumerate(group.records):
            if n not in strangers:
                records.append(record)
                continue
            said = strangers[n]
            if self.on_mismatch == "reject":
                alone = Group(group.resource, group.scope, [record], group.schema_url)
                aside.refused.append(Refused(alone, f"constitutional hash {said[:128]!r} is not in force"))
            else:
                record.attributes[EXPECTED] = ours
                record.severity = max(record.severity, ERROR)
                records.append(record)
            records.append(_mismatch(record, said, ours))
        return Group(group.resource, group.scope, records, group.schema_url)


def _brought(attributes: dict[str, Value]) -> str:
    """The hash that a record or resource says, under any of its names; "" when it says none."""
    if not attributes:
        return ""
    for name in (HASH, *ALSO):
        if text := _text(attributes.get(name)):
            return text
    return ""


def _text(value: Value) -> str:
    match value:
        case str():
            return value.strip()
        case None:
            return ""
        case int() if abs(value) < 1 << 64 and not isinstance(value, bool):  # a hash of digits alone, sent as a number
            return str(value)
        case _:
            return "(not a text)"  # nothing that anybody gave out


def _compared(text: str) -> str:
    return text.lower()


def _mismatch(record: Record, said: str, ours: str) -> Record:
    """The record about a stranger; the same stranger sent again makes the same one."""
    attributes = {key: record.attributes[key] for key in COPIED if key in record.attributes}
    attributes |= {"audit.target.id": record.id, "audit.target.type": "record"}
    attributes |= {HASH: ours, EXPECTED: ours, RECEIVED: said[:128]}
    return Record(
        id=_id(record, said),
        time=record.time,
        observed=record.observed,
        severity=ERROR,
        event=MISMATCH,
        body=f"A record brought the constitutional hash {said[:128]!r}; in force is {ours!r}",
        attributes=attributes,
        trace_id=record.trace_id,
        span_id=record.span_id,
        flags=record.flags,
    )


def _id(record: Record, said: str) -> str:
    """The layout of a UUIDv7: the stranger's millisecond, then a hash of its id and of what it brought."""
    ms = record.time // 1_000_000
    bits = sha256(f"{MISMATCH}\0{record.id}\0{said}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{ms >> 16 & 0xFFFFFFFF:08x}-{ms & 0xFFFF:04x}-7{bits[:3]}-a{bits[3:6]}-{bits[6:18]}"
