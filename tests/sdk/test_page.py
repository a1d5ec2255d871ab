"""`docs/how-to/opentelemetry-sdk.md`: what it says to type, typed, against a strict fake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from otelsiem.sdk.ready import READY
from otelsiem.sdk.settled import Own
from otelsiem.testing.hec import FakeHec
from tests.program import eventually

PAGE = (Path(__file__).parents[2] / "docs/how-to/opentelemetry-sdk.md").read_text("utf-8")
BLOCKS: dict[str, list[str]] = {}
for found in re.finditer(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
    BLOCKS.setdefault(found[1], []).append(found[2])
EMITS = """
from opentelemetry._logs import LogRecord, get_logger
get_logger("shop").emit(LogRecord(event_name="authentication_failure", body="wrong password"))
"""
URL, TOKEN = "https://splunk.example.com:8088", "00000000-0000-0000-0000-000000000000"
WITHOUT_FILES = tuple(map(int, version("opentelemetry-sdk").split(".")[:2])) < (1, 43)


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


def run(argv: list[str], where: Path, splunk: FakeHec, **env: str) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPLUNK_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    told = {**clean, "PATH": path, "PYTHONWARNINGS": "ignore", **env}
    done = subprocess.run(argv, cwd=where, env=told, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    eventually(lambda: len(splunk.events) == 1, 20, "it is there")
    (event,) = splunk.events
    assert event.event["constitutional_hash"] == "cdd01ef066bc6cf2"
    assert (event.event["event_type"], event.event["severity_number"]) == ("authentication_failure", 13)


def here(text: str, splunk: FakeHec) -> str:
    """The page's text with the fake in the place of what it names."""
    for there, ours in ((URL, splunk.url), (TOKEN, splunk.token)):
        text = text.replace(there, ours)
    return text


@pytest.mark.parametrize("block", range(2), ids=["exporter", "AuditLog"])
def test_in_code(block: int, tmp_path: Path, splunk: FakeHec) -> None:
    assert len(BLOCKS["python"]) == 2
    code = here(BLOCKS["python"][block], splunk).replace('index="audit"', "index=None")
    run([sys.executable, "-c", code], tmp_path, splunk, SPLUNK_HEC_TOKEN=splunk.token)
    (event,) = splunk.events
    assert (event.event["user_id"], event.event["tenant_id"]) == ("u-7", "acme")
    assert len(list((tmp_path / "audit-journal").iterdir())) == 1


def test_without_code(tmp_path: Path, splunk: FakeHec) -> None:
    (tmp_path / "app.py").write_text(EMITS, "utf-8")
    first, *commands = here(BLOCKS["sh"][0], splunk).splitlines()
    assert first == "pip install opentelemetry-distro", "which this environment has"
    run(["bash", "-ec", "\n".join(commands)], tmp_path, splunk)
    assert len(list((tmp_path / "audit-journal").iterdir())) == 1


@pytest.mark.skipif(WITHOUT_FILES, reason="OTEL_CONFIG_FILE came with 1.43")
def test_with_a_configuration_file(tmp_path: Path, splunk: FakeHec) -> None:
    (tmp_path / "app.py").write_text(EMITS, "utf-8")
    (tmp_path / "otel.yaml").write_text(here(BLOCKS["yaml"][0], splunk), "utf-8")
    argv = ["opentelemetry-instrument", "python", "app.py"]
    run(argv, tmp_path, splunk, OTEL_CONFIG_FILE="otel.yaml", SPLUNK_HEC_TOKEN=splunk.token)


def test_everything_that_there_is_is_named() -> None:
    for one in READY:
        assert f"`{one.__name__}`" in PAGE
    for name in Own.model_fields:
        assert f"`{name}`" in PAGE
