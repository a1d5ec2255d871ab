"""Configuration files to a `Config`, or every problem at once.

Guarantees: `load` returns a configuration that may start, or raises a `ConfigError` that holds everything found wrong,
each with file, line, path and what was expected; no message shows a secret. Several files are merged in order, as by
the Collector. Without files it is the embedded configuration (`embedded.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from otelsiem.config import components, embedded, yaml
from otelsiem.config.collector import prune
from otelsiem.config.model import Config, Service
from otelsiem.config.pipelines import SECTIONS, check_pipelines, check_ports, warn_unused
from otelsiem.config.report import Report, nearest
from otelsiem.config.substitute import Surroundings, substitute
from otelsiem.config.tree import Node, Place, Table, empty, merge
from otelsiem.config.validate import validate

TOP = (*SECTIONS, "connectors", "extensions", "service")


def load(paths: Sequence[Path], env: Mapping[str, str]) -> Config:
    """The configuration of these files, the embedded one when there are none. Raises ConfigError."""
    if not paths:
        return default_config(env)
    report = Report()
    read = [_read(path, report) for path in paths]
    root: Node = empty(Place(str(paths[0]), 1))
    for table in read:
        if table is not None:
            root = merge(root, table)
    assert isinstance(root, Table)
    substitute(root, [], {str(path): Surroundings(env, path.parent) for path in paths}, report)
    if None in read:
        report.stop_if_wrong()  # half a configuration would be wrong in a hundred more places
    return _checked(root, report)


def default_config(env: Mapping[str, str] = {}) -> Config:
    """The configuration without a file: what `otelsiem run` starts. Raises ConfigError."""
    report = Report()
    return _checked(embedded.tree(env, report), report)


def _read(path: Path, report: Report) -> Table | None:
    try:
        raw = path.read_bytes()
    except OSError as why:
        report.problem(Place(), str(path), f"cannot read this file: {why.strerror}")
        return None
    except ValueError:  # a NUL in the path
        report.problem(Place(), repr(str(path)), "this is not a path of a file")
        return None
    return yaml.read(raw, str(path), report)


def _checked(root: Table, report: Report) -> Config:
    ignored = prune(root, report)
    for key in [key for key in root.items if key not in TOP]:
        report.problem(root.keys[key], (key,), "is not a key here", nearest(key, TOP))
    receivers = components.receivers(root, report)
    processors = components.processors(root, report)
    exporters = components.exporters(root, report)
    check_pipelines(root, ignored, report)
    service = _service(root, report)
    if service is not None:
        check_ports(root, receivers, service, report)
    report.stop_if_wrong()
    assert service is not None  # validation that gives nothing has told why
    warn_unused(root, service, report)
    return Config(receivers, processors, exporters, service, tuple(report.warnings))


def _service(root: Table, report: Report) -> Service | None:
    if "service" not in root.items:
        hint = "service: {pipelines: {logs: {receivers: [otlp], exporters: [file]}}}"
        report.problem(root.place, ("service",), "is missing", hint)
        return None
    node = root.items["service"]
    if isinstance(node, Table):
        for key in [key for key, value in node.items.items() if key != "pipelines" and components.nothing(value)]:
            node.drop(key)
        node = Table(node.items, node.keys, root.keys["service"])
    return validate(Service, node, ("service",), report)
