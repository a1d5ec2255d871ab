"""The page on `audit`, and the README, do what they say: their blocks run as one program, against a receiver."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from otelsiem.testing.hec import FakeHec
from tests.docs.test_docs import BLOCK, ROOT

PAGE = ROOT / "docs/how-to/audit.md"
README = ROOT / "README.md"


def ran(page: Path, folder: Path) -> tuple[str, list[tuple[str, str]]]:
    """What its blocks print, and the events they make Splunk hear: type and actor."""
    code = "\n".join(text for language, text in BLOCK.findall(page.read_text("utf-8")) if language == "python")
    with FakeHec() as splunk:
        code = code.replace("https://splunk.example.com:8088", splunk.url).replace("the-token", splunk.token)
        code += "\nassert otelsiem.auditing.api.default().flush(20)\n"
        argv = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        said = sorted((event.event["event_type"], event.event.get("user_id", "")) for event in splunk.events)
    return done.stdout, said


def test_the_code_of_the_readme_runs(tmp_path: Path) -> None:
    assert ran(README, tmp_path) == ("", [("authentication_failure", "u-7")])


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    printed, said = ran(PAGE, tmp_path)
    assert printed.splitlines()[1] == "1 True"
    assert said == [
        ("account_closed", "u-7"),
        ("account_closed", "u-8"),
        ("authentication_failure", "u-7"),
        ("sensitive_operation", "u-7"),
        ("transfer", ""),
    ]
    [local] = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert json.loads(local)["event_type"] == "configuration_change"
