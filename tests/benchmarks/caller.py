"""What saying an event costs the application's thread: ours, the SDK with ours behind it, the SDK as it comes.

Each way runs in a process of its own and delivers to a sink in another one. Threads say the same record in bursts, at a
pace at which no queue should fill (what was dropped all the same is told), alone or beside a thread that only computes.
Each call is timed by itself; what the timer costs is measured in the same process and taken off. The first of a burst
finds nothing in the processor's caches and is told apart. The ways take turns; the figures are medians of the rounds.
`python -m tests.benchmarks.caller '{…}'` is one process.
"""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter, LogRecordExportResult

from otelsiem import AuditLog, AuditLogRecordProcessor, SiemLogExporter, SplunkHec
from tests.benchmarks.measure import sink
from tests.benchmarks.subjects import TOKEN

Way: TypeAlias = Literal[
    "a queue", "audit()", "audit(), journal", "SDK, AuditLog", "SDK, ours", "SDK, our exporter", "SDK, OTLP"
]  # fmt: skip
STOCK: Way = "SDK, OTLP"
HASH = "cdd01ef066bc6cf2"
WARM = 1_000  # calls before those that count
BURST = 200  # calls; then the thread sleeps
PACE = 1_000  # calls a second of all threads together
STEPS = 1_000  # of the loop that does nothing, once after each burst
CALM = 10  # ns of a step on a calm machine
HEADS = (
    "way", "threads", "beside", "calls", "dropped", "p50 µs", "p99 µs", "p99.9 µs", "first of a burst µs",
    "p50 × SDK, OTLP", "p99 × SDK, OTLP", "ns of a loop step", "p99 µs at 10 ns",
)  # fmt: skip


@dataclass(frozen=True)
class Given:
    """What one process is to measure."""

    way: Way
    threads: int
    busy: bool
    calls: int
    port: int
    directory: str


@dataclass(frozen=True)
class Found:
    """What it found."""

    p50_us: float
    p99_us: float
    p999_us: float
    first_us: float
    step_ns: float
    dropped: int  # by a queue that was full


@dataclass(frozen=True)
class Cost:
    """One row."""

    way: str
    threads: int
    beside: str
    calls: int
    dropped: int
    p50_us: float
    p99_us: float
    p999_us: float
    first_us: float
    p50_to_stock: float
    p99_to_stock: float
    step_ns: float
    p99_calm_us: float  # what p99 were where a step takes 10 ns


def measure(rounds: int, calls: int) -> list[Cost]:
    """All ways, with 1 and 4 threads, alone and beside a thread that computes."""
    scenes = [*itertools.product((1, 4), (False, True))]
    found: dict[tuple[Way, int, bool], list[Found]] = {}
    with tempfile.TemporaryDirectory(prefix="otelsiem-bench-") as name, sink(Path(name)) as port:
        for n, (threads, busy), way in itertools.product(range(rounds), scenes, get_args(Way)):
            directory = Path(name, f"{n}-{threads}-{busy}-{way.replace('/', '-')}")
            directory.mkdir()
            given = Given(way, threads, busy, calls, port, str(directory))
            found.setdefault((way, threads, busy), []).append(_process(given))
    return [_cost(key, found[key], found[STOCK, *key[1:]], calls * rounds) for key in found]


def _process(given: Given) -> Found:
    argv = [sys.executable, "-m", "tests.benchmarks.caller", json.dumps(asdict(given))]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SystemExit(f"{given}: {done.stderr}")
    return Found(**json.loads(done.stdout))


def _cost(key: tuple[Way, int, bool], found: list[Found], stock: list[Found], calls: int) -> Cost:
    way, threads, busy = key
    p50, p99 = (_median(found, name) for name in ("p50_us", "p99_us"))
    return Cost(
        way, threads, "a busy thread" if busy else "nothing", calls, sum([one.dropped for one in found]),
        p50, p99, _median(found, "p999_us"), _median(found, "first_us"),
        p50 / _median(stock, "p50_us"), p99 / _median(stock, "p99_us"), _median(found, "step_ns"),
        statistics.median([one.p99_us * CALM / one.step_ns for one in found]),
    )  # fmt: skip


def _median(found: list[Found], name: str) -> float:
    figures: list[float] = [getattr(one, name) for one in found]
    return statistics.median(figures)


# --- one process ------------------------------------------------------------------------------------------------------

Say: TypeAlias = Callable[[int], object]
Dropped: TypeAlias = Callable[[], int]  # asked at the end

_USERS = [f"user-{n:04d}" for n in range(997)]
_NAMES = [f"alice-{n:04d}" for n in range(997)]
_TENANTS = [f"tenant-{n}" for n in range(7)]
_HOSTS = [f"203.0.113.{n}" for n in range(250)]
_SESSIONS = [f"{n * 2654435761 % 2**32:08x}-session" for n in range(997)]
_SAID = "Failed login attempt from a workstation that is not known to us yet, and not the first of this kind today ..."


@contextmanager
def _audit(given: Given) -> Iterator[tuple[Say, Dropped]]:
    log = _log(given)

    def say(n: int) -> None:
        log.audit(
            "authentication_failure", outcome="failure", severity="info", message=_SAID, tenant=_TENANTS[n % 7],
            actor=_USERS[n % 997], actor_name=_NAMES[n % 997], address=_HOSTS[n % 250], session=_SESSIONS[n % 997],
            action="login", reason="password does not match", attempts=n % 9, status_code=401,
        )  # fmt: skip

    yield say, lambda: _dropped(log)
    log.close()


