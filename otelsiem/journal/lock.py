"""Who owns a journal's directory: one process, as long as it lives. The kernel lets go of the lock when it dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from otelsiem.forks import at_fork
from otelsiem.model.errors import JournalLockedError

NAME = "journal.lock"


class DirectoryLock:
    """An flock on a file in the directory; the owner's pid and start time stand in it."""

    def __init__(self, directory: Path) -> None:
        path = directory / NAME
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._fd, 100, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            raise JournalLockedError(
                f"the journal in {directory} belongs to another process ({owner or 'it has not said which'});"
                " stop that one, or give this one a directory of its own"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"pid {os.getpid()}, started {time.strftime('%Y-%m-%dT%H:%M:%S%z')}\n".encode(), 0)
        _held.add(self)

    def release(self) -> None:
        """Let go, also for children that inherited the descriptor."""
        if self._fd >= 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            self.forget()

    def forget(self) -> None:
        """Close the descriptor and leave the lock to whoever else holds it."""
        _held.discard(self)
        fd, self._fd = self._fd, -1
        with contextlib.suppress(OSError):
            os.close(fd)


_held: set[DirectoryLock] = set()


def _forget_all() -> None:
    for lock in list(_held):
        lock.forget()


# A forked child that outlives its parent would keep the lock, and nobody could adopt the journal.
at_fork(child=_forget_all)
