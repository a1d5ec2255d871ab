"""Everything that is said about speed, by one command: `python -m tests.benchmarks`.

Prints tables; `--json FILE` writes the same figures as JSON, `--write docs/reference/performance.md` puts the tables
into the page. Machines are shared and noisy: compare figures of one run, never of two machines. Everything stays on
loopback and is bounded by `--records`, `--backlog` and `--seconds`; `--quick` is a run of two minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sqlite3
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks import backlog, caller, formats, isolation, path, report, start
from tests.benchmarks.subjects import SUBJECTS
from tests.peers.artefacts import COLLECTOR

LESS = 1_000_000  # records of the Collector's outage: enough to see how it grows
PARTS = ("path", "trouble", "isolation", "start", "backlog", "formats", "caller")
ALONE = frozenset({"formats", "caller"})  # which say their machine themselves: they are made again more often


def main() -> None:
    args = _arguments()
    if args.pin:
        os.sched_setaffinity(0, {1})
    subjects = SUBJECTS if COLLECTOR.path.exists() else SUBJECTS[:1]
    if len(subjects) == 1:
        print("the Collector is not prepared, so we run alone: python3 -m tests.peers.prepare collector\n")
    parts: dict[str, Callable[[], tuple[str, Sequence[Any]]]] = {
        "path": lambda: _path([*path.full_load(subjects, args.transport, args.batch, args.records)], args),
        "trouble": lambda: _path([*path.beside_trouble(subjects, args.transport, args.rate, args.seconds)], args),
        "isolation": lambda: _isolation(
            [
                isolation.measure(dead, 1 if args.quick else 5, args.rate / 4, args.seconds, pinned=args.pin)
                for dead in isolation.DEAD
            ]
        ),
        "start": lambda: _start(start.measure(args.backlog, 1 if args.quick else 5, subjects)),
        "backlog": lambda: _backlog(
            [
                backlog.measure(
                    subject, args.backlog if subject == "otelsiem" else min(args.backlog, LESS), pinned=args.pin
                )
                for subject in subjects
                if "memory" not in subject
            ]
        ),
        "formats": lambda: _formats(formats.measure(5 if args.quick else 100)),
        "caller": lambda: _caller(caller.measure(1, 1_000) if args.quick else caller.measure(3, 3_000)),
    }
    figures: dict[str, Any] = {"machine": _machine()}
    for name in args.part:
        text, rows = parts[name]()
        figures[name] = [asdict(row) for row in rows]
        print(f"{text}\n", flush=True)
        if args.write:
            report.put(args.write, name, text)
    if args.write and not ALONE.issuperset(args.part):
        report.put(
            args.write, "machine", f"{figures['machine']}; `python -m tests.benchmarks {shlex.join(sys.argv[1:])}`."
        )
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")


def _path(scenes: Sequence[path.Scene], args: argparse.Namespace) -> tuple[str, Sequence[Any]]:
    rows = path.rounds_of(scenes, args.rounds, pinned=args.pin)
    return report.table(path.HEADS, [path.row(found) for found in rows]), rows


def _isolation(rows: Sequence[isolation.Isolation]) -> tuple[str, Sequence[Any]]:
    return report.table(isolation.HEADS, [list(asdict(r).values()) for r in rows]), rows


def _formats(rows: Sequence[formats.Figures]) -> tuple[str, Sequence[Any]]:
    return f"{_machine()}.\n\n{report.table(formats.HEADS, [formats.row(r) for r in rows])}", rows


def _caller(rows: Sequence[caller.Cost]) -> tuple[str, Sequence[Any]]:
    return f"{_machine()}.\n\n{report.table(caller.HEADS, [list(asdict(r).values()) for r in rows])}", rows


def _start(rows: Sequence[start.Started]) -> tuple[str, Sequence[Any]]:
    heads = ("subject", "pending", "ready after s", "peak RSS MB")
    return report.table(heads, [[r.subject, r.pending, r.ready_seconds, r.peak_rss_mb] for r in rows]), rows


def _backlog(rows: Sequence[backlog.Outage]) -> tuple[str, Sequence[Any]]:
    heads = (
        "subject", "records", "intake/s", "µs/record", "RSS MB at a tenth", "at half", "at the end",
        "bytes on disk/record", "drain/s", "µs/record", "peak RSS MB",
    )  # fmt: skip
    return report.table(heads, [list(asdict(r).values()) for r in rows]), rows


def _machine() -> str:
    model = next((x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")), ": unknown")
    cores = f"{os.cpu_count()} cores of {model.partition(': ')[2]}"
    return f"{cores}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, pure Python"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", default=PARTS, choices=PARTS, help="what to measure")
    parser.add_argument("--records", type=int, default=300_000, help="records of a scene at full load")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each scene; the median is printed")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 50, 512, 2000], help="records per request")
    parser.add_argument("--transport", nargs="+", default=["grpc", "http"], choices=["grpc", "http"])
    parser.add_argument("--rate", type=float, default=10_000, help="records a second of the paced scenes")
    parser.add_argument("--seconds", type=float, default=6, help="their length")
    parser.add_argument("--backlog", type=int, default=5_000_000, help="records of an outage")
    parser.add_argument("--pin", action="store_true", help="the subject on core 0, everything else on core 1")
    parser.add_argument("--quick", action="store_true", help="small numbers: does it run at all?")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--write", type=Path, help="put the tables into this page")
    args = parser.parse_args()
    if args.quick:
        args.records, args.rounds, args.seconds, args.backlog = 20_000, 1, 1, 50_000
    return args


if __name__ == "__main__":
    main()
