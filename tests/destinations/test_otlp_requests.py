"""A batch cut into OTLP requests: nothing lost, nothing twice, nothing over the limits but a single record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.destinations._otlp_requests import requests
from otelsiem.model.destination import Limits, Payload
from otelsiem.model.record import Batch, Group, Record, Scope, count, records
from otelsiem.otlp.decode import decode
from otelsiem.otlp.encode import PROTOBUF
from otelsiem.otlp.encode_json import JSON
from otelsiem.otlp.json import decode_json
from otelsiem.otlp.section import Encoding
from tests.examples import some
from tests.formats import strategies

FORMS = [pytest.param(PROTOBUF, decode, id="protobuf"), pytest.param(JSON, decode_json, id="json")]


def made(body: bytes, indices: Sequence[int]) -> Payload:
    return Payload(body, indices, "", {}, len(body))


def numbered(sizes: Sequence[int]) -> Batch:
    """Groups of so many records; each record says its place."""
    batch: Batch = []
    for n, size in enumerate(sizes):
        first = sum(sizes[:n])
        found = [Record(id=str(at), body="x" * (at * 37 % 90)) for at in range(first, first + size)]
        batch.append(Group({"n": n}, Scope(str(n)), found))
    return batch


@pytest.mark.parametrize(("encoding", "read"), FORMS)
@settings(max_examples=some(40), deadline=None)
@given(st.lists(st.integers(0, 30), max_size=6), st.integers(80, 4000), st.integers(1, 40))
def test_every_record_is_in_one_request_within_the_limits(
    encoding: Encoding, read: Any, sizes: list[int], most_bytes: int, most: int
) -> None:
    batch = numbered(sizes)
    encoded = requests(batch, encoding, Limits(records=most, bytes=most_bytes), made)
    assert not encoded.rejected
    assert [index for payload in encoded.payloads for index in payload.indices] == list(range(count(batch)))
    for payload in encoded.payloads:
        there = [record.attributes["log.record.uid"] for record in records(read(payload.body))]
        assert there == [str(index) for index in payload.indices]
        assert len(there) <= most
        assert payload.size <= most_bytes or len(there) == 1
        for group in read(payload.body):
            assert group.scope.name == str(group.resource["n"])


@pytest.mark.parametrize(("encoding", "read"), FORMS)
@settings(max_examples=some(40), deadline=None)
@given(strategies.batches)
def test_any_records(encoding: Encoding, read: Any, batch: Batch) -> None:
    encoded = requests(batch, encoding, Limits(bytes=1500), made)
    assert [index for payload in encoded.payloads for index in payload.indices] == list(range(count(batch)))
    assert sum(count(read(payload.body)) for payload in encoded.payloads) == count(batch)


@pytest.mark.parametrize(("encoding", "read"), FORMS)
def test_p4_what_no_encoder_takes_harms_only_itself(encoding: Encoding, read: Any) -> None:
    endless: Any = []
    for _ in range(5000):
        endless = [endless]
    bad: Any = {"k": endless}
    batch = [
        Group({"a": 1}, Scope(), [Record(id="0"), Record(id="1", attributes=bad)]),
        Group({"a": 2}, Scope(), [Record(id="2"), Record(id="3", time="soon")]),  # type: ignore[arg-type]
    ]
    encoded = requests(batch, encoding, Limits(), made)
    assert encoded.rejected == {1: "cannot be encoded: RecursionError", 3: "cannot be encoded: TypeError"}
    (payload,) = encoded.payloads
    assert payload.indices == [0, 2]
    assert [record.attributes["log.record.uid"] for record in records(read(payload.body))] == ["0", "2"]


def test_requests_are_as_full_as_they_may_be() -> None:
    encoded = requests(numbered([1000]), PROTOBUF, Limits(bytes=20_000), made)
    sizes = [payload.size for payload in encoded.payloads]
    assert min(sizes[:-1]) > 20_000 - 200
