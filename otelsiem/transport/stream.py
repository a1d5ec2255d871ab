"""Records to stdout or stderr of this process, whole bodies at a time.

Guarantees: bodies of several couriers never mix; a reader that went away is a Failure, one that does not read blocks
its courier until it does or an interrupt comes.
"""

from __future__ import annotations

import os
import select
import threading

from otelsiem.forks import at_fork
from otelsiem.model.destination import StreamSettings
from otelsiem.model.exchange import Answer, Failure, Reply, Request, WriteRequest

_DESCRIPTORS = {"stdout": 1, "stderr": 2}
_LOCKS = {name: threading.Lock() for name in _DESCRIPTORS}  # two exporters may share a stream
_PIECE = 4096  # PIPE_BUF on Linux: what a pipe that polls as writable takes without blocking
_LOOK = 0.1  # seconds between looks at an interrupt while the reader does not read


def _begin() -> None:
    """In a child just forked: whoever held them is not here."""
    _LOCKS.update({name: threading.Lock() for name in _DESCRIPTORS})


at_fork(child=_begin)


class StreamTransport:
    """One of the process's own streams."""

    def __init__(self, settings: StreamSettings) -> None:
        self._name = settings.stream
        self._stopped = False

    def perform(self, request: Request) -> Reply:
        if not isinstance(request, WriteRequest):
            return Failure("protocol", f"a stream cannot carry a {type(request).__name__}")
        if self._name not in _DESCRIPTORS:
            return Failure("protocol", "the stream must be stdout or stderr")
        with _LOCKS[self._name]:
            return self._write(request.body, _DESCRIPTORS[self._name])

    def interrupt(self) -> None:
        self._stopped = True

    def close(self) -> None:
        self._stopped = True

    def _write(self, body: bytes, descriptor: int) -> Reply:
        at = 0
        try:
            while at < len(body):
                while not _writable(descriptor):
                    if self._stopped:
                        return Failure("disk", f"{self._name}: interrupted", sent=at > 0)
                if self._stopped and at == 0:
                    return Failure("disk", f"{self._name}: interrupted")
                at += os.write(descriptor, body[at : _cut(body, at)])
        except OSError as error:  # a broken pipe among them
            return Failure("disk", f"{self._name}: {(error.strerror or 'cannot be written').lower()}", sent=at > 0)
        return Answer(200)


def _cut(body: bytes, at: int) -> int:
    """Where the next piece ends: after a whole line if one fits, so that a stray print tears none."""
    return body.rfind(b"\n", at, at + _PIECE) + 1 or at + _PIECE


def _writable(descriptor: int) -> bool:
    if not hasattr(select, "poll"):  # Windows cannot ask this of a pipe
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(_LOOK * 1000))
