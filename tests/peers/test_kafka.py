"""A real Kafka behind a gateway or an exporter: every way in, nothing lost, order kept, and the Collector reads it."""

from __future__ import annotations

import base64
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from otelsiem.destinations.kafka import Kafka
from otelsiem.model.destination import Moment
from otelsiem.model.outcome import Delivered, Hold, Outcome
from otelsiem.model.record import Batch, Group, Record, Scope, records
from otelsiem.otlp.decode import decode
from otelsiem.testing.http import HttpServer, Respond, Seen
from otelsiem.transport.kafka import KafkaTransport
from otelsiem.trial import converse
from tests.destinations.at_work import at_work
from tests.gateway_process import Gateway
from tests.peers.artefacts import COLLECTOR, GO_SENDER, KAFKA, Artefact
from tests.peers.collector import Collector, written
from tests.peers.emit import Event, emit
from tests.peers.kafka import PASSWORD, Broker, OwnKafka, Read
from tests.peers.scenario import expected, number
from tests.peers.senders import SENDERS
from tests.program import eventually, free_port

pytestmark = pytest.mark.peer

EACH = 3000
GO = [sender for sender in SENDERS if sender.language == "go"]
Needs = Callable[[Artefact], None]


@pytest.fixture
def topic() -> str:
    """A name that no other test has."""
    return f"audit-{uuid.uuid4().hex[:8]}"


def batch(many: int, **changes: Any) -> Batch:
    made = [Record(id=f"r{n}", time=time.time_ns(), body=f"body {n}", **changes) for n in range(many)]
    return [Group({"service.name": "peer"}, Scope("peer"), made)]


def kafka_to(broker: Broker, topic: str, listener: str = "PLAINTEXT", **changes: Any) -> Kafka:
    return Kafka.model_validate({"brokers": broker.address(listener), "topic": topic, "timeout": "20s", **changes})


def names(found: Iterable[Read]) -> list[str]:
    """The ids of the records in these messages of OTLP, in order."""
    return [str(one.attributes["log.record.uid"]) for read in found for one in records(decode(read.value))]


def ids(many: int) -> list[str]:
    return [f"r{n}" for n in range(many)]


def probe(destination: Kafka) -> Outcome:
    transport = KafkaTransport(destination.wire)
    try:
        return converse(destination.probe(Moment(time.time_ns())), transport.perform)
    finally:
        transport.close()


# ---------------------------------------------------------------- the Collector reads it


def collector(broker: Broker, topic: str, encoding: str, directory: Path) -> Collector:
    """A Collector that reads the topic from its beginning, into the file records.jsonl."""
    return Collector(
        {
            "receivers": {
                "kafka": {
                    "brokers": [broker.address()],
                    "group_id": f"group-{topic}",
                    "initial_offset": "earliest",
                    "logs": {"topic": topic, "encoding": encoding},
                }
            },
            "exporters": {"file": {"path": str(directory / "records.jsonl")}},
            "service": {"pipelines": {"logs": {"receivers": ["kafka"], "exporters": ["file"]}}},
        },
        directory,
    )


@pytest.mark.parametrize("encoding", ["otlp_proto", "otlp_json"])
def test_p2_the_collector_reads_every_record_once(
    kafka: Broker, topic: str, needs: Needs, tmp_path: Path, encoding: str
) -> None:
    needs(COLLECTOR)
    needs(GO_SENDER)
    kafka.topic(topic, 3)
    exporter = {"brokers": [kafka.address()], "logs": {"topic": topic, "encoding": encoding}}
    with Gateway(tmp_path / "gateway", {"kafka": exporter}) as gateway, ThreadPoolExecutor() as pool:
        ports = {"grpc": gateway.grpc, "http": gateway.http}
        done = [pool.submit(s.send, ports[s.transport], EACH, tmp_path / f"{s.service}.log") for s in GO]
        for sending in done:
            sending.result()
        gateway.delivered("kafka", len(GO) * EACH)
        gateway.adds_up("kafka")
    directory = tmp_path / "collector"
    with collector(kafka, topic, encoding, directory):
        arrived = written(directory / "records.jsonl", len(GO) * EACH, 60)
    who = Counter((record.resource["service.name"], number(record)) for record in arrived)
    assert who == Counter((sender.service, n) for sender in GO for n in range(EACH))
    for record in arrived:
        attributes = dict(record.attributes)
        assert attributes.pop("log.record.uid")
        assert replace(record, attributes=attributes) == expected(record.resource["service.name"], number(record))


