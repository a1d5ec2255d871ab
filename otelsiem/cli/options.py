"""Options that several commands share, and the configuration they name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from otelsiem.config.model import Config
from otelsiem.config.sources import Sources

CONFIG = "OTELSIEM_CONFIG"
ENV_FILE = "OTELSIEM_ENV_FILE"

ConfigFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help=f"Configuration: FILE, env:NAME or yaml:TEXT; later ones are merged over earlier ones. [env: {CONFIG}]",
    ),
]
Sets: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One key, merged last: exporters.file.path=events.jsonl"),
]
EnvFiles: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--env-file", metavar="FILE", help=f"NAME=VALUE lines; the real environment wins. [env: {ENV_FILE}]"),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="JSON for scripts.")]


def sources(config: list[str] | None, sets: list[str] | None, env_files: list[Path] | None) -> Sources:
    """What the command line names, else what the environment names; it may be loaded again."""
    configs = config or _listed(os.environ.get(CONFIG, ""))
    files = env_files or [Path(name) for name in os.environ.get(ENV_FILE, "").split(os.pathsep) if name]
    return Sources(tuple(configs), tuple(sets or ()), tuple(files))


def configuration(config: list[str] | None, sets: list[str] | None, env_files: list[Path] | None) -> Config:
    """The configuration of these sources, the embedded one when there is none. Raises ConfigError."""
    from otelsiem.config.load import load

    return load(sources(config, sets, env_files), os.environ)


def _listed(text: str) -> Sequence[str]:
    """Several in one variable, as in PATH; the colon behind a scheme parts nothing."""
    found: list[str] = []
    for part in text.split(os.pathsep):
        if found and (found[-1] in {"env", "file"} or found[-1].startswith("yaml:") or found[-1] == "yaml"):
            found[-1] += f":{part}"
        else:
            found.append(part)
    return [name for name in found if name]
