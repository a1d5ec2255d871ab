"""What the tests of Elasticsearch and Opensearch share: both made by settings, answers in their words, and talk."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Any, TypeVar

from msgspec.structs import replace

from otelsiem.destinations.elasticsearch import Elasticsearch
from otelsiem.destinations.opensearch import Opensearch
from otelsiem.model.destination import Moment, Payload
from otelsiem.model.exchange import Answer, HttpRequest, Reply, Request, Wait
from otelsiem.model.nodes import Nodes
from otelsiem.model.record import Batch, Group, Record, Scope

NOW = 1_767_225_601_000_000_000  # 2026-01-01T00:00:01Z
DAY = 86_400_000_000_000
URL = "https://es.example.com:9200"
STREAM = "logs-otelsiem.audit-default"
CHANNEL = "0aa1bb22-0000-4000-8000-000000000001"
AT = Moment(NOW, host="here", channel=CHANNEL)

T = TypeVar("T")


def elasticsearch(**changes: Any) -> Elasticsearch:
    return Elasticsearch.model_validate({"endpoint": URL, **changes})


def opensearch(**changes: Any) -> Opensearch:
    return Opensearch.model_validate({"endpoint": URL, **changes})


def at(seconds: float = 0.0, nodes: Nodes | None = None, channel: str = CHANNEL) -> Moment:
    return Moment(NOW + int(seconds * 1e9), channel=channel, nodes=nodes or Nodes())


def id_of(n: int) -> str:
    """An id as the door makes them (otlp/ids.py)."""
    return f"019b76da-a800-7000-8000-{n:012x}"


def batch(size: int, start: int = 0, resource: dict[str, Any] | None = None, **record: Any) -> Batch:
    usual = [Record(id_of(n), NOW + n, NOW + n, event="login", body=f"r-{n}") for n in range(start, start + size)]
    made = [replace(one, **record) for one in usual]
    return [Group({"service.name": "auth"} if resource is None else resource, Scope(), made)]


def payload(records: int = 4, key: str = "") -> Payload:
    return Payload(b"{}\n{}\n" * records, range(records), key, {}, 6 * records)


def item(status: int, kind: str = "", reason: str = "", **more: object) -> dict[str, Any]:
    """One record's part of an answer."""
    error = {"error": {"type": kind, "reason": reason}} if kind else {}
    return {"create": {"_index": ".ds-x", "_id": "1", "status": status, **error, **more}}


def answer(*items: dict[str, Any], status: int = 200, **headers: str) -> Answer:
    body = {"took": 3, "errors": any("error" in one["create"] for one in items), "items": items}
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode())


def failed(status: int, kind: str, reason: str = "said") -> Answer:
    """A request that was refused as a whole."""
    cause = {"type": kind, "reason": reason}
    return said(status, {"error": {"root_cause": [cause], **cause}, "status": status})


def said(status: int, body: object) -> Answer:
    return Answer(status, {}, json.dumps(body).encode())


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


def host(request: HttpRequest) -> str:
    """Which of several nodes was asked."""
    return request.url.partition("://")[2].partition(".")[0].partition(":")[0]
