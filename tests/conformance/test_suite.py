"""The conformance suite itself: a destination that breaks a promise is caught, and by the check that is about it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from otelsiem.destinations.file import File
from otelsiem.model.destination import Confirmation, Encoded, Limits, Moment, Payload
from otelsiem.model.destination import Confirming as ConfirmingTalk
from otelsiem.model.exchange import Answer, Exchange, Failure, Reply, Request, Wait, WriteRequest
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Partial, Reject, Retry, Ticket
from otelsiem.model.record import Batch
from otelsiem.testing import conformance

SECRET = "planted-secret"


class Broken:
    """A destination that works, until a part of it is replaced."""

    def __init__(
        self, encode: Callable[[Encoded], Any] | None = None, judge: Callable[[Any], Any] | None = None
    ) -> None:
        self._inner = File(path="audit.jsonl")
        self._encode = encode or (lambda encoded: encoded)
        self._judge = judge or good

    limits = Limits()
    wire = File(path="audit.jsonl").wire

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        made: Encoded = self._encode(self._inner.encode(batch, at)) if batch else Encoded(())
        return made

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        reply = yield WriteRequest(payload.body)
        outcome: Outcome = self._judge(reply)
        return outcome

    def probe(self, at: Moment) -> Exchange:
        yield WriteRequest(b"")
        return Delivered()


class Confirming(Broken):
    """One whose successes wait for a confirmation."""

    confirmation: Confirmation | None = Confirmation()

    def __init__(self, settle: Callable[[Reply], Outcome | None] | None = None, ticket: str = "t") -> None:
        super().__init__(judge=lambda reply: Accepted("t") if good(reply) == Delivered() else good(reply))
        self._settle, self._ticket = settle or (lambda _: Retry("nothing is known")), ticket

    def confirm(self, tickets: Sequence[Ticket], at: Moment) -> ConfirmingTalk:
        if not tickets:
            return {}
        reply = yield WriteRequest(b"?")
        outcome = self._settle(reply)
        return {self._ticket: outcome} if outcome else {}


def good(reply: Reply) -> Outcome:
    if isinstance(reply, Answer) and reply.status == 200:
        return Delivered()
    return Hold("it did not work")


def all_of(judge: Callable[[Answer], Outcome | None]) -> Callable[[Reply], Outcome]:
    """A judge of answers; what it does not answer, and failures, are judged well."""
    return lambda reply: (judge(reply) if isinstance(reply, Answer) else None) or good(reply)


def first(encoded: Encoded, **changes: Any) -> Encoded:
    return Encoded((replace(encoded.payloads[0], **changes), *encoded.payloads[1:]), encoded.rejected)


def test_a_good_destination_passes() -> None:
    conformance.check_destination(Broken(), secrets=[SECRET])


@pytest.mark.parametrize(
    ("encode", "said"),
    [
        (lambda e: Encoded(e.payloads[1:]), "every record"),
        (lambda e: Encoded((*e.payloads, e.payloads[0])), "every record"),
        (lambda e: Encoded(e.payloads, {0: "also rejected"}), "every record"),
        (lambda e: first(e, size=1), "size says"),
        (lambda e: first(e, body=b"x" * (2 << 20), size=2 << 20), "the limit is"),
        (lambda e: first(e, indices=list(e.payloads[0].indices)[::-1]), "ascend"),
        (lambda e: Encoded([*e.payloads, Payload(b"", [])]), "without records"),
    ],
)
def test_a_bad_encode_is_caught(encode: Callable[[Encoded], Encoded], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        conformance.check_encode(Broken(encode), conformance.sample())


def test_an_encode_that_differs_from_time_to_time_is_caught() -> None:
    times = iter(range(10))

    def changing(encoded: Encoded) -> Encoded:
        return first(encoded, headers={"x": str(next(times))})

    with pytest.raises(AssertionError, match="deterministic"):
        conformance.check_encode(Broken(changing), conformance.sample())


def test_an_encode_that_changes_the_batch_is_caught() -> None:
    class Greedy(Broken):
        def encode(self, batch: Batch, at: Moment) -> Encoded:
            batch[0].records[0].event = "changed"
            return super().encode(batch, at)

    with pytest.raises(AssertionError, match="changed the batch"):
        conformance.check_encode(Greedy(), conformance.sample())


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        (
            all_of(lambda answer: Partial(delivered=[0], rejected={0: "both"}) if answer.status == 400 else None),
            "partition",
        ),
        (all_of(lambda answer: Partial(delivered=[0]) if answer.status == 400 else None), "partition"),
        (all_of(lambda answer: Hold("two\nlines") if answer.status == 400 else None), "printable"),
        (all_of(lambda answer: Hold("") if answer.status == 400 else None), "without a reason"),
        (all_of(lambda answer: Retry("later", -1.0) if answer.status == 503 else None), "delay"),
        (lambda reply: None, "not an outcome"),
    ],
)
def test_a_bad_outcome_is_caught(judge: Callable[[Reply], Any], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        conformance.check_exchange(Broken(judge=judge), conformance.sample())


def test_a_judge_that_raises_is_caught() -> None:
    def fragile(reply: Reply) -> Outcome:
        return Delivered() if isinstance(reply, Answer) and reply.body[0] else Hold("no")

    with pytest.raises(IndexError):
        conformance.check_exchange(Broken(judge=fragile), conformance.sample())


def test_an_exchange_without_an_end_is_caught() -> None:
    class Endless(Broken):
        def exchange(self, payload: Payload, at: Moment) -> Generator[Request | Wait, Reply, Outcome]:
            while True:
                yield Wait(1.0)

    with pytest.raises(AssertionError, match="does not end"):
        conformance.check_exchange(Endless(), conformance.sample())


@pytest.mark.parametrize(
    ("judge", "said"),
    [
        (all_of(lambda answer: Reject("bad key") if answer.status == 403 else None), "must hold"),
        (all_of(lambda answer: Reject("down") if answer.status == 503 else None), "blames the server"),
        (lambda reply: good(reply) if isinstance(reply, Answer) else Reject("gone"), "nobody's verdict"),
    ],
)
def test_p3_blame_on_the_records_is_caught(judge: Callable[[Reply], Outcome], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        conformance.check_blame(Broken(judge=judge), conformance.sample())


def test_a_destination_that_asks_for_confirmations_passes() -> None:
    conformance.check_destination(Confirming(), secrets=[SECRET])
    conformance.check_destination(Confirming(lambda reply: None if good(reply) == Delivered() else Hold("not asked")))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (Confirming(lambda _: Delivered()), "says nothing"),
        (Confirming(lambda reply: Delivered() if isinstance(reply, Failure) else Hold("no")), "says nothing"),
        (Confirming(lambda _: None), "could not be asked"),
        (Confirming(all_of(lambda answer: Reject("lost") if answer.status == 404 else Hold("no"))), "says nothing"),
        (Confirming(ticket="another"), "not asked for"),
        (Confirming(lambda _: Accepted("t")), "says nothing"),
        (Confirming(lambda _: Hold("two\nlines")), "printable"),
        (Confirming(lambda reply: Hold(str(getattr(reply, "body", b"")[:300]))),
         "secret"),
    ],
)  # fmt: skip
def test_p2_a_confirmation_that_nobody_gave_is_caught(made: Confirming, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        conformance.check_confirm(made, conformance.sample(), secrets=[SECRET])


def test_an_accepted_that_nobody_asks_for_is_caught() -> None:
    made = Confirming()
    made.confirmation = None
    for one in (made, Broken(judge=lambda _: Accepted("t"))):
        with pytest.raises(AssertionError, match="nobody will ask"):
            conformance.check_confirm(one, conformance.sample())


def test_a_reason_that_repeats_the_secret_is_caught() -> None:
    def echo(reply: Reply) -> Outcome:
        return Hold(reply.body.decode(errors="replace")) if isinstance(reply, Answer) else good(reply)

    with pytest.raises(AssertionError, match="secret"):
        conformance.check_silence(Broken(judge=echo), conformance.sample(), [SECRET])
