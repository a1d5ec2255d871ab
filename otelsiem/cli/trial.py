"""`otelsiem test`: whether exporters reach their services, are known there, and have a record taken."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otelsiem.cli import exits, say
from otelsiem.cli.exits import CommandError, Exit
from otelsiem.cli.options import AsJson, ConfigFiles, EnvFiles, Sets, configuration
from otelsiem.config.model import Config, Exporter
from otelsiem.model.errors import MissingExtraError

if TYPE_CHECKING:
    from otelsiem.trial import Step

Exporters = Annotated[
    list[str] | None, typer.Argument(metavar="[EXPORTER]...", help="Ids, as in the configuration; none: all of them.")
]
NoRecord = Annotated[bool, typer.Option("--no-record", help="Only ask whether it is well: send no record.")]
Patience = Annotated[
    float, typer.Option("--patience", metavar="SECONDS", min=1, max=3600, help="For one exporter, at most.")
]


@dataclass
class Tried:
    """What came of one exporter."""

    exporter: str
    record: str = ""  # the id of what was sent
    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)

    def plain(self) -> dict[str, Any]:
        """For scripts."""
        steps = [{**asdict(step), "seconds": round(step.seconds, 3)} for step in self.steps]
        return {"exporter": self.exporter, "ok": self.ok, "record": self.record, "steps": steps}


def try_exporters(  # noqa: PLR0917 - typer makes options of them
    exporters: Exporters = None,
    no_record: NoRecord = False,
    patience: Patience = 60.0,
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    as_json: AsJson = False,
) -> None:
    """Try exporters: reach each, ask whether it takes our credentials, send one marked record, wait for its fate.

    The record is an event `otelsiem_test`, informational. No gateway need be running, and one that runs is not
    disturbed. Ends with 1 when one of them failed.
    """
    with exits.told(as_json):
        known = configuration(config, sets, env_file)
        if not as_json:
            say.warnings(known.warnings)
        tried = [_show(one, no_record, patience, as_json) for one in chosen(known, exporters or ())]
    if as_json:
        say.data({"ok": all(one.ok for one in tried), "exporters": [one.plain() for one in tried]})
    if not all(one.ok for one in tried):
        raise typer.Exit(Exit.FAILURE)


def chosen(config: Config, names: Sequence[str]) -> list[Exporter]:
    """The exporters of these ids, or all. CommandError names those there are."""
    for name in names:
        if name not in config.exporters:
            there = ", ".join(config.exporters) or "none"
            raise CommandError(f"there is no exporter {name!r} in the configuration; there are: {there}")
    return [config.exporters[name] for name in names or config.exporters]


def _show(exporter: Exporter, no_record: bool, patience: float, as_json: bool) -> Tried:
    made = Tried(exporter.id)
    if not as_json:
        say.line(exporter.id)
    for step in _steps(exporter, made, no_record, patience):
        made.steps.append(step)
        if not as_json:
            _line(step)
    if made.record and made.ok and not as_json:
        say.line(f"  look for event_type otelsiem_test, event_id {made.record}")
    return made


def _steps(exporter: Exporter, made: Tried, no_record: bool, patience: float) -> Iterator[Step]:
    from otelsiem.transport.transport import open_transport
    from otelsiem.trial import Step, Trial, marked

    transport = open_transport(exporter.destination.wire)
    try:
        record = None if no_record else marked(time.time_ns(), exporter.id)
        for step in Trial(exporter.destination, transport, socket.gethostname(), patience).steps(record):
            if step.name == "send" and record is not None:
                made.record = record.id
            yield step
    except MissingExtraError as missing:  # a destination may want a package of its own, a plugin's above all
        yield Step("reach", ok=False, said=str(missing))
    finally:
        transport.close()


def _line(step: Step) -> None:
    took = f"  ({step.seconds:.2f} s)" if step.seconds >= 0.01 else ""
    style = "green" if step.ok else "red"
    say.line(f"  {step.name:<8} {'ok' if step.ok else 'FAILED':<7} {step.said}{took}", style=style)
    if step.advice:
        say.line(f"  {'':<16} {step.advice}")
