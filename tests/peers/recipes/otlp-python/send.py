"""The records of tests/peers/scenario.py with the Python SDK: python send.py grpc|http PORT COUNT."""

from __future__ import annotations

import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import AnyValue

TRACED = trace.set_span_in_context(
    trace.NonRecordingSpan(
        trace.SpanContext(
            0x5B8EFFF798038103D269B633813FC60C, 0xEEE19B7EC3C1B174, is_remote=False, trace_flags=trace.TraceFlags(1)
        )
    ),
    Context(),
)


def exporter(transport: str, port: str) -> LogRecordExporter:
    """The SDK's own exporter for this transport, with gzip."""
    if transport == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as Grpc

        return Grpc(endpoint=f"http://127.0.0.1:{port}", insecure=True, compression=grpc.Compression.Gzip)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as Http

    return Http(endpoint=f"http://127.0.0.1:{port}/v1/logs", compression=Compression.Gzip)


def record(n: int) -> LogRecord:
    """Record number n."""
    text = f'n{n} Zoë ✓ "quoted"'
    even = n % 2 == 0
    body: AnyValue = text if even else {"text": text, "n": n}
    return LogRecord(
        timestamp=1767225600_000000000 + n * 1_000_001,
        event_name="audit.login" if even else "audit.policy",
        severity_number=SeverityNumber.INFO if even else SeverityNumber.ERROR2,
        severity_text="info" if even else "high",
        body=body,
        context=Context() if even else TRACED,
        attributes={
            "user.id": f"u-{n}",
            "attempts": n,
            "ratio": n + 0.25,
            "mfa": even,
            "roles": ["admin", "ops"],
            "details": {"reason": "line one\nline two", "code": 7},
            "big": 9007199254740993,
        },
    )


def main(transport: str, port: str, count: str) -> None:
    """Emit the records and wait until they were taken."""
    resource = Resource.create({"service.name": f"python-{transport}", "service.namespace": "peers"})
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter(transport, port), max_queue_size=65536))
    logger = provider.get_logger("audit", "1")
    for n in range(int(count)):
        logger.emit(record(n))
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:4])
