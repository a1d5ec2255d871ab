"""The admin API on a real socket: what it answers, and whom it refuses."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from otelsiem.admin import token as tokens
from otelsiem.admin.app import MAX_BODY, AdminApi
from otelsiem.admin.operations import Status
from otelsiem.journal.journal import DeadLetter, ExporterCounts, Fate, FateKind, JournalStats, PipelineCounts
from otelsiem.model.errors import JournalError
from otelsiem.model.record import Group, Record, Scope
from otelsiem.telemetry.metrics import Metrics

STATS = JournalStats(
    [PipelineCounts("logs", 10, 12, 1, 1)],
    [ExporterCounts("logs", "hec/soc", 10, 4, 1, 2, 1, 2, 1, 0, 1_767_225_600_000_000_000)],
    4096,
    full=False,
    ready=True,
)


def letter(position: int) -> DeadLetter:
    record = Record(
        "id-7", 1_767_225_600_123_456_789, 0, 17, "high", "login", {"raw": b"\xff"}, {"n": float("nan"), "big": 2**63}
    )
    group = Group({"service.name": "auth"}, Scope(), [record])
    return DeadLetter("hec/soc", "logs", position, "HTTP 400: no", 3, 1_000_000_000, 2_000_000_000, group)


class Gateway:
    """A gateway with dead letters 0…4 of hec/soc."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.orders: list[tuple[str, str, Sequence[int] | None]] = []
        self.error: Exception | None = None
        self.threads: set[str] = set()

    def ready(self) -> Sequence[str]:
        return self.reasons

    def status(self) -> Status:
        self._may_fail()
        return Status(STATS, {"hec/soc": "HTTP 401: token"})

    def dead_letters(self, exporter: str, limit: int, offset: int) -> Sequence[DeadLetter]:
        self._may_fail()
        return [letter(n) for n in range(5)][offset : offset + limit] if exporter in {"", "hec/soc"} else []

    def replay(self, exporter: str, positions: Sequence[int] | None) -> int:
        return self._order("replay", exporter, positions)

    def purge(self, exporter: str, positions: Sequence[int] | None) -> int:
        return self._order("purge", exporter, positions)

    def fates(self, pipeline: str, position: int) -> Mapping[str, Fate]:
        return {"hec/soc": Fate(FateKind.DEAD, "HTTP 400", 3)} if (pipeline, position) == ("logs", 12) else {}

    def _order(self, verb: str, exporter: str, positions: Sequence[int] | None) -> int:
        self._may_fail()
        self.orders.append((verb, exporter, positions))
        return 5 if positions is None else len(positions)

    def _may_fail(self) -> None:
        self.threads.add(threading.current_thread().name)
        if self.error is not None:
            raise self.error


class Bench:
    """An admin API on a free port and clients with and without its token."""

    def __init__(self, gateway: Gateway, base: str, secret: str) -> None:
        self.gateway = gateway
        self.base = base
        self.secret = secret
        # Plain HTTP: reading everybody's certificates would take longer than the test.
        self.stranger = httpx.AsyncClient(base_url=base, verify=False)
        self.client = httpx.AsyncClient(base_url=base, verify=False, headers={"authorization": f"Bearer {secret}"})

    async def order(self, verb: str, said: Any) -> httpx.Response:
        return await self.client.post(f"/api/v1/dead-letters/{verb}", json=said)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    gateway = Gateway()
    api = AdminApi(
        gateway, Metrics(lambda: STATS), tokens.create(tmp_path), endpoint="127.0.0.1:0", hosts=["siem.test"]
    )
    address = await api.start()
    made = Bench(gateway, f"http://{address}", tokens.read(tmp_path))
    yield made
    await made.client.aclose()
    await made.stranger.aclose()
    await api.stop(2)


async def test_health(bench: Bench) -> None:
    reply = await bench.stranger.get("/health")
    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})


async def test_ready_says_why_not(bench: Bench) -> None:
    reply = await bench.stranger.get("/ready")
    assert (reply.status_code, reply.json()) == (200, {"ready": True, "reasons": []})
    bench.gateway.reasons = ["the journal is full"]
    reply = await bench.stranger.get("/ready")
    assert (reply.status_code, reply.json()) == (503, {"ready": False, "reasons": ["the journal is full"]})


async def test_metrics(bench: Bench) -> None:
    reply = await bench.stranger.get("/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain")
    assert 'siem_events_sent_total{exporter="hec/soc",pipeline="logs"} 4.0' in reply.text
    reply = await bench.stranger.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert reply.text.endswith("# EOF\n")


