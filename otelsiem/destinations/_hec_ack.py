"""Indexer acknowledgement: its settings, the tickets of accepted payloads, and which of them to ask for (contract 7).

Guarantees: a ticket names its endpoint, for an id means nothing to another one; an id is asked for only while it can
mean this payload and no other. A collector that was restarted, or has forgotten an idle channel, counts from 0 again:
ids that were given before are left to their timeout, so that the `true` of a newer payload never confirms an older one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from otelsiem.destinations._settings import SETTINGS
from otelsiem.model.destination import Confirmation
from otelsiem.model.duration import Duration
from otelsiem.model.outcome import Ticket

MOST_ASKED = 5_000  # ids of one request: the answer stays below 200 KB
IDLE = 300.0  # seconds: a channel that is idle for 600 s is forgotten (limits.conf, maxIdleTime)
RESTARTS = 2  # of a collector while payloads wait; more than that are several collectors behind one address


class Ack(BaseModel):
    """Wait until the indexers have what was sent. Naming the block turns it on; the token must have it on, too."""

    model_config = SETTINGS

    enabled: bool = Field(True, description="a payload counts as delivered once the indexers confirm it")
    poll_interval: Duration = Field(10.0, description="between two questions what was indexed")
    timeout: Duration = Field(300.0, description="what is not confirmed by then is sent again")
    max_pending: int = Field(
        10_000, ge=1, le=1_000_000, description="unconfirmed requests of one courier; then it sends no more"
    )

    @model_validator(mode="after")
    def _patient(self) -> Ack:
        if self.timeout <= self.poll_interval:
            raise ValueError("timeout must be longer than poll_interval: nothing would be asked for in time")
        if self.poll_interval > IDLE:
            raise ValueError("poll_interval must be at most 5m: Splunk forgets a channel that is idle for 10m")
        return self

    @property
    def confirmation(self) -> Confirmation | None:
        """The same, as the courier reads it."""
        return Confirmation(self.poll_interval, self.timeout, self.max_pending) if self.enabled else None


def _block(data: object) -> object:
    """`ack: true`, `ack: false`, and `ack:` with nothing behind it."""
    return {"enabled": data} if isinstance(data, bool) else {} if data is None else data


AckText = Annotated[Ack, BeforeValidator(_block, json_schema_input_type=bool | Ack)]


class Issued(NamedTuple):
    """A ticket, read."""

    at: int  # ns: when the payload was sent
    number: int  # the ackId
    node: int  # index of the endpoint
    ticket: Ticket


class Pending(NamedTuple):
    """What waits for one endpoint."""

    node: int
    numbers: Mapping[int, Ticket]  # the ids to ask for
    tickets: Sequence[Ticket]  # all that wait, those that are not asked for, too
    overdue: Collection[Ticket]  # have waited for as long as anybody waits
    mixed: bool  # the ids come from several collectors: none of them means anything


def issue(node: int, number: int, now: int) -> Ticket:
    """The ticket of a payload. The time makes it unique when the collector counts from 0 again."""
    return f"{node}.{number}.{now}"


def pending(tickets: Iterable[Ticket], patience: float, now: int) -> Iterator[Pending]:
    """The tickets by endpoint."""
    latest = now - int(patience * 1e9)
    by_node: dict[int, list[Issued]] = {}
    for ticket in tickets:
        if found := _read(ticket):
            by_node.setdefault(found.node, []).append(found)
    for node, given in sorted(by_node.items()):
        given.sort()
        falls = sum([later.number <= earlier.number for earlier, later in pairwise(given)])
        overdue = {one.ticket for one in given if one.at <= latest}
        yield Pending(node, _current(given), [one.ticket for one in given], overdue, falls > RESTARTS)


def parts(numbers: Mapping[int, Ticket]) -> Iterator[Mapping[int, Ticket]]:
    """As many as one request may ask for."""
    left = iter(numbers.items())
    while part := dict(islice(left, MOST_ASKED)):
        yield part


def _current(given: Sequence[Issued]) -> dict[int, Ticket]:
    """Those with an id below all that were given later: ids ascend, so the others are from before a restart."""
    least = math.inf
    found: dict[int, Ticket] = {}
    for one in reversed(given):
        if one.number < least:
            least = one.number
            found[one.number] = one.ticket
    return dict(sorted(found.items()))


def _read(ticket: Ticket) -> Issued | None:
    try:
        node, number, at = map(int, ticket.split("."))
    except ValueError:
        return None  # not one of ours
    return Issued(at, number, node, ticket)
