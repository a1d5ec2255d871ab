"""`.ci/run` does what the README tells everybody to do, and a failure anywhere in it is a failure of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = ROOT / ".ci" / "run"
STEPS = ("pip install", "pytest", "ruff check", "ruff format", "mypy", "lint-imports", "prepare", "pytest tests/peers")


def test_the_readmes_test_command_is_the_one_that_ci_runs() -> None:
    lines = [line.strip() for line in RUN.read_text("utf-8").splitlines()]
    said = re.findall(r"^python3 -m venv .*pytest$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert len(said) == 1
    assert lines.count(said[0]) == 1


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout in which every tool is a stand-in that writes down its call and fails when it is told to."""
    clone = tmp_path / "clone"
    (clone / ".ci").mkdir(parents=True)
    shutil.copy(RUN, clone / ".ci" / "run")
    stand_in = clone / "stand-in"
    stand_in.write_text(
        f"""#!/bin/bash
call="$(basename "$0") $*"
case "$call" in
  *"-m venv"*)
    mkdir -p .venv/bin
    for tool in pip pytest ruff mypy lint-imports otelsiem; do ln -sf "{stand_in}" ".venv/bin/$tool"; done ;;
esac
echo "$call" | sed 's/ $//' >> "{tmp_path}/calls"
[ -z "$FAIL" ] || [[ "$call " != *"$FAIL "* ]]
"""
    )
    stand_in.chmod(0o755)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("python3", "git", "gcc", "go", "javac", "mvn", "node", "npm"):
        (tools / tool).symlink_to(stand_in)
    return clone


def ci(clone: Path, fail: str = "") -> subprocess.CompletedProcess[str]:
    """Run it with the stand-ins first on the path."""
    env = os.environ | {"PATH": f"{clone.parent / 'tools'}:{os.environ['PATH']}", "FAIL": fail}
    return subprocess.run(
        ["bash", str(clone / ".ci" / "run")], env=env, capture_output=True, text=True, check=False, timeout=60
    )


def calls(clone: Path) -> str:
    """What was called, in order."""
    return (clone.parent / "calls").read_text()


def test_a_good_run_takes_every_step(clone: Path) -> None:
    run = ci(clone)
    assert run.returncode == 0, run.stdout + run.stderr
    done = calls(clone)
    for step in STEPS:
        assert step in done
    assert done.rstrip().endswith("pytest tests/peers -m peer")


@pytest.mark.parametrize("step", STEPS)
def test_a_failing_step_fails_the_run(clone: Path, step: str) -> None:
    run = ci(clone, {"ruff format": "ruff format --check", "pip install": "pip install -e .[dev]"}.get(step, step))
    assert run.returncode != 0, run.stdout + run.stderr
