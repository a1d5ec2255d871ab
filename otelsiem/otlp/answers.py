"""What a receiver answers with: the bodies of OTLP responses and errors, in protobuf and in OTLP/JSON.

Guarantees: an answer is complete bytes for its form, and an error is a google.rpc.Status, as the specification wants
for every 4xx and 5xx. Says nothing of status lines, trailers and headers: those belong to the receivers.
"""

from __future__ import annotations

from json import dumps
from typing import Any

from otelsiem.model.errors import MissingExtraError
from otelsiem.otlp.messages import ExportLogsServiceResponse

try:
    from google.protobuf.any_pb2 import Any as Packed
    from google.rpc import error_details_pb2, status_pb2
except ImportError as error:
    raise MissingExtraError("answering OTLP", "gateway", "googleapis-common-protos") from error


def response(rejected: int = 0, message: str = "") -> bytes:
    """ExportLogsServiceResponse in protobuf: empty for full success, which is `partial_success` left unset."""
    answer = ExportLogsServiceResponse()
    if rejected or message:
        answer.partial_success.rejected_log_records = rejected
        answer.partial_success.error_message = _text(message)
    data: bytes = answer.SerializeToString()
    return data


def response_json(rejected: int = 0, message: str = "") -> bytes:
    """The same in OTLP/JSON: `{}` for full success, the 64-bit count as a string."""
    partial: dict[str, str] = {}
    if rejected:
        partial["rejectedLogRecords"] = str(rejected)
    if message:
        partial["errorMessage"] = _text(message)
    return _json({"partialSuccess": partial} if partial else {})


def status(code: int, message: str, retry_after: float | None = None) -> bytes:
    """google.rpc.Status in protobuf; also what gRPC's `grpc-status-details-bin` trailer holds.

    With `retry_after` (seconds) it carries a RetryInfo: without one, RESOURCE_EXHAUSTED means "do not send it again".
    """
    answer = status_pb2.Status(code=code, message=_text(message))
    if retry_after is not None:
        info = error_details_pb2.RetryInfo()
        info.retry_delay.FromNanoseconds(_nanoseconds(retry_after))
        packed = Packed()
        packed.Pack(info)
        answer.details.append(packed)
    data: bytes = answer.SerializeToString()
    return data


def status_json(code: int, message: str, retry_after: float | None = None) -> bytes:
    """google.rpc.Status in JSON."""
    answer: dict[str, Any] = {"code": code, "message": _text(message)}
    if retry_after is not None:
        whole, rest = divmod(_nanoseconds(retry_after), 1_000_000_000)
        delay = f"{whole}.{rest:09d}".rstrip("0").rstrip(".") + "s"  # google.protobuf.Duration in JSON
        answer["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    return _json(answer)


def _nanoseconds(seconds: float) -> int:
    return max(round(seconds * 1_000_000_000), 0)


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _json(answer: dict[str, Any]) -> bytes:
    return dumps(answer, separators=(",", ":")).encode()
