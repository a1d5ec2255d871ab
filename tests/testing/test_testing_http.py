"""The fake is judged by clients that are not ours: http.client, urllib, bare sockets."""

from __future__ import annotations

import http.client
import socket
import struct
import threading

import pytest

from otelsiem.testing.http import Hang, Hangup, HttpServer, Raw, Reset, Respond, Script, page


def post(server: HttpServer, body: bytes = b"x") -> tuple[int, bytes, http.client.HTTPMessage]:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        client.request("POST", "/path?a=1&a=2&b=3", body, {"X-Test": "yes"})
        answer = client.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        client.close()


def test_a_request_is_seen_whole() -> None:
    with HttpServer() as server:
        assert post(server, b"y" * 500_000)[:2] == (200, b"")
    (seen,) = server.requests
    assert (seen.method, seen.path, seen.query) == ("POST", "/path", {"a": "2", "b": "3"})
    assert seen.headers["x-test"] == "yes"
    assert seen.body == b"y" * 500_000


def test_one_connection_serves_many_requests() -> None:
    with HttpServer(lambda seen: Respond(200, seen.body)) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        for n in range(5):
            client.request("POST", "/", str(n).encode())
            assert client.getresponse().read() == str(n).encode()
        client.close()
        assert (server.connections, server.count) == (1, 5)


@pytest.mark.parametrize(
    "answer",
    [Respond(200, b"z" * 2500, chunked=True), Respond(200, b"z" * 2500, continues=2), Respond(200, b"z" * 2500)],
)
def test_answers_are_framed_as_http(answer: Respond) -> None:
    with HttpServer(lambda _: answer) as server:
        assert post(server)[:2] == (200, b"z" * 2500)


def test_a_chunked_request_is_read() -> None:
    with HttpServer() as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        client.request("POST", "/", iter([b"one", b"two" * 1000]))
        assert client.getresponse().status == 200
        client.close()
    assert server.requests[0].body == b"one" + b"two" * 1000


def test_a_client_that_expects_100_continue_gets_it_before_it_sends() -> None:
    with HttpServer() as server, socket.create_connection(("127.0.0.1", server.port), 5) as client:
        client.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"ok")
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_html_page_is_html() -> None:
    with HttpServer(lambda _: page(502, "Bad Gateway", {"Retry-After": "3"})) as server:
        status, body, headers = post(server)
    assert (status, headers["Retry-After"], headers["Content-Type"]) == (502, "3", "text/html; charset=UTF-8")
    assert b"<h1>502 Bad Gateway</h1>" in body


def test_a_reset_is_an_rst() -> None:
    with HttpServer(lambda _: Reset()) as server, pytest.raises(ConnectionResetError):
        post(server)


def test_a_hangup_is_a_fin() -> None:
    with HttpServer(lambda _: Hangup()) as server, pytest.raises(http.client.RemoteDisconnected):
        post(server)


def test_raw_bytes_and_cut_answers_go_out_as_they_are() -> None:
    for step in (Raw(b"HTTP/1.1 200 OK"), Respond(200, b"x", cut=15)):
        server = HttpServer(Script([step]))
        with server, socket.create_connection(("127.0.0.1", server.port), 5) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.recv(1000) == b"HTTP/1.1 200 OK"
            assert client.recv(1000) == b""


def test_a_hang_lasts_until_it_is_released() -> None:
    failed = threading.Event()

    def client() -> None:
        with pytest.raises(http.client.RemoteDisconnected):
            post(server)
        failed.set()

    with HttpServer(lambda _: Hang()) as server:
        thread = threading.Thread(target=client)
        thread.start()
        server.wait_for(1)
        assert not failed.is_set()
        server.release()
        assert failed.wait(5)
        thread.join()


def test_a_dripping_answer_comes_byte_by_byte() -> None:
    with HttpServer(lambda _: Respond(200, b"abc", drip=0.01)) as server:
        assert post(server)[1] == b"abc"


def test_early_strikes_before_the_body_is_read() -> None:
    server = HttpServer(early=lambda head: Respond(413, close=True) if head.path == "/path" else None)
    with server, socket.create_connection(("127.0.0.1", server.port), 5) as client:
        client.sendall(b"POST /path HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")  # and the body never comes
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")
    assert server.requests[0].body == b""


def test_a_script_is_followed_and_then_the_rest() -> None:
    with HttpServer(Script([Respond(503), Respond(429)], rest=lambda seen: Respond(200, seen.body))) as server:
        assert [post(server, b"b")[:2] for _ in range(4)] == [(503, b""), (429, b""), (200, b"b"), (200, b"b")]


def test_down_refuses_and_up_listens_on_the_same_port() -> None:
    with HttpServer() as server:
        port = server.port
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        client.request("GET", "/")
        client.getresponse().read()
        server.down()
        with pytest.raises(ConnectionRefusedError):
            post(server)
        assert client.sock.recv(1) == b""  # open connections ended as well
        client.close()
        server.up()
        assert server.port == port
        assert post(server)[0] == 200


def test_keep_false_counts_without_remembering() -> None:
    with HttpServer(keep=False) as server:
        post(server)
        server.wait_for(1)
    assert (server.count, server.requests) == (1, [])


def test_wait_for_says_how_many_came() -> None:
    with HttpServer() as server:
        post(server)
        with pytest.raises(TimeoutError, match="1 requests came"):
            server.wait_for(2, timeout=0.01)


def test_a_client_that_goes_away_or_talks_nonsense_hurts_nobody() -> None:
    with HttpServer() as server:
        for data in (b"", b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc", b"nonsense\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.port), 5) as client:
                client.sendall(data)
        with socket.create_connection(("127.0.0.1", server.port), 5) as client:
            client.sendall(b"POST / HTTP/1.1\r\n")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert post(server)[0] == 200
        assert server.count == 1
