"""Every ending of exits.py, provoked with the real program."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from otelsiem.cli.exits import Exit
from otelsiem.journal.sqlite import SqliteJournal
from tests.cli.running import OTELSIEM, call, configured, gateway
from tests.program import Program, free_port


def ok(folder: Path) -> int:
    return call("validate", "--config", configured(folder)).returncode


def ok_after_a_signal(folder: Path) -> int:
    admin = free_port()
    with gateway(configured(folder, admin=admin), admin) as running:
        running.process.send_signal(signal.SIGTERM)
        return running.finish()


def nobody_answers(folder: Path) -> int:
    return call("send", "--config", configured(folder)).returncode


def nowhere_to_write(folder: Path) -> int:
    (folder / "data").write_text("a file, where a directory must be")
    return ended("run", "--config", configured(folder))


def no_such_option(folder: Path) -> int:
    return call("run", "--nonsense").returncode


def no_such_level(folder: Path) -> int:
    return call("send", "--severity", "loud", "--config", configured(folder)).returncode


def no_such_key(folder: Path) -> int:
    (folder / "bad.yaml").write_text("reciever: {}\n")
    return ended("run", "--config", folder / "bad.yaml")


def port_is_taken(folder: Path) -> int:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        return ended("run", "--config", configured(folder, http=other.getsockname()[1]))


def admin_port_is_taken(folder: Path) -> int:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        return ended("run", "--config", configured(folder, admin=other.getsockname()[1]))


def journal_is_owned(folder: Path) -> int:
    with contextlib.closing(SqliteJournal(folder / "data", min_free_mib=0)):
        return ended("run", "--config", configured(folder))


def repair_of_what_is_owned(folder: Path) -> int:
    with contextlib.closing(SqliteJournal(folder / "data", min_free_mib=0)):
        return call("journal", "repair", "--yes", "--config", configured(folder)).returncode


def journal_is_damaged(folder: Path) -> int:
    SqliteJournal(folder / "data", min_free_mib=0).close()
    with contextlib.closing(sqlite3.connect(folder / "data" / "journal.sqlite")) as db:
        db.execute("INSERT INTO pipeline VALUES(1, 'logs', 9, 1, 0, 0, 0, 0)")
        db.commit()
    return call("journal", "check", "--config", configured(folder)).returncode


ENDINGS: dict[Callable[[Path], int], Exit] = {
    ok: Exit.OK,
    ok_after_a_signal: Exit.OK,
    nobody_answers: Exit.FAILURE,
    nowhere_to_write: Exit.FAILURE,
    no_such_option: Exit.USAGE,
    no_such_level: Exit.USAGE,
    no_such_key: Exit.CONFIG,
    port_is_taken: Exit.PORT,
    admin_port_is_taken: Exit.PORT,
    journal_is_owned: Exit.LOCKED,
    repair_of_what_is_owned: Exit.LOCKED,
    journal_is_damaged: Exit.UNSOUND,
}


def ended(*words: object) -> int:
    """How a gateway ends that cannot start: by itself, with a sentence."""
    log = Path(str(words[-1])).with_suffix(".log")
    with Program([*OTELSIEM, *map(str, words)], log) as program:
        code = program.finish()
        assert "Traceback" not in program.tail()
        assert "otelsiem: " in program.tail()
        return code


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_each_ending_has_its_number(tmp_path: Path, ending: Callable[[Path], int]) -> None:
    assert ending(tmp_path) == ENDINGS[ending]


def test_every_number_is_provoked() -> None:
    assert set(ENDINGS.values()) == set(Exit)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_journal_of_another_user_is_a_failure(tmp_path: Path) -> None:
    SqliteJournal(tmp_path / "data", min_free_mib=0).close()
    (tmp_path / "data" / "journal.sqlite").chmod(0)
    assert call("journal", "check", "--config", configured(tmp_path)).returncode == Exit.FAILURE
