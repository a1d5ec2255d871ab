"""Why the journal does not take records, where the cause is one that we know: then a sentence says all of it.

Guarantee: a fault of our own is never taken for one of the disk.
"""

from __future__ import annotations

import errno
import sqlite3

from otelsiem.model.errors import JournalError, JournalFullError

_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_SQLITE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR})


def code(error: BaseException | None) -> int:
    """SQLite's primary result code; 0 = this is none of its errors."""
    found: int = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return found


def known(error: BaseException) -> str:
    """What a person needs to be told; "" = nobody knows, and only a traceback helps."""
    match error:
        case JournalError() | JournalFullError():  # raised on purpose; what lay behind it the writer has logged
            return str(error)
        case OSError() if error.errno in _DISK:
            return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        case sqlite3.Error() if code(error) in _SQLITE:
            return f"the journal cannot be written: {error}"
        case _:
            return ""
