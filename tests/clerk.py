"""A small honest peer that takes records at once and confirms them later, on a socket, and the destination for it.

The clerk keeps what it was given per ticket, confirms what it is told to, and remembers who asked for what on which
channel. Told to misbehave, it loses payloads, never confirms them, hides its answers, or refuses to be asked.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Self

import msgspec

from otelsiem.delivery.judge import judge
from otelsiem.model.destination import Confirmation, Confirming, Encoded, HttpSettings, Limits, Moment, Payload
from otelsiem.model.exchange import Answer, Exchange, HttpRequest
from otelsiem.model.outcome import Accepted, Delivered, Hold, Reject, Retry, Ticket
from otelsiem.model.record import Batch, records
from otelsiem.testing.http import HttpServer, Reset, Respond, Seen, Step

SMALL = Limits(10, age=0.0)
PROMPT = Confirmation(interval=0.02, timeout=600.0)


@dataclass(frozen=True)
class ToClerk:
    """The destination. A ticket is what the clerk says."""

    url: str
    confirmation: Confirmation | None = PROMPT
    limits: Limits = SMALL

    @property
    def wire(self) -> HttpSettings:
        return HttpSettings(timeout=5.0)

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        ids = [record.id for record in records(batch)]
        return Encoded([Payload(msgspec.json.encode(ids), range(len(ids)))] if ids else [])

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        reply = yield HttpRequest("POST", f"{self.url}/take", {"channel": at.channel}, payload.body)
        if isinstance(reply, Answer) and reply.status == 202:
            return Accepted(reply.body.decode())
        return judge(reply, at.now)

    def confirm(self, tickets: Sequence[Ticket], at: Moment) -> Confirming:
        body = msgspec.json.encode(list(tickets))
        reply = yield HttpRequest("POST", f"{self.url}/ask", {"channel": at.channel}, body)
        if isinstance(reply, Answer) and reply.status == 200:
            said: dict[str, bool] = msgspec.json.decode(reply.body)
            return {ticket: Delivered() if kept else Reject("lost") for ticket, kept in said.items()}
        outcome = judge(reply, at.now)
        unknown = outcome if isinstance(outcome, Retry | Hold) else Hold("not an answer")
        return dict.fromkeys(tickets, unknown)

    def probe(self, at: Moment) -> Exchange:
        reply = yield HttpRequest("POST", f"{self.url}/probe")
        return judge(reply, at.now)


@dataclass
class Taken:
    """One payload."""

    channel: str
    ids: Sequence[str]
    mood: str  # well, never, lost


@dataclass
class Clerk:
    """`confirms` off: nothing is confirmed until it is on. Scripts are used up from the left, `well` after them."""

    confirms: bool = True
    moods: deque[str] = field(default_factory=deque)  # of payloads: well, never, lost, hidden (a lost answer), a status
    asked_moods: deque[str] = field(default_factory=deque)  # of questions: well, hidden, a status
    refuses: Callable[[Sequence[str]], bool] = lambda ids: False  # a wrong token for these
    unasked: int = 0  # a status that every question gets; 0 = none
    pile: dict[Ticket, Taken] = field(default_factory=dict)
    stored: Counter[str] = field(default_factory=Counter)  # copies of each record
    confirmed: set[str] = field(default_factory=set)  # records that an answer confirmed
    questions: list[tuple[str, Sequence[Ticket]]] = field(default_factory=list)
    strangers: int = 0  # tickets asked for on a channel they were not given on
    server: HttpServer = field(default_factory=HttpServer)

    def __post_init__(self) -> None:
        self.server.handler = self._handle
        self._changed = threading.Condition()
        self._numbers = count()

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.stop()

    def until(self, so: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for something that the clerk sees."""
        with self._changed:
            assert self._changed.wait_for(so, seconds), (len(self.pile), len(self.questions), len(self.stored))

    def restart(self) -> None:
        """What was not confirmed is forgotten; its tickets mean nothing any more."""
        with self._changed:
            for taken in self.pile.values():
                taken.mood = "never"

    def _handle(self, request: Seen) -> Step:
        with self._changed:
            step = self._step(request)
            self._changed.notify_all()
            return step

    def _step(self, request: Seen) -> Step:
        channel = request.headers.get("channel", "")
        if request.path == "/take":
            return self._take(channel, msgspec.json.decode(request.body, type=list[str]))
        if request.path == "/ask":
            return self._answer(channel, msgspec.json.decode(request.body, type=list[str]))
        return Respond(401 if self.refuses(()) else 200)

    def _take(self, channel: str, ids: Sequence[str]) -> Step:
        if self.refuses(ids):
            return Respond(401)
        mood = self.moods.popleft() if self.moods else "well"
        if mood.isdigit():
            return Respond(int(mood))
        ticket = f"t{next(self._numbers)}"
        self.pile[ticket] = Taken(channel, ids, mood)
        self.stored.update(ids)
        return Reset() if mood == "hidden" else Respond(202, ticket.encode())

    def _answer(self, channel: str, tickets: Sequence[Ticket]) -> Step:
        self.questions.append((channel, tickets))
        mood = self.asked_moods.popleft() if self.asked_moods else "well"
        if self.unasked or mood.isdigit():
            return Respond(self.unasked or int(mood))
        said: dict[Ticket, bool] = {}
        for ticket in tickets:
            taken = self.pile.get(ticket)
            if taken is None or taken.channel != channel:
                self.strangers += 1
            elif taken.mood == "lost":
                said[ticket] = False
            elif taken.mood == "well" and self.confirms:
                said[ticket] = True
        if mood == "hidden":
            return Reset()
        self._note(said)
        return Respond(200, msgspec.json.encode(said))

    def _note(self, said: Mapping[Ticket, bool]) -> None:
        for ticket, kept in said.items():
            if kept:
                self.confirmed.update(self.pile[ticket].ids)
