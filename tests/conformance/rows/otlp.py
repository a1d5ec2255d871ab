"""OTLP over gRPC in the conformance table."""

from __future__ import annotations

from otelsiem.destinations.otlp import Otlp
from otelsiem.otlp import answers
from tests.conformance.row import Row

TOKEN = "planted-bearer-token"
KEY = "planted-api-key"

PROTOBUF = (
    answers.response(3, f"three are too old, said {TOKEN}"),
    answers.response(1_000_000, "all"),
    answers.response(0, "the queue is long"),
    answers.response(-1, ""),
    answers.response(3)[:-1],
    answers.status(8, "slow down", 7.5),
    answers.status(8, "slow down", 1e11),
    b"\x0a\x02\x08",
    b"\x0b" * 40,
)


def otlp(**settings: object) -> Otlp:
    return Otlp.model_validate(
        {
            "endpoint": "collector.example.com:4317",
            "headers": {"authorization": f"Bearer {TOKEN}", "x-api-key": KEY},
            **settings,
        }
    )


ROW = Row(
    (
        otlp(),
        otlp(compression="none", max_request_bytes=2000, tls={"insecure": True}),
        otlp(endpoint=[f"collector-{n}.example.com:4317" for n in range(3)], keepalive={}),
    ),
    (TOKEN, KEY),
    PROTOBUF,
)
