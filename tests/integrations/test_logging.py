from __future__ import annotations

import copy
import datetime as dt
import logging
import logging.config
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from otelsiem import bind
from otelsiem.integrations._plain import ITEMS, plain
from otelsiem.integrations.logging import AuditHandler
from otelsiem.model.errors import OtelsiemError
from tests.auditing.reading import audit_log, delivered
from tests.integrations.hosts import SECRET, Failing, Talkative, Weird


@contextmanager
def attached(logger: str, handler: logging.Handler) -> Iterator[logging.Logger]:
    found = logging.getLogger(logger)
    found.addHandler(handler)
    level, found.level = found.level, logging.DEBUG
    try:
        yield found
    finally:
        found.removeHandler(handler)
        found.level = level


def test_an_entry_is_an_event(tmp_path: Path) -> None:
    with audit_log(tmp_path) as (log, out):
        with attached("billing.audit", AuditHandler(log=log)) as logger, bind(session="s-1"):
            logger.warning(
                "card %s refused",
                "4711",
                extra={
                    "event": "authorization_failure", "actor": "u-7", "tenant": "acme", "outcome": "failure",
                    "order": 7, "when": dt.date(2026, 11, 21), "key": UUID(int=1), "durable": True,
                    "items": ["a", {"b": 2.5}], "request": "r-1",
                },
            )  # fmt: skip
        assert log.flush(10)
    [event] = delivered(out)
    assert event["event_type"] == "authorization_failure"
    assert event["message"] == "card 4711 refused"
    assert (event["user_id"], event["tenant_id"], event["session_id"]) == ("u-7", "acme", "s-1")
    assert (event["outcome"], event["severity"], event["request_id"]) == ("failure", "medium", "r-1")
    rest = {key: value for key, value in event["metadata"].items() if not key.startswith("audit.")}
    assert rest == {
        "order": 7, "when": "2026-11-21", "key": str(UUID(int=1)), "extra.durable": True, "items": ["a", {"b": 2.5}],
        "log.logger": "billing.audit",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("level", "severity"),
    [(5, "trace"), (10, "debug"), (20, "info"), (25, "info"), (30, "medium"), (40, "high"), (50, "critical")],
)
def test_a_level_is_a_severity(level: int, severity: str, tmp_path: Path) -> None:
    with audit_log(tmp_path, journal=None) as (log, out):
        with attached("levels", AuditHandler(log=log)) as logger:
            logger.level = 1
            logger.log(level, "hello")
        assert log.flush(10)
    assert [event["severity"] for event in delivered(out)] == [severity]


def test_what_an_event_is_called_and_which_are_chosen(tmp_path: Path) -> None:
    loggers = {"shop": "", "shop.prices": "price_change", "django.security": "security_event"}
    with audit_log(tmp_path, journal=None) as (log, out):
        handler = AuditHandler(loggers=loggers, events=["auth*"], log=log)
        with attached("", handler):
            logging.getLogger("shop.orders").info("1")
            logging.getLogger("shop.prices.eu").info("2")
            logging.getLogger("django.security.csrf").info("3")
            logging.getLogger("shopping").info("not below shop")
            logging.getLogger("other").info("not chosen", extra={"event": "purchase"})
            logging.getLogger("other").info("4", extra={"event": "AUTH-FAILED"})
            logging.getLogger("other").info("5", extra={"audit": True})
            logging.getLogger("other").info("6", extra={"audit": "key_rotated", "event": "no name, a sentence"})
            logging.getLogger("shop").info("left out", extra={"audit": False})
            logging.getLogger("otelsiem.audit").error("about ourselves", extra={"audit": True})
        assert log.flush(10)
    assert [(event["message"], event["event_type"]) for event in delivered(out)] == [
        ("1", "shop.orders"), ("2", "price_change"), ("3", "security_event"), ("4", "AUTH-FAILED"), ("5", "other"),
        ("6", "key_rotated"),
    ]  # fmt: skip


