"""The generated OTLP messages, imported in one place. Guarantees one clear sentence when their packages are missing."""

from __future__ import annotations

from otelsiem.model.errors import MissingExtraError

try:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
        ExportLogsServiceRequest,
        ExportLogsServiceResponse,
    )
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
except ImportError as error:
    raise MissingExtraError("OTLP", "gateway", "opentelemetry-proto") from error

__all__ = [
    "DecodeError",
    "ExportLogsServiceRequest",
    "ExportLogsServiceResponse",
    "InstrumentationScope",
    "Resource",
]
