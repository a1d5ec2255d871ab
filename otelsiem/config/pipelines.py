"""Whether the parts fit together: pipelines name components that exist, and no two listeners want one port."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from otelsiem.config.model import Exporter, OtlpReceiver, Service
from otelsiem.config.quantity import Address
from otelsiem.config.report import Report
from otelsiem.config.tree import Items, Leaf, Place, Table, find
from otelsiem.model.near import closest, nearest

_NAME = re.compile(r"logs(?:/[^\s/,\[\]{}]{1,100})?")
SIGNALS = ("traces", "metrics", "profiles")
SECTIONS = ("receivers", "processors", "exporters")

Gone: TypeAlias = set[tuple[str, ...]]  # section and id


def check_pipelines(root: Table, gone: Gone, report: Report) -> None:
    """Names of pipelines, and every id in them. `gone`: components that were taken out, and told of."""
    node, taken, place = find(root, ("service", "pipelines"))
    if len(taken) < 2 or not isinstance(node, Table):
        return  # told by the model
    if not node.items:
        report.problem(place, taken, "there is no pipeline", "logs: {receivers: [otlp], exporters: [file]}")
    for name, pipeline in node.items.items():
        _check_name(name, node.keys[name], report)
        if isinstance(pipeline, Table) and _signal(name) not in SIGNALS:
            for section in SECTIONS:
                _check_section(root, pipeline, ("service", "pipelines", name, section), gone, report)


def _check_name(name: str, place: Place, report: Report) -> None:
    if _NAME.fullmatch(name):
        return
    path = ("service", "pipelines", name)
    signal = _signal(name)
    if signal in SIGNALS:
        hint = f"audit events are log records; leave {signal} to an OpenTelemetry Collector"
        report.problem(place, path, f"a pipeline of {signal} is not possible here", hint)
    else:
        report.problem(place, path, "is not the name of a pipeline", "logs, or logs/name")


def _signal(name: str) -> str:
    return name.partition("/")[0]


def _check_section(root: Table, pipeline: Table, path: tuple[str, ...], gone: Gone, report: Report) -> None:
    section = path[-1]
    node = pipeline.items.get(section)
    if not isinstance(node, Items):
        return  # missing or of another type: told by the model
    if section != "processors" and not node.items:
        report.problem(pipeline.keys[section], path, f"a pipeline without {section} does nothing")
    kind = "processors" if section == "processors" else "connectors"  # which stand among receivers and exporters
    known = [item for item in node.items if not (isinstance(item, Leaf) and (kind, item.text) in gone)]
    seen: set[str] = set()
    for index, item in enumerate(node.items):
        if item in known and isinstance(item, Leaf) and isinstance(item.value, str | int | float):
            _check_reference(root, section, item, (*path, index), report)
            if item.text in seen:
                report.problem(item.place, (*path, index), f"{item.text!r} stands here twice")
            seen.add(item.text)
    node.items = known


def _check_reference(root: Table, section: str, item: Leaf, path: tuple[str | int, ...], report: Report) -> None:
    defined = {part: _ids(root, part) for part in SECTIONS}
    if item.text in defined[section] or _follows(root, section, item.text, report):
        return
    shown = f"what {item.outside} gives" if item.outside else repr(item.text)
    elsewhere = [part for part in SECTIONS if item.text in defined[part]]
    if elsewhere:
        hint = f"it is defined under {elsewhere[0]}"
    elif item.outside:
        hint = f"defined: {', '.join(sorted(defined[section]))}"
    else:
        hint = nearest(item.text, defined[section]) or f"nothing is defined under {section}"
    report.problem(item.place, path, f"{shown} is not defined under {section}", hint)


def _follows(root: Table, section: str, id_: str, report: Report) -> bool:
    """Whether what is missing is missing because of a mistake that was told: its id, or its section, is misspelt."""
    told = {problem.path: problem.message for problem in report.problems}
    meant = f"{section}.{closest(id_, _ids(root, section))}"
    if section in told or told.get(meant, "").startswith("there is no "):
        return True
    return section not in root.items and any(closest(key, SECTIONS) == section for key in root.items if key in told)


def _ids(root: Table, section: str) -> set[str]:
    node = root.items.get(section)
    return set(node.items) if isinstance(node, Table) else set()


def warn_unused(root: Table, service: Service, report: Report) -> None:
    """What is defined and not used is told: it is often a pipeline that forgot something."""
    for section in SECTIONS:
        used = {id_ for pipeline in service.pipelines.values() for id_ in getattr(pipeline, section)}
        node = root.items.get(section)
        for id_ in node.items if isinstance(node, Table) else ():
            if id_ not in used:
                assert isinstance(node, Table)
                report.warning(node.keys[id_], (section, id_), "is defined, but no pipeline uses it")


def check_resumes(root: Table, exporters: Mapping[str, Exporter], service: Service, report: Report) -> None:
    """Who takes over the place of another takes over one that is gone, and is alone with that."""
    for name, pipeline in service.pipelines.items():
        asked: dict[str, str] = {}
        for id_ in pipeline.exporters:
            before = exporters[id_].settings.resume if id_ in exporters else None
            if before is None:
                continue
            path = ("exporters", id_, "resume")
            _, _, place = find(root, path)
            if before in pipeline.exporters:
                said = f"{before} still works in pipeline {name}"
                report.problem(place, path, said, "remove it from the pipeline, or remove this key")
            elif before in asked:
                said = f"{asked[before]} takes over {before} in pipeline {name} already"
                report.problem(place, path, said, "one exporter takes over")
            asked.setdefault(before, id_)


def check_ports(root: Table, receivers: Mapping[str, OtlpReceiver], service: Service, report: Report) -> None:
    """No two listeners on one address."""
    seen: list[tuple[str, Address]] = []
    for path, listener in _listeners(receivers, service):
        for other, taken in seen:
            if listener.clashes(taken):
                _, _, place = find(root, path)
                report.problem(place, path, f"{listener} is taken by {other}", "give each listener its own port")
                break
        seen.append((".".join(path[:-1]), listener))


def _listeners(receivers: Mapping[str, OtlpReceiver], service: Service) -> Iterator[tuple[tuple[str, ...], Address]]:
    used = {id_ for pipeline in service.pipelines.values() for id_ in pipeline.receivers}
    for id_, receiver in receivers.items():
        for protocol, listener in receiver.addresses if id_ in used else ():
            yield ("receivers", id_, "protocols", protocol, "endpoint"), listener
    yield ("service", "admin", "endpoint"), service.admin.endpoint
