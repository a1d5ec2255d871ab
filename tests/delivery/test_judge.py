"""The default verdicts, status by status, and what a delay header may do to us."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.delivery.judge import LONGEST_DELAY, delay, judge
from otelsiem.model.exchange import Answer, Failure
from otelsiem.model.outcome import Delivered, Hold, Reject, Retry, Split

NOW = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z

TABLE = {
    Delivered: [200, 201, 202, 204, 299],
    Retry: [408, 425, 429, 500, 502, 503, 504, 507, 599],
    Split: [413],
    Hold: [301, 302, 307, 308, 401, 403, 404, 405, 406, 407, 415, 100, 0],
    Reject: [400, 402, 409, 410, 411, 414, 418, 422, 451, 499],
}


@pytest.mark.parametrize(
    ("status", "verdict"), [(status, kind) for kind, statuses in TABLE.items() for status in statuses]
)
def test_status(status: int, verdict: type) -> None:
    assert isinstance(judge(Answer(status), NOW), verdict)


def test_p3_what_a_person_must_mend_holds_and_what_the_peer_must_mend_retries() -> None:
    assert isinstance(judge(Failure("tls", "certificate has expired"), NOW), Hold)
    assert isinstance(judge(Failure("resolve", "no such host"), NOW), Hold)
    assert isinstance(judge(Failure("credentials", "none found"), NOW), Hold)
    assert isinstance(judge(Failure("missing", "pip install it"), NOW), Hold)
    assert isinstance(judge(Failure("connect", "refused"), NOW), Retry)
    assert isinstance(judge(Failure("timeout", "10 s", sent=True), NOW), Retry)


def test_only_a_throttle_lifts_suspicion_from_the_records() -> None:
    assert judge(Answer(429), NOW) == Retry("HTTP 429", busy=True)
    assert judge(Answer(503), NOW) == Retry("HTTP 503", busy=False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 30 ", 30.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("0", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("nan", 0.0),
        ("inf", LONGEST_DELAY),
        ("9" * 400, LONGEST_DELAY),
        ("99999", LONGEST_DELAY),
        ("Thu, 01 Jan 2026 00:00:20 GMT", 20.0),
        ("Wed, 31 Dec 2025 23:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2032 00:00:00 GMT", LONGEST_DELAY),
    ],
)
def test_retry_after(text: str, seconds: float) -> None:
    assert delay({"retry-after": text}, NOW) == seconds


@given(st.text())
def test_no_delay_header_breaks_us(text: str) -> None:
    assert 0.0 <= delay({"retry-after": text}, NOW) <= LONGEST_DELAY
