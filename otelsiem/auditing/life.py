"""What the life of a process means for its audit logs: forks, workers of pools, and the end.

Guarantees: a forked child never writes what its parent queued, nor touches the parent's threads or journal; every log
is closed at the end of the process, with a deadline; a log that nobody holds any more is not kept for that.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from typing import Protocol
from weakref import WeakSet


class Mortal(Protocol):
    """As this module sees an audit log."""

    def close(self) -> int: ...

    def forked(self) -> None: ...


_open: WeakSet[Mortal] = WeakSet()


def close_at_exit(log: Mortal) -> None:
    """Close it when the interpreter ends: after `sys.exit`, an unhandled exception, the end of the main program."""
    _open.add(log)


def close_all() -> None:
    """Close every log there is."""
    for log in list(_open):
        with contextlib.suppress(Exception):
            log.close()


def close_before_worker_ends() -> None:
    """In a child of `multiprocessing`, which ends without `atexit`."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, close_all, exitpriority=10)


def _forked() -> None:
    for log in list(_open):
        log.forked()


atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
