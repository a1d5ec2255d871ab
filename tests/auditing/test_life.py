from __future__ import annotations

import os
import signal
import time

import pytest

from otelsiem.auditing import life


class Lives:
    """Takes its time, or fails."""

    def __init__(self, told: list[str], name: str, seconds: float = 0.0, *, fails: bool = False) -> None:
        self.told, self.name, self.seconds, self.fails = told, name, seconds, fails

    def close(self, timeout: float) -> None:
        self.told.append(f"{self.name} closes within {timeout:.1f}")
        time.sleep(min(self.seconds, timeout))
        if self.fails:
            raise RuntimeError("no")

    def flush(self, timeout: float) -> None:
        self.told.append(f"{self.name} flushes")

    def forked(self) -> None:
        self.told.append(f"{self.name} forked")

    def inherit(self) -> None: ...


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(life, "_first", [])
    monkeypatch.setattr(life, "_open", [])
    return []


def test_all_share_one_deadline_and_one_that_fails_stops_no_other(told: list[str]) -> None:
    life._open += [Lives(told, "slow", 9, fails=True), Lives(told, "late")]  # type: ignore[operator]  # lists here
    life._first += [Lives(told, "first", fails=True)]  # type: ignore[operator]  # as above
    life.close_all(0.2)
    assert told == ["first closes within 0.2", "slow closes within 0.2", "late closes within 0.1"]


@pytest.mark.parametrize(("pid", "said"), [(1, "one flushes"), (2, "one closes within 5.0")])
def test_the_first_process_of_a_container_outlives_sigterm_and_flushes(
    told: list[str], monkeypatch: pytest.MonkeyPatch, pid: int, said: str
) -> None:
    life._open += [Lives(told, "one")]  # type: ignore[operator]  # a list here
    sent: list[tuple[int, int, object]] = []
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(os, "getpid", lambda: pid)
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number, signal.getsignal(number))))
    handler = life._Sigterm(5.0)
    try:
        handler(signal.SIGTERM, None)
        assert told == [said]
        assert sent == [(pid, signal.SIGTERM, signal.SIG_DFL)], "what it did before"
        assert signal.getsignal(signal.SIGTERM) is handler, "who is still here hears the next one too"
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("options", "on"),
    [({}, False), ({"x": True}, True), ({"x": b"true"}, True), ({b"x": b"1"}, True), ({"x": b"false"}, False)],
)  # fmt: skip
def test_options_of_uwsgi(options: dict[str, object], on: bool) -> None:
    assert life._on(options, "x") is on
