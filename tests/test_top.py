"""What is imported from the top: everything that is promised is there, and nothing comes before it is asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import otelsiem

STUB = (Path(otelsiem.__file__).parent / "__init__.pyi").read_text("utf-8")
NAMES = re.findall(r"^from (\S+) import (\w+) as (\w+)$", STUB, re.MULTILINE)


def test_type_checkers_are_told_the_same() -> None:
    told = {name: module.removeprefix("otelsiem.") for module, name, _ in NAMES}
    assert told == otelsiem._LAZY


@pytest.mark.parametrize("name", otelsiem._LAZY)
def test_everything_is_there(name: str) -> None:
    assert getattr(otelsiem, name).__name__ == name
    assert name in dir(otelsiem)


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="'otelsiem' has no attribute 'SplunkHek'"):
        _ = otelsiem.SplunkHek  # type: ignore[attr-defined]  # that is the point


HEAVY = ("yaml", "grpc", "prometheus_client", "uvicorn", "typer", "confluent_kafka", "botocore", "zstandard", "isal")


def test_an_application_loads_nothing_of_the_gateway() -> None:
    """What is not in the light install must not be needed: it is made impossible to import."""
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in HEAVY)
    wanted = ", ".join(name for name in otelsiem._LAZY)
    code = f"import sys\n{blocked}from otelsiem import {wanted}\nassert 'otelsiem.gateway' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
