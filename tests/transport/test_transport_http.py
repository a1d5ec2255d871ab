from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.model.destination import HttpSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, WriteRequest
from otelsiem.testing.http import Hang, Hangup, HttpServer, Raw, Reset, Respond, Script, Seen, Step
from otelsiem.transport.call import Calls
from otelsiem.transport.connection import Connection
from otelsiem.transport.http import HttpTransport
from otelsiem.transport.response import Response
from otelsiem.transport.target import target
from otelsiem.transport.transport import Transport, open_transport
from tests.examples import some

Open = Callable[..., HttpTransport]
Serve = Callable[..., HttpServer]
BODY = b"z" * 300_000  # more than a socket buffer of the first moment takes


@pytest.fixture
def transport() -> Iterator[Open]:
    opened: list[HttpTransport] = []

    def make(timeout: float = 5.0, **rest: object) -> HttpTransport:
        opened.append(HttpTransport(HttpSettings(timeout=timeout, **rest)))  # type: ignore[arg-type]  # test rows
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[HttpServer] = []

    def make(step: Step | Callable[[Seen], Step], **rest: object) -> HttpServer:
        handler = step if callable(step) else lambda _: step
        servers.append(HttpServer(handler, **rest))  # type: ignore[arg-type]  # test rows
        servers[-1].start()
        return servers[-1]

    yield make
    for one in servers:
        one.stop()


def post(server: HttpServer, body: bytes = b"x", path: str = "/in?channel=hidden") -> HttpRequest:
    return HttpRequest("POST", server.url + path, {"Authorization": "Splunk planted-secret"}, body)


def failure(reply: object, kind: str) -> Failure:
    assert isinstance(reply, Failure), reply
    assert reply.kind == kind, reply
    assert "\n" not in reply.detail
    for secret in ("hidden", "planted-secret", "Splunk"):
        assert secret not in reply.detail
    return reply


def test_a_request_arrives_whole_and_its_answer_too(transport: Open, serve: Serve) -> None:
    server = serve(Respond(201, b"taken", {"X-One": "a", "x-one": "b", "Content-Type": "text/plain"}))
    reply = transport().perform(post(server, BODY))
    assert isinstance(reply, Answer)
    assert (reply.status, reply.body) == (201, b"taken")
    assert reply.headers["x-one"] == "a, b"
    assert reply.headers["content-type"] == "text/plain"
    (seen,) = server.requests
    assert (seen.method, seen.target, seen.body) == ("POST", "/in?channel=hidden", BODY)
    assert seen.headers == {
        "host": f"127.0.0.1:{server.port}",
        "authorization": "Splunk planted-secret",
        "content-length": str(len(BODY)),
        "accept-encoding": "identity",
    }


def test_open_transport_chooses_http(serve: Serve) -> None:
    server = serve(Respond(204))
    chosen: Transport = open_transport(HttpSettings())
    assert chosen.perform(HttpRequest("GET", server.url)) == Answer(204, {})
    chosen.close()


@pytest.mark.parametrize(
    "reply",
    [
        Respond(200, b"y" * 5000, chunked=True),
        Respond(200, b"y" * 5000, continues=3),
        Respond(200, b"y" * 5000, close=True),
        Respond(200, b"y" * 5000),
    ],
    ids=["chunked", "after 100 Continue", "closing", "plain"],
)
def test_every_framing_of_an_answer_is_read(transport: Open, serve: Serve, reply: Respond) -> None:
    carrier, server = transport(), serve(reply)
    for _ in range(3):
        answer = carrier.perform(post(server))
        assert isinstance(answer, Answer)
        assert answer.body == reply.body
    assert server.connections == (3 if reply.close else 1)