# ---------------------------------------------------------------- every way in


def token(subject: str) -> str:
    """A JSON web token without a signature."""
    now = int(time.time())
    parts = ({"alg": "none"}, {"sub": subject, "iat": now, "exp": now + 300})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts), ""])


def _token(request: Seen) -> Respond:
    basic = base64.b64encode(f"otelsiem:{PASSWORD}".encode()).decode()
    if request.headers.get("authorization") != f"Basic {basic}" or b"client_credentials" not in request.body:
        return Respond(401, b'{"error":"invalid_client"}')
    body = {"access_token": token("gw"), "token_type": "Bearer", "expires_in": 300}
    return Respond(200, json.dumps(body).encode(), {"content-type": "application/json"})


@pytest.fixture
def tokens() -> Iterator[HttpServer]:
    with HttpServer(_token) as server:
        yield server


def way(name: str, broker: Broker, tokens: HttpServer, password: str = PASSWORD) -> dict[str, Any]:
    """The settings of one way in."""
    sasl = {"mechanism": name.removesuffix("+tls"), "username": "gw", "password": password}
    trusted = {"ca_file": broker.file("ca.pem")}
    client = trusted | {"cert_file": broker.file("client.pem"), "key_file": broker.file("client.key")}
    oauth2 = {"client_id": "otelsiem", "client_secret": password, "token_url": f"{tokens.url}/token", "scopes": ["a"]}
    ways: dict[str, dict[str, Any]] = {
        "PLAIN": {"listener": "SASL_PLAINTEXT", "auth": {"sasl": sasl | {"allow_plaintext": True}}},
        "SCRAM-SHA-256": {"listener": "SASL_PLAINTEXT", "auth": {"sasl": sasl}},
        "SCRAM-SHA-512": {"listener": "SASL_PLAINTEXT", "auth": {"sasl": sasl}},
        "PLAIN+tls": {"listener": "SASL_SSL", "auth": {"sasl": sasl}, "tls": trusted},
        "SCRAM-SHA-512+tls": {"listener": "SASL_SSL", "auth": {"sasl": sasl}, "tls": trusted},
        "mtls": {"listener": "SSL", "tls": client},
        "mtls-1.3": {"listener": "SSL", "tls": client | {"min_version": "1.3"}},
        "unverified": {"listener": "SSL", "tls": client | {"ca_file": None, "insecure_skip_verify": True}},
        "OAUTHBEARER+tls": {
            "listener": "SASL_SSL",
            "auth": {"sasl": {"mechanism": "OAUTHBEARER", "oauth2": oauth2, "allow_plaintext": True}},
            "tls": trusted,
        },
    }
    return ways[name]


WAYS = (
    "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN+tls", "SCRAM-SHA-512+tls", "mtls", "mtls-1.3", "unverified",
    "OAUTHBEARER+tls",
)  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_every_way_in(kafka: Broker, topic: str, tokens: HttpServer, tmp_path: Path, name: str) -> None:
    kafka.topic(topic)
    destination = kafka_to(kafka, topic, **way(name, kafka, tokens))
    assert isinstance(probe(destination), Delivered)
    with at_work(tmp_path, destination) as made:
        made.send(batch(20))
        assert made.settled().delivered == 20
    assert sorted(names(kafka.read(topic, 1))) == sorted(ids(20))


