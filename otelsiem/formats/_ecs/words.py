"""What an event's name and a decision say in ECS, and the technique that MITRE has for it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from otelsiem.formats._ecs.fields import Field
from otelsiem.formats._ecs.labels import label
from otelsiem.formats._ecs.tree import Tree, home, put
from otelsiem.formats.json import Attack
from otelsiem.formats.vocabulary import outcome
from otelsiem.model import event as events

UNKNOWN = events.Event("", 9)
_DECIDED = {"success": "allowed", "failure": "denied"}  # event.type
_DECIDABLE = frozenset({"api", "intrusion_detection"})  # the categories with both of them
SUBTECHNIQUE = re.compile(r"((?:AML\.)?T\d{4})\.\d{3}\Z")


class Words(NamedTuple):
    """What an event's name and a decision say together."""

    kind: str
    category: tuple[str, ...] | None
    type: tuple[str, ...]
    outcome: str | None


def words_of(event: str, decision: str | None, known: events.Event) -> Words:
    ended = outcome(events.decision(event) if decision is None else decision)
    decided = _DECIDED.get(ended)
    more = decided and decided not in known.ecs_type and _DECIDABLE.issuperset(known.ecs_category or ("",))
    types = (*known.ecs_type, decided) if decided and more else known.ecs_type
    return Words(known.ecs_kind, known.ecs_category or None, types, ended or known.outcome or None)


def threat(tree: Tree, also: Tree, attack: Attack | None, known: events.Event) -> None:
    """What MITRE calls it: as the record says, else as is true of every event of this type."""
    if attack is None:
        if not (always := known.technique):
            return
        attack = Attack(always.tactic, always.tactic_name, always.technique, always.technique_name)
    for name, path in (("tactic", "tactic.id"), ("tactic_name", "tactic.name")):
        _many(tree, also, name, f"threat.{path}", getattr(attack, name))
    sub = SUBTECHNIQUE.match(attack.technique) if type(attack.technique) is str else None
    if sub:
        put(tree, "threat.technique.id", [sub[1]])
    place = "technique.subtechnique" if sub else "technique"
    _many(tree, also, "technique", f"threat.{place}.id", attack.technique)
    _many(tree, also, "technique_name", f"threat.{place}.name", attack.technique_name)
    if "threat" in tree:
        atlas = any(str(word).startswith("AML.") for word in (attack.technique, attack.tactic))
        tree["threat"]["framework"] = "MITRE ATLAS" if atlas else "MITRE ATT&CK"


def _many(tree: Tree, also: Tree, name: str, path: str, value: Any) -> None:
    if value is not None and not home(tree, Field(path, "keywords"), value):
        also[name] = label(value)
