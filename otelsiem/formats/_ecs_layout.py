"""How ECS lines of one shape are laid out: where each value stands in the text, known from keys and types alone.

Guarantees: what is written is what the general way (`ecs.py`) writes. What depends on more than keys and types (an
attack technique, a title in place of a body, an object) has no plan and goes that way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from otelsiem.formats._ecs_fields import ATTRIBUTES, MEANINGS, Field, fitted, score
from otelsiem.formats._ecs_labels import LONGEST, label, names
from otelsiem.formats._line import Bare, More, Text, json, pieces, places
from otelsiem.formats.layout import Pick, picker
from otelsiem.formats.shape import Shape, shape

PIVOTS = ("agent_id", "correlation_id", "constitutional_hash")
KEPT = ("session_id", "actor_type", "decision", "confidence", "mcp_method")  # no field in ECS: labels of that name
ADDRESSES = (("server", "server.address", "server.port"), ("source", "source.address", "source.port"))
MOST_ADDRESSES = len(ADDRESSES)
_HEAD = frozenset({"@timestamp", "message", "ecs", "event", "log", "trace", "span", "threat", "related", "labels"})
_EVENT = frozenset(
    {"id", "code", "action", "severity", "created", "risk_score", "kind", "category", "type", "outcome", "dataset"}
)


class Plan(NamedTuple):
    """Where the values of one shape stand.

    A row: the attribute values, None, what the group says, what kinds of address two of them are, what `extras` makes
    of others, `constants`. The line: what the writer puts in front, up to the members of `event`; what `pieces` picks,
    up to the labels; the rest.
    """

    pieces: Pick
    constants: tuple[str, ...]
    texts: Pick  # what must be fit to stand between quotes
    sets: frozenset[str]  # the field sets that it fills
    action: int  # its place
    words: Pick  # outcome, decision
    careful: tuple[tuple[int, Callable[[Any], bool]], ...]  # what must hold for a record to be written this way
    longs: tuple[int, ...]  # whole numbers that must be no longer than Elasticsearch takes
    extras: tuple[tuple[int, Callable[[Any], str]], ...]
    addresses: tuple[int, ...]
    users: Pick  # for `related`


class _NoPlan(Exception):  # noqa: N818  # no error: this shape goes the general way
    pass


def plan(keys: Sequence[str], types: Sequence[type], said: Sequence[str]) -> Plan | None:
    """The plan for attributes of these plain types in a group that says `said`; None: there is none."""
    try:
        return _Planner(keys, types, said).plan()
    except (_NoPlan, ValueError, UnicodeError):  # ValueError: a key that cannot be a field's name
        return None


class _Planner:
    """Follows the general way over keys and types instead of values."""

    def __init__(self, keys: Sequence[str], types: Sequence[type], said: Sequence[str]) -> None:
        self._keys, self._types, self._said = keys, types, said
        self._where = {key: n for n, key in enumerate(keys)}
        self._none = len(keys)
        self._first = len(keys) + 1 + len(said)  # of what is made
        self._tree: dict[str, Any] = {}
        self._labels: dict[str, Any] = {}
        self._careful: list[tuple[int, Callable[[Any], bool]]] = []
        self._longs: list[int] = []
        self._extras: list[tuple[int, Callable[[Any], str]]] = []
        self._addresses: list[int] = []

    def plan(self) -> Plan:
        found = shape(self._keys)
        flat = {name: self._where[key] for name, key in found.moved}
        if (
            found.attack
            or found.heads
            or (found.outcomes and "outcome" not in flat)
            or "compliance.is_compliant" in self._where
        ):
            raise _NoPlan
        at = {name: n for n, name in enumerate(self._said, self._none + 1)} | flat
        self._meanings(at)
        self._address("source", at.get("src_ip"), at.get("src_port"))
        self._target({name: self._where[key] for name, key in found.target})
        self._risk(at.get("risk_score"))
        self._rest(found)
        return self._made(*[self._word(at, name) for name in ("action", "outcome", "decision")])

    def _meanings(self, at: dict[str, int]) -> None:
        for name, n in at.items():
            field = MEANINGS.get(name)
            if field and not self._home(field, n):
                raise _NoPlan
            if name in PIVOTS or name in KEPT:
                self._label(name, n)

    def _address(self, side: str, address: int | None, port: int | None) -> None:
        if address is not None:
            if self._type(address) is not str or not self._put(f"{side}.address", Text(address)):
                raise _NoPlan
            self._put(f"{side}.ip", More(self._first + len(self._addresses)))
            self._addresses.append(address)
        if port is not None and not self._home(Field(f"{side}.port", "long"), port):
            self._label(f"{side}_port", port)

    def _target(self, target: dict[str, int]) -> None:
        if "type" in target:  # a user has other fields: that depends on the value
            raise _NoPlan
        for name, n in target.items():
            if not self._home(Field(f"entity.target.{name}"), n):
                raise _NoPlan

    def _risk(self, n: int | None) -> None:
        if n is not None:
            self._careful.append((n, lambda value: score(value) is not None))
            self._put("event.risk_score", Bare(self._extra(n, json)))

    def _rest(self, found: Shape) -> None:
        rest = {key: self._where[key] for key in (self._keys if found.rest is None else found.rest)}
        for side, address, port in ADDRESSES:
            if (
                address in rest
                and self._type(rest[address]) is not list
                and "address" not in self._tree.get(side, {})
            ):
                self._address(side, rest.pop(address), None)
            if port in rest and self._home(Field(f"{side}.port", "long"), rest[port]):
                del rest[port]
        for key in list(rest):
            if (field := ATTRIBUTES.get(key)) is not None and self._home(field, rest[key]):
                del rest[key]
        if any(len(key) > LONGEST for key in rest):
            raise _NoPlan
        for key, name in names(rest).items():
            self._label(name, rest[key])

    def _word(self, at: dict[str, int], name: str) -> int:
        n = at.get(name, self._none)
        if n != self._none and self._type(n) is not str:
            raise _NoPlan
        return n

    def _type(self, n: int) -> type:
        """Of a group's meanings only texts come here."""
        return self._types[n] if n < self._none else str

    def _home(self, field: Field, n: int) -> bool:
        """As `ecs._home`. What depends on the value must hold, or the record goes the general way."""
        type_, kind = field.type, self._type(n)
        if type_ == "keyword" and kind is not list:
            return self._put(field.path, self._hole(n))
        if type_ == "long" and kind is int:
            self._longs.append(n)
            return self._put(field.path, Bare(self._extra(n, str)))
        if type_ == "integer" and kind is int:
            self._careful.append((n, lambda value: fitted(value, type_) is not None))
            return self._put(field.path, Bare(self._extra(n, str)))
        if type_ == "keywords":
            self._careful.append((n, lambda value: fitted(value, type_) is not None))
            return self._put(field.path, Bare(self._extra(n, lambda value: json(fitted(value, type_)))))
        return False

    def _hole(self, n: int) -> Text | Bare:
        """For a value as one text, or one for each item of a list."""
        kind = self._type(n)
        if kind is str:
            return Text(n)
        if kind is int:
            return Text(self._extra(n, str))
        return Bare(self._extra(n, lambda value: json(label(value))))

    def _extra(self, n: int, make: Callable[[Any], str]) -> int:
        self._extras.append((n, make))
        return self._first + MOST_ADDRESSES + len(self._extras) - 1

    def _put(self, path: str, hole: Any) -> bool:
        *parents, last = path.split(".")
        tree = self._tree
        for parent in parents:
            tree = tree.setdefault(parent, {})
        if last in tree:
            return False
        tree[last] = hole
        return True

    def _label(self, name: str, n: int) -> None:
        self._labels[name] = self._hole(n)

    def _made(self, action: int, ended: int, decision: int) -> Plan:
        event, user = self._tree.pop("event", {}), self._tree.get("user", {})
        users = [user[name] for name in ("name", "id", "email") if name in user]
        if self._tree.keys() & _HEAD or event.keys() & (_EVENT - {"risk_score"}) or Bare in map(type, users):
            raise _NoPlan
        first = self._first + MOST_ADDRESSES + len(self._extras)
        inside = [",", *pieces(event)] if event else []
        sets = [",", *pieces(self._tree)] if self._tree else []
        labels = [*pieces(self._labels), ","] if self._labels else []
        constants, order = places([*inside, "}", *sets, ',"labels":{', *labels], first)
        said = range(self._none + 1, self._first)
        return Plan(
            pieces=picker(order),
            constants=tuple(constants),
            texts=picker([*[n for n, kind in enumerate(self._types) if kind is str], *said]),
            sets=frozenset(self._tree),
            action=action,
            words=picker([ended, decision]),
            careful=tuple(self._careful),
            longs=tuple(self._longs),
            extras=tuple(self._extras),
            addresses=tuple(self._addresses),
            users=picker([hole.place for hole in users]),
        )
