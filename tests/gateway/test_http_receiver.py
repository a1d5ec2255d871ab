"""OTLP over HTTP on real sockets: every row of contracts/otlp.md §5 and §13 that a server answers."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import httpx
import pytest
import zstandard
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from otelsiem.door import Taken
from otelsiem.gateway.receivers.budget import Budget
from otelsiem.gateway.receivers.http import HttpReceiver
from otelsiem.gateway.receivers.listen import Address, ListenError
from otelsiem.model.errors import JournalError, JournalFullError, MalformedError, TooLargeError
from tests.gateway.doors import HTTP, OpenDoor, Refusals
from tests.gateway.requests import in_json, protobuf

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
JSON_NAMES = {"content_type": "application/json"}
HEAD = b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n"
LIMIT = 1 << 20


class Bench:
    """A receiver on a free port, a door behind it and a client before it."""

    def __init__(self, **settings: Any) -> None:
        self.door = OpenDoor()
        self.refusals = Refusals()
        self.budget = Budget()
        settings = {"endpoint": "127.0.0.1:0", "max_request_body_size": LIMIT, "budget": self.budget, **settings}
        self.receiver = HttpReceiver(self.door, HTTP, self.refusals, **settings)
        self.address = Address("", 0)

    async def __aenter__(self) -> Self:
        self.address = await self.receiver.start()
        # Plain HTTP: reading everybody's certificates would take longer than the test.
        self.client = httpx.AsyncClient(base_url=f"http://{self.address}", timeout=20, verify=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()
        await self.receiver.stop(5)
        assert self.budget.used == 0  # whatever happened, every byte was given back

    async def post(self, body: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/v1/logs", content=body, headers=PROTOBUF | named)

    async def raw(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(data)
        await writer.drain()
        return reader, writer

    def refused(self, reason: str) -> int:
        return self.refusals.seen["otlp", "http", reason]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench() as made:
        yield made


def said(reply: httpx.Response) -> Status:
    """The google.rpc.Status of a protobuf answer."""
    assert reply.headers["content-type"] == "application/x-protobuf"
    status = Status()
    status.ParseFromString(reply.content)
    return status


async def test_protobuf_is_taken(bench: Bench) -> None:
    reply = await bench.post(protobuf(3))
    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["content-type"] == "application/x-protobuf"
    assert "server" not in reply.headers
    assert bench.door.records() == 3


async def test_json_is_taken_and_answered_in_json(bench: Bench) -> None:
    reply = await bench.post(in_json(2), content_type="Application/JSON; charset=utf-8")
    assert (reply.status_code, reply.json()) == (200, {})
    assert reply.headers["content-type"] == "application/json"
    assert bench.door.records() == 2


async def test_json_in_snake_case_is_taken_but_says_nothing(bench: Bench) -> None:
    reply = await bench.post(b'{"resource_logs":[{"scope_logs":[{"log_records":[{}]}]}]}', **JSON_NAMES)
    assert reply.status_code == 200
    assert bench.door.records() == 0


async def test_p1_the_answer_waits_for_the_door(bench: Bench) -> None:
    bench.door.gate.clear()
    asking = asyncio.create_task(bench.post(protobuf()))
    await bench.door.entered.wait()
    done, _ = await asyncio.wait({asking}, timeout=0.2)
    assert not done
    bench.door.gate.set()
    assert (await asking).status_code == 200


async def test_p1_no_success_when_the_door_fails(bench: Bench) -> None:
    bench.door.error = RuntimeError("disk on fire")
    assert (await bench.post(protobuf())).status_code == 503


CODED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "GZIP": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.compress,
    "identity": bytes,
    "": bytes,
}


@pytest.mark.parametrize("coding", CODED)
async def test_codings_are_undone(bench: Bench, coding: str) -> None:
    body = protobuf(3)
    assert (await bench.post(CODED[coding](body), content_encoding=coding)).status_code == 200
    assert bench.door.bodies == [body]


async def test_compressed_json(bench: Bench) -> None:
    reply = await bench.post(gzip.compress(in_json(2)), content_encoding="gzip", **JSON_NAMES)
    assert (reply.status_code, bench.door.records()) == (200, 2)


async def test_an_empty_body_is_an_empty_request(bench: Bench) -> None:
    reply = await bench.post(b"")
    assert (reply.status_code, reply.content) == (200, b"")
    assert bench.door.bodies == [b""]


async def test_an_empty_json_body_is_malformed(bench: Bench) -> None:
    reply = await bench.post(b"", **JSON_NAMES)
    assert reply.status_code == 400
    assert reply.json()["code"] == 3
    assert (await bench.post(b"{}", **JSON_NAMES)).status_code == 200


async def test_undecodable_is_400_in_the_requests_encoding(bench: Bench) -> None:
    reply = await bench.post(b"\xff\xff\xff")
    assert reply.status_code == 400
    assert said(reply).code == 3
    assert "retry-after" not in reply.headers
    in_text = await bench.post(b"{", **JSON_NAMES)
    assert in_text.status_code == 400
    assert in_text.headers["content-type"] == "application/json"
    assert in_text.json()["message"]
    assert bench.refused("malformed") == 2


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
@pytest.mark.parametrize("damage", ["noise", "truncated", "longer", "empty"])
async def test_damaged_compression_is_400(bench: Bench, coding: str, damage: str) -> None:
    whole = CODED[coding](protobuf(50))
    body = {"noise": b"not compressed at all", "truncated": whole[:-5], "longer": whole + b"tail", "empty": b""}[damage]
    reply = await bench.post(body, content_encoding=coding)
    assert reply.status_code == 400, coding
    assert coding in said(reply).message
    assert bench.refused("malformed") == 1
    assert not bench.door.bodies


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "identity, gzip", "compress", "gzip;q=1"])
async def test_other_codings_are_415(bench: Bench, coding: str) -> None:
    reply = await bench.post(protobuf(), content_encoding=coding)
    assert reply.status_code == 415
    assert reply.headers["accept-encoding"] == "gzip, deflate, zstd"
    assert bench.refused("content_encoding") == 1


async def test_two_lines_of_content_encoding_are_two_codings(bench: Bench) -> None:
    headers = [*PROTOBUF.items(), ("content-encoding", "gzip"), ("content-encoding", "gzip")]
    reply = await bench.client.post("/v1/logs", content=gzip.compress(gzip.compress(protobuf())), headers=headers)
    assert reply.status_code == 415


@pytest.mark.parametrize("kind", ["text/plain", "application/grpc", "", "application/x-www-form-urlencoded", "é"])
async def test_other_types_are_415(bench: Bench, kind: str) -> None:
    reply = await bench.client.post("/v1/logs", content=protobuf(), headers={b"content-type": kind.encode()})
    assert reply.status_code == 415
    assert "application/x-protobuf" in reply.json()["message"]
    assert bench.refused("content_type") == 1


async def test_no_type_is_415(bench: Bench) -> None:
    assert (await bench.client.post("/v1/logs", content=protobuf())).status_code == 415


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
async def test_other_methods_are_405(bench: Bench, method: str) -> None:
    reply = await bench.client.request(method, "/v1/logs")
    assert reply.status_code == 405
    assert reply.headers["allow"] == "POST"
    assert bench.refused("method") == 1


@pytest.mark.parametrize("path", ["/", "/v1/traces", "/v1/logs/", "/v1/logs/x", "//v1/logs", "/v1/LOGS"])
async def test_other_paths_are_404(bench: Bench, path: str) -> None:
    reply = await bench.client.post(f"http://{bench.address}{path}", content=protobuf(), headers=PROTOBUF)
    assert reply.status_code == 404
    assert said(reply).code == 5
    assert bench.refused("path") == 1


async def test_too_large_by_its_length_is_413(bench: Bench) -> None:
    reply = await bench.post(bytes(LIMIT + 1))
    assert reply.status_code == 413
    assert said(reply).code == 8
    assert not said(reply).details  # a RetryInfo would make the sender send it again
    assert "retry-after" not in reply.headers
    assert bench.refused("too_large") == 1


async def test_exactly_the_limit_is_read(bench: Bench) -> None:
    body = protobuf(1, "x" * (LIMIT - 100))
    body = protobuf(1, "x" * (LIMIT - 100 + LIMIT - len(body)))
    assert len(body) == LIMIT
    assert (await bench.post(body)).status_code == 200
    assert (await bench.post(gzip.compress(body), content_encoding="gzip")).status_code == 200


async def test_too_large_in_chunks_is_413_and_the_sender_hears_it(bench: Bench) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(LIMIT // 20)

    reply = await bench.post(chunks())
    assert reply.status_code == 413
    assert (await bench.post(protobuf())).status_code == 200  # the connection is still good


async def pour(writer: asyncio.StreamWriter, chunk: bytes, times: int) -> None:
    for _ in range(times):
        writer.write(chunk)
        await writer.drain()


async def test_endless_chunks_are_cut_off(bench: Bench) -> None:
    head = HEAD + b"transfer-encoding: chunked\r\n\r\n"
    _, writer = await bench.raw(head)
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with pytest.raises(ConnectionError):
        await pour(writer, chunk, 100_000)
    writer.close()
    assert bench.refused("too_large") == 1


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(64 << 20), 9)),
        ("deflate", zlib.compress(bytes(64 << 20), 9)),
        ("zstd", zstandard.compress(bytes(64 << 20))),
    ],
    ids=["gzip", "deflate", "zstd"],
)
async def test_bombs_are_cut(bench: Bench, coding: str, bomb: bytes) -> None:
    assert len(bomb) < LIMIT
    reply = await bench.post(bomb, content_encoding=coding)
    assert reply.status_code == 413
    assert said(reply).code == 8
    assert not bench.door.bodies


@pytest.mark.parametrize(
    ("error", "status", "code", "reason"),
    [
        (MalformedError("truncated at byte 4"), 400, 3, "malformed"),
        (TooLargeError("a record over 1 MiB"), 413, 8, "too_large"),
        (JournalFullError("no room"), 503, 14, "full"),
        (JournalError("/secret/path is broken"), 503, 14, "journal"),
        (RuntimeError("/secret/path exploded"), 503, 14, "internal"),
        (MemoryError(), 503, 14, "internal"),
    ],
)
async def test_what_the_door_raises(bench: Bench, error: Exception, status: int, code: int, reason: str) -> None:
    bench.door.error = error
    for headers in (PROTOBUF, JSON):
        body = protobuf() if headers is PROTOBUF else in_json()
        reply = await bench.client.post("/v1/logs", content=body, headers=headers)
        assert reply.status_code == status
        assert reply.headers["content-type"] == headers["content-type"]
        assert ("retry-after" in reply.headers) == (status == 503)
        assert b"/secret/path" not in reply.content
        if headers is PROTOBUF:
            assert said(reply).code == code
        else:
            assert json.loads(reply.content)["code"] == code
    assert bench.refused(reason) == 2


async def test_come_back_is_said_in_both_ways(bench: Bench) -> None:
    bench.door.error = JournalFullError("no room")
    reply = await bench.post(protobuf())
    assert reply.headers["retry-after"] == "5"  # whole seconds: RFC 9110 10.2.3
    info = RetryInfo()
    assert said(reply).details[0].Unpack(info)
    assert info.retry_delay.seconds == 5


async def test_our_failure_is_logged_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.door.error = RuntimeError("exploded")
    with caplog.at_level(logging.DEBUG, "otelsiem"):
        for _ in range(5):
            await bench.post(protobuf())
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(told) == 1
    assert told[0].levelno == logging.ERROR
    assert told[0].exc_info is not None
    assert bench.refused("internal") == 5


async def test_partial_success(bench: Bench) -> None:
    bench.door.answer = Taken(1, rejected=2, message="2 records lack tenant.id")
    reply = await bench.post(protobuf(3))
    response = ExportLogsServiceResponse()
    response.ParseFromString(reply.content)
    assert reply.status_code == 200
    assert response.partial_success.rejected_log_records == 2
    assert response.partial_success.error_message == "2 records lack tenant.id"
    in_text = (await bench.post(in_json(3), **JSON_NAMES)).json()
    assert in_text["partialSuccess"]["rejectedLogRecords"] == "2"


async def test_receipt_on_demand(bench: Bench) -> None:
    assert "x-otelsiem-receipt" not in (await bench.post(protobuf(3))).headers
    reply = await bench.post(protobuf(), X_Otelsiem_Receipt="1")
    assert reply.headers["x-otelsiem-receipt"] == "logs/3,logs/alerts/40"
    assert "x-otelsiem-receipt" not in (await bench.post(protobuf(), X_Otelsiem_Receipt="0")).headers


async def test_a_sender_that_leaves_is_forgotten(bench: Bench) -> None:
    _, writer = await bench.raw(HEAD + b"content-length: 100\r\n\r\nshort")
    writer.write_eof()
    writer.close()
    await writer.wait_closed()
    await bench.refusals.any.wait()
    assert bench.refused("gone") == 1
    assert not bench.door.bodies


async def test_a_body_longer_than_its_length_ends_the_connection(bench: Bench) -> None:
    body = protobuf()
    head = HEAD + f"content-length: {len(body)}\r\n\r\n".encode()
    reader, writer = await bench.raw(head + body + b"\x00\x01 more of it\r\n\r\n")
    answer = await reader.read()  # until the server closes
    assert b" 400 " in answer
    assert bench.door.bodies in ([body], [])
    assert bench.refused("not_http") == 1
    writer.close()


async def test_slow_body_is_told_to_come_back() -> None:
    async with Bench(read_seconds=0.2) as bench:
        head = HEAD + b"content-length: 9\r\n\r\n"
        reader, writer = await bench.raw(head)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 503 ")  # not 408: OTLP senders drop their records on it
        assert b"retry-after: 5\r\n" in answer
        assert b"connection: close\r\n" in answer
        assert bench.refused("slow") == 1
        writer.close()


async def test_expect_continue(bench: Bench) -> None:
    body = protobuf()
    head = "POST /v1/logs HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/x-protobuf\r\n"
    reader, writer = await bench.raw(f"{head}content-length: {len(body)}\r\n\r\n".encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    reader, writer = await bench.raw(f"{head}content-length: {LIMIT + 1}\r\n\r\n".encode())
    answer = await reader.read()  # refused before a byte of the body was sent
    assert answer.startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_huge_headers_are_refused(bench: Bench) -> None:
    reader, writer = await bench.raw(b"POST /v1/logs HTTP/1.1\r\nhost: x\r\n" + b"x-y: " + b"z" * 70_000 + b"\r\n\r\n")
    assert b" 400 " in await reader.read()
    assert bench.refused("not_http") == 1
    writer.close()


async def test_a_flood_of_short_headers_is_refused(bench: Bench) -> None:
    for count, status in ((150, b" 400 "), (250, b" 400 ")):
        reader, writer = await bench.raw(
            b"POST /v1/logs HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
            + b"a: 1\r\n" * count
            + b"content-length: 0\r\n\r\n"
        )
        assert status in await reader.read()
        writer.close()
        assert bench.refused("not_http") == (count > 200), count  # the first one's empty JSON is malformed, no more


async def test_a_request_before_the_last_one_was_answered_ends_the_connection(bench: Bench) -> None:
    one = b"POST /v1/logs HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: %d\r\n\r\n%s"
    bench.door.gate.clear()
    body = protobuf(1)
    reader, writer = await bench.raw(one % (len(body), body) * 3)
    assert b" 400 " in await reader.read()
    bench.door.gate.set()
    writer.close()
    assert bench.refused("not_http") == 1


async def test_the_budget_refuses_and_recovers() -> None:
    budget = Budget(100_000)
    async with Bench(budget=budget) as bench:
        bench.budget = budget
        bench.door.gate.clear()
        first = asyncio.create_task(bench.post(protobuf(1, "x" * 80_000)))
        await bench.door.entered.wait()
        reply = await bench.post(protobuf(1, "x" * 80_000))
        assert reply.status_code == 503
        assert reply.headers["retry-after"] == "5"
        assert bench.refused("busy") == 1
        bench.door.gate.set()
        assert (await first).status_code == 200
        assert (await bench.post(protobuf(1, "x" * 80_000))).status_code == 200


async def test_inflated_bytes_count_in_the_budget() -> None:
    budget = Budget(500_000)
    async with Bench(budget=budget) as bench:
        bench.budget = budget
        body = gzip.compress(protobuf(1, "x" * 800_000))
        assert (await bench.post(body, content_encoding="gzip")).status_code == 503
        assert bench.refused("busy") == 1


async def test_at_the_door_only_the_inflated_body_is_held(bench: Bench) -> None:
    body = protobuf(100)
    bench.door.gate.clear()
    asking = asyncio.create_task(bench.post(gzip.compress(body), content_encoding="gzip"))
    await bench.door.entered.wait()
    assert bench.budget.used == len(body)
    bench.door.gate.set()
    assert (await asking).status_code == 200


async def test_many_at_once(bench: Bench) -> None:
    bench.door.gate.clear()
    bench.door.crowd = 50
    asking = [asyncio.create_task(bench.post(protobuf(10))) for _ in range(50)]
    await bench.door.crowded.wait()
    bench.door.gate.set()
    replies = await asyncio.gather(*asking)
    assert {reply.status_code for reply in replies} == {200}
    assert bench.door.records() == 500


async def test_stop_lets_what_is_in_flight_finish() -> None:
    async with Bench() as bench:
        bench.door.gate.clear()
        asking = asyncio.create_task(bench.post(protobuf()))
        await bench.door.entered.wait()
        stopping = asyncio.create_task(bench.receiver.stop(10))
        done, _ = await asyncio.wait({asking, stopping}, timeout=0.3)
        assert not done
        with pytest.raises(httpx.ConnectError):
            await httpx.AsyncClient().post(f"http://{bench.address}/v1/logs")
        bench.door.gate.set()
        assert (await asking).status_code == 200
        await stopping


async def test_stop_tells_the_rest_to_come_back() -> None:
    async with Bench() as bench:
        bench.door.gate.clear()
        asking = asyncio.create_task(bench.post(protobuf()))
        await bench.door.entered.wait()
        await bench.receiver.stop(0)
        reply = await asking  # never a 500, on which a sender drops its records
        assert reply.status_code == 503
        assert "retry-after" in reply.headers
        assert bench.door.inside == 0
        assert bench.refused("stopping") == 1


async def test_a_second_one_on_the_port_is_refused_with_the_reason(bench: Bench) -> None:
    second = HttpReceiver(OpenDoor(), HTTP, Refusals(), endpoint=str(bench.address))
    with pytest.raises(ListenError, match=rf"{bench.address.port} is in use"):
        await second.start()
    everywhere = HttpReceiver(OpenDoor(), HTTP, Refusals(), endpoint=f"0.0.0.0:{bench.address.port}")
    with pytest.raises(ListenError, match="in use"):
        await everywhere.start()
