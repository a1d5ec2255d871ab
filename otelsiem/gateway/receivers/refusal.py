"""Why a request is refused: one table from errors to what the sender hears, over HTTP and over gRPC.

Guarantees: whatever is not the sender's fault has an answer that senders repeat on (OTLP: 503 and UNAVAILABLE; a 500
or an INTERNAL would make them drop the data), and every refusal is counted.
"""

from __future__ import annotations

import logging
import time
import traceback
from dataclasses import dataclass
from typing import Protocol

from otelsiem.gateway.receivers.budget import BusyError
from otelsiem.journal.cause import known
from otelsiem.model.errors import (
    JournalError,
    JournalFullError,
    MalformedError,
    NotOpenError,
    OtelsiemError,
    TooLargeError,
)
from otelsiem.telemetry.log import fields

# google.rpc.Code
INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED = 3, 5, 8, 12, 14, 16

COME_BACK = 5.0  # seconds: longer than a burst takes to commit, shorter than any sender's patience
QUIET_SECONDS = 60.0  # the same failure is logged again after this long; the metric counts every one

_log = logging.getLogger("otelsiem.gateway.receivers")


class RefusalCounter(Protocol):
    """The part of Metrics that receivers need."""

    def refused(self, receiver: str, transport: str, reason: str, token: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a sender is told, and the word it is counted under."""

    reason: str
    message: str
    status: int  # HTTP
    code: int  # google.rpc.Code
    retry_after: float | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    token: str = ""  # the name of the sender's token, where it showed one


class RefusedError(OtelsiemError):
    """A refusal on its way to the sender."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(error: Exception) -> Refusal:
    """What an error of the door or of reading means to the sender."""
    match error:
        case RefusedError():
            return error.refusal
        case MalformedError():
            return Refusal("malformed", str(error)[:1000], 400, INVALID_ARGUMENT)
        case TooLargeError():
            # without RetryInfo: it will not fit later either
            return Refusal("too_large", str(error)[:1000], 413, RESOURCE_EXHAUSTED)
        case JournalFullError():
            return Refusal("full", str(error)[:1000], 503, UNAVAILABLE, COME_BACK)
        case NotOpenError():
            return Refusal("not_open", str(error)[:1000], 503, UNAVAILABLE, COME_BACK)
        case BusyError():
            return Refusal("busy", str(error)[:1000], 503, UNAVAILABLE, COME_BACK)
        case JournalError():
            message = "the journal cannot take records now; the reason is in the gateway's log"
            return Refusal("journal", message, 503, UNAVAILABLE, COME_BACK)
        case _:
            message = "the gateway failed to take this request; the reason is in its log"
            return Refusal("internal", message, 503, UNAVAILABLE, COME_BACK)


LATE = Refusal("slow", "the request took too long to arrive", 503, UNAVAILABLE, COME_BACK)
STOPPING = Refusal("stopping", "the gateway is stopping", 503, UNAVAILABLE, COME_BACK)


class Complaints:
    """Logs failures that are ours, each once a minute: a sentence where the cause is known, else with a traceback."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], float] = {}

    def hear(self, error: Exception, refusal: Refusal, receiver: str, transport: str) -> None:
        """Log it when a person is needed and was not told yet."""
        if refusal.reason not in {"internal", "journal"}:
            return
        cause = known(error)
        kind = (type(error).__name__, "" if cause else _where(error))
        now = time.monotonic()
        if now - self._said.get(kind, -QUIET_SECONDS) < QUIET_SECONDS:
            return
        if len(self._said) > 100:  # an error whose place keeps changing must not fill the memory
            self._said.clear()
        self._said[kind] = now
        said = "a request could not be taken; its sender was told to come back"
        if cause:
            _log.error(said, extra=fields(receiver=receiver, transport=transport, reason=cause))
        else:
            _log.error(said, exc_info=error, extra=fields(receiver=receiver, transport=transport))


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
