"""A load over OTLP, in a process of its own: `python -m tests.benchmarks.load KIND PORT SIZE TOTAL FLIGHTS RATE`.

The request's bytes come in on standard input; what came of it goes out as JSON. Bounded: it ends when everything is
acknowledged, or with an error.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import Any


def run(kind: str, port: int, body: bytes, size: int, total: int, flights: int, rate: float, core: int | None) -> Any:
    """Run it as a child process, on one core when it says which."""
    argv = [sys.executable, "-m", "tests.benchmarks.load", kind, *map(str, (port, size, total, flights, rate))]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        if core is not None:
            os.sched_setaffinity(child.pid, {core})
        out, _ = child.communicate(body, timeout=900)
        if child.returncode:
            raise SystemExit(f"the load ended with {child.returncode}")
    return json.loads(out)


async def load(kind: str, port: int, body: bytes, size: int, total: int, flights: int, rate: float) -> dict[str, Any]:
    """Send requests until `total` records are acknowledged; latencies in ms and how many were refused."""
    send = _grpc(port) if kind == "grpc" else _http(port)
    left, refused, latencies = total // size, 0, list[float]()
    began = time.perf_counter()

    async def flight(call: Any) -> None:
        nonlocal left, refused
        while left > 0:
            number = total // size - left
            left -= 1
            if rate and (ahead := number * size / rate - (time.perf_counter() - began)) > 0:
                await asyncio.sleep(ahead)
            start = time.perf_counter()
            while not await call(body):
                refused += 1
                await asyncio.sleep(0.05)
            latencies.append((time.perf_counter() - start) * 1000)

    async with send as calls:
        await asyncio.gather(*[flight(calls[n % len(calls)]) for n in range(flights)])
    return {"seconds": time.perf_counter() - began, "latencies": latencies, "refused": refused}


class _grpc:  # noqa: N801 - reads as the function it stands for
    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> list[Any]:
        import grpc
        import grpc.aio

        path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
        self.channels = [
            grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=[("grpc.use_local_subchannel_pool", 1)])
            for _ in range(4)
        ]

        def call(channel: Any) -> Any:
            method = channel.unary_unary(path)

            async def once(body: bytes) -> bool:
                try:
                    await method(body)
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.UNAVAILABLE:
                        raise
                    return False
                return True

            return once

        return [call(channel) for channel in self.channels]

    async def __aexit__(self, *_: object) -> None:
        for channel in self.channels:
            await channel.close(None)


class _http:  # noqa: N801
    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> list[Any]:
        self.writers: list[asyncio.StreamWriter] = []
        return [await self._connect() for _ in range(16)]

    async def _connect(self) -> Any:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)

        async def once(body: bytes) -> bool:
            head = (
                f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            length = next(x for x in answer.lower().split(b"\r\n") if x.startswith(b"content-length:"))
            await reader.readexactly(int(length[15:]))
            return answer.startswith(b"HTTP/1.1 200")

        return once

    async def __aexit__(self, *_: object) -> None:
        for writer in self.writers:
            writer.close()


def main() -> None:
    kind, port, size, total, flights, rate = sys.argv[1:]
    body = sys.stdin.buffer.read()
    said = asyncio.run(load(kind, int(port), body, int(size), int(total), int(flights), float(rate)))
    print(json.dumps(said))


if __name__ == "__main__":
    main()
