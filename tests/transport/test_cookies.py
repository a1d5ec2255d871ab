"""Cookies of a session: kept for the origin that set them, sent back to it, and to nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.model.destination import HttpSettings
from otelsiem.model.exchange import Answer, HttpRequest
from otelsiem.testing.http import HttpServer, Respond, Seen
from otelsiem.transport.cookies import COOKIES, JARS, Cookies
from otelsiem.transport.http import HttpTransport
from otelsiem.transport.target import target

HERE = target("https://lb.example.com:8088/services/collector/event?x=/y")
NOW = 1_790_000_000.0


def sent(*lines: str, to: str = HERE.key + HERE.path, later: float = 0.0, given_by: str = "") -> str:
    cookies = Cookies()
    cookies.keep("s", target(given_by) if given_by else HERE, lines, NOW)
    return cookies.header("s", target(to), NOW + later)


def test_two_sessions_and_two_origins_know_nothing_of_each_other() -> None:
    with HttpServer(lambda _: Respond(200, b"", {"Set-Cookie": "node=1; Path=/"})) as a, HttpServer() as b:
        transport = HttpTransport(HttpSettings())

        def cookie(server: HttpServer, session: str) -> str | None:
            assert isinstance(transport.perform(HttpRequest("GET", server.url, session=session)), Answer)
            return server.requests[-1].headers.get("cookie")

        assert [cookie(a, session) for session in ("", "", "one", "one", "two", "two", "")] == [
            None, None, None, "node=1", None, "node=1", None,
        ]  # fmt: skip
        assert cookie(b, "one") is None
        transport.close()


def test_a_cookie_follows_the_changes_that_the_peer_makes() -> None:
    told = iter(["a=1", "a=2; Max-Age=60", "a=; Max-Age=0", ""])

    def answer(_: Seen) -> Respond:
        said = next(told)
        return Respond(200, b"", {"Set-Cookie": said} if said else {})

    with HttpServer(answer) as server:
        transport = HttpTransport(HttpSettings())
        for _ in range(4):
            transport.perform(HttpRequest("GET", server.url, session="s"))
        transport.close()
        assert [seen.headers.get("cookie") for seen in server.requests] == [None, "a=1", "a=2", None]


def test_a_destinations_own_cookie_stands_before_them() -> None:
    with HttpServer(lambda _: Respond(200, b"", {"Set-Cookie": "node=1"})) as server:
        transport = HttpTransport(HttpSettings())
        for _ in range(2):
            transport.perform(HttpRequest("GET", server.url, {"Cookie": "own=x"}, session="s"))
        transport.close()
        assert [seen.headers["cookie"] for seen in server.requests] == ["own=x", "own=x; node=1"]


@pytest.mark.parametrize(
    ("line", "cookie"),
    [
        ("a=1", "a=1"),
        (" a = 1 ; HttpOnly; SameSite=None", "a=1"),
        ('a="x y"', 'a="x y"'),
        ("a=b=c", "a=b=c"),
        ("a=", "a="),
        ("a", ""),
        ("=1", ""),
        ("", ""),
        (";;", ""),
        ("a=\u00e9", ""),
        ("a=\x01", ""),
        ("a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT", ""),
        ("a=1; Expires=Wed, 21-Oct-2015 07:28:00 GMT", ""),
        ("a=1; Expires=Fri, 21 Oct 2050 07:28:00 GMT", "a=1"),
        ("a=1; Expires=soon", "a=1"),
        ("a=1; Expires=Fri, 99 Oct 99999999999 07:28:00 GMT", "a=1"),
        ("a=1; Max-Age=0", ""),
        ("a=1; Max-Age=-5", ""),
        ("a=1; Max-Age=x", "a=1"),
        ("a=1; Max-Age=60; Expires=Wed, 21 Oct 2015 07:28:00 GMT", "a=1"),
        ("a=1; Max-Age=" + "9" * 400, "a=1"),
        ("a=1; Domain=lb.example.com", "a=1"),
        ("a=1; Domain=.Example.com", "a=1"),
        ("a=1; Domain=other.com", ""),
        ("a=1; Domain=b.example.com", ""),
        ("a=1; Path=/", "a=1"),
        ("a=1; Path=/services", "a=1"),
        ("a=1; Path=/services/", "a=1"),
        ("a=1; Path=/serv", ""),
        ("a=1; Path=/other", ""),
        ("a=1; Path=relative", "a=1"),
        ("a=1; Secure", "a=1"),
        ("a=" + "x" * 4095, "a=" + "x" * 4095),
        ("a=" + "x" * 4096, ""),
    ],
)
def test_one_line_and_what_goes_back(line: str, cookie: str) -> None:
    assert sent(line) == cookie


def test_a_cookie_without_a_path_is_for_the_folder_of_the_request() -> None:
    assert sent("a=1", to=f"{HERE.key}/services/collector/ack") == "a=1"
    assert sent("a=1", to=f"{HERE.key}/services/other") == ""
    assert sent("a=1; Path=/", to=f"{HERE.key}/services/other") == "a=1"


def test_a_cookie_ends_when_it_said() -> None:
    assert sent("a=1; Max-Age=60", later=59) == "a=1"
    assert sent("a=1; Max-Age=60", later=61) == ""


@pytest.mark.parametrize("other", ["http://lb.example.com:8088", "https://lb.example.com", "https://example.com:8088"])
def test_a_cookie_goes_to_the_origin_alone_that_set_it(other: str) -> None:
    assert sent("a=1; Path=/; Domain=example.com", to=other + HERE.path) == ""


def test_plain_http_neither_sets_nor_gets_a_secure_cookie() -> None:
    plain = "http://lb.example.com:8088/"
    assert sent("a=1; Secure", "b=2", given_by=plain, to=plain) == "b=2"


def test_an_address_has_no_parent_domain() -> None:
    plain = "http://10.0.0.1:8088/"
    assert sent("a=1; Domain=0.0.1", "b=2; Domain=10.0.0.1", given_by=plain, to=plain) == "b=2"


def test_longer_paths_go_first_and_then_the_older_ones() -> None:
    assert sent("a=1; Path=/", "b=2; Path=/services", "c=3; Path=/") == "b=2; a=1; c=3"


def test_the_same_name_and_path_is_the_same_cookie() -> None:
    assert sent("a=1; Path=/", "a=2; Path=/services", "a=3; Path=/") == "a=2; a=3"


def test_no_peer_fills_our_memory() -> None:
    assert sent(*[f"c{n}=1" for n in range(COOKIES + 1)]).split("; ") == [f"c{n}=1" for n in range(1, COOKIES + 1)]
    cookies = Cookies()
    for n in range(JARS + 1):
        cookies.keep(f"s{n}", HERE, ["a=1"], NOW)
        cookies.header("s0", HERE, NOW)  # in use: it stays
    assert [cookies.header(f"s{n}", HERE, NOW) for n in (0, 1, 2)] == ["a=1", "", "a=1"]


@given(st.lists(st.text()))
def test_whatever_a_peer_says_a_header_line_comes_of_it(lines: list[str]) -> None:
    header = sent(*lines, *[f"a={line}" for line in lines], *[f"a=1;{line}" for line in lines])
    assert header.isascii()
    assert header.isprintable()
