"""Calls of adapters, async or not: one fate for each event, whatever the methods do."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from otelsiem import OperatorError, PermanentError, RetryError, SiemAdapter
from otelsiem.model.adapter import AdapterSettings, CallRequest, Fate
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply
from otelsiem.transport.adapter import AdapterTransport


@contextmanager
def transport(adapter: SiemAdapter | Callable[[], SiemAdapter], timeout: float = 5.0) -> Iterator[AdapterTransport]:
    make = (lambda: adapter) if isinstance(adapter, SiemAdapter) else adapter
    made = AdapterTransport(AdapterSettings("Acme", make, timeout))
    try:
        yield made
    finally:
        made.close()


def lines(count: int) -> bytes:
    return b"".join([json.dumps({"event_id": str(n)}).encode() + b"\n" for n in range(count)])


def fates(reply: Reply) -> list[Fate]:
    assert isinstance(reply, Answer), reply
    assert reply.status == 200
    return msgspec.json.decode(reply.body, type=list[Fate])


def sent(adapter: SiemAdapter, count: int = 3, timeout: float = 5.0) -> list[Fate]:
    with transport(adapter, timeout) as made:
        return fates(made.perform(CallRequest("send", lines(count))))


def kinds(found: Sequence[Fate]) -> list[str]:
    return [fate.kind for fate in found]


class Kept(SiemAdapter):
    """Keeps what it gets; `answer` says what comes back for the event with this id."""

    def __init__(self, **answers: Any) -> None:
        self.events: list[Any] = []
        self.answers = answers

    def send_event(self, event: Any) -> Any:
        answer = self.answers.get(f"e{event['event_id']}", True)
        if isinstance(answer, BaseException):
            raise answer
        self.events.append(event)
        return answer


class Awaited(Kept):
    """The same, async."""

    async def send_event(self, event: Any) -> Any:
        await asyncio.sleep(0)
        return Kept.send_event(self, event)


BOTH = pytest.mark.parametrize("kind", [Kept, Awaited])


@BOTH
def test_p2_each_event_is_sent_once_in_order(kind: type[Kept]) -> None:
    adapter = kind()
    assert kinds(sent(adapter, 50)) == ["delivered"] * 50
    assert [event["event_id"] for event in adapter.events] == [str(n) for n in range(50)]


@BOTH
@pytest.mark.parametrize("answer", [False, None, 0, "", []])
def test_a_falsy_answer_is_tried_again_alone(kind: type[Kept], answer: Any) -> None:
    found = sent(kind(e1=answer))
    assert kinds(found) == ["delivered", "again", "delivered"]
    assert f"send_event returned {answer!r}" in found[1].reason


@BOTH
def test_exceptions_say_which_fate(kind: type[Kept]) -> None:
    found = sent(kind(e0=PermanentError("no such field"), e1=ValueError("odd"), e2=RetryError("busy", after=7)), 4)
    assert kinds(found) == ["rejected", "again", "again", "again"]
    assert [fate.reason for fate in found[:2]] == ["no such field", "send_event raised ValueError: odd"]
    assert (found[2].reason, found[2].after) == ("busy", 7)
    assert found[3].reason == "busy", "nobody else is asked when the service wants time"


@BOTH
@pytest.mark.parametrize("error", [ConnectionRefusedError("refused"), TimeoutError("slow")])
def test_a_connection_that_failed_is_not_tried_for_the_rest(kind: type[Kept], error: Exception) -> None:
    adapter = kind(e1=error)
    assert kinds(sent(adapter, 5)) == ["delivered", "again", "again", "again", "again"]
    assert len(adapter.events) == 1


@BOTH
def test_p3_what_a_person_must_mend_holds(kind: type[Kept]) -> None:
    found = sent(kind(e0=OperatorError("the key is not accepted")), 2)
    assert found[0] == Fate("held", "the key is not accepted")
    assert found[1] == found[0], "nor is it tried for the others"


def test_p3_an_adapter_without_methods_holds() -> None:
    assert set(kinds(sent(SiemAdapter()))) == {"held"}


def test_p3_an_adapter_that_cannot_be_made_holds_and_is_made_later() -> None:
    answers: list[Any] = [KeyError("ACME_URL"), Kept()]

    def make() -> SiemAdapter:
        found = answers.pop(0)
        if isinstance(found, BaseException):
            raise found
        assert isinstance(found, SiemAdapter)
        return found

    with transport(make) as made:
        first = fates(made.perform(CallRequest("send", lines(2))))
        assert kinds(first) == ["held", "held"]
        assert "cannot be made: KeyError: 'ACME_URL'" in first[0].reason
        assert kinds(fates(made.perform(CallRequest("send", lines(2))))) == ["delivered"] * 2


class Batches(SiemAdapter):
    """Takes several at once."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.batches: list[list[Any]] = []

    def send_batch(self, events: Sequence[Any]) -> Any:
        self.batches.append(list(events))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class AsyncBatches(Batches):
    """The same, async."""

    async def send_batch(self, events: Sequence[Any]) -> Any:
        return Batches.send_batch(self, events)


