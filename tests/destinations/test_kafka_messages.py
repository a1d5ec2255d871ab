"""Records to Kafka messages: keys, topics, headers, times, sizes; and no record is lost on the way into a payload."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.destinations._kafka_about import topic_name, traceparent
from otelsiem.destinations._kafka_messages import messages, size
from otelsiem.destinations.kafka import Kafka
from otelsiem.model.destination import Encoded, Moment
from otelsiem.model.kafka import Message
from otelsiem.model.record import Batch, Group, Record, Scope, count, records
from otelsiem.otlp.decode import decode
from otelsiem.otlp.json import decode_json

NOW = 1_767_225_601_000_000_000
AT = Moment(NOW, host="here")
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def kafka(**changes: Any) -> Kafka:
    return Kafka.model_validate({"brokers": "kafka.example.com", **changes})


def record(n: int = 0, **changes: Any) -> Record:
    return Record(**{"id": f"r{n}", "time": NOW, "event": "login", "body": f"body {n}", **changes})


def batch(*made: Record, resource: dict[str, Any] | None = None) -> Batch:
    return [Group({"service.name": "x"} if resource is None else resource, Scope("s"), list(made))]


def all_messages(encoded: Encoded) -> list[Message]:
    return [message for payload in encoded.payloads for message in messages(payload.body)]


def ids(message: Message, encoded: Encoded, sent: Batch) -> list[str]:
    """The ids of the records that a message is said to hold."""
    named = [one.id for one in records(sent)]
    payload = next(p for p in encoded.payloads if message in messages(p.body))
    return [named[payload.indices[place]] for place in message.records]


# ---------------------------------------------------------------- what a message holds


def test_a_batch_is_one_request_that_the_collector_reads() -> None:
    sent = batch(*[record(n) for n in range(5)])
    (message,) = all_messages(kafka().encode(sent, AT))
    assert (message.topic, message.key, message.headers, message.time) == ("otlp_logs", None, (), 0)
    assert message.records == tuple(range(5))
    (group,) = decode(message.value)
    assert [(one.body, one.attributes["log.record.uid"]) for one in group.records] == [
        (f"body {n}", f"r{n}") for n in range(5)
    ]
    (message,) = all_messages(kafka(format="otlp_json").encode(sent, AT))
    assert [one.body for one in records(decode_json(message.value))] == [f"body {n}" for n in range(5)]


@pytest.mark.parametrize("form", ["otlp_proto", "otlp_json"])
def test_a_record_is_a_request_of_one(form: str) -> None:
    sent = [*batch(record(0), record(1)), *batch(record(2), resource={"other": 1})]
    made = all_messages(kafka(format=form, unit="record").encode(sent, AT))
    read = [decode(m.value) if form == "otlp_proto" else decode_json(m.value) for m in made]
    assert [[one.body for one in records(request)] for request in read] == [["body 0"], ["body 1"], ["body 2"]]
    assert [request[0].resource for request in read] == [{"service.name": "x"}] * 2 + [{"other": 1}]


def test_formats_by_name_are_one_event_each() -> None:
    made = all_messages(kafka(format="json").encode(batch(record(0), record(1)), AT))
    assert [json.loads(message.value)["event_id"] for message in made] == ["r0", "r1"]
    assert not any(message.value.endswith(b"\n") for message in made)


def test_headers_name_the_record_and_its_trace() -> None:
    traced = record(0, trace_id=TRACE, span_id=SPAN, flags=1)
    made = all_messages(kafka(unit="record", headers={"team": "soc"}).encode(batch(traced, record(1, id="")), AT))
    assert made[0].headers == (
        ("team", b"soc"),
        ("traceparent", f"00-{TRACE}-{SPAN}-01".encode()),
        ("audit.record.id", b"r0"),
    )
    assert made[1].headers == (("team", b"soc"),)


@pytest.mark.parametrize(
    "changes",
    [{"trace_id": TRACE}, {"span_id": SPAN}, {"trace_id": "0" * 32, "span_id": SPAN},
     {"trace_id": TRACE, "span_id": "0" * 16}, {"trace_id": TRACE.upper(), "span_id": SPAN},
     {"trace_id": TRACE + "\r\nx: y", "span_id": SPAN}],
)  # fmt: skip
def test_no_trace_no_header(changes: dict[str, Any]) -> None:
    assert traceparent(Record(**changes)) == b""


@pytest.mark.parametrize(
    ("happened", "stamped"),
    [
        (NOW, NOW),
        (NOW - 3600 * 10**9, NOW - 3600 * 10**9),
        (NOW - 2 * 86400 * 10**9, 0),  # retention would take it at once
        (NOW + 60 * 10**9, NOW + 60 * 10**9),
        (NOW + 3700 * 10**9, 0),  # a broker would refuse it
        (0, 0),
        (2**64 - 1, 0),
    ],
)
def test_the_events_time_is_the_timestamp_where_no_broker_minds(happened: int, stamped: int) -> None:
    sent = batch(record(0, time=happened))
    assert [m.time for m in all_messages(kafka(unit="record").encode(sent, AT))] == [stamped // 1_000_000]
    assert [m.time for m in all_messages(kafka(unit="record", timestamp="sent").encode(sent, AT))] == [0]


# ---------------------------------------------------------------- where it goes


def test_keys_gather_records_in_their_order() -> None:
    sent = batch(*[record(n, attributes={"tenant.id": "ab"[n % 2]}) for n in range(6)])
    encoded = kafka(key="{tenant.id}").encode(sent, AT)
    assert [(m.key, ids(m, encoded, sent)) for m in all_messages(encoded)] == [
        (b"a", ["r0", "r2", "r4"]),
        (b"b", ["r1", "r3", "r5"]),
    ]
    assert len(encoded.payloads) == 1, "one exchange writes both"


def test_a_resource_is_a_key_whatever_the_order_of_its_attributes() -> None:
    sent = [
        *batch(record(0), resource={"a": 1, "b": "2"}),
        *batch(record(1), resource={"b": "2", "a": 1}),
        *batch(record(2), resource={"a": 1, "b": "3"}),
    ]
    encoded = kafka(partition_logs_by_resource_attributes=True).encode(sent, AT)
    first, second = all_messages(encoded)
    assert (ids(first, encoded, sent), ids(second, encoded, sent)) == (["r0", "r1"], ["r2"])
    assert first.key != second.key


def test_a_trace_is_a_key_as_the_collector_writes_it() -> None:
    sent = batch(record(0, trace_id=TRACE), record(1), record(2, trace_id=TRACE))
    encoded = kafka(partition_logs_by_trace_id=True).encode(sent, AT)
    assert [(m.key, ids(m, encoded, sent)) for m in all_messages(encoded)] == [
        (TRACE.encode(), ["r0", "r2"]),
        (None, ["r1"]),
    ]


def test_topics_from_templates_have_payloads_of_their_own() -> None:
    sent = batch(*[record(n, attributes={"tenant.id": tenant}) for n, tenant in enumerate(["a", "b/../c", "a", ".."])])
    encoded = kafka(topic="audit-{tenant.id}", unit="record").encode(sent, AT)
    assert [(p.key, list(p.indices)) for p in encoded.payloads] == [
        ("audit-a", [0, 2]),
        ("audit-b___c", [1]),
        ("audit-_", [3]),
    ]
    assert {m.topic for m in all_messages(encoded)} == {"audit-a", "audit-b___c", "audit-_"}


@given(st.text())
def test_a_topics_name_is_one_that_kafka_allows(name: str) -> None:
    made = topic_name(name)
    assert 0 < len(made) <= 249
    assert made not in {".", ".."}
    assert not made.startswith("__")
    assert all(c.isascii() and (c.isalnum() or c in "._-") for c in made)
    assert topic_name(made) == made


def test_a_record_cannot_name_a_topic_of_the_cluster() -> None:
    sent = batch(record(0, attributes={"tenant.id": "__consumer_offsets"}))
    assert [m.topic for m in all_messages(kafka(topic="{tenant.id}").encode(sent, AT))] == ["consumer_offsets"]


# ---------------------------------------------------------------- how much


@pytest.mark.parametrize("settings", [{}, {"format": "otlp_json"}, {"unit": "record"}, {"format": "json"}])
def test_one_too_large_is_rejected_alone(settings: dict[str, Any]) -> None:
    sent = batch(record(0), record(1, body="x" * 5000), record(2))
    encoded = kafka(producer={"max_message_bytes": 4000}, **settings).encode(sent, AT)
    assert list(encoded.rejected) == [1]
    assert "producer.max_message_bytes is 4000" in encoded.rejected[1]
    assert sorted(i for p in encoded.payloads for i in p.indices) == [0, 2]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3000), st.booleans()), max_size=40),
    st.sampled_from(["otlp_proto", "otlp_json"]),
    st.sampled_from(["batch", "record"]),
    st.integers(1024, 6000),
    st.booleans(),
)
def test_p2_every_record_is_in_one_message_or_rejected(
    shapes: list[tuple[int, int, bool]], form: str, unit: str, most: int, topics: bool
) -> None:
    """And it is what the message says: decoding finds the records that `records` names, in their order."""
    settings = {"topic": "t-{tenant.id}", "key": "{user.id}"} if topics else {"partition_logs_by_trace_id": True}
    destination = kafka(format=form, unit=unit, producer={"max_message_bytes": most}, **settings)
    sent: Batch = []
    for n, (kind, length, fresh) in enumerate(shapes):
        one = record(n, body="é" * length, trace_id=f"{kind + 1:032x}" if kind else "")
        one.attributes = {"tenant.id": f"t{kind % 2}", "user.id": f"u{kind}"}
        if fresh or not sent:
            sent.append(Group({"n": n if fresh else 0}, Scope(f"s{kind}"), []))
        sent[-1].records.append(one)
    encoded = destination.encode(sent, AT)
    found: Counter[str] = Counter()
    for message in all_messages(encoded):
        assert size(message) <= most
        read = decode(message.value) if form == "otlp_proto" else decode_json(message.value)
        held = [str(one.attributes["log.record.uid"]) for one in records(read)]
        assert held == ids(message, encoded, sent)
        found.update(held)
    named = [one.id for one in records(sent)]
    assert found == Counter([name for n, name in enumerate(named) if n not in encoded.rejected])
    assert count(sent) == len(found) + len(encoded.rejected)
    for payload in encoded.payloads:
        assert len(payload.body) <= destination.limits.bytes


def test_a_record_that_breaks_its_format_harms_nobody() -> None:
    nested: Any = "deep"
    for _ in range(5000):
        nested = [nested]
    encoded = kafka(format="json").encode(batch(record(0), record(1, attributes={"a": nested}), record(2)), AT)
    assert list(encoded.rejected) == [1]
    assert len(all_messages(encoded)) == 2


def test_many_small_messages_fill_few_payloads() -> None:
    encoded = kafka(unit="record").encode(batch(*[record(n) for n in range(2500)]), AT)
    assert [len(p.indices) for p in encoded.payloads] == [1000, 1000, 500]
