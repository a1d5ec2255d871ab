from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider

from otelsiem import AuditLog, Authentication, File, Receipt, SplunkHec, bind
from otelsiem.auditing import log as log_module
from otelsiem.auditing import worker as module
from otelsiem.auditing.moment import TypedEvent
from otelsiem.auditing.setup import checked
from otelsiem.journal import family
from otelsiem.journal.peek import peek
from otelsiem.model.errors import JournalError, OtelsiemError
from otelsiem.outbox import NotTakenError, Outlet
from otelsiem.processors.constitution import Constitution
from tests.auditing.reading import audit_log, delivered
from tests.examples import some
from tests.program import eventually, free_port


def test_an_event_as_it_was(tmp_path: Path) -> None:
    with audit_log(tmp_path, service_name="billing", constitution="cdd01ef066bc6cf2") as (log, out):
        before = time.time_ns()
        names = ["a", "b"]
        with bind(actor="u-7", tenant="acme", session="s-1"):
            log.audit(
                "authentication_failure", outcome="failure", severity="high", message="Failed", roles=names, reason="x"
            )
        names.append("too late")
        after = time.time_ns()
        assert log.flush(10)
    [event] = delivered(out)
    assert before <= int(event["time_unix_nano"]) <= after
    said = {key: event[key] for key in ("event_type", "severity", "message", "outcome", "reason", "tenant_id")}
    assert said == {
        "event_type": "authentication_failure",
        "severity": "high",
        "message": "Failed",
        "outcome": "failure",
        "reason": "x",
        "tenant_id": "acme",
    }
    assert (event["user_id"], event["constitutional_hash"], event["source"]) == ("u-7", "cdd01ef066bc6cf2", "billing")
    assert (event["user_roles"], event["session_id"]) == (["a", "b"], "s-1")


def test_the_call_wins_over_what_is_bound_and_that_over_baggage(tmp_path: Path) -> None:
    token = attach(baggage.set_baggage("tenant.id", "of-baggage", baggage.set_baggage("user.id", "of-baggage")))
    try:
        with audit_log(tmp_path) as (log, out):
            log.audit("one")
            with bind(tenant="bound"):
                log.audit("two")
                log.audit("three", tenant="said", actor="said")
            assert log.flush(10)
    finally:
        detach(token)
    assert [(e["tenant_id"], e["user_id"]) for e in delivered(out)] == [
        ("of-baggage", "of-baggage"),
        ("bound", "of-baggage"),
        ("said", "said"),
    ]


class Telling(NamedTuple):
    """An event of somebody else's, that says nothing of what it does not know."""

    event: str = "told"
    severity: str = ""
    message: str = ""

    def attributes(self) -> dict[str, Any]:
        return {"actor": None, "session": None, "reason": "of the event", "left": None}


NOBODY: dict[str, Any] = dict.fromkeys(("actor", "tenant", "session", "reason", "outcome", "severity", "message"))


@pytest.mark.parametrize(
    ("event", "reason"),
    [("told", "bound"), (Telling(), "of the event"), (Authentication(succeeded=True, reason="typed"), "typed")],
)
@pytest.mark.parametrize("durable", [False, True])
def test_none_is_not_said_and_what_is_known_stands(
    event: str | TypedEvent, reason: str, durable: bool, tmp_path: Path
) -> None:
    token = attach(baggage.set_baggage("session.id", "of-baggage"))
    try:
        with audit_log(tmp_path) as (log, out):
            with bind(actor="u-7", tenant="acme", reason="bound"):
                log.audit(event, durable=durable, **{**NOBODY, "audit.reason": None} if reason == "typed" else NOBODY)
            assert log.flush(10)
    finally:
        detach(token)
    [found] = delivered(out)
    assert [found[key] for key in ("user_id", "tenant_id", "session_id")] == ["u-7", "acme", "of-baggage"]
    assert reason in {found.get("reason"), found["metadata"].get("reason")}, "and nothing beside it is null"
    assert not {"user.id", "tenant.id", "session.id", "audit.reason"} & found["metadata"].keys()


def test_none_is_a_value_where_nothing_is_known_unless_it_is_who(tmp_path: Path) -> None:
    with audit_log(tmp_path) as (log, out):
        log.audit("configuration_change", actor=None, correlation=None, before=None, after=5)
        assert log.flush(10)
    [found] = delivered(out)
    assert found["metadata"] == {"before": None, "after": 5}