def test_no_redirect_is_followed_no_cookie_kept_nothing_logged(
    transport: Open, serve: Serve, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    caplog.set_level(logging.INFO)
    server = serve(Respond(302, b"", {"Location": "/elsewhere", "Set-Cookie": "a=b"}))
    carrier = transport()
    for _ in range(2):
        reply = carrier.perform(post(server))
        assert isinstance(reply, Answer)
        assert reply.status == 302
    assert [(seen.path, seen.headers.get("cookie")) for seen in server.requests] == [("/in", None)] * 2
    assert caplog.records == []


# --- faults


def test_the_deadline_cuts_a_server_that_drips(transport: Open, serve: Serve) -> None:
    server = serve(Respond(200, b"x" * 100, drip=0.05))
    begin = time.monotonic()
    failed = failure(transport(0.3).perform(post(server)), "timeout")
    assert failed.sent
    assert "while the answer came" in failed.detail
    assert time.monotonic() - begin < 3  # the drip would last 5 s


def test_the_deadline_cuts_a_server_that_does_not_read(transport: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        failed = failure(transport(0.2).perform(HttpRequest("POST", url, {}, b"x" * (32 << 20))), "timeout")
    assert failed.sent


def test_the_deadline_cuts_a_server_that_hangs(transport: Open, serve: Serve) -> None:
    failed = failure(transport(0.1).perform(post(serve(Hang()))), "timeout")
    assert failed.sent
    assert "waiting for the answer" in failed.detail


def test_the_deadline_covers_the_wait_for_a_connection(transport: Open, serve: Serve) -> None:
    carrier, server = transport(0.3, connections=1), serve(Respond())
    where = target(server.url)
    held = carrier._pool.take(where, Calls().begin(time.monotonic() + 60, where.peer))
    failed = failure(carrier.perform(post(server)), "timeout")
    assert "waiting for one of 1 connections" in failed.detail
    assert not failed.sent
    assert server.count == 0
    carrier._pool.give_back(held, keep=True)
    assert isinstance(carrier.perform(post(server)), Answer)


@pytest.mark.parametrize("step", [Reset(), Hangup(), Respond(200, b"x" * 100, cut=70)], ids=["rst", "fin", "cut"])
def test_a_connection_that_ends_after_the_body_left_is_never_sent_again(
    transport: Open, serve: Serve, step: Step
) -> None:
    carrier = transport()
    server = serve(Script([Respond(), step, Respond()]))
    assert isinstance(carrier.perform(post(server)), Answer)  # the second request meets a kept connection
    failed = failure(carrier.perform(post(server)), "reset")
    assert failed.sent
    assert server.count == 2
    assert isinstance(carrier.perform(post(server)), Answer)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "protocol"),
        (b"HTTP/1.1 what ever\r\n\r\n", "protocol"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "reset"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 30_000, "protocol"),
        (b"", "reset"),
    ],
    ids=["ssh", "bad status line", "tls alert", "half a head", "endless head", "nothing"],
)
def test_what_is_not_an_answer_is_a_failure(transport: Open, serve: Serve, data: bytes, kind: str) -> None:
    assert failure(transport().perform(post(serve(Raw(data)))), kind).sent


def test_plain_http_to_a_tls_port_says_so(transport: Open, serve: Serve) -> None:
    failed = failure(transport().perform(post(serve(Raw(b"\x15\x03\x01\x00\x02\x02\x46")))), "protocol")
    assert "https" in failed.detail


def test_a_large_answer_is_not_read_to_its_end(transport: Open, serve: Serve) -> None:
    server = serve(Respond(200, b"x" * 2000, chunked=True))
    assert failure(transport(max_reply=1999).perform(post(server)), "oversize").sent
    assert isinstance(transport(max_reply=2000).perform(post(server)), Answer)


def test_an_answer_before_the_body_was_read_is_heard(transport: Open, serve: Serve) -> None:
    server = serve(Respond(), early=lambda _: Respond(413, b"too big", close=True))
    reply = transport().perform(post(server, b"x" * 5_000_000))
    assert isinstance(reply, Answer), reply
    assert (reply.status, reply.body) == (413, b"too big")


def test_nobody_listening_is_a_connect_failure(transport: Open, serve: Serve) -> None:
    server = serve(Respond())
    server.down()
    failed = failure(transport().perform(post(server)), "connect")
    assert not failed.sent
    assert failed.detail == f"127.0.0.1:{server.port}: connection refused"


