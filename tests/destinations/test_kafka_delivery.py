"""Kafka behind real couriers and librdkafka, against a strict broker with faults: one fate for every record."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from otelsiem.destinations.kafka import Kafka
from otelsiem.model.record import Batch, Group, Record, Scope, records
from otelsiem.otlp.decode import decode
from otelsiem.testing.kafka import Cut, Fault, Hang, KafkaBroker, Refuse
from tests.destinations.at_work import at_work


def kafka(broker: KafkaBroker, **changes: Any) -> Kafka:
    return Kafka.model_validate({"brokers": broker.address, "topic": "audit", "timeout": "2s", **changes})


def batch(count: int, start: int = 0, tenant: str = "") -> Batch:
    attributes: dict[str, Any] = {"tenant.id": tenant} if tenant else {}
    made = [Record(id=f"r{n}", time=1, body=f"body {n}", attributes=attributes) for n in range(start, start + count)]
    return [Group({"service.name": "x"}, Scope(), made)]


def arrived(broker: KafkaBroker, topic: str = "audit") -> list[str]:
    """The ids of the records that a consumer reads, in order."""
    read = [decode(value) for value in broker.values(topic)]
    return [str(one.attributes["log.record.uid"]) for request in read for one in records(request)]


def ids(count: int, start: int = 0) -> list[str]:
    return [f"r{n}" for n in range(start, start + count)]


@pytest.mark.parametrize("unit", ["batch", "record"])
def test_p2_every_record_arrives_once(tmp_path: Path, unit: str) -> None:
    with KafkaBroker({"audit": 3}) as broker, at_work(tmp_path, kafka(broker, unit=unit)) as made:
        for start in range(0, 2000, 250):
            made.send(batch(250, start))
        assert made.settled().delivered == 2000
        assert Counter(arrived(broker)) == Counter(ids(2000))
        assert not broker.complaints


FAULTS: list[Fault] = [
    Refuse(20, written=True), Refuse(19), Refuse(6), Refuse(7, written=True), Refuse(56), Refuse(2), Refuse(45),
    Refuse(29), Refuse(10), Refuse(44), Refuse(89), Refuse(87), Refuse(32), Cut(), Cut(written=True), Hang(),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("unit", ["batch", "record"])
def test_p2_one_fate_for_every_record_whatever_the_broker_does(tmp_path: Path, unit: str, seed: int) -> None:
    drawn = random.Random(seed)
    with KafkaBroker({"audit": 2}) as broker, at_work(tmp_path, kafka(broker, unit=unit, timeout="1s")) as made:
        broker.faults += drawn.choices(FAULTS, k=12)
        for start in range(0, 600, 100):
            made.send(batch(100, start))
        counts = made.settled()
        assert counts.delivered + counts.dead == 600
        assert counts.dead == 0, "nothing of this is a record's fault"
        assert set(arrived(broker)) == set(ids(600))


def test_order_is_kept_with_one_courier_while_connections_break(tmp_path: Path) -> None:
    with KafkaBroker({"audit": 1}) as broker:
        destination = kafka(broker, unit="record", key="{tenant.id}", timeout="20s")
        with at_work(tmp_path, destination, couriers=1) as made:
            broker.faults += [Cut(written=True), Refuse(20, written=True), Cut(), Refuse(19), Cut(written=True)]
            for start in range(0, 1000, 100):
                made.send(batch(100, start, tenant="a"))
            assert made.settled().delivered == 1000
            assert arrived(broker) == ids(1000)
            assert broker.duplicates > 0, "or this test tests nothing"


def test_p3_a_topic_that_is_missing_holds_until_it_is_made(tmp_path: Path) -> None:
    with KafkaBroker({}) as broker, at_work(tmp_path, kafka(broker)) as made:
        made.send(batch(50))
        reason = made.held()
        assert "topic audit: " in reason
        assert "create it, or set producer.allow_auto_topic_creation" in reason
        assert made.counts().dead == 0
        broker.topics["audit"] = 1
        assert made.settled().delivered == 50
        assert Counter(arrived(broker)) == Counter(ids(50))


def test_p3_wrong_credentials_hold_until_they_are_right(tmp_path: Path) -> None:
    sasl = {"mechanism": "PLAIN", "username": "me", "password": "right-password", "allow_plaintext": True}
    with KafkaBroker({"audit": 1}, users={"me": "another-one"}) as broker:
        with at_work(tmp_path, kafka(broker, auth={"sasl": sasl})) as made:
            made.send(batch(50))
            assert "does not accept our credentials: check auth.sasl" in made.held()
            assert made.counts().dead == 0
            broker.users = {"me": "right-password"}
            assert made.settled().delivered == 50
        assert Counter(arrived(broker)) == Counter(ids(50))


def test_p3_a_right_that_is_missing_holds_until_it_is_granted(tmp_path: Path) -> None:
    with KafkaBroker({"audit": 1}) as broker, at_work(tmp_path, kafka(broker)) as made:
        broker.forbidden = ("audit",)
        made.send(batch(50))
        assert "grant our principal WRITE" in made.held()
        broker.forbidden = ()
        assert made.settled().delivered == 50
        assert Counter(arrived(broker)) == Counter(ids(50))


def test_p3_a_compacted_topic_costs_no_record(tmp_path: Path) -> None:
    with KafkaBroker({"audit": 1}) as broker, at_work(tmp_path, kafka(broker, unit="record")) as made:
        broker.compacted = ("audit",)
        made.send(batch(50))
        assert "a compacted topic wants a `key`" in made.held()
        broker.compacted = ()
        assert made.settled().delivered == 50


@pytest.mark.parametrize("unit", ["batch", "record"])
def test_p4_one_too_large_for_the_topic_is_a_dead_letter_alone(tmp_path: Path, unit: str) -> None:
    """The client lets it pass, the broker does not: it is split until it is alone."""
    with KafkaBroker({"audit": 1}) as broker:
        broker.message_max_bytes = 3000
        destination = kafka(broker, unit=unit, producer={"compression": "none"})
        with at_work(tmp_path, destination) as made:
            sent = batch(40)
            sent[0].records[17].body = "x" * 5000
            made.send(sent)
            counts = made.settled()
            assert (counts.delivered, counts.dead) == (39, 1)
            assert Counter(arrived(broker)) == Counter([name for name in ids(40) if name != "r17"])


def test_p5_a_topic_that_is_missing_holds_no_other(tmp_path: Path) -> None:
    with KafkaBroker({"audit-a": 1}) as broker, at_work(tmp_path, kafka(broker, topic="audit-{tenant.id}")) as made:
        made.send(batch(20, tenant="invented"))
        made.send(batch(20, 100, tenant="a"))
        made.until(lambda: made.counts().delivered == 20)
        assert Counter(arrived(broker, "audit-a")) == Counter(ids(20, 100))
        broker.topics["audit-invented"] = 1
        assert made.settled().delivered == 40


def test_p3_a_broker_that_is_down_for_longer_than_the_timeout_gets_everything(tmp_path: Path) -> None:
    with KafkaBroker({"audit": 1}) as broker, at_work(tmp_path, kafka(broker, timeout="1s")) as made:
        broker.down()
        made.send(batch(50))
        made.until(lambda: bool(made.exporter.troubles()))
        assert "refused" in next(iter(made.exporter.troubles().values()))
        broker.up()
        assert made.settled().delivered == 50
        assert set(arrived(broker)) == set(ids(50))


def test_p3_too_few_replicas_wait_and_say_so(tmp_path: Path) -> None:
    """The client repeats code 19 until time runs out, and then says no more than that."""
    with KafkaBroker({"audit": 1}) as broker:
        broker.replicas, broker.in_sync, broker.settings = (1, 2, 3), (1,), {"min.insync.replicas": "2"}
        broker.faults += [Refuse(19)] * 10_000
        with at_work(tmp_path, kafka(broker, timeout="1s")) as made:
            made.send(batch(20))
            made.until(lambda: bool(made.exporter.troubles()))
            assert "1 of 3 replicas in sync, min.insync.replicas is 2" in next(iter(made.exporter.troubles().values()))
            broker.faults.clear()
            assert made.settled().delivered == 20


def test_p2_stopping_in_the_middle_leaves_what_was_not_reported(tmp_path: Path) -> None:
    """A second life delivers it; what was on its way may come twice, and nothing is missing."""
    with KafkaBroker({"audit": 1}) as broker:
        with at_work(tmp_path, kafka(broker, timeout="600s")) as made:
            broker.faults += [Hang(written=True)] * 4
            made.send(batch(50))
            made.until(lambda: bool(broker.requests))
            made.exporter.stop(0.0)
            assert made.counts().delivered == 0
        broker.faults.clear()
        with at_work(tmp_path, kafka(broker)) as made:
            assert made.settled().delivered == 50
        assert set(arrived(broker)) == set(ids(50))
