"""A provider of the OpenTelemetry logging SDK, as an application sets one up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

RESOURCE = Resource({"service.name": "shop", "service.version": "1.2", "host.name": "web-1"})


class Kept(LogRecordProcessor):
    """Keeps what it is given, as it is given."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def on_emit(self, log_record: Any) -> None:
        self.records.append(log_record)

    def shutdown(self) -> None:
        self.records.clear()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return timeout_millis > 0


@contextmanager
def provider(*processors: LogRecordProcessor) -> Iterator[LoggerProvider]:
    made = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    for processor in processors:
        made.add_log_record_processor(processor)
    try:
        yield made
    finally:
        made.shutdown()


def batching(exporter: Any, delay: float = 20) -> BatchLogRecordProcessor:
    """One that does not keep a test waiting."""
    return BatchLogRecordProcessor(exporter, schedule_delay_millis=delay)
