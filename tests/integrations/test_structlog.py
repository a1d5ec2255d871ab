from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from otelsiem import AuditLog, bind
from otelsiem.integrations.structlog import AuditProcessor
from otelsiem.model.errors import OtelsiemError
from tests.auditing.reading import audit_log, delivered
from tests.integrations.hosts import SECRET, Failing, Talkative, Weird

PLACES = [0, 1, 2, 3, 4, 5]


class Lines:
    """A logger of structlog's that keeps what it is told."""

    name = "billing"

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def __getattr__(self, _: str) -> Any:
        return self.lines.append


def chain(log: AuditLog | None, place: int | None = 2, **choices: Any) -> tuple[Any, Lines]:
    """A logger with our processor at this place among the usual ones, or without it."""
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    if place is not None:
        processors.insert(place, AuditProcessor(log=log, **choices))
    lines = Lines()
    return structlog.wrap_logger(lines, processors=processors), lines


@pytest.mark.parametrize("place", PLACES)
def test_works_in_any_place_before_the_renderer(place: int, tmp_path: Path) -> None:
    with audit_log(tmp_path, journal=None) as (log, out):
        logger, lines = chain(log, place)
        plain, expected = chain(None, None)
        for one in (logger, plain):
            try:
                raise PermissionError(f"with {SECRET}")
            except PermissionError:
                with bind(session="s-1"):
                    one.exception("authentication_failure", audit=True, actor="u-7", outcome="failure", attempts=3)
        assert log.flush(10)
    [event] = delivered(out)
    assert (event["event_type"], event["user_id"], event["session_id"]) == ("authentication_failure", "u-7", "s-1")
    assert (event["outcome"], event["severity"], event["error_type"]) == ("failure", "high", "PermissionError")
    assert event["metadata"] == {"attempts": 3, "log.logger": "billing", "audit.level": "error"}
    assert "message" not in event
    assert SECRET not in out.read_text()
    [line], [without] = lines.lines, expected.lines
    cut = slice(0, line.index('"timestamp"'))
    assert line[cut] == without[cut]  # the same line as without it


def test_which_are_chosen_and_what_they_are_called(tmp_path: Path) -> None:
    with audit_log(tmp_path, journal=None) as (log, out):
        logger, lines = chain(log, events=["auth*", "key-rotated"])
        logger.info("auth.success", n=1)
        logger.info("Key Rotated", n="not a name: a sentence")
        logger.info("KEY_ROTATED", n=2)
        logger.info("a person has come", audit=True, n=3)
        logger.warning("a person has gone", audit="visit", n=4)
        logger.info("other", n="not chosen")
        logger.info("auth.success", audit=False, n="left out")
        named, _ = chain(log, loggers={"billing": "billing_event"})
        named.critical("all of this logger's", n=5)
        named.info("with_name", message="for a person", n=6)
        other, _ = chain(log, loggers=["bill"])
        other.info("no prefix without a dot", n="not chosen")
        assert log.flush(10)
    assert [(one["metadata"]["n"], one["event_type"], one.get("message")) for one in delivered(out)] == [
        (1, "auth.success", None), (2, "KEY_ROTATED", None), (3, "billing", "a person has come"),
        (4, "visit", "a person has gone"), (5, "billing_event", "all of this logger's"),
        (6, "with_name", "for a person"),
    ]  # fmt: skip
    assert len(lines.lines) == 7


def test_an_entry_of_the_standard_library_on_its_way_through(tmp_path: Path) -> None:
    with audit_log(tmp_path, journal=None) as (log, out):
        theirs = structlog.stdlib.ProcessorFormatter
        formatter = theirs(
            foreign_pre_chain=[AuditProcessor(loggers=["vendor"], log=log)],
            processors=[theirs.remove_processors_meta, structlog.processors.JSONRenderer()],
        )
        for name in ("vendor.sdk", "otelsiem.audit"):
            record = logging.LogRecord(name, logging.WARNING, "", 1, "a %s", ("word",), None)
            assert formatter.format(record) == '{"event": "a word"}'
        assert log.flush(10)
    [event] = delivered(out)
    assert (event["event_type"], event["message"], event["severity"]) == ("vendor.sdk", "a word", "medium")


def test_behind_the_renderer_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    logger, lines = chain(None, 6)
    for _ in range(3):
        logger.info("x", audit=True)
    assert len(lines.lines) == 3
    assert [record.getMessage() for record in caplog.records] == [
        "msg='AuditProcessor stands behind the renderer, where entries are text already: put it before'"
    ]


def test_p6_what_it_is_entrycomes_back_untouched_and_nothing_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    broken = Failing()
    processor = AuditProcessor(log=broken)
    said = {"event": Weird(), "audit": True, "weird": Weird(), "items": [Talkative()], 7: 8, "exc_info": Weird()}
    before = copy.copy(said)
    for logger in (None, Weird(), logging.getLogger("x")):
        assert processor(logger, "info", said) is said
    assert said.keys() == before.keys()
    assert all(said[key] is before[key] for key in said)
    for text in ("text", b"bytes", (), None, Weird()):
        assert processor(None, "info", text) is text
    processor(None, "info", {"event": "x", "audit": True})
    assert broken.asked == 1
    assert {record.name for record in caplog.records} == {"otelsiem.integrations.structlog"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(object) | st.uuids(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=10,
)
KEYS = st.text(max_size=12) | st.sampled_from(
    ["self", "event", "durable", "message", "severity", "outcome", "tenant", "actor", "level", "exc_info", "exception"]
)


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_whatever_an_entry_brings_it_is_one_record(said: dict[str, Any]) -> None:
    told: list[tuple[str, dict[str, Any]]] = []

    class Log(AuditLog):
        def __init__(self) -> None:
            """Takes what the real one takes."""

        def audit(
            self, event: Any, /, *, outcome: str = "", severity: Any = "", message: str = "", tenant: str | None = "",
            durable: bool = False, **attributes: Any,
        ) -> Any:  # fmt: skip
            assert all(type(one) is str for one in (event, outcome, severity, message, tenant))
            assert durable is False
            told.append((event, attributes))

    entry = {**said, "audit": True}
    assert AuditProcessor(log=Log())(None, "info", entry) is entry
    [(event, attributes)] = told
    assert event
    msgspec.msgpack.encode(attributes)


def test_mistakes_are_refused_at_once() -> None:
    with pytest.raises(OtelsiemError, match="give names in a tuple"):
        AuditProcessor(events="auth*")
