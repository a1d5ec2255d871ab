"""The reference page names every command, option and exit code."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from otelsiem.cli.app import app
from otelsiem.cli.exits import Exit

PAGE = (Path(__file__).parents[2] / "docs/reference/cli.md").read_text(encoding="utf-8")


def test_every_exit_code_is_documented() -> None:
    found = re.findall(r"^\| (\d) \| (\w+) \|", PAGE, re.MULTILINE)
    assert found == [(str(int(code)), code.name) for code in Exit]


def test_every_command_and_option_is_documented() -> None:
    group = typer.main.get_command(app)
    for name, command in vars(group)["commands"].items():
        assert f"## `otelsiem {name}`" in PAGE
        section = PAGE.split(f"## `otelsiem {name}`")[1].split("\n## ")[0]
        for sub, inner in vars(command).get("commands", {name: command}).items():
            assert sub == name or f"| `{sub}` |" in section
            row = section if sub == name else re.findall(rf"^\| `{sub}` .*$", section, re.MULTILINE)[0]
            for option in inner.params:
                assert f"`{option.opts[0]}`" in row, (name, sub, option.opts)
