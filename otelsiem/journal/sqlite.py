"""The journal in a directory of this machine: SQLite, one writing thread, one owner.

Guarantees P1 with fsync: a sender hears "yes" after its records are in the log of the database and the log is on the
disk. The files are readable by their owner alone; a directory that is made here too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from otelsiem.journal.gate import GATE
from otelsiem.journal.lock import DirectoryLock
from otelsiem.journal.reserve import SIZE
from otelsiem.journal.room import FLOOR, MIB
from otelsiem.journal.shelved import ShelfJournal
from otelsiem.journal.tables import Tables
from otelsiem.journal.trim import History
from otelsiem.journal.writer import APART, At
from otelsiem.model.errors import JournalError


class SqliteJournal(ShelfJournal):
    """Raises JournalLockedError when another process owns the directory, JournalError when the file is not ours."""

    def __init__(
        self,
        directory: str | Path,
        *,
        max_size_mib: int = 8192,
        min_free_mib: int = FLOOR // MIB,
        history: History | None = None,
        reserve_mib: int = SIZE // MIB,
        clock: Callable[[], int] = time.time_ns,
        apart: float = APART,
        at: At | None = None,
    ) -> None:
        self.directory = Path(directory)
        with GATE:  # a child forked meanwhile would share the lock, and keep it
            try:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._lock = DirectoryLock(self.directory)
            except OSError as error:
                raise JournalError(f"the journal's directory {self.directory} cannot be used: {error}") from error
            try:
                shelf = Tables(
                    self.directory,
                    most=max_size_mib * MIB,
                    floor=min_free_mib * MIB,
                    reserve=reserve_mib * MIB,
                    at=at,
                )
                try:
                    super().__init__(shelf, clock=clock, history=history, apart=apart, at=at)
                except BaseException:
                    shelf.close()
                    raise
            except BaseException:
                self._lock.release()
                raise

    def close(self) -> None:
        """Commit what is queued, let go of the files and of the directory."""
        super().close()
        self._lock.release()
