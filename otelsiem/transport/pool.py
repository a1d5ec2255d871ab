"""Kept connections: each belongs to one call at a time, from `take` to `give_back`.

This is ours because httpcore's pool judges idle connections that another thread is about to use: a connection whose
answer arrived between its look at the state and its look at the socket is taken for closed by the peer, and closed
under the request (measured with httpcore 1.0.9: eight threads, one request in some hundred lost after it was sent).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from time import monotonic

import httpcore

from otelsiem.transport.call import Call
from otelsiem.transport.connect import Connector
from otelsiem.transport.connection import Connection
from otelsiem.transport.target import Target

# Below the shortest wait of common servers (Node and uvicorn close after 5 s), so that few closes cross a request.
KEEP_IDLE = 4.0


@dataclass(slots=True)
class Kept:
    """A connection and httpcore's HTTP/1.1 upon it."""

    key: str
    stream: Connection
    http: httpcore.HTTP11Connection
    since: float = 0.0  # when it became idle


class Pool:
    """At most `limit` connections are in use; the most recently used idle one goes first."""

    def __init__(self, connector: Connector, limit: int) -> None:
        self._connector = connector
        self._limit = limit
        self._changed = threading.Condition()
        self._busy = 0
        self._idle: list[Kept] = []

    def take(self, target: Target, call: Call) -> Kept:
        """A connection to the target, kept or new. Raises WireError."""
        kept = self._admit(target.key, call)
        try:
            while kept is not None:
                if monotonic() - kept.since < KEEP_IDLE and not kept.stream.has_ended():
                    kept.stream.begin(call)
                    return kept
                kept.stream.close()
                kept = self._pop(target.key)
            stream = self._connector.open(target, call)
        except BaseException:
            self._release()
            raise
        stream.begin(call)
        return Kept(target.key, stream, httpcore.HTTP11Connection(target.origin, stream))

    def give_back(self, kept: Kept) -> None:
        """After the answer was read, or not: only a connection between two requests is kept."""
        surplus = kept
        with self._changed:
            if kept.http.is_idle():
                kept.since = monotonic()
                self._idle.append(kept)
                surplus = self._idle.pop(0) if len(self._idle) > self._limit else None  # type: ignore[assignment]
        if surplus is not None:
            surplus.stream.close()
        self._release()

    def close(self) -> None:
        """Let go of the idle ones."""
        with self._changed:
            idle, self._idle = self._idle, []
        for kept in idle:
            kept.stream.close()

    def _admit(self, key: str, call: Call) -> Kept | None:
        with self._changed:
            while self._busy >= self._limit:
                # An interrupt needs no wake of its own: it ends a call that holds a connection, which lets one go on.
                self._changed.wait(call.remaining(None))
            self._busy += 1
            return self._pop(key)

    def _pop(self, key: str) -> Kept | None:
        with self._changed:
            for n in range(len(self._idle) - 1, -1, -1):
                if self._idle[n].key == key:
                    return self._idle.pop(n)
            return None

    def _release(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify()
