"""How ECS lines of one shape are laid out: an ECS document of stand-ins, made the general way, tells.

A value that decides something (an outcome, a decision, the type of a target) is part of what the plan is made for; of
one that must be of a kind (an address, a number with a field) the kind is; any other is stood in for as it comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from otelsiem.formats._classes import AtOnce, Look, remembered
from otelsiem.formats._ecs.document import tree_of
from otelsiem.formats._ecs.fields import ATTRIBUTES, VERSION, fitted, score
from otelsiem.formats._ecs.group import Common
from otelsiem.formats._ecs.labels import label
from otelsiem.formats._ecs.tree import Tree
from otelsiem.formats._ecs.words import SUBTECHNIQUE
from otelsiem.formats._line import Bare, More, Text, json
from otelsiem.formats._stand_in import NoPlan, Plan, StandIns
from otelsiem.formats.address import kind
from otelsiem.formats.json import Event, document
from otelsiem.formats.shape import Shape, roles_of, shape
from otelsiem.formats.values import PLAIN, safe, text
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model.record import Record

# What stands in a row behind the attribute values.
GROUP = ("none", *FROM_RESOURCE, "logger", "dataset", "sets", "labels")
RECORD = (
    "id", "body", "event", "word", "trace", "span",
    "timestamp", "created", "severity", "level", "ns", "flags", "related",
)  # fmt: skip
ROW = (*GROUP, *RECORD)
LONGEST_WORD = 64  # of a value that a plan is made for
ODD = "odd"  # a class for which no plan is made
ADDRESSES = remembered(kind)

_NOON = 1_735_732_800_000_000_000
_PLAIN = PLAIN | {float, list}
_TITLES = frozenset({"title", "description", "msg"})  # what may stand in for an empty body
_ENUMERATED = frozenset({"decision", "target.type"})
_LONGS = frozenset([key for key, field in ATTRIBUTES.items() if field.type in ("long", "integer")])
_LISTED = frozenset([key for key, field in ATTRIBUTES.items() if field.type == "keywords"])
_PORTS, _ADDRESSES = frozenset({"src_port"}), frozenset({"src_ip"})
_ATTACK = frozenset({"tactic", "tactic_name", "technique", "technique_name"})


class Given(NamedTuple):
    """What a plan is made for, beside the keys and types of the attributes."""

    said: tuple[str, ...]  # the meanings that the resource has
    group: tuple[bool, bool, bool]  # whether it has a logger, a data set, labels
    sets: tuple[str, ...]  # its field sets
    event: str | None  # a known event's name, "" when there is none; None: a name that says nothing
    fields: tuple[bool, ...]  # whether it has a body, a level's word, a trace, a span, both times, flags, a severity
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
    if key in found.outcomes or roles & _ENUMERATED:
        return _word
    if roles & _ADDRESSES or key == "server.address":
        return ADDRESSES if type_ is str else _odd
    if "technique" in roles:
        return _technique
    if "tactic" in roles and type_ is str:
        return _framework
    if "risk_score" in roles:
        return _score
    if roles & _PORTS or key == "server.port" or key in _LONGS:
        field = ATTRIBUTES[key].type if key in ATTRIBUTES else "long"
        return lambda value: type(value) is int and fitted(value, field) is not None
    if key == "compliance.is_compliant":
        return lambda value: ("is", value) if type(value) in (bool, str) else ODD
    if key in _TITLES:
        return _title
    return _items if type_ is list else None


def _word(value: Any) -> Any:
    return ("is", value) if type(value) is str and len(value) <= LONGEST_WORD else ODD


def _odd(_value: Any) -> Any:
    return ODD


def _technique(value: Any) -> Any:
    return ODD if type(value) is not str or SUBTECHNIQUE.match(value) else _framework(value)


def _framework(value: str) -> Any:
    """Whose id it is decides what `threat.framework` says."""
    return "atlas" if value.startswith("AML.") else None


def _score(value: Any) -> Any:
    return type(value).__name__ if score(value) is not None else False


def _title(value: Any) -> Any:
    return None if type(value) is str else ODD


def _items(value: Any) -> Any:
    return fitted(value, "keywords") is not None


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
        tree = self._built(attributes)
        user = tree.get("user", {})
        width = len(self._keys)
        users = [self._in.place(user[name], width) for name in ("name", "id", "email") if name in user]
        sides = [tree.get(side, {}).get("address") for side in ("source", "server")]
        addresses = [self._in.place(address, width) for address in sides if address is not None]
        return self._in.plan(self._instead(tree), users, addresses)

    def _attribute(self, n: int, type_: type, class_: Any) -> Any:
        """The stand-in of an attribute's value."""
        match class_:
            case ("is", word):
                return word
            case "ip":
                return self._in.text(n, f"198.51.{n // 256}.{n % 256}")
            case "name":
                return self._in.text(n, f"stand-in-{n}.invalid")
            case "atlas":
                return self._in.text(n, f"AML.stand-in-{n}")
            case "int":
                return self._in.number(n, int(f"{10**9 + n}"))
            case "float":
                return self._in.number(n, float(f"{10**6 + n}.25"))
            case True if type_ is int:
                return self._in.number(n, int(f"{10**6 + n}"))
        if type_ is list:
            more = () if class_ else (None,)
            return self._in.listed(n, lambda value: json(label(safe(value))), *more)
        return self._in.text(n) if type_ is str else self._in.worded(n, str if type_ is int else text)

    def _field(self, name: str, *, there: bool = True) -> str:
        return self._in.text(self._at[name]) if there else ""

    def _built(self, attributes: Tree) -> Tree:
        """A document of stand-ins, made the general way."""
        given = self._given
        body, word, trace, span, both, flags, severity = given.fields
        record = Record(
            id=self._field("id"),
            time=_NOON,
            observed=_NOON if both else 0,
            severity=9 if severity else 0,
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
        return tree_of(document(record, blank, {}, str), record, self._common())

    def _common(self) -> Common:
        logger, dataset, _ = self._given.group
        log = {"log": {"logger": self._field("logger")}} if logger else {}
        sets: Tree = {"ecs": {"version": VERSION}, **log, **{name: {} for name in self._given.sets}}
        return Common(sets, {}, self._field("dataset", there=dataset))

    def _instead(self, tree: Tree) -> Tree:
        """Times, numbers and what a group says stand where they always do."""
        at, (_, _, labels) = self._at, self._given.group
        *_, both, flags, severity = self._given.fields
        tree["@timestamp"] = Text(at["timestamp"])
        tree["event"]["severity"] = Bare(at["severity"])
        tree["labels"]["time_unix_nano"] = Text(at["ns"])
        if both:
            tree["event"]["created"] = Text(at["created"])
        if severity:
            tree["log"]["level"] = Text(at["level"])
        if flags:
            tree["labels"]["trace_flags"] = Text(at["flags"])
        if labels:
            tree["labels"]["more"] = More(at["labels"])
        said = tree.pop("labels")
        tree["related"] = More(at["related"])
        tree["labels"] = said  # last, whether anything is related or not
        made: Tree = {}
        for name, value in tree.items():
            if name not in self._given.sets:
                made[name] = value
            elif value:  # the record adds to what its group says
                raise NoPlan
            else:
                made["sets"] = More(at["sets"])
        return made
