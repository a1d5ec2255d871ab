"""The decoders against a slow walk and against each other, the encoder against the decoder, and all against noise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from otelsiem.model.errors import MalformedError, TooLargeError
from otelsiem.model.record import Batch, Group, Record, Scope, count, cut
from otelsiem.otlp.decode import decode, decode_pieces
from otelsiem.otlp.encode import encode
from otelsiem.otlp.encode_json import encode_json
from otelsiem.otlp.json import decode_json, decode_json_pieces
from tests.examples import some
from tests.formats import strategies
from tests.otlp.oracle import merged, read_by_rules_of_protobuf, render, requests, shown, walk, with_ids


@settings(max_examples=some(300), deadline=None)
@given(requests())
def test_decode_agrees_with_a_slow_walk(request: ExportLogsServiceRequest) -> None:
    assert shown(decode(request.SerializeToString())) == shown(walk(request))


@settings(max_examples=some(300), deadline=None)
@given(requests())
def test_both_decoders_agree_on_the_same_request(request: ExportLogsServiceRequest) -> None:
    assert shown(decode_json(render(request))) == shown(decode(request.SerializeToString()))


@settings(max_examples=some(200), deadline=None)
@given(requests())
def test_what_was_decoded_survives_encode_and_decode(request: ExportLogsServiceRequest) -> None:
    batch = merged(decode(request.SerializeToString()))
    assert shown(decode(encode(batch))) == shown(batch)
    assert shown(decode_json(encode_json(batch))) == shown(batch)


@settings(max_examples=some(120), deadline=None)
@given(strategies.batches, st.booleans())
def test_what_is_written_is_what_another_reader_reads(batch: Batch, ids: bool) -> None:
    """Any record: protobuf's own reader, walked slowly, and ours see the same, and it is what there was."""
    data = encode(batch, ids=ids)
    wanted = merged([group for group in with_ids(batch, ids) if group.records])
    assert shown(walk(ExportLogsServiceRequest.FromString(data))) == shown(decode(data)) == shown(wanted)
    told = encode_json(batch, ids=ids)
    assert shown(decode_json(told)) == shown(wanted)
    assert shown(walk(read_by_rules_of_protobuf(told))) == shown(wanted)


@settings(max_examples=some(100), deadline=None)
@given(st.lists(st.text(max_size=5) | st.text("ab\ud800\udfff", max_size=3), max_size=6))
def test_half_a_surrogate_pair_harms_only_itself(found: list[str]) -> None:
    record = Record(body=found[0] if found else None, event="".join(found), attributes={text: text for text in found})
    batch = [Group({text: text for text in found}, Scope("".join(found)), [record, Record(body="neighbour")])]
    for back in (decode(encode(batch)), decode_json(encode_json(batch))):
        assert back[0].records[0].event == "".join(found).encode("utf-8", "replace").decode()
        assert back[0].records[1].body == "neighbour"


@settings(max_examples=some(150), deadline=None)
@given(requests(), st.integers(1, 5))
def test_pieces_are_the_whole_request_cut(request: ExportLogsServiceRequest, size: int) -> None:
    whole = decode(request.SerializeToString())
    for pieces in (decode_pieces(request.SerializeToString(), size), decode_json_pieces(render(request), size)):
        listed = list(pieces)
        starts = range(0, count(whole), size)
        assert [shown(piece) for piece in listed] == [shown(cut(whole, at, at + size)) for at in starts]


def _sample() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.add(key="service.name").value.string_value = "auth-api"
    records = resource_logs.scope_logs.add().log_records
    for n in range(3):
        record = records.add(time_unix_nano=1767225600_000000000 + n, severity_number=9, event_name="user.login")
        record.trace_id, record.span_id = bytes(range(16)), bytes(range(8))
        record.body.string_value = "signed in: é"
        record.attributes.add(key="attempts").value.int_value = -n
        record.attributes.add(key="ok").value.bool_value = True
        inner = record.attributes.add(key="list").value.array_value.values.add().kvlist_value.values.add(key="k")
        inner.value.double_value = 0.5
    return request


def _mutate(draw: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(changed))
        match draw.randrange(4):
            case 0:
                changed[at] = draw.randrange(256)
            case 1:
                changed[at] ^= 1 << draw.randrange(8)
            case 2:
                del changed[at : at + draw.randint(1, 8)]
            case _:
                changed[at:at] = changed[draw.randrange(len(changed)) :][: draw.randint(1, 16)]
        changed = changed or bytearray(b"\0")
    return bytes(changed)


@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_noise_gives_records_or_a_malformed_error(form: str) -> None:
    draw = random.Random(f"otlp {form}")
    data = _sample().SerializeToString() if form == "protobuf" else render(_sample())
    read = decode if form == "protobuf" else decode_json
    fates = {"read": 0, "malformed": 0}
    for _ in range(4000):
        try:
            batch: Batch = read(_mutate(draw, data))
        except (MalformedError, TooLargeError):
            fates["malformed"] += 1
        else:
            encode(batch)
            encode_json(batch)  # whatever was read can be written
            fates["read"] += 1
    assert min(fates.values()) > 100, fates  # the noise was neither all fatal nor all harmless
