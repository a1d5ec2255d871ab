"""The Collector's Splunk HEC receiver, whose parser is not ours, understands every record of a gateway run.

It is lenient (any token, numbers become doubles), so it judges what we say and not how we behave when refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.gateway_process import Gateway
from tests.peers.artefacts import COLLECTOR, GO_SENDER, Artefact
from tests.peers.collector import Judge
from tests.peers.normalised import of_event
from tests.peers.scenario import expected, number
from tests.peers.seen import Seen
from tests.peers.senders import SENDERS
from tests.program import eventually, free_port

pytestmark = pytest.mark.peer

EACH = 3000
TOKEN = "00000000-0000-4000-8000-000000000001"
WRONG = "00000000-0000-4000-8000-00000000dead"
GO = [sender for sender in SENDERS if sender.language == "go"]


def as_doubles(value: Any) -> Any:
    """A value after the HEC receiver: JSON numbers are doubles there."""
    match value:
        case dict():
            return {key: as_doubles(item) for key, item in value.items()}
        case list():
            return [as_doubles(item) for item in value]
        case bool():
            return value
        case int():
            return float(value)
        case _:
            return value


def compare(arrived: list[Seen]) -> None:
    """Every record of both senders, once, with all that was sent inside the event."""
    events = [of_event(record.body) for record in arrived]
    who = Counter((event.resource["service.name"], number(event)) for event in events)
    assert who == Counter((sender.service, n) for sender in GO for n in range(EACH))
    for event in events:
        wanted = expected(event.resource["service.name"], number(event))
        assert as_doubles(event.body) == as_doubles(wanted.body)
        assert as_doubles(event.attributes) == as_doubles(wanted.attributes)
        assert replace(event, body=None, attributes={}) == replace(wanted, body=None, attributes={})


def hec(port: int, token: str = TOKEN) -> dict[str, Any]:
    """The exporter's settings."""
    return {
        "endpoint": f"http://127.0.0.1:{port}",
        "token": token,
        "index": "audit",
        "sourcetype": "otelsiem:peer",
        "compression": "gzip",
    }


def test_p2_splunk_gets_every_record_once(judge: Judge, needs: Callable[[Artefact], None], tmp_path: Path) -> None:
    needs(GO_SENDER)
    with Gateway(tmp_path / "gateway", {"splunk_hec": hec(judge.hec)}) as gateway, ThreadPoolExecutor() as pool:
        ports = {"grpc": gateway.grpc, "http": gateway.http}
        done = [pool.submit(s.send, ports[s.transport], EACH, tmp_path / f"{s.service}.log") for s in GO]
        for sending in done:
            sending.result()
        gateway.delivered("splunk_hec", len(GO) * EACH)
        gateway.adds_up("splunk_hec")
    arrived = judge.over_hec(len(GO) * EACH)
    compare(arrived)
    for record in arrived:  # the envelope, which the receiver turns into resource attributes
        assert record.resource["com.splunk.sourcetype"] == "otelsiem:peer"
        assert record.resource["com.splunk.index"] == "audit"
        assert record.resource["com.splunk.source"] == f"otelsiem:{record.body['event_type']}"
        # `time` passes through a double in the receiver, whose steps are 240 ns at today's epoch
        assert abs(record.time - int(record.body["time_unix_nano"])) < 500


def test_p2_every_record_is_confirmed_by_the_ack_extension(
    judge: Judge, needs: Callable[[Artefact], None], tmp_path: Path
) -> None:
    """The receiver counts its ids per channel, from 1, and says `true` once."""
    needs(GO_SENDER)
    exporter = hec(judge.hec) | {"ack": {"poll_interval": "200ms", "timeout": "1m"}}
    with Gateway(tmp_path / "gateway", {"splunk_hec": exporter}) as gateway, ThreadPoolExecutor() as pool:
        ports = {"grpc": gateway.grpc, "http": gateway.http}
        done = [pool.submit(s.send, ports[s.transport], EACH, tmp_path / f"{s.service}.log") for s in GO]
        for sending in done:
            sending.result()
        gateway.delivered("splunk_hec", len(GO) * EACH)
        gateway.adds_up("splunk_hec")
        assert gateway.metric("siem_unconfirmed_events", exporter="splunk_hec") == 0
        assert gateway.metric("siem_retry_attempts_total", exporter="splunk_hec") == 0
        log = gateway.log.read_text("utf-8")
    assert "acknowledgement off" not in log, "it gave an ackId for every request"
    compare(judge.over_hec(len(GO) * EACH))


