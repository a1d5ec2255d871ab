"""HTTP to a gateway, against a server on a socket that answers as told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from otelsiem.cli import client
from otelsiem.cli.access import Access
from otelsiem.cli.exits import CommandError
from tests.cli.server import Server, free_port


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def gateway(server: Server) -> Iterator[client.Gateway]:
    with client.Gateway(server.base, "t0ken") as api:
        yield api


def test_every_order_carries_the_token_and_says_what_it_wants(server: Server, gateway: client.Gateway) -> None:
    server.say("/api/v1/dead-letters", {"dead_letters": [{"position": 1}], "more": True})
    server.say("/api/v1/dead-letters/replay", {"replayed": 2})
    server.say("/api/v1/dead-letters/purge", {"purged": 3})
    server.say("/api/v1/fates", {"fates": {"file": {"kind": "delivered"}}})
    server.say("/api/v1/status", {"held": {"file": "disk"}})
    assert gateway.dead_letters("splunk_hec/soc", 5, 10) == ([{"position": 1}], True)
    assert gateway.replay("splunk_hec/soc", [1, 2]) == 2
    assert gateway.purge("door/logs", None) == 3
    assert gateway.fates(client.Receipt("logs/eu", 12)) == {"file": {"kind": "delivered"}}
    assert gateway.held() == {"file": "disk"}
    assert [(a.method, a.path) for a in server.asked] == [
        ("GET", "/api/v1/dead-letters?exporter=splunk_hec%2Fsoc&limit=5&offset=10"),
        ("POST", "/api/v1/dead-letters/replay"),
        ("POST", "/api/v1/dead-letters/purge"),
        ("GET", "/api/v1/fates?pipeline=logs%2Feu&position=12"),
        ("GET", "/api/v1/status"),
    ]
    assert server.asked[1].json == {"exporter": "splunk_hec/soc", "positions": [1, 2]}
    assert server.asked[2].json == {"exporter": "door/logs", "positions": None}
    assert {a.headers["authorization"] for a in server.asked} == {"Bearer t0ken"}


def test_a_redirect_is_not_followed_and_the_token_stays(server: Server, gateway: client.Gateway) -> None:
    with Server() as elsewhere:
        elsewhere.say("/api/v1/dead-letters", {"dead_letters": [], "more": False})
        server.say("/api/v1/dead-letters", {}, 307, {"location": f"{elsewhere.base}/api/v1/dead-letters"})
        with pytest.raises(CommandError, match="is not an otelsiem gateway"):
            gateway.dead_letters("", 1, 0)
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (409, {"error": "the journal is full"}, "the gateway says: the journal is full"),
        (401, {"error": "send Authorization"}, "does not accept the token of this journal's directory"),
        (404, "<html>nginx</html>", r"is not an otelsiem gateway of this version \(HTTP 404\)"),
        (200, "not json", "is not an otelsiem gateway"),
        (200, [], "is not an otelsiem gateway"),
        (200, {"dead_letters": 5}, "is not an otelsiem gateway"),
        (200, {"dead_letters": [5]}, "is not an otelsiem gateway"),
        (200, "[" * 100_000, "is not an otelsiem gateway"),
        (500, {"error": 7}, "HTTP 500"),
    ],
)
def test_whatever_answers_becomes_a_sentence(
    server: Server, gateway: client.Gateway, status: int, body: object, said: str
) -> None:
    server.say("/api/v1/dead-letters", body, status)
    with pytest.raises(CommandError, match=said):
        gateway.dead_letters("", 1, 0)


def test_nobody_there_is_told_apart() -> None:
    with client.Gateway(f"http://127.0.0.1:{free_port()}", "x") as api, pytest.raises(client.AbsentError):
        api.dead_letters("", 1, 0)


def test_the_token_is_in_no_repr(gateway: client.Gateway) -> None:
    assert "t0ken" not in repr(gateway)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ("logs/12", [client.Receipt("logs", 12)]),
        ("logs/0, logs/eu/7", [client.Receipt("logs", 0), client.Receipt("logs/eu", 7)]),
    ],
)
def test_receipts(header: str, found: list[client.Receipt]) -> None:
    assert client.receipts(header) == found


@pytest.mark.parametrize("header", ["logs", "/12", "logs/x", "logs/-1", "logs/"])
def test_a_receipt_of_another_version_is_said(header: str) -> None:
    with pytest.raises(CommandError, match="the receipt cannot be read"):
        client.receipts(header)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (400, {"message": "no such field"}, "not taken: HTTP 400 from .*: no such field"),
        (503, "", "not taken: HTTP 503"),
        (301, "", "not taken: HTTP 301"),
        (200, {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "hash"}}, "not taken: hash"),
        (200, {"partialSuccess": {"rejectedLogRecords": 1}}, "not taken: the gateway refused the record"),
    ],
)
def test_what_was_not_taken_is_said(server: Server, status: int, body: object, said: str) -> None:
    server.say("/v1/logs", body, status)
    with pytest.raises(CommandError, match=said):
        client.post(Access(f"{server.base}/v1/logs", local=True), {}, 5)


def test_a_warning_of_partial_success_is_still_taken(server: Server) -> None:
    server.say("/v1/logs", {"partialSuccess": {"errorMessage": "odd"}}, headers={"x-otelsiem-receipt": "logs/3"})
    assert client.post(Access(f"{server.base}/v1/logs", local=True), {}, 5) == [client.Receipt("logs", 3)]
    assert server.asked[0].headers["x-otelsiem-receipt"] == "1"