def test_p7_the_trace_of_the_caller_is_on_the_record(tmp_path: Path) -> None:
    tracer = TracerProvider().get_tracer("t")
    with audit_log(tmp_path) as (log, out):
        with tracer.start_as_current_span("s") as span:
            log.audit("inside")
        log.audit("outside")
        assert log.flush(10)
    inside, outside = delivered(out)
    held = span.get_span_context()
    assert (inside["trace_id"], inside["span_id"]) == (f"{held.trace_id:032x}", f"{held.span_id:016x}")
    assert "trace_id" not in outside
    assert trace.get_current_span().get_span_context().trace_id == 0


class _Nasty:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(_Nasty)
    | st.just("\ud800") | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.sets(st.integers(), max_size=2)
    ),
    max_leaves=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with audit_log(tmp_path_factory.mktemp("shared")) as held:
        yield held


@given(event=values, said=st.fixed_dictionaries(dict.fromkeys(("outcome", "severity", "message", "tenant"), values)),
       held=st.dictionaries(st.text(max_size=5), values, max_size=4))  # fmt: skip
@settings(max_examples=some(40))
def test_p6_whatever_it_is_given_nothing_is_raised_and_all_are_counted(
    shared: tuple[AuditLog, Path], event: Any, said: dict[str, Any], held: dict[str, Any]
) -> None:
    log, out = shared
    before = len(delivered(out))
    log.audit("first")
    log.audit(event, **{**held, **said})
    log.audit("last")
    assert log.flush(20)
    events = delivered(out)[before:]
    assert (len(events), log.metrics().lost) == (3, 0)
    assert (events[0]["event_type"], events[-1]["event_type"]) == ("first", "last")


def test_a_value_that_holds_itself_ends(tmp_path: Path) -> None:
    ring: list[Any] = []
    ring.append(ring)
    with audit_log(tmp_path) as (log, out):
        log.audit("ring", ring=ring)
        assert log.flush(10)
    assert len(delivered(out)) == 1


# --- durable -----------------------------------------------------------------------------------------------------


def test_p1_durable_returns_with_the_record_on_disk(tmp_path: Path) -> None:
    with audit_log(tmp_path) as (log, out):
        log.audit("nothing else is running")
        assert log.flush(10)
        log.pause("file")
        receipt = log.audit("sensitive_operation", durable=True, actor="u-7")
        assert isinstance(receipt, Receipt)
        assert str(receipt) == f"audit/{receipt.position}"
        [directory] = (tmp_path / "journal").iterdir()
        with peek(directory) as db:
            numbers = db.execute("SELECT sum(next) FROM pipeline").fetchone()
        assert numbers[0] == receipt.position + 1
        log.resume("file")
        assert log.flush(10)
    assert [event["event_id"] for event in delivered(out) if event["event_type"] == "sensitive_operation"] == [
        receipt.id
    ]


async def test_p1_a_coroutine_waits_and_the_loop_goes_on(tmp_path: Path) -> None:
    with audit_log(tmp_path) as (log, out):
        receipts = await asyncio.gather(*[log.audit_durable("op", n=n) for n in range(50)])
        assert len({receipt.id for receipt in receipts}) == len({receipt.position for receipt in receipts}) == 50
        assert await asyncio.to_thread(log.flush, 10)
    assert {event["event_id"] for event in delivered(out)} == {receipt.id for receipt in receipts}


async def test_p1_what_is_not_durable_is_said(tmp_path: Path) -> None:
    memory = AuditLog(File(path=str(tmp_path / "out")))
    for log, why in ((memory, "no journal on disk"), (AuditLog.unset(), "configure")):
        with pytest.raises(NotTakenError, match=why):
            log.audit("x", durable=True)
        with pytest.raises(NotTakenError, match=why):
            await log.audit_durable("x")
        log.close()
    with audit_log(tmp_path) as (log, _):
        pass
    with pytest.raises(NotTakenError, match="closed"):
        log.audit("x", durable=True)


def test_p1_a_journal_that_does_not_open_is_said_and_nothing_is_lost_when_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    claim, opens = family.claim, threading.Event()

    def claimed(*given: Any) -> Any:
        if not opens.is_set():
            raise OSError(28, "No space left on device")
        return claim(*given)

    monkeypatch.setattr(family, "claim", claimed)
    monkeypatch.setattr(module, "AGAIN", 0.01)
    monkeypatch.setattr("otelsiem.auditing.log.DURABLE", 0.2)
    with audit_log(tmp_path) as (log, out):
        log.audit("kept")
        with pytest.raises(NotTakenError, match="No space left"):
            log.audit("x", durable=True)
        opens.set()
        assert log.flush(10)
    assert [event["event_type"] for event in delivered(out)] == ["kept"]
    assert "No space left" in caplog.text


