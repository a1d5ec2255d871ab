"""What the SQLite journal costs: CPU per record while it takes and lends, and the time to open it with a backlog.

    taskset -c 1 python tests/benchmarks/journal.py --records 1000000 --exporters 1 4 --backlog 1000000

Records as in the study of the prototype: ten attributes, an 80-character body. The destination is a no-op. Making
fresh records (in place of decoding a request) is measured beside it and taken off.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from otelsiem.journal.journal import Append, Cursor, Pending
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Receipt
from otelsiem.model.record import Batch, Group, Record, Scope, Value

IN_FLIGHT = 128  # appends


def request(size: int) -> bytes:
    """A request's records, packed: unpacking it makes fresh ones."""
    made = [
        Record(
            f"0198c0de-{n:012x}",
            1_700_000_000_000_000_000 + n,
            1_700_000_000_000_000_100 + n,
            9,
            "INFO",
            "authentication_success",
            f"User u-{n} logged in from a place that is described in about eighty characters"[:80],
            {
                "user.id": f"u-{n}",
                "user.name": f"name {n % 97}",
                "tenant.id": f"tenant-{n % 7}",
                "client.address": f"203.0.113.{n % 250}",
                "client.port": 1024 + n,
                "session.id": f"session-{n * 7919 % 100003}",
                "audit.action": "login",
                "audit.outcome": "success",
                "attempts": n % 3,
                "http.request.id": f"{n * 104729:016x}",
            },
            f"{n * 6364136223846793005 % (1 << 128):032x}",
            f"{n * 1442695040888963407 % (1 << 64):016x}",
        )
        for n in range(size)
    ]
    resource: dict[str, Value] = {"service.name": "bench", "host.name": "h", "service.version": "1", "env": "test"}
    return msgspec.msgpack.encode([Group(resource, Scope("scope"), made)])


def courier(journal: SqliteJournal, cursor: Cursor, stop: threading.Event) -> None:
    limits = Limits()
    while not stop.is_set():
        lease = journal.lease(cursor, limits, 0.2)
        if lease is not None:
            journal.settle(lease, Receipt())


def produce(journal: SqliteJournal, packed: bytes, appends: int) -> float:
    """Append as fast as it is taken; the CPU seconds that making records cost."""
    decode = msgspec.msgpack.Decoder(list[Group]).decode
    room = threading.Semaphore(IN_FLIGHT)
    failed: list[Pending] = []

    def wake(group: list[Pending]) -> None:
        failed.extend(pending for pending in group if pending.error is not None)
        room.release(len(group))

    made = 0.0
    for _ in range(appends):
        room.acquire()
        began = time.thread_time()
        batch: Batch = decode(packed)
        made += time.thread_time() - began
        while (refusal := journal.append([Append("logs", batch)], wake).error) is not None:
            if not journal.stats().ready:
                raise refusal
            time.sleep(0.001)
    for _ in range(IN_FLIGHT):
        room.acquire()
    if failed:
        raise SystemExit(f"{len(failed)} appends failed: {failed[0].error}")
    return made


def throughput(directory: Path, records: int, size: int, exporters: int) -> str:
    packed, appends = request(size), records // size
    journal = SqliteJournal(directory)
    stop = threading.Event()
    cursors = [journal.attach("logs", f"exporter-{n}") for n in range(exporters)]
    threads = [threading.Thread(target=courier, args=(journal, c, stop)) for c in cursors for _ in range(2)]
    for thread in threads:
        thread.start()
    cpu, wall = time.process_time(), time.perf_counter()
    made = produce(journal, packed, appends)
    taken = time.perf_counter() - wall
    while any(counts.pending for counts in journal.stats().exporters):
        time.sleep(0.005)
    used = time.process_time() - cpu - made
    stop.set()
    for cursor in cursors:
        journal.wake(cursor)
    for thread in threads:
        thread.join()
    journal.close()
    done = appends * size
    rate = done / taken / 1000
    return (
        f"{exporters} exporters, appends of {size}: {used / done * 1e6:.2f} us CPU per record, {rate:.0f} k records/s"
    )


def opening(directory: Path, backlog: int) -> str:
    journal = SqliteJournal(directory)
    journal.attach("logs", "dead")
    produce(journal, request(512), backlog // 512)
    journal.close()
    began = time.perf_counter()
    journal = SqliteJournal(directory)
    opened = time.perf_counter()
    cursor = journal.attach("logs", "dead")
    lease = journal.lease(cursor, Limits(age=0.0), 1.0)
    lent = time.perf_counter()
    pending = journal.counts(cursor).pending
    journal.close()
    if lease is None or lease.count != 1000:
        raise SystemExit("the backlog was not there")
    return f"{pending} pending: open {(opened - began) * 1e3:.1f} ms, first lease {(lent - opened) * 1e3:.1f} ms later"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--size", type=int, default=512, help="records per append")
    parser.add_argument("--exporters", type=int, nargs="*", default=[1, 4])
    parser.add_argument(
        "--backlog", type=int, default=1_000_000, help="records pending at the opening; 0 = not measured"
    )
    parser.add_argument("--directory", type=Path, help="on the disk to be measured (default: a temporary one)")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=options.directory))
    try:
        for exporters in options.exporters:
            print(throughput(root / f"of-{exporters}", options.records, options.size, exporters), flush=True)
        if options.backlog:
            print(opening(root / "backlog", options.backlog), flush=True)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
