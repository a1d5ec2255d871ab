"""The client of delivery receipts, before a receiver on a socket and before whatever else may answer there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import ReadableLogRecord

from otelsiem.door import Taken
from otelsiem.journal.journal import Fate as Told
from otelsiem.journal.journal import FateKind, Position
from otelsiem.model.record import Group, Record, Scope
from otelsiem.otlp import answers
from otelsiem.otlp.messages import ExportLogsServiceRequest
from otelsiem.receipts import Client, Fate, GatewayError, Kind, Receipt, RejectedError
from otelsiem.receipts.client import GET_FATES, SUBMIT
from otelsiem.receipts.words import joined
from otelsiem.testing.http import HttpServer
from otelsiem.v1 import receipts_pb2 as pb
from tests.gateway.requests import protobuf
from tests.gateway.test_receipts import Bench
from tests.program import free_port
from tests.sdk.provider import RESOURCE

Answer = Callable[[bytes, grpc.ServicerContext], bytes]


@contextmanager
def peer(answers: dict[str, Answer]) -> Iterator[str]:
    """Whatever answers gRPC at an address."""

    class Methods(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in its stubs only
        def service(self, details: grpc.HandlerCallDetails) -> Any:
            found = answers.get(details.method)
            return grpc.unary_unary_rpc_method_handler(found) if found else None

    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Methods(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def receipt(count: int = 1) -> Receipt:
    return Receipt("logs", 7, count, tuple(f"id-{n}" for n in range(count)), b"proof")


async def test_whatever_holds_records_can_be_submitted() -> None:
    async with Bench() as bench:
        client = Client(f"http://{bench.address}")
        message = ExportLogsServiceRequest.FromString(protobuf(2))
        read = [ReadableLogRecord(LogRecord(event_name="login"), RESOURCE) for _ in range(3)]
        ours = [Group({}, Scope(), [Record(id="mine", event="login")])]
        for records, count in ((protobuf(1), 1), (message, 2), (iter(read), 3), (ours, 1)):
            [one, two] = await asyncio.to_thread(client.submit, records)
            assert (one.pipeline, one.count, two.pipeline) == ("logs", count, "logs/alerts")
        assert bench.door.taken[-1][0].records[0].attributes["log.record.uid"] == "mine"
        assert bench.door.taken[-2][0].resource["service.name"] == "shop"
        assert await asyncio.to_thread(client.submit, []) == []
        client.close()


async def test_what_was_rejected_is_an_error_with_the_receipts_of_the_others() -> None:
    async with Bench() as bench:
        bench.door.answer = Taken(2, 1, "no actor", (Position("logs", 7, 2),), [["a", "b"]])
        client = Client(f"http://{bench.address}")
        with pytest.raises(RejectedError, match="1 records were rejected: no actor") as caught:
            await asyncio.to_thread(client.submit, protobuf(3))
        assert (caught.value.records, caught.value.again) == (1, False)
        assert [(one.first, one.ids) for one in caught.value.receipts] == [(7, ("a", "b"))]
        client.close()


async def test_many_receipts_are_asked_for_in_parts_and_told_as_runs() -> None:
    async with Bench() as bench:
        bench.fates.said = {"a": Told(FateKind.DELIVERED)}
        bench.door.answer = Taken(25_000, positions=(Position("logs", 0, 25_000),))
        client = Client(f"http://{bench.address}")
        [large] = await asyncio.to_thread(client.submit, protobuf(1))
        [fate] = await asyncio.to_thread(client.fates, [large])
        assert (fate.exporter, fate.first, fate.count, fate.kind) == ("a", 0, 25_000, Kind.DELIVERED)
        fates = await asyncio.to_thread(client.fates, [receipt()] * 2500)
        assert [(fate.exporter, fate.kind) for fate in fates] == [("", Kind.UNKNOWN)] * 2500
        assert await asyncio.to_thread(client.wait, []) == []
        client.close()


def test_it_comes_back_when_the_gateway_asks_it_to() -> None:
    said: list[bytes] = []

    def busy(message: bytes, context: grpc.ServicerContext) -> bytes:
        said.append(message)
        if len(said) < 3:
            details = answers.status(14, "starting", 0.05)
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        return pb.SubmitResponse(receipts=[pb.Receipt(pipeline="logs", first=1, count=1)]).SerializeToString()

    with peer({SUBMIT: busy}) as url, Client(url) as client:
        assert client.submit(protobuf(1)) == [Receipt("logs", 1, 1)]
    assert len(set(said)) == 1, "the same bytes, which become the same ids"


def test_it_gives_up_when_the_gateway_asks_for_more_time_than_there_is() -> None:
    def full(_: bytes, context: grpc.ServicerContext) -> bytes:
        details = answers.status(14, "the journal is full", 5)
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(grpc.StatusCode.UNAVAILABLE, "the journal is full")
        raise AssertionError

    with peer({SUBMIT: full}) as url, Client(url, timeout=2) as client:
        with pytest.raises(GatewayError, match="not taken: the journal is full") as caught:
            client.submit(protobuf(1))
        assert caught.value.again


def test_a_fault_that_time_does_not_mend_is_told_at_once() -> None:
    calls: list[bytes] = []

    def malformed(message: bytes, context: grpc.ServicerContext) -> bytes:
        calls.append(message)
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "truncated at byte 4")
        raise AssertionError

    with peer({SUBMIT: malformed}) as url, Client(url) as client:
        with pytest.raises(GatewayError, match="not taken: truncated at byte 4") as caught:
            client.submit(b"\x0a")
        assert not caught.value.again
    assert len(calls) == 1


def test_what_is_no_gateway_is_called_so() -> None:
    for said in (b"\xff\xff", pb.GetFatesResponse(fates=[pb.Fates(receipt=3)]).SerializeToString()):
        with peer({GET_FATES: lambda *_, said=said: said}) as url, Client(url) as client:
            with pytest.raises(GatewayError, match=r"no otelsiem gateway|not asked for"):
                client.fates([receipt()])
            with pytest.raises(GatewayError, match="takes no receipts"):
                client.submit(protobuf(1))
    with (
        HttpServer() as http,
        Client(http.url, timeout=1) as client,
        pytest.raises(GatewayError, match=r"HTTP/1.1.*4318"),
    ):
        client.fates([receipt()])
    with Client(f"http://127.0.0.1:{free_port()}", timeout=0.3) as client:
        with pytest.raises(GatewayError, match="refused") as caught:
            client.fates([receipt()])
        assert caught.value.again


def test_pages_that_never_end_do() -> None:
    same = pb.GetFatesResponse(next_page_token="0:1").SerializeToString()
    never = pytest.raises(GatewayError, match="does not get on")
    with peer({GET_FATES: lambda *_: same}) as url, Client(url) as client, never:
        client.fates([receipt()])


def test_a_kind_of_a_later_version_is_unknown() -> None:
    later = pb.GetFatesResponse(fates=[pb.Fates(exporter="a", first=7, count=1)]).SerializeToString()
    later = later[:1] + bytes([later[1] + 2]) + later[2:] + b"\x28\x63"  # kind = 99
    with peer({GET_FATES: lambda *_: later}) as url, Client(url) as client:
        assert client.fates([receipt()]) == [Fate(receipt(), "a", 7, 1, Kind.UNKNOWN)]


@pytest.mark.parametrize("endpoint", ["", "http://", "ftp://gateway:4317", "gateway:port", "http://u:p@gateway:4317"])
def test_an_endpoint_that_is_none(endpoint: str) -> None:
    with pytest.raises(ValueError, match="is not one: https://"):
        Client(endpoint)


def test_a_token_does_not_show() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    with Client(nowhere, token="s3cret-of-mine", timeout=0.1) as client, pytest.raises(GatewayError) as caught:
        client.fates([receipt()])
    assert "s3cret" not in f"{caught.value} {client!r} {receipt()!r}"
    assert "proof" not in repr(receipt())


KEPT = st.builds(
    Receipt, st.text(max_size=9), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 32) - 1),
    st.lists(st.text(max_size=9), max_size=3).map(tuple), st.binary(max_size=16),
)  # fmt: skip


@given(KEPT)
def test_a_receipt_is_kept_whole(one: Receipt) -> None:
    assert Receipt.of(bytes(one)) == one


def test_what_is_no_receipt_is_none() -> None:
    with pytest.raises(ValueError, match="no receipt"):
        Receipt.of(b"\xff\xff")


@given(st.lists(st.sampled_from([Kind.PENDING, Kind.DELIVERED]), max_size=30), st.data())
def test_p2_joined_runs_name_every_record_once(kinds: list[Kind], data: st.DataObject) -> None:
    one = receipt(len(kinds))
    single = [(0, Fate(one, "a", 7 + n, 1, kind)) for n, kind in enumerate(kinds)]
    runs = joined(data.draw(st.permutations(single)))
    assert [kind for run in runs for kind in [run.kind] * run.count] == kinds
    assert [name for run in runs for name in run.ids] == list(one.ids)
    assert all(a.kind is not b.kind for a, b in pairwise(runs)), "as few as can be"


def ran(*lines: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout + done.stderr


def test_the_light_import_knows_nothing_of_it() -> None:
    heavy = "('grpc', 'google', 'otelsiem.receipts', 'otelsiem.v1')"
    assert ran(
        "import otelsiem, sys",
        "otelsiem.OtlpHttp, otelsiem.SiemLogExporter, otelsiem.AuditLog",
        f"print([name for name in sys.modules if name.startswith({heavy})])",
    ) == "[]\n"  # fmt: skip


def test_without_the_extra_one_sentence_says_what_to_install() -> None:
    said = "pip install 'otelsiem[gateway]'"
    assert said in ran("import sys; sys.modules['google.protobuf'] = None", "import otelsiem.receipts")
    submit = "from otelsiem.receipts import Client; Client('gateway:4317').submit(b'')"
    assert said in ran("import sys; sys.modules['grpc'] = None", submit)
