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
source <(otelsiem completion bash)
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_otelsiem_completion otelsiem
printf '%s\\n' "${COMPREPLY[@]}"
"""

needs_bash = pytest.mark.skipif(BASH is None, reason="no bash here")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where `otelsiem` is this one."""
    command = tmp_path / "bin" / "otelsiem"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m otelsiem.cli "$@"\n')
    command.chmod(0o755)
    return f"{command.parent}:{os.environ['PATH']}"


def completed(path: str, *words: str) -> list[str]:
    """What bash offers when Tab is pressed behind these words."""
    assert BASH is not None
    argv = [BASH, "--norc", "-c", ASK, "bash", "otelsiem", *words]
    ended = subprocess.run(
        argv, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=90, check=True
    )
    assert ended.stderr == ""
    return [line for line in ended.stdout.splitlines() if line]


@needs_bash
def test_commands_and_options_complete(path: str) -> None:
    assert completed(path, "jour") == ["journal"]
    assert completed(path, "journal", "") == ["stats", "check", "repair"]
    assert completed(path, "journal", "repair", "--no") == ["--no-backup"]
    assert "--config" in completed(path, "validate", "--")


@needs_bash
def test_exporters_of_the_configuration_complete(path: str, tmp_path: Path) -> None:
    config = str(configured(tmp_path))
    for words in (["list"], ["replay", "--all"]):
        line = ["dead-letters", *words, "--config", config, "--exporter"]
        assert completed(path, *line, "") == ["file", "splunk_hec/soc", "door/logs"]
        assert completed(path, *line, "spl") == ["splunk_hec/soc"]


@needs_bash
def test_a_wrong_configuration_completes_nothing_and_says_nothing(path: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("exporters: 7\n")
    config = str(tmp_path / "bad.yaml")
    assert completed(path, "dead-letters", "list", "--config", config, "--exporter", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(shell: str) -> None:
    script = call("completion", shell).stdout
    assert "_OTELSIEM_COMPLETE" in script
    start = {"bash": "complete -o default", "zsh": "#compdef otelsiem", "fish": "complete --command otelsiem"}
    assert start[shell] in script


@needs_bash
def test_the_script_is_bash(tmp_path: Path) -> None:
    assert BASH is not None
    (tmp_path / "script").write_text(call("completion", "bash").stdout)
    subprocess.run([BASH, "-n", str(tmp_path / "script")], check=True, timeout=30)
