"""Host names to addresses within a deadline: getaddrinfo knows none and cannot be interrupted.

Guarantees: a lookup never blocks its caller past the deadline; one lookup per name is in flight at a time, however
many callers wait for it, so a dead name server costs one thread per name.
"""

from __future__ import annotations

import socket
import threading
from typing import TypeAlias

from otelsiem.transport.call import Call, WireError

Address: TypeAlias = tuple[int, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]  # family, sockaddr


class _Lookup:
    """One getaddrinfo in a thread of its own; `settled` also when a waiting caller was told to stop."""

    def __init__(self, host: str, port: int) -> None:
        self.settled = threading.Event()
        self.addresses: list[Address] = []
        self.error: OSError | None = None
        self._host, self._port = host, port

    def run(self) -> None:
        try:
            self.addresses = _ask(self._host, self._port, 0)
        except OSError as error:
            self.error = error
        except UnicodeError:  # a label that is empty or longer than 63 characters
            self.error = socket.gaierror(socket.EAI_NONAME, "not a host name")
        self.settled.set()


class Resolver:
    """Lookups of one transport."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, int], _Lookup] = {}

    def addresses(self, host: str, port: int, call: Call) -> list[Address]:
        """In the order of the system's preference, never empty. Raises WireError."""
        try:
            return _ask(host, port, socket.AI_NUMERICHOST)  # an address literal asks no server
        except OSError:
            pass
        lookup = self._lookup(host, port)
        lookup.settled.wait(call.remaining(lookup.settled.set))
        call.remaining(None)  # raises when it was the deadline or an interrupt
        if lookup.error is not None:
            raise _unresolved(lookup.error, call.peer)
        return lookup.addresses

    def _lookup(self, host: str, port: int) -> _Lookup:
        key = (host, port)
        with self._lock:
            lookup = self._running.get(key)
            if lookup is None or lookup.settled.is_set():
                lookup = self._running[key] = _Lookup(host, port)
                threading.Thread(target=lookup.run, name="otelsiem-resolve", daemon=True).start()
            return lookup


def _ask(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found]


def _unresolved(error: OSError, peer: str) -> WireError:
    # EAI_AGAIN is a name server that does not answer: the network's fault, over soon. The rest is "no such host".
    if error.errno == socket.EAI_AGAIN:
        return WireError("connect", f"{peer}: the name cannot be looked up at the moment")
    return WireError("resolve", f"{peer}: no such host")
