"""The body of one HTTP request as it arrives: read within bounds, or let pass so that the answer is heard.

Guarantees: no more is held than the limit and the budget allow; after the last byte nothing waits for another one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from otelsiem.gateway.receivers.budget import Share
from otelsiem.model.errors import TooLargeError

Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]  # ASGI's own shape: a dict by specification


class GoneError(Exception):
    """The sender left before its request was complete: there is nobody to answer."""


class Body:
    """What `receive` brings."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def read(self, limit: int, share: Share) -> bytes:
        """All of it. Raises TooLargeError, BusyError or GoneError."""
        pieces: list[bytes] = []
        while not self.ended:
            piece = await self._next()
            if share.held + len(piece) > limit:
                raise too_large(limit)
            share.take(len(piece))
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def drain(self, limit: int) -> None:
        """Let up to this much of it pass: one that is still writing may lose an answer given too early."""
        while not self.ended and limit > 0:
            limit -= len(await self._next())

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        self.ended = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece


def too_large(limit: int) -> TooLargeError:
    """What is said to a request over the limit."""
    return TooLargeError(f"the request is over {limit} bytes, the limit here; send smaller batches")
