"""What one gateway costs: `python -m tests.benchmarks.gateway` prints a table; with --json the same as JSON.

A gateway process (SQLite journal, severity and constitution at the door, splunk_hec with gzip out) is fed over OTLP by
a load process and delivers to a sink process that answers like HEC and reads nothing. CPU is the subject's own user and
system time over the records acknowledged; the clock stops when the sink has everything. With --pin the subject has core
0 to itself and everything else core 1. With --collector the OpenTelemetry Collector does the same work in turn, round
by round. Machines are shared and noisy: compare figures of one run, never of two machines.

Scenes: `load` (as fast as it goes) and `paced` (--rate records a second), each also `+dead`: with a second exporter
whose destination refuses connections. The lag is the age of the oldest record that the living exporter has not
delivered yet, asked five times a second.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from otelsiem.otlp.encode import encode
from tests.benchmarks import load
from tests.benchmarks.records import standard
from tests.benchmarks.subjects import SUBJECTS, oldest, start
from tests.gateway_process import Gateway
from tests.program import Program, answers, eventually, free_port

TICKS = os.sysconf("SC_CLK_TCK")
SCENES = ("load", "load+dead", "paced", "paced+dead")
QUIET = 0.5  # seconds without a request at the sink: everything has been delivered


@dataclass
class Figures:
    """One row."""

    subject: str
    scene: str
    transport: str
    batch: int
    records: int
    records_per_second: float
    cpu_us_per_record: float
    peak_rss_mb: float
    ack_p50_ms: float
    ack_p99_ms: float
    refused: int
    lag_p50_ms: float
    lag_max_ms: float
    drain_seconds: float


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mb(pid: int) -> float:
    """The most memory that a process has had."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@contextmanager
def sink(directory: Path) -> Iterator[int]:
    """A running sink; its port."""
    port = free_port()
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


class Lag(threading.Thread):
    """Asks how far the living exporter is behind, while the load runs. The Collector cannot say: 0."""

    def __init__(self, running: Program) -> None:
        super().__init__(daemon=True)
        self._gateway = running if isinstance(running, Gateway) else None
        self._over = threading.Event()
        self._ages = [0.0]

    def run(self) -> None:
        while self._gateway is not None and not self._over.wait(0.2):
            self._ages.append(oldest(self._gateway) * 1000)

    def median(self) -> float:
        return round(statistics.median(self._ages), 1)

    def most(self) -> float:
        return round(max(self._ages), 1)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self.join()


def pin(pid: int, core: int) -> None:
    """Put every thread of a process on one core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def measure(args: argparse.Namespace, subject: str, scene: str, kind: str, size: int) -> Figures:
    """One scene in a fresh process."""
    core = 1 if args.pin else None
    with (
        tempfile.TemporaryDirectory(prefix="otelsiem-bench-") as name,
        sink(Path(name)) as port,
        start(subject, Path(name) / "subject", port, dead=scene.endswith("+dead")) as running,
    ):
        pid = running.process.pid
        if args.pin:
            pin(pid, 0)
        body = encode(standard(size))
        target: int = getattr(running, kind)
        load.run(kind, target, body, size, size * 16, 4, 0.0, core)  # warm
        drained(port)
        cpu, began = cpu_seconds(pid), time.perf_counter()
        rate = args.rate if scene.startswith("paced") else 0.0
        total = int(args.records if not rate else min(args.records, rate * args.seconds))
        with Lag(running) as lag:
            said = load.run(kind, target, body, size, total, args.flights, rate, core)
        acknowledged = time.perf_counter()
        ended = max(drained(port), acknowledged)
        spent = cpu_seconds(pid) - cpu
        records = total // size * size
        latencies = sorted(said["latencies"])
        return Figures(
                subject, scene, kind, size, records, round(records / (ended - began)),
                round(spent / records * 1e6, 2), round(peak_mb(pid), 1),
                round(statistics.median(latencies), 2), round(latencies[int(len(latencies) * 0.99)], 2),
                said["refused"], lag.median(), lag.most(), round(ended - acknowledged, 2),
            )  # fmt: skip


def median_of(rows: list[Figures]) -> Figures:
    """The median of each figure over rounds of the same scene."""
    merged = asdict(rows[0])
    for name, value in merged.items():
        if not isinstance(value, str):
            merged[name] = round(statistics.median([getattr(row, name) for row in rows]), 2)
    return Figures(**merged)


def table(rows: list[Figures]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| subject | scene | transport | batch | rec/s | CPU µs/rec | RSS MB | ack p50 / p99 ms | lag p50 / max ms |",
        "|---" * 9 + "|",
    ]
    lines += [
        f"| {r.subject} | {r.scene} | {r.transport} | {r.batch} | {r.records_per_second:,.0f} | {r.cpu_us_per_record} |"
        f" {r.peak_rss_mb:.0f} | {r.ack_p50_ms} / {r.ack_p99_ms} | {r.lag_p50_ms:.0f} / {r.lag_max_ms:.0f} |"
        for r in rows
    ]
    return "\n".join(lines)


def scenes(args: argparse.Namespace) -> Iterator[tuple[str, str, str, int]]:
    """Every subject of a scene before the next scene, so that they share the machine's mood."""
    for size in args.batch:
        for kind in args.transport:
            for scene in args.scene:
                for subject in SUBJECTS if args.collector else SUBJECTS[:1]:
                    if "+dead" not in scene or subject == "otelsiem":
                        yield subject, scene, kind, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=300_000, help="records per scene")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each scene; the median is printed")
    parser.add_argument("--batch", type=int, nargs="+", default=[512], help="records per request")
    parser.add_argument("--transport", nargs="+", default=["grpc", "http"], choices=["grpc", "http"])
    parser.add_argument("--scene", nargs="+", default=SCENES, choices=SCENES)
    parser.add_argument("--rate", type=float, default=10_000, help="records per second of the paced scene")
    parser.add_argument("--seconds", type=float, default=10, help="length of the paced scene")
    parser.add_argument("--flights", type=int, default=16, help="requests in flight")
    parser.add_argument("--pin", action="store_true", help="subject on core 0, everything else on core 1")
    parser.add_argument("--collector", action="store_true", help="the Collector beside us (tests.peers.prepare)")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    args = parser.parse_args()
    if args.pin:
        os.sched_setaffinity(0, {1})
    wanted = list(scenes(args))
    rounds = [[measure(args, *scene) for scene in wanted] for _ in range(args.rounds)]
    rows = [median_of([each[n] for each in rounds]) for n in range(len(wanted))]
    print(table(rows))
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
