"""What an OTLP receiver means by its answers, over HTTP and over gRPC: contract 4 and 5, and our policy on top.

The specification says what a client may send again; what it may not is kept here all the same where the server, its
operator or we are to blame: held and probed. Only what blames the records themselves is rejected. Total over any reply.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

from otelsiem.delivery.judge import LONGEST_DELAY, delay, judge_failure
from otelsiem.destinations._quote import quoted
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split
from otelsiem.otlp.replies import Taken, Told, response, response_json, status, status_json

# The codes of gRPC by their numbers
NAMES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
OK, EXHAUSTED = "0", "8"
RETRIED = frozenset({"1", "4", "10", "11", "14", "15"})  # contract 5
REJECTED = frozenset({"3", "6"})  # INVALID_ARGUMENT, ALREADY_EXISTS: nothing else speaks of the records
BLAMING = frozenset({400, 409, 422})

SMALL = 64 << 10  # bytes: no receiver's limit for a message is as low (gRPC has 4 MiB), so it is about a quota

_HINTS = {
    "7": "the credentials are known and not allowed to send logs: check headers, and the rights of the token",
    "16": "the credentials are not accepted: check headers (authorization), or cert_file and key_file",
    "12": "logs over gRPC are not taken at this address: check the port, and that the receiver has a logs pipeline",
    "5": "nothing is found at this address: check endpoint",
    "9": "the service is not set up for this: look at its own log",
    "2": "the service failed and does not say why: look at its own log",
    "13": "the service failed: look at its own log",
    401: "the credentials are not accepted: check headers (authorization), or cert_file and key_file",
    403: "the credentials are known and not allowed to send logs: check headers, and the rights of the token",
    404: "nothing is there: check endpoint; /v1/logs is added to it, logs_endpoint is used as it is",
    405: "this address takes no POST: check endpoint",
    407: "a proxy in between wants credentials: check proxy_url",
    415: "the content type or compression is not understood: try encoding: proto and compression: gzip or none",
    500: "the service failed: look at its own log",
}


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges replies of one endpoint; what it must never repeat is redacted from what the peer says."""

    secrets: tuple[str, ...] = ()
    peer: str = ""  # host:port, when it is one of several
    json: bool = False  # what was asked for; an answer's own content type says better

    def __repr__(self) -> str:
        return "Judge()"

    def http(self, reply: Reply, records: int, now: int) -> Outcome:
        """The verdict on an HTTP request of so many records."""
        if isinstance(reply, Failure):
            return self.failed(reply)
        code = reply.status
        if 200 <= code < 300:
            return self._success(reply, records)
        told = self._told(reply)
        reason = self._reason(f"HTTP {code}", told.message, _HINTS.get(code, ""))
        after = _asked(reply.headers, now) or _capped(told.delay)
        if code in (429, 502, 503, 504):
            return Retry(reason, after, busy=code == 429)
        if 300 <= code < 400:
            return Hold(f"{reason}: the endpoint redirects, and redirects are not followed", after)
        if code == 413:
            return Split(reason)
        # Everything else is not to be sent again (contract 5). What blames no record is kept all the same, and probed.
        return Reject(reason) if code in BLAMING else Hold(reason, after)

    def grpc(self, reply: Reply, records: int, size: int, now: int) -> Outcome:
        """The verdict on a call with so many records and bytes. Without a grpc-status something else answered."""
        if isinstance(reply, Failure):
            return self.failed(reply)
        headers = reply.headers
        code = headers.get("grpc-status")
        if code is None:
            return self.http(reply, records, now)
        if code == OK:
            return self._success(reply, records)
        told = _details(headers)
        shown = NAMES[int(code)] if code.isascii() and code.isdecimal() and len(code) < 3 and int(code) < 17 else "?"
        reason = self._reason(f"gRPC {shown}", headers.get("grpc-message", "") or told.message, _HINTS.get(code, ""))
        after = _capped(told.delay)
        if code == EXHAUSTED:
            return self._exhausted(reason, told, size)
        if code in RETRIED:
            return Retry(reason, after, busy=told.delay is not None)
        return Reject(reason) if code in REJECTED else Hold(reason, after)

    def blameless(self, outcome: Outcome) -> Outcome:
        """The outcome of a probe, in which there are no records to blame."""
        match outcome:
            case Reject(reason) | Split(reason):
                return Hold(f"an empty request is refused: {reason}")
            case Partial():
                return Delivered()
            case _:
                return outcome

    def failed(self, failure: Failure) -> Outcome:
        """The verdict where no answer came."""
        detail = quoted(failure.detail, self.secrets)
        return judge_failure(Failure(failure.kind, detail or "no reason given", failure.sent))

    def _exhausted(self, reason: str, told: Told, size: int) -> Outcome:
        """A quota that says when to come back, a message over a limit, or a quota that says nothing."""
        if told.delay is not None:
            return Retry(reason, _capped(told.delay), busy=True)
        if size > SMALL:
            return Split(reason)
        return Hold(f"{reason}: the request is too small for a limit of size, so it may be a quota of the service")

    def _success(self, answer: Answer, records: int) -> Outcome:
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/html" or answer.body[:64].lstrip()[:1] == b"<":
            return Hold(f"HTTP {answer.status}{self._where} with a page for people: what answers is no OTLP receiver")
        as_json = kind == "application/json" or (self.json and "protobuf" not in kind)
        taken = response_json(answer.body) if as_json else response(answer.body)
        if taken is None:
            return Delivered(f"what the answer says cannot be read{self._where}: it is not the one of OTLP")
        return self._taken(taken, records)

    def _taken(self, taken: Taken, records: int) -> Outcome:
        said = quoted(taken.message, self.secrets)
        if taken.rejected <= 0:
            return Delivered(f"the receiver says{self._where}: {said}" if said else "")
        told = f": {said}" if said else ""
        if taken.rejected >= records:
            return Reject(f"rejected by the receiver{self._where}{told}")
        # N of them are lost there and nobody knows which: all are kept here, none is sent again (contract 4).
        reason = f"partially accepted, unknown members: {taken.rejected} of the {records} records of a request were "
        reason += f"rejected{self._where}{told}"
        return Partial(rejected=dict.fromkeys(range(records), reason), took=True)

    def _told(self, answer: Answer) -> Told:
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            return status_json(answer.body) or Told()
        if kind in ("application/x-protobuf", "application/protobuf"):
            return status(answer.body) or Told()
        return Told()  # a proxy's page, or no type at all

    def _reason(self, what: str, said: str, hint: str) -> str:
        shown = quoted(said, self.secrets)
        return ": ".join([part for part in (f"{what}{self._where}", shown, hint) if part])  # metrics count the first

    @property
    def _where(self) -> str:
        return f" from {self.peer}" if self.peer else ""


def untouched(reply: Reply, outcome: Outcome) -> bool:
    """Whether nothing of the request can have been taken, and another endpoint may take it."""
    if isinstance(reply, Failure):
        return not reply.sent
    return isinstance(outcome, Retry) and outcome.busy


def unwell(reply: Reply, outcome: Outcome) -> bool:
    """Whether another endpoint is the better choice next time. Whoever refuses our credentials is well."""
    return isinstance(reply, Failure) or isinstance(outcome, Retry)


def _details(headers: Mapping[str, str]) -> Told:
    text = headers.get("grpc-status-details-bin", "")
    try:
        return status(b64decode(text + "=" * (-len(text) % 4))) or Told()
    except ValueError:
        return Told()


def _asked(headers: Mapping[str, str], now: int) -> float:
    try:
        return delay(headers, now)
    except (OverflowError, TypeError):
        return 0.0


def _capped(seconds: float | None) -> float:
    return min(seconds or 0.0, LONGEST_DELAY)
