"""What a destination of another package is written with: one place to import from, whose names stay.

    from otelsiem.plugin import Batch, Encoded, Exchange, HttpClient, HttpRequest, Limits, Moment, Payload, verdict

`docs/how-to/write-a-destination.md` has a whole one. People who want no more than `send_event` subclass
`otelsiem.SiemAdapter` instead.
"""

from __future__ import annotations

from collections.abc import Iterable

from otelsiem.delivery.judge import judge
from otelsiem.destinations._adapter import around
from otelsiem.destinations._payloads import payloads
from otelsiem.destinations._quote import quoted
from otelsiem.destinations._settings import HttpClient
from otelsiem.formats.json import Style, lines
from otelsiem.model.destination import (
    Encoded,
    FileSettings,
    GrpcSettings,
    HttpSettings,
    Limits,
    Moment,
    Payload,
    StreamSettings,
    TlsSettings,
)
from otelsiem.model.exchange import Answer, Exchange, Failure, GrpcRequest, HttpRequest, Reply, Wait, WriteRequest
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Partial, Reject, Retry, Split
from otelsiem.model.record import Batch, Group, Record, Scope, Value, records
from otelsiem.model.secret import Secret

__all__ = [
    "Accepted",
    "Answer",
    "Batch",
    "Delivered",
    "Encoded",
    "Exchange",
    "Failure",
    "FileSettings",
    "Group",
    "GrpcRequest",
    "GrpcSettings",
    "Hold",
    "HttpClient",
    "HttpRequest",
    "HttpSettings",
    "Limits",
    "Moment",
    "Outcome",
    "Partial",
    "Payload",
    "Record",
    "Reject",
    "Reply",
    "Retry",
    "Scope",
    "Secret",
    "Split",
    "StreamSettings",
    "TlsSettings",
    "Value",
    "Wait",
    "WriteRequest",
    "around",
    "event_lines",
    "payloads",
    "probed",
    "quoted",
    "records",
    "verdict",
]

_STYLE = Style()


def event_lines(batch: Batch, at: Moment) -> list[bytes]:
    """The normalised event of each record as JSON, in order, without a newline."""
    return lines(batch, at, _STYLE)


def verdict(reply: Reply, at: Moment, secrets: Iterable[str] = ()) -> Outcome:
    """What a reply means by its status alone: 2xx delivered, 401 and 403 hold, 429 and 5xx again, 400 rejected, …

    A destination that knows its service better asks its own table first. `secrets` never come out in a reason.
    """
    if isinstance(reply, Failure):
        reply = Failure(reply.kind, quoted(reply.detail, secrets) or "no reason given", reply.sent)
    return judge(reply, at.now)


def probed(outcome: Outcome) -> Outcome:
    """The verdict on a probe: it sends no records, so none is to blame."""
    return Hold(outcome.reason) if isinstance(outcome, Reject | Split) else outcome
