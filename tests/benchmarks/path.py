"""What the whole path costs: OTLP in, durable, HEC out.

A gateway process (SQLite journal, severity and constitution at the door, splunk_hec with gzip out) is fed over OTLP by
a load process and delivers to a sink process that answers like HEC and reads nothing. CPU is the subject's own user and
system time over the records acknowledged; the clock stops when the sink has everything. Pinned, the subject has core 0
to itself and everything else core 1. The OpenTelemetry Collector does the same work in turn, round by round.

Scenes: `load` (as fast as it goes) and `paced` (so many records a second), each also `+dead`: with a second exporter
whose destination refuses connections. The lag is the age of the oldest record that the living exporter has not
delivered yet, asked five times a second.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from otelsiem.otlp.encode import encode
from tests.benchmarks import load
from tests.benchmarks.measure import cpu_seconds, drained, peak_mb, pin, sink
from tests.benchmarks.records import standard
from tests.benchmarks.subjects import LEAST, oldest, start
from tests.gateway_process import Gateway
from tests.program import Program

SCENES = ("load", "load+dead", "paced", "paced+dead")
FLIGHTS = 16  # requests in flight


@dataclass(frozen=True)
class Scene:
    """What is measured in one row."""

    subject: str
    name: str
    transport: str
    batch: int
    records: int
    rate: float = 0.0  # records a second; 0 = as fast as it goes


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


def measure(scene: Scene, *, pinned: bool) -> Figures:
    """One scene in a fresh process."""
    core = 1 if pinned else None
    size = scene.batch
    with (
        tempfile.TemporaryDirectory(prefix="otelsiem-bench-") as name,
        sink(Path(name)) as port,
        start(scene.subject, Path(name) / "subject", port, dead=scene.name.endswith("+dead")) as running,
    ):
        pid = running.process.pid
        if pinned:
            pin(pid, 0)
        body = encode(standard(size))
        target: int = getattr(running, scene.transport)
        load.run(scene.transport, target, body, size, size * 16, 4, 0.0, core)  # warm
        drained(port)
        cpu, began = cpu_seconds(pid), time.perf_counter()
        with Lag(running) as lag:
            said = load.run(scene.transport, target, body, size, scene.records, FLIGHTS, scene.rate, core)
        acknowledged = time.perf_counter()
        ended = max(drained(port), acknowledged)
        spent = cpu_seconds(pid) - cpu
        records = scene.records // size * size
        latencies = sorted(said["latencies"])
        return Figures(
                scene.subject, scene.name, scene.transport, size, records, round(records / (ended - began)),
                round(spent / records * 1e6, 2), round(peak_mb(pid), 1),
                round(statistics.median(latencies), 2), round(latencies[int(len(latencies) * 0.99)], 2),
                said["refused"], lag.median(), lag.most(), round(ended - acknowledged, 2),
            )  # fmt: skip


def rounds_of(scenes: Sequence[Scene], rounds: int, *, pinned: bool) -> list[Figures]:
    """The median of each figure over rounds, in which the scenes take turns: they share the machine's moods."""
    each = [[measure(scene, pinned=pinned) for scene in scenes] for _ in range(rounds)]
    return [_median([row[n] for row in each]) for n in range(len(scenes))]


def _median(rows: Sequence[Figures]) -> Figures:
    merged = asdict(rows[0])
    for name, value in merged.items():
        if not isinstance(value, str):
            merged[name] = round(statistics.median([getattr(row, name) for row in rows]), 2)
    return Figures(**merged)


def full_load(
    subjects: Sequence[str], transports: Sequence[str], sizes: Sequence[int], records: int
) -> Iterator[Scene]:
    """As fast as it goes, for every size of request; small ones are fewer records, because they take longer."""
    for size in sizes:
        for transport in transports:
            for subject in [*subjects, LEAST] if transport == "grpc" else subjects:
                yield Scene(subject, "load", transport, size, min(records, size * 5_000))


def beside_trouble(subjects: Sequence[str], transports: Sequence[str], rate: float, seconds: float) -> Iterator[Scene]:
    """At a calm pace, and both scenes beside a dead destination."""
    for transport in transports:
        for name in SCENES[1:]:
            for subject in subjects:
                if "+dead" in name and subject != "otelsiem":
                    continue
                paced = name.startswith("paced")
                yield Scene(subject, name, transport, 512, int(rate * seconds), rate if paced else 0.0)


HEADS = (
    "subject", "scene", "transport", "records per request", "records/s", "CPU µs/record", "peak RSS MB",
    "ack p50 ms", "ack p99 ms", "lag p50 ms", "lag max ms",
)  # fmt: skip


def row(found: Figures) -> list[object]:
    """The cells of a row under these heads."""
    ours = found.subject == "otelsiem"
    return [
        found.subject, found.scene, found.transport, int(found.batch), found.records_per_second,
        found.cpu_us_per_record, found.peak_rss_mb, found.ack_p50_ms, found.ack_p99_ms,
        found.lag_p50_ms if ours else "", found.lag_max_ms if ours else "",
    ]  # fmt: skip
