"""OTLP over HTTP in the conformance table."""

from __future__ import annotations

from otelsiem.destinations.otlp_http import OtlpHttp
from otelsiem.otlp import answers
from tests.conformance.row import Row

TOKEN = "planted-bearer-token"
KEY = "planted-api-key"

BODIES = (
    answers.response(3, f"three are too old, said {TOKEN}"),
    answers.response(1_000_000, "all"),
    answers.response_json(3, f"three are too old, said {TOKEN}"),
    answers.response_json(1_000_000, "all"),
    answers.response_json(0, "the queue is long"),
    b'{"partial_success":{"rejected_log_records":"3"}}',
    b'{"partialSuccess":{"rejectedLogRecords":true,"errorMessage":["x"]}}',
    answers.status_json(13, f"broken: {KEY}"),
    answers.status_json(14, "slow down", 7.5),
)


def otlp_http(**settings: object) -> OtlpHttp:
    return OtlpHttp.model_validate(
        {
            "endpoint": "https://collector.example.com:4318",
            "headers": {"Authorization": f"Bearer {TOKEN}", "X-Api-Key": KEY},
            **settings,
        }
    )


ROW = Row(
    (
        otlp_http(),
        otlp_http(encoding="json"),
        otlp_http(compression="none", max_request_bytes=2000),
        otlp_http(compression="zstd"),
        otlp_http(encoding="json", compression="none", max_request_bytes=2000),
        otlp_http(endpoint=[f"https://collector-{n}.example.com:4318" for n in range(3)]),
    ),
    (TOKEN, KEY),
    BODIES,
)
