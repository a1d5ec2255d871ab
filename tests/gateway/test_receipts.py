"""Delivery receipts on a real gRPC socket, with a door and a journal's fates as a test wants them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.door import Taken
from otelsiem.gateway.locks import Lock, Quota
from otelsiem.gateway.receivers.grpc import EXPORT, GrpcReceiver
from otelsiem.gateway.receivers.receipts import AT_ONCE, GET_FATES, MOST_ANSWER, SERVICE, SUBMIT, Receipts
from otelsiem.gateway.seal import Seal
from otelsiem.journal.journal import Fate, FateKind, Position
from otelsiem.model.errors import JournalError
from otelsiem.v1 import receipts_pb2 as pb
from tests.gateway.doors import GRPC, OpenDoor, Refusals
from tests.gateway.locked import BILLING, tokens
from tests.gateway.requests import protobuf
from tests.gateway.test_grpc_receiver import retry_info

SEAL = Seal(b"k" * 32)
DELIVERED = Fate(FateKind.DELIVERED)


class Fates:
    """What `Receipts` asks: the same for every record, unless a test says otherwise."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, range]] = []
        self.said: Mapping[str, Fate] = {"b": DELIVERED, "a": Fate(FateKind.DUE, "HTTP 503", 4)}
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, pipeline: str, numbers: range) -> Mapping[str, Sequence[Fate]]:
        self.asked.append((pipeline, numbers))
        assert self.gate.wait(20)
        if self.error is not None:
            raise self.error
        return {exporter: [fate] * len(numbers) for exporter, fate in self.said.items()}


