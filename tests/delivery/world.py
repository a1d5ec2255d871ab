"""A destination and a server made of values, and a driver with a clock of its own: flows run without sleeping."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otelsiem.delivery.breaker import Breaker
from otelsiem.delivery.flow import deliver
from otelsiem.delivery.judge import judge
from otelsiem.delivery.piece import Flow, Step
from otelsiem.delivery.policy import Policy
from otelsiem.delivery.rate import Bucket
from otelsiem.model.destination import Encoded, HttpSettings, Limits, Moment, Payload
from otelsiem.model.exchange import Answer, Exchange, Failure, HttpRequest, Reply, Wait
from otelsiem.model.outcome import Outcome, Partial, Receipt
from otelsiem.model.record import Batch, Group, Record, Scope, records

SECOND = 1_000_000_000


def batch_of(names: Sequence[str]) -> Batch:
    """One group; a record's event is its nature, its id its place."""
    return [Group({}, Scope(), [Record(id=str(n), event=name) for n, name in enumerate(names)])]


@dataclass
class Toy:
    """A destination whose body is the ids it carries; `keyed` keeps tenants apart."""

    most: int = 1000
    keyed: bool = False

    @property
    def limits(self) -> Limits:
        return Limits()

    @property
    def wire(self) -> HttpSettings:
        return HttpSettings()

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        groups: dict[str, list[tuple[int, Record]]] = {}
        rejected: dict[int, str] = {}
        for index, record in enumerate(records(batch)):
            if record.event == "unencodable":
                raise TypeError(record.id)
            if record.event == "unsendable":
                rejected[index] = "too large for one event"
                continue
            key = record.event if self.keyed else ""
            groups.setdefault(key, []).append((index, record))
        payloads = [
            Payload(",".join(r.id for _, r in part).encode(), [i for i, _ in part], key)
            for key, members in groups.items()
            for part in [members[n : n + self.most] for n in range(0, len(members), self.most)]
        ]
        return Encoded(payloads, rejected)

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        return self._ask(payload.body, at)

    def probe(self, at: Moment) -> Exchange:
        return self._ask(b"", at)

    def _ask(self, body: bytes, at: Moment) -> Exchange:
        reply = yield HttpRequest("POST", "http://toy", {}, body)
        return read(reply, at)


def read(reply: Reply, at: Moment) -> Outcome:
    """207 with `at:verdict` lines is a Partial; the rest as everywhere."""
    if isinstance(reply, Answer) and reply.status == 207:
        verdicts = [line.split(":") for line in reply.body.decode().split()]
        return Partial(
            delivered=[int(i) for i, v in verdicts if v == "ok"],
            again=[int(i) for i, v in verdicts if v == "again"],
            rejected={int(i): "mapping" for i, v in verdicts if v == "bad"},
            held={int(i): "no such index" for i, v in verdicts if v == "held"},
        )
    return judge(reply, at.now)


@dataclass
class Server:
    """Answers from a script of moods first, then by the nature of the records it is sent."""

    natures: Sequence[str]
    moods: list[str] = field(default_factory=list)
    stored: Counter[int] = field(default_factory=Counter)
    asked: list[list[int]] = field(default_factory=list)
    probes: int = 0
    law: Callable[[list[int]], Reply | None] = lambda ids: None  # asked first; None = the rest decides

    def answer(self, request: HttpRequest) -> Reply:
        ids = [int(i) for i in request.body.decode().split(",") if i]
        if (ruled := self.law(ids)) is not None:
            return ruled
        mood = self.moods.pop(0) if self.moods else "well"
        if not ids:
            self.probes += 1
            return Answer(200) if mood == "well" else self._moody(mood, ids)
        self.asked.append(ids)
        return self._moody(mood, ids) if mood != "well" else self._by_nature(ids)

    def _moody(self, mood: str, ids: list[int]) -> Reply:
        match mood:
            case "lost":  # took them, and the answer never came
                self.stored.update(i for i in ids if self.natures[i] in {"good", "ok"})
                return Failure("reset", "connection lost", sent=True)
            case "refused":
                return Failure("connect", "refused")
            case "throttle":
                return Answer(429, {"retry-after": "7"})
            case _:
                return Answer(int(mood))

    def _by_nature(self, ids: list[int]) -> Reply:
        kinds = [self.natures[i] for i in ids]
        for nature, status in (("huge", 413), ("poison500", 500), ("poison403", 403), ("poison400", 400)):
            if nature in kinds:
                return Answer(status)
        if "item" in kinds or "later" in kinds or "noindex" in kinds:
            verdict = {"item": "bad", "later": "again", "noindex": "held"}
            lines = [f"{at}:{verdict.get(kind, 'ok')}" for at, kind in enumerate(kinds)]
            self.stored.update(i for i, kind in zip(ids, kinds, strict=True) if kind not in verdict)
            self.natures = ["good" if n == "later" and i in ids else n for i, n in enumerate(self.natures)]
            return Answer(207, {}, "\n".join(lines).encode())
        self.stored.update(ids)
        return Answer(200)


@dataclass
class Notes:
    """A watcher that remembers."""

    retries: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    outages: list[str] = field(default_factory=list)
    resumed_keys: list[str] = field(default_factory=list)
    suspects: int = 0
    sent_records: int = 0
    failures: int = 0

    def sent(self, records: int) -> None:
        self.sent_records += records

    def noted(self, note: str) -> None:
        self.warnings.append(note)

    def failed(self, records: int, reason: str) -> None:
        self.failures += records

    def retried(self, reason: str) -> None:
        self.retries.append(reason)

    def failing(self, key: str, reason: str) -> None:
        self.outages.append(reason)

    def held(self, key: str, reason: str) -> None:
        self.holds.append(reason)

    def resumed(self, key: str) -> None:
        self.resumed_keys.append(key)

    def suspected(self, records: int, reason: str) -> None:
        self.suspects += records


@dataclass
class Run:
    """One flow driven to its end, or to the step at which the world is told to stop."""

    server: Server
    toy: Toy = field(default_factory=Toy)
    policy: Policy = field(default_factory=Policy)
    breaker: Breaker = field(init=False)
    bucket: Bucket = field(default_factory=lambda: Bucket(0, 0))
    notes: Notes = field(default_factory=Notes)
    now: int = 1_767_225_600 * SECOND
    waited: float = 0.0
    steps: int = 0

    def __post_init__(self) -> None:
        self.breaker = Breaker(self.policy)

    def flow(self, batch: Batch, attempts: Sequence[int] = ()) -> Flow:
        return deliver(self.toy, batch, self.policy, self.breaker, self.bucket, self.notes, Moment(self.now), attempts)

    def drive(
        self,
        batch: Batch,
        attempts: Sequence[int] = (),
        stop_after: int = 100_000,
        meanwhile: Callable[[Run], None] = lambda run: None,
    ) -> Receipt:
        flow = self.flow(batch, attempts)
        try:
            said = next(flow)
            while True:
                self.steps += 1
                meanwhile(self)
                reply: Reply | None = None
                if isinstance(said, Wait):
                    assert said.seconds > 0, "a wait of nothing would spin"
                    self.now += max(int(said.seconds * SECOND), 1)
                    self.waited += said.seconds
                elif isinstance(said, HttpRequest):
                    reply = self.server.answer(said)
                said = flow.send(Step(Moment(self.now), reply, self.steps > stop_after))
        except StopIteration as done:
            receipt: Receipt = done.value
            return receipt
