"""The exporters of the OpenTelemetry SDK, as applications run them, against both receivers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import grpc
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor

from otelsiem.gateway.receivers.grpc import GrpcReceiver
from otelsiem.gateway.receivers.http import HttpReceiver
from otelsiem.gateway.receivers.listen import Address
from otelsiem.model.errors import JournalFullError
from otelsiem.model.record import records
from tests.gateway.doors import GRPC, HTTP, OpenDoor, Refusals

Make = Callable[[Address], LogRecordExporter]

CLIENTS: dict[str, Make] = {
    "grpc": lambda at: GrpcExporter(f"http://{at}", insecure=True),
    "grpc-gzip": lambda at: GrpcExporter(f"http://{at}", insecure=True, compression=grpc.Compression.Gzip),
    "http": lambda at: HttpExporter(f"http://{at}/v1/logs", compression=Compression.NoCompression),
    "http-gzip": lambda at: HttpExporter(f"http://{at}/v1/logs", compression=Compression.Gzip),
    "http-deflate": lambda at: HttpExporter(f"http://{at}/v1/logs", compression=Compression.Deflate),
}


def emit(make: Make, at: Address) -> None:
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(make(at)))
    provider.get_logger("clients").emit(
        LogRecord(
            timestamp=1_767_225_600_000_000_000,
            severity_number=SeverityNumber.WARN,
            event_name="authentication_failure",
            body="wrong password",
            attributes={"user.id": "u-7", "attempts": 3},
        )
    )
    provider.shutdown()


def receiver_for(client: str, door: OpenDoor, refusals: Refusals) -> GrpcReceiver | HttpReceiver:
    if client.startswith("grpc"):
        return GrpcReceiver(door, GRPC, refusals, endpoint="127.0.0.1:0")
    return HttpReceiver(door, HTTP, refusals, endpoint="127.0.0.1:0")


@pytest.mark.parametrize("client", CLIENTS)
async def test_sdk_exporters_deliver(client: str) -> None:
    door = OpenDoor()
    receiver = receiver_for(client, door, Refusals())
    at = await receiver.start()
    try:
        await asyncio.to_thread(emit, CLIENTS[client], at)
    finally:
        await receiver.stop(5)
    (batch,) = door.taken
    (record,) = records(batch)
    assert (record.event, record.body, record.severity) == ("authentication_failure", "wrong password", 13)
    assert record.attributes["user.id"] == "u-7"
    assert record.attributes["attempts"] == 3
    assert batch[0].scope.name == "clients"


@pytest.mark.parametrize("client", ["grpc", "http"])
async def test_sdk_exporters_come_back_when_the_journal_was_full(client: str) -> None:
    door = OpenDoor()
    refusals = Refusals()
    receiver = receiver_for(client, door, refusals)
    at = await receiver.start()
    door.error = JournalFullError("no room")
    try:
        sending = asyncio.create_task(asyncio.to_thread(emit, CLIENTS[client], at))
        await refusals.any.wait()
        door.error = None
        await sending
    finally:
        await receiver.stop(5)
    assert door.records() == 1
    assert sum(refusals.seen.values()) == 1
