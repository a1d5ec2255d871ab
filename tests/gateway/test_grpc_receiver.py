"""OTLP over gRPC on real sockets: answers, RetryInfo, limits, health, draining."""

from __future__ import annotations

import asyncio
import gzip
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any, Self

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from otelsiem.door import Taken
from otelsiem.gateway.receivers.budget import Budget
from otelsiem.gateway.receivers.grpc import EXPORT, SERVICE, GrpcReceiver
from otelsiem.gateway.receivers.listen import Address, ListenError
from otelsiem.model.errors import JournalError, JournalFullError, MalformedError, TooLargeError
from tests.gateway.doors import GRPC, OpenDoor, Refusals
from tests.gateway.requests import protobuf

LIMIT = 1 << 20
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Bench:
    """A receiver on a free port, a door behind it and a channel before it."""

    def __init__(self, **settings: Any) -> None:
        self.door = OpenDoor()
        self.refusals = Refusals()
        self.budget = Budget()
        settings = {"endpoint": "127.0.0.1:0", "max_message": LIMIT, "budget": self.budget, **settings}
        self.receiver = GrpcReceiver(self.door, GRPC, self.refusals, **settings)
        self.address = Address("", 0)

    async def __aenter__(self) -> Self:
        self.address = await self.receiver.start()
        self.channel: Any = grpc.aio.insecure_channel(str(self.address))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()
        await self.receiver.stop(5)
        assert self.budget.used == 0  # whatever happened, every byte was given back
        assert self.door.inside == 0

    async def export(self, body: bytes, method: str = EXPORT, **how: Any) -> bytes:
        call = self.channel.unary_unary(method)
        answer: bytes = await call(body, **how)
        return answer

    async def error(self, body: bytes, **how: Any) -> grpc.aio.AioRpcError:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.export(body, **how)
        return caught.value

    def refused(self, reason: str) -> int:
        return self.refusals.seen["otlp", "grpc", reason]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench() as made:
        yield made


def trailers_of(error: grpc.aio.AioRpcError) -> dict[str, str | bytes]:
    """The trailing metadata of a failed call."""
    metadata: Any = error.trailing_metadata()  # the stubs do not know that it is made of pairs
    return dict(metadata or ())


def retry_info(error: grpc.aio.AioRpcError) -> RetryInfo | None:
    """What the trailer says about coming back; the status in it must agree with the call's."""
    details = trailers_of(error)["grpc-status-details-bin"]
    assert isinstance(details, bytes)
    status = Status()
    status.ParseFromString(details)
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    info = RetryInfo()
    return info if any(detail.Unpack(info) for detail in status.details) else None


async def test_a_request_is_taken(bench: Bench) -> None:
    body = protobuf(3)
    assert await bench.export(body) == b""
    assert bench.door.bodies == [body]


async def test_an_empty_request_is_success(bench: Bench) -> None:
    assert await bench.export(b"") == b""


@pytest.mark.parametrize("how", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compression_is_undone(bench: Bench, how: grpc.Compression) -> None:
    body = protobuf(100)
    assert await bench.export(body, compression=how) == b""
    assert bench.door.bodies == [body]


async def test_partial_success(bench: Bench) -> None:
    bench.door.answer = Taken(0, rejected=3, message="x" * 5000)
    response = ExportLogsServiceResponse()
    response.ParseFromString(await bench.export(protobuf(3)))
    assert response.partial_success.rejected_log_records == 3
    assert response.partial_success.error_message == "x" * 5000


async def test_p1_the_answer_waits_for_the_door(bench: Bench) -> None:
    bench.door.gate.clear()
    asking = asyncio.create_task(bench.export(protobuf()))
    await bench.door.entered.wait()
    done, _ = await asyncio.wait({asking}, timeout=0.2)
    assert not done
    bench.door.gate.set()
    assert await asking == b""


async def test_p1_no_success_when_the_door_fails(bench: Bench) -> None:
    bench.door.error = RuntimeError("disk on fire")
    assert (await bench.error(protobuf())).code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("error", "code", "again", "reason"),
    [
        (MalformedError("truncated at byte 4"), grpc.StatusCode.INVALID_ARGUMENT, False, "malformed"),
        (TooLargeError("a record over 1 MiB"), grpc.StatusCode.RESOURCE_EXHAUSTED, False, "too_large"),
        (JournalFullError("no room"), grpc.StatusCode.UNAVAILABLE, True, "full"),
        (JournalError("/secret/path is broken"), grpc.StatusCode.UNAVAILABLE, True, "journal"),
        (RuntimeError("/secret/path exploded"), grpc.StatusCode.UNAVAILABLE, True, "internal"),
    ],
)
async def test_what_the_door_raises(
    bench: Bench, error: Exception, code: grpc.StatusCode, again: bool, reason: str
) -> None:
    bench.door.error = error
    told = await bench.error(protobuf())
    assert told.code() is code
    assert told.details()
    assert "/secret/path" not in str(told.details())
    info = retry_info(told)
    assert (info is not None) == again
    if info is not None:
        assert info.retry_delay.seconds == 5
    assert bench.refused(reason) == 1


