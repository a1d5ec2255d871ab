"""The hook for Celery: in one process with tasks that run at once, and in real workers with two children each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, signals
from celery.exceptions import Ignore, Reject

from otelsiem import AuditLog, SplunkHec, bind
from otelsiem.auditing.context import bound
from otelsiem.integrations.celery import TaskAudit, audit_tasks
from otelsiem.journal import family
from otelsiem.model.secret import Secret
from otelsiem.testing.hec import FakeHec
from tests.integrations.celery_worker import Worker, killed, worker
from tests.integrations.told import Told
from tests.program import eventually

# --- at once ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def app() -> Celery:
    made = Celery("t", broker="memory://", backend="cache+memory://", set_as_current=False)
    made.conf.task_always_eager = True
    return made


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    audit_tasks(tasks=()).disconnect()


def nothing() -> None:
    return None


def hear(told: Told, **settings: Any) -> TaskAudit:
    return audit_tasks(log=told, **settings)  # type: ignore[arg-type]  # it has what is used of one


def test_how_tasks_ended(app: Celery, told: Told) -> None:
    @app.task(name="pay", shared=False)
    def pay(account: str, amount: int, **more: str) -> str:
        return "a result that is nobody's business"

    @app.task(name="fail", shared=False)
    def fail(password: str) -> None:
        raise KeyError(password)

    @app.task(name="refuse", shared=False)
    def refuse() -> None:
        raise Reject("a secret", requeue=False)

    @app.task(name="ignore", shared=False)
    def ignore() -> None:
        raise Ignore

    hear(told, arguments={"pay": ("account", "missing")})
    assert pay.delay("acc-1", amount=5, token="secret").get() == "a result that is nobody's business"
    with pytest.raises(KeyError, match="secret"):
        fail.delay("secret").get()
    refuse.delay()
    ignore.delay()
    states = [(one["audit.target.name"], one["workflow.state"], one["outcome"]) for one in told.events]
    assert states == [("pay", "success", "success"), ("fail", "failure", "failure"), ("refuse", "rejected", "failure")]
    paid, failed, _ = told.events
    assert paid["audit.arguments.account"] == "acc-1"
    assert failed["error.type"] == "KeyError"
    assert 0 <= paid["audit.duration"] < 60
    assert 0 <= failed["audit.duration"] < 60
    assert "secret" not in str(told.events).replace("celery.exceptions", "")
    assert "business" not in str(told.events)


def test_only_tasks_that_were_chosen(app: Celery, told: Told) -> None:
    for name in ("billing.pay", "mail.send"):
        app.task(name=name, shared=False)(nothing)
    hear(told, tasks=("billing.*",), event="task_ran")
    for name in ("billing.pay", "mail.send"):
        app.tasks[name].delay()
    assert [(one["event"], one["audit.target.name"]) for one in told.events] == [("task_ran", "billing.pay")]


def test_called_again_it_replaces(app: Celery, told: Told) -> None:
    app.task(name="pay", shared=False)(nothing)
    hear(told)
    hear(told)
    app.tasks["pay"].delay()
    assert len(told.events) == 1


def test_one_text_is_no_list() -> None:
    with pytest.raises(TypeError, match=r"tasks='billing.\*': give globs in a tuple"):
        audit_tasks(tasks="billing.*")
    with pytest.raises(TypeError, match=r"arguments: .* as {'pay': \('account',\)}"):
        audit_tasks(arguments={"pay": "account"})


def test_what_was_bound_is_so_within_and_no_longer(app: Celery, told: Told) -> None:
    seen: list[Any] = []

    @app.task(name="see", shared=False)
    def see() -> None:
        seen.append(dict(bound.get()))

    hear(told, carry=True)
    headers: dict[str, Any] = {}
    with bind(actor="u-7", tenant="t" * 1000, colour="red", roles=["a"]):
        signals.before_task_publish.send("see", headers=headers, body=None)
    assert headers == {"otelsiem": {"user.id": "u-7", "tenant.id": "t" * 256}}
    app.tasks["see"].apply(headers=headers)
    assert seen == [{"user.id": "u-7", "tenant.id": "t" * 256}]
    assert dict(bound.get()) == {}
    forged: Any = {"otelsiem": {"user.id": ["forged"], "admin": "yes", "tenant.id": "acme"}}
    app.tasks["see"].apply(headers=forged)
    app.tasks["see"].apply(headers={"otelsiem": "nonsense"})
    assert seen[1:] == [{"tenant.id": "acme"}, {}]


def test_nothing_travels_unless_asked(app: Celery, told: Told) -> None:
    hear(told)
    headers: dict[str, Any] = {}
    with bind(actor="u-7"):
        signals.before_task_publish.send("see", headers=headers, body=None)
    assert headers == {}


def test_p6_a_hook_that_fails_is_not_noticed(app: Celery, told: Told, caplog: pytest.LogCaptureFixture) -> None:
    @app.task(name="pay", shared=False)
    def pay() -> str:
        return "paid"

    @app.task(name="fail", shared=False)
    def fail() -> None:
        raise KeyError("x")

    told.error = RuntimeError("our fault")
    hear(told, carry=True, arguments={"pay": 7})
    with caplog.at_level("ERROR"):
        assert pay.delay().get() == "paid"
        wrong: Any = {"otelsiem": 7}
        assert pay.apply(headers=wrong).get() == "paid"
        with pytest.raises(KeyError, match="x"):
            fail.delay().get()
        for heard in (signals.task_revoked, signals.task_rejected, signals.task_unknown, signals.worker_process_init):
            heard.send(sender=None)  # without anything that it should have
    assert "our fault" in caplog.text
    names = {record.name for record in caplog.records}
    assert names == {"otelsiem.integrations.celery", "celery.app.trace"}  # none that Celery caught from us


def test_a_child_that_ends_closes_its_log(told: Told) -> None:
    hear(told, closing=0.5)
    signals.worker_process_shutdown.send(sender="w", pid=1, exitcode=0)
    assert told.closed == 1


# --- in real workers -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """One that has got one task of each kind."""
    with worker(tmp_path_factory.mktemp("celery")) as made:
        made.send(
            "with otelsiem.bind(actor='u-7', tenant='acme'):\n"
            "    suicide.delay()\n"
            "    for task in (again, refuse, slow, quiet): task.delay()\n"
            "    pay.delay('acc-1', 5); fail.delay('hunter2')\n"
            "    pay.apply_async(('acc-2', 1), expires=-1)\n"
            "    app.send_task('jobs.missing')\n"
        )
        yield made


def ended(one: Worker) -> Counter[tuple[str, str, str]]:
    """Which tasks ended how."""
    told = [event.event for event in one.splunk.events if event.event["event_type"] == "workflow_execution"]
    return Counter(
        (said["target"]["name"], said["metadata"]["workflow.state"], said.get("error_type") or said.get("reason") or "")
        for said in told
    )


EXPECTED = {
    ("jobs.pay", "success", ""),
    ("jobs.pay", "revoked", "expired"),
    ("jobs.fail", "failure", "KeyError"),
    ("jobs.again", "retry", "TimeoutError"),
    ("jobs.again", "success", ""),
    ("jobs.refuse", "rejected", "celery.exceptions.Reject"),
    ("jobs.slow", "failure", "billiard.exceptions.TimeLimitExceeded"),
    ("jobs.missing", "rejected", "unknown task"),
}


def test_p2_every_task_is_told_once_and_the_actor_travels(running: Worker) -> None:
    eventually(lambda: ended(running).keys() >= EXPECTED, 30, f"all ends\n{running.program.tail()}")
    assert {end: ended(running)[end] for end in EXPECTED} == dict.fromkeys(EXPECTED, 1)
    assert not [name for name, _, _ in ended(running) if name.startswith("other.")]
    events = [event.event for event in running.splunk.events]
    payment = next(event for event in events if event["event_type"] == "payment")
    assert (payment["user_id"], payment["tenant_id"]) == ("u-7", "acme")  # audited in the task, bound in the client
    known = [event for event in events if event.get("target", {}).get("name") != "jobs.missing"]
    assert {(event["user_id"], event["tenant_id"]) for event in known} == {("u-7", "acme")}
    everything = " ".join(map(str, events))
    assert "hunter2" not in everything
    assert "secret" not in everything


def test_p1_what_was_durable_survives_the_kill_of_children_and_worker(tmp_path: Path) -> None:
    with worker(tmp_path) as one:
        one.send("for n in range(60): (note_and_die if n % 20 == 10 else note).delay(n)")
        one.await_receipts(2 * 60)
        assert len({line.split()[1] for line in one.receipts()}) >= 3  # children
        killed(one.program)
        drained(one.splunk, tmp_path / "journal")
        noted = {event.event["metadata"]["n"] for event in one.splunk.events if kind(event) == "noted"}
        assert noted == set(range(60))


def test_p1_a_child_that_ends_softly_flushes_what_was_not_durable(tmp_path: Path) -> None:
    """There is no journal, and the children end after three tasks each, at once and without `atexit`."""
    with worker(tmp_path, "--max-tasks-per-child=3", memory=True) as one:
        one.send("for n in range(30): mention.delay(n)")
        one.await_receipts(30)
        assert len({line.split()[1] for line in one.receipts()}) >= 10
        assert one.program.stop(30) == 0  # those that have less than three behind them
        there = {event.event["metadata"]["n"] for event in one.splunk.events if kind(event) == "mentioned"}
        assert there == set(range(30))
        assert ended(one)["jobs.mention", "success", ""] == 30


def test_a_task_whose_child_was_killed_failed(running: Worker) -> None:
    """Celery waits ten seconds before it says so."""
    lost = ("jobs.suicide", "failure", "billiard.exceptions.WorkerLostError")
    eventually(lambda: ended(running)[lost] > 0, 30, f"the loss\n{running.program.tail()}")
    assert ended(running)[lost] == 1


def kind(event: Any) -> str:
    return str(event.event["event_type"])


def drained(splunk: FakeHec, journal: Path) -> None:
    """What dead processes left is delivered by whoever comes next."""
    with ExitStack() as closing:
        for _ in family.directories(journal):  # one each
            log = AuditLog(SplunkHec(endpoint=splunk.url, token=Secret(splunk.token)), journal=journal)
            closing.callback(log.close)
            log.audit("drained")
            assert log.flush(20)
