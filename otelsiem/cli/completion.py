"""`otelsiem completion`: what a shell needs to complete commands, options and ids of exporters."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.completion import completion_init, get_completion_script  # type: ignore[attr-defined]  # no other name

if TYPE_CHECKING:
    from otelsiem.config.model import Config

NAME = "otelsiem"
VARIABLE = "_OTELSIEM_COMPLETE"  # the script sets it when it asks us


class Shell(StrEnum):
    """Those that typer has a script for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="Which shell.")]) -> None:
    """Print a completion script for bash, zsh or fish.

    Commands, options and ids of exporters complete after:

    \b
    bash  source <(otelsiem completion bash)
    zsh   source <(otelsiem completion zsh)
    fish  otelsiem completion fish | source
    """
    print(get_completion_script(prog_name=NAME, complete_var=VARIABLE, shell=shell))


def prepare() -> None:
    """When a shell asks: let typer know how each of them wants its answer."""
    if VARIABLE in os.environ:
        completion_init()


def exporters(ctx: typer.Context, incomplete: str) -> list[str]:
    """The exporters of the configuration that the line names, and the doors of its pipelines; none if it is wrong."""
    from otelsiem.cli.options import configuration
    from otelsiem.model.errors import OtelsiemError

    try:
        checked = configuration(*[_given(ctx.params.get(name)) for name in ("config", "sets", "env_file")])
    except (OtelsiemError, OSError):
        return []
    return [name for name in owners(checked) if name.startswith(incomplete)]


def owners(config: Config) -> list[str]:
    """Who may have dead letters: the exporters at work, and the doors of the pipelines."""
    pipelines = config.service.pipelines
    names = {id_ for pipeline in pipelines.values() for id_ in pipeline.exporters}
    return [*sorted(names), *[f"door/{name}" for name in pipelines]]


def _given(value: Any) -> Any:
    """While a line is completed typer has not made lists of its words yet."""
    return list(value) if value else None
