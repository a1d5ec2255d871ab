"""OTLP requests to send."""

from __future__ import annotations

import json

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest


def protobuf(records: int = 1, text: str = "login ok") -> bytes:
    """A request in protobuf."""
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add().scope_logs.add()
    for n in range(records):
        record = logs.log_records.add(time_unix_nano=1_767_225_600_000_000_000 + n, severity_number=9)
        record.body.string_value = text
    data: bytes = request.SerializeToString()
    return data


def in_json(records: int = 1, text: str = "login ok") -> bytes:
    """The same in OTLP/JSON."""
    logs = [{"timeUnixNano": "1767225600000000000", "body": {"stringValue": text}} for _ in range(records)]
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]}).encode()
