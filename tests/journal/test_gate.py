from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from otelsiem.journal import gate
from otelsiem.journal.gate import GATE
from otelsiem.journal.journal import Append
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.journal.turn import TURN
from otelsiem.model.record import Group, Record, Scope
from otelsiem.turn import WORK


def child(work: Callable[[], object]) -> int:
    """Fork; the child's exit code, -9 when it hung."""
    pid = os.fork()
    if not pid:
        code = 3
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, 9)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Busy(threading.Thread):
    """Does it in another thread: `begun` when it is under way, until `end`."""

    def __init__(self, work: Callable[[threading.Event, threading.Event], None]) -> None:
        super().__init__(daemon=True)
        self.begun, self.ending, self.over = threading.Event(), threading.Event(), False
        self._work = work
        self.start()
        assert self.begun.wait(10)

    def run(self) -> None:
        self._work(self.begun, self.ending)
        self.over = True

    def end_after(self, seconds: float) -> None:
        threading.Timer(seconds, self.ending.set).start()


def inside(begun: threading.Event, ending: threading.Event) -> None:
    with GATE:
        begun.set()
        ending.wait(10)


def test_a_fork_waits_until_nobody_is_inside() -> None:
    busy = Busy(inside)
    busy.end_after(0.2)
    assert child(lambda: None) == 0
    assert busy.ending.is_set()
    busy.join(10)


def test_a_fork_waits_for_who_opens_and_lets_his_threads_work() -> None:
    def opens(begun: threading.Event, ending: threading.Event) -> None:
        with GATE.opening():
            begun.set()
            ending.wait(10)
            helper = Busy(inside)  # as the journal's writer does, whose commit is waited for
            helper.ending.set()
            helper.join(10)
            assert helper.over

    busy = Busy(opens)
    busy.end_after(0.2)
    assert child(lambda: None) == 0
    assert busy.ending.is_set()
    busy.join(10)
    assert busy.over
    assert GATE._opening == 0


def test_who_forks_may_be_inside_itself() -> None:
    with GATE, GATE:
        before = time.monotonic()
        assert child(lambda: None) == 0
        assert time.monotonic() - before < gate.PATIENCE + 8
    assert GATE._inside == {}


def test_p6_a_fork_waits_no_longer_than_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "PATIENCE", 0.1)
    busy = Busy(inside)
    assert child(GATE.__enter__) == 0  # and the child is not kept out by who is not there
    assert not busy.ending.is_set()
    busy.ending.set()
    busy.join(10)
    assert GATE._inside == {}


def test_a_fork_waits_for_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the child waits for ever for the lock of that module."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "slowly_imported.py").write_text(
        "import life_events\nlife_events.begun.set()\nlife_events.ending.wait(10)\n"
    )

    def imports(begun: threading.Event, ending: threading.Event) -> None:
        events = type(sys)("life_events")
        events.begun, events.ending = begun, ending  # type: ignore[attr-defined]  # a module made here
        sys.modules["life_events"] = events
        import slowly_imported  # type: ignore[import-not-found]  # noqa: F401 - written above

    busy = Busy(imports)
    busy.end_after(0.2)

    def again() -> None:
        import slowly_imported  # noqa: F401 - as above

    assert child(again) == 0
    assert busy.ending.is_set()
    busy.join(10)
    del sys.modules["life_events"], sys.modules["slowly_imported"]


@pytest.mark.parametrize("lock", [TURN, WORK], ids=["turn", "work"])
def test_a_child_does_not_inherit_who_had_the_turn(lock: threading._RLock) -> None:
    def holds(begun: threading.Event, ending: threading.Event) -> None:
        with lock:
            begun.set()
            ending.wait(10)

    busy = Busy(holds)

    def takes() -> None:
        with lock:
            pass

    assert child(takes) == 0
    busy.ending.set()
    busy.join(10)


def test_children_of_a_process_with_a_busy_journal_open_their_own(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "parent", min_free_mib=0, reserve_mib=0)
    journal.attach("logs", "x")
    over, done = False, threading.Semaphore(0)

    def write() -> None:
        while not over:
            append = Append("logs", [Group({}, Scope(), [Record("a", 1, event="x")])])
            journal.append([append], lambda _: done.release())
            done.acquire(timeout=10)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()

    def opens() -> None:
        SqliteJournal(tmp_path / f"child{os.getpid()}", min_free_mib=0, reserve_mib=0).attach("logs", "x")

    try:
        assert [child(opens) for _ in range(20)] == [0] * 20
    finally:
        over = True
        thread.join(10)
        journal.close()
