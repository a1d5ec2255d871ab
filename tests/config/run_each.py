"""A program: `otelsiem run` with each file that is named, and whether anything was opened, made or written.

Prints one line of JSON: for each file the exit code, and the audit events (PEP 578) that say so.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

from otelsiem.cli.app import app

WATCHED = ("socket.bind", "socket.connect", "os.mkdir", "sqlite3.connect", "os.remove", "os.rename")

seen: list[str] = []


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in WATCHED or (event == "open" and _writes(arguments)):
        seen.append(event)


def _writes(arguments: tuple[object, ...]) -> bool:
    path, mode, flags = arguments
    if path == os.devnull:
        return False
    if isinstance(mode, str):
        return any(sign in mode for sign in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def run(name: str) -> int | None:
    try:
        app(["run", "--config", name])
    except SystemExit as ended:
        return int(ended.code or 0)
    return None


def control() -> None:
    """What must be seen, lest nothing is ever seen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "x").open("w", encoding="utf-8"):
        pass


def main() -> None:
    answers: dict[str, tuple[int | None, list[str]]] = {}
    sys.addaudithook(watch)
    for name in sys.argv[1:]:
        seen.clear()
        answers[name] = run(name), list(seen)
    seen.clear()
    control()
    answers["control"] = None, sorted(set(seen))
    print(json.dumps(answers))


main()
