"""The least that this path takes in Python, to hold a gateway against: `python -m tests.benchmarks.prototype …`.

OTLP/gRPC in, an SQLite journal with an fsync before the answer, a message walked field by field, severity and the
hash, HEC with gzip out, the entry deleted. It is the throw-away program that our aim of 13.5 µs per record was measured
with, on a machine that was calm: in the same run it tells what that aim is here. It has one destination, no retry,
fates, rules, masks or metrics, writes 0.8 KB of JSON per record where we write 1.3, and loses its place in a crash.
"""

from __future__ import annotations

import asyncio
import http.client
import queue
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import msgspec

from otelsiem.formats.gzip import compress
from otelsiem.otlp.messages import ExportLogsServiceRequest
from tests.program import Program, answers, free_port

HASH = "cdd01ef066bc6cf2"
EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
MOST = 64  # requests inside
WORDS = ["info"] * 13 + ["warning"] * 4 + ["high"] * 4 + ["critical"] * 4

_lines = msgspec.json.Encoder().encode_lines


class Prototype(Program):
    """It as a running program."""

    def __init__(self, directory: Path, sink: int) -> None:
        self.directory = directory
        self.grpc, self.http = free_port(), 0  # it has no HTTP
        directory.mkdir(parents=True, exist_ok=True)
        words = [str(self.grpc), str(sink), str(directory)]
        super().__init__([sys.executable, "-m", "tests.benchmarks.prototype", *words], directory / "prototype.log")
        self.ready(lambda: answers(self.grpc))


def events(request: bytes) -> list[dict[str, Any]]:
    """The HEC events of a request."""
    made: list[dict[str, Any]] = []
    for resource_logs in ExportLogsServiceRequest.FromString(request).resource_logs:
        resource = _attributes(resource_logs.resource)
        host = resource.get("host.name", "")
        for record in [record for scope_logs in resource_logs.scope_logs for record in scope_logs.log_records]:
            fields = {
                "name": record.event_name,
                "otel.time_ns": str(record.time_unix_nano),
                **_attributes(record),
                **resource,
                "audit.constitutional_hash": HASH,
                "severity": WORDS[record.severity_number],
                "trace_id": record.trace_id.hex(),
                "span_id": record.span_id.hex(),
            }
            made.append(
                {
                    "time": record.time_unix_nano / 1e9,
                    "host": host,
                    "source": "otel",
                    "sourcetype": "otel:audit",
                    "event": record.body.string_value,
                    "fields": fields,
                }
            )
    return made


def _attributes(holder: Any) -> dict[str, Any]:
    return {kv.key: (held := kv.value).string_value or _value(held) for kv in holder.attributes}


def _value(held: Any) -> Any:
    kind = held.WhichOneof("value")
    return getattr(held, kind) if kind else None


class Way:
    """The way of a request: the loop, the journal's thread, the courier's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sink: int, directory: str) -> None:
        self._loop, self._sink, self._directory = loop, sink, directory
        self._inside = 0
        self._outside: list[asyncio.Future[None]] = []
        self._taken: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        self._durable: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self._delivered: queue.SimpleQueue[int] = queue.SimpleQueue()
        for run in (self._write, self._deliver):
            threading.Thread(target=run, daemon=True).start()

    async def take(self, request: bytes, _: object) -> bytes:
        """Answer when it is durable."""
        while self._inside >= MOST:
            turn = self._loop.create_future()
            self._outside.append(turn)
            await turn
        self._inside += 1
        durable = self._loop.create_future()
        self._taken.put((request, durable))
        await durable
        return b""

    def _write(self) -> None:
        db = sqlite3.connect(f"{self._directory}/entries.db", isolation_level=None)
        for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=FULL"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("CREATE TABLE entry (number INTEGER PRIMARY KEY, request BLOB)")
        number = 0
        while True:
            group = _all(self._taken)
            db.execute("BEGIN")
            db.executemany("DELETE FROM entry WHERE number=?", [(done,) for done in _there(self._delivered)])
            entries = [*enumerate([request for request, _ in group], number)]
            db.executemany("INSERT INTO entry VALUES (?, ?)", entries)
            db.execute("COMMIT")
            number += len(entries)
            self._loop.call_soon_threadsafe(self._answer, [durable for _, durable in group])
            for entry in entries:
                self._durable.put(entry)

    def _deliver(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._sink)
        headers = {"Authorization": "Splunk x", "Content-Encoding": "gzip", "Content-Type": "application/json"}
        while True:
            number, request = self._durable.get()
            connection.request("POST", "/services/collector/event", compress(_lines(events(request))), headers)
            with connection.getresponse() as answer:
                answer.read()
                if answer.status != 200:
                    raise SystemExit(f"the sink said {answer.status}")
            self._delivered.put(number)
            self._loop.call_soon_threadsafe(self._leave)

    def _answer(self, durable: list[asyncio.Future[None]]) -> None:
        for answer in durable:
            if not answer.done():
                answer.set_result(None)

    def _leave(self) -> None:
        self._inside -= 1
        if self._outside:
            self._outside.pop(0).set_result(None)


def _all(waiting: queue.SimpleQueue[Any]) -> list[Any]:
    """What waits, at least one."""
    return [waiting.get(), *_there(waiting)]


def _there(waiting: queue.SimpleQueue[Any]) -> list[Any]:
    found: list[Any] = []
    while len(found) < MOST:
        try:
            found.append(waiting.get_nowait())
        except queue.Empty:
            break
    return found


async def main(port: str, sink: str, directory: str) -> None:
    path = Way(asyncio.get_running_loop(), int(sink), directory)
    handler = grpc.unary_unary_rpc_method_handler(path.take)

    class Raw(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # only its stubs have any
        def service(self, details: Any) -> Any:
            return handler if details.method == EXPORT else None

    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 32 << 20)])
    server.add_generic_rpc_handlers((Raw(),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
