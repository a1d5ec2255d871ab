"""Datadog: what it accepts as settings, how it cuts, dates and fits logs, and what it reads in every answer."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from otelsiem.destinations.datadog import LARGEST_LOG, OLD, TOO_OLD, Datadog
from otelsiem.model.destination import Encoded, Moment, Payload
from otelsiem.model.exchange import Answer, Exchange, Failure, HttpRequest, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Reject, Retry, Split
from otelsiem.model.record import Batch, Group, Record, Scope, count
from otelsiem.testing.conformance import check_encode, drive
from otelsiem.testing.datadog_log import found
from tests.examples import some
from tests.formats import strategies

NOW = 1_767_225_601_000_000_000
AT = Moment(NOW, host="here")
HOUR = 3600 * 10**9
KEY = "0123456789abcdef0123456789abcdef"


def datadog(**changes: Any) -> Datadog:
    return Datadog.model_validate({"api": {"key": KEY}, **changes})


def batch(*times: int, **record: Any) -> Batch:
    return [Group({}, Scope(), [Record(id=str(n), time=time, **record) for n, time in enumerate(times)])]


def asked(exchange: Exchange) -> HttpRequest:
    request = next(exchange)
    assert isinstance(request, HttpRequest)
    return request


def logs(body: bytes) -> list[dict[str, Any]]:
    made = json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
    assert isinstance(made, list)
    return made


def sent(encoded: Encoded) -> list[dict[str, Any]]:
    return [log for payload in encoded.payloads for log in logs(payload.body)]


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("changes", "url", "check"),
    [
        ({}, "https://http-intake.logs.datadoghq.com/api/v2/logs", "https://api.datadoghq.com/api/v1/validate"),
        (
            {"api": {"key": KEY, "site": "us2.ddog-gov.com"}},
            "https://http-intake.logs.us2.ddog-gov.com/api/v2/logs",
            "https://api.us2.ddog-gov.com/api/v1/validate",
        ),
        (
            {"api": {"key": KEY, "site": " DATADOGHQ.EU "}},
            "https://http-intake.logs.datadoghq.eu/api/v2/logs",
            "https://api.datadoghq.eu/api/v1/validate",
        ),
        ({"endpoint": "http://vector:8282/"}, "http://vector:8282/api/v2/logs", "http://vector:8282/api/v1/validate"),
        (
            {"endpoint": "http://proxy/dd/api/v2/logs"},
            "http://proxy/dd/api/v2/logs",
            "http://proxy/dd/api/v1/validate",
        ),
        (
            {"logs": {"endpoint": "https://http-intake.logs.datadoghq.eu"}},
            "https://http-intake.logs.datadoghq.eu/api/v2/logs",
            "https://api.datadoghq.eu/api/v1/validate",
        ),
        (
            {"endpoint": "http://proxy", "api": {"key": KEY, "endpoint": "http://checks/"}},
            "http://proxy/api/v2/logs",
            "http://checks/api/v1/validate",
        ),
    ],
)
def test_where_logs_go_and_where_the_key_is_checked(changes: dict[str, Any], url: str, check: str) -> None:
    made = datadog(**changes)
    assert asked(made.exchange(Payload(b"[]", range(1)), AT)).url == url
    assert asked(made.probe(AT)).url == check


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"api": {}}, "Field required"),
        ({"api": {"key": " \n"}}, "is empty"),
        ({"api": {"key": "hidden pass"}}, "no key has"),
        ({"api": {"key": "0123456789abcdef0123456789abcdef01234567"}}, "application key"),
        (
            {"api": {"key": KEY, "site": "app.datadoghq.com"}},
            "one address of a site; the parameter of that site is datadoghq.com",
        ),
        ({"api": {"key": KEY, "site": "http-intake.logs.datadoghq.eu"}}, "of that site is datadoghq.eu"),
        ({"api": {"key": KEY, "site": "https://datadoghq.eu"}}, "host name alone"),
        ({"api": {"key": KEY, "site": "us5"}}, "of that site is us5.datadoghq.com"),
        ({"api": {"key": KEY, "site": "EU"}}, "of that site is datadoghq.eu"),
        ({"api": {"key": KEY, "site": "somewhere"}}, "host name alone"),
        ({"api": {"key": KEY, "app_key": "hidden-pass"}}, "Extra inputs"),
        ({"endpoint": "https://http-intake.logs.datadoghq.com/v1/input"}, "the intake before"),
        ({"endpoint": "datadoghq.com"}, "http://"),
        ({"headers": {"dd-api-key": "hidden-pass"}}, "write api: {key: …}"),
        ({"tags": ["a,b:c"]}, "a comma separates tags"),
        ({"tags": ["1team:iam"]}, "begins with a letter"),
        ({"tags": ["t:" + "x" * 200]}, "at most 200"),
        ({"tags": ["tenant:{tenant.id"]}, "unbalanced"),
        ({"tags": [f"t{n}" for n in range(98)]}, "keeps 100 tags"),
        ({"service": "{}"}, "empty field"),
        ({"stale": "drop"}, "resend_as_now"),
        ({"compression": "zstd"}, "gzip"),
        ({"max_request_bytes": 5_000_000}, "4800000"),
        ({"logs": {"batch_wait": 5}}, "Extra inputs"),
    ],
)
def test_wrong_settings_are_refused_without_showing_them(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        datadog(**changes)
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert KEY not in str(refused.value)


def test_the_request() -> None:
    made = datadog(headers={"X-Tenant": "t"}, logs={"use_compression": True})
    request = asked(made.exchange(made.encode(batch(NOW, body="x" * 5000), AT).payloads[0], AT))
    assert request.method == "POST"
    headers = {name: request.headers[name] for name in ("DD-API-KEY", "Content-Type", "Content-Encoding", "X-Tenant")}
    assert headers == {
        "DD-API-KEY": KEY, "Content-Type": "application/json", "Content-Encoding": "gzip", "X-Tenant": "t",
    }  # fmt: skip
    assert request.headers["DD-EVP-ORIGIN"] == "otelsiem"
    assert "DD-PROTOCOL" not in request.headers
    assert KEY not in request.url
    assert datadog(logs={"use_compression": False}).compression == "none"


def test_tags_are_a_list_or_a_text_and_templates_of_the_record() -> None:
    given = batch(NOW, NOW, attributes={"tenant.id": "Big, Tenant:1"})
    for tags in (["Team:IAM", "tenant:{tenant.id}"], "Team:IAM, tenant:{tenant.id} ,"):
        [log, _] = sent(datadog(tags=tags, env="prod", version="1.2+3").encode(given, AT))
        assert log["ddtags"] == "team:iam,tenant:big_tenant:1,env:prod,version:1.2_3"


def test_the_resource_says_service_env_and_version_unless_settings_do() -> None:
    resource: dict[str, Any] = {
        "service.name": "auth", "service.version": "2.1", "deployment.environment": "staging", "host.name": "h1",
    }  # fmt: skip
    given = [Group(resource, Scope(), [Record(id="1", time=NOW)])]
    [log] = sent(datadog().encode(given, AT))
    assert (log["service"], log["hostname"], log["ddtags"]) == ("auth", "h1", "env:staging,version:2.1")
    [log] = sent(datadog(service="s", hostname="h", env="e", version="v", source="x").encode(given, AT))
    assert [log[k] for k in ("service", "hostname", "ddtags", "ddsource")] == ["s", "h1", "env:e,version:v", "x"]
    resource["datadog.host.name"] = "h2"
    [log] = sent(datadog(hostname="h").encode(given, AT))
    assert log["hostname"] == "h2", "hostname is for events that name none, as in the Collector"
    del resource["host.name"], resource["datadog.host.name"]
    [log] = sent(datadog(hostname="h").encode(given, AT))
    assert log["hostname"] == "h"
    [log] = sent(datadog().encode(given, AT))
    assert log["hostname"] == "here"


# ---------------------------------------------------------------- encoding


@given(strategies.batches, st.integers(1024, 4096), st.sampled_from(["gzip", "none"]))
@settings(deadline=None, max_examples=some(60))
def test_encode_is_total_and_keeps_its_limits(given_: Batch, most: int, compression: str) -> None:
    made = datadog(max_request_bytes=most, compression=compression)
    encoded = check_encode(made, given_, AT)
    assert len(sent(encoded)) + len(encoded.rejected) == count(given_)


def test_a_request_has_at_most_a_thousand_logs() -> None:
    encoded = datadog().encode(batch(*[NOW] * 2500), AT)
    assert [len(payload.indices) for payload in encoded.payloads] == [1000, 1000, 500]


def test_a_request_is_never_a_byte_over_its_limit() -> None:
    given_ = batch(*[NOW] * 40, body="x" * 300)
    one = datadog(compression="none").encode(batch(NOW, body="x" * 300), AT).payloads[0].size - 2
    for most in range(3 * one - 3, 3 * one + 8):
        made = check_encode(datadog(compression="none", max_request_bytes=most), given_, AT)
        assert len(made.payloads[0].indices) == (3 if most >= 3 * one + 5 else 2), "three logs, two commas, brackets"


@pytest.mark.parametrize("oversize", ["cut", "dead_letter"])
@pytest.mark.parametrize("body", ["x", "é", '"', "\n", "日"])
def test_a_log_over_a_megabyte_is_cut_or_rejected_and_never_sent(oversize: str, body: str) -> None:
    given_ = batch(NOW, NOW, NOW, body="small", attributes={"tenant.id": "t"})
    given_[0].records[1].body = body * 1_500_000
    encoded = datadog(oversize=oversize, max_request_bytes=4_800_000).encode(given_, AT)
    assert all(len(json.dumps(log, ensure_ascii=False).encode()) <= 1_000_000 for log in sent(encoded))
    if oversize == "cut":
        assert not encoded.rejected
        log = sent(encoded)[1]
        assert log["audit.truncated"] == {"message": 1_500_000}
        assert log["message"].endswith("…")
        assert log["tenant_id"] == "t"
        assert "truncated:true" in log["ddtags"]
        assert len(json.dumps(log, ensure_ascii=False).encode()) > 900_000, "no more is cut than must be"
    else:
        assert list(encoded.rejected) == [1]
        assert encoded.rejected[1].startswith("too large")


@pytest.mark.parametrize(
    "attributes", [{"list": [1] * 600_000}, {f"key-{n}-{'k' * 90}": n for n in range(12_000)}], ids=["list", "keys"]
)
def test_what_no_cut_makes_small_is_a_dead_letter(attributes: dict[str, Any]) -> None:
    encoded = datadog().encode(batch(NOW, attributes=attributes), AT)
    assert encoded.rejected[0].startswith("too large")


# ---------------------------------------------------------------- the window of 18 h and 2 h


@pytest.mark.parametrize(("age", "late"), [(17.7, False), (17.8, True), (18.1, True), (-1.7, False), (-1.8, True)])
def test_what_is_outside_the_window_is_dated_now(age: float, late: bool) -> None:
    own = NOW - int(age * HOUR)
    [payload] = datadog(tags="team:iam").encode(batch(own), AT).payloads
    [log] = logs(payload.body)
    assert (log["timestamp"] == NOW // 10**6) is late
    assert log["ddtags"] == ("team:iam,late:true" if late else "team:iam")
    assert log["otel.timestamp"] == str(own)
    assert ("audit.time" in log) is late
    outcome = drive(datadog().exchange(payload, AT), Answer(202))
    assert outcome == Delivered(OLD if late else "")


def test_p2_a_payload_that_grew_old_while_it_waited_is_dated_anew() -> None:
    """Couriers keep what they have encoded through an outage: sent as it was, Datadog would drop it with 202."""
    made = datadog(tags="team:iam")
    [payload] = made.encode(batch(NOW - 3 * HOUR, NOW, NOW - 90 * HOUR, body="x" * 2000), AT).payloads
    later = replace(AT, now=NOW + 16 * HOUR)
    exchange = made.exchange(payload, later)
    request = asked(exchange)
    arrived = [found(log, later.now / 1e9) for log in logs(request.body)]
    assert [log.timestamp for log in arrived] == [later.now // 10**6, NOW // 10**6, NOW // 10**6]
    assert [log.tags for log in arrived] == [("team:iam", "late:true"), ("team:iam",), ("team:iam", "late:true")]
    assert arrived[0].attributes["audit.time"] == "2025-12-31T21:00:01.000000Z"
    with pytest.raises(StopIteration) as ended:
        exchange.send(Answer(202))
    assert ended.value.value == Delivered(OLD)
    much_later = replace(AT, now=NOW + 60 * HOUR)
    again = logs(asked(made.exchange(payload, much_later)).body)
    assert {log["timestamp"] for log in again} == {much_later.now // 10**6}
    assert all(log["ddtags"].count("late:true") == 1 for log in again)
    assert again[0]["audit.time"] != again[1]["audit.time"] != again[2]["audit.time"]


def test_what_grew_old_is_rejected_where_dead_letters_are_wanted() -> None:
    made = datadog(stale="dead_letter")
    given_ = batch(NOW - 3 * HOUR, NOW - 30 * HOUR, NOW)
    encoded = made.encode(given_, AT)
    assert encoded.rejected == {1: TOO_OLD}
    assert [list(payload.indices) for payload in encoded.payloads] == [[0, 2]]
    later = replace(AT, now=NOW + 16 * HOUR)
    assert drive(made.exchange(encoded.payloads[0], later), Answer(202)) == Reject(TOO_OLD)
    assert made.encode(given_, later).rejected.keys() == {0, 1}


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=6), st.integers(0, 60))
@settings(deadline=None, max_examples=some(150))
def test_p2_nothing_that_is_sent_is_ever_dropped_for_its_age(hours: list[int], wait: int) -> None:
    made = datadog()
    later = replace(AT, now=NOW + wait * HOUR)
    for payload in made.encode(batch(*[NOW - h * HOUR for h in hours]), AT).payloads:
        for log in logs(asked(made.exchange(payload, later)).body):
            arrived = found(log, later.now / 1e9)
            assert later.now - 18 * HOUR < arrived.timestamp * 10**6 < later.now + 2 * HOUR
            own = int(log["otel.timestamp"])
            late = "late:true" in arrived.tags
            assert late or arrived.timestamp == own // 10**6
            assert late == ("audit.time" in arrived.attributes)
            if -1.7 * HOUR < own - NOW < 1.7 * HOUR and wait < 15:
                assert not late


def test_dating_anew_stays_within_what_datadog_takes() -> None:
    [payload] = datadog(max_request_bytes=4_800_000).encode(batch(*[NOW] * 1000, body="x" * 4_500), AT).payloads
    [large] = datadog(max_request_bytes=4_800_000).encode(batch(NOW, body="x" * 2_000_000), AT).payloads
    made, later = datadog(), replace(AT, now=NOW + 30 * HOUR)
    for one, most in ((payload, 5_000_000), (large, 1_000_000)):
        assert len(gzip.decompress(asked(made.exchange(one, later)).body)) <= most
    assert large.size <= LARGEST_LOG


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Answer(202, {}, b"{}"), Delivered()),
        (Answer(200), Delivered()),
        (Answer(400, {}, b'{"errors":[{"title":"Bad","detail":"no JSON"}]}'), Reject("HTTP 400: Bad: no JSON")),
        (Answer(408), Retry("HTTP 408")),
        (Answer(413), Split("HTTP 413")),
        (Answer(429, {"x-ratelimit-reset": "12"}), Retry("HTTP 429", 12.0, busy=True)),
        (Answer(429, {"x-ratelimit-reset": "2", "retry-after": "30"}), Retry("HTTP 429", 30.0, busy=True)),
        (Answer(429, {"x-ratelimit-reset": "nan"}), Retry("HTTP 429", 0.0, busy=True)),
        (Answer(429, {"x-ratelimit-reset": "-3"}), Retry("HTTP 429", 0.0, busy=True)),
        (Answer(429, {"x-ratelimit-reset": "soon"}), Retry("HTTP 429", 0.0, busy=True)),
        (Answer(429, {"x-ratelimit-reset": "9" * 400}), Retry("HTTP 429", 0.0, busy=True)),
        (Answer(429, {"x-ratelimit-reset": "999999"}), Retry("HTTP 429", 600.0, busy=True)),
        (Answer(503, {"retry-after": "5"}), Retry("HTTP 503", 5.0)),
        (Answer(599), Retry("HTTP 599")),
        (Failure("reset", "gone", sent=True), Retry("reset: gone")),
        (Failure("tls", "certificate"), Hold("tls: certificate")),
    ],
)
def test_answers(reply: Reply, outcome: Outcome) -> None:
    assert drive(datadog().exchange(Payload(b"[]", range(3)), AT), reply) == outcome


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "DD-API-KEY did not arrive"),
        (403, "check api.key, and that api.site (datadoghq.com) is where the key was made"),
        (301, "redirects"),
        (404, "no log intake is there"),
        (405, "no log intake is there"),
        (407, "does not take requests like ours"),
    ],
)
def test_p3_what_is_ours_holds_and_says_what_to_do(status: int, said: str) -> None:
    outcome = drive(datadog().exchange(Payload(b"[]", range(3)), AT), Answer(status, {}, b'{"errors":["Forbidden"]}'))
    assert isinstance(outcome, Hold)
    assert said in outcome.reason
    assert outcome.reason.endswith(f"(HTTP {status}: Forbidden)")


def test_a_proxy_without_gzip_gets_it_once_as_it_is() -> None:
    made = datadog()
    [payload] = made.encode(batch(NOW, body="x" * 3000), AT).payloads
    exchange = made.exchange(payload, AT)
    assert asked(exchange).headers["Content-Encoding"] == "gzip"
    again = exchange.send(Answer(415))
    assert isinstance(again, HttpRequest)
    assert "Content-Encoding" not in again.headers
    assert json.loads(again.body)[0]["message"] == "x" * 3000


@pytest.mark.parametrize(
    ("changes", "reply", "kind"),
    [
        ({}, Answer(200, {}, b'{"valid":true}'), Delivered),
        ({}, Answer(200, {}, b'{"valid":false}'), Hold),
        ({}, Answer(403, {}, b'{"errors":["Forbidden"]}'), Hold),
        ({}, Answer(404), Hold),
        ({}, Answer(400), Hold),
        ({}, Answer(413), Hold),
        ({}, Answer(429), Retry),
        ({}, Answer(503), Retry),
        ({"endpoint": "http://vector:8282"}, Answer(404), Delivered),
        ({"endpoint": "http://vector:8282"}, Answer(200), Delivered),
        ({"endpoint": "http://vector:8282"}, Answer(403), Hold),
    ],
)
def test_probe(changes: dict[str, Any], reply: Reply, kind: type) -> None:
    outcome = drive(datadog(**changes).probe(AT), reply)
    assert isinstance(outcome, kind)
    if isinstance(outcome, Delivered):
        assert ("nothing is known of the key" in outcome.note) is bool(changes), "a proxy that checks no keys"
