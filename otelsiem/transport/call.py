"""One request on its way: its deadline, what it blocks on, and how far it got; and all of a transport's at once.

Guarantees: nothing that asks `Call.remaining` how long it may block blocks past the deadline, and `Calls.stop` wakes
whatever a call of another thread blocks on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeAlias

from otelsiem.model.exchange import FailureKind

Wake: TypeAlias = Callable[[], None]  # ends, from another thread, what a call blocks on


class WireError(Exception):
    """Why a request got no answer; becomes a Failure where `perform` returns."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.kind: FailureKind = kind
        self.detail = detail


class Call:
    """One attempt at one request. Only its own thread writes to it."""

    def __init__(self, calls: Calls, deadline: float, peer: str) -> None:
        self._calls = calls
        self.deadline = deadline
        self.peer = peer  # host:port, for messages
        self.wake: Wake | None = None
        self.sent = False  # some of the body may have left
        self.reused = False  # the connection had served a request before
        self.acked = -1  # on a reused connection: bytes the peer's kernel had acknowledged before this request
        self.replied = False  # at least one byte of the answer came
        self.reset = False  # the peer threw the connection away (RST)
        self.untouched = False  # proof that the peer took no byte of this request

    def remaining(self, wake: Wake | None) -> float:
        """Seconds that the next step may block, after noting how to end it from another thread."""
        self.wake = wake  # first this, then the look at `stopped`: `stop` does it the other way round
        if self._calls.stopped:
            raise WireError("reset", f"{self.peer}: interrupted")
        left = self.deadline - monotonic()
        if left <= 0:
            raise self.late()
        return left

    def late(self) -> WireError:
        """The deadline passed; says in which part, since that tells a slow network from a slow server."""
        doing = "the answer came" if self.replied else "waiting for the answer" if self.sent else "sending"
        return WireError("timeout", f"{self.peer}: the deadline passed while {doing}")

    @contextmanager
    def aside(self, peer: str) -> Iterator[None]:
        """What happens in here is between another peer and us: nothing of the request is in it."""
        self.peer, asked = peer, self.peer
        try:
            yield
        finally:
            self.peer = asked
            self.sent = self.replied = self.reset = False

    @property
    def repeatable(self) -> bool:
        """A kept connection that the peer had closed: nothing of this request can have been processed.

        Either no byte of the body was handed to the kernel, or the peer's kernel acknowledged none of the request.
        """
        return self.reused and not self.replied and (self.untouched or not self.sent)


class Calls:
    """The calls in progress of one transport."""

    def __init__(self) -> None:
        self.stopped = False
        self._active: set[Call] = set()
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)

    def begin(self, deadline: float, peer: str) -> Call:
        call = Call(self, deadline, peer)
        with self._lock:
            self._active.add(call)
        return call

    def end(self, call: Call) -> None:
        with self._lock:
            self._active.discard(call)
            if self.stopped:  # only then somebody may wait
                self._ended.notify_all()

    def stop(self) -> None:
        """Wake every call; those to come fail at once."""
        self.stopped = True
        with self._lock:
            wakes = [call.wake for call in self._active]
        for wake in wakes:
            if wake is not None:
                wake()

    def wait_idle(self, timeout: float) -> bool:
        """After `stop`: until no call is in progress; False when time ran out."""
        with self._lock:
            return self._ended.wait_for(lambda: not self._active, timeout)
