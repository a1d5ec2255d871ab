"""Bytes to a peer that says nothing back: over TCP, TLS or UDP, one connection for each session.

Guarantees: no byte is called arrived because it was written (see `line.py`); a connection that ended is replaced
without a word, and what had stood of it stays known, so that the rest can be sent again; one that ended because of
who we are or what the peer is (a certificate, another service) is told once before it is tried anew. Over UDP nothing
is known but that nobody listens, where an ICMP says so.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic

from otelsiem.model.destination import SocketSettings, TlsSettings
from otelsiem.model.exchange import Answer, Failure, Reply, Request, SendRequest, StandRequest
from otelsiem.model.standing import Standing
from otelsiem.transport.call import Call, Calls, WireError
from otelsiem.transport.connect import Connector
from otelsiem.transport.datagrams import Datagrams
from otelsiem.transport.line import Line
from otelsiem.transport.resolve import Resolver
from otelsiem.transport.target import Target
from otelsiem.transport.tls import Trust

CLOSING = 2.0  # seconds that `close` waits for interrupted requests, and for peers to take what is under way
SESSIONS = 256
WARY = 30.0  # seconds after bytes were lost: whoever sends should wait for what becomes of the next ones
REMEMBERED = 16  # connections of a session that have ended; what is older counts as lost

_PERSONAL = frozenset({"tls", "protocol"})  # faults that a person mends
_HTTP_HINT = ": is the URL meant to begin with http:?"
_PLAIN_HINT = ": if it is meant to take plain TCP, write tls: {insecure: true}"


@dataclass(slots=True)
class _Session:
    lock: threading.Lock = field(default_factory=threading.Lock)
    line: Line | None = None
    datagrams: Datagrams | None = None
    ended: OrderedDict[int, int] = field(default_factory=OrderedDict)  # number -> bytes that had stood
    fault: WireError | None = None  # of the last connection, not yet told
    doubtful: bool = False  # the last datagrams met a fault


class SocketTransport:
    """Connections to one peer."""

    def __init__(self, settings: SocketSettings) -> None:
        self._settings = settings
        self._calls = Calls()
        self._trust = Trust(settings.tls or TlsSettings())
        self._connector = Connector(self._trust, None)
        self._resolver = Resolver()
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        self._peer = f"{shown}:{settings.port}"
        self._target = Target(
            self._peer, settings.host, settings.port, settings.tls is not None, self._peer, "", self._peer
        )
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}
        self._numbers = 0
        self._wary = 0.0  # until when

    def perform(self, request: Request) -> Reply:
        if not isinstance(request, SendRequest | StandRequest):
            return Failure("protocol", f"a socket cannot carry a {type(request).__name__}")
        call = self._calls.begin(monotonic() + self._settings.timeout, self._peer)
        session = self._session(request.session)
        try:
            with session.lock:
                if isinstance(request, SendRequest):
                    return self._send(request, session, call)
                return self._stand(request, session, call)
        except WireError as error:
            if error.kind == "tls":
                self._trust.forget()
            return Failure(error.kind, error.detail.replace(_HTTP_HINT, _PLAIN_HINT), call.sent)
        except Exception as error:  # noqa: BLE001 - the promise of `perform` is a value, whatever a library raises
            return Failure("protocol", f"{self._peer}: unexpected {type(error).__name__}", call.sent)
        finally:
            self._calls.end(call)

    def interrupt(self) -> None:
        self._calls.stop()

    def close(self) -> None:
        """Ends connections so that the peer reads all that was written."""
        self._calls.stop()
        if not self._calls.wait_idle(CLOSING):
            return  # a socket is closed by the thread that uses it
        until = monotonic() + CLOSING
        for session in self._sessions.values():
            if session.line is not None:
                session.line.goodbye(until)
            if session.datagrams is not None:
                session.datagrams.close()

    def _session(self, name: str) -> _Session:
        with self._lock:
            session = self._sessions.get(name)
            if session is None:
                if len(self._sessions) >= SESSIONS:
                    _forget(self._sessions.pop(next(iter(self._sessions))))
                session = self._sessions[name] = _Session()
            return session

    def _send(self, request: SendRequest, session: _Session, call: Call) -> Answer:
        if self._settings.network == "udp":
            self._scatter(request, session, call)
            return Answer(200)
        line = self._line(session, call)
        try:
            line.write(request.frames, call)
        except WireError:
            self._end(session, told=True)
            raise
        return self._told(session)

    def _stand(self, request: StandRequest, session: _Session, call: Call) -> Answer:
        line = session.line
        if request.connection and (line is None or line.number != request.connection):
            raise WireError("reset", f"{self._peer}: the connection has ended")
        if line is None:
            return self._told(session)
        if not request.connection:
            if not line.look():
                self._end(session)
            return self._told(session)
        call.sent = True
        call.deadline = monotonic() + request.patience + self._settings.timeout
        try:
            line.stand(request.through, monotonic() + request.patience, call)
        except WireError:
            self._end(session, told=True)
            raise
        return self._told(session)

    def _line(self, session: _Session, call: Call) -> Line:
        """The session's connection, a new one when it has ended."""
        if session.line is not None and not session.line.look():
            self._end(session)
        if session.fault is not None:
            fault, session.fault = session.fault, None
            raise fault
        if session.line is None:
            sock = self._connector.reach(self._target, call)
            with self._lock:
                self._numbers += 1
                number = self._numbers
            session.line = Line(number, sock, self._peer, self._settings)
        return session.line

    def _end(self, session: _Session, *, told: bool = False) -> None:
        line, session.line = session.line, None
        if line is None:
            return
        line.close()
        if line.end > max(line.stood, 0):
            self._wary = monotonic() + WARY
        session.ended[line.number] = line.stood
        while len(session.ended) > REMEMBERED:
            session.ended.popitem(last=False)
        if line.ended is not None and line.ended.kind in _PERSONAL and not told:
            session.fault = line.ended

    def _told(self, session: _Session) -> Answer:
        line, wary = session.line, monotonic() < self._wary
        number, end, stood = (line.number, line.end, line.stood) if line is not None else (0, 0, -1)
        return Answer(200, {}, Standing(number, end, stood, dict(session.ended), wary).encode())

    def _scatter(self, request: SendRequest, session: _Session, call: Call) -> None:
        if session.datagrams is None:
            addresses = self._resolver.addresses(self._settings.host, self._settings.port, call)
            session.datagrams = Datagrams(addresses, self._peer, doubtful=session.doubtful)
        try:
            session.datagrams.write(request.frames, call)
            session.doubtful = False
        except WireError:
            session.datagrams.close()
            session.datagrams, session.doubtful = None, True
            raise


def _forget(session: _Session) -> None:
    if session.line is not None:
        session.line.close()
    if session.datagrams is not None:
        session.datagrams.close()
