"""Of a request only what can be believed, whatever a client writes."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.integrations._request import LONGEST, Answered, Door, changes_and_denials, client

ADDRESSES = st.ip_addresses().map(str)
FORGED = st.text(max_size=60) | st.lists(ADDRESSES | st.just("unknown")).map(", ".join)


@given(st.lists(ADDRESSES, min_size=1, max_size=4), FORGED, st.booleans())
def test_what_a_client_forges_changes_nothing(seen: list[str], forged: str, spaces: bool) -> None:
    """`seen`: the client and all trusted proxies but the last, whose address the peer's is."""
    written = (", " if spaces else ",").join(seen)
    assert client("192.0.2.1", written, len(seen)) == seen[0]
    assert client("192.0.2.1", f"{forged},{written}", len(seen)) == seen[0]


@given(st.text(), st.text(), st.integers(0, 5))
def test_an_address_is_one_or_nothing(peer: str, forwarded: str, proxies: int) -> None:
    found = client(peer, forwarded, proxies)
    assert found == "" or str(ipaddress.ip_address(found)) == found


def test_without_trusted_proxies_the_header_is_not_read() -> None:
    asked: list[str] = []

    def header(name: str) -> str:
        asked.append(name)
        return "203.0.113.9"

    facts = Door("tests", 0, None, "x-request-id", None).facts("GET", "/", ("192.0.2.1", 4711), header)
    assert (facts["client.address"], facts["client.port"]) == ("192.0.2.1", 4711)
    assert sorted(asked) == ["user-agent", "x-request-id"]


@given(st.dictionaries(st.sampled_from(["user-agent", "x-request-id", "x-forwarded-for"]), st.text()), st.text())
def test_facts_are_bounded_texts(headers: dict[str, str], path: str) -> None:
    facts = Door("tests", 2, None, "X-Request-ID", None).facts(
        "GET", path, ("", None), lambda name: headers.get(name, "")
    )
    assert facts["http.request.method"] == "GET"
    assert facts["http.request.id"]
    assert all(isinstance(fact, str) and 0 < len(fact) <= LONGEST for fact in facts.values())
    assert facts.keys() <= {
        "http.request.method", "http.request.id", "url.path", "user_agent.original", "client.address",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "error", "outcome"),
    [(0, "", "unknown"), (0, "x", "failure"), (204, "", "success"), (302, "", "success"), (200, "x", "failure"),
     (404, "", "failure"), (503, "x", "failure")],
)  # fmt: skip
def test_outcome_by_status(status: int, error: str, outcome: str) -> None:
    assert Answered("GET", "/", "", status, error).outcome == outcome


@given(st.sampled_from(["GET", "HEAD", "OPTIONS", "TRACE", "POST", "PATCH", "", "get"]), st.integers(100, 599))
def test_the_default_rule(method: str, status: int) -> None:
    safe = method in {"GET", "HEAD", "OPTIONS", "TRACE"}
    assert changes_and_denials(Answered(method, "/", "", status, "")) == (not safe or status in {401, 403})


def test_a_request_is_told_once() -> None:
    told: list[Any] = []

    class Log:
        def audit(self, event: str, /, **attributes: Any) -> None:
            told.append((event, attributes["outcome"]))

    door = Door("tests", 0, None, "", Log())  # type: ignore[arg-type]  # all that is asked of one
    visit = door.begin(door.facts("POST", "/", ("", 0), lambda _: ""))
    visit.answered(200)
    visit.failed(ValueError())
    visit.answered(500)
    visit.end()
    assert told == [("http_request", "success")]
