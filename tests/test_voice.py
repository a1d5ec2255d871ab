"""A host whose log raises: nothing of ours is hurt by it."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

import otelsiem
from otelsiem import AuditLog, SplunkHec
from otelsiem.testing.hec import FakeHec
from otelsiem.testing.http import Respond
from otelsiem.voice import OURS

HERE = Path(otelsiem.__file__).parent
ELSEWHERE = {"admin", "cli", "config", "gateway", "gateway.receivers", "integrations"}  # programs of our own; `_hook`


class Raises(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("the chat is down")


@pytest.fixture
def raising() -> Iterator[None]:
    handler = Raises()
    logging.getLogger().addHandler(handler)
    yield
    logging.getLogger().removeHandler(handler)


@pytest.mark.usefixtures("raising")
def test_p6_deliveries_go_on_in_a_host_whose_log_raises(tmp_path: Path) -> None:
    with FakeHec() as splunk:
        splunk.script([Respond(503)])  # what is said about
        log = AuditLog(SplunkHec(endpoint=splunk.url, token=splunk.token), journal=tmp_path)
        log.audit("one")
        assert log.flush(20)
        assert len(splunk.events) == 1
        log.close()
        log.audit("dropped, and said so")
    assert log.metrics().dropped == 1


def test_all_of_our_loggers_are_known() -> None:
    """Those that are made by their name alone."""
    said: set[str] = set()
    for file in HERE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "logging.getLogger" and node.args:
                found = ast.unparse(node.args[0]).strip("'")
                module = ".".join(file.relative_to(HERE).with_suffix("").parts)
                said.add(module if found == "__name__" else found.removeprefix("otelsiem."))
    names = {name for name in said if name.replace(".", "").isalpha()} - {"name"}
    assert names - ELSEWHERE == set(OURS)
