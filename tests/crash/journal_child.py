"""A process that works a journal hard and is killed: appends, leases and settles, and says what it was promised.

argv: directory, seed, point to die at ("" = the parent kills), how many times the point is passed before. Lines out:
`A first count` acknowledged, `L exporter start stop` lent, `X` wrong content, `R` at work.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import threading
import time
import zlib
from typing import TYPE_CHECKING, cast

from otelsiem.journal.journal import Append, Cursor, Pending
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Death, Later, Receipt
from otelsiem.model.processor import Refused
from otelsiem.model.record import Batch, Group, Record, Scope, records

if TYPE_CHECKING:
    from otelsiem.journal.tables import Tables

EXPORTERS = ("plain", "partial", "chaos", "idle")


def say(line: str) -> None:
    os.write(1, (line + "\n").encode())  # one write per line: a kill cuts between lines


def record(number: int) -> Record:
    name = f"{os.getpid()}-{number}"
    return Record(id=name, time=1, body="b" * (number % 200), attributes={"check": zlib.crc32(name.encode())})


def fates(draw: random.Random, count: int, exporter: str) -> Receipt:
    if exporter in {"plain", "eager"}:
        return Receipt()
    if exporter == "partial":
        return Receipt(released=[n for n in range(count) if draw.random() < 0.3] if draw.random() < 0.5 else ())
    receipt: tuple[dict[int, Death], dict[int, Later], dict[int, str], list[int]] = ({}, {}, {}, [])
    for n in draw.sample(range(count), min(count, 8)):
        match draw.randrange(4):
            case 0:
                receipt[0][n] = Death("refused", 1)
            case 1:
                receipt[1][n] = Later(time.time_ns() + draw.randrange(200_000_000), "suspect", 1)
            case 2:
                receipt[2][n] = "match"
            case _:
                receipt[3].append(n)
    return Receipt(*receipt)


def courier(journal: SqliteJournal, cursor: Cursor, seed: int) -> None:
    draw = random.Random(seed)
    while True:
        lease = journal.lease(cursor, Limits(draw.choice((10, 300, 1000)), age=0.005), 1.0)
        if lease is None:
            continue
        found = list(records(lease.batch))
        if len(found) != lease.count or any(zlib.crc32(r.id.encode()) != r.attributes["check"] for r in found):
            say("X")
        for start, stop in lease.spans:
            say(f"L {cursor.exporter} {start} {stop}")
        if draw.random() < 0.2:
            time.sleep(draw.random() * 0.01)  # settle out of order
        journal.settle(lease, fates(draw, lease.count, cursor.exporter))


def acknowledged(group: list[Pending]) -> None:
    for pending in group:
        if pending.error is None and pending.positions is not None:
            say(f"A {pending.positions[0].first} {pending.positions[0].count}")


def batch(draw: random.Random, number: int, size: int) -> Batch:
    return [Group({"service.name": "crash"}, Scope(), [record(n) for n in range(number, number + size)])]


def main() -> None:
    directory, seed, point, passes = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    draw = random.Random(seed)
    left = [passes]

    def at(here: str) -> None:
        if here == point:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    journal = SqliteJournal(directory, min_free_mib=0, reserve_mib=1, at=at if point else None)
    cursors = [journal.attach("logs", name, "beginning") for name in EXPORTERS]
    cursors.append(journal.attach("logs/copy", "eager", "beginning"))  # where nobody lags, entries are deleted
    if point == "reserve.unlinked":  # a disk that is full soon
        db = cast("Tables", journal._shelf)._db
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count={pages + 40}")
    say("R")
    for n, cursor in enumerate(cursors):
        if cursor.exporter != "idle":
            for m in range(2):
                threading.Thread(target=courier, args=(journal, cursor, seed + n * 10 + m), daemon=True).start()
    number = 0
    while True:
        size = draw.choice((1, 1, 1, 7, 60, 512))
        refused = [Refused(batch(draw, number, 1)[0], "odd")] if draw.random() < 0.05 else []
        append = Append("logs", batch(draw, number, size), {"rule": 1} if draw.random() < 0.1 else {}, refused)
        if journal.append([append, Append("logs/copy", batch(draw, number, 1))], acknowledged).error is not None:
            time.sleep(0.005)
        number += size
        if draw.random() < 0.02:
            journal.replay("chaos")
        if draw.random() < 0.005:
            journal.purge("chaos")
        if draw.random() < 0.3:
            time.sleep(draw.random() * 0.004)


if __name__ == "__main__":
    try:
        main()
    except (sqlite3.Error, OSError) as error:
        say(f"E {error}")
        raise
