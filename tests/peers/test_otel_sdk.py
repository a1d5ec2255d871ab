"""`tests/sdk` with each of the last six minor versions of the OpenTelemetry SDK.

Their packages are put before those of this environment, so that the tests, and what we depend on, are the same.
By hand: `python -m tests.peers.test_otel_sdk 1.42 [tests/sdk/… -k …]`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.peers.artefacts import OTEL_SDK, Artefact

ROOT = Path(__file__).parents[2]
VERSIONS = sorted(path.stem for path in OTEL_SDK.recipe.glob("1.*.txt"))

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


def run(minor: str, more: Sequence[str] = ("tests/sdk",)) -> subprocess.CompletedProcess[str]:
    """The tests, whatever way they end."""
    # DeprecationWarning: what old versions do with new Pythons is theirs
    words = ["-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning", *more]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OTEL_"))}
    env |= {"PYTHONPATH": str(OTEL_SDK.path / minor), "TESTED_OTEL_SDK": minor}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.mark.parametrize("minor", VERSIONS)
def test_our_sdk_side_with(minor: str, needs: Callable[[Artefact], None]) -> None:
    needs(OTEL_SDK)
    done = run(minor)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_these_are_the_last_six() -> None:
    major, newest, _ = version("opentelemetry-sdk").split(".", 2)
    wanted = [f"{major}.{minor}" for minor in range(int(newest) - 5, int(newest) + 1)]
    assert wanted == VERSIONS, f"make {OTEL_SDK.recipe}/{wanted[-1]}.txt, and drop the oldest"


if __name__ == "__main__":
    said = run(sys.argv[1], sys.argv[2:] or ("tests/sdk",))
    print(said.stdout, said.stderr)
    sys.exit(said.returncode)
