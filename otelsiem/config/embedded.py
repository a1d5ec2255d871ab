"""The configuration without a file: OTLP in, a SQLite journal, JSON lines out, and Splunk when its variables are set.

It goes through the same checks as a file. Listeners are on localhost, as the Collector's are by default: what nobody
wrote down is not opened to the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Place, Table, build

FOLDER = "otelsiem-data"
URL, TOKEN = "SPLUNK_HEC_URL", "SPLUNK_HEC_TOKEN"
SPLUNK = {"endpoint": URL, "token": TOKEN, "index": "SPLUNK_INDEX", "sourcetype": "SPLUNK_SOURCETYPE"}
VERIFY = "SPLUNK_VERIFY_SSL"
ENVIRONMENT = Place()


def tree(env: Mapping[str, str], report: Report) -> Table:
    """The embedded configuration, as if it had been typed."""
    root = _base()
    splunk = _splunk(env, report)
    if splunk is not None:
        exporters = root["exporters"]
        exporters["splunk_hec"] = splunk
        root["service"]["pipelines"]["logs"]["exporters"] = list(exporters)
    built = build(root, Place())
    assert isinstance(built, Table)
    _mark(built)
    return built


def _base() -> dict[str, Any]:
    rotation = {"max_megabytes": 100}  # no max_backups: audit records are not deleted unless somebody says so
    return {
        "receivers": {"otlp": {"protocols": {"grpc": {}, "http": {}}}},
        "processors": {"severity": {}},
        "exporters": {"file": {"path": f"{FOLDER}/events.jsonl", "rotation": rotation}},
        "service": {
            "journal": {"type": "sqlite", "directory": FOLDER},
            "pipelines": {"logs": {"receivers": ["otlp"], "processors": ["severity"], "exporters": ["file"]}},
        },
    }


def _splunk(env: Mapping[str, str], report: Report) -> dict[str, Any] | None:
    given = {key: env[name] for key, name in SPLUNK.items() if env.get(name)}
    if not {"endpoint", "token"} & given.keys():
        return None
    for key in {"endpoint", "token"} - given.keys():
        other = URL if key == "token" else TOKEN
        report.problem(ENVIRONMENT, SPLUNK[key], f"is missing, while {other} is set", f"set both, or unset {other}")
        return None
    if env.get(VERIFY):
        verify = _truth(env[VERIFY])
        if verify is None:
            report.problem(ENVIRONMENT, VERIFY, "expected true or false")
        return {**given, "tls": {"insecure_skip_verify": verify is False}}
    return dict(given)


def _truth(text: str) -> bool | None:
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    return known.get(text.strip().lower())


def _mark(root: Table) -> None:
    """Values of variables are never shown, and a problem with one names the variable."""
    exporters = root.items["exporters"]
    assert isinstance(exporters, Table)
    splunk = exporters.items.get("splunk_hec")
    if not isinstance(splunk, Table):
        return
    for key, name in SPLUNK.items():
        leaf = splunk.items.get(key)
        if isinstance(leaf, Leaf):
            leaf.outside = f"${{env:{name}}}"
            leaf.place = splunk.keys[key] = ENVIRONMENT
