"""What the answer of any JSON API means, by its status, by a path in it, and record by record (contract 5).

Total over any status and any body. A no that does not say whose fault it is holds: nothing is lost, and the flow finds
the guilty record by what happens to the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from otelsiem.delivery.judge import HELD, RETRIED, delay, judge_failure
from otelsiem.destinations._json_path import MISSING, find
from otelsiem.destinations._quote import quoted, said
from otelsiem.destinations._webhook_settings import Failures, Success, listed, same
from otelsiem.formats.values import text
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split

# Beside the statuses that blame us everywhere: payment, gone (Standard Webhooks: the receiver wants no more), a length,
# another server, another protocol, our headers, the law.
OURS = HELD | {402, 410, 411, 421, 426, 431, 451}
HINTS = {
    401: "who we are is not accepted: check auth, headers and signature",
    403: "who we are is not accepted: check auth, headers and signature",
    404: "nothing is there: check url",
    405: "it does not take this method: check method and url",
    407: "the proxy wants a password: check proxy_url",
    410: "the receiver wants no more requests: check url, or take the exporter out",
    415: "it does not take this content type: check content_type, body and compression",
}


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges replies by what the settings say."""

    success: Success
    failures: Failures | None
    secrets: tuple[str, ...] = ()
    idempotent: bool = False  # requests carry a key: 409 says that the first one is still under way

    def __repr__(self) -> str:
        return "Judge()"

    def payload(self, reply: Reply, records: int, now: int) -> Outcome:
        """The verdict on one request with so many records."""
        if isinstance(reply, Failure):
            return self._failed(reply)
        if not listed(self.success.status, reply.status):
            return self._refused(reply, now)
        after = _asked(reply, now)
        if self.failures is None and self.success.json_ is None:
            return Delivered(after=after)
        body = _decoded(reply.body)
        if self.failures is not None and (partial := self._partial(self.failures, body, records, after)):
            return partial
        path, wanted = self.success.json_, self.success.equals
        if path is None or same(find(path, body), wanted):
            return Delivered(after=after)
        reason = f"{path} in the answer is not {text(wanted)} ({self._reason(reply)})"
        match self.success.otherwise:
            case "retry":
                return Retry(reason, after)
            case "reject":
                return Reject(reason)
            case "hold":
                return Hold(reason, after)

    def probe(self, reply: Reply, now: int, *, chosen: bool) -> Outcome:
        """The verdict on a harmless question. `chosen`: a person named where to ask, so that only a success is one."""
        if isinstance(reply, Failure):
            return self._failed(reply)
        status = reply.status
        if 200 <= status < 300:
            return Delivered()
        outcome = self._refused(reply, now)
        if chosen or status in {401, 403, 407} or (isinstance(outcome, Retry) and status != 501):
            return Hold(outcome.reason) if isinstance(outcome, Reject | Split) else outcome
        return Delivered(f"it is reached; whether it takes our requests is not known (HTTP {status} for the question)")

    def _refused(self, answer: Answer, now: int) -> Outcome:
        status, reason, after = answer.status, self._reason(answer), _asked(answer, now)
        if status in RETRIED or status >= 500 or (status == 409 and self.idempotent):
            return Retry(reason, after, busy=status == 429)
        if status == 413:
            return Split(reason)
        if status in OURS:
            hint = HINTS.get(status, "")
            return Hold(f"{hint} ({reason})" if hint else reason, after)
        if 300 <= status < 400:
            return Hold(f"it redirects, and redirects are not followed: check url ({reason})", after)
        if 400 <= status < 500:
            return Reject(reason)
        return Hold(f"{reason} is not among success.status", after)

    def _partial(self, failures: Failures, body: Any, records: int, after: float) -> Partial | Hold | None:
        """Different verdicts for the records; None when all were taken."""
        results = list(_results(failures, body, records))
        if None in results or (failures.index is None and len(results) != records):
            return Hold(f"the answer does not name its records as failures says: check {failures.items}", after)
        again: list[int] = []
        rejected: dict[int, str] = {}
        held: dict[int, str] = {}
        for one in results:
            assert one is not None, "looked at above"
            number, result = one
            self._file(number, self._judged(failures, result), again, rejected, held)
        if not (again or rejected or held):
            return None
        named = {*again, *rejected, *held}
        delivered = [n for n in range(records) if n not in named]
        reason = "some records were not taken"
        return Partial(delivered, sorted(again), rejected, held=held, after=after, reason=reason)

    def _judged(self, failures: Failures, result: Any) -> Outcome:
        error = find(failures.error, result) if failures.error else MISSING
        words = "" if error in (MISSING, None, False) else quoted(text(error), self.secrets)
        status = find(failures.status, result) if failures.status else MISSING
        if isinstance(status, int) and not isinstance(status, bool):
            if listed(self.success.status, status):
                return Delivered()
            answer = Answer(status)
            outcome = self._refused(answer, 0)
            return Reject(f"HTTP {status}: {words}") if isinstance(outcome, Reject) and words else outcome
        if failures.index is None or failures.error:
            empty = error in (MISSING, None, False, "", 0) or error in ([], {})
            return Delivered() if empty else Reject(words or "refused")
        return Reject("refused")

    @staticmethod
    def _file(number: int, outcome: Outcome, again: list[int], rejected: dict[int, str], held: dict[int, str]) -> None:
        """One verdict to its place; the first one of a record that is named twice stands."""
        if number in rejected or number in held or number in again:
            return
        if isinstance(outcome, Retry):
            again.append(number)
        elif isinstance(outcome, Hold):
            held[number] = outcome.reason
        elif isinstance(outcome, Reject | Split):
            rejected[number] = outcome.reason

    def _reason(self, answer: Answer) -> str:
        words = said(answer.body, self.secrets)
        return f"HTTP {answer.status}: {words}" if words else f"HTTP {answer.status}"

    def _failed(self, failure: Failure) -> Outcome:
        return judge_failure(Failure(failure.kind, quoted(failure.detail, self.secrets), failure.sent))


def _results(failures: Failures, body: Any, records: int) -> Iterator[tuple[int, Any] | None]:
    """Each result with the number of its record; None for one that is about none of ours."""
    items = find(failures.items, body)
    if items is MISSING or items is None:
        return
    for place, result in enumerate(items if isinstance(items, list) else [None]):
        number = find(failures.index, result) if failures.index else place
        fits = isinstance(items, list) and isinstance(number, int) and not isinstance(number, bool)
        yield (number, result) if fits and 0 <= number < records else None


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None


def _asked(answer: Answer, now: int) -> float:
    try:
        return delay(answer.headers, now)
    except (OverflowError, TypeError):  # a date of the year 0: it asked for nothing sensible
        return 0.0
