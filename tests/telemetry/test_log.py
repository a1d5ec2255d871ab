"""Our own log: one line per event, whatever the event says."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.telemetry.log import FOREIGN, NAME, KeyValue, configure, fields

PAIR = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]+)(?: |$)')


def read(line: str) -> dict[str, str]:
    """An independent reader of key=value lines."""
    pairs = PAIR.findall(line)
    assert "".join(f"{key}={text} " for key, text in pairs).strip() == line
    return {key: json.loads(text) if text.startswith('"') else text for key, text in pairs}


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    loggers = [logging.getLogger(name) for name in (NAME, *FOREIGN)]
    before = [(logger.level, logger.propagate, list(logger.handlers)) for logger in loggers]
    out = io.StringIO()
    configure(logging.INFO, out)
    yield out
    for logger, (level, propagate, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers = handlers


def test_an_event_is_a_line(stream: io.StringIO) -> None:
    logging.getLogger("otelsiem.gateway").warning("port %d is slow", 4317, extra=fields(exporter="hec/soc", held=2))
    event = read(stream.getvalue().rstrip("\n"))
    assert event.pop("time").endswith("Z")
    assert event == {
        "level": "warning",
        "logger": "otelsiem.gateway",
        "msg": "port 4317 is slow",
        "exporter": "hec/soc",
        "held": "2",
    }


def test_fields_may_stand_in_the_message(stream: io.StringIO) -> None:
    log = logging.getLogger("otelsiem.delivery")
    log.error("exporter=%s records=%d share=%d%% msg=%r", "hec/soc msg=forged", 3, 50, "held: it's kept")
    event = read(stream.getvalue().rstrip("\n"))
    del event["time"], event["level"], event["logger"]
    assert event == {"exporter": "hec/soc msg=forged", "records": "3", "share": "50%", "msg": "held: it's kept"}


def test_a_traceback_is_part_of_the_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger(NAME).exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: first\nsecond" in read(line)["error"]


@given(st.text(), st.text())
def test_nobody_forges_a_line(message: str, extra: str) -> None:
    record = logging.LogRecord(NAME, logging.INFO, "", 0, "%s", (message,), None)
    vars(record).update(fields(reason=extra))
    line = KeyValue().format(record)
    assert line.isascii()
    assert len(line.splitlines()) == 1
    event = read(line)
    assert event["msg"] == message
    assert event["reason"] == extra


def test_nothing_reaches_the_host(stream: io.StringIO) -> None:
    heard: list[logging.LogRecord] = []

    class Host(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record)

    host = Host()
    logging.getLogger().addHandler(host)
    try:
        logging.getLogger("otelsiem.door").error("a person is needed")
    finally:
        logging.getLogger().removeHandler(host)
    assert not heard
    assert "a person is needed" in stream.getvalue()


def test_levels(stream: io.StringIO) -> None:
    logging.getLogger("otelsiem.courier").debug("batch sent")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")  # anybody can make it say so
    assert stream.getvalue() == ""
    logging.getLogger("uvicorn.error").error("broken")
    assert len(stream.getvalue().splitlines()) == 1


def test_configured_twice_it_says_things_once(stream: io.StringIO) -> None:
    again = io.StringIO()
    configure(logging.DEBUG, again)
    logging.getLogger("otelsiem.courier").debug("batch sent")
    assert stream.getvalue() == ""
    assert len(again.getvalue().splitlines()) == 1


def test_as_json_an_event_is_an_object_and_numbers_stay_numbers(stream: io.StringIO) -> None:
    configure(logging.INFO, stream, as_json=True)
    log = logging.getLogger("otelsiem.gateway")
    log.warning("exporter=%s pending=%d msg=%r", "hec/soc", 7, "a\nb", extra=fields(held=2, share=0.5))
    log.info("%s of %d", "3", 4)
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {key: first[key] for key in ("level", "exporter", "pending", "msg", "held", "share")} == {
        "level": "warning",
        "exporter": "hec/soc",
        "pending": 7,
        "msg": "a\nb",
        "held": 2,
        "share": "0.5",
    }
    assert second["msg"] == "3 of 4"
