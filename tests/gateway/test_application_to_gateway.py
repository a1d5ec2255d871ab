"""An application that sends OTLP/HTTP to a gateway, with a journal of its own in front and no gRPC in its process.

A real application, a real gateway, an outage and kill -9 of both.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from otelsiem.journal.family import open_journal
from otelsiem.journal.journal import Cursor
from otelsiem.model.destination import Limits
from otelsiem.model.record import records
from tests.docs.test_docs import BLOCK, ROOT
from tests.gateway_process import Gateway
from tests.program import Program, eventually, free_port

PAGE = ROOT / "docs/how-to/application-to-gateway.md"
BLOCKS = [text for language, text in BLOCK.findall(PAGE.read_text("utf-8")) if language == "python"]
APPLICATION = """
import sys
from opentelemetry._logs import LogRecord
{setup}
first = 0
for line in sys.stdin:  # how many events to emit now
    for n in range(first, first + int(line)):
        logger.emit(LogRecord(event_name="login", attributes={{"n": n}}))
    first += int(line)
    provider.force_flush()
    print("durable", flush=True)
"""


class Application:
    """What the page shows, in a process of its own: as many events as it is told to, on disk when it has answered."""

    def __init__(self, directory: Path, port: int) -> None:
        setup = BLOCKS[0].replace("https://gateway.example.com:4318", f"http://127.0.0.1:{port}")
        setup = setup.replace('"audit-journal/"', repr(str(directory)))
        self.process = subprocess.Popen(
            [sys.executable, "-c", APPLICATION.format(setup=setup)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def emit(self, events: int) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{events}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "durable\n"

    def mapped(self) -> str:
        """The files in its memory: whatever it has loaded, shows here."""
        return Path(f"/proc/{self.process.pid}/maps").read_text("utf-8")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path / "gateway", {"file": {"path": str(tmp_path / "out.jsonl")}}) as running:
        yield running


def arrived(tmp_path: Path) -> list[str]:
    out = tmp_path / "out.jsonl"
    return [json.loads(line)["event_id"] for line in out.read_text("utf-8").splitlines()] if out.exists() else []


def pending(directory: Path) -> list[str]:
    """The ids of what a dead application left in its journal."""
    [family] = directory.iterdir()
    journal = open_journal(family, 64, 0)
    [counts] = journal.stats().exporters
    cursor = Cursor(counts.pipeline, counts.exporter)
    found: list[str] = []
    while (lease := journal.lease(cursor, Limits(1000, age=0.0), 0.0)) is not None:
        found += [record.id for record in records(lease.batch)]
    journal.close()
    return found


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="what a process has loaded is looked up in /proc")
def test_p1_through_an_outage_and_kill_9_with_the_same_ids(gateway: Gateway, tmp_path: Path) -> None:
    journal = tmp_path / "audit-journal"
    with Application(journal, gateway.http) as first:
        first.emit(50)
        eventually(lambda: len(arrived(tmp_path)) == 50, 30, "it delivers while all is well")
        gateway.kill()
        first.emit(50)
        assert "cygrpc" not in first.mapped()
        assert "sqlite" in first.mapped(), "else this would look for nothing"
        first.kill()
    left = pending(journal)
    assert len(set(left)) == 50, "durable, though nobody listened and nobody lives"
    assert not set(left) & set(arrived(tmp_path))

    gateway.process = Program(gateway.argv, tmp_path / "again.log").ready(gateway.says_ready).process
    with Application(journal, gateway.http) as second:
        second.emit(1)
        eventually(lambda: len(set(arrived(tmp_path))) == 101, 60, "what the dead one left goes with the next one's")
        assert "cygrpc" not in second.mapped()
    assert set(left) < set(arrived(tmp_path)), "the ids at the gateway's sink are those of the application's journal"


def test_no_grpc_is_imported() -> None:
    """Not even by name: where grpcio is not installed, all of it works."""
    code = "import sys; sys.modules['grpc'] = None\n" + BLOCKS[0].replace(
        "https://gateway.example.com:4318", f"http://127.0.0.1:{free_port()}"
    ).replace('"audit-journal/"', "None")
    subprocess.run([sys.executable, "-c", code + "\nprovider.shutdown()"], check=True, timeout=60)
