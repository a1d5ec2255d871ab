"""Verdicts: what a destination's answer says of one payload, and what became of each record of a lease.

An `Outcome` is a closed union and never an exception. Indices in a `Partial` count within the payload it judges;
indices in a `Receipt` count within the leased batch. A `Receipt` is total by construction: whatever it does not
name was delivered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Ticket: TypeAlias = str
"""What a destination calls a payload that it will confirm later. Unique within the channel that it was given on."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Every record of the payload is the destination's now."""

    note: str = ""  # good news with a warning in it ("queue near capacity")
    after: float = 0.0  # seconds to wait before the next payload, when the destination asked for it


@dataclass(frozen=True, slots=True)
class Accepted:
    """Taken, confirmation to come (HEC ack, a stream's send queue)."""

    ticket: Ticket
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: the same records again later, unchanged."""

    reason: str
    after: float = 0.0  # seconds; what the destination asked for, already capped; 0 = it did not say
    busy: bool = False  # the destination said it is throttling and took nothing: no suspicion falls on the records


@dataclass(frozen=True, slots=True)
class Split:
    """Too large as one request; a single record that is still too large is rejected."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reject:
    """The payload is refused for what it holds; which record is guilty is not said."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """The fault is ours or the operator's (token, index, certificate): keep everything, probe slowly, tell a person."""

    reason: str
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Partial:
    """Different verdicts within one payload; every index of the payload stands in exactly one place.

    `took`: the destination took some of those named `rejected`, and does not say which (OTLP's partial success). Then
    none of them is sent again; all are kept as dead letters.
    """

    delivered: Sequence[int] = ()
    again: Sequence[int] = ()
    rejected: Mapping[int, str] = field(default_factory=dict)
    accepted: Mapping[Ticket, Sequence[int]] = field(default_factory=dict)
    held: Mapping[int, str] = field(default_factory=dict)
    after: float = 0.0
    reason: str = ""  # why `again` has to go again
    took: bool = False
    note: str = ""  # of what was delivered, as in `Delivered`


Outcome: TypeAlias = Delivered | Accepted | Partial | Retry | Split | Reject | Hold


@dataclass(frozen=True, slots=True)
class Death:
    """Why one record was refused for good, and how often it was tried."""

    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Later:
    """One record goes to the side queue `due`: it is pending, its neighbours go on."""

    at: int  # ns since the epoch: not before
    reason: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """The fates of a lease's records by index; every index not named here was delivered."""

    dead: Mapping[int, Death] = field(default_factory=dict)
    due: Mapping[int, Later] = field(default_factory=dict)
    filtered: Mapping[int, str] = field(default_factory=dict)  # index -> rule
    released: Sequence[int] = ()  # not settled: lent again at once (shutdown, a lost courier)
    # Taken, confirmation to come: by ticket. They stay on loan, as positions only, until a later settle.
    accepted: Mapping[Ticket, Sequence[int]] = field(default_factory=dict)

    @property
    def named(self) -> int:
        """How many records did not just arrive."""
        unconfirmed = sum([len(indices) for indices in self.accepted.values()])
        return len(self.dead) + len(self.due) + len(self.filtered) + len(self.released) + unconfirmed
