"""How long a subject takes to be ready, and ours with a backlog.

Fills a journal as the door would, kills the process that did (so that the WAL is left as a crash leaves it), and starts
a gateway on it whose destination refuses connections. Beside it the same start on an empty journal: the difference is
what the backlog costs. Run as a program it is the one that fills and dies: `… tests.benchmarks.start FOLDER RECORDS`.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from otelsiem.journal.journal import Append, Pending
from otelsiem.journal.sqlite import SqliteJournal
from tests.benchmarks.measure import peak_mb
from tests.benchmarks.records import standard
from tests.benchmarks.subjects import start
from tests.gateway_process import Gateway
from tests.program import free_port

SIZE = 512
IN_FLIGHT = 32


def fill(directory: Path, records: int) -> None:
    """Append until there are so many, then die without closing."""
    journal = SqliteJournal(directory)
    journal.attach("logs", "splunk_hec/live")
    batch = standard(SIZE)
    room = threading.Semaphore(IN_FLIGHT)

    def durable(group: list[Pending]) -> None:
        for pending in group:
            assert pending.error is None, pending.error
            room.release()

    for _ in range(records // SIZE):
        room.acquire()
        journal.append([Append("logs", batch)], durable)
    for _ in range(IN_FLIGHT):
        room.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Started:
    """One row."""

    subject: str
    pending: int
    ready_seconds: float
    peak_rss_mb: float


def measure(records: int, rounds: int, subjects: Sequence[str]) -> list[Started]:
    """Starts of every subject with nothing pending, and of ours with a backlog, taking turns; medians."""
    with tempfile.TemporaryDirectory(prefix="otelsiem-start-") as name:
        full = Path(name) / "full"
        argv = [sys.executable, "-m", "tests.benchmarks.start", str(full / "journal"), str(records)]
        ended = subprocess.run(argv, check=False).returncode
        if ended != -signal.SIGKILL:
            raise SystemExit(f"filling the journal ended with {ended}")
        each = [
            [*[_once(subject, Path(name) / f"{subject}-{n}") for subject in subjects], _once("otelsiem", full)]
            for n in range(rounds)
        ]
    return [_median([row[n] for row in each]) for n in range(len(subjects) + 1)]


def _once(subject: str, directory: Path) -> Started:
    """From the start of the process until it takes records."""
    began = time.perf_counter()
    with start(subject, directory, free_port()) as running:
        seconds = time.perf_counter() - began
        pending = int(running.metric("siem_queue_size")) if isinstance(running, Gateway) else 0
        return Started(subject, pending, seconds, peak_mb(running.process.pid))


def _median(rows: Sequence[Started]) -> Started:
    seconds = statistics.median([each.ready_seconds for each in rows])
    memory = statistics.median([each.peak_rss_mb for each in rows])
    return Started(rows[0].subject, rows[0].pending, round(seconds, 2), round(memory))


if __name__ == "__main__":
    fill(Path(sys.argv[1]), int(sys.argv[2]))
