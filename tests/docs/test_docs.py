"""What the pages say is true: links lead somewhere, YAML validates, commands exist with the options shown."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from otelsiem.cli.app import app
from otelsiem.config.load import load
from otelsiem.config.sources import Sources
from tests.config.certificates import folder_of_certificates

ROOT = Path(__file__).parents[2]
LISTED = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
PAGES = [ROOT / name for name in LISTED.split()]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CALL = re.compile(
    r"(?:^|/| )otelsiem ((?:run|validate|print-config|schema|components|send|test|setup|dead-letters)\b.*)"
)
ENVIRONMENT = {
    "SPLUNK_HEC_TOKEN": "from-the-environment",
    "DD_API_KEY": "x",
    "BILLING_TOKEN": "0123456789abcdef",
    "ELASTIC_API_KEY": "id:key",
    "KAFKA_PASSWORD": "x",
    "WEBHOOK_TOKEN": "x",
    "WEBHOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, found in enumerate(BLOCK.finditer(page.read_text("utf-8"))):
            if found[1] == language:
                yield f"{page.relative_to(ROOT)}#{number}", found[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


WHOLE = [pytest.param(text, id=name) for name, text in blocks("yaml") if "pipelines" in text]


@pytest.mark.parametrize("text", WHOLE)
def test_whole_configurations_validate(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.yaml"
    if "/etc/otelsiem" in text:
        text = text.replace("/etc/otelsiem", str(folder_of_certificates(tmp_path)))
    path.write_text(text, "utf-8")
    load(Sources.files(path), ENVIRONMENT)


def commands() -> Iterator[str]:
    """Every line of a shell block that calls us."""
    for _, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines():
            if found := re.search(
                r"(?:^|/| )otelsiem ((?:run|validate|print-config|schema|components|send|test|setup|dead-letters)\b.*)",
                line.partition("#")[0],
            ):
                yield found[1].strip()


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_commands_and_their_options_exist(command: str) -> None:
    words = shlex.split(command)
    names = [
        word
        for word in words[:2]
        if word
        in {
            "run",
            "validate",
            "print-config",
            "send",
            "test",
            "setup",
            "dead-letters",
            "list",
            "replay",
            "show",
            "purge",
        }
    ]
    told = CliRunner().invoke(app, [*names, "--help"], env={"COLUMNS": "200"}).output
    for option in re.findall(r"(?<!\S)--[a-z-]+", command):
        assert option in told, f"{option} is not an option of {' '.join(names)}"


def test_something_was_found() -> None:
    """A pattern that matches nothing would make these tests pass for nothing."""
    assert len(PAGES) > 10
    assert len(set(commands())) >= 4
    assert any("pipelines" in text for _, text in blocks("yaml"))
