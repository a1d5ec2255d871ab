"""Kafka's settings and verdicts: the Collector's keys, what is refused with a hint, and who is blamed for each code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from otelsiem.destinations._kafka_verdict import HINTS, MAYBE_WRITTEN, NAMES, RETRIED
from otelsiem.destinations.kafka import Kafka
from otelsiem.model.destination import KafkaSettings, Moment, OAuth, Payload, Sasl, TlsSettings
from otelsiem.model.exchange import Answer, Failure, Reply, Request, Wait
from otelsiem.model.kafka import Cluster, Fault, Partition, Produced, ProduceRequest, Topic, TopicsRequest
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Retry, Split
from otelsiem.model.record import Batch, Group, Record, Scope

NOW = 1_767_225_601_000_000_000
AT = Moment(NOW, host="here")
BROKERS = ["kafka-1.example.com:9093"]
SASL = {"mechanism": "SCRAM-SHA-512", "username": "otelsiem", "password": "a-password"}
OAUTH2 = {"client_id": "otelsiem", "client_secret": "a-secret", "token_url": "https://id.example.com/token"}


def kafka(**changes: Any) -> Kafka:
    return Kafka.model_validate({"brokers": BROKERS, **changes})


def batch(count: int = 4) -> Batch:
    times = [NOW - 1_000_000_000 * (n + 1) for n in range(count)]
    return [Group({"service.name": "x"}, Scope(), [Record(id=f"r{n}", time=t, body="b") for n, t in enumerate(times)])]


def payload(destination: Kafka, count: int = 4) -> Payload:
    (made,) = destination.encode(batch(count), AT).payloads
    return made


# ---------------------------------------------------------------- settings


def test_defaults_are_those_of_audit_data() -> None:
    assert kafka().wire == KafkaSettings(("kafka-1.example.com:9093",))
    assert (kafka().topic, kafka().format) == ("otlp_logs", "otlp_proto")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a:1,b , [::1]:9094", ("a:1", "b:9092", "[::1]:9094")),
        (["a", "10.0.0.1:19092"], ("a:9092", "10.0.0.1:19092")),
    ],
)
def test_brokers(written: object, meant: tuple[str, ...]) -> None:
    assert kafka(brokers=written).brokers == meant


@pytest.mark.parametrize("written", [[], "", "kafka://a:9092", "a:0", "a:70000", "a b:1", "a/b:1", "SASL_SSL://a:1"])
def test_what_is_no_broker(written: object) -> None:
    with pytest.raises(ValidationError):
        kafka(brokers=written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"logs": {"topic": "audit", "encoding": "otlp_json"}}, {"topic": "audit", "format": "otlp_json"}),
        ({"topic": "audit", "encoding": "otlp_json"}, {"topic": "audit", "format": "otlp_json"}),
        ({"topic": "old", "logs": {"topic": "new"}}, {"topic": "new"}),
        ({"topic_from_attribute": "kafka.topic"}, {"topic": "{resource.kafka.topic|otlp_logs}"}),
        ({"topic": "a", "topic_from_attribute": "kafka.topic"}, {"topic": "{resource.kafka.topic|a}"}),
        ({"tls": {}, "auth": {"plain_text": {"username": "u", "password": "p"}}},
         {"tls": {}, "auth": {"sasl": {"mechanism": "PLAIN", "username": "u", "password": "p"}}}),
        ({"auth": {"tls": {"ca_file": "ca.pem"}}}, {"tls": {"ca_file": "ca.pem"}}),
        ({"auth": {"sasl": {**SASL, "version": 1}}}, {"auth": {"sasl": SASL}}),
        ({"producer": {"required_acks": -1, "flush_max_messages": 7}}, {}),
        ({"producer": {"required_acks": "all"}}, {}),
        ({"metadata": {"full": False, "retry": {"max": 3}, "refresh_interval": "1m"}},
         {"metadata": {"refresh_interval": "1m"}}),
        ({"logs": None}, {}),
    ],
)  # fmt: skip
def test_the_collectors_spellings(written: dict[str, Any], meant: dict[str, Any]) -> None:
    assert kafka(**written) == kafka(**meant)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"producer": {"required_acks": 1}}, "what only one broker has is lost with it"),
        ({"producer": {"required_acks": 0}}, "what only one broker has is lost with it"),
        ({"producer": {"required_acks": True}}, "what only one broker has is lost with it"),
        ({"auth": {"sasl": SASL | {"mechanism": "PLAIN"}}}, "PLAIN without encryption shows the secret"),
        ({"auth": {"sasl": {"mechanism": "OAUTHBEARER", "oauth2": OAUTH2}}}, "OAUTHBEARER without encryption"),
        ({"auth": {"sasl": {**SASL, "password": ""}}}, "needs username and password"),
        ({"auth": {"sasl": {"mechanism": "OAUTHBEARER"}}, "tls": {}}, "OAUTHBEARER takes its token from oauth2"),
        ({"auth": {"sasl": {**SASL, "oauth2": OAUTH2}}}, "and nothing else"),
        ({"auth": {"sasl": {"mechanism": "AWS_MSK_IAM_OAUTHBEARER"}}}, "give the cluster SCRAM-SHA-512"),
        ({"auth": {"kerberos": {"realm": "x"}}}, "auth.kerberos is not supported"),
        ({"auth": {"sasl": {"mechanism": "OAUTHBEARER", "oauth2": OAUTH2 | {"token_url": "http://a/t"}}}, "tls": {}},
         "http:// shows the client secret"),
        ({"auth": {"sasl": {"mechanism": "OAUTHBEARER", "oauth2": OAUTH2 | {"scopes": ["a b"]}}}, "tls": {}},
         "scopes: each is one word"),
        ({"encoding": "raw"}, "raw would lose every attribute"),
        ({"format": "json", "unit": "batch"}, "unit: batch is for OTLP"),
        ({"key": "{tenant.id}", "partition_logs_by_trace_id": True}, "each set the key"),
        ({"partition_logs_by_resource_attributes": True, "partition_logs_by_trace_id": True}, "each set the key"),
        ({"topic": "audit/logs"}, "letters, digits, dots"),
        ({"topic": "__audit"}, "letters, digits, dots"),
        ({"topic": ""}, "letters, digits, dots"),
        ({"logs": {"topic_from_metadata_key": "x-topic"}}, "write a template"),
        ({"logs": {"topics": "x"}}, "logs: has topic and encoding, no topics"),
        ({"headers": {"traceparent": "x"}}, "set by the exporter itself"),
        ({"headers": {"a": "é"}}, "visible ASCII"),
        ({"tls": {"server_name_override": "x"}}, "Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_hint(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        kafka(**written)
    assert said in str(caught.value)
    assert "a-password" not in str(caught.value)
    assert "a-secret" not in str(caught.value)


def test_a_password_over_an_open_line_only_for_who_says_so() -> None:
    sasl = SASL | {"mechanism": "PLAIN"}
    assert kafka(auth={"sasl": sasl}, tls={}).wire.sasl == Sasl("PLAIN", "otelsiem", "a-password")
    assert kafka(auth={"sasl": sasl | {"allow_plaintext": True}}).wire.tls is None
    assert kafka(auth={"sasl": SASL}).wire.sasl == Sasl("SCRAM-SHA-512", "otelsiem", "a-password")


def test_everything_reaches_the_wire() -> None:
    found = kafka(
        timeout="30s", client_id="c", resolve_canonical_bootstrap_servers_only=True,
        tls={"ca_file": "ca", "cert_file": "c", "key_file": "k", "min_version": "1.3", "insecure_skip_verify": True},
        auth={"sasl": {"mechanism": "OAUTHBEARER",
                       "oauth2": OAUTH2 | {"scopes": ["a"], "tls": {"ca_file": "other"}}}},
        producer={"compression": "lz4", "compression_params": {"level": 3}, "max_message_bytes": 2048,
                  "linger": "20ms", "allow_auto_topic_creation": True},
        metadata={"refresh_interval": "1m"},
    ).wire  # fmt: skip
    assert found == KafkaSettings(
        ("kafka-1.example.com:9093",), "c", 30.0, TlsSettings("ca", "c", "k", verify=False, min_version="1.3"),
        Sasl("OAUTHBEARER", oauth=OAuth("https://id.example.com/token", "otelsiem", "a-secret", ("a",), "other")),
        "lz4", 3, 2048, 0.02, True, 60.0, True,
    )  # fmt: skip


# ---------------------------------------------------------------- verdicts


def talk(
    destination: Kafka, answer: Callable[[Request], Reply], count: int = 4, *, probe: bool = False
) -> tuple[Outcome, list[Request]]:
    """What an exchange comes to, and what was asked."""
    exchange = destination.probe(AT) if probe else destination.exchange(payload(destination, count), AT)
    asked: list[Request] = []
    try:
        step = next(exchange)
        while True:
            assert not isinstance(step, Wait)
            asked.append(step)
            step = exchange.send(answer(step))
    except StopIteration as done:
        return done.value, asked


def told(*codes: int, faults: Mapping[str, Fault] | None = None) -> Answer:
    return Answer(200, {}, msgspec.json.encode(Produced(list(codes), dict(faults or {}))))


def said(topics: Mapping[str, Topic]) -> Answer:
    return Answer(200, {}, msgspec.json.encode(Cluster(3, dict(topics))))


def answered(*codes: int, topic: Topic | None = None) -> Callable[[Request], Reply]:
    """A cluster that gives these codes, as many as messages are asked for, and says this of the topic."""

    def answer(request: Request) -> Reply:
        if isinstance(request, ProduceRequest):
            return told(*(codes * len(request.messages))[: len(request.messages)])
        return said({"otlp_logs": topic or Topic(partitions=[Partition(1, 3, 3)], min_in_sync=2)})

    return answer


ONE = kafka(unit="record")  # four messages of a record each
ALL = kafka()  # one message


def test_delivered_is_when_all_are() -> None:
    assert talk(ONE, answered(0))[0] == Delivered()
    assert talk(ALL, answered(0))[0] == Delivered()
    assert talk(ONE, answered(46))[0] == Delivered(), "it was there before: our own retry"


def test_an_answer_that_leaves_a_message_out_delivers_nothing() -> None:
    for body in (b"", b"{}", b'{"codes":[0,0,0]}', b'{"codes":[0,0,0,0,0]}', b'{"codes":"0000"}'):
        outcome, _ = talk(ONE, lambda _, body=body: Answer(200, {}, body))  # type: ignore[misc]  # its default is its type
        assert isinstance(outcome, Retry), body


HELD = (3, 17, 21, 29, 31, 33, 35, 43, 44, 58, 76, -169, -181, -188, -190, -193, 9999)


@pytest.mark.parametrize("code", HELD)
@pytest.mark.parametrize("destination", [ONE, ALL])
def test_p3_what_the_operator_has_to_mend_holds(code: int, destination: Kafka) -> None:
    outcome, _ = talk(destination, answered(code))
    assert isinstance(outcome, Hold)
    assert outcome.reason.startswith("topic otlp_logs: ")


@pytest.mark.parametrize("code", sorted(RETRIED - {-192, -185, -138}))
def test_what_the_cluster_has_to_mend_goes_again(code: int) -> None:
    outcome, _ = talk(ONE, answered(code))
    assert isinstance(outcome, Retry)
    assert outcome.busy == (code == 89)
    assert ("may come twice" in outcome.reason) == (code in MAYBE_WRITTEN)


def test_every_code_of_the_contract_has_a_name_and_every_hint_a_code() -> None:
    assert NAMES.keys() >= {*range(5, 8), 2, 3, 10, 17, 18, 19, 20, 21, 29, 31, 32, 33, 44, 45, 47, 56, 58, 59, 76, 87}
    assert NAMES.keys() >= HINTS.keys()
    assert NAMES.keys() >= RETRIED


@pytest.mark.parametrize("code", [10, 18])
def test_too_large_is_split(code: int) -> None:
    for destination in (ONE, ALL):
        outcome, _ = talk(destination, answered(code))
        assert isinstance(outcome, Split)
    outcome, _ = talk(ONE, answered(0, code))
    assert isinstance(outcome, Partial)
    assert (outcome.delivered, outcome.again, outcome.rejected) == ([0, 2], [1, 3], {}), "its batch may be to blame"


def test_different_fates_in_one_payload() -> None:
    outcome, _ = talk(ONE, lambda _: told(0, 29, 7, 9999))
    assert isinstance(outcome, Partial)
    assert (outcome.delivered, outcome.again, sorted(outcome.held)) == ([0], [2], [1, 3])
    assert "grant our principal WRITE" in outcome.held[1]
    assert "Kafka 7 REQUEST_TIMED_OUT" in outcome.reason


def test_several_messages_of_several_records() -> None:
    """Records of one key are one message: its verdict is that of all of them, wherever they stand."""
    destination = kafka(key="{user.id}", unit="batch")
    group = Group({}, Scope(), [Record(id=str(n), time=1, attributes={"user.id": f"u{n % 2}"}) for n in range(5)])
    (made,) = destination.encode([group], AT).payloads
    exchange = destination.exchange(made, AT)
    assert isinstance(next(exchange), ProduceRequest)
    with pytest.raises(StopIteration) as done:
        exchange.send(told(0, 19))
    outcome = done.value.value
    assert (outcome.delivered, outcome.again) == ([0, 2, 4], [1, 3])


@pytest.mark.parametrize("code", [32, 87])
def test_a_time_that_is_refused_is_replaced_once(code: int) -> None:
    """The true time is inside the event; the timestamp is ours to choose."""
    replies = iter([told(0, code, code, 0), told(0, 0)])
    outcome, asked = talk(ONE, lambda _: next(replies))
    assert outcome == Delivered()
    first, second = asked
    assert isinstance(first, ProduceRequest)
    assert isinstance(second, ProduceRequest)
    assert [message.time for message in first.messages] == [NOW // 1_000_000 - 1000 * (n + 1) for n in range(4)]
    assert [message.value for message in second.messages] == [message.value for message in first.messages[1:3]]
    assert [message.time for message in second.messages] == [0, 0]


def test_p3_times_that_are_refused_again_hold() -> None:
    outcome, asked = talk(ONE, answered(32))
    assert len(asked) == 2
    assert isinstance(outcome, Hold)
    assert "clock" in outcome.reason
    outcome, asked = talk(kafka(unit="record", timestamp="sent"), answered(87))
    assert len(asked) == 1, "there was no time of ours in it"
    assert isinstance(outcome, Hold)
    assert "a compacted topic wants a `key`" in outcome.reason


def test_p4_a_record_that_is_refused_alone_harms_no_other() -> None:
    outcome, _ = talk(kafka(unit="record", timestamp="sent"), lambda _: told(0, 87, 0, 0))
    assert isinstance(outcome, Partial)
    assert (outcome.delivered, list(outcome.rejected), outcome.again) == ([0, 2, 3], [1], [])
    outcome, _ = talk(kafka(unit="record", timestamp="sent"), lambda _: told(0, 87, 87, 0))
    assert isinstance(outcome, Partial)
    assert (outcome.rejected, outcome.again) == ({}, [1, 2]), "one of them is innocent, perhaps"


def test_a_neighbour_of_a_refused_one_goes_at_once() -> None:
    replies: Iterator[Reply] = iter([told(0, -138, -138, 0), told(0, 0)])
    assert talk(ONE, lambda _: next(replies))[0] == Delivered()
    replies = iter([told(0, -138, -138, 0), Failure("reset", "gone")])
    outcome, _ = talk(ONE, lambda _: next(replies))
    assert isinstance(outcome, Partial)
    assert (outcome.delivered, outcome.again) == ([0, 3], [1, 2])


@pytest.mark.parametrize(
    ("topic", "kind", "words"),
    [
        (Topic(3), Hold, "UNKNOWN_TOPIC_OR_PARTITION: create it, or set producer.allow_auto_topic_creation"),
        (Topic(29), Hold, "grant our principal WRITE"),
        (Topic(5), Retry, "LEADER_NOT_AVAILABLE"),
        (Topic(partitions=[Partition(1, 3, 3), Partition(-1, 3, 0)]), Retry, "partition 1 has no leader: 1 of 2"),
        (Topic(partitions=[Partition(1, 3, 1)], min_in_sync=2), Retry,
         "partition 0 has 1 of 3 replicas in sync, min.insync.replicas is 2"),
        (Topic(partitions=[Partition(1, 1, 1)], min_in_sync=2), Retry, "has 1 of 1 replicas in sync"),
        (Topic(partitions=[Partition(1, 3, 3)], operations=["DESCRIBE"]), Hold, "we may not write to it"),
        (Topic(partitions=[Partition(1, 3, 3)], min_in_sync=2), Retry, "within `timeout`; it may have been written"),
    ],
)  # fmt: skip
def test_when_time_ran_out_the_cluster_is_asked_why(topic: Topic, kind: type[Outcome], words: str) -> None:
    outcome, asked = talk(ONE, answered(-192, topic=topic))
    assert [type(request) for request in asked] == [ProduceRequest, TopicsRequest]
    assert isinstance(outcome, kind)
    assert isinstance(outcome, Hold | Retry)
    assert words in outcome.reason


def test_no_answer_blames_no_record() -> None:
    assert talk(ONE, lambda _: Failure("connect", "a:9092: refused"))[0] == Retry("connect: a:9092: refused")
    assert talk(ONE, lambda _: Failure("credentials", "no"))[0] == Hold("credentials: no")
    assert talk(ONE, lambda _: Failure("tls", "no"))[0] == Hold("tls: no")


# ---------------------------------------------------------------- probe


@pytest.mark.parametrize(
    ("topic", "outcome"),
    [
        (Topic(partitions=[Partition(1, 3, 3)], min_in_sync=2, operations=["WRITE"]), Delivered()),
        (Topic(partitions=[Partition(1, 3, 3)]), Delivered()),
        (Topic(3), Hold("topic otlp_logs: Kafka 3 UNKNOWN_TOPIC_OR_PARTITION: create it, or set"
                        " producer.allow_auto_topic_creation")),
        (Topic(17), Hold("topic otlp_logs: Kafka 17 INVALID_TOPIC_EXCEPTION: a topic has letters, digits, dots,"
                         " hyphens and underscores")),
        (Topic(partitions=[Partition(1, 3, 3)], operations=["READ"]),
         Hold("topic otlp_logs: we may not write to it: grant our principal WRITE and DESCRIBE on the topic")),
        (Topic(partitions=[Partition(1, 3, 1)], min_in_sync=2),
         Retry("topic otlp_logs: partition 0 has 1 of 3 replicas in sync, min.insync.replicas is 2: 1 of 1 partitions,"
               " a broker is down")),
        (Topic(partitions=[Partition(1, 1, 1)], min_in_sync=2),
         Delivered("topic otlp_logs: what is acknowledged may be on one broker only: replicate it three times and set"
                   " min.insync.replicas to 2")),
    ],
)  # fmt: skip
def test_the_probe_says_what_is_wrong(topic: Topic, outcome: Outcome) -> None:
    assert talk(ALL, answered(topic=topic), probe=True)[0] == outcome


def test_the_probe_of_a_topic_that_the_brokers_may_make() -> None:
    creating = kafka(producer={"allow_auto_topic_creation": True})
    outcome, _ = talk(creating, answered(topic=Topic(3)), probe=True)
    assert isinstance(outcome, Delivered)
    assert "does not exist yet" in outcome.note


def test_the_probe_of_topics_from_templates_asks_for_the_brokers_alone() -> None:
    outcome, asked = talk(kafka(topic="audit-{tenant.id}"), lambda _: said({}), probe=True)
    assert (outcome, asked) == (Delivered(), [TopicsRequest(())])


def test_reasons_quote_no_secret_and_no_control_characters() -> None:
    destination = kafka(auth={"sasl": SASL}, unit="record")
    hostile = {"9999": Fault("a-password\n\x1b[2J" * 99, "x")}
    outcome, _ = talk(destination, lambda _: told(9999, 9999, 9999, 9999, faults=hostile))
    assert isinstance(outcome, Hold)
    assert "a-password" not in outcome.reason
    assert outcome.reason.isprintable()
    assert len(outcome.reason) < 300
