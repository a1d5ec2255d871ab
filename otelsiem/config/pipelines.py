"""Whether the parts fit together: pipelines name components that exist, and no two listeners want one port."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from otelsiem.config.model import OtlpReceiver, Service
from otelsiem.config.quantity import Address
from otelsiem.config.report import Report, nearest
from otelsiem.config.tree import Items, Leaf, Node, Place, Table, find

_NAME = re.compile(r"logs(?:/[^\s/,\[\]{}]{1,100})?")
SIGNALS = ("traces", "metrics", "profiles")
SECTIONS = ("receivers", "processors", "exporters")


def check_pipelines(root: Table, ignored: set[str], report: Report) -> None:
    """Names of pipelines, and every id in them. `ignored`: processors that were accepted and taken out."""
    node, taken, place = find(root, ("service", "pipelines"))
    if len(taken) < 2 or not isinstance(node, Table):
        return  # told by the model
    if not node.items:
        report.problem(place, taken, "there is no pipeline", "logs: {receivers: [otlp], exporters: [file]}")
    for name, pipeline in node.items.items():
        _check_name(name, node.keys[name], report)
        if isinstance(pipeline, Table):
            _forget(pipeline.items.get("processors"), ignored)
            for section in SECTIONS:
                _check_section(root, name, pipeline, section, report)


def _check_name(name: str, place: Place, report: Report) -> None:
    if _NAME.fullmatch(name):
        return
    path = ("service", "pipelines", name)
    signal = name.partition("/")[0]
    if signal in SIGNALS:
        hint = f"audit events are log records; leave {signal} to an OpenTelemetry Collector"
        report.problem(place, path, f"a pipeline of {signal} is not possible here", hint)
    else:
        report.problem(place, path, "is not the name of a pipeline", "logs, or logs/name")


def _forget(processors: Node | None, ignored: set[str]) -> None:
    if isinstance(processors, Items):
        kept = [item for item in processors.items if not (isinstance(item, Leaf) and item.text in ignored)]
        processors.items = kept


def _check_section(root: Table, name: str, pipeline: Table, section: str, report: Report) -> None:
    node = pipeline.items.get(section)
    if not isinstance(node, Items):
        return  # missing or of another type: told by the model
    path = ("service", "pipelines", name, section)
    if section != "processors" and not node.items:
        report.problem(pipeline.keys[section], path, f"a pipeline without {section} does nothing")
    seen: set[str] = set()
    for index, item in enumerate(node.items):
        if isinstance(item, Leaf) and isinstance(item.value, str):
            _check_reference(root, section, item, (*path, index), report)
            if item.text in seen:
                report.problem(item.place, (*path, index), f"{item.text!r} stands here twice")
            seen.add(item.text)


def _check_reference(root: Table, section: str, item: Leaf, path: tuple[str | int, ...], report: Report) -> None:
    defined = {part: _ids(root, part) for part in SECTIONS}
    if item.text in defined[section]:
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
