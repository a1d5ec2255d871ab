from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from otelsiem.model.destination import StreamSettings
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply, WriteRequest
from otelsiem.transport import stream as module
from otelsiem.transport.stream import StreamTransport
from otelsiem.transport.transport import open_transport


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The process's stdout, as far as the transport can tell: (reading end, writing end)."""
    ends = os.pipe()
    monkeypatch.setitem(module._DESCRIPTORS, "stdout", ends[1])
    yield ends
    for end in ends:
        if end >= 0:
            try:
                os.close(end)
            except OSError:
                continue  # the test closed it


def test_bodies_reach_the_real_streams(capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("stdout", "stderr"):
        carrier = open_transport(StreamSettings(name))
        assert carrier.perform(WriteRequest(f"to {name}\n".encode())) == Answer(200)
        carrier.close()
    assert capfd.readouterr() == ("to stdout\n", "to stderr\n")


def test_bodies_of_several_couriers_do_not_mix(pipe: tuple[int, int]) -> None:
    bodies = [f"{n}\n".encode() * 20_000 for n in range(4)]
    carriers = [StreamTransport(StreamSettings()) for _ in bodies]  # one exporter each
    threads = [
        threading.Thread(target=carrier.perform, args=(WriteRequest(body),))
        for carrier, body in zip(carriers, bodies, strict=True)
    ]
    for thread in threads:
        thread.start()
    read = b""
    while len(read) < sum(map(len, bodies)):
        read += os.read(pipe[0], 1 << 16)
    for thread in threads:
        thread.join()
    for body in bodies:
        assert body in read


def test_a_line_longer_than_a_piece_arrives(pipe: tuple[int, int]) -> None:
    body = b"x" * 10_000 + b"\n"
    assert StreamTransport(StreamSettings()).perform(WriteRequest(body)) == Answer(200)
    assert os.read(pipe[0], 1 << 16) == body


def test_a_reader_that_went_away_is_a_failure(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    reply = StreamTransport(StreamSettings()).perform(WriteRequest(b"x\n"))
    assert reply == Failure("disk", "stdout: broken pipe", sent=False)


def test_an_interrupt_ends_the_wait_for_a_reader(pipe: tuple[int, int]) -> None:
    carrier = StreamTransport(StreamSettings())
    replies: list[Reply] = []
    thread = threading.Thread(target=lambda: replies.append(carrier.perform(WriteRequest(b"x\n" * 100_000))))
    thread.start()
    first = os.read(pipe[0], 1)  # it has begun
    carrier.interrupt()
    thread.join(5)
    assert first == b"x"
    assert replies == [Failure("disk", "stdout: interrupted", sent=True)]
    assert carrier.perform(WriteRequest(b"x\n")) == Failure("disk", "stdout: interrupted", sent=False)


def test_what_a_stream_cannot_do_is_a_failure() -> None:
    assert isinstance(StreamTransport(StreamSettings()).perform(HttpRequest("GET", "http://x/")), Failure)
    assert isinstance(StreamTransport(StreamSettings("printer")).perform(WriteRequest(b"x\n")), Failure)