@pytest.mark.parametrize("name", ["PLAIN", "SCRAM-SHA-512", "PLAIN+tls", "OAUTHBEARER+tls"])
def test_p3_a_wrong_secret_is_told_at_once(kafka: Broker, topic: str, tokens: HttpServer, name: str) -> None:
    kafka.topic(topic)
    outcome = probe(kafka_to(kafka, topic, **way(name, kafka, tokens, "not-the-secret")))
    assert isinstance(outcome, Hold)
    assert outcome.reason.startswith("credentials: ")
    assert "not-the-secret" not in outcome.reason


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ca_file": None}, "its certificate is not trusted"),
        ({"cert_file": None, "key_file": None}, "asks for a client certificate"),
    ],
)
def test_p3_a_certificate_that_is_wrong_is_told_at_once(
    kafka: Broker, topic: str, tokens: HttpServer, changes: dict[str, Any], said: str
) -> None:
    settings = way("mtls", kafka, tokens)
    settings["tls"] = settings["tls"] | changes
    outcome = probe(kafka_to(kafka, topic, **settings))
    assert isinstance(outcome, Hold)
    assert said in outcome.reason


def test_p3_a_wrong_password_holds_and_a_reload_recovers(kafka: Broker, topic: str, tmp_path: Path) -> None:
    kafka.topic(topic)
    sasl = {"mechanism": "SCRAM-SHA-512", "username": "gw", "password": "not-the-secret"}
    exporter: dict[str, Any] = {
        "brokers": [kafka.address("SASL_PLAINTEXT")],
        "topic": topic,
        "auth": {"sasl": sasl},
    }
    with Gateway(tmp_path / "gateway", {"kafka": exporter}) as gateway:
        emit(gateway.http, [Event(body=f"body {n}") for n in range(100)])
        eventually(lambda: gateway.metric("siem_hold", exporter="kafka") > 0, 30, "the exporter holds")
        assert gateway.metric("siem_dead_letters", exporter="kafka") == 0
        assert gateway.metric("siem_queue_size", exporter="kafka") == 100
        gateway.config["exporters"]["kafka"]["auth"]["sasl"]["password"] = PASSWORD
        gateway.write()
        assert gateway.reload()
        gateway.delivered("kafka", 100)
        gateway.adds_up("kafka")
        assert "not-the-secret" not in gateway.log.read_text("utf-8")
    assert len(names(kafka.read(topic, 1))) == 100


def test_p3_a_right_that_is_missing_holds_until_it_is_granted(kafka: Broker, topic: str, tmp_path: Path) -> None:
    kafka.topic(topic)
    kafka.deny(topic, "poor")
    sasl = {"mechanism": "SCRAM-SHA-512", "username": "poor", "password": PASSWORD}
    destination = kafka_to(kafka, topic, "SASL_PLAINTEXT", auth={"sasl": sasl})
    with at_work(tmp_path, destination) as made:
        made.send(batch(20))
        assert "grant our principal WRITE" in made.held()
        assert made.counts().dead == 0
        kafka.permit(topic, "poor")
        assert made.settled().delivered == 20
    assert sorted(names(kafka.read(topic, 1))) == sorted(ids(20))


# ---------------------------------------------------------------- what arrives


@pytest.mark.parametrize("compression", ["zstd", "lz4", "gzip", "snappy", "none"])
def test_every_compression_is_read(kafka: Broker, topic: str, tmp_path: Path, compression: str) -> None:
    kafka.topic(topic)
    with at_work(tmp_path, kafka_to(kafka, topic, producer={"compression": compression})) as made:
        made.send(batch(500))
        assert made.settled().delivered == 500
    assert sorted(names(kafka.read(topic, 1))) == sorted(ids(500))


def test_one_event_a_message_with_its_key_headers_and_time(kafka: Broker, topic: str, tmp_path: Path) -> None:
    kafka.topic(topic)
    trace, span = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
    sent = batch(3, attributes={"tenant.id": "acme"}, trace_id=trace, span_id=span, flags=1)
    destination = kafka_to(kafka, topic, format="json", key="{tenant.id}", headers={"team": "soc"})
    with at_work(tmp_path, destination, couriers=1) as made:
        made.send(sent)
        assert made.settled().delivered == 3
    found = kafka.read(topic, 3)
    assert [json.loads(read.value)["event_id"] for read in found] == ids(3)
    for read, record in zip(found, records(sent), strict=True):
        assert read.key == b"acme"
        assert read.headers == {
            "team": b"soc", "traceparent": f"00-{trace}-{span}-01".encode(), "audit.record.id": record.id.encode(),
        }  # fmt: skip
        assert read.time == record.time // 1_000_000


