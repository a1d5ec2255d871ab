"""The plan for records that carry the same attribute keys: which attribute fills which flat name, and what is left.

Records of one batch share few shapes, so recognising attributes costs a dict lookup per record. Nothing is lost: an
attribute that does not move to a flat name unchanged stays in the rest under its own name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from otelsiem.formats.vocabulary import HEADS, places

Pairs = tuple[tuple[str, str], ...]  # flat name, attribute key


class Shape(NamedTuple):
    """What to do with a record of this shape."""

    moved: Pairs
    target: Pairs
    attack: Pairs
    outcomes: tuple[str, ...]  # keys that may say how it ended, in order
    heads: Pairs  # attributes that stand in for an empty field of the record, or repeat a full one
    special: bool  # there is a target, an attack or a head
    rest: tuple[str, ...] | None  # None: all of them


def shape(keys: Iterable[str]) -> Shape:
    """The plan for these attribute keys."""
    keys = tuple(keys)
    row: dict[str, list[tuple[int, str, bool]]] = {}
    for key in keys:
        for flat, rank, moves in places(key):
            row.setdefault(flat, []).append((rank, key, moves))
    outcomes = sorted(row.get("outcome", ()))
    if outcomes and not outcomes[0][2]:  # only words that must be translated first
        del row["outcome"]
    hits = {flat: min(found) for flat, found in row.items()}
    moved = {key for _, key, moves in hits.values() if moves}
    rest = tuple([key for key in keys if key not in moved])
    target, attack = _inside("target.", hits), _inside("mitre_attack.", hits)
    heads = _heads(frozenset(keys))
    return Shape(
        moved=tuple([(flat, key) for flat, (_, key, _) in hits.items() if "." not in flat]),
        target=target,
        attack=attack,
        outcomes=tuple([key for _, key, _ in outcomes]),
        heads=heads,
        special=bool(target or attack or heads),
        rest=rest if moved else None,
    )


def _inside(prefix: str, hits: dict[str, tuple[int, str, bool]]) -> Pairs:
    return tuple([(flat.removeprefix(prefix), key) for flat, (_, key, _) in hits.items() if flat.startswith(prefix)])


def _heads(keys: frozenset[str]) -> Pairs:
    return tuple([(flat, key) for flat, attribute, also in HEADS for key in (attribute, *also) if key in keys])


def roles_of(found: Shape) -> dict[str, frozenset[str]]:
    """The flat names that each attribute fills."""
    roles: dict[str, frozenset[str]] = {}
    inside = [(f"target.{name}", key) for name, key in found.target] + list(found.attack)
    for flat, key in (*found.moved, *inside):
        roles[key] = roles.get(key, frozenset()) | {flat}
    return roles
