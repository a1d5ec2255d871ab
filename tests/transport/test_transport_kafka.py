"""Kafka's transport against a strict broker: what came of each message, in bounded time, whatever happens."""

from __future__ import annotations

import logging
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from otelsiem.model.destination import KafkaSettings, OAuth, Sasl, TlsSettings
from otelsiem.model.exchange import Answer, Failure, Reply, WriteRequest
from otelsiem.model.kafka import Cluster, Message, Produced, ProduceRequest, Topic, TopicsRequest
from otelsiem.testing.http import HttpServer, Respond, Seen
from otelsiem.testing.kafka import Cut, Hang, KafkaBroker, Refuse
from otelsiem.transport import kafka_link
from otelsiem.transport.kafka import KafkaTransport
from otelsiem.transport.kafka_conf import conf, stamp
from otelsiem.transport.kafka_trouble import trouble
from otelsiem.transport.transport import open_transport
from tests.program import eventually, free_port
from tests.transport.authority import Authority

PASSWORD = "planted-password-91c2"
Open = Callable[..., KafkaTransport]


@pytest.fixture
def broker() -> Iterator[KafkaBroker]:
    with KafkaBroker({"audit": 1}) as running:
        yield running


@pytest.fixture
def opened(broker: KafkaBroker) -> Iterator[Open]:
    """Transports to the broker, closed at the end."""
    made: list[KafkaTransport] = []

    def open_(**changes: object) -> KafkaTransport:
        settings = KafkaSettings((broker.address,), timeout=5.0)
        made.append(KafkaTransport(replace(settings, **changes)))  # type: ignore[arg-type]  # whichever there are
        return made[-1]

    yield open_
    for transport in made:
        transport.close()


def messages(*values: str, topic: str = "audit") -> ProduceRequest:
    return ProduceRequest([Message(topic, value.encode(), b"key") for value in values])


def produced(reply: Reply) -> Produced:
    assert isinstance(reply, Answer), reply
    return msgspec.json.decode(reply.body, type=Produced)


def failed(reply: Reply) -> Failure:
    assert isinstance(reply, Failure), reply
    return reply


def cluster(reply: Reply) -> dict[str, Topic]:
    assert isinstance(reply, Answer), reply
    return msgspec.json.decode(reply.body, type=Cluster).topics


def test_open_transport_chooses_kafka(broker: KafkaBroker) -> None:
    chosen = open_transport(KafkaSettings((broker.address,)))
    assert isinstance(chosen, KafkaTransport)
    assert broker.connections == 0, "nothing is opened yet"
    chosen.close()


def test_messages_arrive_whole_in_order_and_acknowledged_by_all(broker: KafkaBroker, opened: Open) -> None:
    now = int(time.time() * 1000)
    request = ProduceRequest(
        [Message("audit", b"%d" % n, b"k", (("a", b"1"), ("a", b"2")), now - n) for n in range(500)]
        + [Message("audit", b"last")]
    )
    assert produced(opened(compression="gzip").perform(request)) == Produced([0] * 501)
    assert broker.values("audit") == [b"%d" % n for n in range(500)] + [b"last"]
    first, last = broker.log[0], broker.log[-1]
    assert (first.record.key, first.record.headers, first.record.time) == (b"k", (("a", b"1"), ("a", b"2")), now)
    assert (last.record.key, last.record.headers) == (None, ())
    assert last.record.time >= now, "a message without a time has that of its sending"
    assert {request.acks for request in broker.requests} == {-1}
    assert not broker.complaints


