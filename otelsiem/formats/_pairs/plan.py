"""How records of one shape become a line in one step: the parts that stay, and what to pick for the others.

Guarantees: the bytes are those of the general way (`lines.py`); what is not plain (a null, an object, a value that its
key has no room for) goes that way. Plans are kept for the process in `Layouts`, which is bounded, because shapes come
from senders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from otelsiem.formats._keys import FAMILIES, Key, family
from otelsiem.formats._pairs.lists import HEADS, ORDER, Language, arrange
from otelsiem.formats.layout import Pick, picker
from otelsiem.formats.shape import shape
from otelsiem.formats.vocabulary import spellings

TIGHT = 1023  # characters: maxima below are looked at for every record, the others when all texts together are longer

_AS_THEY_ARE = ("text", "whole", "listed")  # texts of these kinds, as far as they are not too long
_NOT_ATTRIBUTES = (str, str, str, str, str, int, int)  # in the order of HEADS
_ADDRESSED = frozenset([*spellings("client.address"), "server.address"])
_ADDRESS = "@"  # what the family of an address begins with, among what is said


class Plan(NamedTuple):
    """For rows of attribute values, the fields of the record in the order of HEADS, what the resource says, and last
    the framework of the technique and the outcome, where they are worked out."""

    parts: list[str]  # every second is filled: the time, what is picked, the exact time
    pick: Pick
    texts: Pick
    places: tuple[int, ...]  # of the texts
    addresses: tuple[tuple[int, tuple[int, ...]], ...]  # texts that must be of one of these families
    whole: tuple[int, ...]  # integers
    worked: tuple[tuple[int, type, Key], ...]  # what its key must take, or make a text of
    tight: tuple[tuple[int, int], ...]  # place and most characters
    wide: tuple[tuple[int, int], ...]
    target: int | None  # place of a target's type, which must not be an account
    attacked: bool
    technique: int | None
    outcome: int | None  # place of an outcome, which must be one of our words
    outcomes: tuple[int, ...]  # places of words that are to be translated


def addresses(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """The families of a record's addresses, as a plan is told of them."""
    return tuple(
        [
            f"{_ADDRESS}{family(value)}{key}"
            for key, value in attributes.items()
            if key in _ADDRESSED and type(value) is str
        ]
    )


def plan(language: Language, keys: Sequence[str], types: Sequence[type], said: Sequence[str]) -> Plan | None:
    """The plan for attributes of these types; `said`: the heads, "" for absent ones, the resource's, the addresses."""
    made = shape(keys)
    if made.heads:
        return None
    where = {key: n for n, key in enumerate(keys)}
    resource = [name for name in said[len(HEADS) :] if not name.startswith(_ADDRESS)]
    families = {where[name[2:]]: int(name[1]) for name in said[len(HEADS) :] if name.startswith(_ADDRESS)}
    at = {name: n for n, name in enumerate([*HEADS, *resource], len(keys)) if name in said}
    at |= {name: where[key] for name, key in made.moved}
    at |= {f"target.{name}": where[key] for name, key in made.target}
    at |= {f"mitre_attack.{name}": where[key] for name, key in made.attack}
    own = "outcome" in dict(made.moved)
    end = len(keys) + len(HEADS) + len(resource)
    if "mitre_attack.technique" in at:
        at["framework"] = end
    if made.outcomes and not own:
        at["outcome"] = end + 1
    kinds = [*types, *_NOT_ATTRIBUTES, *[str for _ in resource], str, str]
    arranged = arrange(
        language,
        {name: at[name] for name in ORDER if name in at},
        {key: where[key] for key in (keys if made.rest is None else made.rest)},
        lambda key, place: _fits(key, kinds[place], families.get(place, 4)),
    )
    if arranged.left:
        return None
    slots = [*arranged.first, *arranged.more]
    texts = [s for s in slots if kinds[s.source] is str]
    numbers = [s for s in slots if kinds[s.source] is not str]
    most = [(s.source, s.key.most) for s in texts if s.key.most]
    places = sorted({s.source for s in texts})
    whole = [s.source for s in numbers if kinds[s.source] is int and s.key.kind in _AS_THEY_ARE]
    return Plan(
        parts=["", "", *[part for s in slots for part in (language.between + s.start, "")], "", ""],
        pick=picker([s.source for s in slots]),
        texts=picker(places),
        places=tuple(places),
        addresses=tuple(
            [(s.source, FAMILIES[s.key.kind]) for s in texts if s.key.kind in FAMILIES]
            + [(s.source, (0,)) for s in texts if families.get(s.source) == 0 and s.key.kind not in FAMILIES]
        ),
        whole=tuple(whole),
        worked=tuple(
            [(s.source, kinds[s.source], s.key) for s in slots if not _is_ready(s.key, s.source, kinds, whole)]
        ),
        tight=tuple([(place, n) for place, n in most if n < TIGHT]),
        wide=tuple(most),
        target=at.get("target.type"),
        attacked=bool(made.attack),
        technique=at.get("mitre_attack.technique"),
        outcome=at["outcome"] if made.outcomes and own else None,
        outcomes=() if own else tuple([where[key] for key in made.outcomes]),
    )


def _is_ready(key: Key, place: int, kinds: Sequence[type], whole: Sequence[int]) -> bool:
    return place in whole or (kinds[place] is str and (key.kind in _AS_THEY_ARE or key.kind in FAMILIES))


def _fits(key: Key, kind: type, family: int) -> bool:
    """Whether a key takes most values of a type; the others are found out when they come."""
    match key.kind:
        case "ip" | "ipv4" | "ipv6":
            return kind is str and family in FAMILIES[key.kind]
        case "port" | "integer":
            return kind is int
        case "decimal":
            return kind is int or kind is float
        case _:
            return True
