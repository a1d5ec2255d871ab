"""Webhooks with real couriers and sockets, against a receiver that checks every signature: one fate per record."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from otelsiem.destinations.webhook import Webhook
from otelsiem.model.record import Batch, Group, Record, Scope
from otelsiem.testing.http import Hangup, Reset, Respond, page
from otelsiem.testing.webhook import FakeWebhook, Taken
from tests.destinations.at_work import at_work

STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TEMPLATE = '{"event_id": "{{id}}", "text": "{{severity}}: {{message}}"}'


def destination(peer: FakeWebhook, **more: Any) -> Webhook:
    return Webhook.model_validate({"url": f"{peer.url}?key=k", "timeout": "5s", **more})


def records(count: int, start: int = 0) -> Batch:
    now = time.time_ns()
    made = [Record(id=f"r-{n}", time=now + n, severity=17, event="login", body=f'no "{n}"')
            for n in range(start, start + count)]  # fmt: skip
    return [Group({"service.name": "auth"}, Scope(), made)]


def once(count: int) -> dict[str, int]:
    return {f"r-{n}": 1 for n in range(count)}


SHAPES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"wrap": "events"}, {"wrap": "events"}),
    ({"shape": "lines"}, {"body": "lines", "compression": "gzip"}),
    ({"shape": "single", "wrap": "event"}, {"body": "single", "wrap": "event"}),
    ({"shape": "single"}, {"template": TEMPLATE}),
    ({"scheme": "github", "secrets": ["s"]}, {"signature": {"scheme": "github", "secret": "s"}}),
    ({"scheme": "stripe", "secrets": ["s"]}, {"signature": {"scheme": "stripe", "secret": ["new", "s"]}}),
    ({"scheme": "slack", "secrets": ["s"]}, {"signature": {"scheme": "slack", "secret": "s"}, "compression": "gzip"}),
    ({"scheme": "standard", "secrets": [STANDARD]}, {"signature": {"scheme": "standard", "secret": STANDARD}}),
    ({"headers": {"X-Api-Key": "k"}}, {"auth": {"header": {"name": "X-Api-Key", "value": "k"}}, "method": "PUT"}),
]


@pytest.mark.parametrize(("peer", "settings"), SHAPES, ids=[str(settings) for _, settings in SHAPES])
def test_p2_every_record_arrives_once_in_every_shape(
    tmp_path: Path, peer: dict[str, Any], settings: dict[str, Any]
) -> None:
    with FakeWebhook(**peer) as receiver, at_work(tmp_path, destination(receiver, **settings)) as work:
        work.send(records(120))
        assert work.settled().delivered == 120
        assert receiver.count_by("event_id") == once(120)


@pytest.mark.parametrize(
    "steps",
    [
        [Respond(503), page(502, "Bad Gateway"), Respond(429), Respond(408)],
        [Reset(), Hangup(), Reset()],
        [Respond(413)],
        [Respond(422)],
        [Respond(410), Respond(404), Respond(302, b"", {"Location": "https://elsewhere.example.com"})],
    ],
)
def test_p2_faults_before_a_record_is_taken_cost_nothing_and_make_no_copy(tmp_path: Path, steps: list[Any]) -> None:
    with FakeWebhook() as receiver, at_work(tmp_path, destination(receiver), couriers=1) as work:
        receiver.script(steps)
        work.send(records(40))
        assert work.settled().delivered == 40
        assert receiver.count_by("event_id") == once(40)


@pytest.mark.parametrize(
    "settings",
    [{"idempotency_header": "Idempotency-Key"}, {"signature": {"scheme": "standard", "secret": STANDARD}}],
)
def test_p2_a_lost_answer_makes_no_copy_where_requests_have_a_key(tmp_path: Path, settings: dict[str, Any]) -> None:
    with FakeWebhook() as receiver, at_work(tmp_path, destination(receiver, **settings), couriers=1) as work:
        receiver.script([Taken(Reset()), Taken(Respond(504))])
        work.send(records(30))
        assert work.settled().delivered == 30
        assert receiver.count_by("event_id") == once(30)
        assert receiver.ignored == 2


def test_p2_a_record_that_travels_alone_keeps_its_key_however_often_it_is_sent(tmp_path: Path) -> None:
    """A request of several that fails three times is taken apart to find the guilty one, and parts have other keys."""
    settings = {"body": "single", "idempotency_header": "Idempotency-Key"}
    with FakeWebhook(shape="single") as receiver, at_work(tmp_path, destination(receiver, **settings)) as work:
        receiver.script([Taken(Respond(504)) for _ in range(12)])
        work.send(records(3))
        assert work.settled().delivered == 3
        assert receiver.count_by("event_id") == once(3)
        assert receiver.ignored == 12


def test_a_lost_answer_makes_copies_where_they_have_none(tmp_path: Path) -> None:
    with FakeWebhook() as receiver, at_work(tmp_path, destination(receiver), couriers=1) as work:
        receiver.script([Taken(Reset())])
        work.send(records(30))
        assert work.settled().delivered == 30
        assert receiver.count_by("event_id") == dict.fromkeys(once(30), 2)


@pytest.mark.parametrize(
    ("peer", "settings", "said"),
    [
        (
            {"scheme": "github", "secrets": ["right"]},
            {"signature": {"scheme": "github", "secret": "wrong"}},
            "signature",
        ),
        ({"headers": {"Authorization": "Bearer right"}}, {"auth": {"bearer": "wrong"}}, "check auth"),
    ],
)
def test_p3_wrong_credentials_hold_until_the_receiver_takes_them(
    tmp_path: Path, peer: dict[str, Any], settings: dict[str, Any], said: str
) -> None:
    with FakeWebhook(**peer) as receiver, at_work(tmp_path, destination(receiver, **settings)) as work:
        work.send(records(30))
        assert said in work.held()
        assert (work.counts().dead, work.counts().pending) == (0, 30)
        receiver.secrets, receiver.headers = ["wrong"], {}
        assert work.settled().delivered == 30
        assert receiver.count_by("event_id") == once(30)


def test_p3_a_no_in_the_body_of_a_success_holds(tmp_path: Path) -> None:
    """Slack's web API answers 200 to a wrong token: by the status alone every record would be lost."""
    with FakeWebhook() as receiver, at_work(tmp_path, destination(receiver, success={"json": "$.ok"})) as work:
        receiver.says_no = "invalid_auth"
        work.send(records(30))
        assert "$.ok in the answer is not true (HTTP 200: invalid_auth)" in work.held()
        assert work.counts().delivered == 0
        receiver.says_no = ""
        assert work.settled().delivered == 30
        assert receiver.count_by("event_id") == once(30)


@pytest.mark.parametrize("partial", [True, False])
def test_p4_a_record_that_is_refused_harms_no_other(tmp_path: Path, partial: bool) -> None:
    failures = {"items": "$.errors", "index": "$.index", "error": "$.message"}
    settings: dict[str, Any] = {"failures": failures} if partial else {}
    with FakeWebhook() as receiver, at_work(tmp_path, destination(receiver, **settings), couriers=1) as work:
        receiver.partial = partial
        receiver.refuses = lambda one: one["event_id"] in {"r-3", "r-20"}
        work.send(records(40))
        counts = work.settled()
        assert (counts.delivered, counts.dead) == (38, 2)
        assert receiver.count_by("event_id") == {name: 1 for name in once(40) if name not in {"r-3", "r-20"}}
        if partial:
            assert len([r for r in receiver.requests if r.method == "POST"]) == 1, "the answer said which"


def test_what_is_too_large_together_goes_in_parts(tmp_path: Path) -> None:
    with FakeWebhook() as receiver, at_work(tmp_path, destination(receiver), couriers=1) as work:
        receiver.most_bytes = 2000
        work.send(records(40))
        assert work.settled().delivered == 40
        assert receiver.count_by("event_id") == once(40)