@pytest.mark.parametrize("kind", [Batches, AsyncBatches])
@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (True, ["delivered"] * 3),
        (3, ["delivered"] * 3),
        ([True, False, None], ["delivered", "again", "again"]),
        ((True, True, True), ["delivered"] * 3),
        (False, ["again"] * 3),
        (None, ["again"] * 3),
        ([], ["again"] * 3),
        (2, ["held"] * 3),
        ([True], ["held"] * 3),
        ({"sent": 3}, ["held"] * 3),
        ("ok!", ["held"] * 3),
        (PermanentError("malformed"), ["rejected"] * 3),
        (OperatorError("key"), ["held"] * 3),
        (OSError("gone"), ["again"] * 3),
    ],
)
def test_what_a_batch_comes_back_with(kind: type[Batches], answer: Any, wanted: list[str]) -> None:
    adapter = kind(answer)
    assert kinds(sent(adapter)) == wanted
    assert len(adapter.batches) == 1


def test_p4_an_event_that_cannot_be_formatted_harms_only_itself() -> None:
    class Formats(Kept):
        async def format_event(self, event: dict[str, Any]) -> Any:
            if event["event_id"] == "1":
                raise KeyError("message")
            return event | {"formatted": True}

    adapter = Formats()
    found = sent(adapter)
    assert kinds(found) == ["delivered", "rejected", "delivered"]
    assert found[1].reason == "format_event raised KeyError: 'message'"
    assert [event["formatted"] for event in adapter.events] == [True, True]

    class FormatsBatches(Batches):
        def format_event(self, event: dict[str, Any]) -> Any:
            return Formats.format_event if event["event_id"] == "1" else event

    assert kinds(sent(FormatsBatches(True))) == ["delivered"] * 3


def test_health() -> None:
    class Health(SiemAdapter):
        answer: Any = True

        def health_check(self) -> Any:
            if isinstance(self.answer, BaseException):
                raise self.answer
            return self.answer

    class AsyncHealth(Health):
        async def health_check(self) -> Any:
            return Health.health_check(self)

    for kind in (Health, AsyncHealth):
        for answer, wanted in (
            (True, "delivered"),
            (False, "again"),
            (OperatorError("key"), "held"),
            (OSError(), "again"),
        ):
            adapter = kind()
            adapter.answer = answer
            with transport(adapter) as made:
                assert kinds(fates(made.perform(CallRequest("health")))) == [wanted]


