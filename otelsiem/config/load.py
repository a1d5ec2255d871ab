"""Everything a configuration comes from to a `Config`, or every problem at once.

Guarantees: `load` returns a configuration that may start, or raises a `ConfigError` that holds everything found wrong,
each with file, line, path and what was expected; no message shows a secret. Several files are merged in order, as by
the Collector, and what `--set` says last of all. Without files it is the embedded configuration (`embedded.py`). The
same sources may be loaded again: files and environment files are read anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from otelsiem.config import command_line, components, embedded, environment, extras, secrets
from otelsiem.config.collector import prune
from otelsiem.config.doors import check_doors, check_extensions
from otelsiem.config.dotenv import Environment
from otelsiem.config.dotenv import environment as surrounding
from otelsiem.config.enabled import leave_out, switched_off
from otelsiem.config.model import Config, Service
from otelsiem.config.pipelines import SECTIONS, Gone, check_pipelines, check_ports, check_resumes, warn_unused
from otelsiem.config.read import around, read
from otelsiem.config.report import Report, in_order
from otelsiem.config.sources import Sources
from otelsiem.config.substitute import names, substitute
from otelsiem.config.tree import Node, Place, Table, empty, leaves, merge
from otelsiem.config.validate import validate
from otelsiem.model.near import nearest

TOP = (*SECTIONS, "connectors", "extensions", "service")


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that may start, and the tree that it was made of: merged, filled in, without what is left out."""

    config: Config
    root: Table = field(repr=False)  # holds what came from outside
    environment: Environment
    off: Gone  # components that are switched off


def load(sources: Sources, env: Mapping[str, str]) -> Config:
    """The configuration of these sources. Raises ConfigError."""
    return load_whole(sources, env).config


def load_whole(sources: Sources, env: Mapping[str, str]) -> Loaded:
    """The same with its tree, for whoever shows it. Raises ConfigError."""
    report = Report()
    variables = surrounding(sources.env_files, env, report)
    unread = bool(report.problems)
    tables = [read(name, variables, report) for name in sources.configs] or [embedded.tree(variables, report)]
    tables += [command_line.setting(text, n, report) for n, text in enumerate(sources.sets, 1)]
    root: Node = empty(Place(sources.configs[0], 1) if sources.configs else Place())
    for table in tables:
        if table is not None:
            root = merge(root, table)
    assert isinstance(root, Table)
    substitute(root, [], around(sources, variables), report)
    if unread or None in tables:
        report.stop_if_wrong()  # half a configuration would be wrong in a hundred more places
    if sources.configs:
        used = {name for leaf in leaves(root) if leaf.source for name in names(leaf.source)}
        environment.ignored(variables, used, report)
    config, off = _checked(root, report)
    return Loaded(config, root, variables, off)


def _checked(root: Table, report: Report) -> tuple[Config, Gone]:
    gone = prune(root, report)
    off = switched_off(root, report)
    for key in [key for key in root.items if key not in TOP]:
        report.problem(root.keys[key], (key,), "is not a key here", nearest(key, TOP))
    secrets.check(root, report)
    receivers = components.receivers(root, report)
    processors = components.processors(root, report)
    exporters = components.exporters(root, report)
    extensions = components.extensions(root, report)
    leave_out(root, off, report)
    check_pipelines(root, gone, report)
    check_extensions(root, gone | off, report)
    receivers = {id_: one for id_, one in receivers.items() if ("receivers", id_) not in off}
    processors = {id_: one for id_, one in processors.items() if ("processors", id_) not in off}
    exporters = {id_: one for id_, one in exporters.items() if ("exporters", id_) not in off}
    extensions = {id_: one for id_, one in extensions.items() if ("extensions", id_) not in off}
    extras.check(root, exporters, report)
    service = _service(root, report)
    if service is not None:
        check_ports(root, receivers, service, report)
        check_doors(root, receivers, extensions, service, report)
        check_resumes(root, exporters, service, report)
    report.stop_if_wrong()
    assert service is not None  # validation that gives nothing has told why
    warn_unused(root, service, report)
    return Config(receivers, processors, exporters, service, tuple(in_order(report.warnings)), extensions), off


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
