"""The journals of the processes of one application: a directory for each under one parent, owned while it lives.

Guarantees: two processes never work in one directory (flock); what a dead process left is found by a living one; a
directory is removed under its lock, and only when nothing is in it, no dead letter either.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from otelsiem.journal import peek
from otelsiem.journal.gate import GATE
from otelsiem.journal.lock import DirectoryLock
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.journal.tables import NAME
from otelsiem.model.errors import JournalError

PREFIX = "p-"
GONE = ".gone-"


def claim(parent: Path, most: int, floor: int, fits: Callable[[Path], bool] = lambda _: True) -> SqliteJournal:
    """A journal of this process's own: one that nobody works in and that fits, as after a restart, else a new one."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in directories(parent):
        if not peek.owned(directory) and fits(directory):
            with contextlib.suppress(JournalError):  # another's by now, or damaged: `otelsiem journal check` tells
                return open_journal(directory, most, floor)
    return open_journal(parent / f"{PREFIX}{uuid.uuid4().hex[:12]}", most, floor)


def directories(parent: Path) -> list[Path]:
    """All journals here, whoever works in them."""
    return sorted(path for path in parent.glob(f"{PREFIX}*") if (path / NAME).exists())


def orphans(parent: Path) -> Iterator[Path]:
    """Those in which nobody works, as far as can be seen from outside."""
    for directory in directories(parent):
        with contextlib.suppress(OSError):
            if not peek.owned(directory):
                yield directory


def waiting(directory: Path) -> Mapping[str, int] | None:
    """How many records wait, by exporter; None when it cannot be read: `otelsiem journal check` tells."""
    try:
        with GATE, contextlib.closing(peek.peek(directory)) as db:
            return {one.exporter: one.pending for one in peek.stats(db, directory, 0, 0).exporters if one.pending}
    except (JournalError, OSError):
        return None


def open_journal(directory: Path, most: int, floor: int) -> SqliteJournal:
    """Opened as an application does it: a small reserve. JournalLockedError: somebody works in it."""
    return SqliteJournal(directory, max_size_mib=most, min_free_mib=floor, reserve_mib=1)


def retire(directory: Path) -> bool:
    """Remove it, if nobody works in it and nothing is in it any more; whether it is gone."""
    try:
        lock = DirectoryLock(directory)
    except (JournalError, OSError):
        return False
    try:
        if not _empty(directory):
            return False
        gone = directory.with_name(f"{GONE}{directory.name}")
        directory.rename(gone)  # whoever comes now begins anew, and loses no file to us
        shutil.rmtree(gone, ignore_errors=True)
        return True
    except (JournalError, OSError):
        return False
    finally:
        lock.release()


def _empty(directory: Path) -> bool:
    with GATE, contextlib.closing(peek.peek(directory)) as db:
        counted = peek.stats(db, directory, 0, 0).exporters
        dead = db.execute("SELECT 1 FROM dead LIMIT 1").fetchone()
        return dead is None and all(one.pending == one.dead == 0 for one in counted)