def test_an_unknown_host_is_a_resolve_failure(transport: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    _names(monkeypatch, lambda: socket.gaierror(socket.EAI_NONAME, "unknown"))
    failed = failure(transport().perform(HttpRequest("GET", "http://no-such-host.invalid/")), "resolve")
    assert failed == Failure("resolve", "no-such-host.invalid:80: no such host", sent=False)


def test_a_name_server_that_is_down_for_now_is_not_an_unknown_host(
    transport: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    _names(monkeypatch, lambda: socket.gaierror(socket.EAI_AGAIN, "try again"))
    failure(transport().perform(HttpRequest("GET", "http://some-host.invalid/")), "connect")


def test_the_deadline_covers_the_name_server(transport: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def slow() -> OSError:
        release.wait(10)
        return socket.gaierror(socket.EAI_NONAME, "unknown")

    _names(monkeypatch, slow)
    assert not failure(transport(0.1).perform(HttpRequest("GET", "http://slow.invalid/")), "timeout").sent
    release.set()


def _names(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], OSError]) -> None:
    real = socket.getaddrinfo

    def ask(host: str, port: int, *, type: int = 0, flags: int = 0) -> object:
        if flags & socket.AI_NUMERICHOST or not host.endswith(".invalid"):
            return real(host, port, type=type, flags=flags)
        raise answer()

    monkeypatch.setattr(socket, "getaddrinfo", ask)


def test_the_second_address_is_tried_when_the_first_refuses(
    transport: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(Respond())
    real = socket.getaddrinfo

    def both(host: str, port: int, *, type: int = 0, flags: int = 0) -> object:
        if flags & socket.AI_NUMERICHOST:
            return real(host, port, type=type, flags=flags)
        return [(socket.AF_INET, type, 6, "", ("127.0.0.2", port)), (socket.AF_INET, type, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    reply = transport().perform(HttpRequest("GET", f"http://two-addresses.invalid:{server.port}/"))
    assert isinstance(reply, Answer)


def test_an_address_that_swallows_packets_leaves_time_for_the_next(
    transport: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(Respond())
    real = socket.getaddrinfo

    def both(host: str, port: int, *, type: int = 0, flags: int = 0) -> object:
        if flags & socket.AI_NUMERICHOST:
            return real(host, port, type=type, flags=flags)
        return [(socket.AF_INET, type, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with _swallowing("127.0.0.2", server.port):
        reply = transport(0.6).perform(HttpRequest("GET", f"http://two-addresses.invalid:{server.port}/"))
    assert isinstance(reply, Answer), reply


@contextmanager
def _swallowing(host: str, port: int = 0) -> Iterator[tuple[str, int]]:
    """A listener whose backlog is full: Linux lets the next SYN wait."""
    with socket.create_server((host, port), backlog=0) as listener:
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x/",
        "http://",
        "no url",
        "http://x:port/",
        "http://x/\u00e9",
        "http://" + "a" * 70 + "/",
        "",
        "http://[::1",
    ],
)
def test_an_unusable_url_is_a_failure_that_does_not_quote_it(transport: Open, url: str) -> None:
    failed = failure(transport().perform(HttpRequest("GET", url)), "protocol")
    assert not failed.sent


def test_a_header_that_would_break_the_request_is_a_failure(transport: Open, serve: Serve) -> None:
    server = serve(Respond())
    request = HttpRequest("POST", server.url, {"X": "planted-secret\r\nInjected: yes"}, b"x")
    assert not failure(transport().perform(request), "protocol").sent
    assert server.count == 0


def test_a_request_for_a_file_is_a_failure(transport: Open) -> None:
    failure(transport().perform(WriteRequest(b"x\n")), "protocol")


def test_an_error_nobody_thought_of_is_a_failure(
    transport: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise RuntimeError("planted-secret")

    monkeypatch.setattr(Response, "body", broken)
    carrier, server = transport(connections=1), serve(Respond())
    assert failure(carrier.perform(post(server)), "protocol").sent
    monkeypatch.undo()
    assert isinstance(carrier.perform(post(server)), Answer)  # and the connection was given back


# --- kept connections


def test_a_connection_closed_while_idle_is_not_used(
    transport: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otelsiem.transport.connection._TCP_INFO", None)  # no second chance, and looks as elsewhere
    carrier, server = transport(), serve(Respond(200, b"ok", hangup=True))
    for _ in range(5):
        assert isinstance(carrier.perform(post(server, b"")), Answer)  # all head: once written it counts as sent
        server.drop()
    assert server.count == 5


def test_of_too_many_idle_connections_the_oldest_is_closed(transport: Open, serve: Serve) -> None:
    servers = [serve(Respond()) for _ in range(3)]
    carrier = transport(idle_connections=2)
    for server in servers:
        assert isinstance(carrier.perform(post(server)), Answer)
    assert len(carrier._pool._idle) == 2  # the oldest had to go
    for server in servers[1:]:
        assert isinstance(carrier.perform(post(server)), Answer)
    assert [server.connections for server in servers] == [1, 1, 1]


def test_a_connection_idle_for_too_long_is_not_used_again(transport: Open, serve: Serve) -> None:
    servers = [serve(Respond()) for _ in range(2)]
    carrier = transport(idle_seconds=0.0)
    for server in (*servers, *servers):
        assert isinstance(carrier.perform(post(server)), Answer)
    assert [server.connections for server in servers] == [2, 2]
    assert carrier._pool._idle == []  # and the other one was not left open either


def test_without_keep_alives_every_request_says_so_and_has_a_connection(transport: Open, serve: Serve) -> None:
    server = serve(Respond())
    carrier = transport(idle_connections=0)
    for _ in range(3):
        assert isinstance(carrier.perform(post(server)), Answer)
    assert server.connections == 3
    assert {seen.headers["connection"] for seen in server.requests} == {"close"}


def test_what_is_said_on_an_idle_connection_answers_no_request(transport: Open) -> None:
    said = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        carrier = transport()
        request = HttpRequest("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/")
        served: list[socket.socket] = []

        def serve_twice() -> None:
            for _ in range(2):
                peer, _ = listener.accept()
                served.append(peer)
                peer.recv(65536)
                peer.sendall(said)

        thread = threading.Thread(target=serve_twice, daemon=True)
        thread.start()
        assert isinstance(carrier.perform(request), Answer)
        served[0].sendall(said.replace(b"ok", b"no"))  # nobody asked
        (idle,) = carrier._pool._idle
        assert select.select([idle._sock], [], [], 5)[0]
        reply = carrier.perform(request)
        thread.join(5)
        for peer in served:
            peer.close()
    assert isinstance(reply, Answer)
    assert reply.body == b"ok"
    assert len(served) == 2


def test_a_connection_on_which_more_came_than_was_asked_is_not_used_again(transport: Open, serve: Serve) -> None:
    said = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    server = serve(Respond(200, said + said, {"content-length": "0"}))
    carrier = transport()
    for _ in range(3):
        reply = carrier.perform(post(server))
        assert isinstance(reply, Answer)
        assert reply.body == b""  # never what was said before it was asked
    assert server.connections == 3


def test_a_waiting_courier_is_interrupted_too(transport: Open, serve: Serve) -> None:
    carrier, server = transport(60, connections=1), serve(Hang())
    replies: list[object] = []
    threads = [threading.Thread(target=lambda: replies.append(carrier.perform(post(server)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    server.wait_for(1)
    carrier.interrupt()
    for thread in threads:
        thread.join(5)
    assert server.count == 1
    assert sorted(failure(reply, "reset").sent for reply in replies) == [False, False, True]


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer's FIN comes after the look at the idle connection: the race that proof is needed for."""
    monkeypatch.setattr(Connection, "has_ended", lambda _: False)


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="the proof needs TCP_INFO (Linux)")
@pytest.mark.usefixtures("blind")
@pytest.mark.parametrize("body", [b"x", BODY, b""], ids=["small", "large", "none"])
def test_a_request_that_met_a_closed_connection_goes_again_silently(transport: Open, serve: Serve, body: bytes) -> None:
    carrier, server = transport(), serve(Respond(200, b"ok", hangup=True))
    for _ in range(5):
        assert isinstance(carrier.perform(post(server, body)), Answer)
        server.drop()
    assert server.count == 5  # none came twice


def test_a_reset_proves_nothing_even_if_nothing_was_acknowledged(
    transport: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "has_ended", lambda _: False)
    stuck = (1, 0, 0)  # as within a delayed acknowledgement
    monkeypatch.setattr("otelsiem.transport.connection._counts", lambda _: stuck)
    carrier = transport()

    def early(head: Seen) -> Step | None:
        if int(head.headers["content-length"]) == 1:
            return None
        while not any(call.sent for call in list(carrier._calls._active)):
            time.sleep(0.001)  # the reset must strike a body that is on its way
        return Reset()

    server = serve(Respond(), early=early)
    assert isinstance(carrier.perform(post(server)), Answer)
    assert failure(carrier.perform(post(server, b"x" * (32 << 20))), "reset").sent
    assert server.count == 2


@pytest.mark.usefixtures("blind")
def test_without_proof_a_closed_connection_is_a_failure(
    transport: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otelsiem.transport.connection._TCP_INFO", None)
    carrier, server = transport(), serve(Respond(200, b"ok", hangup=True))
    assert isinstance(carrier.perform(post(server, b"")), Answer)
    server.drop()
    failure(carrier.perform(post(server, b"")), "reset")
    assert server.count == 1


def test_several_couriers_share_a_transport(transport: Open, serve: Serve) -> None:
    carrier, server = transport(connections=4), serve(lambda seen: Respond(200, seen.body))
    wrong: list[object] = []

    def courier(name: int) -> None:
        for n in range(60):
            body = f"{name}:{n}".encode() * 100
            reply = carrier.perform(post(server, body))
            if not isinstance(reply, Answer) or reply.body != body:
                wrong.append(reply)

    threads = [threading.Thread(target=courier, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert server.count == 480
    assert server.connections <= 4


# --- interrupts


@pytest.mark.parametrize("step", [Hang(), Respond(200, b"x" * 1000, drip=0.05)], ids=["waiting", "reading"])
def test_an_interrupt_ends_a_request_in_progress(transport: Open, serve: Serve, step: Step) -> None:
    carrier, server = transport(60), serve(step)
    _interrupted(carrier, post(server), lambda: server.wait_for(1))


def test_an_interrupt_ends_a_send(transport: Open) -> None:
    carrier = transport(60)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        taken: list[socket.socket] = []  # accepted and never read
        _interrupted(
            carrier, HttpRequest("POST", url, {}, b"x" * (32 << 20)), lambda: taken.append(listener.accept()[0])
        )
        taken[0].close()


def test_an_interrupt_ends_a_lookup(transport: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, release = threading.Event(), threading.Event()

    def slow() -> OSError:
        asked.set()
        release.wait(10)
        return socket.gaierror(socket.EAI_NONAME, "unknown")

    _names(monkeypatch, slow)
    _interrupted(transport(60), HttpRequest("GET", "http://slow.invalid/"), lambda: asked.wait(5))
    release.set()


def test_an_interrupt_ends_a_connect(transport: Open) -> None:
    with _swallowing("127.0.0.1") as (host, port):
        started = threading.Event()  # nothing tells that a connect waits
        _interrupted(transport(60), HttpRequest("GET", f"http://{host}:{port}/"), lambda: started.wait(0.2))


def _interrupted(carrier: HttpTransport, request: HttpRequest, begun: Callable[[], object]) -> None:
    replies: list[object] = []
    thread = threading.Thread(target=lambda: replies.append(carrier.perform(request)))
    thread.start()
    begun()
    carrier.interrupt()
    thread.join(5)
    assert not thread.is_alive()
    assert "interrupted" in failure(replies[0], "reset").detail
    later = carrier.perform(request)
    assert "interrupted" in failure(later, "reset").detail
    assert not failure(later, "reset").sent


def test_close_waits_for_what_it_interrupts(transport: Open, serve: Serve) -> None:
    carrier, server = transport(60), serve(Hang())
    replies: list[object] = []
    thread = threading.Thread(target=lambda: replies.append(carrier.perform(post(server))))
    thread.start()
    server.wait_for(1)
    carrier.close()
    thread.join(5)
    failure(replies[0], "reset")


# --- whatever a peer sends

_LINE = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b""))


@settings(deadline=None, max_examples=some(40))
@given(st.one_of(st.binary(max_size=300), st.lists(_LINE).map(lambda x: b"HTTP/1.1 200 OK\r\n" + b"\r\n".join(x))))
def test_no_answer_makes_it_raise(data: bytes) -> None:
    with HttpServer(lambda _: Raw(data)) as server:
        carrier = HttpTransport(HttpSettings(timeout=2))
        assert isinstance(carrier.perform(HttpRequest("POST", server.url, {}, b"x")), (Answer, Failure))
        carrier.close()


def test_the_module_needs_no_ssl_context_for_plain_http(
    transport: Open, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> ssl.SSLContext:
        raise AssertionError

    monkeypatch.setattr("otelsiem.transport.tls.client_context", never)
    assert isinstance(transport().perform(post(serve(Respond()))), Answer)
