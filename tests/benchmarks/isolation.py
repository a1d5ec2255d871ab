"""What a dead destination costs the living one beside it on the same gateway (P5), in the age of events on arrival.

Paced records go to a gateway with one living exporter, then to one that has a dead exporter as well: one whose port is
closed, one that takes requests and never answers, one that always says 503. The two are measured in turn, and each pair
gives a ratio of their p99: machines have moods, so the median of the ratios is what counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from otelsiem.otlp.encode import encode
from otelsiem.testing.http import Hang, HttpServer, Respond
from tests.benchmarks.measure import pin
from tests.benchmarks.records import standard
from tests.benchmarks.subjects import TOKEN
from tests.gateway_process import Gateway
from tests.program import Program, answers, eventually, free_port

DEAD = ("refuses", "hangs", "errs")
SIZE = 50  # records of a request
HEADS = ("the other one", "runs", "p99 alone ms", "p99 beside it ms", "median ratio", "worst ratio")


@dataclass(frozen=True)
class Isolation:
    """One row."""

    dead: str
    runs: int
    alone_p99_ms: float
    beside_p99_ms: float
    median_ratio: float
    worst_ratio: float


def measure(dead: str, runs: int, rate: float, seconds: float, *, pinned: bool) -> Isolation:
    """So many pairs, alone and beside it."""
    pairs = [(_p99("", rate, seconds, pinned=pinned), _p99(dead, rate, seconds, pinned=pinned)) for _ in range(runs)]
    ratios = [beside / alone for alone, beside in pairs]
    alone, beside = (statistics.median(side) * 1000 for side in zip(*pairs, strict=True))
    return Isolation(dead, runs, alone, beside, statistics.median(ratios), max(ratios))


def _p99(dead: str, rate: float, seconds: float, *, pinned: bool) -> float:
    with (
        tempfile.TemporaryDirectory(prefix="otelsiem-bench-") as name,
        _stopwatch(Path(name)) as port,
        _second(dead) as url,
    ):
        exporters: dict[str, Any] = {"splunk_hec/live": {"endpoint": f"http://127.0.0.1:{port}", "token": TOKEN}}
        if url:
            exporters["splunk_hec/dead"] = {"endpoint": url, "token": TOKEN, "timeout": "2s"}
        with Gateway(Path(name) / "gateway", exporters, {"severity": {}}) as gateway:
            if pinned:
                pin(gateway.process.pid, 0)
                os.sched_setaffinity(0, {1})
            _ages(port)
            sent = _send(gateway.http, rate, seconds)
            ages: list[float] = []

            def everything() -> bool:
                ages.extend(_ages(port))
                return len(ages) >= sent

            eventually(everything, 60, "the living one has everything")
    assert len(ages) == sent, f"{len(ages)} events of {sent}"
    return statistics.quantiles(ages, n=100)[98]


def _send(port: int, rate: float, seconds: float) -> int:
    """Requests at an even pace, each event as old as its request; how many records were acknowledged."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    began, requests = time.perf_counter(), int(rate * seconds / SIZE)
    for number in range(requests):
        time.sleep(max(number * SIZE / rate - (time.perf_counter() - began), 0))
        connection.request("POST", "/v1/logs", encode(standard(SIZE)), {"Content-Type": "application/x-protobuf"})
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200, reply.status
    connection.close()
    return requests * SIZE


@contextlib.contextmanager
def _second(dead: str) -> Iterator[str]:
    """The URL of the other destination, "" for none."""
    if dead in {"", "refuses"}:
        yield f"http://127.0.0.1:{free_port()}" if dead else ""
        return
    with HttpServer(lambda _: Hang() if dead == "hangs" else Respond(503), keep=False) as server:
        yield server.url


@contextlib.contextmanager
def _stopwatch(directory: Path) -> Iterator[int]:
    port = free_port()
    argv = [sys.executable, "-m", "tests.benchmarks.stopwatch", str(port)]
    with Program(argv, directory / "stopwatch.log") as program:
        program.ready(lambda: answers(port))
        yield port


def _ages(port: int) -> list[float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as reply:
        ages: list[float] = json.load(reply)
        return ages
