"""`otelsiem validate`: whether a configuration would start, and if not, everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import typer

from otelsiem.cli import exits, say
from otelsiem.cli.options import AsJson, ConfigFiles, EnvFiles, Sets, configuration
from otelsiem.config.model import Config
from otelsiem.model.errors import ConfigError, Problem


def validate(config: ConfigFiles = None, sets: Sets = None, env_file: EnvFiles = None, as_json: AsJson = False) -> None:
    """Check a configuration without starting anything.

    Ends with 3 when it is wrong.
    """
    with exits.told(as_json):
        try:
            checked = configuration(config, sets, env_file)
        except ConfigError as error:
            if not as_json:
                say.warnings(error.warnings)  # first, so that the problems stand above the prompt
                raise
            say.problems(error.problems)
            say.data({"ok": False, **exits.failed(error), "warnings": _plain(error.warnings)})
            raise typer.Exit(exits.Exit.CONFIG) from None
    if as_json:
        say.data({"ok": True, "problems": [], "warnings": _plain(checked.warnings)})
        return
    say.warnings(checked.warnings)
    _summary(checked)


def _summary(config: Config) -> None:
    say.line("this configuration may start", style="green")
    used = {id_ for pipeline in config.service.pipelines.values() for id_ in pipeline.receivers}
    for id_, receiver in config.receivers.items():
        if id_ not in used:
            continue
        listens = ", ".join(f"{protocol} {address}" for protocol, address in receiver.addresses)
        say.line(f"  receiver  {id_}: {listens}")
    for name, pipeline in config.service.pipelines.items():
        steps = [pipeline.receivers, pipeline.processors, pipeline.exporters]
        say.line(f"  pipeline  {name}:", " → ".join(", ".join(step) for step in steps if step))
    journal = config.service.journal
    say.line(f"  journal   {journal.type}" + (f" in {journal.directory}" if journal.type == "sqlite" else ""))
    say.line(f"  admin     http://{config.service.admin.endpoint}")


def _plain(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [asdict(problem) for problem in problems]
