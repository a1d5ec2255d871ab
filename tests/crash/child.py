"""A gateway that kills itself: `python -m tests.crash.child CONFIG POINT NTH` dies by SIGKILL at the nth passing of a
named point of its journal; POINT `-` never does. It counts passings from SIGUSR1 on, so that the test decides when the
round begins. Everything else is the real gateway.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from otelsiem.config.assemble import assemble
from otelsiem.config.load import load
from otelsiem.config.sources import Sources
from otelsiem.gateway.service import Service
from otelsiem.journal.journal import Journal
from otelsiem.journal.sqlite import SqliteJournal


def at(point: str, nth: int) -> Callable[[str], None]:
    """A hook that kills this process at the nth passing of the point."""
    passed = itertools.count(1)
    armed = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: armed.set())

    def hook(name: str) -> None:
        if armed.is_set() and name == point and next(passed) == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def main() -> None:
    config = load(Sources.files(Path(sys.argv[1])), os.environ)
    settings = config.service.journal

    hook = at(sys.argv[2], int(sys.argv[3]))  # here, because only the main thread may set a signal's handler

    def open_journal() -> Journal:
        return SqliteJournal(settings.directory, at=hook)

    plan = dataclasses.replace(assemble(config), open_journal=open_journal)
    asyncio.run(Service(plan).run())


if __name__ == "__main__":
    main()
