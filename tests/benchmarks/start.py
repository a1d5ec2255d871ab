"""How long a gateway takes to be ready with a backlog: `python -m tests.benchmarks.start --records 5000000`.

Fills a journal as the door would, kills the process that did (so that the WAL is left as a crash leaves it), and starts
a gateway on it whose destination refuses connections. Beside it the same start on an empty journal: the difference is
what the backlog costs. Prints a table.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from otelsiem.journal.journal import Append, Pending
from otelsiem.journal.sqlite import SqliteJournal
from tests.benchmarks.gateway import peak_mb
from tests.benchmarks.records import standard
from tests.gateway_process import Gateway
from tests.program import free_port

SIZE = 512
IN_FLIGHT = 32


def fill(directory: Path, records: int) -> None:
    """Append until there are so many, then die without closing."""
    journal = SqliteJournal(directory, max_size_mib=16384)
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


def start(directory: Path) -> tuple[float, float, float]:
    """Seconds from the start of the process until it takes records, MiB of memory then, and the records pending."""
    hec = {"endpoint": f"http://127.0.0.1:{free_port()}", "token": "bench-token"}
    began = time.perf_counter()
    with Gateway(directory, {"splunk_hec/live": hec}, {"severity": {}}, journal={"max_size_mib": 16384}) as gateway:
        seconds = time.perf_counter() - began
        return seconds, peak_mb(gateway.process.pid), gateway.metric("siem_queue_size")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="starts of each kind, taking turns")
    parser.add_argument("--fill", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.fill:
        fill(args.fill, args.records)
    with tempfile.TemporaryDirectory(prefix="otelsiem-start-") as name:
        full, empty = Path(name) / "full", Path(name) / "empty"
        argv = [sys.executable, "-m", "tests.benchmarks.start", "--records", str(args.records), "--fill"]
        ended = subprocess.run([*argv, str(full / "journal")], check=False).returncode
        if ended != -signal.SIGKILL:
            raise SystemExit(f"filling the journal ended with {ended}")
        rounds = [(start(empty), start(full)) for _ in range(args.rounds)]
    print(f"| journal | pending | ready after s, median of {args.rounds} | peak RSS MB |\n|---|---|---|---|")
    for label, starts in zip(("empty", "backlog"), zip(*rounds, strict=True), strict=True):
        seconds, memory, pending = (statistics.median(values) for values in zip(*starts, strict=True))
        print(f"| {label} | {pending:,.0f} | {seconds:.2f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
