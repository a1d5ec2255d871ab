"""The fake is faithful: contracts, datadog 12, judged through http.client."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from typing import Any

import pytest

from otelsiem.testing.datadog import KEY, LARGEST_BODY, FakeDatadog, Taken
from otelsiem.testing.datadog_log import found, status
from otelsiem.testing.http import Reset

LOGS, CHECK = "/api/v2/logs", "/api/v1/validate"
NOW = 1_767_225_600


def ask(
    fake: FakeDatadog, body: Any = b"", path: str = LOGS, method: str = "POST", **headers: str
) -> tuple[int, Any, dict[str, str]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"dd-api-key": KEY, **{name.replace("_", "-"): value for name, value in headers.items()}}
    client = http.client.HTTPConnection("127.0.0.1", fake.server.port, timeout=10)
    try:
        client.request(method, path, data, {name: value for name, value in named.items() if value})
        answer = client.getresponse()
        said = answer.read()
        shown = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status, json.loads(said) if shown["content-type"] == "application/json" else said, shown
    finally:
        client.close()


def log(**more: Any) -> dict[str, Any]:
    return {"message": "m", "timestamp": NOW * 1000, **more}


@pytest.fixture
def fake() -> Any:
    with FakeDatadog() as server:
        server.clock = lambda: NOW
        yield server


def test_logs_are_kept_with_every_copy_in_order(fake: FakeDatadog) -> None:
    assert ask(fake, [log(id="a"), log(id="b"), log(id="a")])[:2] == (202, {})
    assert ask(fake, log(id="c"))[0] == 202, "a lone object is allowed"
    assert fake.count_by("id") == {"a": 2, "b": 1, "c": 1}
    assert [one.attributes["id"] for one in fake.wait_for(4)] == ["a", "b", "a", "c"]


def test_keys(fake: FakeDatadog) -> None:
    assert ask(fake, [log()], dd_api_key="")[0] == 401
    assert ask(fake, [log()], dd_api_key="short")[:2] == (403, {"errors": ["Forbidden"]})
    assert ask(fake, path=CHECK, method="GET")[:2] == (200, {"valid": True})
    assert ask(fake, path=CHECK, method="GET", dd_api_key="short")[0] == 403
    fake.keys[KEY] = "datadoghq.eu"
    assert ask(fake, [log()])[0] == 403, "a key of another site"
    assert ask(fake, path=CHECK, method="GET")[0] == 403
    assert not fake.logs


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"7", {}, 400),
        (b'"text"', {}, 400),
        (b"[7]", {}, 400),
        (b'[{"message":', {}, 400),
        (b"[" * 100_000, {}, 400),
        (gzip.compress(b"[{}]", mtime=0), {}, 400),
        (b"[{}]", {"content_encoding": "gzip"}, 400),
        (b"[{}]", {"content_encoding": "br"}, 400),
        (gzip.compress(b"[{}]", mtime=0), {"content_encoding": "gzip"}, 202),
        (zlib.compress(b"[{}]"), {"content_encoding": "deflate"}, 202),
        (b"[" + b"{}," * 1000 + b"{}]", {}, 400),
        (b"[" + b"{}," * 999 + b"{}]", {}, 202),
        (b"[" + b" " * LARGEST_BODY + b"]", {}, 413),
        (gzip.compress(b"[" + b" " * LARGEST_BODY + b"]", mtime=0), {"content_encoding": "gzip"}, 413),
    ],
)
def test_what_is_refused(fake: FakeDatadog, body: bytes, headers: dict[str, str], expected: int) -> None:
    assert ask(fake, body, **headers)[0] == expected


def test_methods_and_paths(fake: FakeDatadog) -> None:
    assert ask(fake, path="/api/v3/logs")[0] == 404
    assert ask(fake, method="GET")[0] == 405


def test_logs_of_the_wrong_age_are_answered_202_and_are_nowhere(fake: FakeDatadog) -> None:
    ages = (17.9, 18.1, -1.9, -2.1)
    assert ask(fake, [log(id=n, timestamp=int((NOW - age * 3600) * 1000)) for n, age in enumerate(ages)])[0] == 202
    assert [one.attributes["id"] for one in fake.logs] == [0, 2]
    assert fake.dropped == 2
    assert ask(fake, [log(timestamp=NOW), log(timestamp=NOW * 10**9)])[0] == 202
    assert fake.dropped == 4, "seconds and nanoseconds are read as milliseconds"


def test_a_large_log_loses_its_attributes(fake: FakeDatadog) -> None:
    assert ask(fake, [log(id="a", text="x" * 1_000_001, service="s")])[0] == 202
    [one] = fake.logs
    assert one.attributes == {}
    assert one.service == "s"
    assert one.message.startswith('{"message":"m"')


def test_a_rate_limit_says_when_in_datadogs_own_header(fake: FakeDatadog) -> None:
    fake.limited = 7
    code, _, headers = ask(fake, [log()])
    assert (code, headers["x-ratelimit-reset"]) == (429, "7")
    assert "retry-after" not in headers


def test_scripts(fake: FakeDatadog) -> None:
    fake.script([Taken(Reset())])
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(fake, [log(id="a")])
    assert ask(fake, [log(id="a")])[0] == 202
    assert fake.count_by("id") == {"a": 2}
    fake.poison = lambda item: item.get("id") == "b"
    assert ask(fake, [log(id="a"), log(id="b")])[0] == 400


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("failure", "emergency"), ("success", "ok"), ("OK", "ok"), ("Emergency", "emergency"), ("error", "error"),
        ("warn", "warning"), ("notice", "notice"), ("high", "info"), (17, "info"), (3, "error"), (0, "emergency"),
        (True, "info"), (None, "info"), ("critical", "critical"), ("alert", "alert"), ("trace", "debug"),
    ],
)  # fmt: skip
def test_the_status_remapper(value: Any, meant: str) -> None:
    assert status(value) == meant


def test_reserved_names_are_taken_wherever_they_come_from() -> None:
    one = found({"message": '{"level":"failure","host":"h","service":"s","date":"2026-01-01T00:00:00Z","x":1}'}, 0)
    assert (one.status, one.host, one.service, one.timestamp) == ("emergency", "h", "s", NOW * 1000)
    assert one.attributes == {"x": 1}
    one = found({"message": "m", "syslog": {"hostname": "h"}, "ddtags": "A:b c,1x,x:y", "a": {"b": [1]}}, NOW)
    assert (one.host, one.tags, one.timestamp, one.status) == ("h", ("a:b_c", "x:y"), NOW * 1000, "info")
    assert one.attributes == {"a.b": [1]}
    assert found({"ddtags": ["a:b"]}, 0).tags == ()