def test_a_record_that_a_processor_refuses_is_no_receipt_but_a_dead_letter(tmp_path: Path) -> None:
    rules = Constitution(hash="cdd01ef066bc6cf2", on_mismatch="reject")
    with audit_log(tmp_path, constitution=rules) as (log, out):
        log.audit("x", constitutional_hash="another")
        assert log.flush(10)
        [directory] = (tmp_path / "journal").iterdir()
        with peek(directory) as db:
            assert db.execute("SELECT count(*) FROM dead").fetchone() == (1,)
    assert [event["event_type"] for event in delivered(out)] == ["constitutional_hash_mismatch"]


# --- a full queue ------------------------------------------------------------------------------------------------


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Nothing leaves the queue until it is set."""
    go, piece = threading.Event(), module.Worker._piece

    def waits(worker: module.Worker) -> bool:
        return piece(worker) if go.wait(0.01) else False

    monkeypatch.setattr(module.Worker, "_piece", waits)
    return go


def test_drop_newest_counts_and_says_so_once(
    tmp_path: Path, stuck: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    with audit_log(tmp_path, on_full="drop_newest", max_queue=3) as (log, out):
        for n in range(10):
            log.audit("x", n=n)
        assert (log.metrics().dropped, log.metrics().queue_size) == (7, 3)
        assert not log.health().healthy
        stuck.set()
        assert log.flush(10)
    assert [event["metadata"]["n"] for event in delivered(out)] == [0, 1, 2]
    assert [r.getMessage() for r in caplog.records if "the queue is full (3 events)" in r.getMessage()] == [
        "dropped=1 lost=0 msg='LOST: the queue is full (3 events)'"
    ]


def test_spill_writes_past_the_queue_and_loses_none(tmp_path: Path, stuck: threading.Event) -> None:
    with audit_log(tmp_path, max_queue=3) as (log, out):
        for n in range(10):
            log.audit("x", n=n)
        assert (log.metrics().dropped, log.metrics().queue_size) == (0, 3)
        stuck.set()
        assert log.flush(10)
    assert sorted(event["metadata"]["n"] for event in delivered(out)) == list(range(10))


def test_block_waits_for_room(tmp_path: Path, stuck: threading.Event) -> None:
    with audit_log(tmp_path, on_full="block", max_queue=3) as (log, out):
        thread = threading.Thread(target=lambda: [log.audit("x", n=n) for n in range(10)])
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        stuck.set()
        thread.join(10)
        assert not thread.is_alive()
        assert log.flush(10)
    assert [event["metadata"]["n"] for event in delivered(out)] == list(range(10))


def test_block_ends_when_it_is_closed(tmp_path: Path, stuck: threading.Event) -> None:
    with audit_log(tmp_path, on_full="block", max_queue=1) as (log, out):
        thread = threading.Thread(target=lambda: [log.audit("x") for _ in range(3)])
        thread.start()
        thread.join(0.1)
        closing = threading.Thread(target=log.close)
        closing.start()
        stuck.set()
        thread.join(10)
        closing.join(10)
        assert not thread.is_alive()
        assert not closing.is_alive()
        assert len(delivered(out)) + log.metrics().dropped == 3, "none is lost without a word"


def test_what_waited_for_room_until_it_was_closed_is_counted(
    tmp_path: Path, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with audit_log(tmp_path, on_full="block", max_queue=1) as (log, out):
        log.audit("first")
        stuck.set()
        monkeypatch.setattr(log, "_most", 0)
        wait = log._wait_for_room

        def closes() -> bool:
            log.close()
            return wait()

        monkeypatch.setattr(log, "_wait_for_room", closes)
        log.audit("second")
        assert (len(delivered(out)), log.metrics().dropped) == (1, 1)


def test_a_closed_log_takes_nothing_and_counts_it(tmp_path: Path) -> None:
    with audit_log(tmp_path) as (log, out):
        log.audit("taken")
    log.audit("late")
    assert log.metrics().dropped == 1
    assert [event["event_type"] for event in delivered(out)] == ["taken"]
    assert log.close() == 0


# --- exporters and figures -----------------------------------------------------------------------------------------


def test_exporters_come_and_go_while_records_are_taken(tmp_path: Path) -> None:
    with audit_log(tmp_path) as (log, first):
        log.audit("one")
        assert log.flush(10)
        log.add("second", File(path=str(tmp_path / "second")))
        log.audit("two")
        assert log.flush(10)
        log.pause("file")
        log.audit("three")
        assert log.flush(10)
        assert log.health().paused == ("file",)
        log.resume("file")
        assert log.flush(10)
        log.remove("second")
        log.audit("four")
        assert log.flush(10)
        with pytest.raises(OtelsiemError, match="no exporter 'second'; there are: file"):
            log.pause("second")
    assert [event["event_type"] for event in delivered(first)] == ["one", "two", "three", "four"]
    assert [event["event_type"] for event in delivered(tmp_path / "second")] == ["two", "three"]


def test_p2_metrics_and_health_tell_of_a_dead_destination(tmp_path: Path) -> None:
    dead = SplunkHec(endpoint=f"http://127.0.0.1:{free_port()}", token="t0ken-of-splunk")
    with audit_log(tmp_path, exporters={"soc": dead}) as (log, _):
        log.audit("x")
        assert not log.flush(1)
        _until(lambda: log.metrics().retries > 0)
        metrics, health = log.metrics(), log.health()
        assert (metrics.sent, metrics.pending, metrics.failed) == (1, 1, 0)
        assert 0 < metrics.success_rate < 1
        assert metrics.mean_latency > 0
        assert list(metrics.errors)
        assert (health.healthy, list(health.problems)) == (False, ["soc"])
        assert "t0ken" not in repr(health) + repr(metrics)
        with pytest.raises(OtelsiemError, match="pending"):
            log.remove("soc")


def test_what_is_journaled_is_delivered_by_the_next_life(tmp_path: Path) -> None:
    with audit_log(tmp_path) as (log, out):
        log.audit("first")
        assert log.flush(10)
        log.pause("file")
        log.audit("later", durable=True)
        assert log.close() == 1
    with audit_log(tmp_path) as (log, out):
        log.audit("third")
        assert log.flush(10)
    assert [event["event_type"] for event in delivered(out)] == ["first", "later", "third"]


def test_without_a_journal_what_is_left_is_shouted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = AuditLog(SplunkHec(endpoint=f"http://127.0.0.1:{free_port()}", token="t"))
    log.audit("x")
    assert log.close(0.5) == 1
    assert "records=1 msg='LOST: not delivered at the end, and there is no journal'" in caplog.text


def test_our_own_log_is_no_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with audit_log(tmp_path) as (log, out):
        logging.getLogger("otelsiem.audit").error("about a record")
        log.audit("x")
        assert log.flush(10)
    assert len(delivered(out)) == 1


# --- how it is set up ----------------------------------------------------------------------------------------------


def test_p8_what_cannot_work_is_refused_before_any_record(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    there = File(path=str(tmp_path / "out"))
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: AuditLog(File), "is no destination"),  # type: ignore[arg-type]
        (lambda: AuditLog(there, on_full="spill"), "needs a journal"),
        (lambda: AuditLog(there, on_full="later"), "one of drop_newest, spill, block"),  # type: ignore[arg-type]
        (lambda: AuditLog(there, max_queue=0), "1 or more"),
        (lambda: AuditLog(there, journal=tmp_path / "file"), "File exists"),
        (lambda: AuditLog(there, jurnal="x"), "unknown: jurnal; known are exporters, journal"),  # type: ignore[call-arg]
    ]
    for make, why in wrong:
        with pytest.raises((OtelsiemError, TypeError), match=why):
            make()


def test_destinations_are_named_by_their_type(tmp_path: Path) -> None:
    one, two = File(path=str(tmp_path / "a")), File(path=str(tmp_path / "b"))
    setup = checked([one, Outlet(two)], {"exporters": {"soc": one}})
    assert list(setup.outlets) == ["soc", "file", "file/2"]


def test_a_daemon_that_goes_to_another_directory_writes_where_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    log = AuditLog(File(path="out.jsonl"), journal="journal")
    monkeypatch.chdir(there)
    log.audit("moved")
    assert log.flush(10)
    log.close()
    assert [event["event_type"] for event in delivered(here / "out.jsonl")] == ["moved"]
    assert not [*there.iterdir()]


class Holder:
    """Somebody's class, that is sent to a pool."""

    def __init__(self, log: AuditLog) -> None:
        self.log, self.audit = log, log.audit


