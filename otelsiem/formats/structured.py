"""Structured data of RFC 5424: what a record says, as named parameters in elements.

Names are the flat ones of the vocabulary in camel case (`tenantId`, `srcIp`); what has none keeps its own, as far as
PARAM-NAME allows (6.3.3: 1-32 visible ASCII without `=`, `]`, `"`), else it is cut and gets a hash. Guarantees: no name
stands twice in an element, whatever case a receiver folds it to (syslog-ng keeps only the last of two); only what must
be is escaped in a value; a record's name never stands for a meaning that is ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

from otelsiem.formats.json import Event
from otelsiem.formats.speaker import Speaker
from otelsiem.formats.values import text
from otelsiem.formats.visible import visible
from otelsiem.formats.vocabulary import MEANINGS
from otelsiem.model.record import Group

Params: TypeAlias = list[tuple[str, str]]  # name and value, not yet escaped

FIRST_UNREAD = 4_102_444_800  # the year 2100: rsyslog 8.2302 takes 1970 to 2099 (measured)
LONGEST_NAME = 32
NAME = re.compile(r"[!#-<>-\[^-~]{1,32}")  # visible ASCII but `"`, `=`, `\` and `]`
_UNFIT = re.compile(r"[^!#-<>-\[^-~]+")
_SPECIAL = re.compile(r'["\\\]]')
_HASH = 6  # hexadecimal digits at the end of a name that was changed


class Element(NamedTuple):
    """One SD-ELEMENT; without parameters it is left out."""

    id: str
    params: Params


def camel(flat: str) -> str:
    """`tenant_id` → `tenantId`, `target.type` → `targetType`, `mitre_attack.technique` → `mitreTechnique`."""
    first, *rest = flat.replace("mitre_attack", "mitre").replace(".", "_").split("_")
    return first + "".join([part.capitalize() for part in rest])


FLAT: Mapping[str, str] = {meaning.flat: camel(meaning.flat) for meaning in MEANINGS}
PIVOTS = ("tenant_id", "agent_id", "correlation_id", "constitutional_hash")
ORDER: tuple[str, ...] = (*PIVOTS, *[flat for flat in FLAT if flat not in PIVOTS])
_HEAD = ("id", "eventType", "severityNumber", "severityText", "timeUnixNano", "observedTimeUnixNano", "traceId",
         "spanId", "traceFlags", "body", "truncated")  # fmt: skip
CORE = frozenset({"id", "truncated", *[FLAT[flat] for flat in PIVOTS]})  # what is cut last
RESERVED = frozenset([name.lower() for name in (*FLAT.values(), *_HEAD)])

_INSIDE = {"target.": "target", "mitre_attack.": "mitre_attack"}  # where Event keeps what is an object


def names(keys: Iterable[str], taken: frozenset[str] = RESERVED) -> list[str]:
    """A name for each key, in order; the same for the same keys, none twice and none that is taken."""
    made: list[str] = []
    used = set(taken)
    for key in keys:
        name = key if NAME.fullmatch(key) and key.lower() not in used else _renamed(key, used)
        used.add(name.lower())
        made.append(name)
    return made


def _renamed(key: str, used: set[str]) -> str:
    stem = _UNFIT.sub("_", key[:200])[: LONGEST_NAME - _HASH - 1] or "_"
    for turn in range(1_000_000):
        said = key.encode("utf-8", "surrogatepass") + (b"\0%d" % turn if turn else b"")
        name = f"{stem}~{sha256(said).hexdigest()[:_HASH]}"
        if name.lower() not in used:
            return name
    raise ValueError("more names than there are hashes")


def escape(value: str) -> str:
    """A PARAM-VALUE: visible, and the three signs escaped that must be (RFC 5424 6.3.3)."""
    return _SPECIAL.sub(r"\\\g<0>", visible(value))


def written(element: Element) -> str:
    """`[audit@32473 id="…"]`, "" without parameters."""
    if not element.params:
        return ""
    return f"[{element.id} " + " ".join([f'{name}="{escape(value)}"' for name, value in element.params]) + "]"


def parameters(event: Event, *, named: bool) -> Params:
    """What an event says beyond header and message. `named`: its type is one of the parameters."""
    made = core(event)
    flat = [(FLAT[name], _inside(event, name)) for name in ORDER if name not in PIVOTS]
    if named and event.event_type:
        made.append(("eventType", event.event_type))
    made.append(("severityNumber", str(event.severity_number)))
    if event.severity_text:
        made.append(("severityText", event.severity_text))
    if late(event.time_unix_nano):
        made.append(("timeUnixNano", event.time_unix_nano))
    if event.observed_time_unix_nano:
        made.append(("observedTimeUnixNano", event.observed_time_unix_nano))
    made += [(name, text(value)) for name, value in flat if value is not None]
    said = (("traceId", event.trace_id), ("spanId", event.span_id), ("traceFlags", event.trace_flags))
    made += [(name, text(value)) for name, value in said if value is not None]
    if event.body is not None and event.message is not None:
        made.append(("body", text(event.body)))  # without a sentence in it, it is the message itself
    rest = event.metadata or {}
    made += zip(names(rest), map(text, rest.values()), strict=True)
    return made


def late(ns: str) -> bool:
    """Whether the header cannot say when it was."""
    return int(ns[:-9] or 0) >= FIRST_UNREAD


def _inside(event: Event, flat: str) -> Any:
    for prefix, holder in _INSIDE.items():
        if flat.startswith(prefix):
            return getattr(getattr(event, holder), flat.removeprefix(prefix), None)
    return getattr(event, flat)


def origin(said: Speaker) -> Element:
    """The product that speaks, in the words that IANA registered (RFC 5424 7.2)."""
    pairs = (("software", said.product, 48), ("swVersion", said.version, 32))
    return Element("origin", [(name, visible(value)[:most]) for name, value, most in pairs if value])


def core(event: Event) -> Params:
    """What a record is found by, and deduplicated."""
    made: Params = [("id", event.event_id)] if event.event_id else []
    return made + [(FLAT[name], text(value)) for name in PIVOTS if (value := getattr(event, name)) is not None]


def context(group: Group, said: Speaker, vendor: str, host: str, enterprise: str) -> list[Element]:
    """What all records of a group share: its resource, its scope, and who speaks. `vendor`: when a setting says it.

    `host`: the HOSTNAME of the header. What stands there, or in `origin`, unchanged is not said twice.
    """
    spoken = origin(said)
    known = {"service.name": ("software", said.product), "service.version": ("swVersion", said.version)}
    told = {key for key, pair in known.items() if pair in spoken.params}
    resource = {
        key: text(value)
        for key, value in group.resource.items()
        if not (key in told and value == known[key][1]) and not (key == "host.name" and value == host)
    }
    params: Params = [("vendor", vendor)] if vendor else []
    params += zip(names(resource, frozenset({"schemaurl", "vendor"})), resource.values(), strict=True)
    if group.schema_url:
        params.append(("schemaUrl", group.schema_url))
    scope = group.scope
    parts = {"name": scope.name, "version": scope.version, "schemaUrl": scope.schema_url}
    described: Params = [(name, value) for name, value in parts.items() if value]
    more = names(scope.attributes, frozenset({"name", "version", "schemaurl"}))
    described += zip(more, map(text, scope.attributes.values()), strict=True)
    return [spoken, Element(f"resource@{enterprise}", params), Element(f"scope@{enterprise}", described)]
