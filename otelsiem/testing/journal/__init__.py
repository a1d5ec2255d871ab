"""The journal's conformance suite: what every kind must do, one function per rule, for kinds of ours and of others.

A kind is a `Subject`. Each check takes one, opens journals through it and raises AssertionError when a rule is broken;
`CHECKS` lists them all by name. A name with `p1` or `p2` says which promise it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otelsiem.testing.journal import accepted, closing, due, exporters, fates, intake, leases, letters, room
from otelsiem.testing.journal.words import Check, Subject, Tick

__all__ = ["CHECKS", "Check", "Subject", "Tick", "chosen"]

CHECKS: Mapping[str, Check] = {
    name.removeprefix("check_"): check
    for theme in (intake, leases, accepted, fates, due, letters, exporters, room, closing)
    for name, check in vars(theme).items()
    if name.startswith("check_")
}


def chosen(promise: str) -> Sequence[str]:
    """The names of the checks for one promise; "" = those that stand for none."""
    promised = [name for name in CHECKS if name[:1] == "p" and name[1:2].isdigit()]
    return [n for n in promised if n.startswith(promise)] if promise else [n for n in CHECKS if n not in promised]
