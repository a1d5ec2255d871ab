"""Where the secrets of a configuration stand, for whoever shows one, and how they must not be given.

Guarantees: every scalar of a field that holds a secret is found, also inside lists and mappings and under a spelling
that only the destination knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from pydantic import BaseModel

from otelsiem.config import collector, discover
from otelsiem.config.command_line import INLINE, SET
from otelsiem.config.components import SECTIONS
from otelsiem.config.model import Service
from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Node, Table
from otelsiem.config.validate import is_secret
from otelsiem.model.secret import SHOWN

Steps: TypeAlias = tuple[str | int, ...]


def check(root: Table, report: Report) -> None:
    """Secrets in the process list are told of; what `print-config` has hidden is not a value."""
    for steps, leaf, secret in scalars(root):
        if not secret or leaf.broken:
            continue
        if SHOWN in leaf.text:
            hint = "write the value, ${env:NAME} or ${file:…}"
            report.problem(leaf.place, steps, f"{SHOWN} stands for a secret", hint)
        elif leaf.text and not leaf.outside and leaf.place in {SET, INLINE}:
            said = "is a secret that everybody on this machine can see in the list of processes"
            report.warning(leaf.place, steps, said, "write '${env:NAME}' or '${file:path}' instead of it")


def scalars(root: Table) -> Iterator[tuple[Steps, Leaf, bool]]:
    """Every scalar, where it stands, and whether it is a secret."""
    for section, table in root.items.items():
        if section == "service":
            yield from _inside(table, (section,), 1, Service)
            continue
        for id_, component in table.items.items() if isinstance(table, Table) else ():
            yield from _inside(component, (section, id_), 2, model(section, id_) or BaseModel)


def model(section: str, id_: str) -> type[BaseModel] | None:
    """The model of a component's keys, None when there is none or it cannot be loaded."""
    found = next((one for one in SECTIONS if one.name == section), None)
    try:
        return found.look(collector.meant(section, id_.partition("/")[0])) if found else None
    except discover.NotLoadableError:
        return None


def _inside(node: Node, steps: Steps, own: int, block: type[BaseModel]) -> Iterator[tuple[Steps, Leaf, bool]]:
    if isinstance(node, Leaf):
        yield steps, node, is_secret(block, steps[own:])
        return
    pairs: Sequence[tuple[str | int, Node]] = (
        list(node.items.items()) if isinstance(node, Table) else list(enumerate(node.items))
    )
    for step, child in pairs:
        yield from _inside(child, (*steps, step), own, block)
