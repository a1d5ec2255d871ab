"""Datadog in the conformance table."""

from __future__ import annotations

from otelsiem.destinations.datadog import Datadog
from tests.conformance.row import Row

KEY = "0123456789abcdef0123456789planted"
HEADER = "planted-header-value"
PROXY = "planted-proxy-password"


def datadog(**settings: object) -> Datadog:
    common = {"headers": {"X-Proxy-Key": HEADER}, "proxy_url": f"http://user:{PROXY}@proxy.example.com:3128"}
    return Datadog.model_validate({"api": {"key": KEY}, **common, **settings})


BODIES = (
    b'{"errors":["Forbidden"]}',
    b'{"errors":[{"status":"413","title":"Payload Too Large","detail":"the payload is over 5 MB"}]}',
    b'{"errors":[{"status":400,"title":null,"detail":{"a":[]}}]}',
    b'{"errors":{"title":"Bad Request"}}',
    b'{"valid":true}',
    b'{"valid":false}',
    b'{"valid":"false"}',
    b'{"status":"ok"}',
)

ROW = Row(
    (
        datadog(),
        datadog(compression="none", max_request_bytes=2000, schema="event", endpoint="http://proxy.example.com"),
        datadog(
            stale="dead_letter", oversize="dead_letter", tags="team:iam,tenant:{tenant.id}", service="{service.name|x}",
            hostname="{host.name}",
        ),
    ),
    (KEY, HEADER, PROXY),
    BODIES,
)  # fmt: skip
