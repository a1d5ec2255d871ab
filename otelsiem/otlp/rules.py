"""What holds for every request in whichever encoding: how deep values nest, how far shared parts spread.

A journal entry holds resource and scope with every group. One request of 20 MiB could otherwise name one large
resource in a hundred thousand scopes and become terabytes; `Spread` refuses it before anything of it is built.
"""

from __future__ import annotations

import msgspec

from otelsiem.model.errors import TooLargeError
from otelsiem.model.record import Scope, Value

DROPPED = "otel.dropped_attributes_count"  # what systems without the field get it as (common/mapping-to-non-otlp.md)
NO_TRACE, NO_SPAN = bytes(16), bytes(8)  # say that there is none
DEEPEST = 32  # values inside one another, the outermost counted: enough for people, harmless for every reader behind us
LARGEST = 64 << 20  # bytes of repeated resources and scopes in one request; honest requests repeat kilobytes

_pack = msgspec.msgpack.Encoder().encode


class Spread:
    """Counts the repetitions of one request."""

    __slots__ = ("_bytes",)

    def __init__(self) -> None:
        self._bytes = 0

    def again(self, shared: dict[str, Value] | Scope, times: int) -> None:
        """Note that this value will be written `times` more often than it was sent."""
        if times <= 0:
            return
        self._bytes += times * len(_pack(shared))
        if self._bytes > LARGEST:
            raise TooLargeError(
                f"the request repeats its resources and scopes over more than {LARGEST >> 20} MiB: "
                "send fewer scopes per resource, or smaller resource attributes"
            )


def clamped(severity: int) -> int:
    """A SeverityNumber: proto3 enums are open, ours is not."""
    return min(max(severity, 0), 24)
