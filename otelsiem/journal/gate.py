"""The gate that a fork waits at until no thread is inside SQLite, opens an outbox, or imports.

SQLite has locks of the process (memory, open files) that a thread holds without the GIL, an import has the lock of its
module. A child forked at that moment inherits them held, by a thread that it does not have: its first statement, or
import of that module, never returns. Measured: 8 of 2,400 children of a process with a busy journal, 3 of 5 gunicorns
that forked while our thread began. Guarantees: nothing of it is under way at a fork; a fork waits for a commit, never
longer than `PATIENCE`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import _bootstrap  # whose locks nothing else tells of
from typing import Any

from otelsiem.forks import at_fork

PATIENCE = 1.0  # seconds that a fork waits, at most: the host's own call must not hang on a disk that does
LOOK = 0.001  # seconds between looks at imports under way


class Gate:
    """As a context manager: inside. Threads do not wait for each other, and may enter again."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._inside: dict[int, int] = {}  # thread -> how often
        self._forking = self._opening = 0

    def __enter__(self) -> None:
        me = threading.get_ident()
        with self._changed:
            while self._forking and me not in self._inside:
                self._changed.wait(PATIENCE)
            self._inside[me] = self._inside.get(me, 0) + 1

    def __exit__(self, *_: object) -> None:
        me = threading.get_ident()
        with self._changed:
            left = self._inside.pop(me, 0) - 1
            if left > 0:
                self._inside[me] = left
            else:
                self._changed.notify_all()

    @contextmanager
    def opening(self) -> Iterator[None]:
        """While an outbox opens: threads of its own go in and out, and all kinds of things are done for the first time
        (pydantic has locks for that, too)."""
        with self._changed:
            while self._forking:
                self._changed.wait(PATIENCE)
            self._opening += 1
        changed = self._changed
        try:
            yield
        finally:
            with changed:
                self._opening -= 1
                changed.notify_all()

    def before_fork(self) -> None:
        """Nobody begins or enters any more; wait until all have left."""
        me, until = threading.get_ident(), time.monotonic() + PATIENCE
        if not self._changed.acquire(timeout=PATIENCE):
            return
        try:
            while self._opening and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            self._forking += 1
            while self._inside.keys() - {me} and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
        finally:
            self._changed.release()
        while _imports(me) and time.monotonic() < until:
            time.sleep(LOOK)

    def after_in_parent(self) -> None:
        with self._changed:
            self._forking = max(self._forking - 1, 0)
            self._changed.notify_all()

    def after_in_child(self) -> None:
        """The threads are not here, whoever was inside."""
        self._begin()


def _imports(me: int) -> bool:
    """Whether another thread imports something."""
    locks: dict[str, Any] = getattr(_bootstrap, "_module_locks", {})
    held = [lock for made in list(locks.values()) if (lock := made()) is not None]
    return any(getattr(lock, "owner", None) not in (None, me) for lock in held)


GATE = Gate()

at_fork(before=GATE.before_fork, parent=GATE.after_in_parent, child=GATE.after_in_child)