async def test_status(bench: Bench) -> None:
    said = (await bench.client.get("/api/v1/status")).json()
    assert said["held"] == {"hec/soc": "HTTP 401: token"}
    assert said["journal"] == {"bytes": 4096, "full": False, "ready": True, "problem": ""}
    (pipeline,) = said["pipelines"]
    assert pipeline == {"pipeline": "logs", "next": 10, "received": 12, "filtered": 1, "refused": 1}
    (exporter,) = said["exporters"]
    assert exporter["held"] == "HTTP 401: token"
    assert exporter["oldest"] == "2026-01-01T00:00:00.000000000Z"
    kept = sum(exporter[name] for name in ("delivered", "dead", "filtered", "purged", "pending"))
    assert exporter["accepted"] == kept == 10


async def test_dead_letters_are_shown_whole(bench: Bench) -> None:
    said = (await bench.client.get("/api/v1/dead-letters", params={"limit": 1})).json()
    assert said["more"] is True
    assert said["dead_letters"] == [
        {
            "exporter": "hec/soc",
            "pipeline": "logs",
            "position": 0,
            "reason": "HTTP 400: no",
            "attempts": 3,
            "first": "1970-01-01T00:00:01.000000000Z",
            "last": "1970-01-01T00:00:02.000000000Z",
            "record": {
                "id": "id-7",
                "time": "2026-01-01T00:00:00.123456789Z",
                "event": "login",
                "severity": 17,
                "severity_text": "high",
                "body": {"raw": "/w=="},
                "attributes": {"n": "nan", "big": 2**63},
                "trace_id": "",
                "span_id": "",
            },
            "resource": {"service.name": "auth"},
        }
    ]


async def test_dead_letters_in_pages(bench: Bench) -> None:
    seen = []
    for offset in range(0, 6, 2):
        params: dict[str, str | int] = {"exporter": "hec/soc", "limit": 2, "offset": offset}
        said = (await bench.client.get("/api/v1/dead-letters", params=params)).json()
        seen += [one["position"] for one in said["dead_letters"]]
        assert said["more"] == (offset < 4)
    assert seen == [0, 1, 2, 3, 4]
    nobody = (await bench.client.get("/api/v1/dead-letters", params={"exporter": "x"})).json()
    assert nobody == {"dead_letters": [], "more": False}


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "offset=-1", "limit=", "offset=٣"])
async def test_wrong_numbers_are_400(bench: Bench, query: str) -> None:
    reply = await bench.client.get(f"/api/v1/dead-letters?{query}")
    assert reply.status_code == 400
    assert "whole number" in reply.json()["error"]


@pytest.mark.parametrize(("verb", "done"), [("replay", "replayed"), ("purge", "purged")])
async def test_orders(bench: Bench, verb: str, done: str) -> None:
    assert (await bench.order(verb, {"exporter": "hec/soc", "positions": [1, 2]})).json() == {done: 2}
    assert (await bench.order(verb, {"exporter": "hec/soc", "positions": None})).json() == {done: 5}
    assert (await bench.order(verb, {"exporter": "hec/soc"})).json() == {done: 5}
    assert (await bench.order(verb, {"exporter": "hec/soc", "positions": []})).json() == {done: 0}
    assert bench.gateway.orders == [
        (verb, "hec/soc", [1, 2]),
        (verb, "hec/soc", None),
        (verb, "hec/soc", None),
        (verb, "hec/soc", []),
    ]


@pytest.mark.parametrize(
    "said",
    [
        [],
        {},
        {"exporter": ""},
        {"exporter": 7},
        {"exporter": "x", "positions": "all"},
        {"exporter": "x", "positions": [1.5]},
        {"exporter": "x", "positions": [True]},
        {"exporter": "x", "positions": [-1]},
        {"exporter": "x", "positions": [2**63]},
        {"exporter": "x", "position": [1]},  # a misspelt key must not mean "all"
    ],
)
async def test_wrong_orders_are_400_and_not_carried_out(bench: Bench, said: Any) -> None:
    reply = await bench.order("purge", said)
    assert reply.status_code == 400
    assert reply.json()["error"]
    assert not bench.gateway.orders


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
async def test_what_is_not_json_is_400(bench: Bench, body: bytes) -> None:
    assert (await bench.client.post("/api/v1/dead-letters/purge", content=body)).status_code == 400


async def test_a_body_over_the_limit_is_413(bench: Bench) -> None:
    reply = await bench.client.post("/api/v1/dead-letters/purge", content=b" " * (MAX_BODY + 1))
    assert reply.status_code == 413
    assert not bench.gateway.orders


async def test_fates(bench: Bench) -> None:
    said = (await bench.client.get("/api/v1/fates", params={"pipeline": "logs", "position": 12})).json()
    assert said == {"fates": {"hec/soc": {"kind": "dead", "reason": "HTTP 400", "attempts": 3}}}
    for query in ("", "?pipeline=logs", "?position=12", "?pipeline=logs&position=x"):
        assert (await bench.client.get(f"/api/v1/fates{query}")).status_code == 400