def test_p2_a_collector_that_forgets_its_acknowledgements_gets_everything_again(
    needs: Callable[[Artefact], None], tmp_path: Path
) -> None:
    """It is restarted between taking and confirming: its ack extension keeps them in memory, and counts anew."""
    needs(COLLECTOR)
    needs(GO_SENDER)
    port = free_port()
    exporter = hec(port) | {"ack": {"poll_interval": "4s", "timeout": "5s"}}
    with Gateway(tmp_path / "gateway", {"splunk_hec": exporter}) as gateway:
        with Judge(tmp_path / "before", port) as judge:
            GO[0].send(gateway.grpc, EACH, tmp_path / "sender.log")
            judge.over_hec(1)
            judge.stop()  # not killed: it says `true` to what it has not yet written to its file
            first = judge.over_hec(1)
        with Judge(tmp_path / "after", port) as judge:
            gateway.delivered("splunk_hec", EACH, 90)
            gateway.adds_up("splunk_hec")
            again = gateway.metric("siem_retry_attempts_total", exporter="splunk_hec", reason="unconfirmed")
            copies = Counter(number(of_event(record.body)) for record in [*first, *judge.over_hec(1)])
    assert copies.keys() == set(range(EACH))
    assert again > 0, "something was unconfirmed when it was stopped, or this test tests nothing"


def test_p3_a_splunk_that_was_down_gets_everything(needs: Callable[[Artefact], None], tmp_path: Path) -> None:
    needs(COLLECTOR)
    needs(GO_SENDER)
    port = free_port()
    with Gateway(tmp_path / "gateway", {"splunk_hec": hec(port)}) as gateway:
        GO[0].send(gateway.grpc, EACH, tmp_path / "sender.log")
        eventually(lambda: gateway.metric("siem_retry_attempts_total") > 0, 30, "a first attempt failed")
        assert gateway.metric("siem_events_sent_total", exporter="splunk_hec") == 0
        with Judge(tmp_path / "judge", port) as judge:
            gateway.delivered("splunk_hec", EACH, 90)
            arrived = judge.over_hec(EACH)
    assert sorted(number(of_event(record.body)) for record in arrived) == list(range(EACH))


def test_p3_a_wrong_token_costs_nothing(needs: Callable[[Artefact], None], tmp_path: Path) -> None:
    """Held while the token is wrong, delivered when it is right, by a second run on the same journal."""
    needs(COLLECTOR)
    needs(GO_SENDER)
    with Judge(tmp_path / "judge", token=TOKEN) as judge:
        with Gateway(tmp_path / "gateway", {"splunk_hec": hec(judge.hec, WRONG)}) as gateway:
            GO[0].send(gateway.grpc, EACH, tmp_path / "sender.log")
            eventually(lambda: gateway.metric("siem_hold", exporter="splunk_hec") > 0, 30, "the exporter holds")
            assert gateway.metric("siem_events_sent_total", exporter="splunk_hec") == 0
            assert gateway.metric("siem_dead_letters", exporter="splunk_hec") == 0
            assert gateway.metric("siem_queue_size", exporter="splunk_hec") == EACH
            gateway.adds_up("splunk_hec")
            log = gateway.log
        with Gateway(tmp_path / "gateway", {"splunk_hec": hec(judge.hec)}) as gateway:
            gateway.delivered("splunk_hec", EACH)
        arrived = judge.over_hec(EACH)
    assert sorted(number(of_event(record.body)) for record in arrived) == list(range(EACH))
    assert WRONG not in log.read_text("utf-8")