class Bench:
    """A receiver that gives receipts, on a free port."""

    def __init__(self, lock: Lock | None = None) -> None:
        self.door, self.refusals, self.fates = OpenDoor(), Refusals(), Fates()
        self.receiver = GrpcReceiver(
            self.door, GRPC, self.refusals, endpoint="127.0.0.1:0", max_message=4 << 20, lock=lock or Lock(),
            receipts=Receipts(self.fates, SEAL),
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        self.address = await self.receiver.start()
        self.channel: Any = grpc.aio.insecure_channel(str(self.address))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.fates.gate.set()
        await self.channel.close()
        await self.receiver.stop(5)

    async def call(self, method: str, body: bytes, **how: Any) -> bytes:
        answer: bytes = await self.channel.unary_unary(method)(body, **how)
        return answer

    async def ask(self, *receipts: pb.Receipt, **more: Any) -> pb.GetFatesResponse:
        question = pb.GetFatesRequest(receipts=receipts, **more)
        return pb.GetFatesResponse.FromString(await self.call(GET_FATES, question.SerializeToString()))

    async def error(self, method: str, body: bytes, **how: Any) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(method, body, **how)
        return caught.value


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench() as made:
        yield made


def receipt(first: int = 0, count: int = 1, *, tenant: str = "", pipeline: str = "logs") -> pb.Receipt:
    proof = SEAL.proof(tenant, pipeline, first, count)
    return pb.Receipt(pipeline=pipeline, first=first, count=count, proof=proof)


async def test_a_submission_is_answered_with_its_receipts(bench: Bench) -> None:
    positions = (Position("logs", 7, 2), Position("logs/none", 0, 0))
    bench.door.answer = Taken(2, 1, "no actor", positions, [["a", "b"], []])
    answer = pb.SubmitResponse.FromString(await bench.call(SUBMIT, protobuf(3)))
    [given] = answer.receipts
    assert (given.pipeline, given.first, given.count, list(given.record_ids)) == ("logs", 7, 2, ["a", "b"])
    assert (answer.rejected_log_records, answer.error_message) == (1, "no actor")
    assert bench.door.senders[0].curious
    assert [fate.kind for fate in (await bench.ask(given)).fates] == [pb.FATE_KIND_PENDING, pb.FATE_KIND_DELIVERED]
    await bench.call(EXPORT, protobuf(1))
    assert not bench.door.senders[1].curious, "OTLP itself pays for no ids"


async def test_ids_are_left_out_where_they_would_be_too_long(bench: Bench) -> None:
    ids = ["x" * (1 << 20), "\udc80"]
    bench.door.answer = Taken(2, positions=(Position("logs", 0, 2), Position("eu", 0, 2)), ids=[ids, ["y", ids[1]]])
    answer = pb.SubmitResponse.FromString(await bench.call(SUBMIT, protobuf(2)))
    assert [list(one.record_ids) for one in answer.receipts] == [[], ["y", "?"]]


async def test_fates_are_runs_in_order(bench: Bench) -> None:
    answer = await bench.ask(receipt(5, 600), receipt(0, 3, pipeline="eu"))
    assert [(one.receipt, one.exporter, one.first, one.count, one.kind, one.reason, one.attempts)
            for one in answer.fates] == [
        (0, "a", 5, 600, pb.FATE_KIND_PENDING, "HTTP 503", 4), (0, "b", 5, 600, pb.FATE_KIND_DELIVERED, "", 0),
        (1, "a", 0, 3, pb.FATE_KIND_PENDING, "HTTP 503", 4), (1, "b", 0, 3, pb.FATE_KIND_DELIVERED, "", 0),
    ]  # fmt: skip
    assert answer.next_page_token == ""


KINDS = st.sampled_from([FateKind.DELIVERED, FateKind.DEAD, FateKind.PENDING, FateKind.SETTLED])


@given(
    counts=st.lists(st.integers(0, 700), max_size=4),
    page=st.integers(0, 900),
    period=st.integers(1, 300),
    kinds=st.lists(KINDS, min_size=1, max_size=3),
    strangers=st.sets(st.integers(0, 3)),
)
def test_p2_pages_of_any_size_tell_of_every_record_once(
    counts: list[int], page: int, period: int, kinds: list[FateKind], strangers: set[int]
) -> None:
    def kind(number: int) -> FateKind:
        return kinds[number // period % len(kinds)]

    def fates(_: str, numbers: range) -> Mapping[str, Sequence[Fate]]:
        assert len(numbers) <= (page or 1000)
        return {name: [Fate(kind(n)) for n in numbers] for name in ("a", "b")}

    asked = [receipt(1000 * n, count) for n, count in enumerate(counts)]
    for n in strangers & set(range(len(asked))):
        asked[n].proof = b"no"
    found: list[tuple[int, str, int, int]] = []

    async def all_pages() -> None:
        receipts, token = Receipts(fates, SEAL), ""
        for _ in range(4000):
            question = pb.GetFatesRequest(receipts=asked, page_size=page, page_token=token)
            answer = pb.GetFatesResponse.FromString(await receipts.told(question.SerializeToString(), ""))
            for one in answer.fates:
                found.extend((one.receipt, one.exporter, one.first + at, one.kind) for at in range(one.count))
            if not (token := answer.next_page_token):
                return
        raise AssertionError("the pages never end")

    asyncio.run(all_pages())
    words = {FateKind.DELIVERED: pb.FATE_KIND_DELIVERED, FateKind.DEAD: pb.FATE_KIND_DEAD,
             FateKind.PENDING: pb.FATE_KIND_PENDING, FateKind.SETTLED: pb.FATE_KIND_UNKNOWN}  # fmt: skip
    expected = [
        (n, name, 1000 * n + at, words[kind(1000 * n + at)])
        for n, count in enumerate(counts)
        if n not in strangers
        for name in ("a", "b")
        for at in range(count)
    ] + [(n, "", 1000 * n, pb.FATE_KIND_UNKNOWN) for n in range(len(counts)) if n in strangers]
    assert sorted(found) == sorted(expected)


async def test_an_answer_is_bounded_whatever_the_reasons_are(bench: Bench) -> None:
    bench.fates.said = {f"exporter/{n}": Fate(FateKind.DEAD, "\U0001f4a5" * 100_000, 1) for n in range(200)}
    numbers = [receipt(n) for n in range(1000)]
    raw = await bench.call(GET_FATES, pb.GetFatesRequest(receipts=numbers, page_size=10_000).SerializeToString())
    answer = pb.GetFatesResponse.FromString(raw)
    assert len(raw) < MOST_ANSWER + 200 * 2100
    assert answer.next_page_token
    assert {len(one.reason) for one in answer.fates} == {500}


async def test_what_is_not_known_says_so(bench: Bench) -> None:
    bench.fates.said = {"late": Fate(FateKind.UNKNOWN), "old": Fate(FateKind.SETTLED)}
    late, old = (await bench.ask(receipt())).fates
    assert (late.kind, old.kind) == (pb.FATE_KIND_UNKNOWN, pb.FATE_KIND_UNKNOWN)
    assert "later" in late.reason
    assert "journal.history" in old.reason


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xff\xff\xff", "no otelsiem.v1.GetFatesRequest"),
        (b"\x0a\x05\x0a\x03\xff\xfe\xfd", "no otelsiem.v1.GetFatesRequest"),  # a pipeline that is no UTF-8
        (pb.GetFatesRequest(receipts=[pb.Receipt()] * 1001).SerializeToString(), "over 1000 receipts"),
        (pb.GetFatesRequest(page_token="1:").SerializeToString(), "page_token"),
        (pb.GetFatesRequest(page_token="-1:0").SerializeToString(), "page_token"),
        (pb.GetFatesRequest(page_token="1:99999999999").SerializeToString(), "page_token"),
        (pb.GetFatesRequest(page_token="٣:٣").SerializeToString(), "page_token"),
    ],
)
async def test_a_question_that_cannot_be_answered(bench: Bench, body: bytes, said: str) -> None:
    told = await bench.error(GET_FATES, body)
    assert told.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert said in str(told.details())
    assert retry_info(told) is None
    assert not bench.fates.asked


async def test_a_question_that_is_too_long(bench: Bench) -> None:
    for how in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        told = await bench.error(GET_FATES, b"\x0a\x00" * (1 << 20), compression=how)
        assert told.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "record ids" in str(told.details())