GUARDED = [
    ("GET", "/api/v1/status"),
    ("GET", "/api/v1/dead-letters"),
    ("POST", "/api/v1/dead-letters/replay"),
    ("POST", "/api/v1/dead-letters/purge"),
    ("GET", "/api/v1/fates?pipeline=logs&position=12"),
    ("GET", "/api/v1/anything"),  # who has no token learns nothing of what there is
    ("GET", "/api/"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_without_the_token_it_is_401(bench: Bench, method: str, path: str) -> None:
    for header in ("", "Bearer", "Bearer x", f"Basic {bench.secret}", bench.secret, f"Bearer {bench.secret}x"):
        reply = await bench.stranger.request(
            method, path, json={"exporter": "hec/soc"}, headers={"authorization": header}
        )
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"] == "Bearer"
        assert bench.secret not in reply.text
    assert not bench.gateway.orders
    assert not bench.gateway.threads


async def test_the_token_counts_in_its_header_once(bench: Bench) -> None:
    headers = [("authorization", f"Bearer {bench.secret}"), ("authorization", "Bearer x")]
    assert (await bench.stranger.get("/api/v1/status", headers=headers)).status_code == 400
    lower = {"authorization": f"bearer  {bench.secret}"}
    assert (await bench.stranger.get("/api/v1/status", headers=lower)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/health"), ("GET", "/api/v1/dead-letters/purge"), ("PUT", "/api/v1/status")]
)
async def test_wrong_methods_are_405(bench: Bench, method: str, path: str) -> None:
    reply = await bench.client.request(method, path)
    assert reply.status_code == 405
    assert reply.headers["allow"] in {"GET", "POST"}
    assert reply.json()["error"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/x", "/api", "/metrics/", "//health"])
async def test_wrong_paths_are_404(bench: Bench, path: str) -> None:
    reply = await bench.client.get(httpx.URL(bench.base + path))
    assert reply.status_code == 404
    assert reply.json()["error"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "10.1.2.3", "[::2]"]
)
async def test_other_host_names_are_refused(bench: Bench, host: str) -> None:
    for path in ("/health", "/metrics", "/api/v1/status"):
        reply = await bench.client.get(path, headers={"host": host})
        assert reply.status_code == 421
        assert "siem" not in reply.json()["error"]


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1234", "127.0.0.1", "127.9.9.9:80", "[::1]:8000", "SIEM.test"]
)
async def test_our_own_names_are_fine(bench: Bench, host: str) -> None:
    assert (await bench.client.get("/api/v1/status", headers={"host": host})).status_code == 200


async def test_bound_to_all_interfaces_any_number_is_ours_but_no_name(tmp_path: Path) -> None:
    api = AdminApi(Gateway(), Metrics(), tokens.create(tmp_path), endpoint="0.0.0.0:0")
    address = await api.start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{address.port}") as client:
        assert (await client.get("/health", headers={"host": "10.1.2.3:8000"})).status_code == 200
        assert (await client.get("/health", headers={"host": "evil.example"})).status_code == 421
    await api.stop(2)


async def test_no_cors(bench: Bench) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for method in ("OPTIONS", "GET"):
        reply = await bench.client.request(method, "/api/v1/status", headers=headers)
        assert not [name for name in reply.headers if name.startswith("access-control")]
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"


async def test_what_cannot_be_done_is_409_with_the_reason(bench: Bench) -> None:
    bench.gateway.error = JournalError("no exporter is called hec/x; there are: hec/soc")
    reply = await bench.order("replay", {"exporter": "hec/x"})
    assert (reply.status_code, reply.json()) == (409, {"error": "no exporter is called hec/x; there are: hec/soc"})


async def test_our_failure_is_500_without_details(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.gateway.error = RuntimeError("/secret/path")
    with caplog.at_level(logging.ERROR, "otelsiem"):
        reply = await bench.client.get("/api/v1/status")
    assert reply.status_code == 500
    assert "/secret/path" not in reply.text
    assert len(caplog.records) == 1


async def test_what_blocks_leaves_the_loop(bench: Bench) -> None:
    await bench.client.get("/api/v1/status")
    assert bench.gateway.threads
    assert threading.current_thread().name not in bench.gateway.threads


async def test_many_at_once(bench: Bench) -> None:
    replies = await asyncio.gather(*[bench.client.get("/api/v1/status") for _ in range(30)])
    assert {reply.status_code for reply in replies} == {200}
    assert json.loads(replies[0].content) == json.loads(replies[-1].content)
