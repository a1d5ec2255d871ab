"""A real server with a small application that audits, and what it was asked to: counted at a real receiver."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from otelsiem.testing.hec import Event, FakeHec
from tests.peers.artefacts import UWSGI
from tests.program import Program, answers, eventually, free_port

BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]
PATIENCE = 20.0  # seconds until something that must end counts as hung

WSGI, ASGI = "tests.life.apps.web:app", "tests.life.apps.asgi:app"


def gunicorn(port: int, *options: str) -> list[str]:
    """Two workers. No control socket: it would be one file for all gunicorns of this user."""
    app = ASGI if any("uvicorn" in option for option in options) else WSGI
    bound = ["-b", f"127.0.0.1:{port}", "-w", "2", "--graceful-timeout", "60", "--no-control-socket"]
    return [str(BIN / "gunicorn"), *bound, *options, app]


def uwsgi(port: int, *options: str) -> list[str]:
    """Two workers. It is compiled: a peer, so its tests are in `tests/peers`."""
    bound = ["--http-socket", f"127.0.0.1:{port}", "--master", "-p", "2", "--die-on-term", "--disable-logging"]
    return [str(UWSGI.path), "-H", sys.prefix, *bound, "--need-app", *options, "-w", WSGI]


class Site:
    """One life of a server. `kept`: names whose durable receipt was answered; `fired`: names of the others."""

    def __init__(self, hec: FakeHec, folder: Path, journal: bool = True, word: str = "", **env: str) -> None:
        self.hec, self.folder, self.word = hec, folder, word  # the names of events begin with the word
        self.env = {"LIFE_HEC": hec.url, "PYTHONPATH": str(ROOT), **env}
        if journal:
            self.env["LIFE_JOURNAL"] = str(folder / "journal")
        self.kept: set[str] = set()
        self.fired: set[str] = set()
        self.pids: set[int] = set()
        self._number = 0

    def start(self, server: Any, *options: str) -> Self:
        self.port = free_port()
        self.program = Program(server(self.port, *options), self.folder / "server.log", self.env)
        self.program.ready(lambda: answers(self.port), PATIENCE)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print(self.program.tail(60))
        for pid in self.pids | set(self.workers()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.program.stop(1)

    # --- asking it

    def get(self, path: str) -> dict[str, Any]:
        """The answer; asked again while the server is being restarted."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
                    told: dict[str, Any] = json.loads(answer.read())
                self.pids.add(told["pid"])
                return told
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def ask(self, number: int, fire: str = "/audit", keep: str = "/durable") -> None:
        """So many events of each kind, over all workers as they come."""
        for _ in range(number):
            self._number += 1
            fired, kept = f"{self.word}f{self._number}", f"{self.word}d{self._number}"
            self.get(f"{fire}?name={fired}")
            self.fired.add(fired)
            self.get(f"{keep}?name={kept}")
            self.kept.add(kept)

    def each(self, path: str, number: int = 2) -> dict[int, dict[str, Any]]:
        """The answers of so many workers."""
        told: dict[int, dict[str, Any]] = {}

        def all_of_them() -> bool:
            answer = self.get(path)
            told[answer["pid"]] = answer
            return len(told) >= number

        eventually(all_of_them, PATIENCE, f"{number} workers answer")
        return told

    # --- its processes

    def workers(self) -> list[int]:
        return children(self.program.process.pid)

    def end(self, pid: int, sign: signal.Signals) -> None:
        """One worker; returns when it is gone and the master has made another."""
        os.kill(pid, sign)
        eventually(lambda: pid not in self.workers() and len(self.workers()) == 2, PATIENCE, f"{pid} is replaced")

    def kill(self, *, workers: bool) -> None:
        """The master, with SIGKILL. Its workers too, or they notice and end by themselves."""
        pids = self.workers()
        self.program.kill()
        for pid in pids if workers else ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(map(alive, pids)), PATIENCE, "they are gone")

    def terminate(self, seconds: float = PATIENCE) -> int:
        """The master, as a supervisor does it."""
        self.program.process.terminate()
        return self.program.finish(seconds)


def children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alive(pid: int) -> bool:
    """Also of a process that is nobody's child any more; a zombie has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def name(event: Event) -> str:
    return str(event.event.get("metadata", {}).get("name"))


def arrived(hec: FakeHec) -> dict[str, set[str]]:
    """Name -> ids that it came with."""
    found: dict[str, set[str]] = {}
    for event in list(hec.events):
        found.setdefault(name(event), set()).add(event.event["event_id"])
    return found


def copies(hec: FakeHec) -> Counter[str]:
    return Counter(name(event) for event in list(hec.events))


def wait_for(hec: FakeHec, names: Iterable[str]) -> None:
    wanted = set(names)
    eventually(lambda: wanted <= arrived(hec).keys(), PATIENCE, f"{sorted(wanted - arrived(hec).keys())} arrive")


def once_each(threads: Sequence[str]) -> bool:
    """Whether no thread of ours is there twice; couriers have numbers, so they count too."""
    ours = [one for one in threads if one.startswith(("otelsiem", "courier", "journal"))]
    return len(ours) == len(set(ours))
