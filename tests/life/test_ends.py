"""How a process ends, and what of its events arrives."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.life.serving import PATIENCE, ROOT
from tests.program import Program, eventually

pytestmark = pytest.mark.timeout(60)

FIRED = {*(f"f{n}" for n in range(5)), "last"}


def run(end: str, folder: Path, *flags: str, sign: signal.Signals | None = None, **env: str) -> tuple[int, list[str]]:
    """Its exit code, and the lines it printed. With a signal: sent when it is ready."""
    argv = [sys.executable, *flags, "-m", "tests.life.apps.plain", end, str(folder)]
    log = folder / f"{end}.log"
    program = Program(argv, log, {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **env})
    if sign is not None:
        program.ready(lambda: "ready\n" in log.read_text(), PATIENCE)
        os.kill(program.process.pid, sign)
    code = program.finish(PATIENCE)
    lines = log.read_text().splitlines()
    print("\n".join(lines))
    return code, lines


def arrived(folder: Path) -> Counter[str]:
    out = folder / "out.jsonl"
    lines = out.read_text().splitlines() if out.exists() else []
    return Counter(json.loads(line)["metadata"]["name"] for line in lines)


def durable(lines: list[str]) -> set[str]:
    """What was said to be durable."""
    return {line for line in lines if line.rpartition("-")[2].lstrip("tabc").startswith("d") and " " not in line}


def quiet(lines: list[str]) -> list[str]:
    """What nobody wants to read at the end of a program."""
    bad = ("Traceback", "Fatal Python error", "Exception ignored", "ResourceWarning", "Exception in thread", "LOST")
    return [line for line in lines if any(one in line for one in bad)]


@pytest.mark.parametrize(
    ("end", "code", "memory"),
    [
        ("ends", 0, ""),
        ("ends", 0, "1"),
        ("exits", 3, ""),
        ("raises", 1, "1"),
        ("exits_in_a_thread", 0, ""),
        ("leaves_a_worker", 0, "1"),
    ],
)
def test_an_end_in_order_delivers_everything(tmp_path: Path, end: str, code: int, memory: str) -> None:
    got, lines = run(end, tmp_path, "-X", "dev", LIFE_MEMORY=memory)
    assert got == code
    assert set(arrived(tmp_path)) == FIRED | durable(lines) | ({"late"} if end == "leaves_a_worker" else set())
    assert set(arrived(tmp_path).values()) == {1}
    assert quiet(lines) == (["Traceback (most recent call last):"] if end == "raises" else [])


def test_what_is_audited_by_exit_functions_arrives(tmp_path: Path) -> None:
    code, _ = run("audits_at_exit", tmp_path)
    assert code == 0
    assert "at-exit" in arrived(tmp_path)


def test_threads_that_audit_while_the_interpreter_ends_do_no_harm(tmp_path: Path) -> None:
    code, lines = run("leaves_daemons", tmp_path, "-X", "dev")
    assert code == 0
    assert FIRED | durable(lines) <= set(arrived(tmp_path))
    said = quiet(lines)
    assert all("the audit log is closed" in line for line in said), said
    assert len(said) <= 1, "once a minute"


def test_a_process_that_never_configures_says_what_it_loses(tmp_path: Path) -> None:
    code, lines = run("never_configures", tmp_path)
    assert code == 0
    assert [line for line in lines if "lost=1" in line and "configure was never called" in line]


@pytest.mark.parametrize(("end", "sign"), [("os_exits", None), ("waits", signal.SIGTERM)])
def test_p1_an_end_without_python_leaves_what_is_durable_to_the_next_life(
    tmp_path: Path, end: str, sign: signal.Signals | None
) -> None:
    code, lines = run(end, tmp_path, sign=sign)
    assert code == (-sign if sign else 0)
    assert len(durable(lines)) == 5
    run("delivers", tmp_path)
    found = arrived(tmp_path)
    assert durable(lines) | {"next"} <= set(found)
    assert set(found) <= durable(lines) | FIRED | {"next"}


@pytest.mark.parametrize("end", ["waits", "waits_holding_locks"])
def test_flush_on_sigterm_delivers_and_then_the_signal_does_its_work(tmp_path: Path, end: str) -> None:
    code, lines = run(end, tmp_path, "-X", "dev", sign=signal.SIGTERM, LIFE_SIGTERM="1")
    assert code == -signal.SIGTERM
    if end == "waits":
        assert set(arrived(tmp_path)) == FIRED | durable(lines)
    assert quiet(lines) == []


def test_flush_on_sigterm_without_a_journal(tmp_path: Path) -> None:
    code, _ = run("waits", tmp_path, sign=signal.SIGTERM, LIFE_SIGTERM="1", LIFE_MEMORY="1")
    assert (code, set(arrived(tmp_path))) == (-signal.SIGTERM, FIRED)


def test_a_handler_of_the_host_is_never_replaced(tmp_path: Path) -> None:
    """Nor is one set from another thread than the main one, which Python refuses."""
    code, lines = run("waits_with_a_handler", tmp_path, sign=signal.SIGTERM)
    assert code == 7
    assert {"asked in a thread False", "asked False", "mine"} <= set(lines)
    assert set(arrived(tmp_path)) == FIRED | durable(lines), "it ends in order"


def test_an_interrupt_from_the_keyboard_is_an_end_in_order(tmp_path: Path) -> None:
    code, lines = run("waits", tmp_path, sign=signal.SIGINT)
    # Python ends by the signal itself, unless another thread has just run `exec` (a dataclass of a late import)
    assert code in {-signal.SIGINT, 1}
    assert "KeyboardInterrupt" in lines
    assert set(arrived(tmp_path)) == FIRED | durable(lines)


# --- asyncio -------------------------------------------------------------------------------------------------------


def test_a_loop_that_ends_delivers_everything(tmp_path: Path) -> None:
    code, lines = run("runs_a_loop", tmp_path, "-X", "dev")
    assert (code, quiet(lines)) == (0, [])
    assert set(arrived(tmp_path)) == {"f0", "f1"} | durable(lines)
    assert len(durable(lines)) == 30


@pytest.mark.parametrize("end", ["cancels", "abandons_a_loop"])
def test_p1_what_was_answered_before_the_loop_went_away_arrives(tmp_path: Path, end: str) -> None:
    """Of those under way at that moment each is in the journal or is not: at most one for each task."""
    code, lines = run(end, tmp_path)
    assert code == 0
    found = arrived(tmp_path)
    answered = {line for line in lines if re.fullmatch(r"t\d?d\d+", line)}
    assert answered
    assert answered <= set(found)
    assert len(set(found) - answered) <= 5
    assert set(found.values()) == {1}
    assert quiet([line for line in lines if "was destroyed but it is pending" not in line]) == []


# --- processes -----------------------------------------------------------------------------------------------------


def test_p1_a_fork_in_the_middle_copies_nothing_and_loses_nothing(tmp_path: Path) -> None:
    code, lines = run("forks", tmp_path, "-X", "dev", "-W", "ignore::DeprecationWarning")
    assert (code, quiet(lines)) == (0, [])
    both = {f"{who}-{name}" for who in ("parent", "child") for name in FIRED}
    assert arrived(tmp_path) == dict.fromkeys({f"before{n}" for n in range(50)} | both | durable(lines), 1)


def test_what_waited_for_configure_is_the_parents(tmp_path: Path) -> None:
    code, lines = run("forks_before_configure", tmp_path)
    assert (code, quiet(lines)) == (0, [])
    assert arrived(tmp_path) == {**{f"before{n}": 1 for n in range(5)}, "parent": 1, "child": 1}


def test_a_child_that_leaves_by_os_exit_loses_only_what_was_not_durable(tmp_path: Path) -> None:
    code, lines = run("forks_and_os_exits", tmp_path)
    assert (code, durable(lines)) == (0, {"child-d0"})
    run("delivers", tmp_path)  # two journals were left: one is taken over, the other adopted
    assert arrived(tmp_path) == {"before": 1, "child-d0": 1, "next": 1}


def test_a_child_that_outlives_its_parent_does_not_keep_the_parents_journal(tmp_path: Path) -> None:
    run("outlives_its_parent", tmp_path)
    run("delivers", tmp_path)
    assert {f"parent-d{n}" for n in range(5)} <= set(arrived(tmp_path)), "while the child lives"
    (tmp_path / "go").touch()
    eventually(lambda: {f"child-{name}" for name in FIRED} <= set(arrived(tmp_path)), PATIENCE, "it ends in order")


@pytest.mark.parametrize("end", ["mp_fork", "mp_spawn", "mp_forkserver", "pool_closed", "pool_terminated", "executor"])
def test_children_of_multiprocessing_deliver_everything(tmp_path: Path, end: str) -> None:
    code, lines = run(end, tmp_path)
    assert (code, quiet(lines)) == (0, [])
    fired = {f"p{n}-{name}" for n in range(2) for name in ("f0", "f1", "f2", "last")}
    parent = {"parent"} if end.startswith("mp") else set()
    assert len(durable(lines)) == 6
    assert arrived(tmp_path) == dict.fromkeys(fired | durable(lines) | parent, 1)


# --- on the SDK ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "whose", "sign", "memory"),
    [
        ("sdk_ends", ("",), None, ""),
        ("sdk_forks", ("before-", "parent-", "child-"), None, ""),
        ("sdk_mp", ("parent-", "p0-", "p1-"), None, ""),
        ("sdk_mp", ("parent-", "p0-", "p1-"), None, "1"),
        ("sdk_waits", ("",), signal.SIGTERM, "1"),
    ],
)
@pytest.mark.parametrize("queue", ["", "1"], ids=["exporter", "log"])
def test_the_sdk_lives_as_the_audit_log_does(
    tmp_path: Path, end: str, whose: tuple[str, ...], sign: signal.Signals | None, memory: str, queue: str
) -> None:
    """Through a BatchLogRecordProcessor and our exporter, and straight into the queue of an AuditLog."""
    code, lines = run(end, tmp_path, sign=sign, LIFE_MEMORY=memory, LIFE_QUEUE=queue)
    assert (code, quiet(lines)) == (-sign if sign else 0, [])
    assert arrived(tmp_path) == dict.fromkeys({f"{who}f{n}" for who in whose for n in range(5)}, 1)
