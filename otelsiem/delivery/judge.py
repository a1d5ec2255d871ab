"""The verdict on a reply where a destination does not know better: blame follows evidence.

Ours or the operator's fault is a Hold and costs no data; the destination's fault is a Retry; only what blames the
records themselves is a Reject. A destination asks its own table first and this one last.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import assert_never

from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Reject, Retry, Split

LONGEST_DELAY = 600.0  # a destination may ask for less, never for more

RETRIED = frozenset({408, 425, 429})
HELD = frozenset({401, 403, 404, 405, 406, 407, 415})


def judge(reply: Reply, now: int) -> Outcome:
    """What a reply means by its status alone."""
    match reply:
        case Answer():
            return judge_http(reply, now)
        case Failure():
            return judge_failure(reply)
        case _:
            assert_never(reply)


def judge_http(answer: Answer, now: int) -> Outcome:
    """The default table, status → verdict."""
    status = answer.status
    reason = f"HTTP {status}"
    if 200 <= status < 300:
        return Delivered()
    if status in RETRIED or status >= 500:
        return Retry(reason, delay(answer.headers, now), busy=status == 429)
    if status == 413:
        return Split(reason)
    if status in HELD or 300 <= status < 400:
        return Hold(reason, delay(answer.headers, now))
    return Reject(reason) if 400 <= status < 500 else Hold(f"{reason} is not an answer we know")


def judge_failure(failure: Failure) -> Outcome:
    """No answer at all: an unknown host, a bad certificate, what we lack ourselves wait for a person, others retry."""
    reason = f"{failure.kind}: {failure.detail}"
    match failure.kind:
        case "resolve" | "proxy" | "tls" | "credentials" | "protocol" | "missing":
            return Hold(reason)
        case "connect" | "reset" | "timeout" | "oversize" | "disk":
            return Retry(reason)
        case _:
            assert_never(failure.kind)


def delay(headers: Mapping[str, str], now: int) -> float:
    """Retry-After in either form, as seconds from now; capped, never negative, 0 when absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return 0.0
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - now / 1e9
        except (ValueError, OverflowError):
            return 0.0
    return min(seconds, LONGEST_DELAY) if seconds > 0 else 0.0  # written so that nan is 0
