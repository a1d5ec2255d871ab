"""What listens: receivers on their addresses, opened and closed one listener at a time.

Guarantees: a listener is open as a whole or not at all; each of them says the same about the health of the gateway.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from otelsiem.gateway.plan import Listener
from otelsiem.gateway.receivers.grpc import GrpcReceiver
from otelsiem.gateway.receivers.http import HttpReceiver
from otelsiem.gateway.receivers.listen import ListenError
from otelsiem.model.errors import OtelsiemError

log = logging.getLogger("otelsiem.gateway")

GRACE = 5.0  # seconds for requests in flight when a listener closes
PATIENCE = 2.0  # seconds in which the system gives back an address that we have just closed


@dataclass(slots=True)
class Open:
    """A listener and the receivers that work for it."""

    listener: Listener
    receivers: list[GrpcReceiver | HttpReceiver] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # as the start line names them

    async def stop(self, grace: float) -> None:
        await asyncio.gather(*[receiver.stop(grace) for receiver in self.receivers])


Opener: TypeAlias = Callable[[Listener], Awaitable[Open]]


class Listening:
    """All that listens at the moment."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._open: list[Open] = []
        self._serving = False
        self.shut: dict[str, str] = {}  # receiver -> why it could not be opened again

    @property
    def listeners(self) -> Sequence[Listener]:
        return [one.listener for one in self._open]

    @property
    def said(self) -> Sequence[str]:
        return [address for one in self._open for address in one.said]

    async def open(self, listener: Listener) -> None:
        """Raises ListenError; then nothing of it is open."""
        made = await self._opener(listener)
        await self._tell(made)
        self._open.append(made)
        self.shut.pop(listener.receiver, None)

    async def open_after(self, listener: Listener) -> None:
        """The same, for an address that was ours until just now."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return await self.open(listener)
            except ListenError:
                if time.monotonic() > until:
                    raise
            await asyncio.sleep(0.05)

    async def close(self, listener: Listener) -> None:
        """Take no more; what is in flight may finish."""
        made = next(one for one in self._open if one.listener == listener)
        self._open.remove(made)
        await made.stop(GRACE)

    async def restore(self, listener: Listener) -> None:
        """Open again what was closed for nothing; when that fails a person is told, here and by /ready."""
        try:
            await self.open_after(listener)
        except (OtelsiemError, OSError) as error:
            self.shut[listener.receiver] = str(error)
            log.error("receiver=%s reason=%r msg=%r", listener.receiver, str(error), "does not listen any more")  # noqa: TRY400 - the reason is the whole story

    async def serve(self, *, serving: bool) -> None:
        """What the gRPC health service answers from now on."""
        self._serving = serving
        for one in self._open:
            await self._tell(one)

    async def stop(self) -> None:
        """All of them at once."""
        await asyncio.gather(*[one.stop(GRACE) for one in self._open])

    async def _tell(self, one: Open) -> None:
        for receiver in one.receivers:
            if isinstance(receiver, GrpcReceiver):
                await receiver.set_serving(self._serving)
