"""A planted token is in no place where anybody may look: log, metrics, admin pages, dead letters, files."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from otelsiem.testing.hec import FakeHec, Poison, Token
from tests.gateway.test_sick_destination import BRISK, letters, names, send, settled
from tests.gateway_process import Gateway
from tests.program import eventually

PLANTED = "5eCr3t-pLaNteD-t0kEn"


def test_the_planted_token_shows_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", PLANTED)
    with FakeHec() as splunk:
        splunk.tokens = {PLANTED: Token(enabled=False)}
        splunk.poison = lambda envelope: Poison(400) if "bad-1" in json.dumps(envelope) else None
        hec = {"endpoint": splunk.url, "token": "${env:PLANTED}", **BRISK}
        with Gateway(tmp_path, {"splunk_hec": hec}) as running:
            send(running, names("bad", 3))
            eventually(lambda: running.metric("siem_hold") == 1, 10, "a hold tells its reason everywhere")
            seen = [running.get("/metrics")[1], running.get("/ready")[1], status(running)]
            splunk.tokens = {PLANTED: Token()}
            settled(running)
            seen += [json.dumps(letters(running)), status(running), running.get("/metrics")[1]]
            assert "bad-1" in seen[3], "the dead letter is there, so its page was looked at"
        path = str(tmp_path / "otelsiem.yaml")
        argv = [sys.executable, "-m", "otelsiem", "validate", "--config", path]
        said = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
        seen += [said.stdout, said.stderr, running.log.read_text()]
        files = [file.read_bytes() for file in (tmp_path / "journal").iterdir()]
    assert splunk.events, "it was used"
    assert not [text for text in seen if PLANTED in text]
    assert files
    assert not [content for content in files if PLANTED.encode() in content]


def status(running: Gateway) -> str:
    """The admin page that needs the admin token, with it; and without it, nothing."""
    url = f"http://127.0.0.1:{running.admin}/api/v1/status"
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(url, timeout=5)
    refused.value.close()
    token = (running.directory / "journal" / "admin.token").read_text().strip()
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=5) as reply:
        text: str = reply.read().decode()
    return text
