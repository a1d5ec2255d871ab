from __future__ import annotations

import asyncio
import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import pytest

from otelsiem.auditing.audited import ARGUMENT, DURATION, FUNCTION, audited


class Heard:
    """What an audit log would have been told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def audit(self, event: str, /, **said: Any) -> None:
        assert said.pop(DURATION) >= 0
        assert said.pop(FUNCTION).startswith(f"{__name__}.")
        self.events.append({"event": event, **said})

    def __call__(self, *arguments: str, **fixed: Any) -> Callable[[Any], Any]:
        return audited(self.audit, "op", arguments, fixed)


@pytest.fixture
def heard() -> Heard:
    return Heard()


SUCCESS = {"event": "op", "outcome": "success"}


def failure(kind: str) -> dict[str, str]:
    return {"event": "op", "outcome": "failure", "error.type": kind}


class OwnError(Exception):
    """One of the host's."""


def test_a_function_and_its_exceptions(heard: Heard) -> None:
    @heard(tenant="acme")
    def divide(a: int, b: int) -> float:
        """Divides."""
        if a < 0:
            raise OwnError("a secret is in here")
        return a / b

    assert divide(1, 2) == 0.5
    with pytest.raises(ZeroDivisionError):
        divide(1, 0)
    with pytest.raises(OwnError):
        divide(-1, 0)
    with pytest.raises(TypeError):
        divide()
    kinds = ["ZeroDivisionError", f"{__name__}.OwnError", "TypeError"]
    assert heard.events == [{**one, "tenant": "acme"} for one in (SUCCESS, *map(failure, kinds))]
    assert "secret" not in repr(heard.events)
    assert (divide.__name__, divide.__doc__, list(inspect.signature(divide).parameters)) == (
        "divide",
        "Divides.",
        ["a", "b"],
    )


def test_only_arguments_that_were_named_are_written(heard: Heard) -> None:
    @heard("account", "fee")
    def transfer(account: str, password: str, fee: float = 0.5, *more: int) -> None: ...

    transfer("a-1", "hunter2")
    transfer(password="hunter2", account="a-2", fee=1.0)
    assert [{k: e[k] for k in e if k.startswith(ARGUMENT)} for e in heard.events] == [
        {"audit.arguments.account": "a-1", "audit.arguments.fee": 0.5},
        {"audit.arguments.account": "a-2", "audit.arguments.fee": 1.0},
    ]
    assert "hunter2" not in repr(heard.events)


def test_methods_of_every_kind(heard: Heard) -> None:
    class Vault:
        @heard("key")
        def read(self, key: str) -> str:
            return key

        @heard("key")
        @staticmethod
        def seal(key: str) -> str:
            return key

        @heard("key")
        @classmethod
        def make(cls, key: str) -> str:
            return cls.__name__ + key

    assert (Vault().read("a"), Vault.seal("b"), Vault.make("c"), Vault().make("d")) == ("a", "b", "Vaultc", "Vaultd")
    assert [event["audit.arguments.key"] for event in heard.events] == ["a", "b", "c", "d"]


async def test_a_coroutine(heard: Heard) -> None:
    @heard()
    async def work(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    assert inspect.iscoroutinefunction(work)
    assert await work(0) == "done"
    task = asyncio.ensure_future(work(30))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard.events == [SUCCESS, {"event": "op", "outcome": "unknown", "error.type": "CancelledError"}]


def test_a_generator_is_audited_when_it_ends(heard: Heard) -> None:
    @heard()
    def echo() -> Generator[Any, Any, Any]:
        said = yield "ready"
        while said != "end":
            try:
                said = yield said
            except OwnError:
                said = yield "caught"
        return "returned"

    assert inspect.isgeneratorfunction(echo)
    running: Any = echo()
    assert not heard.events, "lazy, as without"
    assert (next(running), running.send("a"), running.throw(OwnError), running.send("b")) == (
        "ready",
        "a",
        "caught",
        "b",
    )
    with pytest.raises(StopIteration, match="returned"):
        running.send("end")
    dropped: Any = echo()
    next(dropped)
    dropped.close()
    assert heard.events == [SUCCESS, {"event": "op", "outcome": "unknown", "error.type": "GeneratorExit"}]


async def test_an_async_generator_is_audited_when_it_ends(heard: Heard) -> None:
    closed = []

    @heard()
    async def echo() -> AsyncGenerator[Any, Any]:
        try:
            said = yield "ready"
            while said != "end":
                try:
                    said = yield said
                except OwnError:
                    said = yield "caught"
            if said == "end":
                raise OwnError
        finally:
            closed.append(True)

    assert inspect.isasyncgenfunction(echo)
    running: Any = echo()
    assert [
        await anext(running),
        await running.asend("a"),
        await running.athrow(OwnError),
        await running.asend("b"),
    ] == [
        "ready",
        "a",
        "caught",
        "b",
    ]
    with pytest.raises(OwnError):
        await running.asend("end")
    dropped: Any = echo()
    await anext(dropped)
    await dropped.aclose()
    assert len(closed) == 2
    assert heard.events == [
        failure(f"{__name__}.OwnError"),
        {"event": "op", "outcome": "unknown", "error.type": "GeneratorExit"},
    ]


def test_leaving_the_program_is_no_failure(heard: Heard) -> None:
    @heard()
    def leave(code: int) -> None:
        sys.exit(code)

    for code in (0, 3):
        with pytest.raises(SystemExit):
            leave(code)
    assert heard.events == [SUCCESS, failure("SystemExit")]


def test_mistakes_are_told_where_they_are_made(heard: Heard) -> None:
    def transfer(account: str) -> None: ...

    with pytest.raises(TypeError, match=r"transfer has no parameter 'acount'; it has: account"):
        heard("acount")(transfer)
    with pytest.raises(TypeError, match=r"give names in a tuple, as \('account',\)"):
        audited(heard.audit, "op", "account", {})
    with pytest.raises(TypeError, match="functions and methods"):
        heard()(Heard)

    for name in ("outcome", "durable"):
        with pytest.raises(TypeError, match=f"{name}="):
            heard(**{name: "success"})


def test_arguments_are_written_as_they_were_given(heard: Heard) -> None:
    @heard("order")
    def refund(order: dict[str, int]) -> int:
        return order.pop("amount")

    assert refund({"amount": 5}) == 5
    assert heard.events == [{**SUCCESS, "audit.arguments.order": {"amount": 5}}]


class Adds:
    def __call__(self, a: int, b: int) -> int:
        return a + b


class Waits:
    async def __call__(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        raise OwnError


async def test_objects_that_are_called_as_functions_are() -> None:
    events: list[tuple[str, object]] = []

    def take(_: str, /, **said: Any) -> None:
        events.append((said[FUNCTION], said["outcome"]))

    assert audited(take, "op", ("a",), {})(Adds())(1, 2) == 3
    assert audited(take, "op", (), {})(functools.partial(Adds(), 1))(2) == 3
    assert audited(take, "op", (), {})(functools.partial(int, "5"))() == 5
    with pytest.raises(OwnError):
        await audited(take, "op", (), {})(Waits())(0)
    assert events == [
        (f"{__name__}.Adds", "success"),
        ("functools.partial", "success"),
        ("functools.partial", "success"),
        (f"{__name__}.Waits", "failure"),
    ]
