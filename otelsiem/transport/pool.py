"""Kept connections: each belongs to one call at a time, from `take` to `give_back`.

Guarantees: no more connections than the settings allow, in use and idle; waiting for one counts against the deadline;
one that the peer has closed, or that was idle for too long, is not used again. It is judged by the call that takes it,
never by another: a pool that looks at idle connections from elsewhere closes them under a request (ADR 1).
"""

from __future__ import annotations

import threading
from time import monotonic

from otelsiem.model.destination import HttpSettings
from otelsiem.transport.call import Call, WireError
from otelsiem.transport.connect import Connector
from otelsiem.transport.connection import Connection
from otelsiem.transport.target import Target


class Pool:
    """The most recently used idle connection goes first, so that the others may grow old and go."""

    def __init__(self, connector: Connector, settings: HttpSettings) -> None:
        self._connector = connector
        self._limit = settings.connections
        self._spare = settings.idle_connections
        self._patience = settings.idle_seconds
        self._lock = threading.Lock()
        self._freed = threading.Condition(self._lock)
        self._waiting = 0
        self._busy = 0
        self._idle: list[Connection] = []  # the longest idle first

    def take(self, target: Target, call: Call) -> Connection:
        """A connection to the target, kept or new. Raises WireError."""
        connection = self._admit(target.key, call)
        try:
            while connection is not None:
                if monotonic() - connection.since < self._patience and not connection.has_ended():
                    break
                connection.close()
                connection = self._pop(target.key)
            if connection is None:
                connection = self._connector.open(target, call)
        except BaseException:
            self._release(None)
            raise
        connection.begin(call)
        return connection

    def give_back(self, connection: Connection, *, keep: bool) -> None:
        """After the answer was read, or not: only a connection between two requests may be kept."""
        connection.since = monotonic()
        self._release(connection if keep else None)
        if not keep:
            connection.close()

    def close(self) -> None:
        """Let go of the idle ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _admit(self, key: str, call: Call) -> Connection | None:
        with self._lock:
            if self._busy >= self._limit:
                self._queue(call)
            self._busy += 1
            return self._idle_one(key)

    def _queue(self, call: Call) -> None:
        """Until one is free. An interrupt needs no wake: it ends a call that holds one, which lets the next go on."""
        self._waiting += 1
        try:
            if not self._freed.wait_for(lambda: self._busy < self._limit, call.remaining(None)):
                what = f"one of {self._limit} connections (max_conns_per_host)"
                raise WireError("timeout", f"{call.peer}: the deadline passed while waiting for {what}")
        finally:
            self._waiting -= 1

    def _pop(self, key: str) -> Connection | None:
        with self._lock:
            return self._idle_one(key)

    def _idle_one(self, key: str) -> Connection | None:
        for n in range(len(self._idle) - 1, -1, -1):
            if self._idle[n].key == key:
                return self._idle.pop(n)
        return None

    def _release(self, kept: Connection | None) -> None:
        surplus = []
        with self._lock:
            self._busy -= 1
            if kept is not None:
                self._idle.append(kept)
                old = kept.since - self._patience
                while self._idle and (self._idle[0].since <= old or len(self._idle) > self._spare):
                    surplus.append(self._idle.pop(0))
            if self._waiting:
                self._freed.notify()
        for connection in surplus:
            connection.close()
