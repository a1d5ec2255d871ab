"""What a receiver answers with, read back by the generated messages and by plain JSON."""

from __future__ import annotations

import json

import pytest
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from otelsiem.otlp import answers


def test_full_success_leaves_partial_success_unset() -> None:
    assert answers.response() == b""
    assert answers.response_json() == b"{}"


@pytest.mark.parametrize(("rejected", "message"), [(3, "mask failed: é"), (0, "only a warning"), (2**40, "")])
def test_partial_success_says_how_many_and_why(rejected: int, message: str) -> None:
    read = ExportLogsServiceResponse.FromString(answers.response(rejected, message))
    assert read.HasField("partial_success")
    assert (read.partial_success.rejected_log_records, read.partial_success.error_message) == (rejected, message)
    assert json_format.Parse(answers.response_json(rejected, message), ExportLogsServiceResponse()) == read


def test_the_64_bit_count_is_a_string_in_json() -> None:
    assert json.loads(answers.response_json(3, "m")) == {
        "partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "m"}
    }


def test_an_error_is_a_status_without_details() -> None:
    read = status_pb2.Status.FromString(answers.status(3, "not OTLP"))
    assert (read.code, read.message, len(read.details)) == (3, "not OTLP", 0)
    assert json.loads(answers.status_json(3, "not OTLP")) == {"code": 3, "message": "not OTLP"}


@pytest.mark.parametrize(
    ("seconds", "whole", "nanos", "text"),
    [
        (1.5, 1, 500_000_000, "1.5s"),
        (0.0, 0, 0, "0s"),
        (30, 30, 0, "30s"),
        (-4.0, 0, 0, "0s"),
        (0.001, 0, 1_000_000, "0.001s"),
    ],
)
def test_retry_info_stands_in_the_details(seconds: float, whole: int, nanos: int, text: str) -> None:
    (packed,) = status_pb2.Status.FromString(answers.status(14, "full", seconds)).details
    info = error_details_pb2.RetryInfo()
    assert packed.Unpack(info)
    assert (info.retry_delay.seconds, info.retry_delay.nanos) == (whole, nanos)
    (detail,) = json.loads(answers.status_json(14, "full", seconds))["details"]
    assert detail == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text}


def test_half_a_surrogate_pair_cannot_break_an_answer() -> None:
    assert ExportLogsServiceResponse.FromString(answers.response(1, "\ud800")).partial_success.error_message == "?"
    assert status_pb2.Status.FromString(answers.status(3, "\ud800")).message == "?"
    assert json.loads(answers.status_json(3, "\ud800"))["message"] == "?"
    assert b"?" in answers.response_json(1, "\udc00")
