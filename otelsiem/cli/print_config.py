"""`otelsiem print-config`: what a configuration amounts to, as a file that may be used again, without its secrets."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from otelsiem.cli import exits, say
from otelsiem.cli.options import AsJson, ConfigFiles, EnvFiles, Sets, sources


def print_config(
    config: ConfigFiles = None,
    sets: Sets = None,
    env_file: EnvFiles = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Every key, with its default.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the effective configuration, merged, as YAML.

    It is what these options and the environment give. Values that came through ${env:…} or ${file:…} are shown as the
    expression, other secrets as [redacted].
    """
    from otelsiem.config.effective import effective, origins
    from otelsiem.config.load import load_whole
    from otelsiem.config.write import json_text, yaml_text

    with exits.told(as_json):
        named = sources(config, sets, env_file)
        loaded = load_whole(named, os.environ)
    for warning in loaded.config.warnings:
        say.note(f"warning: {warning}")
    root, redacted = effective(loaded, every_key=defaults)
    print(json_text(root) + "\n" if as_json else yaml_text(root, origins(named, loaded, redacted)), end="")
