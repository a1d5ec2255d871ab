"""How a process under measurement is looked at: its CPU, its memory, its core, and the sink that it delivers to."""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.program import Program, answers, eventually, free_port

TICKS = os.sysconf("SC_CLK_TCK")
QUIET = 0.5  # seconds without a request at the sink: everything has been delivered


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid: int) -> float:
    """The most memory that a process has had."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@contextmanager
def sink(directory: Path, port: int = 0) -> Iterator[int]:
    """A running sink; its port."""
    port = port or free_port()
    argv = [sys.executable, "-m", "tests.benchmarks.sink", str(port)]
    with Program(argv, directory / "sink.log") as program:
        program.ready(lambda: answers(port))
        yield port


def received(port: int) -> int:
    """Requests that the sink has taken."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as reply:
        return int(reply.read())


def drained(port: int) -> float:
    """Wait until the sink is quiet; the time at which the last request came, as far as the eye can see."""
    last, since = received(port), time.perf_counter()

    def quiet() -> bool:
        nonlocal last, since
        now = received(port)
        if now != last:
            last, since = now, time.perf_counter()
        return time.perf_counter() - since > QUIET

    eventually(quiet, 900, "the sink has everything")
    return since


def pin(pid: int, core: int) -> None:
    """Put every thread of a process on one core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})
