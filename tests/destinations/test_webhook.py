"""Webhooks: settings, bodies, signatures as their receivers check them, and what every kind of answer means."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from otelsiem.destinations._json_path import MISSING, find
from otelsiem.destinations.webhook import Webhook
from otelsiem.model.destination import Moment, Payload
from otelsiem.model.exchange import Answer, Exchange, Failure, HttpRequest, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split
from otelsiem.model.record import Batch, Group, Record, Scope, count
from otelsiem.testing.conformance import check_encode, drive
from otelsiem.testing.http import Seen
from otelsiem.testing.webhook import signed
from tests.examples import some
from tests.formats import strategies

NOW = 1_767_225_601_000_000_000
AT = Moment(NOW, host="here")
URL = "https://hooks.example.com/services/T0hidden/B0hidden?key=hidden-key"
STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def webhook(**changes: Any) -> Webhook:
    return Webhook.model_validate({"url": URL, **changes})


def batch(*ids: str, **record: Any) -> Batch:
    return [Group({}, Scope(), [Record(id=one, time=NOW + n, **record) for n, one in enumerate(ids)])]


def asked(exchange: Exchange) -> HttpRequest:
    request = next(exchange)
    assert isinstance(request, HttpRequest)
    return request


def sent(made: Webhook, given_: Batch, at: Moment = AT) -> list[HttpRequest]:
    return [asked(made.exchange(payload, at)) for payload in made.encode(given_, at).payloads]


def judged(made: Webhook, reply: Reply, records: int = 3) -> Outcome:
    return drive(made.exchange(Payload(b"[]", range(records)), AT), reply)


def answer(status: int, body: Any = None, **headers: str) -> Answer:
    return Answer(status, headers, b"" if body is None else json.dumps(body).encode())


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "hooks.example.com/hidden"}, "http://"),
        ({"url": "https://user:hidden@example.com"}, "credentials"),
        ({"url": "https://example.com/#hidden"}, "fragment"),
        ({"url": "https://example.com/?a=hidden#x"}, "fragment"),
        ({"url": "https://example.com/?a=hid den"}, "fragment"),
        ({"method": "GET"}, "POST"),
        ({"auth": {}}, "one of basic, bearer and header"),
        ({"auth": {"bearer": "hidden", "header": {"name": "X", "value": "hidden"}}}, "one of basic"),
        ({"auth": {"bearer": "Bearer hidden"}}, "the token alone"),
        ({"auth": {"bearer": "hidden\r\nX: y"}}, "characters that a header cannot carry"),
        ({"auth": {"basic": {"username": "a:b", "password": "hidden"}}}, "colon"),
        ({"auth": {"header": {"name": "Authorization", "value": "hidden"}}}, "set by the exporter"),
        ({"auth": {"header": {"name": "X Key", "value": "hidden"}}}, "header name"),
        (
            {"headers": {"X-Signature": "hidden"}, "signature": {"secret": "hidden"}},
            "X-Signature is set by the exporter",
        ),
        ({"headers": {"Webhook-Id": "x"}, "signature": {"scheme": "standard", "secret": STANDARD}}, "set by"),
        ({"idempotency_header": "X-Signature", "signature": {"secret": "hidden"}}, "the same header"),
        ({"template": '{"a": {{message}'}, "has {{ without"),
        ({"template": '{"{{event}}": 1}'}, "has a field in a key"),
        ({"template": '{"a":\n1}', "body": "lines"}, "each line of it"),
        ({"escape": "markup"}, "texts of a template"),
        ({"wrap": "events", "body": "lines"}, "lines have nothing around them"),
        ({"format": "cim"}, "json"),
        ({"content_type": "json"}, "media type"),
        ({"signature": {"secret": ""}}, "is empty"),
        ({"signature": {"secret": []}}, "is empty"),
        ({"signature": {"scheme": "github", "secret": ["hidden-1", "hidden-2"]}}, "room for one"),
        ({"signature": {"scheme": "github", "secret": "hidden", "prefix": "x"}}, "github's own"),
        ({"signature": {"scheme": "standard", "secret": "whsec_hidden!"}}, "is base64"),
        ({"signature": {"scheme": "standard", "secret": "whsec_aGlkZGVu"}}, "24 to 64 bytes, this one 6"),
        ({"signature": {"scheme": "standard", "secret": STANDARD, "header": "X"}}, "fixed names"),
        ({"signature": {"secret": "hidden", "algorithm": "sha1"}}, "sha256"),
        ({"signature": {"secret": "hidden", "header": "Content-Type"}}, "set by the exporter"),
        ({"success": {"status": []}}, "names no status"),
        ({"success": {"status": ["2x"]}}, "is no status"),
        ({"success": {"status": [99]}}, "is no status"),
        ({"success": {"json": "ok"}}, "is not a path"),
        ({"success": {"json": "$.a[*]"}}, "is not a path"),
        ({"failures": {"items": "$.errors"}}, "needs index, status or error"),
        ({"failures": {"index": "$.i"}}, "Field required"),
        ({"max_records": 0}, "1"),
    ],
)
def test_wrong_settings_are_refused_without_showing_them(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        webhook(**changes)
    assert said in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_the_request() -> None:
    [request] = sent(webhook(method="PUT", headers={"X-Tenant": "t"}), batch("a"))
    assert (request.method, request.url) == ("PUT", URL)
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Tenant"] == "t"
    assert request.headers["User-Agent"].startswith("otelsiem/")
    assert "Authorization" not in request.headers
    assert "hidden" not in repr(request)
    assert "hidden" not in repr(webhook())


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        (
            {"basic": {"username": "Aladdin", "password": "open sesame"}},
            {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        ),
        ({"bearer": "t0ken\n"}, {"Authorization": "Bearer t0ken"}),
        ({"header": {"name": "X-Api-Key", "value": "k"}}, {"X-Api-Key": "k"}),
    ],
)
def test_who_we_are(auth: dict[str, Any], headers: dict[str, str]) -> None:
    made = webhook(auth=auth)
    [request] = sent(made, batch("a"))
    assert request.headers.items() >= headers.items()
    assert asked(made.probe(AT)).headers.items() >= headers.items()


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize(
    ("changes", "bodies", "kind"),
    [
        ({}, ['["a","b"]'], "application/json"),
        ({"wrap": 'e"v'}, ['{"e\\"v":["a","b"]}'], "application/json"),
        ({"body": "lines"}, ['"a"\n"b"\n'], "application/x-ndjson"),
        ({"body": "single"}, ['"a"', '"b"'], "application/json"),
        ({"body": "single", "wrap": "event"}, ['{"event":"a"}', '{"event":"b"}'], "application/json"),
        ({"body": None}, ['"a"', '"b"'], "application/json"),
        ({"content_type": "application/vnd.x+json"}, ['["a","b"]'], "application/vnd.x+json"),
    ],
)
def test_how_records_travel(changes: dict[str, Any], bodies: list[str], kind: str) -> None:
    made = sent(webhook(**{"template": "{{id}}", "body": "array", **changes}), batch("a", "b"))
    assert [request.body.decode() for request in made] == bodies
    assert {request.headers["Content-Type"] for request in made} == {kind}


def test_records_have_the_format_that_was_chosen() -> None:
    [request] = sent(webhook(), batch("a", event="login"))
    assert json.loads(request.body)[0]["event_type"] == "login"
    [request] = sent(webhook(format="datadog"), batch("a", event="login"))
    assert json.loads(request.body)[0]["ddsource"] == "otelsiem"
    [request] = sent(webhook(template='{"all": {{record}}}', format="datadog"), batch("a"))
    assert json.loads(request.body)["all"]["ddsource"] == "otelsiem"


def test_formats_that_are_no_json_are_texts_within_json() -> None:
    given_ = batch("a", "b", event="login", attributes={"user.name": 'x"|y'})
    [request] = sent(webhook(format="cef"), given_)
    texts = json.loads(request.body)
    assert [text.startswith("CEF:") for text in texts] == [True, True]
    [request] = sent(webhook(format="cef", body="lines"), given_)
    assert request.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert request.body.decode().splitlines() == texts
    [first, _] = sent(webhook(format="cef", template='{"line": {{record}}}'), given_)
    assert json.loads(first.body) == {"line": texts[0]}


def test_an_elastic_like_bulk() -> None:
    made = webhook(body="lines", template='{"create":{"_id":"{{event_id}}"}}\n{{record}}')
    [request] = sent(made, batch("a", "b"))
    lines = [json.loads(line) for line in request.body.decode().split("\n")[:-1]]
    assert [line["create"]["_id"] for line in lines[::2]] == ["a", "b"]
    assert [line["event_id"] for line in lines[1::2]] == ["a", "b"]


def test_limits() -> None:
    many = batch(*map(str, range(25)))
    assert [len(p.indices) for p in webhook(max_records=10).encode(many, AT).payloads] == [10, 10, 5]
    encoded = webhook(max_request_bytes=1024).encode(many, AT)
    assert max(payload.size for payload in encoded.payloads) <= 1024
    large = webhook(max_event_bytes=500).encode(batch("a", body="x" * 500), AT)
    assert large.rejected[0].startswith("too large")
    assert webhook().compression == "none"
    [request] = sent(webhook(compression="gzip"), many)
    assert request.headers["Content-Encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(request.body))) == 25


@pytest.mark.parametrize(
    ("shape", "around"), [({}, 2), ({"wrap": "events"}, 13), ({"body": "lines"}, 0), ({"body": "single"}, 0)]
)
def test_a_request_is_never_a_byte_over_its_limit(shape: dict[str, Any], around: int) -> None:
    text = '{"a": "' + "x" * 500 + '"}'
    for most in range(3 * len(text) - 3, 3 * len(text) + 20):
        made = webhook(**{"body": "array", **shape}, template=text, max_request_bytes=most)
        encoded = check_encode(made, batch(*map(str, range(12))), AT)
        assert max(payload.size for payload in encoded.payloads) <= most
        if shape.get("body") != "single":
            three = 3 * len(text) + around + 3 <= most  # each is counted with its separator
            assert len(encoded.payloads[0].indices) == (3 if three else 2)


@given(
    strategies.batches, st.sampled_from(["array", "lines", "single"]), st.sampled_from([None, "events"]),
    st.sampled_from([None, '{"m": {{message}}, "all": {{record}}}']), st.sampled_from(["json", "cef"]),
)  # fmt: skip
@settings(deadline=None, max_examples=some(80))
def test_encode_is_total_whatever_the_shape(
    given_: Batch, body: str, wrap: str | None, template: str | None, format_: str
) -> None:
    wrap = None if body == "lines" else wrap
    made = webhook(body=body, wrap=wrap, template=template, format=format_, max_request_bytes=2048, max_records=3)
    encoded = check_encode(made, given_, AT)
    found = [len(_records(payload.body.decode(), made)) for payload in encoded.payloads]
    assert sum(found) + len(encoded.rejected) == count(given_)
    assert found == [len(payload.indices) for payload in encoded.payloads]


def _records(text: str, made: Webhook) -> list[Any]:
    """What a receiver of this shape reads."""
    if made.body == "lines":
        lines = text.split("\n")[:-1]
        return lines if made.format == "cef" and made.template is None else [json.loads(line) for line in lines]
    read = json.loads(text)
    read = read if made.wrap is None else read[made.wrap]
    return [read] if made.body == "single" else list(read)


# ---------------------------------------------------------------- signatures


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("scheme", ["github", "stripe", "slack", "standard"])
def test_receivers_accept_the_signature_of_what_is_sent(scheme: str, compression: str) -> None:
    """Judged by the fake, whose verification knows the published examples and not our code."""
    secret = STANDARD if scheme == "standard" else "s3cret ü"
    made = webhook(signature={"scheme": scheme, "secret": secret}, compression=compression)
    [request] = sent(made, batch(*map(str, range(30))))
    assert ("Content-Encoding" in request.headers) is (compression == "gzip")
    seen = Seen("POST", "/", {name.lower(): value for name, value in request.headers.items()}, request.body)
    assert signed(seen, scheme, [secret], NOW / 1e9)
    assert not signed(seen, scheme, [STANDARD[:-1] + "x" if scheme == "standard" else "other"], NOW / 1e9)
    assert secret not in str(request.headers)


@pytest.mark.parametrize(("scheme", "old"), [("stripe", "old"), ("standard", "whsec_" + "A" * 32)])
def test_two_secrets_sign_while_one_is_replaced(scheme: str, old: str) -> None:
    new = STANDARD if scheme == "standard" else "new"
    [request] = sent(webhook(signature={"scheme": scheme, "secret": [new, old]}), batch("a"))
    seen = Seen("POST", "/", {name.lower(): value for name, value in request.headers.items()}, request.body)
    assert signed(seen, scheme, [new], NOW / 1e9)
    assert signed(seen, scheme, [old], NOW / 1e9)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_plain_signature(algorithm: str, encoding: str) -> None:
    plain = {"secret": "k", "algorithm": algorithm, "encoding": encoding, "prefix": "v=", "header": "X-Sig"}
    [request] = sent(webhook(signature=plain), batch("a"))
    made = hmac.new(b"k", request.body, getattr(hashlib, algorithm)).digest()
    assert request.headers["X-Sig"] == "v=" + (made.hex() if encoding == "hex" else base64.b64encode(made).decode())


def test_a_second_try_is_signed_for_its_own_time_and_keeps_its_key() -> None:
    made = webhook(signature={"scheme": "standard", "secret": STANDARD}, idempotency_header="Idempotency-Key")
    [payload] = made.encode(batch("a", "b"), AT).payloads
    first, second = (asked(made.exchange(payload, replace(AT, now=NOW + n * 10**12))).headers for n in (0, 1))
    assert first["webhook-id"] == second["webhook-id"] == first["Idempotency-Key"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 1000
    assert first["webhook-signature"] != second["webhook-signature"]
    assert "." not in first["webhook-id"]


def test_equal_texts_of_different_records_have_different_keys() -> None:
    """A receiver that keeps one of each key would lose the second."""
    made = webhook(template='{"text": "Login failed"}', idempotency_header="Idempotency-Key")
    keys = [request.headers["Idempotency-Key"] for request in sent(made, batch("a", "b"))]
    assert len(set(keys)) == 2
    assert [request.headers["Idempotency-Key"] for request in sent(made, batch("a", "b"))] == keys


def test_a_receiver_without_gzip_gets_it_once_as_it_is_signed_again() -> None:
    made = webhook(compression="gzip", signature={"scheme": "github", "secret": "s"})
    [payload] = made.encode(batch(*map(str, range(30))), AT).payloads
    exchange = made.exchange(payload, AT)
    next(exchange)
    request = exchange.send(Answer(415))
    assert isinstance(request, HttpRequest)
    assert "Content-Encoding" not in request.headers
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert signed(Seen("POST", "/", headers, request.body), "github", ["s"], 0)


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (answer(200), Delivered()),
        (answer(204), Delivered()),
        (Answer(200, {"retry-after": "3"}), Delivered(after=3.0)),
        (Answer(400, {}, b"invalid_payload"), Reject("HTTP 400: invalid_payload")),
        (answer(422, {"error": {"message": "bad", "code": "E1"}}), Reject("HTTP 422: bad: E1")),
        (answer(409), Reject("HTTP 409")),
        (answer(408), Retry("HTTP 408")),
        (Answer(429, {"retry-after": "7"}), Retry("HTTP 429", 7.0, busy=True)),
        (answer(500), Retry("HTTP 500")),
        (Answer(503, {}, b"<html>busy"), Retry("HTTP 503")),
        (answer(413), Split("HTTP 413")),
        (Failure("timeout", "10 s"), Retry("timeout: 10 s")),
        (Failure("resolve", "no such host"), Hold("resolve: no such host")),
    ],
)
def test_answers(reply: Reply, outcome: Outcome) -> None:
    assert judged(webhook(), reply) == outcome


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "check auth, headers and signature"), (403, "check auth, headers and signature"), (404, "check url"),
        (405, "check method and url"), (410, "wants no more requests"), (415, "content type"), (302, "redirects"),
        (402, "HTTP 402"), (451, "HTTP 451"), (100, "is not among success.status"),
    ],
)  # fmt: skip
def test_p3_what_blames_us_holds_and_says_what_to_do(status: int, said: str) -> None:
    outcome = judged(webhook(), answer(status))
    assert isinstance(outcome, Hold)
    assert said in outcome.reason


def test_success_by_status() -> None:
    made = webhook(success={"status": [201, "3xx"]})
    assert judged(made, answer(201)) == judged(made, answer(302)) == Delivered()
    assert judged(made, answer(200)) == Hold("HTTP 200 is not among success.status")
    assert judged(webhook(success={"status": 409}), answer(409)) == Delivered()
    assert judged(webhook(idempotency_header="Idempotency-Key"), answer(409)) == Retry("HTTP 409")


@pytest.mark.parametrize(
    ("equals", "body", "good"),
    [
        (True, {"ok": True}, True),
        (True, {"ok": False, "error": "invalid_auth"}, False),
        (True, {"ok": 1}, False),
        (True, {"ok": "true"}, False),
        (True, {}, False),
        (True, [], False),
        (True, None, False),
        (0, {"ok": 0}, True),
        (0, {"ok": 0.0}, True),
        (0, {"ok": False}, False),
        ("success", {"ok": "success"}, True),
        (None, {"ok": None}, True),
        (None, {}, False),
    ],
)
def test_success_by_a_path_in_the_answer(equals: Any, body: Any, good: bool) -> None:
    made = webhook(success={"json": "$.ok", "equals": equals})
    outcome = judged(made, answer(200, body))
    assert isinstance(outcome, Delivered if good else Hold)


@pytest.mark.parametrize(("otherwise", "kind"), [("hold", Hold), ("retry", Retry), ("reject", Reject)])
def test_what_a_no_in_the_body_means_is_chosen(otherwise: str, kind: type) -> None:
    made = webhook(success={"json": "$.ok", "otherwise": otherwise})
    outcome = judged(made, answer(200, {"ok": False, "error": "invalid_auth"}))
    assert isinstance(outcome, kind)
    assert getattr(outcome, "reason", "") == "$.ok in the answer is not true (HTTP 200: invalid_auth)"
    assert isinstance(judged(made, answer(403, {"ok": True})), Hold), "the status comes first"


def test_failures_by_index() -> None:
    made = webhook(failures={"items": "$.errors", "index": "$.at.n", "error": "$.why"}, success={"json": "$.ok"})
    body = {"ok": False, "errors": [{"at": {"n": 1}, "why": "no field"}, {"at": {"n": 1}, "why": "again"}]}
    assert judged(made, answer(200, body)) == Partial([0, 2], [], {1: "no field"}, reason="some records were not taken")
    assert judged(made, answer(200, {"ok": True})) == Delivered()
    assert judged(made, answer(200, {"ok": True, "errors": []})) == Delivered()
    assert isinstance(judged(made, answer(200, {"ok": False, "errors": []})), Hold)
    several: list[Any] = [[{"at": {"n": n}}] for n in (3, -1, True)]
    for wrong in (*several, [{}], [None], {"at": 1}, "x"):
        outcome = judged(made, answer(200, {"ok": True, "errors": wrong}))
        assert isinstance(outcome, Hold)
        assert "check $.errors" in outcome.reason
    only = webhook(failures={"items": "$.failed", "index": "$"})
    assert judged(only, answer(200, {"failed": [2]})) == Partial(
        [0, 1], [], {2: "refused"}, reason="some records were not taken"
    )


def test_failures_by_place_and_status() -> None:
    made = webhook(failures={"items": "$.items", "status": "$.create.status", "error": "$.create.error.type"})
    results = [201, 429, 400, 403, 503, 200]
    items: list[dict[str, Any]] = [{"create": {"status": status}} for status in results]
    items[2]["create"]["error"] = {"type": "mapping"}
    assert judged(made, answer(200, {"items": items}), 6) == Partial(
        [0, 5], [1, 4], {2: "HTTP 400: mapping"},
        held={3: "who we are is not accepted: check auth, headers and signature (HTTP 403)"},
        reason="some records were not taken",
    )  # fmt: skip
    assert judged(made, answer(200, {"items": [items[0]] * 3})) == Delivered()
    shapes: list[Any] = [{"items": items}, {}, None, {"items": None}]
    for wrong in shapes:
        assert isinstance(judged(made, answer(200, wrong)), Hold), "each record must be named"


def _nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["items", "i", "status", "error", "ok"])
    return st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3)


@given(st.recursive(st.none() | st.booleans() | st.integers(-2, 4) | st.text(max_size=3), _nest, max_leaves=12))
@settings(deadline=None, max_examples=some(300))
def test_any_answer_gives_each_record_one_fate(body: Any) -> None:
    for made in (
        webhook(failures={"items": "$.items", "index": "$.i", "status": "$.status", "error": "$.error"}),
        webhook(failures={"items": "$.items", "error": "$.error"}, success={"json": "$.ok"}),
    ):
        outcome = judged(made, answer(200, body))
        if isinstance(outcome, Partial):
            named = [*outcome.delivered, *outcome.again, *outcome.rejected, *outcome.held]
            assert sorted(named) == [0, 1, 2]


def test_the_path_is_small_and_strict() -> None:
    document = {"a": [{"b-c": None}, 7], "d": {"0": 1}}
    assert find("$", document) is document
    assert find("$.a[0].b-c", document) is None
    assert find("$.a[1]", document) == 7
    for path in ("$.a[2]", "$.a.b", "$.x", "$.d[0]", "$.a[0].b-c.d", "$[0]"):
        assert find(path, document) is MISSING


def test_no_answer_shows_a_part_of_the_url() -> None:
    made = webhook(auth={"basic": {"username": "u", "password": "hidden-pass"}})
    for text in (URL, "T0hidden", "B0hidden", "hidden-key", "hidden-pass", "dTpoaWRkZW4tcGFzcw=="):
        assert "hidden" not in repr(judged(made, Answer(400, {}, f"no: {text}".encode())))
        assert text not in repr(judged(made, Failure("reset", text)))


# ---------------------------------------------------------------- probe


@pytest.mark.parametrize(
    ("changes", "status", "kind"),
    [
        ({}, 200, Delivered), ({}, 405, Delivered), ({}, 404, Delivered), ({}, 400, Delivered), ({}, 302, Delivered),
        ({}, 501, Delivered), ({}, 401, Hold), ({}, 403, Hold), ({}, 407, Hold), ({}, 503, Retry), ({}, 429, Retry),
        ({"probe_url": "https://x/health"}, 200, Delivered), ({"probe_url": "https://x/health"}, 404, Hold),
        ({"probe_url": "https://x/health"}, 400, Hold), ({"probe_url": "https://x/health"}, 500, Retry),
    ],
)  # fmt: skip
def test_probe(changes: dict[str, Any], status: int, kind: type) -> None:
    made = webhook(**changes)
    request = asked(made.probe(AT))
    assert (request.method, request.url) == ("HEAD", changes.get("probe_url", URL))
    assert request.body == b""
    assert isinstance(drive(made.probe(AT), answer(status)), kind)


def test_who_must_not_be_asked_is_not_asked() -> None:
    with pytest.raises(StopIteration) as ended:
        next(webhook(probe_method="none").probe(AT))
    assert isinstance(ended.value.value, Delivered)
