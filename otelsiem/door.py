"""The door: decode → ids → processors → journal. Guarantees: the answer comes after the journal said durable (P1).

The work of a request is done once, on the door's own thread, so that the receivers' loop only moves bytes. What is
acknowledged is exactly what will be delivered; every pipeline of the receiver takes the request or none does.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, TypeAlias

from otelsiem.journal.journal import Append, Journal, Pending, Position
from otelsiem.model.destination import Moment
from otelsiem.model.errors import JournalFullError, NotOpenError
from otelsiem.model.processor import Aside, Processor
from otelsiem.model.record import Batch
from otelsiem.model.record import records as records_of
from otelsiem.otlp.decode import decode_pieces
from otelsiem.otlp.ids import Stamp
from otelsiem.otlp.json import decode_json_pieces
from otelsiem.otlp.mark import mark, own
from otelsiem.otlp.normalise import normalise
from otelsiem.turn import WORK

log = logging.getLogger("otelsiem.door")

MOST_BYTES = 64 << 20  # of requests inside the door at once; the next ones wait outside
PIECE = 2_500  # records decoded at one turn, about 1 MiB: a large request lets others in between
PATIENCE = 5.0  # seconds they wait before they are told to come back


class Form(StrEnum):
    """How the bytes of a request are to be read."""

    PROTOBUF = "protobuf"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who brings a request."""

    receiver: str  # "otlp"
    transport: str  # "grpc" or "http"
    token: str = ""  # the token's name, never its value
    tenant: str = ""  # whose its records are, whatever they say; "" = they say it themselves
    marks: tuple[tuple[str, str], ...] = ()  # attributes that its records get
    curious: bool = False  # wants to know the ids of its records


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a request: durable where it says so, and why a part of it is not."""

    accepted: int
    rejected: int = 0  # refused by every pipeline: the sender's partial_success
    message: str = ""
    positions: tuple[Position, ...] = ()
    ids: Sequence[Sequence[str]] = ()  # of the records at each position, for a sender that is curious


class Door(Protocol):
    """What receivers need of the door."""

    async def take(self, body: bytes, form: Form, sender: Sender) -> Taken:
        """Returns when durable. Raises MalformedError, TooLargeError or JournalFullError; then nothing was taken."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a record goes through on its way into the journal."""

    name: str
    processors: Sequence[Processor] = ()


Routes: TypeAlias = Mapping[str, Sequence[Pipeline]]  # receiver -> the pipelines it feeds


class Count(Protocol):
    """Told of every request that became durable."""

    def accepted(self, receiver: str, tenant: str, records: int, token: str = "") -> None: ...
    def filtered(self, pipeline: str, rule: str, records: int) -> None: ...


@dataclass(slots=True)
class _Visit:
    """One request inside the door."""

    body: bytes
    form: Form
    sender: Sender
    answer: asyncio.Future[Taken]
    taken: Taken | None = None
    tenants: Counter[str] = field(default_factory=Counter)
    filtering: Sequence[Append] = ()  # those whose processors took something out


@dataclass(slots=True)
class _Turn:
    """What is done between two requests; it returns the routes of those that follow."""

    act: Callable[[], Routes]
    done: Future[None] = field(default_factory=Future)


