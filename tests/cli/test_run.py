"""The whole gateway from the command line: started, fed, asked, stopped, and asked again when it is gone."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from otelsiem.cli.exits import Exit
from tests.cli.server import Server, free_port


class Running:
    """`otelsiem run` in a process of its own, ready when entered."""

    def __init__(self, config: Path) -> None:
        command = [sys.executable, "-m", "otelsiem.cli", "run", "--config", str(config)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.log: list[str] = []
        self.ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)
            if "is ready" in line:
                self.ready.set()
        self.ready.set()

    def __enter__(self) -> Self:
        assert self.ready.wait(60)
        assert any("is ready" in line for line in self.log), self.log
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == Exit.OK, self.log
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture
def splunk() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def config(tmp_path: Path, splunk: Server) -> Path:
    return write(tmp_path, splunk.base, tmp_path / "data")


def write(folder: Path, splunk: str, journal: Path, http: int = 0) -> Path:
    path = folder / f"c{free_port()}.yaml"
    path.write_text(f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: 127.0.0.1:{http or free_port()}}}}}}}}}
processors: {{severity: }}
exporters:
  file: {{path: {folder}/events.jsonl}}
  splunk_hec: {{endpoint: {splunk}, token: t0ken-of-splunk}}
service:
  journal: {{directory: {journal}}}
  admin: {{endpoint: 127.0.0.1:{free_port()}}}
  pipelines: {{logs: {{receivers: [otlp], processors: [severity], exporters: [file, splunk_hec]}}}}
""")
    return path


def call(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otelsiem.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def test_p2_a_record_is_followed_to_its_fate_at_each_exporter(config: Path, splunk: Server, tmp_path: Path) -> None:
    splunk.say("/services/collector/event", {"text": "Invalid data format", "code": 6}, 400)
    with Running(config) as gateway:
        result = call("send", "--config", config, "--event", "login", "--attribute", "k=v", "--timeout", "30s")
        assert result.returncode == Exit.FAILURE
        assert re.search(r"^file +delivered", result.stdout, re.MULTILINE), result.stdout + result.stderr
        assert re.search(r"^splunk_hec +dead .*Invalid data format", result.stdout, re.MULTILINE), result.stdout
        [letter] = json.loads(call("dead-letters", "list", "--config", config, "--json").stdout)["dead_letters"]
        assert (letter["exporter"], letter["record"]["event"]) == ("splunk_hec", "login")
        assert "t0ken-of-splunk" not in "".join(gateway.log)
    assert json.loads((tmp_path / "events.jsonl").read_text())["event_type"] == "login"
    # the gateway is gone: the journal itself is asked
    offline = call("dead-letters", "list", "--config", config, "--json")
    assert json.loads(offline.stdout)["dead_letters"] == [letter], offline.stderr
    purged = call("dead-letters", "purge", "--config", config, "--exporter", "splunk_hec", "--all", "--yes")
    assert purged.stdout == "1 deleted\n", purged.stderr
    assert call("dead-letters", "list", "--config", config).stdout == "no dead letters\n"


def test_a_journal_that_another_process_owns_ends_with_5(config: Path, splunk: Server, tmp_path: Path) -> None:
    with Running(config):
        result = call("run", "--config", write(tmp_path, splunk.base, tmp_path / "data"))
    assert result.returncode == Exit.LOCKED, result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_ends_with_4(splunk: Server, tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        config = write(tmp_path, splunk.base, tmp_path / "data", http=other.getsockname()[1])
        result = call("run", "--config", config)
    assert result.returncode == Exit.PORT, result.stderr
    assert "is in use by another process" in result.stderr
    assert "Traceback" not in result.stderr
