"""Hostile senders, each a program of its own: `python -m tests.hostile.attacks NAME HTTP_PORT GRPC_PORT SECONDS`.

Loopback only; every attack is bounded in connections, pace and time, and prints what it did as one line of JSON. What
the peer does to it (refusals, resets) is no error here: the test looks at the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import random
import sys
import time
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine

from otelsiem.otlp.encode import encode
from tests.benchmarks.records import standard
from tests.hostile import frames

HEAD = "POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
BOMB = 64 << 20  # bytes that each bomb becomes, far over the limit of a request

done: Counter[str] = Counter()


class Pair:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def hear(self, seconds: float = 2.0) -> bytes:
        """What comes within this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self.reader.read(65536)
        return b""


async def connected(port: int, talk: Callable[[Pair], Awaitable[None]], *, abort: bool = False) -> None:
    """One connection, talked to until it ends or the peer ends it."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        done["refused"] += 1
        return
    if not done:
        print("begun", flush=True)
    try:
        done["connections"] += 1
        await talk(Pair(reader, writer))
    except (OSError, asyncio.IncompleteReadError):
        done["cut off"] += 1
    finally:
        if abort:
            writer.transport.abort()
        writer.close()


async def crowd(port: int, size: int, talk: Callable[[Pair], Awaitable[None]]) -> None:
    """So many connections at once."""
    await asyncio.gather(*[connected(port, talk) for _ in range(size)])


async def repeat(until: float, pace: float, once: Callable[[], Coroutine[None, None, None]], most: int = 64) -> None:
    """Again and again, so many seconds apart, at most so many at once."""
    running: set[asyncio.Task[None]] = set()
    while time.monotonic() < until:
        if len(running) < most:
            task = asyncio.create_task(once())
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(pace)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def post(body: bytes, coding: str = "") -> bytes:
    """A whole request."""
    coded = f"Content-Encoding: {coding}\r\n" if coding else ""
    return f"{HEAD}{coded}Content-Length: {len(body)}\r\n\r\n".encode() + body


def grpc_call(body: bytes, stream: int = 1, **said: int) -> bytes:
    """A call of Export in frames of 16 KiB."""
    sent = frames.message(body, **said)  # type: ignore[arg-type]  # compressed, length
    pieces = [sent[at : at + 16384] for at in range(0, len(sent), 16384)]
    data = b"".join(
        frames.frame(frames.DATA, frames.END_STREAM if n == len(pieces) - 1 else 0, stream, piece)
        for n, piece in enumerate(pieces)
    )
    head = frames.call() + frames.literal(b"grpc-encoding", b"gzip")
    return frames.frame(frames.HEADERS, frames.END_HEADERS, stream, head) + data


# --- HTTP/1 ----------------------------------------------------------------------------------------------------------


async def bombs(http: int, grpc: int, until: float) -> None:
    """Small bodies that become 64 MiB, by gzip and deflate."""
    began, zeros = time.monotonic(), bytes(BOMB)
    bodies = [post(gzip.compress(zeros, 6), "gzip"), post(zlib.compress(zeros, 6), "deflate")]
    until += time.monotonic() - began  # making them takes a while

    async def talk(pair: Pair) -> None:
        await pair.say(random.choice(bodies))
        done[(await pair.hear(5))[9:12].decode()] += 1

    await repeat(until, 0.1, lambda: connected(http, talk), most=8)


async def slow_heads(http: int, grpc: int, until: float) -> None:
    """Slow loris: a header line now and then, for ever."""

    async def talk(pair: Pair) -> None:
        await pair.say(HEAD.encode())
        while time.monotonic() < until:
            await asyncio.sleep(1)
            await pair.say(b"X-Slow: 1\r\n")

    await crowd(http, 400, talk)


async def slow_bodies(http: int, grpc: int, until: float) -> None:
    """Megabytes promised, a byte a second given."""

    async def talk(pair: Pair) -> None:
        await pair.say(f"{HEAD}Content-Length: 4000000\r\n\r\n".encode() + bytes(1000))
        while time.monotonic() < until:
            await asyncio.sleep(1)
            await pair.say(b"\0")

    await crowd(http, 400, talk)


async def hoarders(http: int, grpc: int, until: float) -> None:
    """Bodies sent but for the last byte, 400 megabits a second of them: each makes the gateway hold what came."""

    async def talk(pair: Pair) -> None:
        await pair.say(f"{HEAD}Content-Length: 4000001\r\n\r\n".encode())
        for _ in range(61):
            await pair.say(bytes(65536))
            await asyncio.sleep(0.14)
        await asyncio.sleep(max(until - time.monotonic(), 0))

    await crowd(http, 100, talk)


async def connections(http: int, grpc: int, until: float) -> None:
    """More connections than the process may have descriptors; they stay and say nothing."""

    async def talk(pair: Pair) -> None:
        await asyncio.sleep(max(until - time.monotonic(), 0))

    await asyncio.gather(crowd(http, 900, talk), crowd(grpc, 900, talk))


async def churn(http: int, grpc: int, until: float) -> None:
    """Connections made and thrown away."""

    async def talk(pair: Pair) -> None:
        await pair.say(b"POST /v1/logs HTTP/1.1\r\n")

    await repeat(until, 0.004, lambda: connected(random.choice((http, grpc)), talk, abort=True))


async def giants(http: int, grpc: int, until: float) -> None:
    """A body of ten gigabytes announced, and one in chunks that never ends."""

    async def announced(pair: Pair) -> None:
        await pair.say(f"{HEAD}Content-Length: 10000000000\r\n\r\n".encode() + bytes(100_000))
        await pair.hear()

    async def endless(pair: Pair) -> None:
        await pair.say(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        while time.monotonic() < until:
            await pair.say(b"10000\r\n" + bytes(65536) + b"\r\n")
            await asyncio.sleep(0.002)

    await asyncio.gather(
        repeat(until, 0.1, lambda: connected(http, announced)), repeat(until, 0.5, lambda: connected(http, endless), 4)
    )


async def tiny(http: int, grpc: int, until: float) -> None:
    """One record a request, a connection each."""
    body = post(encode(standard(1)))

    async def talk(pair: Pair) -> None:
        await pair.say(body)
        done[(await pair.hear())[9:12].decode()] += 1

    await repeat(until, 0.005, lambda: connected(http, talk), 32)


async def leavers(http: int, grpc: int, until: float) -> None:
    """Half a request, then a reset."""
    body = post(encode(standard(512)))

    async def talk(pair: Pair) -> None:
        await pair.say(body[: random.randrange(1, len(body))])

    await repeat(until, 0.01, lambda: connected(http, talk, abort=True))


async def garbage(http: int, grpc: int, until: float) -> None:
    """Bytes that are no HTTP, and HTTP that is wrong."""
    wrong: list[Callable[[], bytes]] = [
        lambda: os.urandom(500),
        lambda: b"GET / HTTP/9.9\r\n\r\n",
        lambda: b"POST /v1/logs HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
        lambda: b"POST /v1/logs HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        lambda: HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        lambda: b"\0" * 1000,
        lambda: b"\x16\x03\x01\x02\0" + os.urandom(400),  # TLS on a plain port
        lambda: b"POST " + b"/x" * 40_000 + b" HTTP/1.1\r\n\r\n",
    ]

    async def talk(pair: Pair) -> None:
        await pair.say(random.choice(wrong)())
        await pair.hear(0.5)

    await repeat(until, 0.01, lambda: connected(random.choice((http, grpc)), talk))


async def heads(http: int, grpc: int, until: float) -> None:
    """Headers without end: many short ones, or one long one."""

    async def talk(pair: Pair) -> None:
        line = random.choice((b"X-Flood: 1\r\n" * 500, b"x" * 6000))
        await pair.say(HEAD.encode() + b"X-A: ")
        for _ in range(200):
            await pair.say(line)

    await repeat(until, 0.02, lambda: connected(http, talk), 16)


async def pipelined(http: int, grpc: int, until: float) -> None:
    """Hundreds of requests in one breath, no answer read."""
    many = b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 300

    async def talk(pair: Pair) -> None:
        for _ in range(10):
            await pair.say(many)
            await asyncio.sleep(0.2)

    await repeat(until, 0.25, lambda: connected(http, talk), 4)


# --- HTTP/2 ----------------------------------------------------------------------------------------------------------


async def grpc_bombs(http: int, grpc: int, until: float) -> None:
    """Messages of 64 kB that become 64 MiB."""
    began = time.monotonic()
    body = gzip.compress(bytes(BOMB), 6)
    until += time.monotonic() - began  # making it takes a while

    async def talk(pair: Pair) -> None:
        await pair.say(frames.hello() + grpc_call(body, compressed=True))
        await pair.hear(3)

    await repeat(until, 0.1, lambda: connected(grpc, talk), 8)


async def grpc_giants(http: int, grpc: int, until: float) -> None:
    """A message of four gigabytes announced."""

    async def talk(pair: Pair) -> None:
        await pair.say(frames.hello() + grpc_call(bytes(60_000), length=0xFFFF_FFFF))
        await pair.hear(1)

    await repeat(until, 0.05, lambda: connected(grpc, talk), 16)


async def grpc_hoarders(http: int, grpc: int, until: float) -> None:
    """Calls whose messages never end, 400 megabits a second of them: all that came has to be held."""
    piece = frames.frame(frames.DATA, 0, 1, bytes(16384))[9:]

    async def talk(pair: Pair) -> None:
        await pair.say(frames.hello())
        for stream in range(1, 101, 2):
            head = frames.call() + frames.literal(b"grpc-encoding", b"identity")
            await pair.say(frames.frame(frames.HEADERS, frames.END_HEADERS, stream, head))
            await pair.say(frames.frame(frames.DATA, 0, stream, frames.message(b"", length=19_000_000)))
        while time.monotonic() < until:
            for stream in range(1, 101, 2):
                await pair.say(frames.frame(frames.DATA, 0, stream, piece))
                done["MiB"] = (done["pieces"] * len(piece)) >> 20
                done["pieces"] += 1
                await asyncio.sleep(0.0025)

    await repeat(until, 0.5, lambda: connected(grpc, talk), 20)


async def rapid_resets(http: int, grpc: int, until: float) -> None:
    """Calls opened and reset at once (CVE-2023-44487)."""
    opened = frames.call()

    async def talk(pair: Pair) -> None:
        await pair.say(frames.hello())
        stream = 1
        while time.monotonic() < until:
            burst = b""
            for _ in range(100):
                burst += frames.frame(frames.HEADERS, frames.END_HEADERS, stream, opened)
                burst += frames.frame(frames.RST_STREAM, 0, stream, bytes(4))
                stream += 2
            await pair.say(burst)
            done["streams"] += 100
            await asyncio.sleep(0.1)

    await repeat(until, 0.3, lambda: connected(grpc, talk), 4)


async def control_floods(http: int, grpc: int, until: float) -> None:
    """PING and SETTINGS without end (CVE-2019-9512, -9515)."""
    flood = (frames.frame(frames.PING, 0, 0, bytes(8)) + frames.frame(frames.SETTINGS, 0, 0)) * 100

    async def talk(pair: Pair) -> None:
        await pair.say(frames.hello())
        while time.monotonic() < until:
            await pair.say(flood)
            await asyncio.sleep(0.05)

    await repeat(until, 0.3, lambda: connected(grpc, talk), 4)


async def grpc_heads(http: int, grpc: int, until: float) -> None:
    """A header block in CONTINUATION frames without end (CVE-2024-27316)."""
    more = frames.literal(b"x-flood", b"y" * 8000)

    async def talk(pair: Pair) -> None:
        await pair.say(frames.hello() + frames.frame(frames.HEADERS, 0, 1, frames.call()))
        for _ in range(500):
            await pair.say(frames.frame(frames.CONTINUATION, 0, 1, more))

    await repeat(until, 0.1, lambda: connected(grpc, talk), 8)


async def broken_frames(http: int, grpc: int, until: float) -> None:
    """Frames that lie about their length, their stream or their order."""

    async def talk(pair: Pair) -> None:
        kind, flags, stream = random.randrange(12), random.randrange(256), random.choice((0, 1, 2, 0x7FFFFFFF))
        await pair.say(frames.hello() + frames.frame(kind, flags, stream, os.urandom(random.randrange(100))))
        await pair.say(b"\xff\xff\xff" + os.urandom(6) + bytes(1000))
        await pair.hear(0.5)

    await repeat(until, 0.01, lambda: connected(grpc, talk))


async def cancelled_calls(http: int, grpc: int, until: float) -> None:
    """Whole requests whose senders reset the call before the answer."""
    body = encode(standard(50))

    async def talk(pair: Pair) -> None:
        await pair.say(frames.hello())
        for stream in range(1, 101, 2):
            await pair.say(grpc_call(body, stream) + frames.frame(frames.RST_STREAM, 0, stream, b"\0\0\0\x08"))
            done["calls"] += 1
            await asyncio.sleep(0.02)

    await repeat(until, 0.2, lambda: connected(grpc, talk), 2)


ATTACKS: dict[str, Callable[[int, int, float], Awaitable[None]]] = {
    attack.__name__: attack
    for attack in (
        bombs, slow_heads, slow_bodies, hoarders, connections, churn, giants, tiny, leavers, garbage, heads, pipelined,
        grpc_bombs, grpc_giants, grpc_hoarders, rapid_resets, control_floods, grpc_heads, broken_frames,
        cancelled_calls,
    )
}  # fmt: skip


async def main() -> None:
    name, http, grpc, seconds = sys.argv[1:]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(float(seconds) + 5):
            await ATTACKS[name](int(http), int(grpc), time.monotonic() + float(seconds))
    print(json.dumps(done), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
