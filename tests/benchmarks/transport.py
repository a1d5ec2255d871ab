"""CPU of one outgoing request, ours beside httpcore (what we sent with before) and http.client, in turns.

    .venv/bin/python -m tests.benchmarks.transport [REQUESTS]

The server is another process that answers as Splunk does; what counts is the user and system time of the client.
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

ROUNDS = 5
SIZES = (200_000, 2_000)
HEADERS = {"Authorization": "Splunk 11111111-2222", "Content-Type": "application/json", "Content-Encoding": "gzip"}
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Fri, 20 Nov 2026 10:00:00 GMT\r\nContent-Type: application/json; charset=UTF-8\r\n"
    b"X-Content-Type-Options: nosniff\r\nContent-Length: 27\r\nVary: Authorization\r\nConnection: Keep-Alive\r\n"
    b'X-Frame-Options: SAMEORIGIN\r\nServer: Splunkd\r\n\r\n{"text":"Success","code":0}'
)


def main() -> None:
    requests = int(sys.argv[1]) if sys.argv[1:] else 3000
    root = Path(__file__).parents[2]
    argv = [sys.executable, "-m", "tests.benchmarks.transport", "serve"]
    with subprocess.Popen(argv, cwd=root, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        for size in SIZES:
            costs = measured(port, os.urandom(size), requests)
            base = costs["ours"]
            print(f"{size} bytes: " + ", ".join(f"{n} {c:.0f} µs ({c / base:.2f})" for n, c in costs.items()))
        server.terminate()


def measured(port: int, body: bytes, requests: int) -> dict[str, float]:
    """Median of rounds, µs of CPU per request."""
    clients = {"ours": ours(port, body), "httpcore": core(port, body), "http.client": plain(port, body)}
    rounds: dict[str, list[float]] = {name: [] for name in clients}
    for _ in range(ROUNDS):
        for name, post in clients.items():
            before = os.times()
            for _ in range(requests):
                assert post() == 200
            after = os.times()
            rounds[name].append((after.user + after.system - before.user - before.system) / requests * 1e6)
    return {name: statistics.median(found) for name, found in rounds.items()}


def ours(port: int, body: bytes) -> Callable[[], int]:
    from otelsiem.model.destination import HttpSettings
    from otelsiem.model.exchange import Answer, HttpRequest
    from otelsiem.transport.http import HttpTransport

    transport = HttpTransport(HttpSettings())

    def post() -> int:
        reply = transport.perform(HttpRequest("POST", f"http://127.0.0.1:{port}/event", dict(HEADERS), body))
        return reply.status if isinstance(reply, Answer) else 0

    return post


def core(port: int, body: bytes) -> Callable[[], int]:
    import httpcore

    pool = httpcore.ConnectionPool()
    headers = [*HEADERS.items(), ("Content-Length", str(len(body)))]
    return lambda: pool.request("POST", f"http://127.0.0.1:{port}/event", headers=headers, content=body).status


def plain(port: int, body: bytes) -> Callable[[], int]:
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def post() -> int:
        connection.request("POST", "/event", body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    return post


def serve() -> None:
    """Until it is ended: read requests whole, answer each."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=converse, args=(client,), daemon=True).start()


def converse(client: socket.socket) -> None:
    buffer = bytearray(1 << 20)
    view, have, need = memoryview(buffer), 0, 0
    while got := client.recv_into(view[have:]):
        have += got
        end = buffer.find(b"\r\n\r\n", 0, have) + 4 if not need else 0
        if end > 3:
            head = bytes(buffer[:end]).lower()
            need = end + int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        if need and have >= need:
            client.sendall(ANSWER)
            have = need = 0


if __name__ == "__main__":
    serve() if sys.argv[1:2] == ["serve"] else main()