def test_the_deadline_ends_what_is_async_and_the_rest_is_not_tried() -> None:
    started = threading.Event()
    ended = threading.Event()

    class Slow(Kept):
        async def send_event(self, event: Any) -> Any:
            if event["event_id"] == "1":
                started.set()
                try:
                    await asyncio.sleep(60)
                finally:
                    ended.set()
            return Kept.send_event(self, event)

    found = sent(Slow(), 4, timeout=0.2)
    assert kinds(found) == ["delivered", "again", "again", "again"]
    assert "timeout" in found[1].reason
    assert started.is_set()
    assert ended.wait(5), "it was cancelled"


def test_the_deadline_is_looked_at_between_events() -> None:
    class Sleepy(Kept):
        def send_event(self, event: Any) -> Any:
            threading.Event().wait(0.15)
            return Kept.send_event(self, event)

    found = sent(Sleepy(), 5, timeout=0.2)
    assert kinds(found)[0] == "delivered"
    assert kinds(found)[-1] == "again"


def test_the_deadline_of_a_batch_is_a_failure_that_may_have_delivered_it() -> None:
    class Slow(AsyncBatches):
        async def send_batch(self, events: Sequence[Any]) -> Any:
            await asyncio.sleep(60)

    with transport(Slow(True), 0.1) as made:
        reply = made.perform(CallRequest("send", lines(2)))
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.sent) == ("timeout", True)


def test_an_interrupt_ends_a_call_and_those_to_come() -> None:
    started = threading.Event()

    class Stuck(AsyncBatches):
        async def send_batch(self, events: Sequence[Any]) -> Any:
            started.set()
            await asyncio.sleep(60)

    replies: list[Reply] = []
    with transport(Stuck(True), 60) as made:
        thread = threading.Thread(target=lambda: replies.append(made.perform(CallRequest("send", lines(2)))))
        thread.start()
        assert started.wait(5)
        made.interrupt()
        thread.join(5)
        assert not thread.is_alive()
        assert isinstance(replies[0], Failure)
        assert (replies[0].kind, replies[0].sent) == ("reset", True)
        again = made.perform(CallRequest("send", lines(2)))
        assert isinstance(again, Failure)
        assert not again.sent


@pytest.mark.parametrize("safe", [False, True])
def test_methods_that_are_not_async_take_turns_unless_they_need_not(safe: bool) -> None:
    class Counted(SiemAdapter):
        thread_safe = safe
        inside = most = 0
        both = threading.Barrier(2)

        def send_event(self, event: Any) -> Any:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if safe:
                self.both.wait(5)
            else:
                threading.Event().wait(0.05)
            self.inside -= 1
            return True

    adapter = Counted()
    with transport(adapter) as made:
        threads = [threading.Thread(target=made.perform, args=(CallRequest("send", lines(1)),)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert adapter.most == (2 if safe else 1)


def test_close_closes_the_adapter_async_or_not_and_its_loop() -> None:
    closed: list[str] = []

    class Closes(Awaited):
        async def close(self) -> None:
            await asyncio.sleep(0)
            closed.append("async")

    class ClosesAtOnce(Kept):
        def close(self) -> None:
            closed.append("sync")
            raise RuntimeError("ignored")

    assert kinds(sent(Closes(), 1)) == ["delivered"]
    assert kinds(sent(ClosesAtOnce(), 1)) == ["delivered"]
    assert closed == ["async", "sync"]
    assert not [thread for thread in threading.enumerate() if thread.name == "otelsiem-Acme"]


def test_nothing_that_a_method_raises_leaves_perform() -> None:
    class Exits(SiemAdapter):
        def send_event(self, event: Any) -> Any:
            sys.exit(3)

    class Cancels(SiemAdapter):
        async def send_event(self, event: Any) -> Any:
            raise asyncio.CancelledError

    for adapter in (Exits(), Cancels()):
        with transport(adapter) as made:
            reply = made.perform(CallRequest("send", lines(1)))
            assert isinstance(reply, Failure) or kinds(fates(reply)) == ["again"]
    with transport(Kept()) as made:
        assert isinstance(made.perform(HttpRequest("GET", "http://x")), Failure)
