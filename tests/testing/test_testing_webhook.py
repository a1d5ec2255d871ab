"""The fake receiver verifies as its originals do: by their own published examples, and by what they refuse."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

import pytest

from otelsiem.testing.http import Reset, Seen
from otelsiem.testing.webhook import FakeWebhook, Taken, signed


def request(body: bytes, headers: Mapping[str, str]) -> Seen:
    return Seen("POST", "/hook", {name.lower(): value for name, value in headers.items()}, body)


def test_githubs_example() -> None:
    """docs.github.com, "Validating webhook deliveries", the values to test with."""
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    good = request(b"Hello, World!", {"X-Hub-Signature-256": f"sha256={digest}"})
    assert signed(good, "github", ["It's a Secret to Everybody"], 0)
    assert not signed(good, "github", ["another"], 0)
    assert not signed(request(b"Hello, World?", good.headers), "github", ["It's a Secret to Everybody"], 0)
    assert not signed(request(b"Hello, World!", {}), "github", ["It's a Secret to Everybody"], 0)


def test_slacks_example() -> None:
    """api.slack.com, "Verifying requests from Slack", the step-by-step walk-through."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        b"channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        b"response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
        b"96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    assert signed(request(body, headers), "slack", [secret], 1531420618)
    assert not signed(request(body, headers), "slack", [secret], 1531420618 + 301), "a replay"
    assert not signed(request(body + b"&x=y", headers), "slack", [secret], 1531420618)


def test_the_example_of_standard_webhooks() -> None:
    """The values that the reference libraries of Standard Webhooks test with."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert signed(request(body, headers), "standard", [secret], 1614265330)
    two = {**headers, "webhook-signature": "v1,AAAA v2,AAAA " + headers["webhook-signature"]}
    assert signed(request(body, two), "standard", ["whsec_AAAA", secret], 1614265330)
    assert not signed(request(body, headers), "standard", [secret], 1614265330 + 301)
    assert not signed(request(body, {**headers, "webhook-id": "msg_x"}), "standard", [secret], 1614265330)


def test_stripes_form() -> None:
    import hashlib
    import hmac

    made = hmac.new(b"whsec_test", b'1492774577.{"a":1}', hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t=1492774577,v1=00,v1={made},v0=11"}
    assert signed(request(b'{"a":1}', headers), "stripe", ["whsec_test"], 1492774577)
    assert not signed(request(b'{"a":2}', headers), "stripe", ["whsec_test"], 1492774577)
    assert not signed(request(b'{"a":1}', headers), "stripe", ["whsec_test"], 1492774577 + 301)
    assert not signed(request(b'{"a":1}', {"Stripe-Signature": f"v1={made}"}), "stripe", ["whsec_test"], 1492774577)


def ask(fake: FakeWebhook, body: Any, method: str = "POST", **headers: str) -> tuple[int, Any]:
    client = http.client.HTTPConnection("127.0.0.1", fake.server.port, timeout=5)
    try:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        client.request(method, "/hook", data, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = client.getresponse()
        said = answer.read()
        return answer.status, json.loads(said) if said else None
    finally:
        client.close()


def test_records_are_kept_in_every_shape() -> None:
    for shape, wrap, body in (
        ("array", None, b'[{"id":1},{"id":2}]'),
        ("array", "events", b'{"events":[{"id":1},{"id":2}]}'),
        ("lines", None, b'{"id":1}\n{"id":2}\n'),
    ):
        with FakeWebhook(shape=shape, wrap=wrap) as fake:
            assert ask(fake, body) == (200, {"ok": True})
            assert fake.count_by("id") == {1: 1, 2: 1}
            assert ask(fake, b"[")[0] == 400
    with FakeWebhook(shape="single", wrap="event") as fake:
        assert ask(fake, {"event": {"id": 1}})[0] == 200
        assert ask(fake, {"event": {"id": 1}, "other": 2})[0] == 400
        assert fake.records == [{"id": 1}]


def test_refusals_and_silence() -> None:
    with FakeWebhook(headers={"Authorization": "Bearer t"}) as fake:
        assert ask(fake, [{"id": 1}])[0] == 401
        assert ask(fake, [{"id": 1}], Authorization="Bearer t")[0] == 200
        assert ask(fake, b"", method="HEAD")[0] == 405
        fake.headers = {}
        assert ask(fake, [{"id": 2}], webhook_id="msg_1")[0] == 200
        assert ask(fake, [{"id": 2}], webhook_id="msg_1") == (200, {"ok": True})
        assert (fake.count_by("id"), fake.ignored) == ({1: 1, 2: 1}, 1), "answered with success, and ignored"
        fake.refuses = lambda one: one["id"] == 4
        assert ask(fake, [{"id": 3}, {"id": 4}])[0] == 400
        fake.partial = True
        assert ask(fake, [{"id": 3}, {"id": 4}])[1]["errors"] == [{"index": 1, "message": "not taken"}]
        assert 4 not in fake.count_by("id")
        fake.says_no = "invalid_auth"
        assert ask(fake, [{"id": 5}]) == (200, {"ok": False, "error": "invalid_auth"})
        fake.says_no, fake.most_bytes = "", 5
        assert ask(fake, [{"id": 5}])[0] == 413
        fake.script([Taken(Reset())])
        fake.most_bytes = 100
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            ask(fake, [{"id": 6}])
        assert fake.count_by("id")[6] == 1
