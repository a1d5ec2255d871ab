"""Through a proxy: tunnels for https, absolute requests for http, and whose no it was."""

from __future__ import annotations

import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator

import pytest

from otelsiem.delivery.judge import judge
from otelsiem.model.destination import HttpSettings, TlsSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply
from otelsiem.model.outcome import Hold, Outcome, Retry
from otelsiem.testing.http import HttpServer, Respond
from otelsiem.transport.http import HttpTransport
from tests.transport.authority import Authority
from tests.transport.proxy import Proxy

Open = Callable[..., HttpTransport]
PASSWORD = "planted:se/cret"
BASIC = "Basic " + b64encode(f"me:{PASSWORD}".encode()).decode()
TYPED = "me:planted%3Ase%2Fcret"


@pytest.fixture
def through(authority: Authority) -> Iterator[Open]:
    opened: list[HttpTransport] = []

    def make(proxy: str, timeout: float = 10.0) -> HttpTransport:
        tls = TlsSettings(ca_file=str(authority.file))
        opened.append(HttpTransport(HttpSettings(timeout=timeout, tls=tls, proxy=proxy)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def origin(good: ssl.SSLContext) -> Iterator[HttpServer]:
    with HttpServer(lambda seen: Respond(200, seen.body), tls=good) as server:
        yield server


@pytest.fixture
def plain() -> Iterator[HttpServer]:
    with HttpServer(lambda seen: Respond(200, seen.body)) as server:
        yield server


def post(server: HttpServer, body: bytes = b"x" * 100_000) -> HttpRequest:
    return HttpRequest("POST", f"{server.url}/in?a=b", {"Authorization": "Splunk t"}, body)


def no(reply: Reply, kind: str, words: str, verdict: type[Outcome]) -> Failure:
    assert isinstance(reply, Failure), reply
    assert reply.kind == kind, reply
    assert words in reply.detail
    assert "\n" not in reply.detail
    assert isinstance(judge(reply, 0), verdict)
    for secret in (PASSWORD, TYPED, BASIC, "planted", "Splunk"):
        assert secret not in repr(reply)
    return reply


def test_https_goes_through_a_tunnel_that_is_kept(through: Open, origin: HttpServer) -> None:
    with Proxy() as proxy:
        carrier = through(proxy.url())
        for _ in range(3):
            reply = carrier.perform(post(origin))
            assert isinstance(reply, Answer), reply
            assert reply.body == b"x" * 100_000
        (asked,) = proxy.asked
        where = f"127.0.0.1:{origin.port}"
        assert (asked.method, asked.target, asked.headers["host"]) == ("CONNECT", where, where)
        assert "authorization" not in asked.headers
        assert {seen.target for seen in origin.requests} == {"/in?a=b"}


def test_http_goes_as_an_absolute_request(through: Open, plain: HttpServer) -> None:
    with Proxy(authorization=BASIC) as proxy:
        reply = through(proxy.url(TYPED)).perform(post(plain))
        assert isinstance(reply, Answer), reply
        assert reply.body == b"x" * 100_000
        (asked,) = proxy.asked
        assert (asked.method, asked.target) == ("POST", f"{plain.url}/in?a=b")
        assert asked.headers["host"] == f"127.0.0.1:{plain.port}"
        assert asked.headers["proxy-authorization"] == BASIC
        assert plain.requests[0].target == "/in?a=b"


def test_the_credentials_go_to_the_proxy_and_not_to_the_origin(through: Open, origin: HttpServer) -> None:
    with Proxy(authorization=BASIC) as proxy:
        assert isinstance(through(proxy.url(TYPED)).perform(post(origin)), Answer)
        assert proxy.asked[0].headers["proxy-authorization"] == BASIC
        assert "proxy-authorization" not in origin.requests[0].headers


@pytest.mark.parametrize("secure", [True, False], ids=["https", "http"])
def test_p3_a_proxy_that_wants_credentials_holds(
    through: Open, origin: HttpServer, plain: HttpServer, secure: bool
) -> None:
    server = origin if secure else plain
    with Proxy(authorization=BASIC) as proxy:
        named = f"the proxy 127.0.0.1:{proxy.port}: "
        none = no(through(proxy.url()).perform(post(server)), "proxy", "it wants credentials", Hold)
        wrong = no(through(proxy.url("me:wrong")).perform(post(server)), "proxy", "does not accept", Hold)
        assert none.detail.startswith(named)
        assert wrong.detail.startswith(named)
        assert (none.sent, wrong.sent) == (not secure, not secure)
    assert server.count == 0


@pytest.mark.parametrize(
    ("status", "kind", "verdict"),
    [(403, "proxy", Hold), (400, "proxy", Hold), (302, "proxy", Hold), (405, "proxy", Hold), (429, "connect", Retry),
     (500, "connect", Retry), (502, "connect", Retry), (503, "connect", Retry), (504, "connect", Retry)],
)  # fmt: skip
def test_p3_a_tunnel_that_the_proxy_refuses_is_not_the_origins_answer(
    through: Open, origin: HttpServer, status: int, kind: str, verdict: type[Outcome]
) -> None:
    with Proxy(status=status) as proxy:
        reply = no(through(proxy.url()).perform(post(origin)), kind, f"(HTTP {status})", verdict)
        assert reply.detail.startswith(f"the proxy 127.0.0.1:{proxy.port}: ")
        assert f"127.0.0.1:{origin.port}" in reply.detail
        assert not reply.sent


def test_what_the_origin_answers_through_a_tunnel_is_its_answer(through: Open, good: ssl.SSLContext) -> None:
    with HttpServer(lambda _: Respond(503), tls=good) as server, Proxy() as proxy:
        reply = through(proxy.url()).perform(post(server))
        assert isinstance(reply, Answer)
        assert reply.status == 503


def test_a_certificate_is_checked_through_the_tunnel(through: Open, authority: Authority) -> None:
    with HttpServer(tls=authority.certificate("far", "DNS:far.example")) as server, Proxy() as proxy:
        reply = no(through(proxy.url()).perform(post(server)), "tls", "host name mismatch", Hold)
        assert reply.detail.startswith(f"127.0.0.1:{server.port}: ")


def test_a_proxy_that_is_not_there_is_named(through: Open, origin: HttpServer) -> None:
    with Proxy() as proxy:
        pass
    reply = no(through(proxy.url(TYPED)).perform(post(origin)), "connect", "connection refused", Retry)
    assert reply.detail.startswith(f"the proxy 127.0.0.1:{proxy.port}: ")
    assert not reply.sent


def test_the_deadline_covers_the_proxy(through: Open, origin: HttpServer) -> None:
    with Proxy(status=0) as proxy:
        reply = no(through(proxy.url(), timeout=0.3).perform(post(origin)), "timeout", "waiting for the answer", Retry)
        assert reply.detail.startswith(f"the proxy 127.0.0.1:{proxy.port}: ")
        assert not reply.sent


def test_an_interrupt_ends_the_wait_for_a_proxy(through: Open, origin: HttpServer) -> None:
    replies: list[Reply] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        carrier = through(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60)
        thread = threading.Thread(target=lambda: replies.append(carrier.perform(post(origin))))
        thread.start()
        connection, _ = listener.accept()
        assert connection.recv(7) == b"CONNECT"
        carrier.interrupt()
        thread.join(5)
        connection.close()
    assert not no(replies[0], "reset", "interrupted", Retry).sent


@pytest.mark.parametrize(
    ("early", "kind"), [(b"HTTP/1.1 200 OK\r\n\r\n", "protocol"), (b"\x16\x03\x03\x00\x01x", "protocol")]
)
def test_a_proxy_that_speaks_for_the_origin_is_not_believed(
    through: Open, origin: HttpServer, early: bytes, kind: str
) -> None:
    with Proxy(early=early) as proxy:
        reply = no(through(proxy.url()).perform(post(origin)), kind, "before the peer can have", Hold)
        assert not reply.sent
    assert origin.count == 0


def test_nothing_is_taken_from_the_environment(
    through: Open, plain: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert isinstance(through("").perform(post(plain)), Answer)
    monkeypatch.setenv("NO_PROXY", "*")
    with Proxy() as proxy:
        assert isinstance(through(proxy.url()).perform(post(plain)), Answer)
        assert len(proxy.asked) == 1
