from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from otelsiem.auditing.context import bind, bind_request, bound, known, reset, set_bound
from otelsiem.auditing.request import Request, answering
from tests.auditing.reading import audit_log, delivered


@pytest.fixture
def request_() -> Iterator[Request]:
    """One that is being answered."""
    request = Request({"http.request.id": "r-1"})
    outer, token = set_bound(), answering.set(request)
    yield request
    answering.reset(token)
    reset(outer)


def in_a_thread(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """As frameworks run what is not async: with a copy of the context."""
    context = copy_context()
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: context.run(function, *given, **named)).result()


def test_what_is_bound_is_copied_and_becomes_a_value(tmp_path: Path) -> None:
    """An id of a type of its own, said with `bind`, must not keep the journal from taking records."""
    roles = ["a"]
    with audit_log(tmp_path) as (log, out):
        with bind({"when": object}, actor=UUID(int=7), roles=roles):  # as people do
            log.audit("one")
        roles.append("too late")
        assert log.flush(10)
    [event] = delivered(out)
    assert (event["user_id"], event["user_roles"]) == (str(UUID(int=7)), ["a"])
    assert event["metadata"]["when"] == "<class 'object'>"


def test_what_is_said_for_the_request_is_known_in_all_its_threads_and_tasks(request_: Request) -> None:
    in_a_thread(bind_request, actor="u-7")
    assert known() == {"http.request.id": "r-1", "user.id": "u-7"}
    assert in_a_thread(known) == known()

    async def told() -> None:
        await asyncio.create_task(asyncio.to_thread(bind_request, tenant="acme"))

    asyncio.run(told())
    assert known()["tenant.id"] == "acme"
    bind_request(actor=None)
    assert "user.id" not in known()
    assert "user.id" not in request_.whole()


def test_what_is_said_for_a_context_stays_in_it(request_: Request) -> None:
    in_a_thread(set_bound, actor="u-7")
    assert known() == {"http.request.id": "r-1"}
    assert request_.whole() == {"http.request.id": "r-1", "user.id": "u-7"}


def test_inner_bindings_win_and_none_takes_out(request_: Request) -> None:
    bind_request(actor="u-7", tenant="acme")
    before = known()
    with bind(actor="part", tenant=None):
        assert known() == {"http.request.id": "r-1", "user.id": "part"}
        in_a_thread(bind_request, session="s-1")
        assert known()["session.id"] == "s-1"
    assert known() == {**before, "session.id": "s-1"}
    assert request_.whole()["user.id"] == "u-7"


def test_the_last_lasting_word_holds_and_blocks_that_differ_say_nothing(request_: Request) -> None:
    set_bound(actor="anonymous")
    set_bound(actor="u-7")
    assert request_.whole()["user.id"] == "u-7"
    with bind(agent="a-1"), bind(agent="a part of it"):
        pass
    assert request_.whole()["gen_ai.agent.id"] == "a-1"
    for tenant in ("a", "b"):
        with bind(tenant=tenant, anything="else"):
            pass
    assert request_.whole().keys() == {"http.request.id", "user.id", "gen_ai.agent.id"}


def test_what_becomes_known_on_the_way() -> None:
    found: dict[str, Any] = {}
    token = answering.set(Request({"a": 1}, lambda: found))
    try:
        assert known() == {"a": 1}
        found["user.id"] = "u-7"
        assert known() == {"a": 1, "user.id": "u-7"}
        with bind(actor="part"):
            assert known()["user.id"] == "part"
    finally:
        answering.reset(token)


def test_outside_of_a_request_it_is_as_ever() -> None:
    with bind(actor="u-7", tenant="acme"):
        with bind(actor=None):
            assert known() == bound.get() == {"tenant.id": "acme"}
        assert known() is bound.get()


def test_many_threads_may_speak_at_once(request_: Request) -> None:
    gate = threading.Barrier(8)

    def speak(number: int) -> None:
        gate.wait()
        for turn in range(200):
            bind_request({f"said.{number}.{turn % 10}": turn})

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(copy_context().run, speak, number) for number in range(8)]:
            done.result()
    assert len(request_.whole()) == 81