async def test_fields_and_values_of_a_later_version_are_skipped(bench: Bench) -> None:
    body = pb.GetFatesRequest(receipts=[receipt()]).SerializeToString() + b"\x98\x06\x01\xa2\x06\x03new"
    assert len(pb.GetFatesResponse.FromString(await bench.call(GET_FATES, body)).fates) == 2
    later = pb.Fates.FromString(b"\x28\x63")
    assert later.kind == 99, "a value that nobody knows is kept as a number"


async def test_an_empty_question_has_an_empty_answer(bench: Bench) -> None:
    assert await bench.call(GET_FATES, b"") == b""
    assert not (await bench.ask(receipt(), page_token="9999:0")).fates
    assert not (await bench.ask(receipt(0, 4), page_token="0:4")).fates
    assert await bench.call(SUBMIT, b"") == b""


async def test_receipts_are_of_one_tenant(bench: Bench) -> None:
    others = [receipt(tenant="acme"), receipt(3, 4), receipt(), receipt(), receipt(), receipt(), pb.Receipt()]
    others[1].count = 5
    others[2].first = 1
    others[3].pipeline = "eu"
    others[4].proof = others[4].proof[:-1]
    others[5].proof += b"\0"
    answer = await bench.ask(*others)
    assert {(one.exporter, one.kind, one.reason) for one in answer.fates} == {
        ("", pb.FATE_KIND_UNKNOWN, answer.fates[0].reason)
    }
    assert len(answer.fates) == len(others)
    assert not bench.fates.asked, "nothing was looked up for them"


async def test_a_token_asks_for_its_tenant_and_pays(bench: Bench) -> None:
    del bench
    lock = Lock(tokens=tokens(Quota(bytes_per_second=1, burst_bytes=10), tenant="acme"))
    async with Bench(lock) as locked:
        stranger = await locked.error(GET_FATES, b"")
        assert stranger.code() is grpc.StatusCode.UNAUTHENTICATED
        shown = {"metadata": [("authorization", f"Bearer {BILLING}")]}
        body = pb.GetFatesRequest(receipts=[receipt(tenant="acme"), receipt()]).SerializeToString()
        answer = pb.GetFatesResponse.FromString(await locked.call(GET_FATES, body, **shown))
        assert [one.exporter for one in answer.fates] == ["a", "b", ""]
        over = await locked.error(GET_FATES, body, **shown)
        assert over.code() is grpc.StatusCode.UNAVAILABLE
        assert "quota" in str(over.details())
        assert retry_info(over) is not None


@pytest.mark.parametrize("error", [JournalError("/secret/path"), RuntimeError("/secret/path")])
async def test_a_fault_of_ours_is_come_back(bench: Bench, error: Exception) -> None:
    bench.fates.error = error
    told = await bench.error(GET_FATES, pb.GetFatesRequest(receipts=[receipt()]).SerializeToString())
    assert told.code() is grpc.StatusCode.UNAVAILABLE
    assert retry_info(told) is not None
    assert "/secret/path" not in str(told.details())


async def test_questions_wait_for_each_other_and_those_who_left_are_forgotten(bench: Bench) -> None:
    bench.fates.gate.clear()
    body = pb.GetFatesRequest(receipts=[receipt()]).SerializeToString()
    late = [asyncio.create_task(bench.error(GET_FATES, body, timeout=0.3)) for _ in range(10)]
    gone = asyncio.create_task(bench.call(GET_FATES, body))
    assert {(await one).code() for one in late} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert len(bench.fates.asked) == AT_ONCE, "no more than these read the journal, also when they are not waited for"
    assert await bench.call(EXPORT, protobuf()) == b"", "records do not wait for questions"
    bench.fates.gate.set()
    assert len((await bench.ask(receipt())).fates) == 2


async def test_health_and_what_there_is_not(bench: Bench) -> None:
    await bench.receiver.set_serving(True)
    check: Any = health_pb2_grpc.HealthStub(bench.channel)
    assert (await check.Check(health_pb2.HealthCheckRequest(service=SERVICE))).status == 1
    nothing = await bench.error(f"/{SERVICE}/Delete", b"")
    assert nothing.code() is grpc.StatusCode.UNIMPLEMENTED


def test_the_seal_shows_nothing() -> None:
    assert "k" * 8 not in repr(SEAL)
    assert SEAL.proof("a", "b", 1, 2) != SEAL.proof("ab", "", 1, 2)


async def test_an_exporter_that_comes_and_goes_in_between_is_told_as_it_was() -> None:
    """A reload while a page is made: what was not looked at is not said to be delivered."""

    def fates(_: str, numbers: range) -> Mapping[str, Sequence[Fate]]:
        there = ["always"] if numbers.start == 250 else ["always", "sometimes"]
        return {exporter: [DELIVERED] * len(numbers) for exporter in there}

    question = pb.GetFatesRequest(receipts=[receipt(0, 750)]).SerializeToString()
    answer = pb.GetFatesResponse.FromString(await Receipts(fates, SEAL).told(question, ""))
    runs = [(one.exporter, one.first, one.count) for one in answer.fates]
    assert runs == [("always", 0, 750), ("sometimes", 0, 250), ("sometimes", 500, 250)]