def test_a_key_is_where_javas_partitioner_puts_it(kafka: Broker, topic: str, tmp_path: Path) -> None:
    """The hashes are those of Kafka's own tests (UtilsTest.testMurmur2)."""
    kafka.topic(topic, 12)
    hashes = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107}
    made = [Record(id=key, time=1, attributes={"user.id": key}) for key in hashes]
    with at_work(tmp_path, kafka_to(kafka, topic, unit="record", key="{user.id}")) as working:
        working.send([Group({}, Scope(), made)])
        assert working.settled().delivered == len(hashes)
    found = {(read.key or b"").decode(): read.partition for read in kafka.read(topic, len(hashes))}
    assert found == {key: (value & 0x7FFFFFFF) % 12 for key, value in hashes.items()}


def test_a_time_that_the_topic_refuses_costs_nothing(kafka: Broker, topic: str, tmp_path: Path) -> None:
    kafka.topic(topic, message_timestamp_before_max_ms="60000")
    sent = batch(20)
    for n, one in enumerate(records(sent)):
        one.time = time.time_ns() - (n % 3) * 3_600_000_000_000  # two of three are hours old
    with at_work(tmp_path, kafka_to(kafka, topic, unit="record")) as made:
        made.send(sent)
        assert made.settled().delivered == 20
    assert sorted(names(kafka.read(topic, 20))) == sorted(ids(20))


# ---------------------------------------------------------------- too large, missing


@pytest.mark.parametrize("unit", ["batch", "record"])
def test_p4_too_large_for_the_topic_is_split_and_one_alone_is_a_dead_letter(
    kafka: Broker, topic: str, tmp_path: Path, unit: str
) -> None:
    kafka.topic(topic, max_message_bytes="20000")
    drawn = random.Random(7)
    sent = batch(100)
    for one in records(sent):
        one.body = drawn.randbytes(800).hex()  # no compression helps
    sent[0].records[42].body = drawn.randbytes(30_000).hex()
    with at_work(tmp_path, kafka_to(kafka, topic, unit=unit)) as made:
        made.send(sent)
        counts = made.settled()
    assert (counts.delivered, counts.dead) == (99, 1)
    assert Counter(names(kafka.read(topic, 1))) == Counter([name for name in ids(100) if name != "r42"])


def test_p5_topics_from_templates_and_one_that_is_missing(kafka: Broker, topic: str, tmp_path: Path) -> None:
    for tenant in "ab":
        kafka.topic(f"{topic}-{tenant}")
    exporter = {
        "brokers": [kafka.address()],
        "topic": f"{topic}-{{tenant.id}}",
        "timeout": "4s",
        "retry_on_failure": {"initial_interval": "1s"},
        "hold": {"probe_interval": "2s"},
    }
    with Gateway(tmp_path / "gateway", {"kafka": exporter}) as gateway:
        for tenant in ("a", "missing", "b"):
            emit(gateway.http, [Event(attributes={"tenant.id": tenant, "n": n}) for n in range(50)])
        eventually(lambda: gateway.metric("siem_events_sent_total", exporter="kafka") == 100, 60, "a and b arrived")
        eventually(lambda: gateway.metric("siem_hold", exporter="kafka") > 0, 60, "missing holds")
        assert "create it, or set producer.allow_auto_topic_creation" in gateway.log.read_text("utf-8")
        kafka.topic(f"{topic}-missing")
        gateway.delivered("kafka", 150, 90)
        gateway.adds_up("kafka")
    for tenant in ("a", "b", "missing"):
        assert len(names(kafka.read(f"{topic}-{tenant}", 1))) == 50


