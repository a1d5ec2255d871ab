"""Options that several commands share, and the configuration they name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from otelsiem.config.model import Config

ConfigFiles: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--config",
        "-c",
        envvar="OTELSIEM_CONFIG",
        help="Configuration file; given several times, later ones are merged over earlier ones.",
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]


def configuration(files: list[Path] | None) -> Config:
    """The configuration of these files, the embedded one when there are none. Raises ConfigError."""
    from otelsiem.config.load import load

    return load(files or [], os.environ)
