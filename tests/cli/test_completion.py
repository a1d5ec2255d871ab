"""Completion, asked by a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import call, configured

BASH = shutil.which("bash")
ASK = """
source "$SCRIPT"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_otelsiem_completion otelsiem
printf '%s\\n' "${COMPREPLY[@]}"
"""

needs_bash = pytest.mark.skipif(BASH is None, reason="no bash here")


@pytest.fixture(scope="module")
def scripts() -> dict[str, str]:
    """What each shell is given."""
    return {shell: call("completion", shell).stdout for shell in ("bash", "zsh", "fish")}


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory, scripts: dict[str, str]) -> dict[str, str]:
    """Where `otelsiem` is this one, and the script for bash."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "script").write_text(scripts["bash"])
    command = folder / "bin" / "otelsiem"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m otelsiem.cli "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}", "SCRIPT": str(folder / "script")}


def completed(env: dict[str, str], *words: str) -> list[str]:
    """What bash offers when Tab is pressed behind these words."""
    assert BASH is not None
    argv = [BASH, "--norc", "-c", ASK, "bash", "otelsiem", *words]
    ended = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=90, check=True)
    assert ended.stderr == ""
    return [line for line in ended.stdout.splitlines() if line]


@needs_bash
def test_commands_and_options_complete(env: dict[str, str]) -> None:
    assert completed(env, "jour") == ["journal"]
    assert completed(env, "journal", "") == ["stats", "check", "repair"]
    assert completed(env, "journal", "repair", "--no") == ["--no-backup"]
    assert "--config" in completed(env, "validate", "--")


@needs_bash
def test_exporters_of_the_configuration_complete(env: dict[str, str], tmp_path: Path) -> None:
    config = str(configured(tmp_path))
    for words in (["list"], ["replay", "--all"]):
        line = ["dead-letters", *words, "--config", config, "--exporter"]
        assert completed(env, *line, "") == ["file", "splunk_hec/soc", "door/logs"]
        assert completed(env, *line, "spl") == ["splunk_hec/soc"]


@needs_bash
def test_a_wrong_configuration_completes_nothing_and_says_nothing(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("exporters: 7\n")
    config = str(tmp_path / "bad.yaml")
    assert completed(env, "dead-letters", "list", "--config", config, "--exporter", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(scripts: dict[str, str], shell: str) -> None:
    assert "_OTELSIEM_COMPLETE" in scripts[shell]
    start = {"bash": "complete -o default", "zsh": "#compdef otelsiem", "fish": "complete --command otelsiem"}
    assert start[shell] in scripts[shell]


@needs_bash
def test_the_script_is_bash(env: dict[str, str]) -> None:
    assert BASH is not None
    subprocess.run([BASH, "-n", env["SCRIPT"]], check=True, timeout=30)