def test_what_the_probe_says(kafka: Broker, topic: str) -> None:
    assert probe(kafka_to(kafka, topic)) == Hold(
        f"topic {topic}: Kafka 3 UNKNOWN_TOPIC_OR_PARTITION: create it, or set producer.allow_auto_topic_creation"
    )
    kafka.topic(topic)
    outcome = probe(kafka_to(kafka, topic))
    assert isinstance(outcome, Delivered)
    assert "what is acknowledged may be on one broker only" in outcome.note
    nobody = Kafka.model_validate({"brokers": f"127.0.0.1:{free_port()}", "topic": topic, "timeout": "2s"})
    assert str(getattr(probe(nobody), "reason", "")).startswith("connect: ")


# ---------------------------------------------------------------- crashes


@pytest.mark.timeout(300)  # a JVM starts twice
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_p2_a_broker_that_goes_and_comes_back_loses_nothing_and_keeps_the_order(
    needs: Needs, topic: str, tmp_path: Path, how: str
) -> None:
    """Within `timeout` the client repeats by itself: nothing comes twice, and each key keeps its order."""
    needs(KAFKA)
    with OwnKafka(tmp_path / "kafka") as own:
        own.broker.topic(topic, 3)
        exporter = {
            "brokers": [own.broker.address()], "topic": topic, "unit": "record", "key": "{tenant.id}",
            "timeout": "120s", "sending_queue": {"num_consumers": 1},
        }  # fmt: skip
        with Gateway(tmp_path / "gateway", {"kafka": exporter}) as gateway:

            def send(start: int) -> None:
                events = [Event(attributes={"tenant.id": f"t{n % 7}", "n": n}) for n in range(start, start + 100)]
                emit(gateway.http, events)

            for start in range(0, 1500, 100):
                send(start)
            eventually(lambda: gateway.metric("siem_events_sent_total") > 0, 30, "it delivers")
            getattr(own, how)()
            for start in range(1500, 2000, 100):
                send(start)
            own.start()
            for start in range(2000, 2500, 100):
                send(start)
            gateway.delivered("kafka", 2500, 120)
            gateway.adds_up("kafka")
        found = own.broker.read(topic, 2500)
    order: dict[bytes, list[int]] = {}
    for read in found:
        (one,) = records(decode(read.value))
        order.setdefault(read.key or b"", []).append(int(str(one.attributes["n"])))
    assert order == {f"t{tenant}".encode(): list(range(tenant, 2500, 7)) for tenant in range(7)}


def test_p2_a_gateway_that_is_killed_loses_nothing(kafka: Broker, topic: str, tmp_path: Path) -> None:
    """What was written and not yet settled comes twice: another process is another producer."""
    kafka.topic(topic, 2)
    exporter = {"brokers": [kafka.address()], "topic": topic, "unit": "record"}
    acknowledged: set[int] = set()
    numbers = count()

    def emitting(port: int) -> None:
        """Until the gateway is gone; what it said yes to counts."""
        with suppress(OSError, HTTPException):
            while True:
                mine = [next(numbers) for _ in range(100)]
                emit(port, [Event(attributes={"n": n}) for n in mine])
                acknowledged.update(mine)

    for _ in range(3):
        with Gateway(tmp_path / "gateway", {"kafka": exporter}) as gateway:
            senders = [threading.Thread(target=emitting, args=(gateway.http,)) for _ in range(2)]
            for sender in senders:
                sender.start()
            eventually(lambda g=gateway: g.metric("siem_events_sent_total") > 500, 60, "it delivers")  # type: ignore[misc]  # its default is its type
            gateway.kill()
            for sender in senders:
                sender.join()
    with Gateway(tmp_path / "gateway", {"kafka": exporter}) as gateway:
        eventually(lambda: gateway.metric("siem_queue_size", exporter="kafka") == 0, 60, "all is delivered")
        gateway.adds_up("kafka")
    found = kafka.read(topic, len(acknowledged))
    copies = Counter(int(str(one.attributes["n"])) for read in found for one in records(decode(read.value)))
    assert copies.keys() >= acknowledged
    print(f"{sum(copies.values()) - len(copies)} of {len(copies)} records came twice")
    assert max(copies.values()) <= 4, "once in each life at most"
