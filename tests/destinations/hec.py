"""What the tests of SplunkHec share: one made by settings, answers in HEC's words, and a conversation with replies."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any, TypeVar
from uuid import UUID

from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.model.destination import Moment, Payload
from otelsiem.model.exchange import Answer, HttpRequest, Reply, Request, Wait
from otelsiem.model.nodes import Nodes

NOW = 1_767_225_601_000_000_000
URL = "https://splunk.example.com:8088"
TOKEN = "11111111-2222-3333-4444-555555555555"
CHANNEL = "0aa1bb22-0000-4000-8000-000000000001"
AT = Moment(NOW, host="here", channel=CHANNEL)

NAMES = ["a", "b", "c"]  # hosts of several endpoints

T = TypeVar("T")


def hec(**changes: Any) -> SplunkHec:
    return SplunkHec.model_validate({"endpoint": URL, "token": TOKEN, **changes})


def several(**changes: Any) -> SplunkHec:
    return hec(endpoint=[f"https://{name}:8088" for name in NAMES], **changes)


def host(request: HttpRequest) -> str:
    """Which of the several endpoints was asked."""
    return request.url.removeprefix("https://").partition(":")[0]


def starting(node: int) -> str:
    """A channel whose round begins at this endpoint."""
    return next(
        channel
        for channel in (str(UUID(int=n)) for n in range(1000))
        if host(talk(several().exchange(payload(), at(channel=channel)), lambda _: said(200, 0))[1][0]) == NAMES[node]
    )


def at(seconds: float = 0.0, nodes: Nodes | None = None, channel: str = CHANNEL) -> Moment:
    return Moment(NOW + int(seconds * 1e9), channel=channel, nodes=nodes or Nodes())


def payload(records: int = 4, size: int = 1000, **headers: str) -> Payload:
    return Payload(b"{}", range(records), "", {name.replace("_", "-"): value for name, value in headers.items()}, size)


def said(status: int, code: int | None = None, text: str = "said", **more: object) -> Answer:
    """An answer whose body says this; `number` is the record that is refused."""
    body = {"text": text, "code": code, **{_KEYS.get(key, key): value for key, value in more.items()}}
    return Answer(status, {}, json.dumps({key: value for key, value in body.items() if value is not None}).encode())


def acks(**answers: object) -> Answer:
    """An answer to a question for acknowledgements: `_3=True`."""
    return Answer(200, {}, json.dumps({"acks": {key[1:]: value for key, value in answers.items()}}).encode())


def talk(
    conversation: Generator[Request | Wait, Reply, T], answer: Callable[[HttpRequest], Reply]
) -> tuple[T, list[HttpRequest]]:
    """What it comes to, and every request that was made."""
    asked: list[HttpRequest] = []
    try:
        step = next(conversation)
        while True:
            assert isinstance(step, HttpRequest)
            asked.append(step)
            step = conversation.send(answer(step))
    except StopIteration as done:
        return done.value, asked


_KEYS = {"number": "invalid-event-number", "ack": "ackId"}
