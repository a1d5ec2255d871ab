"""Webhooks in the conformance table: the ways in which their promises differ."""

from __future__ import annotations

from otelsiem.destinations.webhook import Webhook
from tests.conformance.row import Row

TOKEN = "T00planted/B00planted"
QUERY = "planted-query-key"
PASSWORD = "planted-password"
SIGNING = "planted-signing-secret"
HEADER = "planted-header-value"
STANDARD = "whsec_cGxhbnRlZC1zdGFuZGFyZC13ZWJob29rcy1zZWNyZXQ="
URL = f"https://hooks.example.com/services/{TOKEN}?key={QUERY}"
AUTH = {"basic": {"username": "otelsiem", "password": PASSWORD}}


def webhook(**settings: object) -> Webhook:
    common = {"url": URL, "auth": AUTH, "headers": {"X-Tenant": HEADER}, "max_request_bytes": 20_000}
    return Webhook.model_validate({**common, **settings})


BODIES = (
    b"ok",
    b"invalid_payload",
    b'{"ok":true}',
    b'{"ok":false,"error":"invalid_auth"}',
    b'{"ok":1}',
    b'{"errors":[{"index":0,"message":"no such field"},{"index":0},{"index":39}]}',
    b'{"errors":[{"index":1000000}]}',
    b'{"errors":[{"index":-1}]}',
    b'{"errors":[{"index":true}]}',
    b'{"errors":{"index":0}}',
    b'{"errors":[]}',
    b'{"items":[{"create":{"status":201}}]}',
    b'{"items":[{"create":{"status":429}},{"create":{"status":400,"error":{"type":"x"}}},{"create":{"status":403}}]}',
    b'{"items":[null,7,{"create":{"status":"201"}}]}',
)

ROW = Row(
    (
        webhook(signature={"secret": SIGNING}, max_event_bytes=10_000),
        webhook(body="lines", compression="gzip", max_request_bytes=4096, max_records=7, format="datadog",
                max_event_bytes=10_000,
                signature={"scheme": "stripe", "secret": [SIGNING, "another-secret"]}),
        webhook(body="single", wrap="event", idempotency_header="Idempotency-Key", probe_url=URL, max_event_bytes=5000,
                success={"status": [200, 201], "json": "$.ok"}),
        webhook(template='{"text": "{{severity}} {{message}} by {{user.id|nobody}}", "all": {{record}}}',
                escape="markup", signature={"scheme": "slack", "secret": SIGNING}, max_event_bytes=10_000,
                success={"json": "$.ok", "otherwise": "reject"}),
        webhook(body="array", wrap="events", failures={"items": "$.errors", "index": "$.index", "error": "$.message"}),
        webhook(body="lines", template='{"create":{}}\n{{record}}',
                failures={"items": "$.items", "status": "$.create.status", "error": "$.create.error.type"}),
        webhook(probe_method="none", max_event_bytes=10_000, signature={"scheme": "standard", "secret": STANDARD}),
    ),
    (URL, TOKEN.split("/")[0], TOKEN.split("/")[1], QUERY, PASSWORD, HEADER),
    BODIES,
)  # fmt: skip
