"""The journals of the processes of one application: a directory for each under one parent, owned while it lives.

Guarantees: two processes never work in one directory (flock); what a dead process left is found by a living one and
delivered; a directory is removed only when nothing is in it, no dead letter either.
"""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from otelsiem.journal import peek
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.journal.tables import NAME
from otelsiem.model.errors import JournalError

PREFIX = "p-"


def claim(parent: Path, most: int, floor: int) -> SqliteJournal:
    """A journal of this process's own: one that nobody works in, as after a restart, else a new one."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in _directories(parent):
        with contextlib.suppress(JournalError):  # another's, or damaged: `otelsiem journal check` tells
            return open_journal(directory, most, floor)
    return open_journal(parent / f"{PREFIX}{uuid.uuid4().hex[:12]}", most, floor)


def orphans(parent: Path, mine: Path) -> Iterator[Path]:
    """Directories in which something waits and nobody works, as far as can be seen from outside."""
    for directory in _directories(parent):
        if directory != mine and not peek.owned(directory) and _waits(directory):
            yield directory


def open_journal(directory: Path, most: int, floor: int) -> SqliteJournal:
    """Opened as an application does it: a small reserve. JournalLockedError: somebody works in it."""
    return SqliteJournal(directory, max_size_mib=most, min_free_mib=floor, reserve_mib=1)


def retire(directory: Path) -> None:
    """Remove it, if nothing is in it any more. Whoever calls this has just closed it."""
    with contextlib.suppress(JournalError, OSError):
        journal = SqliteJournal(directory, min_free_mib=0, reserve_mib=0)  # under its lock: nobody else begins with it
        try:
            empty = (
                all(one.pending == one.dead == 0 for one in journal.stats().exporters) and not journal.dead_letters()
            )
        finally:
            journal.close()
        if empty:
            shutil.rmtree(directory)


def _directories(parent: Path) -> list[Path]:
    return sorted(path for path in parent.glob(f"{PREFIX}*") if (path / NAME).exists())


def _waits(directory: Path) -> bool:
    try:
        with contextlib.closing(peek.peek(directory)) as db:
            return any(one.pending for one in peek.stats(db, directory, 0, 0).exporters)
    except (JournalError, OSError):
        return False
