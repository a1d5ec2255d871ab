"""`otelsiem components`: what a configuration may name here, where it comes from, and what could not be loaded."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from otelsiem.cli import exits, say
from otelsiem.cli.options import AsJson
from otelsiem.config import discover
from otelsiem.config.components import EXPORTERS, SECTIONS, Section

BUILT_IN = "built in"
NONE = [["connectors", "-", "-", "none in this version"]]


@dataclass(frozen=True, slots=True)
class Component:
    """One type that may stand under a section of the file."""

    section: str
    type: str
    origin: str
    sentence: str
    problem: str = ""  # why it cannot be used


def components(as_json: AsJson = False) -> None:
    """List what a configuration may name here.

    Receivers, processors, exporters, connectors and extensions, and which package brings each.
    """
    with exits.told(as_json):
        found = [component for section in SECTIONS for component in _of(section)]
    if as_json:
        say.data({"components": [asdict(component) for component in found]})
        return
    rows = [[one.section, one.type, one.origin, one.problem or one.sentence] for one in found]
    say.table(["SECTION", "TYPE", "FROM", "WHAT IT DOES"], [*rows, *NONE])


def _of(section: Section) -> Iterator[Component]:
    for kind in section.types():
        origin = (discover.origin(kind) if section is EXPORTERS else "") or BUILT_IN
        try:
            model = section.look(kind)
        except discover.NotLoadableError as why:
            yield Component(section.name, kind, origin, "", str(why))
            continue
        first = (inspect.getdoc(model) or "").partition("\n\n")[0]
        yield Component(section.name, kind, origin, " ".join(first.split()))
