"""What receivers answer, read without the generated classes and judged by them; and noise."""

from __future__ import annotations

import json

import pytest
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceResponse,
)

from otelsiem.otlp import answers
from otelsiem.otlp.replies import Taken, Told, response, response_json, status, status_json
from tests.examples import some

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.integers(-(1 << 63), (1 << 63) - 1), texts)
def test_partial_success(rejected: int, message: str) -> None:
    body = ExportLogsServiceResponse()
    body.partial_success.rejected_log_records, body.partial_success.error_message = rejected, message
    assert response(body.SerializeToString()) == Taken(rejected, message)
    said = {"partialSuccess": {"rejectedLogRecords": str(rejected), "errorMessage": message}}
    assert response_json(json.dumps(said).encode()) == Taken(rejected, message)


@given(st.integers(-5, 20), texts, st.none() | st.floats(0, 1e6))
def test_status(code: int, message: str, delay: float | None) -> None:
    body = answers.status(code, message, delay)
    for found in (status(body), status_json(answers.status_json(code, message, delay))):
        assert found is not None
        assert (found.code, found.message) == (code, message)
        assert found.delay == (None if delay is None else pytest.approx(delay, abs=1e-9))


def test_nothing_is_a_full_success() -> None:
    assert response(b"") == response_json(b"") == response_json(b" {} ") == Taken()
    assert response_json(b'{"partialSuccess":{}}') == response_json(b'{"partialSuccess":null}') == Taken()
    empty = ExportLogsServiceResponse(partial_success=ExportLogsPartialSuccess())
    assert response(empty.SerializeToString()) == Taken()


def test_names_in_snake_case_are_unknown() -> None:
    assert response_json(b'{"partial_success":{"rejected_log_records":3}}') == Taken()
    assert response_json(b'{"partialSuccess":{"rejected_log_records":3}}') == Taken()


def test_other_details_stand_beside_the_delay_and_unknown_fields_are_skipped() -> None:
    told = status_pb2.Status(code=8)
    for detail in (error_details_pb2.BadRequest(), error_details_pb2.RetryInfo(retry_delay={"nanos": 5})):
        packed = Packed()
        packed.Pack(detail)
        told.details.append(packed)
    assert status(b"\x79" + bytes(8) + b"\x7d" + bytes(4) + told.SerializeToString()) == Told(8, "", 5e-9)


@pytest.mark.parametrize(
    "body", [b"\xff", b"\x0a\x05a", b"\x0a\x01", b"\x00", b"\x0b\x0e", b"<html>", b"x" * 99, b"\x08\x01"]
)
def test_what_cannot_be_read_says_nothing(body: bytes) -> None:
    assert response(body) is None
    assert response_json(body) is None


@settings(max_examples=some(500))
@given(st.binary(max_size=40))
def test_noise_is_read_or_not_as_protobuf_reads_it(body: bytes) -> None:
    found = response(body)
    status(body)
    response_json(body)
    status_json(body)
    if found is not None:
        try:
            judged = ExportLogsServiceResponse.FromString(body)
        except DecodeError:  # invalid UTF-8, or a field of another kind that we skip
            return
        assert found.rejected == judged.partial_success.rejected_log_records
