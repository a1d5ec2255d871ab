"""Keys of the OpenTelemetry Collector that mean nothing here, or that cannot be honoured yet: one table.

A configuration that came from a Collector starts: what the journal makes unnecessary is accepted and explained.
What would be unsafe to overlook (encryption, authentication, masking) is refused. The rows are in `dialect/`, and
`docs/reference/configuration.md` prints them.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from itertools import chain

from otelsiem.config import dialect
from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row
from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Node, Table

_FILES = [import_module(f"{dialect.__name__}.{file.name}") for file in pkgutil.iter_modules(dialect.__path__)]
TABLE: tuple[Row, ...] = tuple(chain.from_iterable(getattr(file, "ROWS", ()) for file in _FILES))

IDS = frozenset({"receivers", "processors", "exporters", "connectors", "extensions"})

_Found = tuple[Table, tuple[str, ...]]  # a mapping, and the steps to one of its keys


def prune(root: Table, report: Report) -> set[tuple[str, ...]]:
    """Take out what the table accepts or refuses, with a warning or a problem for each.

    Returns section and id of the components that are gone: pipelines may go on naming them, whoever reads was told.
    """
    gone: set[tuple[str, ...]] = set()
    decided: set[tuple[str, ...]] = set()  # the first row that fits a key decides
    for row in TABLE:
        for parent, steps in list(_matches(root, row.steps, ())):
            if steps in decided:
                continue
            decided.add(steps)
            if row.verdict is REFUSED and len(steps) > 2 and _says_nothing(parent.items[steps[-1]]):
                parent.drop(steps[-1])
                continue
            # a type that is refused may yet be brought by another package: `components.py` asks `instead`
            if row.verdict is ACCEPTED or (row.verdict is REFUSED and not row.of_type):
                _take_out(row, parent, steps, report)
                gone.add(steps)
    return gone


def meant(section: str, kind: str) -> str:
    """The type that a type of the Collector is here, which is mostly itself."""
    row = _of_type(section, kind)
    return row.to if row and row.verdict is MAPPED else kind


def instead(section: str, kind: str) -> str:
    """What to do about a type of the Collector that is not here; "" when the Collector has none of this name."""
    row = _of_type(section, kind)
    return row.why if row and row.verdict is REFUSED else ""


def _take_out(row: Row, parent: Table, steps: tuple[str, ...], report: Report) -> None:
    place, node = parent.keys[steps[-1]], parent.items[steps[-1]]
    text = node.text.lower() if isinstance(node, Leaf) else ""
    parent.drop(steps[-1])
    if isinstance(node, Leaf) and node.broken:
        return  # told
    if row.verdict is REFUSED:
        report.problem(place, steps, "is not supported", row.why)
    elif not row.only:
        report.warning(place, steps, "is accepted and has no effect", row.why)
    elif text != row.only:
        report.problem(place, steps, f"only {row.only} is supported", row.why)


def _says_nothing(node: Node) -> bool:
    """`cors:`, `middlewares: []`, `insecure: false`: the Collector's own default, written down."""
    return not (node.value if isinstance(node, Leaf) else node.items)


def _of_type(section: str, kind: str) -> Row | None:
    fitting = (row for row in TABLE if row.of_type and row.steps[0] == (section,))
    return next((row for row in fitting if _fits(row.steps, (section, kind))), None)


def _matches(node: Node, names: list[tuple[str, ...]], steps: tuple[str, ...]) -> Iterator[_Found]:
    """Every mapping that holds a key the path ends in, with the steps to that key."""
    for key, child in node.items.items() if isinstance(node, Table) else ():
        if not _fits(names[: len(steps) + 1], (*steps, key)):
            continue
        if len(steps) + 1 < len(names):
            yield from _matches(child, names, (*steps, key))
        elif isinstance(node, Table):
            yield node, (*steps, key)


def _fits(names: list[tuple[str, ...]], steps: tuple[str, ...]) -> bool:
    """Whether the last step is one of the names that stand there; of an id only its type counts."""
    allowed, step = names[len(steps) - 1], steps[-1]
    if allowed == ("*",) or step in allowed:
        return True
    if len(steps) != 2 or steps[0] not in IDS:
        return False
    kind = bare(step.partition("/")[0])
    return kind in {bare(name) for name in allowed}


def bare(name: str) -> str:
    """A type without its underscores: `file_log` and `filelog` are one."""
    return name.replace("_", "")


__all__ = ["ACCEPTED", "MAPPED", "REFUSED", "SAME", "TABLE", "Row", "bare", "instead", "meant", "prune"]