def test_an_exception_is_its_type_and_objects_tell_nothing(tmp_path: Path) -> None:
    with audit_log(tmp_path, journal=None) as (log, out):
        with attached("errors", AuditHandler(log=log)) as logger:
            try:
                raise PermissionError(f"with {SECRET}")
            except PermissionError as error:
                logger.exception("refused", extra={"request": Talkative(), "deep": {"in": [Talkative(), error]}})
        assert log.flush(10)
    [event] = delivered(out)
    assert (event["error_type"], event["severity"]) == ("PermissionError", "high")
    assert event["request_id"] == "<Talkative>"
    assert event["metadata"]["deep"] == {"in": ["<Talkative>", "<PermissionError>"]}
    assert SECRET not in out.read_text()


def test_p6_nothing_is_raised_and_nothing_is_changed(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    broken = Failing()
    handler = AuditHandler(log=broken)
    seen: list[dict[str, Any]] = []

    class After(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(dict(vars(record)))

    said: dict[Any, Any] = {"items": [1], "self": 1, "event": Weird(), "weird": Weird(), 7: "a key that is no text"}
    logging.getLogger("hurt").propagate = False  # pytest's own handler would raise
    with attached("hurt", handler) as logger, attached("hurt", After()):
        before = copy.copy(said)
        for _ in range(3):
            logger.warning("%d of %d", 1, extra=said)  # one argument too few
        logger.warning(Weird(), extra={"audit": Weird()})
    assert broken.asked == 3
    assert said.keys() == before.keys()
    assert all(said[key] is before[key] for key in said)
    assert [record["items"] for record in seen[:3]] == [[1]] * 3
    assert len(seen) == 4
    assert not {"message", "audit.outcome"} & seen[0].keys()
    assert capfd.readouterr().err == ""
    ours = [record.getMessage() for record in caplog.records if record.name == "otelsiem.integrations.logging"]
    assert sorted(ours) == [  # once a minute each
        "msg='a log entry could not be read'",
        "msg='an event could not be told'",
        "msg='the text of a log entry could not be made'",
    ]


def test_a_failing_audit_log_does_not_feed_itself() -> None:
    broken = Failing()
    with attached("", AuditHandler(log=broken)):
        logging.getLogger("somebody").warning("hello")
    assert broken.asked == 1


def test_from_a_configuration(tmp_path: Path) -> None:
    with audit_log(tmp_path, journal=None) as (log, out):
        logging.config.dictConfig({
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {"audit": {
                "class": "otelsiem.integrations.logging.AuditHandler", "level": "WARNING",
                "loggers": {"configured": "configured_event"}, "log": log,
            }},
            "loggers": {"configured": {"handlers": ["audit"], "level": "INFO"}},
        })  # fmt: skip
        logging.getLogger("configured").info("below the level")
        logging.getLogger("configured").warning("above")
        logging.getLogger("configured").handlers.clear()
        assert log.flush(10)
    assert [(event["event_type"], event["message"]) for event in delivered(out)] == [("configured_event", "above")]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"loggers": "shop"}, "loggers='shop': give names in a tuple, as ('shop',)"),
        ({"loggers": ("",)}, "loggers: '' is no name"),
        ({"loggers": {"shop": 7}}, "loggers: 7 is no name"),
        ({"events": "auth*"}, "events='auth*': give names in a tuple, as ('auth*',)"),
        ({"events": [None]}, "events: None is no name"),
        ({"log": "splunk"}, "log='splunk': it is an AuditLog, or None for the one that otelsiem.configure sets up"),
    ],
)
def test_mistakes_are_refused_at_once(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OtelsiemError) as refused:
        AuditHandler(**settings)
    assert str(refused.value) == sentence


def test_what_one_entry_brings_is_bounded() -> None:
    loop: list[Any] = []
    loop.extend([loop] * 10)  # a tree of ten branches at each of its floors
    made = plain({"loop": loop, "after": "x"})
    assert str(made).count("…") < 10 * ITEMS


class Torn(dict[str, Any]):
    """One that another thread changes while it is read."""

    def items(self) -> Any:
        raise RuntimeError("dictionary changed size during iteration")


def test_p6_a_value_that_cannot_be_read_costs_nothing_beside_it() -> None:
    torn = {"a": Torn(x=1), "b": [Torn(), 10**5000], "c": HTTPStatus.NOT_FOUND, "d": {Torn: 1}}
    assert plain(torn) == {"a": "<Torn>", "b": ["<Torn>", "<int>"], "c": 404, "d": {str(Torn): 1}}
