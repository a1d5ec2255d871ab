"""Calls of a classic adapter: what a destination asks of it, and what became of each event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import msgspec

FateKind: TypeAlias = Literal["delivered", "again", "rejected", "held"]


class Fate(msgspec.Struct, frozen=True, array_like=True):
    """What became of one event. The answer to a `CallRequest` is a list of them in JSON, one for each event."""

    kind: FateKind
    reason: str = ""
    after: float = 0.0  # of `again`: seconds


@dataclass(frozen=True, slots=True)
class CallRequest:
    """`send`: these events, one in JSON a line. `health`: how it is, answered with one fate."""

    call: Literal["send", "health"]
    events: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """Whom to call, and for how long."""

    name: str
    make: Callable[[], Any] = field(repr=False, compare=False)  # the adapter, when it is called for the first time
    timeout: float = 10.0  # total deadline of one call, seconds