@contextmanager
def _queue(_: Given) -> Iterator[tuple[Say, Dropped]]:
    """The least that a call can be: what was said and when, put on a queue that a thread empties."""
    queue: deque[tuple[int, str, dict[str, Any]]] = deque()
    over = threading.Event()

    def audit(event: str, /, **given: Any) -> None:
        queue.append((time.time_ns(), event, given))

    def say(n: int) -> None:
        audit(
            "authentication_failure", outcome="failure", severity="info", message=_SAID, tenant=_TENANTS[n % 7],
            actor=_USERS[n % 997], actor_name=_NAMES[n % 997], address=_HOSTS[n % 250], session=_SESSIONS[n % 997],
            action="login", reason="password does not match", attempts=n % 9, status_code=401,
        )  # fmt: skip

    def empty() -> None:
        while not over.wait(0.05):
            queue.clear()

    thread = threading.Thread(target=empty)
    thread.start()
    yield say, lambda: 0
    over.set()
    thread.join()


@contextmanager
def _sdk(given: Given) -> Iterator[tuple[Say, Dropped]]:
    """Through a BatchLogRecordProcessor."""
    exporter: LogRecordExporter
    if given.way == STOCK:
        exporter = OTLPLogExporter(endpoint=f"http://127.0.0.1:{given.port}/v1/logs")
    else:
        exporter = SiemLogExporter(_hec(given.port))
    exported: list[int] = []
    export = exporter.export

    def counted(batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        exported.append(len(batch))
        return export(batch)

    exporter.export = counted  # type: ignore[method-assign]  # no class for three lines
    batches = BatchLogRecordProcessor(exporter)
    ours = given.way == "SDK, ours"
    said = itertools.count()
    with _emitting(AuditLogRecordProcessor(batches, constitution=HASH) if ours else batches) as emit:

        def say(n: int) -> None:
            next(said)
            emit(n)

        def dropped() -> int:
            batches.force_flush()
            return next(said) - sum(exported)

        yield say, dropped


@contextmanager
def _sdk_to_log(given: Given) -> Iterator[tuple[Say, Dropped]]:
    log = _log(given)
    with _emitting(AuditLogRecordProcessor(log)) as emit:
        yield emit, lambda: _dropped(log)
    log.close()


@contextmanager
def _emitting(processor: LogRecordProcessor) -> Iterator[Callable[[int], None]]:
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(processor)
    logger = provider.get_logger("audit", "1")

    def emit(n: int) -> None:
        logger.emit(
            event_name="authentication_failure", severity_number=SeverityNumber.INFO, severity_text="INFO", body=_SAID,
            attributes={
                "audit.outcome": "failure", "tenant.id": _TENANTS[n % 7], "user.id": _USERS[n % 997],
                "user.name": _NAMES[n % 997], "client.address": _HOSTS[n % 250], "session.id": _SESSIONS[n % 997],
                "audit.action": "login", "audit.reason": "password does not match", "attempts": n % 9,
                "http.response.status_code": 401,
            },
        )  # fmt: skip

    yield emit
    provider.shutdown()


def _log(given: Given) -> AuditLog:
    journal = given.directory if given.way == "audit(), journal" else None
    return AuditLog(_hec(given.port), journal=journal, constitution=HASH)


def _dropped(log: AuditLog) -> int:
    if not log.flush(60):
        raise SystemExit(f"not all of it was delivered: {log.metrics()}")
    return log.metrics().dropped + log.metrics().lost


def _hec(port: int) -> SplunkHec:
    return SplunkHec(endpoint=f"http://127.0.0.1:{port}", token=TOKEN)


def _way(given: Given) -> Callable[[Given], AbstractContextManager[tuple[Say, Dropped]]]:
    if given.way == "a queue":
        return _queue
    if given.way == "SDK, AuditLog":
        return _sdk_to_log
    return _audit if given.way.startswith("audit") else _sdk


def main() -> None:
    given = Given(**json.loads(sys.argv[1]))
    with _way(given)(given) as (say, dropped):
        _said_by(1, say, WARM)
        time.sleep(1)  # until what these have left behind is gone
        timer = statistics.median(chain(*_said_by(1, lambda _n: None, 2 * BURST)[0]))
        with _beside(given.busy):
            spent, steps = _said_by(given.threads, say, given.calls)
        lost = dropped()
    all_ = sorted(chain(*spent))
    first = statistics.median([one for mine in spent for one in mine[::BURST]])
    p50, p99, p999 = (all_[int(len(all_) * part)] for part in (0.5, 0.99, 0.999))
    us = [max(ns - timer, 0) / 1000 for ns in (p50, p99, p999, first)]
    print(json.dumps(asdict(Found(us[0], us[1], us[2], us[3], statistics.median(steps), lost))))


def _said_by(threads: int, say: Say, calls: int) -> tuple[list[list[int]], list[float]]:
    """The ns of each call, by thread; the ns of a step of the loop that does nothing, after each burst."""
    spent: list[list[int]] = [[] for _ in range(threads)]
    steps: list[float] = []

    def run(mine: list[int]) -> None:
        clock = time.perf_counter_ns
        for n in range(calls // threads):
            if not n % BURST:
                steps.append(_step())
                time.sleep(BURST * threads / PACE)
            began = clock()
            say(n)
            mine.append(clock() - began)

    callers = [threading.Thread(target=run, args=(mine,)) for mine in spent]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return spent, steps


@contextmanager
def _beside(busy: bool) -> Iterator[None]:
    """A thread that never waits for anything."""
    end = threading.Event()

    def compute() -> None:
        while not end.is_set():
            sum(range(1000))

    thread = threading.Thread(target=compute)
    if busy:
        thread.start()
    try:
        yield
    finally:
        end.set()
        if busy:
            thread.join()


def _step() -> float:
    began = time.perf_counter_ns()
    for _ in range(STEPS):
        pass
    return (time.perf_counter_ns() - began) / STEPS


if __name__ == "__main__":
    main()
