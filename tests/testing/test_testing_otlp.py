"""The fakes of OTLP receivers: what they refuse and do silently, and that the real Python SDK's exporters agree."""

from __future__ import annotations

import gzip
import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import status_pb2
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

from otelsiem.otlp.answers import status
from otelsiem.testing.http import Respond
from otelsiem.testing.otlp import Rejected, Taken
from otelsiem.testing.otlp_grpc import METHOD, Cut, FakeOtlpGrpc, Status
from otelsiem.testing.otlp_http import JSON, PATH, PROTOBUF, FakeOtlpHttp
from otelsiem.testing.relay import Relay

ONE = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[%b]}]}]}'


@pytest.fixture
def http() -> Iterator[FakeOtlpHttp]:
    with FakeOtlpHttp() as made:
        yield made


def post(
    fake: FakeOtlpHttp, body: bytes, path: str = PATH, method: str = "POST", **headers: str
) -> tuple[int, Any, str]:
    named = {"content-type": JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(fake.url + path, body if method == "POST" else None, named, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read(), answer.headers["content-type"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["content-type"]


@pytest.mark.parametrize(
    ("status_", "body", "how"),
    [
        (415, b"{}", {"content_type": "text/plain"}),
        (404, b"{}", {"path": "/v1/log"}),
        (405, b"{}", {"method": "GET"}),
        (400, b"no gzip", {"content_encoding": "gzip"}),
        (400, gzip.compress(b"{}" * 500, mtime=0)[:-9], {"content_encoding": "gzip"}),
        (400, b"{}", {"content_encoding": "br"}),
        (400, b"{", {}),
        (400, b"\xff", {"content_type": PROTOBUF}),
        (400, ONE % b'{"severityNumber":"SEVERITY_NUMBER_INFO"}', {}),
        (413, gzip.compress(b" " * 3_000_000, mtime=0), {"content_encoding": "gzip"}),
    ],
)
def test_what_a_receiver_refuses(http: FakeOtlpHttp, status_: int, body: bytes, how: dict[str, str]) -> None:
    http.largest = 2_000_000
    found, _, _ = post(http, body, **how)
    assert found == status_
    assert not http.store.records


def test_answers_come_in_the_requests_encoding(http: FakeOtlpHttp) -> None:
    assert post(http, b"{}") == (200, b"{}", JSON)
    assert post(http, b"", content_type=PROTOBUF) == (200, b"", PROTOBUF)
    http.answers_with([Rejected(1, "old"), Respond(500), Respond(503)])
    one = ONE % b'{"body":{"stringValue":"x"}}'
    assert json.loads(post(http, one)[1]) == {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "old"}}
    assert json.loads(post(http, one)[1])["message"] == "scripted 500"
    binary = b"\x0a\x06\x12\x04\x12\x02\x08\x00"
    code, body, kind = post(http, binary, content_type=PROTOBUF)
    assert (code, kind, status_pb2.Status.FromString(body).message) == (503, PROTOBUF, "scripted 503")


def test_snake_case_and_ids_that_are_none_are_silently_nothing(http: FakeOtlpHttp) -> None:
    post(http, ONE % b'{"severity_number":9,"event_name":"x","traceId":"W47/95gDgQPSaabEO2OGDA==","spanId":"00"}')
    (record,) = http.store.records
    assert (record.severity, record.event, record.trace_id, record.span_id) == (0, "", "", "")


def test_a_client_that_sends_again_what_it_must_not_is_found(http: FakeOtlpHttp) -> None:
    one, two = ONE % b'{"body":{"stringValue":"1"}}', ONE % b'{"body":{"stringValue":"2"}}'
    http.answers_with([Rejected(1), Respond(500), Respond(503)])
    for body in (one, two, ONE % b"{}"):
        post(http, body)
    assert not http.store.resent
    for body in (ONE % b"{}", one, two):
        post(http, body)
    assert http.store.resent == ["partial success: 1", "HTTP 500"]


def emit(exporter: Any, bodies: list[str]) -> None:
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = provider.get_logger("fake")
    for body in bodies:
        logger.emit(LogRecord(body=body, severity_number=SeverityNumber.INFO, event_name="e", attributes={"n": 1}))
    provider.shutdown()


def test_the_real_http_exporter_is_understood_and_retries_what_it_may(http: FakeOtlpHttp) -> None:
    http.answers_with([Respond(503, headers={"Retry-After": "0"})])
    emit(HttpExporter(endpoint=http.url + PATH), ["a", "b"])
    assert [(record.body, record.attributes) for record in http.store.records] == [("a", {"n": 1}), ("b", {"n": 1})]
    assert not http.store.resent


def test_the_real_grpc_exporter_is_understood_and_told_what_it_did_wrong() -> None:
    with FakeOtlpGrpc() as fake:
        fake.answers_with([Status(14, "soon", 0.01)])
        emit(GrpcExporter(endpoint=f"127.0.0.1:{fake.port}", insecure=True), ["a", "b"])
        assert [record.body for record in fake.store.records] == ["a", "b"]
        assert not fake.store.resent


def call(fake: FakeOtlpGrpc, message: bytes) -> Any:
    with grpc.insecure_channel(f"127.0.0.1:{fake.port}") as channel:
        invoke: Any = channel.unary_unary  # type: ignore[call-overload,unused-ignore]  # bytes need no serialisers
        try:
            return invoke(METHOD)(message, timeout=5)
        except grpc.RpcError as error:
            return error


def test_grpc_refuses_what_it_cannot_read_or_is_too_large() -> None:
    with FakeOtlpGrpc(largest=1000) as fake:
        assert call(fake, b"\xff").code() is grpc.StatusCode.INVALID_ARGUMENT
        assert call(fake, b"x" * 2000).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        fake.authorization = "Bearer x"
        assert call(fake, b"").code() is grpc.StatusCode.UNAUTHENTICATED
        fake.authorization = ""
        assert call(fake, b"") == b""


def test_grpc_details_and_connections_that_end() -> None:
    record = b"\x0a\x06\x12\x04\x12\x02\x08\x00"
    with FakeOtlpGrpc() as fake:
        fake.answers_with([Status(8, "slow", 1.5), Taken(Cut()), Rejected(1)])
        trailing = dict(call(fake, record).trailing_metadata())
        assert trailing["grpc-status-details-bin"] == status(8, "slow", 1.5)
        assert call(fake, record).code() is grpc.StatusCode.UNAVAILABLE
        assert len(fake.store.records) == 1
        call(fake, record)
        assert not fake.store.resent
        call(fake, record)
        assert fake.store.resent == ["partial success: 1"]


def test_a_relay_passes_bytes_and_cuts_and_comes_back_on_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Relay(server.getsockname()[1]) as relay:
        client = socket.create_connection(("127.0.0.1", relay.port), timeout=5)
        peer, _ = server.accept()
        client.sendall(b"to")
        assert peer.recv(10) == b"to"
        peer.sendall(b"fro")
        assert client.recv(10) == b"fro"
        relay.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        relay.down()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", relay.port), timeout=5)
        port = relay.port
        relay.up()
        assert relay.port == port
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        client.close()
        peer.close()
