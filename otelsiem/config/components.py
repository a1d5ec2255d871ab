"""The sections `receivers`, `processors`, `exporters`, `extensions`: each id to a component ready to be put to work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import cast

from pydantic import BaseModel

from otelsiem.config import collector, discover, rules, tls
from otelsiem.config.bearertokenauth import BearerTokenAuth
from otelsiem.config.enabled import KEY
from otelsiem.config.model import Exporter, ExporterSettings, OtlpReceiver
from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Node, Place, Table, dotted, empty, find
from otelsiem.config.validate import keys, validate
from otelsiem.model.destination import Cautions, Destination
from otelsiem.model.near import nearest
from otelsiem.model.processor import Processor
from otelsiem.processors.constitution import Constitution

_ID = re.compile(r"[a-z][a-z0-9_]{0,62}(?:/[^\s/,\[\]{}]{1,100})?")  # no comma: receipts and labels list ids


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the file and how the types of its components are found."""

    name: str
    look: Callable[[str], type[BaseModel] | None]
    types: Callable[[], list[str]]


RECEIVERS = Section("receivers", {"otlp": OtlpReceiver}.get, lambda: ["otlp"])
PROCESSORS = Section("processors", discover.processor, discover.processor_types)
EXPORTERS = Section("exporters", discover.destination, discover.destination_types)
EXTENSIONS = Section(
    "extensions",
    lambda kind: {"bearertokenauth": BearerTokenAuth}.get(kind.replace("_", "")),
    lambda: ["bearertokenauth"],
)
SECTIONS = (RECEIVERS, PROCESSORS, EXPORTERS, EXTENSIONS)


def receivers(root: Table, report: Report) -> dict[str, OtlpReceiver]:
    """What listens."""
    return {id_: cast("OtlpReceiver", built) for id_, built in _built(root, RECEIVERS, report)}


def extensions(root: Table, report: Report) -> dict[str, BearerTokenAuth]:
    """What others ask who may come in."""
    return {id_: cast("BearerTokenAuth", built) for id_, built in _built(root, EXTENSIONS, report)}


def processors(root: Table, report: Report) -> dict[str, Processor]:
    """What works on records at the door."""
    found = {}
    for id_, built in _built(root, PROCESSORS, report):
        ready: BaseModel | None = built
        if isinstance(built, Constitution) and built.files:
            ready = rules.resolve(built, table(root, PROCESSORS.name, id_), (PROCESSORS.name, id_), report)
        if ready is not None:
            found[id_] = cast("Processor", ready)
    return found


def exporters(root: Table, report: Report) -> dict[str, Exporter]:
    """What delivers."""
    found = {}
    for id_, node, model in _components(root, EXPORTERS, report):
        theirs, ours = halves(model, node)
        before = len(report.problems)
        destination = validate(model, theirs, ("exporters", id_), report, also={*shared(model), KEY})
        told = {problem.path for problem in report.problems[before:]}
        for key in [key for key in ours.items if dotted(("exporters", id_, key)) in told]:
            ours.drop(key)  # a key of both halves is told once
        settings = validate(ExporterSettings, ours, ("exporters", id_), report)
        if settings is not None and settings.retry_on_failure.max_elapsed_time:
            _warn_of_limit(ours, id_, report)
        if destination is not None and settings is not None:
            exporter = Exporter(id_, cast("Destination", destination), settings)
            tls.check(exporter.destination, theirs, ("exporters", id_), report)
            _caution(exporter.destination, theirs, id_, report)
            found[id_] = exporter
    return found


def _warn_of_limit(ours: Table, id_: str, report: Report) -> None:
    """The Collector drops records after five minutes unless told otherwise, so its files often say 300s."""
    steps = (id_, "retry_on_failure", "max_elapsed_time")
    _, _, place = find(ours, steps[1:])
    hint = "0, the default here, never gives up; dead letters are kept and can be replayed"
    report.warning(place, ("exporters", *steps), "makes dead letters when the destination is away for so long", hint)


def _caution(destination: Destination, theirs: Table, id_: str, report: Report) -> None:
    """What is allowed and wants to be known about; of a setting that is not written, at the exporter."""
    for one in destination.cautions() if isinstance(destination, Cautions) else ():
        place = theirs.keys.get(one.key, theirs.place)
        report.warning(place, ("exporters", id_, one.key), one.said, one.hint)


def halves(model: type[BaseModel], node: Table) -> tuple[Table, Table]:
    """The keys of the destination, and those that every exporter has; a key of both goes to both."""
    named, common = keys(model), shared(model)
    theirs, ours = empty(node.place), empty(node.place)
    for key, value in node.items.items():
        if key in named or key not in common:  # unknown ones too: a destination may know older spellings
            theirs.items[key], theirs.keys[key] = value, node.keys[key]
        if key in common and not nothing(value):
            ours.items[key], ours.keys[key] = value, node.keys[key]
    return theirs, ours


def shared(model: type[BaseModel]) -> set[str]:
    """What every exporter has. `timeout` is honoured by the destination: one that sends no requests has none."""
    return set(keys(ExporterSettings)) - ({"timeout"} - set(keys(model)))


def table(root: Table, *steps: str) -> Table:
    """The mapping at these steps, which validation has found to be one."""
    node, _, _ = find(root, steps)
    assert isinstance(node, Table)
    return node


def nothing(node: Node) -> bool:
    """`sending_queue:` with nothing behind it says as little as no sending_queue."""
    return isinstance(node, Leaf) and node.value is None and not node.broken


def _built(root: Table, section: Section, report: Report) -> Iterator[tuple[str, BaseModel]]:
    for id_, node, model in _components(root, section, report):
        built = validate(model, node, (section.name, id_), report, also=(KEY,))
        if built is not None:
            yield id_, built


def _components(root: Table, section: Section, report: Report) -> Iterator[tuple[str, Table, type[BaseModel]]]:
    """Every component of a section that has a mapping of keys and a type that exists."""
    node = root.items.get(section.name)
    if node is None or nothing(node):
        return
    if not isinstance(node, Table):
        report.problem(root.keys[section.name], (section.name,), "expected a mapping of component ids")
        return
    for id_, settings in node.items.items():
        place, steps = node.keys[id_], (section.name, id_)
        if not _ID.fullmatch(id_):
            report.problem(place, steps, "is not a component id", "type or type/name, for example file/local")
        elif not (isinstance(settings, Table) or nothing(settings)):
            report.problem(place, steps, "expected a mapping of its keys")
        elif model := _model(section, id_, place, report):
            yield id_, replace(settings, place=place) if isinstance(settings, Table) else empty(place), model


def _model(section: Section, id_: str, place: Place, report: Report) -> type[BaseModel] | None:
    kind, steps = id_.partition("/")[0], (section.name, id_)
    try:
        model = section.look(collector.meant(section.name, kind))
    except discover.NotLoadableError as why:
        report.problem(place, steps, str(why))
        return None
    if model is None:
        said = f"there is no {section.name[:-1]} of type {kind!r}"
        hint = collector.instead(section.name, kind) or nearest(kind, section.types())
        report.problem(place, steps, said, hint)
    return model
