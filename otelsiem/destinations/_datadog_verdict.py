"""What Datadog means by its answers (contract 5 and 9). Total over any status and any body."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from otelsiem.delivery.judge import HELD, LONGEST_DELAY, RETRIED, delay, judge_failure
from otelsiem.destinations._quote import decoded, quoted, said
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Reject, Retry, Split

UNCHECKED = "the endpoint has no page that checks keys: it is reached, and nothing is known of the key"
NO_KEY = "the header DD-API-KEY did not arrive: something in between takes it away"
REDIRECTS = "the endpoint redirects, and redirects are not followed: check endpoint and api.site"
NO_INTAKE = "no log intake is there: check endpoint and api.site"


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges replies; `where` is what a person must compare the key with."""

    site: str
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Judge()"

    def payload(self, reply: Reply, now: int, note: str = "") -> Outcome:
        """The verdict on one request of logs."""
        if isinstance(reply, Failure):
            return self._failed(reply)
        status, reason, after = reply.status, self._reason(reply), asked(reply.headers, now)
        if 200 <= status < 300:
            return Delivered(note, after)
        if status in RETRIED or status >= 500:
            return Retry(reason, after, busy=status == 429)
        if status == 413:
            return Split(reason)
        if hint := self._hint(status):
            return Hold(f"{hint} ({reason})", after)
        return Reject(reason) if 400 <= status < 500 else Hold(f"{reason} is not an answer we know")

    def probe(self, reply: Reply, now: int, *, elsewhere: bool) -> Outcome:
        """The verdict on a question whether the key is good. `elsewhere`: it was not Datadog that was asked."""
        if isinstance(reply, Failure):
            return self._failed(reply)
        if reply.status == 200:
            found = decoded(reply.body)
            valid = found.get("valid") if isinstance(found, dict) else None
            if valid is False:
                return Hold(f"{self._hint(403)} (it says that the key is not valid)")
            return Delivered(UNCHECKED if elsewhere and valid is not True else "")
        if elsewhere and reply.status in {400, 404, 405, 501}:
            return Delivered(UNCHECKED)
        outcome = self.payload(reply, now)
        return Hold(outcome.reason) if isinstance(outcome, Reject | Split) else outcome

    def _hint(self, status: int) -> str:
        if status == 401:
            return NO_KEY
        if status == 403:
            return (
                f"the API key is not accepted: check api.key, and that api.site ({self.site}) is where the key was "
                "made; a new key takes some minutes"
            )
        if 300 <= status < 400:
            return REDIRECTS
        if status in {404, 405}:
            return NO_INTAKE
        return "it does not take requests like ours" if status in HELD else ""

    def _reason(self, answer: Answer) -> str:
        text = said(answer.body, self.secrets)
        return f"HTTP {answer.status}: {text}" if text else f"HTTP {answer.status}"

    def _failed(self, failure: Failure) -> Outcome:
        return judge_failure(Failure(failure.kind, quoted(failure.detail, self.secrets), failure.sent))


def asked(headers: Mapping[str, str], now: int) -> float:
    """How long it wants us to wait: X-RateLimit-Reset is what Datadog sends, Retry-After what a proxy sends."""
    try:
        seconds = float(headers.get("x-ratelimit-reset", "").strip() or 0)
    except ValueError:
        seconds = 0.0
    try:
        other = delay(headers, now)
    except (OverflowError, TypeError):  # a date of the year 0: it asked for nothing sensible
        other = 0.0
    return max(min(seconds, LONGEST_DELAY) if math.isfinite(seconds) and seconds > 0 else 0.0, other)
