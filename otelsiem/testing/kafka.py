"""A Kafka broker on a loopback socket that is strict, scripted, and remembers what consumers would read.

    with KafkaBroker({"audit": 1}) as broker:
        broker.faults += [Refuse(20, written=True)]
        deliver_to(broker.address)
    assert [kept.value for kept in broker.log] == [...]

It refuses what a real one refuses: acks other than all, a batch whose checksum, numbers or sequence is wrong, a batch
over `message_max_bytes` after compression, a record without a key in a compacted topic, one from the future; topics
that do not exist or are not ours; a wrong password. And it does what a real one does silently: code 20 after the write,
a connection that ends behind the write, a resend with the same sequence that is answered and not written again.

It knows no consumers, no transactions, no TLS, one broker, and no lz4 or snappy (code 76).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from otelsiem.testing import kafka_wire as wire
from otelsiem.testing.kafka_store import TOPIC_FORBIDDEN, UNKNOWN_TOPIC, Kept, Store
from otelsiem.testing.kafka_wire import Produce, Reader, Shown, Written

UNSUPPORTED_MECHANISM, BAD_PASSWORD = 33, 58

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends an RST


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer a batch with this code; `written`: after it was appended all the same."""

    code: int
    written: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """Reset the connection instead of an answer."""

    written: bool = False


@dataclass(frozen=True, slots=True)
class Hang:
    """Say nothing until `release`, `down` or `stop`; then the connection ends."""

    written: bool = False


__all__ = ["Cut", "Fault", "Hang", "KafkaBroker", "Kept", "Refuse"]

Fault: TypeAlias = Refuse | Cut | Hang


class KafkaBroker(Store):
    """The broker; a context manager. Topics are a name and a number of partitions; change them as you like."""

    def __init__(self, topics: Mapping[str, int], *, port: int = 0, users: Mapping[str, str] | None = None) -> None:
        super().__init__(topics)
        self.users = users  # SASL PLAIN is wanted when there are any
        self.host, self.port = "127.0.0.1", port
        self.creates = False  # auto.create.topics.enable
        self.leader = 1  # -1: nobody leads anything
        self.replicas: tuple[int, ...] = (1,)
        self.in_sync: tuple[int, ...] = (1,)
        self.settings = {"min.insync.replicas": "1"}
        self.faults: deque[Fault] = deque()  # one is taken for each produce request
        self.requests: list[Produce] = []
        self.producers = 0
        self.connections = 0
        self._listener: socket.socket | None = None
        self._open: dict[socket.socket, threading.Thread] = {}
        self._released = threading.Event()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def up(self) -> None:
        """Listen, on the same port as before if there was one."""
        assert self._listener is None, "the broker is up"
        self._listener = socket.create_server((self.host, self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._released = threading.Event()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def down(self) -> None:
        """Stop listening and end every connection; what was written stays."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        _shut(listener)
        listener.close()
        self.release()
        with self.lock:
            living = dict(self._open)
        for connection in living:
            _shut(connection)
        for thread in living.values():
            thread.join(5)

    def release(self) -> None:
        """End every `Hang` that is going on."""
        released, self._released = self._released, threading.Event()
        released.set()

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self.lock:
                self.connections += 1
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        known = self.users is None
        try:
            while (request := _frame(connection)) is not None:
                reader = Reader(request)
                key, version, number = reader.number("h"), reader.number("h"), reader.number("i")
                reader.text()  # client id
                if not known and key not in {wire.VERSIONS, wire.HANDSHAKE, wire.AUTHENTICATE}:
                    return
                answer = self._answer(connection, key, version, reader)
                if answer is None:
                    return
                known = known or (key == wire.AUTHENTICATE and answer.startswith(b"\0\0"))
                connection.sendall(wire.number("ii", len(answer) + 4, number) + answer)
        except OSError:
            pass  # the client went away, or `down` ended the connection
        finally:
            connection.close()
            with self.lock:
                self._open.pop(connection, None)

    def _answer(self, connection: socket.socket, key: int, version: int, reader: Reader) -> bytes | None:
        """The bytes to send back; None: the connection is over."""
        match key:
            case wire.VERSIONS:
                return wire.versions(version)
            case wire.HANDSHAKE:
                code = 0 if reader.text() == "PLAIN" else UNSUPPORTED_MECHANISM
                return wire.number("h", code) + wire.many([wire.text("PLAIN")])
            case wire.AUTHENTICATE:
                return self._authenticated(reader.data() or b"")
            case wire.INIT_PRODUCER:
                with self.lock:
                    self.producers += 1
                    return wire.number("ihqh", 0, 0, 1000 + self.producers, 0)
            case wire.METADATA:
                names = reader.many(lambda: reader.text() or "")
                create = bool(reader.number("b")) if version >= 4 else True
                return wire.metadata(self.host, self.port, self._shown(names, create=create), version)
            case wire.CONFIGS:
                names = reader.many(lambda: _resource(reader)) or []
                return wire.configs(names, self.settings)
            case wire.PRODUCE:
                return self._produce(connection, wire.produce(reader), version)
            case _:
                self.complaints.append(f"a request that this broker does not know: {key}")
                return None

    def _authenticated(self, said: bytes) -> bytes:
        _, user, password = said.decode().split("\0")
        good = (self.users or {}).get(user) == password
        why = None if good else "Authentication failed: Invalid username or password"
        return wire.number("h", 0 if good else BAD_PASSWORD) + wire.text(why) + wire.number("i", 0)

    def _shown(self, names: list[str] | None, *, create: bool) -> list[Shown]:
        with self.lock:
            for name in names or ():
                if create and self.creates and name not in self.topics:
                    self.topics[name] = 1
            return [self._topic(name) for name in (self.topics if names is None else names)]

    def _topic(self, name: str) -> Shown:
        if name in self.forbidden:
            return Shown(name, TOPIC_FORBIDDEN)
        if name not in self.topics:
            return Shown(name, UNKNOWN_TOPIC)
        return Shown(name, 0, self.topics[name], self.leader, self.replicas, self.in_sync)

    def _produce(self, connection: socket.socket, request: Produce, version: int) -> bytes | None:
        with self.lock:
            self.requests.append(request)
            fault = self.faults.popleft() if self.faults else None
            written = fault is None or fault.written
            answers = [self.write(request.acks, *part, written=written) for part in request.parts]
        match fault:
            case None:
                return wire.produced(answers, version)
            case Refuse(code):
                return wire.produced([Written(a.topic, a.partition, code) for a in answers], version)
            case Hang():
                released = self._released
                if self._listener is not None:  # else it was released a moment ago
                    released.wait()
            case Cut():
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return None


def _resource(reader: Reader) -> str:
    reader.number("b")
    name = reader.text() or ""
    reader.many(reader.text)
    return name


def _frame(connection: socket.socket) -> bytes | None:
    head = _exactly(connection, 4)
    return _exactly(connection, struct.unpack(">i", head)[0]) if head is not None else None


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(min(size - len(data), 1 << 16))
        if not piece:
            return None
        data += piece
    return bytes(data)


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
