"""What a long outage costs, and how fast it is caught up with.

The destination refuses connections while the subject takes the records; memory is looked at all the while. Then the
destination comes back, and the clock runs until it has everything. The drain is timed from its first request on: how
long a subject waits before it tries again is a setting, not a speed.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from otelsiem.otlp.encode import encode
from tests.benchmarks import load
from tests.benchmarks.measure import cpu_seconds, drained, peak_mb, pin, received, sink
from tests.benchmarks.records import standard
from tests.benchmarks.subjects import start
from tests.gateway_process import Gateway
from tests.program import eventually, free_port

SIZE = 512
QUICK = {"initial_interval": "500ms", "max_interval": "1s"}  # of retries: the same for every subject


@dataclass
class Outage:
    """One row."""

    subject: str
    records: int
    intake_per_second: float
    intake_us: float
    rss_tenth_mb: float  # when a tenth of the backlog was there
    rss_half_mb: float
    rss_full_mb: float
    disk_bytes_per_record: float
    drain_per_second: float
    drain_us: float
    rss_drain_mb: float  # the peak of the whole run


@dataclass
class Memory:
    """Looks at a process once in a while."""

    pid: int
    seen: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def share(self, part: float) -> float:
        """What it had when this part of the time had passed."""
        return round(self.seen[min(int(len(self.seen) * part), len(self.seen) - 1)], 1)

    def _look(self) -> None:
        while not self._over.wait(0.25):
            self.seen.append(now_mb(self.pid))

    def __enter__(self) -> Self:
        self.seen.append(now_mb(self.pid))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


def now_mb(pid: int) -> float:
    """The memory that a process has."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def measure(subject: str, records: int, *, pinned: bool) -> Outage:
    """One outage for one subject in a fresh process."""
    core = 1 if pinned else None
    requests = records // SIZE
    records = requests * SIZE
    body = encode(standard(SIZE))
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="otelsiem-bench-") as name:
        directory = Path(name)
        with start(subject, directory / "subject", port, retry=QUICK, queue=2 * requests) as running:
            pid = running.process.pid
            if pinned:
                pin(pid, 0)
            cpu, began = cpu_seconds(pid), time.perf_counter()
            with Memory(pid) as memory:
                load.run("http", running.http, body, SIZE, records, 16, 0.0, core)
            taken, spent = time.perf_counter() - began, cpu_seconds(pid) - cpu
            disk = _disk(directory / "subject")
            cpu = cpu_seconds(pid)
            with sink(directory, port):
                eventually(lambda: received(port) > 0, 120, "the first request after the outage")
                began = time.perf_counter()
                ended = drained(port)
                drain = cpu_seconds(pid) - cpu
            if isinstance(running, Gateway):
                eventually(lambda: running.metric("siem_queue_size") == 0, 60, "everything was delivered")
            return Outage(
                subject, records, round(records / taken), round(spent / records * 1e6, 2),
                memory.share(0.1), memory.share(0.5), memory.share(1.0), round(disk / records, 1),
                round(records / (ended - began)), round(drain / records * 1e6, 2), round(peak_mb(pid), 1),
            )  # fmt: skip


def _disk(directory: Path) -> int:
    return sum(os.stat(file).st_blocks * 512 for file in directory.rglob("*") if file.is_file())
