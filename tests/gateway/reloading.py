"""What tests of reloads share: configurations to change, and what a gateway says of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from otelsiem.admin import token as admin_token
from otelsiem.cli.exits import Exit
from otelsiem.model.record import Group, Record, Scope
from otelsiem.otlp.encode import encode
from otelsiem.testing.hec import FakeHec
from tests.gateway.test_sick_destination import BRISK
from tests.gateway_process import Gateway


def hec(fake: FakeHec, **more: Any) -> dict[str, Any]:
    return {"endpoint": fake.url, "token": fake.token, **BRISK, **more}


def set_exporters(running: Gateway, exporters: dict[str, Any], pipeline: str = "logs") -> None:
    """These and no others in the file."""
    running.config["exporters"] = exporters
    running.config["service"]["pipelines"][pipeline]["exporters"] = list(exporters)
    running.write()


def body(*made: str) -> bytes:
    records = [Record(time=time.time_ns(), event="login", attributes={"name": name}) for name in made]
    return encode([Group({"service.name": "test"}, Scope(), records)])


def validated(running: Gateway) -> list[str]:
    """What `otelsiem validate` says about the file."""
    argv = [sys.executable, "-m", "otelsiem", "validate", "--config", str(running.path)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert said.returncode == Exit.CONFIG
    return said.stderr.splitlines()[:-1]


def errors(running: Gateway) -> list[str]:
    """What a person is told in the log."""
    lines = running.log.read_text().splitlines()
    return [line.partition("msg=")[2] for line in lines if "level=error" in line and "logger=otelsiem.gateway" in line]


def status(running: Gateway) -> dict[str, Any]:
    url = f"http://127.0.0.1:{running.admin}/api/v1/status"
    token = admin_token.read(running.directory / "journal")
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})) as reply:
        found: dict[str, Any] = json.load(reply)
        return found


def command(running: Gateway, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "otelsiem", *words, "--config", str(running.path)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


class Again(Gateway):
    """The same gateway once more, with the file as it is."""

    def __init__(self, before: Gateway, *options: str) -> None:
        self._before, self._options = before, options
        super().__init__(before.directory, {})

    def configuration(self, *_: object) -> dict[str, Any]:
        self.grpc, self.http, self.admin = self._before.grpc, self._before.http, self._before.admin
        return self._before.config

    def command(self, path: Path) -> list[str]:
        return [*super().command(path), *self._options]