def test_couriers_share_one_producer(broker: KafkaBroker, opened: Open) -> None:
    transport = opened()
    replies: list[Reply] = []

    def courier(name: str) -> None:
        replies.extend([transport.perform(messages(f"{name}{n}a", f"{name}{n}b")) for n in range(20)])

    threads = [threading.Thread(target=courier, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [produced(reply).codes for reply in replies] == [[0, 0]] * 80
    assert len(set(broker.values("audit"))) == len(broker.log) == 160
    assert broker.producers == 1


@pytest.mark.parametrize("fault", [Refuse(20, written=True), Refuse(19), Refuse(6), Cut(written=True), Cut()])
def test_what_the_client_retries_is_written_once(broker: KafkaBroker, opened: Open, fault: Refuse | Cut) -> None:
    broker.faults.append(fault)
    assert produced(opened().perform(messages("a", "b"))).codes == [0, 0]
    assert broker.values("audit") == [b"a", b"b"]
    assert broker.duplicates == int(fault.written)


@pytest.mark.parametrize("code", [2, 10, 29, 31, 44, 76, 89])
def test_what_a_broker_refuses_is_told_by_its_code(broker: KafkaBroker, opened: Open, code: int) -> None:
    broker.faults += [Refuse(code)] * 1000
    again = code == 2  # librdkafka repeats CORRUPT_MESSAGE until time runs out
    told = produced(opened(timeout=1.0 if again else 20.0).perform(messages("a", "b")))
    expected = -192 if again else code
    assert told.codes == [expected, expected]
    assert told.faults[str(expected)].name


def test_one_message_in_a_thousand_is_refused_alone(broker: KafkaBroker, opened: Open) -> None:
    values = [f"{n}" for n in range(1000)]
    request = messages(*values)
    huge = Message("audit", b"x" * 5000)
    request = ProduceRequest([*request.messages[:500], huge, *request.messages[500:]])
    told = produced(opened(max_message_bytes=4000).perform(request))
    assert [n for n, code in enumerate(told.codes) if code] == [500]
    assert told.codes[500] == 10
    assert broker.values("audit") == [value.encode() for value in values]


def test_after_a_fatal_error_another_producer_goes_on(broker: KafkaBroker, opened: Open) -> None:
    transport = opened()
    broker.faults.append(Refuse(45))
    assert produced(transport.perform(messages("a"))).codes == [45]
    assert produced(transport.perform(messages("b"))).codes == [0]
    assert broker.values("audit") == [b"b"]
    assert broker.producers == 2


def test_a_peer_that_hangs_costs_the_timeout_and_no_more(broker: KafkaBroker, opened: Open) -> None:
    transport = opened(timeout=3.0)
    broker.faults.append(Hang(written=True))
    began = time.monotonic()
    told = produced(transport.perform(messages("a")))
    assert told.codes == [-192]
    assert time.monotonic() - began < 3.0 + kafka_link.GRACE + 2
    assert produced(transport.perform(messages("b"))).codes == [0]
    assert broker.values("audit") == [b"a", b"b"], "what was on its way may have been written"


def test_what_was_given_back_is_not_delivered_later(broker: KafkaBroker, opened: Open) -> None:
    transport = opened(timeout=1.0)
    broker.down()
    reply = failed(transport.perform(messages("a", "b")))
    assert reply.kind in {"connect", "reset"}
    broker.up()

    def arrived() -> bool:
        reply = transport.perform(messages("c"))  # it may be given back, too, while the client waits to reconnect
        return isinstance(reply, Answer) and produced(reply).codes == [0]

    eventually(arrived, 20, "it is reached again")
    assert broker.values("audit") == [b"c"]


def test_a_broker_that_comes_back_in_time_is_no_failure(broker: KafkaBroker, opened: Open) -> None:
    transport = opened(timeout=20.0)
    assert produced(transport.perform(messages("a"))).codes == [0]
    broker.down()
    later = threading.Timer(0.5, broker.up)
    later.start()
    assert produced(transport.perform(messages("b", "c"))).codes == [0, 0]
    later.join()
    assert broker.values("audit") == [b"a", b"b", b"c"]


def test_interrupting_ends_what_waits(broker: KafkaBroker, opened: Open) -> None:
    transport = opened(timeout=600.0)
    broker.faults += [Hang()] * 5
    replies: list[Reply] = []
    thread = threading.Thread(target=lambda: replies.append(transport.perform(messages("a", "b"))))
    thread.start()
    while not broker.requests:
        time.sleep(0.005)
    transport.interrupt()
    thread.join(5)
    assert not thread.is_alive()
    assert set(produced(replies[0]).codes) <= {-151, -152}
    assert failed(transport.perform(messages("c"))) == Failure("reset", "interrupted")
    transport.interrupt()


def test_closing_is_bounded_while_the_broker_hangs(broker: KafkaBroker, opened: Open) -> None:
    transport = opened(timeout=600.0)
    broker.faults += [Hang()] * 5
    thread = threading.Thread(target=lambda: transport.perform(messages("a")))
    thread.start()
    while not broker.requests:
        time.sleep(0.005)
    began = time.monotonic()
    transport.close()
    assert time.monotonic() - began < 10
    thread.join(5)
    assert not thread.is_alive()


def test_a_full_queue_waits_for_room(broker: KafkaBroker, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(settings: KafkaSettings) -> object:
        return {**conf(settings), "queue.buffering.max.messages": 10}

    monkeypatch.setattr("otelsiem.transport.kafka.conf", small)
    assert produced(opened().perform(messages(*[str(n) for n in range(200)]))).codes == [0] * 200
    assert len(broker.log) == 200


def test_a_full_queue_that_stays_full_gives_the_rest_back(
    broker: KafkaBroker, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(settings: KafkaSettings) -> object:
        return {**conf(settings), "queue.buffering.max.messages": 10}

    monkeypatch.setattr("otelsiem.transport.kafka.conf", small)
    broker.faults += [Hang()] * 10
    told = produced(opened(timeout=1.0).perform(messages(*[str(n) for n in range(30)])))
    assert told.codes[:10] == [-192] * 10
    assert told.codes[-1] == -184
    assert set(told.codes) == {-192, -184}


# ---------------------------------------------------------------- who we are


def test_a_wrong_password_is_told_at_once_and_taken_up_when_it_is_right(opened: Open) -> None:
    with KafkaBroker({"audit": 1}, users={"me": PASSWORD}) as guarded:
        wrong = opened(brokers=(guarded.address,), timeout=60.0, sasl=Sasl("PLAIN", "me", "wrong-password"))
        began = time.monotonic()
        reply = failed(wrong.perform(messages("a")))
        assert time.monotonic() - began < 30, "long before the timeout"
        assert reply.kind == "credentials"
        assert "does not accept our credentials: check auth.sasl" in reply.detail
        assert not reply.sent
        assert failed(wrong.perform(TopicsRequest(("audit",)))).kind == "credentials"
        guarded.users = {"me": "wrong-password"}
        assert produced(wrong.perform(messages("b"))).codes == [0]
        right = opened(brokers=(guarded.address,), sasl=Sasl("PLAIN", "me", "wrong-password"))
        assert produced(right.perform(messages("c"))).codes == [0]
        assert guarded.values("audit") == [b"b", b"c"]


def test_a_mechanism_that_is_not_offered(opened: Open) -> None:
    with KafkaBroker({"audit": 1}, users={"me": PASSWORD}) as guarded:
        scram = opened(brokers=(guarded.address,), sasl=Sasl("SCRAM-SHA-256", "me", PASSWORD))
        reply = failed(scram.perform(messages("a")))
        assert (reply.kind, "check auth.sasl.mechanism" in reply.detail) == ("credentials", True)


def test_a_listener_that_wants_more_than_we_say(opened: Open) -> None:
    with KafkaBroker({"audit": 1}, users={"me": PASSWORD}) as guarded:
        reply = failed(opened(brokers=(guarded.address,), timeout=1.0).perform(messages("a")))
        assert (reply.kind, "(`tls`) or SASL (`auth`)" in reply.detail) == ("reset", True)


def test_nobody_listens(opened: Open) -> None:
    reply = failed(opened(brokers=(f"127.0.0.1:{free_port()}",), timeout=1.0).perform(messages("a")))
    assert reply.kind == "connect"
    assert "refused" in reply.detail
    reply = failed(opened(brokers=("no-such-host.invalid:9092",), timeout=1.0).perform(messages("a")))
    assert (reply.kind, reply.detail) == ("resolve", "no-such-host.invalid:9092: the host name cannot be resolved")


def _tokens(request: Seen) -> Respond:
    if b"client_credentials" not in request.body or "bWU6" not in request.headers.get("authorization", ""):
        return Respond(400)
    return Respond(401, b'{"error":"invalid_client","error_description":"%s"}' % PASSWORD.encode())


def test_a_token_endpoint_that_refuses_us(broker: KafkaBroker, opened: Open) -> None:
    with HttpServer(_tokens) as tokens:
        oauth = OAuth(f"{tokens.url}/token", "me", PASSWORD, ("kafka.write", "kafka.read"))
        transport = opened(timeout=30.0, sasl=Sasl("OAUTHBEARER", oauth=oauth))
        began = time.monotonic()
        reply = failed(transport.perform(messages("a")))
        assert time.monotonic() - began < 15, "long before the timeout"
        assert reply.kind == "credentials"
        assert "the token endpoint gives no token" in reply.detail
        assert "invalid_client" in reply.detail
        assert PASSWORD not in reply.detail
        assert b"scope=kafka.write%20kafka.read" in tokens.requests[0].body


def test_a_token_endpoint_over_tls_is_trusted_by_its_ca_file(
    opened: Open, authority: Authority, good: ssl.SSLContext
) -> None:
    with HttpServer(_tokens, tls=good) as tokens:
        for ca_file, said in ((str(authority.file), "invalid_client"), ("", "gives no token")):
            oauth = OAuth(f"{tokens.url}/token", "me", PASSWORD, (), ca_file)
            reply = failed(opened(sasl=Sasl("OAUTHBEARER", oauth=oauth)).perform(messages("a")))
            assert said in reply.detail
        assert len(tokens.requests) == 1, "the one that is not trusted hears no secret"


def test_files_of_tls_are_named(tmp_path: Path, opened: Open) -> None:
    missing = str(tmp_path / "missing.pem")
    reply = failed(opened(tls=TlsSettings(ca_file=missing)).perform(messages("a")))
    assert (reply.kind, reply.detail) == ("tls", f"the ca_file {missing} cannot be read: no such file or directory")


def test_changed_files_make_another_producer(tmp_path: Path, authority: Authority, broker: KafkaBroker) -> None:
    ca_file = tmp_path / "ca.pem"
    settings = KafkaSettings((broker.address,), tls=TlsSettings(ca_file=str(ca_file)))
    before = stamp(settings)
    ca_file.write_bytes(authority.file.read_bytes())
    assert stamp(settings) != before


def test_a_producer_is_replaced_when_its_files_changed_and_only_then(
    broker: KafkaBroker, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamps = iter([1, 1, 2, 2])
    monkeypatch.setattr("otelsiem.transport.kafka.stamp", lambda _: next(stamps))
    transport = opened()
    made = []
    for value in "abcd":
        assert produced(transport.perform(messages(value))).codes == [0]
        made.append(broker.producers)
    assert made == [1, 1, 2, 2]
    assert broker.values("audit") == [b"a", b"b", b"c", b"d"]


def test_tls_1_3_alone(authority: Authority) -> None:
    found = conf(KafkaSettings(("a:1",), tls=TlsSettings(ca_file=str(authority.file), min_version="1.3")))
    assert found["ssl.cipher.suites"] == "PSK-AES256-GCM-SHA384"
    assert found["enable.ssl.certificate.verification"] is True


# ---------------------------------------------------------------- questions


def test_what_the_cluster_says_of_topics(broker: KafkaBroker, opened: Open) -> None:
    broker.forbidden, broker.settings, broker.creates = ("secret",), {"min.insync.replicas": "2"}, True
    broker.topics["audit"] = 2
    broker.replicas, broker.in_sync = (1, 2, 3), (1,)
    found = cluster(opened().perform(TopicsRequest(("audit", "missing", "secret"))))
    assert [(one.leader, one.replicas, one.in_sync) for one in found["audit"].partitions] == [(1, 3, 1)] * 2
    assert found["audit"].min_in_sync == 2
    assert (found["missing"].code, found["secret"].code) == (3, 29)
    assert "missing" not in broker.topics, "asking makes no topic"


def test_a_right_that_was_granted_is_seen_soon(broker: KafkaBroker, opened: Open) -> None:
    transport = opened()
    broker.forbidden = ("audit",)
    for _ in range(3):
        assert produced(transport.perform(messages("a"))).codes == [29]
    broker.forbidden = ()
    eventually(lambda: produced(transport.perform(messages("b"))).codes == [0], 20, "it is allowed")


def test_a_topic_that_was_made_is_seen_soon(broker: KafkaBroker, opened: Open) -> None:
    transport = opened(timeout=1.0)
    for _ in range(2):
        assert produced(transport.perform(messages("a", topic="new"))).codes[0] in {3, -192, -188}
        assert cluster(transport.perform(TopicsRequest(("new",))))["new"].code == 3
    broker.topics["new"] = 1
    assert cluster(transport.perform(TopicsRequest(("new",))))["new"].code == 0
    eventually(lambda: produced(transport.perform(messages("b", topic="new"))).codes == [0], 20, "it is there")


def test_another_kind_of_request_is_a_failure(opened: Open) -> None:
    assert failed(opened().perform(WriteRequest(b"x"))).kind == "protocol"


# ---------------------------------------------------------------- manners


def test_librdkafkas_log_is_ours_at_debug_and_shows_no_secret(
    opened: Open,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("otelsiem"), "handlers", [])  # what a command of another test has left there
    with caplog.at_level(logging.DEBUG, "otelsiem.kafka"), KafkaBroker({"audit": 1}, users={"me": "x"}) as guarded:
        transport = opened(brokers=(guarded.address,), sasl=Sasl("PLAIN", "me", PASSWORD))
        for _ in range(10):  # it writes its log behind its verdict, and a loaded machine may read it in the next call
            failed(transport.perform(messages("a")))
            if told := any("Authentication failed" in record.getMessage() for record in caplog.records):
                break
    assert told
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    assert PASSWORD not in caplog.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "text", "kind", "detail"),
    [
        (-193, "ssl://a:9092/bootstrap: Failed to resolve 'a:9092': no (after 2ms in state CONNECT)", "resolve",
         "a:9092: the host name cannot be resolved"),
        (-195, "ssl://a:9092/2: Receive failed: SSL: tls alert bad certificate (after 1ms in state X)", "tls",
         "a:9092: asks for a client certificate, or does not accept ours: see cert_file and key_file"),
        (-181, "ssl://a:9092/2: SSL handshake failed: something new (after 1ms in state SSL_HANDSHAKE)", "tls",
         "a:9092: SSL handshake failed: something new"),
        (-169, f"sasl_ssl://a:9092/bootstrap: SASL authentication error: no {PASSWORD}\x1b[2J (after 1ms in state X)",
         "credentials",
         "a:9092: does not accept our credentials: check auth.sasl (SASL authentication error: no [redacted] [2J)"),
        (-195, "a:9092/bootstrap: Connect to ipv4#1.2.3.4:9092 failed: Connection refused (after 0ms in state CONNECT)",
         "connect", "a:9092: Connect to ipv4#1.2.3.4:9092 failed: Connection refused"),
    ],
)  # fmt: skip
def test_complaints_become_sentences(code: int, text: str, kind: str, detail: str) -> None:
    found = trouble(code, text, (PASSWORD,))
    assert found is not None
    assert (found.kind, found.detail) == (kind, detail)


def test_what_says_nothing_changes_nothing() -> None:
    assert trouble(-187, "2/2 brokers are down") is None
    assert trouble(-185, "timed out") is None


def test_a_missing_extra_is_one_clear_sentence() -> None:
    code = """
import sys
sys.modules["confluent_kafka"] = None
from otelsiem.model.destination import KafkaSettings
from otelsiem.model.kafka import Message, ProduceRequest, TopicsRequest
from otelsiem.transport.transport import open_transport
transport = open_transport(KafkaSettings(("127.0.0.1:1",)))
for request in ProduceRequest([Message("t", b"x")]), TopicsRequest(("t",)):
    print(transport.perform(request))
transport.interrupt(); transport.close()
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    sentence = "the destination kafka needs the package 'confluent-kafka', which is not installed: pip install"
    assert len(told) == 2
    assert all(sentence in line and "otelsiem[kafka]" in line and "kind='missing'" in line for line in told)
