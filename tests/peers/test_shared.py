"""A shared server is started once, stopped by the last who used it, and never outlives its run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.peers.artefacts import Artefact
from tests.peers.shared import SharedServer, linked
from tests.program import answers, eventually, free_port

ROOT = Path(__file__).parents[2]
SERVE = "import http.server, sys; http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), None).serve_forever()"


class Small(SharedServer):
    """A server of the standard library in the place of a large one; its artefact is an empty directory."""

    program = SERVE

    def __init__(self, recipes: Path, factory: Any) -> None:
        recipe = recipes / "small"
        recipe.mkdir(exist_ok=True)
        self.artefact = Artefact("small", "home", ("sh",), (("sh", "-c", "mkdir -p home; echo > home/file"),), recipes)
        self.artefact.make()
        super().__init__(factory)

    def prepare(self, run: Path, home: Path) -> dict[str, Any]:
        assert (home / "file").exists()
        port = free_port()
        (run / "port").write_text(str(port))
        return {"port": port}

    def command(self, run: Path, home: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        return ["/usr/bin/env", "python3", "-c", self.program, (run / "port").read_text()], {}

    def answers(self) -> bool:
        return answers(self.state["port"])


class Broken(Small):
    """One that ends at once."""

    program = "import sys; sys.exit('no such luck')"


class Run:
    """What a server asks of pytest: where a run has its files."""

    def __init__(self, base: Path) -> None:
        self._base = base
        base.mkdir(exist_ok=True)

    def getbasetemp(self) -> Path:
        return self._base


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers of one run are two servers with one base here, as they are in two processes."""
    monkeypatch.setenv("OTELSIEM_PEERS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)


def test_the_first_starts_it_and_the_last_one_out_stops_it(tmp_path: Path) -> None:
    one, two = (Small(tmp_path, Run(tmp_path / "run")) for _ in range(2))
    one.begin()
    two.begin()
    assert one.state == two.state
    two.ready()
    run, port = Path(one.state["run"]), one.state["port"]
    one.end()
    assert two.answers(), "somebody uses it"
    two.end()
    assert not answers(port)
    assert not run.exists()
    one.ready()
    assert one.state["run"] != str(run), "another one, after that was stopped"
    one.end()


def test_one_that_ends_says_what_it_printed(tmp_path: Path) -> None:
    server = Broken(tmp_path, Run(tmp_path / "run"))
    with pytest.raises(AssertionError, match=r"small ended(.|\n)*no such luck"):
        server.ready()
    server.end()
    assert not Path(server.state["run"]).exists()


def test_a_run_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from tests.peers.test_shared import Small, Run;"
        "base = Path(sys.argv[1]); s = Small(base, Run(base / 'run')); s.ready();"
        "print(s.state['port'], s.state['run'], flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port, run = process.stdout.readline().split()
        assert answers(int(port))
        process.send_signal(signal.SIGKILL)
    eventually(lambda: not answers(int(port)) and not Path(run).exists(), 20, "server and directory are gone")


def test_a_program_on_another_file_system_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home" / "bin").mkdir(parents=True)
    (tmp_path / "home" / "bin" / "run").write_text("#!/bin/sh")
    (tmp_path / "home" / "bin" / "run").chmod(0o755)
    place = linked(tmp_path / "home", tmp_path / "links")
    assert (place / "bin" / "run").samefile(tmp_path / "home" / "bin" / "run")

    def other(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", other)
    place = linked(tmp_path / "home", tmp_path / "copies")
    assert not (place / "bin" / "run").samefile(tmp_path / "home" / "bin" / "run")
    assert os.access(place / "bin" / "run", os.X_OK)
