"""The configuration without a file: OTLP in, a SQLite journal, JSON lines out, and what the environment asks for.

It goes through the same checks as a file. Listeners are on localhost, as the Collector's are by default: what nobody
wrote down is not opened to the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelsiem.config import environment
from otelsiem.config.dotenv import Environment
from otelsiem.config.environment import TOKEN, TRUTHS, URL, VARIABLES
from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Node, Place, Table, build, merge, nested

FOLDER = "otelsiem-data"


def tree(env: Environment, report: Report) -> Table:
    """The embedded configuration, as if it had been typed."""
    given = environment.read(env, report)
    environment.explain(env, report)
    wanted = _splunk_wanted(given, env, report)
    root: Node = build(_base(splunk=wanted), Place())
    for variable in VARIABLES:
        leaf = given.get(variable.name)
        if leaf is None or not variable.key or variable.key.endswith(".enabled"):
            continue
        head, id_, *steps = variable.key.split(".")
        for exporter in _exporters(splunk=wanted):
            if id_ in {"*", exporter}:
                root = merge(root, nested([head, exporter, *steps], leaf, leaf.place))
    assert isinstance(root, Table)
    return root


def _exporters(*, splunk: bool) -> list[str]:
    return ["file", "splunk_hec"] if splunk else ["file"]


def _base(*, splunk: bool) -> dict[str, Any]:
    rotation = {"max_megabytes": 100}  # no max_backups: audit records are not deleted unless somebody says so
    ids = _exporters(splunk=splunk)
    return {
        "receivers": {"otlp": {"protocols": {"grpc": {}, "http": {}}}},
        "processors": {"severity": {}},
        "exporters": {"file": {"path": f"{FOLDER}/events.jsonl", "rotation": rotation}},
        "service": {
            "journal": {"type": "sqlite", "directory": FOLDER},
            "pipelines": {"logs": {"receivers": ["otlp"], "processors": ["severity"], "exporters": ids}},
        },
    }


def _splunk_wanted(given: Mapping[str, Leaf], env: Environment, report: Report) -> bool:
    """Whether there is a Splunk exporter; a variable that it needs and that is missing is a problem."""
    reason = _reason(given, env, report)
    if not reason:
        return False
    missing = [name for name in (URL, TOKEN) if name not in given]
    for name in missing:
        report.problem(env.place(reason), name, f"is missing, while {reason} is set", f"set it, or unset {reason}")
    return not missing


def _reason(given: Mapping[str, Leaf], env: Environment, report: Report) -> str:
    """The variable that turns Splunk on, or "": the most particular one decides."""

    def says(name: str) -> bool | None:
        return TRUTHS[given[name].text] if name in given else None

    if says("SIEM_ENABLED") is False:
        return ""
    kind = given["SIEM_TYPE"].text if "SIEM_TYPE" in given else ""
    absent = environment.absent(kind)
    if absent:
        said = f"has no effect: this version has no destination {absent.title}"
        report.warning(env.place("SIEM_TYPE"), "SIEM_TYPE", said)
    if says("SIEM_SPLUNK_ENABLED") is not None:
        return "SIEM_SPLUNK_ENABLED" if says("SIEM_SPLUNK_ENABLED") else ""
    if kind == "file":
        return ""
    if kind == "splunk":
        return "SIEM_TYPE"
    named = next((name for name in (URL, TOKEN) if name in given), "")
    if not named:
        _explain_useless(given, env, report)
    return named


def _explain_useless(given: Mapping[str, Leaf], env: Environment, report: Report) -> None:
    """Nobody turned Splunk off, and nobody turned it on: its other variables wait for nothing."""
    for variable in VARIABLES:
        name, key = variable.name, variable.key
        if name in given and key.startswith(environment.SPLUNK) and not key.endswith(".enabled"):
            report.warning(env.place(name), name, f"has no effect without {URL} and {TOKEN}")
