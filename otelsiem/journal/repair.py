"""A damaged journal mended, by somebody who owns it alone.

Guarantees: whatever can be read of it is in it afterwards, or in the side file; the books balance; a crash in the
middle leaves either the old journal, with everything in it, or the new one, and repairing again finishes the work.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from otelsiem.journal.aside import Aside
from otelsiem.journal.check import check
from otelsiem.journal.examine import examine
from otelsiem.journal.findings import Diagnosis, Finding
from otelsiem.journal.lock import DirectoryLock
from otelsiem.journal.mend import mend
from otelsiem.journal.pages import Pages
from otelsiem.journal.reserve import Reserve
from otelsiem.journal.room import MIB, free_room
from otelsiem.journal.salvage import Salvage
from otelsiem.journal.schema import open_fresh, open_writer
from otelsiem.journal.tables import NAME
from otelsiem.model.errors import JournalError

NEW = "journal.repaired"  # while it is written


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done."""

    findings: Sequence[Finding]  # that were mended
    after: Diagnosis  # sound
    anew: bool  # the file was written anew
    backup: Path | None
    aside: Path | None  # the side file, when something had to go there
    put_aside: int
    reserve: bool  # the reserve is there


def repair(directory: Path, known: Mapping[str, Sequence[str]], *, backup: bool = True) -> Repaired:
    """Mend the journal in a directory; nothing is touched when it is sound.

    `known`: the configuration's exporters by pipeline, for names that the file may have lost. JournalLockedError when
    somebody has it open, JournalError when it is not a journal of ours or there is no room.
    """
    if not (directory / NAME).is_file():
        raise JournalError(f"there is no journal in {directory}; which --config does the gateway use?")
    owner = DirectoryLock(directory)
    try:
        (directory / NEW).unlink(missing_ok=True)  # of a repair that was interrupted
        found = examine(directory, full=True, live=False)
        if found.sound:
            return Repaired((), found, False, None, None, 0, Reserve(directory).make())
        _check_room(directory, copies=int(backup) + int(found.deep))
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"
        copy = _back_up(directory, stamp) if backup else None
        aside = Aside(directory, stamp)
        with contextlib.closing(aside):
            after = _anew(directory, aside, known) if found.deep else _in_place(directory, aside, found)
        put = aside.path if aside.count else None
        return Repaired(found.findings, after, found.deep, copy, put, aside.count, Reserve(directory).make())
    finally:
        owner.release()


def _in_place(directory: Path, aside: Aside, found: Diagnosis) -> Diagnosis:
    with contextlib.closing(open_writer(directory / NAME)) as db:
        return mend(db, aside, found)


def _anew(directory: Path, aside: Aside, known: Mapping[str, Sequence[str]]) -> Diagnosis:
    path, new = directory / NAME, directory / NEW
    with Pages(path) as pages:
        with contextlib.closing(open_fresh(new)) as db:
            Salvage(pages, db, aside, known).run()
            if not db.execute("SELECT count(*) FROM pipeline").fetchone()[0]:
                new.unlink()
                raise JournalError(f"nothing of a journal can be read in {path}; it is left as it is")
            after = mend(db, aside, check(db, full=True))
        _sync(new)
        # From here on: the old file alone holds everything, so that taking its log away loses nothing.
        pages.fold()
    log, index = (path.with_name(NAME + suffix) for suffix in ("-wal", "-shm"))
    log.unlink(missing_ok=True)
    index.unlink(missing_ok=True)
    _sync(directory)
    new.replace(path)
    _sync(directory)
    return after


def _check_room(directory: Path, copies: int) -> None:
    size = sum(path.stat().st_size for path in _files(directory))
    if (free := free_room(directory)) < copies * size + MIB:
        raise JournalError(
            f"the disk of {directory} has {free // MIB} MiB left, and the repair needs {copies * size // MIB + 1} MiB:"
            " make room, or give --no-backup after you have made a copy elsewhere"
        )


def _back_up(directory: Path, stamp: str) -> Path:
    copy = directory / f"backup-{stamp}"
    copy.mkdir(mode=0o700)
    for path in _files(directory):
        shutil.copy2(path, copy / path.name)
        _sync(copy / path.name)
    _sync(copy)
    return copy


def _files(directory: Path) -> list[Path]:
    return [path for path in (directory / NAME, directory / (NAME + "-wal")) if path.exists()]


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
