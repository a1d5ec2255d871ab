"""The fake's acknowledgements go wrong as the real ones do (contracts, splunk-hec §7), judged through http.client."""

from __future__ import annotations

import http.client
import json
import uuid
from typing import Any

import pytest

from otelsiem.testing.hec import TOKEN, FakeHec, coded
from otelsiem.testing.hec_balancer import COOKIE, HecBalancer
from otelsiem.testing.http import Hangup, Respond

CHANNEL, OTHER = str(uuid.UUID(int=7)), str(uuid.UUID(int=8))


def ask(port: int, path: str, body: bytes, channel: str = CHANNEL, cookie: str = "") -> tuple[int, Any, str]:
    """Status, body as JSON where it is JSON, and the cookie that was set."""
    headers = {"Authorization": f"Splunk {TOKEN}", "X-Splunk-Request-Channel": channel}
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        client.request("POST", "/services/collector" + path, body, headers | ({"Cookie": cookie} if cookie else {}))
        answer = client.getresponse()
        data = answer.read()
        said = json.loads(data) if data.startswith(b"{") else data
        return answer.status, said, (answer.headers["Set-Cookie"] or "").partition(";")[0]
    finally:
        client.close()


def sent(hec: FakeHec, channel: str = CHANNEL) -> Any:
    """The ackId of one event, or the code why there is none."""
    _, said, _ = ask(hec.server.port, "/event", b'{"event":{"id":"a"}}', channel)
    return said.get("ackId", f"code {said['code']}")


def polled(hec: FakeHec, *numbers: int, channel: str = CHANNEL) -> Any:
    status, said, _ = ask(hec.server.port, "/ack", json.dumps({"acks": numbers}).encode(), channel)
    assert status == 200
    return said["acks"]


def test_lost() -> None:
    with FakeHec(ack=True) as hec:
        hec.acks.indexing = "never"
        assert sent(hec) == 0
        assert [polled(hec, 0) for _ in range(5)] == [{"0": False}] * 5


def test_late() -> None:
    with FakeHec(ack=True) as hec:
        hec.acks.indexing, hec.acks.polls = "late", 3
        assert [sent(hec), sent(hec)] == [0, 1]
        assert [polled(hec, 0) for _ in range(4)] == [{"0": False}, {"0": False}, {"0": True}, {"0": False}]
        assert polled(hec, 1) == {"1": False}, "each id is late for itself"


def test_an_id_asked_for_twice_in_one_question_is_answered_once() -> None:
    with FakeHec(ack=True) as hec:
        sent(hec)
        assert polled(hec, 0, 0) == {"0": True}


def test_an_idle_channel_is_forgotten_and_counts_anew() -> None:
    now = 0.0
    with FakeHec(ack=True) as hec:
        hec.acks.clock = lambda: now
        assert [sent(hec), sent(hec)] == [0, 1]
        now = 600.0
        assert polled(hec, 0) == {"0": True}, "a question keeps it"
        now = 1200.0
        assert polled(hec, 5) == {"5": False}
        assert polled(hec, 1) == {"1": True}
        assert sent(hec) == 2
        now = 1800.1
        assert polled(hec, 2) == {"2": False}
        assert sent(hec) == 0


def test_one_channel_may_be_forgotten_alone() -> None:
    with FakeHec(ack=True) as hec:
        assert [sent(hec), sent(hec, OTHER)] == [0, 0]
        hec.acks.forget(CHANNEL)
        assert polled(hec, 0) == {"0": False}
        assert polled(hec, 0, channel=OTHER) == {"0": True}


@pytest.mark.parametrize("code", [26, 27])
def test_at_capacity_nothing_is_taken(code: int) -> None:
    with FakeHec(ack=True) as hec:
        hec.capacity = code
        status, said, _ = ask(hec.server.port, "/event", b'{"event":"x"}')
        assert (status, said["code"]) == (429, code)
        assert (hec.received, hec.acks.pending(CHANNEL)) == (0, 0)
        hec.capacity = 0
        assert sent(hec) == 0


def test_a_channel_with_too_many_pending_ids_is_full_until_they_are_asked_for() -> None:
    with FakeHec(ack=True) as hec:
        hec.acks.capacity = 2
        assert [sent(hec), sent(hec), sent(hec)] == [0, 1, "code 27"]
        assert sent(hec, OTHER) == 0
        assert polled(hec, 0) == {"0": True}
        assert sent(hec) == 2
        assert hec.received == 4


def test_the_ack_endpoint_errs_alone() -> None:
    with FakeHec(ack=True) as hec:
        hec.ack_script([Respond(500), coded(14), Respond(200, b"<html>")])
        hec.ack_always = coded(9)
        assert sent(hec) == 0
        said = [ask(hec.server.port, "/ack", b'{"acks":[0]}')[:2] for _ in range(4)]
        assert said[0] == (500, b"")
        assert said[1][1]["code"] == 14
        assert said[2] == (200, b"<html>")
        assert said[3][0] == 503
        hec.ack_always = Hangup()
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            ask(hec.server.port, "/ack", b'{"acks":[0]}')
        hec.ack_always = None
        assert polled(hec, 0) == {"0": True}, "errors have used nothing up"


# --- the load balancer


def test_the_balancer_keeps_a_client_with_its_cookie_on_one_node() -> None:
    with HecBalancer(3, ack=True) as balancer:
        port = balancer.server.port
        _, said, cookie = ask(port, "/event", b'{"event":{"id":"a"}}')
        assert said["ackId"] == 0
        assert cookie.startswith(f"{COOKIE}=")
        for number in range(1, 6):
            _, said, again = ask(port, "/event", b'{"event":{"id":"a"}}', cookie=f"other=1; {cookie}")
            assert (said["ackId"], again) == (number, "")
        assert sorted(node.received for node in balancer.nodes) == [0, 0, 6]
        assert balancer.strays == 1
        _, said, _ = ask(port, "/ack", b'{"acks":[0,5]}', cookie=cookie)
        assert said["acks"] == {"0": True, "5": True}
        assert balancer.count_by("id") == {"a": 6}


def test_without_the_cookie_a_request_goes_anywhere() -> None:
    with HecBalancer(3, ack=True) as balancer:
        for _ in range(30):
            ask(balancer.server.port, "/event", b'{"event":{"id":"a"}}')
        assert all(node.received for node in balancer.nodes)
        assert balancer.strays == 30


def test_a_node_that_is_out_gets_nothing_and_its_clients_are_given_another() -> None:
    with HecBalancer(2, ack=True) as balancer:
        port = balancer.server.port
        _, _, cookie = ask(port, "/event", b'{"event":{"id":"a"}}')
        gone = int(cookie.partition("=")[2])
        balancer.out = {gone}
        _, said, new = ask(port, "/event", b'{"event":{"id":"a"}}', cookie=cookie)
        assert new == f"{COOKIE}={1 - gone}"
        assert said["ackId"] == 0, "another node counts for itself"
        balancer.out = {0, 1}
        assert ask(port, "/event", b"{}", cookie=new)[0] == 503


def test_a_balancer_that_is_not_sticky_sets_no_cookie() -> None:
    with HecBalancer(2, ack=True, sticky=False) as balancer:
        for _ in range(20):
            assert ask(balancer.server.port, "/event", b'{"event":1}', cookie=f"{COOKIE}=0")[2] == ""
        assert all(node.received for node in balancer.nodes)
