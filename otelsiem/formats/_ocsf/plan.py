"""How OCSF lines of one shape are laid out: an OCSF event of stand-ins, made the general way, tells.

A value that decides something (an outcome, an action that names an activity) is part of what the plan is made for; of
one that must be of a kind (an address, a port) the kind is; any other is stood in for as it comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from otelsiem.formats._classes import AtOnce, Look, remembered
from otelsiem.formats._line import Bare, More, Text, json
from otelsiem.formats._ocsf.classes import names_activity
from otelsiem.formats._ocsf.document import event_of
from otelsiem.formats._ocsf.group import Common
from otelsiem.formats._ocsf.objects import EMAIL, Object, is_sub, named
from otelsiem.formats._ocsf.schema import MINORS, schema
from otelsiem.formats._stand_in import NoPlan, Plan, StandIns
from otelsiem.formats.json import Event, document
from otelsiem.formats.shape import Shape, roles_of, shape
from otelsiem.formats.values import PLAIN, safe, text
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model.record import Record

# What stands in a row behind the attribute values.
GROUP = ("none", *FROM_RESOURCE, "service", "product", "device", "cloud", "provider", "rest")
RECORD = (
    "id", "body", "event", "word", "trace", "span",
    "severity_id", "severity", "ms", "ns", "logged", "observed", "flags",
)  # fmt: skip
ROW = (*GROUP, *RECORD)
LONGEST_WORD = 64  # of a value that a plan is made for
ODD = "odd"  # a class for which no plan is made

_NEWEST = schema(MINORS[-1])
_NOON = 1_735_732_800_000_000_000
_PLAIN = PLAIN | {float, list}
_TITLES = frozenset({"title", "description", "msg"})  # what may stand in for an empty body
_ENUMERATED = frozenset({"decision", "actor_type", "target.type"})
_NUMBERS = frozenset({"risk_score", "confidence"})
_LISTS = frozenset({"user_roles"})
_TEXTS = frozenset({"url.full", "url.path", "url.query", "url.scheme", "detection.detector", "detection.method",
                    "anomaly.type"}) | _TITLES  # fmt: skip
_WORDS = frozenset({"http.request.method", "risk.level"})
_WHOLE = {"server.port": 65_535, "http.response.status_code": 999}


class Given(NamedTuple):
    """What a plan is made for, beside the keys and types of the attributes."""

    said: tuple[str, ...]  # the meanings that the resource has
    group: tuple[bool, ...]  # whether it has service, device, cloud, provider, rest
    event: str | None  # a known event's name, "" when there is none; None: a name that says nothing
    fields: tuple[bool, ...]  # whether it has a body, a level's word, a trace, a span, both times, flags
    classes: tuple[Any, ...]  # of the values that `classified` names


def classified(keys: Sequence[str], types: Sequence[type]) -> list[tuple[int, Look | AtOnce]] | None:
    """The values of a shape that must be looked at to know the plan; None: there is no plan for the shape."""
    found = shape(keys)
    if not _PLAIN.issuperset(types) or not _TITLES.issuperset([key for _, key in found.heads]):
        return None
    roles = roles_of(found)
    looks = [
        (n, _look(key, type_, roles.get(key, frozenset()), found))
        for n, (key, type_) in enumerate(zip(keys, types, strict=True))
    ]
    return [(n, look) for n, look in looks if look is not None]


def _look(key: str, type_: type, roles: frozenset[str], found: Shape) -> Look | AtOnce | None:
    """How to look at a value that decides something."""
    if key in found.outcomes or roles & _ENUMERATED or key in _WORDS:
        return _word
    if "src_ip" in roles or key == "server.address":
        return _ADDRESSES if type_ is str else _odd
    if "user_email" in roles:
        return _email
    if "action" in roles:
        return _action
    if "technique" in roles:
        return _technique
    if roles & _NUMBERS:
        return _number
    if "src_port" in roles or key in _WHOLE:
        most = _WHOLE.get(key, 65_535)
        return lambda value: (type(value) is int and 0 <= value <= most) or ODD
    if key == "recommendations":
        return _advice
    if key == "compliance.is_compliant":
        return lambda value: ("is", value) if type(value) in (bool, str) else ODD
    if (roles - _LISTS or key in _TEXTS) and type_ is not str:
        return _odd
    return None


def _odd(_value: Any) -> Any:
    return ODD


def _word(value: Any) -> Any:
    return ("is", value) if type(value) is str and len(value) <= LONGEST_WORD else ODD


def _address(value: str) -> str:
    return next(iter(named(value)))


_ADDRESSES = remembered(_address)


def _email(value: Any) -> Any:
    return ("email" if EMAIL.fullmatch(value) else None) if type(value) is str else ODD


def _action(value: Any) -> Any:
    if type(value) is not str:
        return ODD
    return _word(value) if names_activity(value) else None


def _technique(value: Any) -> Any:
    return ("sub" if is_sub(value) else None) if type(value) is str else ODD


def _number(value: Any) -> Any:
    if type(value) is int:
        return "whole" if abs(value) < 1 << 63 else ODD
    return "broken" if type(value) is float and not value.is_integer() else ODD


def _advice(value: Any) -> Any:
    if type(value) is not list:
        return None
    plain = value and all(type(item) is str and item for item in value)
    return "texts" if plain else ODD


def plan(keys: Sequence[str], types: Sequence[type], given: Sequence[Any]) -> Plan | None:
    """The plan for attributes of these types in a record and a group like that; None: there is none."""
    try:
        return _Planner(keys, types, Given(*given)).plan()
    except NoPlan:
        return None


class _Planner:
    def __init__(self, keys: Sequence[str], types: Sequence[type], given: Given) -> None:
        self._keys, self._types, self._given = keys, types, given
        self._at = {name: n for n, name in enumerate(ROW, len(keys))}
        self._in = StandIns(len(keys) + len(ROW))

    def plan(self) -> Plan:
        looks = classified(self._keys, self._types)
        if looks is None or ODD in self._given.classes:
            raise NoPlan
        classes = dict(zip([n for n, _ in looks], self._given.classes, strict=True))
        attributes = {
            key: self._attribute(n, type_, classes.get(n))
            for n, (key, type_) in enumerate(zip(self._keys, self._types, strict=True))
        }
        return self._in.plan(self._instead(self._built(attributes)))

    def _attribute(self, n: int, type_: type, class_: Any) -> Any:
        """The stand-in of an attribute's value."""
        match class_:
            case ("is", word):
                return word
            case "ip":
                return self._in.text(n, f"198.51.{n // 256}.{n % 256}")
            case "hostname":
                return self._in.text(n, f"stand-in-{n}.invalid")
            case "email":
                return self._in.text(n, f"stand-in-{n}@example.invalid")
            case "sub":
                return self._in.text(n, f"T{n:04d}.004")
            case "whole":
                return self._in.bare(n, json, int(f"{10**9 + n}"))
            case "broken":
                return self._in.bare(n, lambda value: json(safe(value)), float(f"{10**6 + n}.25"))
            case "texts":
                return [self._in.worded(n, lambda value: json("\n".join(value))[1:-1])]
            case True:
                return self._in.bare(n, text, int(f"{400 + n}"))
        return self._in.text(n) if type_ is str else self._in.bare(n, lambda value: json(safe(value)))

    def _field(self, name: str, *, there: bool = True) -> str:
        return self._in.text(self._at[name]) if there else ""

    def _built(self, attributes: dict[str, Any]) -> Object:
        """An event of stand-ins, made the general way."""
        given = self._given
        body, word, trace, span, both, flags = given.fields
        record = Record(
            id=self._field("id"),
            time=_NOON,
            observed=_NOON if both else 0,
            event=self._field("event") if given.event is None else given.event,
            body=self._field("body", there=body) or None,
            severity_text=self._field("word", there=word),
            attributes=attributes,
            trace_id=self._field("trace", there=trace),
            span_id=self._field("span", there=span),
            flags=int(flags),
        )
        blank = Event(time_unix_nano=str(_NOON))
        for name in given.said:
            setattr(blank, name, self._field(name))
        return event_of(document(record, blank, {}, str), self._common())

    def _common(self) -> Common:
        service, device, cloud, provider, _ = self._given.group
        common = Common.__new__(Common)
        common.version, common.classes, common.longest = _NEWEST.version, _NEWEST.classes.keys(), None
        common.service = self._field("service", there=service)
        common.provider = self._field("provider", there=provider) or None
        common.product, common.unmapped = {}, {}
        common.device, common.cloud = {} if device else None, {} if cloud else None
        return common

    def _instead(self, tree: Object) -> Object:
        """Numbers, times and what a group says stand where they always do."""
        at, metadata, unmapped = self._at, tree["metadata"], tree["unmapped"]
        _, device, cloud, _, rest = self._given.group
        *_, both, flags = self._given.fields
        tree |= {"severity_id": Bare(at["severity_id"]), "time": Bare(at["ms"])}
        metadata |= {"product": Bare(at["product"]), "original_time": Text(at["ns"])}
        unmapped["severity_number"] = Bare(at["severity"])
        if both:
            metadata["logged_time"] = Bare(at["logged"])
            unmapped["observed_time_unix_nano"] = Text(at["observed"])
        if flags:
            unmapped["trace_flags"] = Bare(at["flags"])
        if device:
            tree["device"] = Bare(at["device"])
        if cloud:
            tree["cloud"] = Bare(at["cloud"])
        if rest:
            unmapped["rest"] = More(at["rest"])
        if "finding_info" in tree:
            tree["finding_info"]["created_time"] = Bare(at["ms"])
        return tree
