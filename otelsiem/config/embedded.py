"""The configuration without a file: OTLP in, a SQLite journal, JSON lines out, and what the environment asks for.

It goes through the same checks as a file. Listeners are on localhost, as the Collector's are by default: what nobody
wrote down is not opened to the network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from otelsiem.config import environment
from otelsiem.config.dotenv import Environment
from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Node, Place, Table, build, merge, nested
from otelsiem.model.variables import DESTINATIONS, TRUTHS, VARIABLES, Asked, Variable, absent, reaches

FOLDER = "otelsiem-data"


def tree(env: Environment, report: Report) -> Table:
    """The embedded configuration, as if it had been typed."""
    given = environment.read(env, report)
    environment.explain(env, report)
    _explain_absent(given, env, report)
    exporters = ["file", *[one.type for one in DESTINATIONS if _wanted(one, given, env, report)]]
    root: Node = build(_base(exporters), Place())
    for variable in VARIABLES:
        leaf = given.get(variable.name)
        if leaf is None or not variable.key or variable.key.endswith(".enabled"):
            continue
        head, _, *steps = variable.key.split(".")
        reached = [exporter for exporter in exporters if reaches(variable, exporter)]
        if reached and variable.beside and variable.beside not in given:
            _explain_alone(variable, env, report)
            continue
        for exporter in reached:
            root = merge(root, nested([head, exporter, *steps], leaf, leaf.place))
    assert isinstance(root, Table)
    return root


def _base(ids: Sequence[str]) -> dict[str, Any]:
    rotation = {"max_megabytes": 100}  # no max_backups: audit records are not deleted unless somebody says so
    return {
        "receivers": {"otlp": {"protocols": {"grpc": {}, "http": {}}}},
        "processors": {"severity": {}},
        "exporters": {"file": {"path": f"{FOLDER}/events.jsonl", "rotation": rotation}},
        "service": {
            "journal": {"type": "sqlite", "directory": FOLDER},
            "pipelines": {"logs": {"receivers": ["otlp"], "processors": ["severity"], "exporters": list(ids)}},
        },
    }


def _wanted(one: Asked, given: Mapping[str, Leaf], env: Environment, report: Report) -> bool:
    """Whether there is an exporter to it; a variable that it needs and that is missing is a problem."""
    reason = _reason(one, given, env, report)
    if not reason:
        return False
    missing = [name for name in one.needs if name not in given]
    for name in missing:
        report.problem(env.place(reason), name, f"is missing, while {reason} is set", f"set it, or unset {reason}")
    return not missing


def _reason(one: Asked, given: Mapping[str, Leaf], env: Environment, report: Report) -> str:
    """The variable that turns it on, or "": the most particular one decides."""

    def says(name: str) -> bool | None:
        return TRUTHS[given[name].text] if name in given else None

    if says("SIEM_ENABLED") is False:
        return ""
    if says(one.switch) is not None:
        return one.switch if says(one.switch) else ""
    if types := [type_ for type_ in _types(given) if not absent(type_)]:
        return "SIEM_TYPE" if one.type in types else ""
    named = next((name for name in one.needs if name in given), "")
    if not named:
        _explain_useless(one, given, env, report)
    return named


def _types(given: Mapping[str, Leaf]) -> list[str]:
    """What SIEM_TYPE names."""
    return str(given["SIEM_TYPE"].value).split(",") if "SIEM_TYPE" in given else []


def _explain_absent(given: Mapping[str, Leaf], env: Environment, report: Report) -> None:
    enabled = "SIEM_ENABLED" not in given or TRUTHS[given["SIEM_ENABLED"].text]
    for found in filter(None, map(absent, _types(given) if enabled else [])):
        said = f"has no effect: this version has no destination {found.title}"
        report.warning(env.place("SIEM_TYPE"), "SIEM_TYPE", said)


def _explain_useless(one: Asked, given: Mapping[str, Leaf], env: Environment, report: Report) -> None:
    """Nobody turned it off, and nobody turned it on: its other variables wait for nothing."""
    for variable in VARIABLES:
        name, key = variable.name, variable.key
        if name in given and key.startswith(one.path) and not key.endswith(".enabled"):
            report.warning(env.place(name), name, f"has no effect without {' and '.join(one.needs)}")


def _explain_alone(variable: Variable, env: Environment, report: Report) -> None:
    report.warning(env.place(variable.name), variable.name, f"has no effect without {variable.beside}")
