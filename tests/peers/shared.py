"""A server that all workers of a test run share: the first who wants it starts it, the last one out stops it.

It starts without being waited for, so that other tests run meanwhile, and ends with the run even when that is killed:
a watch beside it looks for the run's process. It runs as somebody else when the tests run as root, where servers
refuse to, in a directory that everybody can reach; a home directory of root is closed, so the program is linked there.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from tests.peers.artefacts import Artefact, lock
from tests.program import eventually

NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--")

# Prints the server's number. Its output goes to $LOG. When the process $RUN has gone, the server and $DIR go too.
START = """
{
  "$@" > "$LOG" 2>&1 < /dev/null & server=$!
  echo $server
  exec > /dev/null 2>&1
  {
    while kill -0 "$RUN" && kill -0 $server; do sleep 1; done
    kill -0 "$RUN" || { kill $server; while kill -0 $server; do sleep 1; done; rm -rf "$DIR"; }
  } &
  wait $server
} &
"""


class SharedServer(ABC):
    """One kind of server. `begin`, as often as `ready` is asked, then `end` once."""

    artefact: Artefact

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        base = factory.getbasetemp()
        base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # of the run, not of this worker
        self._lock = base / f"{self.artefact.name}.lock"
        self._users = base / f"{self.artefact.name}.users"
        self._state = base / f"{self.artefact.name}.json"
        self._using: IO[str] | None = None
        self.state: dict[str, Any] = {}

    @abstractmethod
    def prepare(self, run: Path, home: Path) -> dict[str, Any]:
        """Configure it in `run`, with the program in `home`; returns what a user of it has to know."""

    @abstractmethod
    def command(self, run: Path, home: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        """How it is started: words and environment."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it is ready for work."""

    def begin(self) -> None:
        """Start it unless it runs; wait for nothing."""
        if self._using is not None:
            return
        with lock(self._lock):
            self._using = self._users.open("w")
            fcntl.flock(self._using, fcntl.LOCK_SH)
            if not self._state.exists():
                self._state.write_text(json.dumps(self._start()))
            self.state = json.loads(self._state.read_text())

    def ready(self, seconds: float = 90) -> None:
        """Wait until it answers."""
        self.begin()
        log = Path(self.state["run"]) / "log"

        def settled() -> bool:
            return not _alive(self.state["pid"]) or self.answers()

        try:
            eventually(settled, seconds, f"{self.artefact.name} answers")
            assert _alive(self.state["pid"]), f"{self.artefact.name} ended"
        except AssertionError as why:
            end = "\n".join(log.read_text("utf-8", "replace").splitlines()[-40:])
            raise AssertionError(f"{why}\n{end}") from None

    def end(self) -> None:
        """Stop it unless somebody else uses it."""
        if self._using is None:
            return
        with lock(self._lock), self._using:
            try:
                fcntl.flock(self._using, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            finally:
                self._using = None
            self._state.unlink()
            self._stop()

    def _start(self) -> dict[str, Any]:
        run = Path(tempfile.mkdtemp(prefix="otelsiem-peer-"))  # not the tests' own: only root can reach that
        home = self.artefact.path
        become: Sequence[str] = ()
        if os.geteuid() == 0:
            home, become = linked(home, run / "server"), NOBODY
        state = self.prepare(run, home)
        words, env = self.command(run, home)
        if become:
            for path in (run, *(p for p in run.rglob("*") if home not in (p, *p.parents))):
                shutil.chown(path, "nobody", "nogroup")
        started = subprocess.run(
            ["sh", "-c", START, "sh", *become, *words],
            env={**os.environ, **env, "HOME": str(run), "DIR": str(run), "LOG": str(run / "log"), "RUN": str(_run())},
            cwd=run,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop it
        )
        return {**state, "pid": int(started.stdout), "run": str(run)}

    def _stop(self) -> None:
        pid = self.state["pid"]
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            try:
                eventually(lambda: not _alive(pid), 20, f"{self.artefact.name} ends")
            except AssertionError:
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.state["run"], ignore_errors=True)


def linked(home: Path, place: Path) -> Path:
    """The same files elsewhere: hard links where that is one file system, else copies. Only root may change them."""
    try:
        shutil.copytree(home, place, copy_function=os.link)
    except (OSError, shutil.Error):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(home, place)
    return place


def _run() -> int:
    """The process of the whole test run."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