@pytest.mark.parametrize("do", [pickle.dumps, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("what", ["log", "holder", "audit"])
def test_what_cannot_leave_the_process_says_so(what: str, do: Callable[[Any], Any], tmp_path: Path) -> None:
    with audit_log(tmp_path) as (log, out):
        held = {"log": log, "holder": [Holder(log)], "audit": [log.audit]}[what]
        if do is copy.copy and what != "log":
            assert do(held) == held, "a list's copy holds the same"
        else:
            with pytest.raises(TypeError, match=r"cannot be pickled or copied: .* call otelsiem\.configure"):
                do(held)
        log.audit("still")
        assert log.flush(10)
    assert len(delivered(out)) == 1


def test_what_was_audited_before_it_was_configured_waits(tmp_path: Path) -> None:
    log = AuditLog.unset()
    log.audit("early")
    assert not log.flush(0.01)
    log.set_up(checked([File(path=str(tmp_path / "out"))], {}))
    log.audit("late")
    assert log.flush(10)
    log.set_up(checked([File(path=str(tmp_path / "other"))], {}))
    log.audit("elsewhere")
    assert log.flush(10)
    log.close()
    assert [event["event_type"] for event in delivered(tmp_path / "out")] == ["early", "late"]
    assert [event["event_type"] for event in delivered(tmp_path / "other")] == ["elsewhere"]


def test_never_configured_is_shouted_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    log = AuditLog.unset()
    for _ in range(3):
        log.audit("x")
    assert log.close() == 3
    assert "dropped=0 lost=3 msg='LOST: otelsiem.configure was never called'" in caplog.text


def _until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_p6_audit_within_the_beginning_of_the_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a signal's handler, or a destructor that the collector runs just there."""
    log = AuditLog(File(path=str(tmp_path / "out")))
    begun = module.Worker

    def made(*given: Any) -> Any:
        log.audit("within")
        return begun(*given)

    monkeypatch.setattr("otelsiem.auditing.log.Worker", made)
    first = threading.Thread(target=log.audit, args=("first",), daemon=True)
    first.start()
    first.join(10)
    assert not first.is_alive(), "it waits for a lock that it holds itself"
    monkeypatch.undo()
    assert log.flush(10)
    assert log.close() == 0
    assert (tmp_path / "out").read_text().count("\n") == 2


def test_p6_an_event_dropped_while_another_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(File(path=str(tmp_path / "out")))
    log.close()

    def within() -> None:
        with log._lock:  # what a signal's handler interrupts
            log.audit("within")

    handler = threading.Thread(target=within, daemon=True)
    handler.start()
    handler.join(10)
    assert not handler.is_alive()
    assert log.metrics().dropped == 1


def test_what_is_queued_when_it_is_set_up_again_is_not_called_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = AuditLog(File(path=str(tmp_path / "a")))
    log.audit("one")
    assert log.flush(10)
    join = module.Worker.join

    def late(worker: Any, timeout: float) -> None:
        join(worker, timeout)
        log.take(log_module._seen("late", {}))  # after the end of the thread, before the count

    monkeypatch.setattr(module.Worker, "join", late)
    log.set_up(checked([File(path=str(tmp_path / "b"))], {}))
    monkeypatch.undo()
    assert log.flush(10)
    assert (tmp_path / "b").read_text().count("\n") == 1
    assert "LOST" not in caplog.text
    log.close()


def test_a_journal_that_cannot_be_opened_is_not_healthy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any, **__: Any) -> Any:
        raise JournalError("no room on this disk")

    monkeypatch.setattr(family, "claim", refuses)
    log = AuditLog(File(path=str(tmp_path / "out")), journal=tmp_path / "journal")
    log.audit("x")
    eventually(lambda: "no room" in log.health().problems.get("journal", ""), 10, "the truth")
    assert not log.health().healthy
    monkeypatch.undo()
    assert log.flush(10)
    assert log.health().healthy
    log.close()


def test_p6_audit_raises_nothing_when_a_handler_of_our_own_log_does(tmp_path: Path) -> None:
    class Raises(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError(record.name)

    log, handler = AuditLog(File(path=str(tmp_path / "out"))), Raises()
    log.close()
    logging.getLogger("otelsiem").addHandler(handler)
    try:
        log.audit("after the end")  # dropped, and said so
    finally:
        logging.getLogger("otelsiem").removeHandler(handler)
    assert log.metrics().dropped == 1
