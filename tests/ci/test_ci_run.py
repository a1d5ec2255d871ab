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
if [ -n "$FAILED" ] && [ "$call" = "pytest " ]; then
  mkdir -p .pytest_cache/v/cache
  for n in $(seq "$FAILED"); do echo "  \\"tests/x.py::test_$n\\": true,"; done > .pytest_cache/v/cache/lastfailed
  exit "$CODE"
fi
[ -z "$FAIL" ] || [[ "$call " != *"$FAIL "* ]]
"""
    )
    stand_in.chmod(0o755)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("python3", "git", "gcc", "go", "javac", "mvn", "node", "npm"):
        (tools / tool).symlink_to(stand_in)
    return clone


def ci(clone: Path, fail: str = "", failed: str = "", code: int = 1) -> subprocess.CompletedProcess[str]:
    """Run it with the stand-ins first on the path. `failed`: so many tests of the suite, which ends with `code`."""
    path = f"{clone.parent / 'tools'}:{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "FAIL": fail, "FAILED": failed, "CODE": str(code)}
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
    assert "pytest tests/peers -m peer" in done.splitlines()[-1]
    assert "last-failed" not in done


def test_a_few_that_failed_beside_others_count_when_they_fail_alone(clone: Path) -> None:
    run = ci(clone, failed="5")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "5 that failed, once more" in run.stdout
    assert "pytest -n0 --last-failed --last-failed-no-failures none" in calls(clone).splitlines()
    assert ci(clone, fail="--last-failed", failed="1").returncode != 0


@pytest.mark.parametrize(("failed", "code"), [("6", 1), ("1", 2), ("1", 3)])
def test_many_or_a_run_that_did_not_end_are_not_tried_again(clone: Path, failed: str, code: int) -> None:
    assert ci(clone, failed=failed, code=code).returncode != 0
    assert "last-failed" not in calls(clone)


@pytest.mark.parametrize("step", STEPS)
def test_a_failing_step_fails_the_run(clone: Path, step: str) -> None:
    run = ci(clone, {"ruff format": "ruff format --check", "pip install": "pip install -e .[dev]"}.get(step, step))
    assert run.returncode != 0, run.stdout + run.stderr