async def test_undecodable_says_why(bench: Bench) -> None:
    told = await bench.error(b"\xff\xff\xff")
    assert told.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(str(told.details())) > 10


async def test_words_beyond_ascii_arrive(bench: Bench) -> None:
    bench.door.error = MalformedError("größer\nals 1 %")
    assert (await bench.error(protobuf())).details() == "größer\nals 1 %"


async def test_too_large_is_resource_exhausted_without_retry_info(bench: Bench) -> None:
    assert await bench.export(protobuf(1, "x" * (LIMIT - 1000))) == b""
    for how in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        told = await bench.error(protobuf(1, "x" * LIMIT), compression=how)
        assert told.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        if how is grpc.Compression.NoCompression:  # gRPC itself refuses it, before we are asked
            assert "grpc-status-details-bin" not in trailers_of(told)
        else:
            assert retry_info(told) is None
    assert len(bench.door.bodies) == 1


BOMBER = f"""
import grpc, sys
channel = grpc.insecure_channel(sys.argv[1], options=[("grpc.max_send_message_length", -1)])
try:
    channel.unary_unary("{EXPORT}")(bytes(256 << 20), compression=grpc.Compression.Gzip)
except grpc.RpcError as error:
    print(error.code().name)
"""


async def test_a_bomb_is_cut_before_it_is_large(bench: Bench) -> None:
    await bench.export(protobuf())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(gzip.compress(bytes(256 << 20), 1)) > LIMIT  # else this would not even be a large message
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOMBER, str(bench.address), stdout=subprocess.PIPE
    )
    out, _ = await sender.communicate()
    assert out.strip() == b"RESOURCE_EXHAUSTED"
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 64  # MiB


async def test_other_services_are_unimplemented(bench: Bench) -> None:
    for method in (TRACES, f"/{SERVICE}/Import", "/x/y"):
        assert (await bench.error(protobuf(), method=method)).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_cancelled_calls_leave_nothing_behind(bench: Bench) -> None:
    bench.door.gate.clear()
    asking = asyncio.create_task(bench.export(protobuf()))
    await bench.door.entered.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await bench.refusals.any.wait()
    assert bench.refused("gone") == 1
    assert (bench.door.inside, bench.budget.used) == (0, 0)
    bench.door.gate.set()
    assert await bench.export(protobuf()) == b""


async def test_deadlines_of_senders_are_theirs(bench: Bench) -> None:
    bench.door.gate.clear()
    told = await bench.error(protobuf(), timeout=0.2)
    assert told.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    bench.door.gate.set()


async def test_many_streams_of_one_connection(bench: Bench) -> None:
    bench.door.gate.clear()
    bench.door.crowd = 50
    asking = [asyncio.create_task(bench.export(protobuf(10))) for _ in range(50)]
    await bench.door.crowded.wait()
    bench.door.gate.set()
    assert set(await asyncio.gather(*asking)) == {b""}
    assert bench.door.records() == 500


async def test_the_budget_refuses_and_recovers() -> None:
    budget = Budget(100_000)
    async with Bench(budget=budget) as bench:
        bench.door.gate.clear()
        first = asyncio.create_task(bench.export(protobuf(1, "x" * 80_000)))
        await bench.door.entered.wait()
        told = await bench.error(protobuf(1, "x" * 80_000))
        assert told.code() is grpc.StatusCode.UNAVAILABLE
        assert retry_info(told) is not None
        assert bench.refused("busy") == 1
        bench.door.gate.set()
        assert await first == b""
        assert await bench.export(protobuf(1, "x" * 80_000)) == b""
    assert budget.used == 0


async def test_health_is_what_it_is_told(bench: Bench) -> None:
    health = health_pb2_grpc.HealthStub(bench.channel)
    for name in ("", SERVICE):
        question = health_pb2.HealthCheckRequest(service=name)
        assert (await health.Check(question)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await bench.receiver.set_serving(True)
        assert (await health.Check(question)).status == health_pb2.HealthCheckResponse.SERVING
        await bench.receiver.set_serving(False)


async def test_stop_lets_what_is_in_flight_finish(bench: Bench) -> None:
    bench.door.gate.clear()
    asking = asyncio.create_task(bench.export(protobuf()))
    await bench.door.entered.wait()
    stopping = asyncio.create_task(bench.receiver.stop(10))
    done, _ = await asyncio.wait({asking, stopping}, timeout=0.3)
    assert not done
    bench.door.gate.set()
    assert await asking == b""
    await stopping
    assert (await bench.error(protobuf())).code() is grpc.StatusCode.UNAVAILABLE


async def test_stop_cancels_the_rest_in_a_way_that_keeps_their_data(bench: Bench) -> None:
    bench.door.gate.clear()
    asking = asyncio.create_task(bench.error(protobuf()))
    await bench.door.entered.wait()
    await bench.receiver.stop(0.1)
    assert (await asking).code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}  # contracts/otlp §5


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
async def test_a_second_one_on_the_port_is_refused_with_the_reason(bench: Bench, host: str) -> None:
    second = GrpcReceiver(OpenDoor(), GRPC, Refusals(), endpoint=f"{host}:{bench.address.port}")
    with pytest.raises(ListenError, match=rf"{bench.address.port} is in use"):
        await second.start()