class JournalDoor:
    """The door of a gateway: one thread between the receivers' loop and the journal's writer."""

    def __init__(
        self,
        journal: Journal,
        routes: Routes,
        counts: Count,
        *,
        host: str = "",
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._journal, self._routes, self._counts = journal, routes, counts
        self._host, self._clock = host, clock
        self._visits: queue.SimpleQueue[_Visit | _Turn | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="door", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inside = 0  # bytes
        self._outside: deque[asyncio.Future[None]] = deque()

    def open(self) -> None:
        """Start on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def close(self) -> None:
        """Finish the visits inside, then end the thread. Receivers have stopped before."""
        self._visits.put(None)
        self._thread.join()

    # --- on the loop -------------------------------------------------------------------------------------------

    async def between(self, act: Callable[[], Routes]) -> None:
        """Run `act` between two requests, on the door's thread; what it returns are the routes from then on.

        Every request before it was handed to the journal under the old routes, every one after it waits. When `act`
        raises, the old routes stay, and the error comes here.
        """
        turn = _Turn(act)
        self._visits.put(turn)
        await asyncio.shield(asyncio.wrap_future(turn.done))

    async def take(self, body: bytes, form: Form, sender: Sender) -> Taken:
        """Returns when durable."""
        if not body and form is Form.PROTOBUF:
            return Taken(0)  # OTLP: an empty request succeeds
        loop = asyncio.get_running_loop()
        await self._admit(len(body), loop)
        try:
            visit = _Visit(body, form, sender, loop.create_future())
            self._visits.put(visit)
            # A sender that goes away does not take its records with it: the visit ends by itself.
            return await asyncio.shield(visit.answer)
        finally:
            self._leave(len(body))

    async def _admit(self, size: int, loop: asyncio.AbstractEventLoop) -> None:
        deadline = loop.time() + PATIENCE
        while self._inside and self._inside + size > MOST_BYTES:
            turn = loop.create_future()
            self._outside.append(turn)
            try:
                await asyncio.wait_for(turn, deadline - loop.time())
            except TimeoutError:
                raise JournalFullError("the gateway is busy: too many bytes are waiting to become durable") from None
        self._inside += size

    def _leave(self, size: int) -> None:
        self._inside -= size
        while self._outside:
            turn = self._outside.popleft()
            if not turn.done():
                turn.set_result(None)
                break

    def _resolve(self, visits: list[tuple[_Visit, Exception | None]]) -> None:
        for visit, error in visits:
            if visit.answer.done():
                continue
            if error is not None:
                visit.answer.set_exception(error)
                visit.answer.exception()  # a sender that went away leaves no "never retrieved" behind
            elif visit.taken is not None:
                visit.answer.set_result(visit.taken)

    # --- on the door's thread ----------------------------------------------------------------------------------

    def _work(self) -> None:
        while (visit := self._visits.get()) is not None:
            if isinstance(visit, _Turn):
                self._turn(visit)
                continue
            try:
                self._receive(visit)
            except Exception as error:  # noqa: BLE001 - whatever it is, this sender must hear of it and only this one
                self._tell([(visit, error)])

    def _turn(self, turn: _Turn) -> None:
        try:
            self._routes = turn.act()
        except Exception as error:  # noqa: BLE001 - whoever asked must hear of it, and the door stays open
            turn.done.set_exception(error)
        else:
            turn.done.set_result(None)

    def _receive(self, visit: _Visit) -> None:
        now = self._clock()
        appends: list[Append] = []
        refused: list[Counter[str]] = []
        reason = ""
        for pipeline in self._pipelines(visit.sender.receiver):
            aside = Aside()
            visit.tenants = Counter()  # every pipeline sees the same records: the last count stands
            batch = self._process(visit, pipeline, Moment(now, self._host), aside)
            appends.append(Append(pipeline.name, batch, aside.filtered, aside.refused))
            refused.append(Counter(one.group.records[0].id for one in aside.refused))
            reason = reason or (aside.refused[0].reason if aside.refused else "")
        total = visit.tenants.total()
        if not total:
            self._tell_taken(visit, Taken(0))
            return
        rejected = _by_all(refused)
        ids = [[one.id for one in records_of(append.batch)] for append in appends] if visit.sender.curious else ()
        visit.taken = Taken(total - rejected, rejected, reason if rejected else "", ids=ids)
        visit.filtering = [append for append in appends if append.filtered]
        with WORK:
            pending = self._journal.append(appends, self._durable, visit)
        if pending.error is not None:
            self._tell([(visit, pending.error)])

    def _pipelines(self, receiver: str) -> Sequence[Pipeline]:
        found = self._routes.get(receiver)
        if found is None:  # a reload opens it and has not come to the end, or has just closed it
            raise NotOpenError(f"the receiver {receiver} is being opened or closed: send again in a moment")
        return found

    def _process(self, visit: _Visit, pipeline: Pipeline, at: Moment, aside: Aside) -> Batch:
        """The request's records as this pipeline takes them: a copy of its own, made a piece at a turn."""
        decode = decode_pieces if visit.form is Form.PROTOBUF else decode_json_pieces
        pieces = decode(visit.body, PIECE)
        sender = visit.sender
        whole: Batch = []
        with WORK:
            ids = Stamp(visit.body, sender.token, at.now)
        while True:
            with WORK:
                piece = next(pieces, None)
                if piece is None:
                    return whole
                ids.put(piece)
                normalise(piece)
                if sender.tenant:
                    own(piece, sender.tenant)
                if sender.marks:
                    mark(piece, sender.marks)
                visit.tenants.update(tenants(piece))
                for processor in pipeline.processors:
                    piece = processor.process(piece, at, aside)
                whole += piece

    def _tell_taken(self, visit: _Visit, taken: Taken) -> None:
        visit.taken = taken
        self._tell([(visit, None)])

    def _tell(self, visits: list[tuple[_Visit, Exception | None]]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._resolve, visits)
        except RuntimeError:  # the loop has closed: nobody waits for these answers any more
            log.debug("msg=%r", "answers dropped: the loop has closed")

    # --- on the journal's thread -------------------------------------------------------------------------------

    def _durable(self, group: list[Pending]) -> None:
        """One wake-up of the loop for a whole commit group."""
        told: list[tuple[_Visit, Exception | None]] = []
        for pending in group:
            visit = pending.tag
            assert isinstance(visit, _Visit)
            if pending.error is None and visit.taken is not None:
                visit.taken = replace(visit.taken, positions=pending.positions or ())
                self._count(visit)
            told.append((visit, pending.error))
        self._tell(told)

    def _count(self, visit: _Visit) -> None:
        for tenant, records in visit.tenants.items():
            self._counts.accepted(visit.sender.receiver, tenant, records, visit.sender.token)
        for append in visit.filtering:
            for rule, records in append.filtered.items():
                self._counts.filtered(append.pipeline, rule, records)


def tenants(batch: Batch) -> Iterator[str]:
    """Whose each record is; "" = nobody is named."""
    for group in batch:
        named = group.resource.get("tenant.id", "")
        yield from [str(record.attributes.get("tenant.id", named)) for record in group.records]


def _by_all(refused: Sequence[Counter[str]]) -> int:
    """How many records no pipeline took."""
    common = refused[0]
    for other in refused[1:]:
        common &= other
    return common.total()
