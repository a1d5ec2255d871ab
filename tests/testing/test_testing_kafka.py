"""The fake broker refuses what a real one refuses, and does silently what a real one does silently (contract 10)."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.testing.kafka import Cut, Fault, KafkaBroker, Refuse
from otelsiem.testing.kafka_records import BatchError, crc32c, read

SECONDS = 15.0


class _Silent:
    def log(self, *_: object) -> None:
        """librdkafka prints on stderr unless somebody takes its log."""


def codes(broker: KafkaBroker, *messages: dict[str, Any], **conf: Any) -> list[int]:
    """What librdkafka reports of these messages, as any careless client would use it."""
    told: dict[int, int] = {}
    settings = {"bootstrap.servers": broker.address, "message.timeout.ms": 5000, "linger.ms": 0, **conf}
    producer = Producer(settings, logger=_Silent())

    def report(n: int, error: Any, _: object) -> None:
        told[n] = error.code() if error else 0

    for n, message in enumerate(messages):
        producer.produce(message.pop("topic", "audit"), on_delivery=partial(report, n), **message)
    end = time.monotonic() + SECONDS
    while len(told) < len(messages) and time.monotonic() < end:
        try:
            producer.poll(0.1)
        except KafkaException:
            continue
    return [told[n] for n in range(len(messages))]


def one(**more: Any) -> dict[str, Any]:
    return {"value": b"event", **more}


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_what_is_written_can_be_read(compression: str) -> None:
    now = int(time.time() * 1000)
    with KafkaBroker({"audit": 1}) as broker:
        sent = [one(value=b"event %d" % n * 50, key=b"k", headers=[("a", b"\0b")], timestamp=now) for n in range(40)]
        assert codes(broker, *sent, **{"compression.type": compression, "linger.ms": 50}) == [0] * 40
        assert broker.values("audit") == [b"event %d" % n * 50 for n in range(40)]
        assert [kept.offset for kept in broker.log] == list(range(40))
        assert {kept.codec for kept in broker.log} == {compression}
        assert {(kept.record.key, kept.record.headers, kept.record.time) for kept in broker.log} == {
            (b"k", (("a", b"\0b"),), now)
        }


def test_weaker_acks_are_refused_and_noticed() -> None:
    with KafkaBroker({"audit": 1}) as broker:
        assert codes(broker, one(), acks=1) == [21]
        assert broker.values("audit") == []
        assert broker.complaints == ["acks 1: what is acknowledged may be on one broker only"]


@pytest.mark.parametrize("fault", [Refuse(20, written=True), Cut(written=True)])
@pytest.mark.parametrize(("idempotent", "copies"), [(True, 1), (False, 2)])
def test_what_was_written_and_not_acknowledged_comes_twice_unless_idempotent(
    fault: Fault, idempotent: bool, copies: int
) -> None:
    with KafkaBroker({"audit": 1}) as broker:
        broker.faults.append(fault)
        assert codes(broker, one(), **{"enable.idempotence": idempotent}) == [0]
        assert broker.values("audit") == [b"event"] * copies
        assert broker.duplicates == int(idempotent)
        assert broker.complaints == ([] if idempotent else ["a producer that is not idempotent"] * 2)


def test_a_batch_too_large_after_compression_is_refused() -> None:
    with KafkaBroker({"audit": 1}) as broker:
        broker.message_max_bytes = 2000
        assert codes(broker, one(value=b"a" * 3000), **{"compression.type": "gzip"}) == [0]
        assert codes(broker, one(value=b"a" * 3000), **{"compression.type": "none"}) == [10]


def test_a_time_far_ahead_is_refused_with_all_of_its_batch() -> None:
    """librdkafka does not tell which one it was, of Apache Kafka 4.3.1 neither (measured beside this)."""
    with KafkaBroker({"audit": 1}) as broker:
        ahead = int(time.time() * 1000) + 7_200_000
        assert codes(broker, one(), one(timestamp=ahead), one(), **{"linger.ms": 200}) == [32, 32, 32]
        assert codes(broker, one(timestamp=ahead), one(timestamp=ahead), **{"linger.ms": 200}) == [87, 87]
        assert codes(broker, one(timestamp=1)) == [0], "the past is no fault"


def test_a_compacted_topic_wants_keys() -> None:
    with KafkaBroker({"audit": 1}) as broker:
        broker.compacted = ("audit",)
        assert codes(broker, one(key=b"a"), one(), one(key=b"b"), **{"linger.ms": 200}) == [87, 87, 87]
        assert codes(broker, one(key=b"k")) == [0]


def test_topics_that_are_not_there_or_not_ours() -> None:
    with KafkaBroker({"audit": 1, "secret": 1}) as broker:
        broker.forbidden = ("secret",)
        quick = {"topic.metadata.propagation.max.ms": 200}
        assert codes(broker, one(topic="secret"), one(topic="missing"), **quick) == [29, 3]
        broker.creates = True
        assert codes(broker, one(topic="missing")) == [0]


def test_a_wrong_password_writes_nothing() -> None:
    with KafkaBroker({"audit": 1}, users={"me": "right"}) as broker:
        sasl = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "me"}
        assert codes(broker, one(), **sasl, **{"sasl.password": "wrong", "message.timeout.ms": 1000}) == [-192]
        assert codes(broker, one(), **sasl, **{"sasl.password": "right"}) == [0]
        assert codes(broker, one(), **{"message.timeout.ms": 1000}) == [-192]
        assert len(broker.log) == 1


def _batch() -> bytes:
    with KafkaBroker({"audit": 1}) as broker:
        codes(broker, *[one(key=b"k%d" % n, headers=[("n", b"%d" % n)]) for n in range(3)], **{"linger.ms": 100})
        return broker.requests[0].parts[0][2]


BATCH = _batch()


def test_a_real_batch_is_read() -> None:
    assert [record.key for record in read(BATCH).records] == [b"k0", b"k1", b"k2"]
    assert crc32c(b"123456789") == 0xE3069283, "the check value of CRC-32C"


@given(st.integers(8, len(BATCH) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(place: int, change: int) -> None:
    """But those before the length (the base offset) and the leader's epoch, which brokers set themselves."""
    if 12 <= place < 16:
        return
    broken = bytearray(BATCH)
    broken[place] ^= change
    with pytest.raises(BatchError):
        read(bytes(broken))


@given(st.integers(0, len(BATCH) - 1))
def test_no_cut_goes_unnoticed(size: int) -> None:
    with pytest.raises(BatchError):
        read(BATCH[:size])
    with pytest.raises(BatchError):
        read(BATCH + b"\0")
