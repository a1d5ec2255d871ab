from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import loguru
import pytest

from otelsiem import bind
from otelsiem.integrations.loguru import AuditSink
from otelsiem.model.errors import OtelsiemError
from tests.auditing.reading import audit_log, delivered
from tests.integrations.hosts import SECRET, Failing, Talkative, Weird


@pytest.fixture
def logger() -> Iterator[Any]:
    """Loguru's one logger, with no sink but those that a test adds."""
    loguru.logger.remove()
    yield loguru.logger
    loguru.logger.remove()


@pytest.mark.parametrize("serialize", [False, True])
def test_an_entry_is_an_event(logger: Any, serialize: bool, tmp_path: Path) -> None:
    with audit_log(tmp_path, journal=None) as (log, out):
        logger.add(AuditSink(log=log), serialize=serialize)
        with bind(session="s-1"):
            try:
                raise PermissionError(f"with {SECRET}")
            except PermissionError:
                logger.bind(audit="authentication_failure", actor="u-7", outcome="failure", request=Talkative()).opt(
                    exception=True
                ).warning("{} wrong {}", 3, "passwords")
        logger.info("not chosen")
        assert log.flush(10)
    [event] = delivered(out)
    assert (event["event_type"], event["user_id"], event["session_id"]) == ("authentication_failure", "u-7", "s-1")
    assert (event["outcome"], event["severity"], event["error_type"]) == ("failure", "medium", "PermissionError")
    assert (event["message"], event["request_id"]) == ("3 wrong passwords", "<Talkative>")
    assert event["metadata"]["log.logger"] == __name__
    assert SECRET not in out.read_text()


def test_which_are_chosen_and_what_they_are_called(logger: Any, tmp_path: Path) -> None:
    with audit_log(tmp_path, journal=None) as (log, out):
        logger.add(AuditSink(loggers={__name__: "from_here"}, events=["purchase"], log=log))
        logger.success("1")
        logger.bind(event="purchase").info("2")
        logger.bind(audit=True, event="sale").info("3")
        logger.bind(audit=False).info("left out")
        logger.patch(lambda record: record.update(name="elsewhere")).info("not chosen")
        logger.patch(lambda record: record.update(name="otelsiem.audit")).bind(audit=True).info("about ourselves")
        assert log.flush(10)
    assert [(one["message"], one["event_type"], one["severity"]) for one in delivered(out)] == [
        ("1", "from_here", "info"), ("2", "purchase", "info"), ("3", "sale", "info"),
    ]  # fmt: skip


def test_p6_nothing_is_raised(logger: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    broken = Failing()
    logger.add(AuditSink(log=broken), catch=False)
    logger.bind(audit=True).info("hello")
    logger.bind(audit=Weird()).info("hello")
    logger.bind(audit=True, event=Weird(), outcome=Weird(), tenant=Weird(), severity=Weird()).info("hello")
    AuditSink(log=broken)(Weird())  # type: ignore[arg-type]  # no message at all
    assert broken.asked == 2
    assert capfd.readouterr().err == ""
    assert {record.name for record in caplog.records} == {"otelsiem.integrations.loguru"}


def test_mistakes_are_refused_at_once() -> None:
    with pytest.raises(OtelsiemError, match="is no name"):
        AuditSink(loggers=[""])
