"""A program that a test starts: its output in a file, its end by its own process id.

A program that dies before it is ready fails the test at once, with the end of what it printed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

# Below the ports that the kernel gives to outgoing connections, and apart for each of the workers that share the tests:
# a port that is free when we look has to be free when its program binds it.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
_PORTS = itertools.cycle(range(11_000 + 2_500 * _WORKER, 11_000 + 2_500 * (_WORKER + 1)))
for _ in range(os.getpid() * 37 % 2_500):  # another run on this machine begins elsewhere
    next(_PORTS)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now, and that is not given out again soon."""
    for port in _PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("the ports never end")


def answers(port: int) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def eventually(check: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask until the answer is yes. For what another process does and tells nobody about; fails loudly at the end."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


class Program:
    """One running program. As a context manager it is stopped at the end of the block."""

    def __init__(self, argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.argv = list(argv)
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
            )

    def ready(self, check: Callable[[], bool], seconds: float = 30) -> Self:
        """Wait until it is ready; if it ends or is late, stop it and say what it printed."""
        try:
            eventually(lambda: self.ended() or check(), seconds, f"{self.argv[0]} ready")
        except AssertionError as late:
            self.stop()
            raise AssertionError(f"{late}\n{self.tail()}") from None
        if self.ended():
            raise AssertionError(f"{self.argv} ended with {self.process.returncode}\n{self.tail()}")
        return self

    def ended(self) -> bool:
        """Whether it is no longer running."""
        return self.process.poll() is not None

    def finish(self, seconds: float = 60) -> int:
        """Wait for its own end and return its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.argv} still ran after {seconds:g} s\n{self.tail()}") from None

    def stop(self, seconds: float = 20) -> int:
        """SIGTERM, then SIGKILL; returns the exit code."""
        if not self.ended():
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """SIGKILL: what a crash looks like from outside."""
        self.process.kill()
        return self.process.wait()

    def tail(self, lines: int = 40) -> str:
        """The end of what it printed."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
