"""`enabled: false` on any component: as if it were not there, in its section and in every pipeline.

Guarantees: its other keys are still checked, so what is switched on again tomorrow is right today; a pipeline that is
left without receivers or exporters is a problem that says which switch did it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from otelsiem.config.model import Settings
from otelsiem.config.pipelines import Gone
from otelsiem.config.report import Report
from otelsiem.config.tree import Items, Leaf, Table, find
from otelsiem.config.validate import validate

KEY = "enabled"


class Switch(Settings):
    """The key that every component has."""

    enabled: bool | None = Field(
        default=True, description="false: as if it were not there; its other keys are still checked"
    )


def switched_off(root: Table, report: Report) -> Gone:
    """Take the key out of every component; which ones it switches off, as section and id."""
    off: Gone = set()
    for section, id_, component in _components(root):
        if KEY in component.items:
            alone = Table({KEY: component.items[KEY]}, {KEY: component.keys[KEY]}, component.place)
            switch = validate(Switch, alone, (section, id_), report)
            component.drop(KEY)
            if switch is not None and switch.enabled is False:
                off.add((section, id_))
    return off


def leave_out(root: Table, off: Gone, report: Report) -> None:
    """Take components that are switched off out of their sections and out of the pipelines."""
    for section, id_, _ in list(_components(root)):
        if (section, id_) in off:
            table = root.items[section]
            assert isinstance(table, Table)
            table.drop(id_)
    pipelines, taken, _ = find(root, ("service", "pipelines"))
    if len(taken) == 2 and isinstance(pipelines, Table):
        for name, pipeline in pipelines.items.items():
            for section in ("receivers", "processors", "exporters"):
                _forget(pipeline, name, section, off, report)


def _forget(pipeline: object, name: str, section: str, off: Gone, report: Report) -> None:
    listed = pipeline.items.get(section) if isinstance(pipeline, Table) else None
    if not isinstance(listed, Items) or not isinstance(pipeline, Table):
        return
    gone = [item.text for item in listed.items if isinstance(item, Leaf) and _is_off(section, item.text, off)]
    listed.items = [item for item in listed.items if not (isinstance(item, Leaf) and item.text in gone)]
    if gone and not listed.items and section != "processors":
        ids = list(dict.fromkeys(gone))
        why = f"nothing is left: {', '.join(ids)} {'has' if len(ids) == 1 else 'have'} {KEY}: false"
        path = ("service", "pipelines", name, section)
        report.problem(pipeline.keys[section], path, why, "take the pipeline out, or switch one of them on")
        listed.items = [Leaf(None, "", listed.place, broken=True)]  # so that nobody else tells it again


def _is_off(section: str, id_: str, off: Gone) -> bool:
    if section == "processors":
        return (section, id_) in off
    return (section, id_) in off or ("connectors", id_) in off  # which stand among receivers and exporters


def _components(root: Table) -> Iterator[tuple[str, str, Table]]:
    for section in ("receivers", "processors", "exporters", "connectors", "extensions"):
        table = root.items.get(section)
        for id_, component in table.items.items() if isinstance(table, Table) else ():
            if isinstance(component, Table):
                yield section, id_, component
