"""What the gateway's log says of requests that it could not take: a sentence where the cause is known."""

from __future__ import annotations

import errno
import logging
import sqlite3

import pytest

from otelsiem.gateway.receivers.refusal import Complaints, refuse
from otelsiem.journal.cause import known
from otelsiem.model.errors import JournalError


def of_sqlite(code: int, said: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(said)
    error.sqlite_errorcode = code
    return error


KNOWN = {
    "the writer's own word": (JournalError("the journal cannot be written: disk I/O error"), "disk I/O error"),
    "a full disk": (OSError(errno.ENOSPC, "No space left on device", "/var/x"), "/var/x: No space left on device"),
    "a used up quota": (OSError(errno.EDQUOT, "Disk quota exceeded"), "Disk quota exceeded"),
    "a disk that is read-only": (OSError(errno.EROFS, "Read-only file system"), "Read-only file system"),
    "a database on a full disk": (of_sqlite(sqlite3.SQLITE_FULL, "database or disk is full"), "disk is full"),
    "a database that is read-only": (of_sqlite(sqlite3.SQLITE_READONLY_DBMOVED, "attempt to write"), "attempt to"),
    "a database on a broken disk": (of_sqlite(sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error"), "disk I/O error"),
}
UNKNOWN = {
    "a bug": RuntimeError("exploded"),
    "a file of another kind": OSError(errno.ENOENT, "No such file or directory"),
    "an error without a number": OSError("odd"),
    "a statement of ours": of_sqlite(sqlite3.SQLITE_ERROR, "no such table"),
    "a database error without a number": sqlite3.ProgrammingError("closed"),
}


def raised(error: Exception) -> Exception:
    """With a traceback, as the receivers catch it."""
    try:
        raise error
    except Exception as caught:  # noqa: BLE001 - whatever it is
        return caught


def heard(error: Exception, complaints: Complaints) -> None:
    complaints.hear(raised(error), refuse(error), "otlp", "http")


@pytest.mark.parametrize("case", KNOWN)
def test_a_known_cause_is_one_sentence(case: str, caplog: pytest.LogCaptureFixture) -> None:
    error, sentence = KNOWN[case]
    complaints = Complaints()
    with caplog.at_level(logging.DEBUG, "otelsiem"):
        for _ in range(3):
            heard(error, complaints)
    assert [(one.levelno, one.exc_info) for one in caplog.records] == [(logging.ERROR, None)]
    assert sentence in caplog.records[0].otelsiem_fields["reason"]  # type: ignore[attr-defined]  # `extra` adds it


@pytest.mark.parametrize("case", UNKNOWN)
def test_an_unknown_one_keeps_its_traceback(case: str, caplog: pytest.LogCaptureFixture) -> None:
    error = UNKNOWN[case]
    assert known(error) == ""
    with caplog.at_level(logging.DEBUG, "otelsiem"):
        heard(error, Complaints())
    assert [one.exc_info[1] for one in caplog.records if one.exc_info] == [error]


def test_the_same_cause_in_other_words_or_places_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints()
    with caplog.at_level(logging.DEBUG, "otelsiem"):
        heard(JournalError("the journal could not be written: disk I/O error"), complaints)
        complaints.hear(JournalError("the journal cannot be written: x"), refuse(JournalError("")), "otlp", "http")
    assert len(caplog.records) == 1
