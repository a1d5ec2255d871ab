"""The conformance suite of destinations: what every destination must keep, ours and yours. Needs no pytest.

    check_destination(MyDestination(url=..., token="s3cret-token"), secrets=["s3cret-token"])

Raises AssertionError with what was broken. Checked: `encode` is total and deterministic, leaves the batch alone and
stays within the limits; any reply gives an outcome, never an exception; a `Partial` names every record exactly once;
credentials, outages and connections never cost a record; nothing but the peer's own word confirms what it accepted; no
secret comes out in a repr or a reason.
"""

from __future__ import annotations

import gzip
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import chain
from typing import Any, TypeVar

import msgspec

from otelsiem.model.destination import Confirms, Destination, Encoded, GrpcSettings, Moment, Payload
from otelsiem.model.exchange import Answer, Exchange, Failure, FailureKind, Reply, Request, Wait
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Partial, Reject, Retry, Split, Ticket
from otelsiem.model.record import Batch, Group, Record, Scope, count

T = TypeVar("T")

OUTCOMES = (Delivered, Accepted, Partial, Retry, Split, Reject, Hold)
STATUSES = (
    0, 100, 200, 201, 202, 204, 206, 207, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410,
    411, 413, 414, 415, 418, 422, 425, 426, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 511, 599, 600, 999,
)  # fmt: skip
CREDENTIALS = (401, 403)
GRPC_CREDENTIALS = ("7", "16")  # PERMISSION_DENIED, UNAUTHENTICATED
BODIES: tuple[bytes, ...] = (
    b"",
    b" ",
    b"null",
    b"0",
    b"[]",
    b"{}",
    b'""',
    b"[[[[{}]]]]",
    b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>",
    b'{"code": 6, "invalid-event-number":',  # ends in the middle
    b'{"errors": true, "items": [{"index": {"status": "201"}}, null, 7]}',
    b'{"code": "6", "invalid-event-number": "1", "text": {"a": []}}',
    b'{"code": true, "invalid-event-number": 1.5, "text": null}',
    b'{"code": null, "invalid-event-number": -1}',
    b'{"code": 99999999999999999999999, "invalid-event-number": 1e308}',
    b'{"partialSuccess": {"rejectedLogRecords": "x"}}',
    b"\xff\xfe\x00\x01",
    b'{"text": "\xff", "message": "\xff", "code": 6}',
    b'{"text": "\\u0000\\u001b[2J\\r\\nSet-Cookie: x\\ud800"}',
    b"x" * (1 << 20),
    b'{"text": "' + b"y" * (1 << 20) + b'", "code": 6}',
    b'{"code":' * 5_000,
    b'{"items":' + b"[" * 5_000,
    b"[" * 100_000,
    b'{"a":' * 100_000,
)
HEADERS: tuple[Mapping[str, str], ...] = (
    {},
    {"retry-after": "7"},
    {"retry-after": "-7"},
    {"retry-after": "9" * 400},
    {"retry-after": "soon"},
    {"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"},
    {"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"},
)
FAILURES: tuple[FailureKind, ...] = (
    "resolve", "connect", "proxy", "tls", "credentials", "reset", "timeout", "protocol", "oversize", "disk",
    "missing",
)  # fmt: skip
LONGEST_REASON = 1000
MOST_STEPS = 20  # requests and waits of one exchange, with a peer that never says yes

AT = Moment(
    now=1_767_225_600_123_456_789, host="conformance", instance="i-1", channel="0aa1bb22-0000-4000-8000-000000000001"
)


def check_destination(
    destination: Destination,
    *,
    secrets: Sequence[str] = (),
    bodies: Sequence[bytes] = (),
    batch: Batch | None = None,
    at: Moment = AT,
) -> None:
    """The whole suite. `bodies` are answers in the peer's own words, tried beside those of the suite."""
    records = sample() if batch is None else batch
    check_encode(destination, records, at)
    check_exchange(destination, records, bodies, at)
    check_blame(destination, records, bodies, at)
    check_confirm(destination, records, bodies, at, secrets)
    check_silence(destination, records, secrets, at)


def check_encode(destination: Destination, batch: Batch, at: Moment = AT) -> Encoded:
    """Total, deterministic, within the limits, and the batch is as it was."""
    before = msgspec.msgpack.encode(batch)
    encoded = destination.encode(batch, at)
    assert msgspec.msgpack.encode(batch) == before, "encode changed the batch"
    assert destination.encode(batch, at) == encoded, "encode is not deterministic"
    placed = [*chain.from_iterable(p.indices for p in encoded.payloads), *encoded.rejected]
    assert sorted(placed) == list(range(count(batch))), "every record must be in one payload or rejected, and only once"
    for payload in encoded.payloads:
        _check_payload(destination, payload)
    for index, reason in encoded.rejected.items():
        _check_reason(reason, f"rejected record {index}")
    assert not destination.encode([], at).payloads, "an empty batch makes no request"
    return encoded


def check_exchange(destination: Destination, batch: Batch, bodies: Sequence[bytes] = (), at: Moment = AT) -> None:
    """Any status, body, header or failure gives an outcome, for payloads and for the probe."""
    for payload in _payloads(destination, batch, at):
        for reply in replies(bodies):
            outcome = drive(destination.exchange(payload, at), reply)
            _check_outcome(outcome, len(payload.indices), reply)
    for reply in replies(bodies):
        outcome = drive(destination.probe(at), reply)
        _check_outcome(outcome, 0, reply)
        assert not isinstance(outcome, Reject | Split | Partial), f"a probe has no records to judge: {reply}: {outcome}"


def check_blame(destination: Destination, batch: Batch, bodies: Sequence[bytes] = (), at: Moment = AT) -> None:
    """Wrong credentials, a server in trouble and a broken connection never cost a record, whatever the body says."""
    grpc = isinstance(destination.wire, GrpcSettings)
    judged = [
        reply for reply in replies(bodies) if isinstance(reply, Failure) or _denied(reply, grpc) or _broken(reply)
    ]
    for payload in _payloads(destination, batch, at):
        for reply in judged:
            outcome = drive(destination.exchange(payload, at), reply)
            if isinstance(reply, Failure):
                assert isinstance(outcome, Retry | Hold), f"no answer is nobody's verdict: {reply}: {outcome}"
            elif _denied(reply, grpc):
                held = isinstance(outcome, Retry | Hold) or (isinstance(outcome, Partial) and not outcome.rejected)
                assert held, f"{reply.status} must hold the data: {outcome}"
            else:
                assert not isinstance(outcome, Reject), f"{reply.status} blames the server: {outcome}"


def _denied(answer: Answer, grpc: bool) -> bool:
    return answer.status in CREDENTIALS or (grpc and answer.headers.get("grpc-status") in GRPC_CREDENTIALS)


def _broken(answer: Answer) -> bool:
    return 500 <= answer.status < 600


def check_confirm(
    destination: Destination, batch: Batch, bodies: Sequence[bytes] = (), at: Moment = AT, secrets: Sequence[str] = ()
) -> None:
    """What was accepted is confirmed by no failure, no error and no answer that says nothing; no secret comes out."""
    tickets = accepted(destination, batch, bodies, at)
    if not isinstance(destination, Confirms) or destination.confirmation is None:
        assert not tickets, "an exchange returns Accepted, and nobody will ask what became of it"
        return
    assert tickets, "no answer is Accepted: give the suite `bodies` with the peer's own words"
    assert drive(destination.confirm([], at), Answer(200)) == {}, "nothing waits"
    for reply in chain(replies(bodies), *map(_echoes, secrets)):
        found = drive(destination.confirm(tickets, at), reply)
        assert found.keys() <= set(tickets), f"tickets that were not asked for: {found.keys() - set(tickets)}"
        for outcome in found.values():
            _check_outcome(outcome, 0, reply)
            known = isinstance(outcome, Retry | Hold)
            failed = isinstance(reply, Failure) or not 200 <= reply.status < 300 or reply.body in BODIES
            assert known or not failed, f"{reply} says nothing of what became of it: {outcome}"
            assert not isinstance(outcome, Accepted | Partial), f"no verdict on what was accepted: {outcome}"
            assert not any(secret in _everything(outcome) for secret in secrets), "a secret came out"
        if isinstance(reply, Failure) or reply.status in CREDENTIALS or 500 <= reply.status < 600:
            unasked = set(tickets) - found.keys()  # left out means that the peer was asked, so its time runs out
            assert not unasked, f"{reply} leaves {unasked} out: what could not be asked is a Retry or a Hold"


def accepted(destination: Destination, batch: Batch, bodies: Sequence[bytes], at: Moment) -> Sequence[Ticket]:
    """The tickets that a destination makes of these answers."""
    made = [
        drive(destination.exchange(payload, at), Answer(200, {}, body))
        for payload in _payloads(destination, batch, at)
        for body in (*BODIES, *bodies)
    ]
    return sorted({outcome.ticket for outcome in made if isinstance(outcome, Accepted)})


def check_silence(destination: Destination, batch: Batch, secrets: Sequence[str], at: Moment = AT) -> None:
    """No secret in a repr or a reason, even when the peer says it back."""
    shown = [repr(destination), str(destination), repr(destination.wire), repr(destination.limits)]
    for payload in _payloads(destination, batch, at):
        shown.append(repr(payload))
        exchanges = [destination.exchange(payload, at) for _ in range(2)]
        shown += [repr(request) for request in requests(exchanges.pop())]
        exchanges.pop().close()
        for secret in secrets:
            for reply in _echoes(secret):
                shown.append(_everything(drive(destination.exchange(payload, at), reply)))
                shown.append(_everything(drive(destination.probe(at), reply)))
    for secret in secrets:
        assert not any(secret in text for text in shown), "a secret came out"


def drive(exchange: Generator[Request | Wait, Reply, T], reply: Reply) -> T:
    """What an exchange, or a question for confirmations, comes to when everything is answered with this reply."""
    try:
        step = next(exchange)
        for _ in range(MOST_STEPS):
            step = exchange.send(Answer(200) if isinstance(step, Wait) else reply)
    except StopIteration as done:
        outcome: T = done.value
        return outcome
    raise AssertionError(f"the exchange does not end when it is always answered with {reply}")


def requests(exchange: Exchange) -> Iterator[object]:
    """What an exchange asks a peer that always says yes."""
    try:
        yield (step := next(exchange))
        for _ in range(MOST_STEPS):
            yield (step := exchange.send(Answer(200)))
    except StopIteration:
        return
    raise AssertionError(f"the exchange does not end: {step}")


def replies(bodies: Iterable[bytes] = ()) -> Iterator[Reply]:
    """Every status with every body, every odd header, every status of gRPC, every failure."""
    for status in STATUSES:
        for body in (*BODIES, *bodies):
            yield Answer(status, {"content-type": "application/json"}, body)
        for headers in HEADERS:
            yield Answer(status, headers)
    for code in range(20):  # gRPC's, and a few that it does not have yet
        yield Answer(200, {"grpc-status": str(code), "grpc-message": "said", "grpc-status-details-bin": "CA=="})
    for kind in FAILURES:
        yield Failure(kind, "it did not work")
        yield Failure(kind, "it did not work", sent=True)


def sample() -> Batch:
    """Records that are easy to get wrong: empty, odd numbers, nested, other scripts, hostile, large, extreme times."""
    nested: Any = "deep"
    for _ in range(30):
        nested = {"in": [nested]}
    odd: dict[str, Any] = {
        "nan": float("nan"), "inf": float("inf"), "-inf": float("-inf"), "big": 2**63 - 1, "small": -(2**63),
        "float": 1e-320, "bytes": b"\x00\xff", "null": None, "empty": "", "list": [1, "a", None, [2.5]],
        "nested": nested, "": "no name", "a=b \"c\"\n": "odd name", "true": True,
    }  # fmt: skip
    hostile = '"}\n{"event":"forged"}\r\n\x00\x1b[2J\x1b]0;title\x07\x9b31m\u2028\u202e../../etc/passwd <script>'
    first = [
        Record(),
        Record(id="1", time=1, event="odd values", body=odd, attributes=odd),
        Record(id="2", time=1_767_225_600_000_000_001, event=hostile, severity_text=hostile, body=hostile,
               attributes={hostile: hostile, "tenant.id": hostile, "user.name": hostile, "host.name": hostile}),
        Record(id="3", time=2**64 - 1, severity=24, event="späť 事件 🔐", body="Zażółć gęślą jaźń 日本語 🧑‍🚀"),
    ]  # fmt: skip
    plain = [
        Record(
            id=f"plain-{n}",
            time=1_767_225_600_000_000_000 + n,
            observed=1_767_225_601_000_000_000,
            severity=9 + n % 16,
            event="authentication_failure",
            body="Failed login attempt",
            attributes={"user.id": f"u-{n}", "tenant.id": f"tenant-{n % 3}", "audit.outcome": "failure", "attempts": n},
            trace_id=f"{n + 1:032x}",
            span_id=f"{n + 1:016x}",
            flags=1,
        )
        for n in range(40)
    ]
    large = [Record(id="large", time=5, body="x" * 300_000), Record(id="larger", time=6, body="é" * 1_500_000)]
    resource: dict[str, Any] = {"service.name": "conformance", "host.name": "server-01", "tenant.id": "tenant-r"}
    return [
        Group({}, Scope(), first),
        Group({}, Scope(), []),
        Group(resource, Scope("library", "1.0", {"a": 1}), plain, "https://example.com/schema"),
        Group({"service.name": hostile, "odd": odd}, Scope(hostile), large),
    ]


def _payloads(destination: Destination, batch: Batch, at: Moment) -> Iterator[Payload]:
    """The payloads that are worth judging: the smallest, and the one with the most records."""
    made = destination.encode(batch, at).payloads
    assert made, "the sample makes no payload"
    sizes = [len(payload.indices) for payload in made]
    for at_index in sorted({sizes.index(min(sizes)), sizes.index(max(sizes))}):
        yield made[at_index]


def _check_payload(destination: Destination, payload: Payload) -> None:
    limits, indices = destination.limits, list(payload.indices)
    assert indices, "a payload without records"
    assert indices == sorted(set(indices)), "indices must ascend"
    assert len(indices) <= limits.records, f"{len(indices)} records in a payload, the limit is {limits.records}"
    body = payload.body
    if "gzip" in [value for name, value in payload.headers.items() if name.lower() == "content-encoding"]:
        body = gzip.decompress(body)
    if "zstd" in [value for name, value in payload.headers.items() if name.lower() == "content-encoding"]:
        import zstandard  # with the extra `gateway`, as whatever wrote it

        body = zstandard.ZstdDecompressor().decompress(body)
    assert payload.size == len(body), f"size says {payload.size}, the body has {len(body)} bytes uncompressed"
    assert len(indices) == 1 or payload.size <= limits.bytes, f"{payload.size} bytes, the limit is {limits.bytes}"
    if limits.record_bytes is not None:
        assert len(indices) > 1 or payload.size <= max(limits.bytes, limits.record_bytes), "one record over its limit"


def _check_outcome(outcome: object, records: int, reply: Reply) -> None:
    assert isinstance(outcome, OUTCOMES), f"not an outcome: {outcome!r} after {reply}"
    for reason in _reasons(outcome):
        _check_reason(reason, str(reply))
    after = getattr(outcome, "after", 0.0)
    assert 0 <= after <= 3600, f"a delay of {after} s after {reply}"
    if isinstance(outcome, Partial):
        named = [*outcome.delivered, *outcome.again, *outcome.rejected, *outcome.held]
        named += chain.from_iterable(outcome.accepted.values())
        assert sorted(named) == list(range(records)), f"not a partition of {records} records after {reply}: {outcome}"


def _reasons(outcome: Outcome) -> Iterator[str]:
    for name in ("reason", "note"):
        if text := getattr(outcome, name, ""):
            yield text
    if isinstance(outcome, Partial):
        yield from outcome.rejected.values()
        yield from outcome.held.values()
    elif isinstance(outcome, Retry | Split | Reject | Hold):
        assert outcome.reason, f"a verdict without a reason: {outcome}"


def _check_reason(reason: str, where: str) -> None:
    assert reason.strip(), f"an empty reason: {where}"
    assert reason.isprintable(), f"a reason is one printable line: {reason!r}: {where}"
    assert len(reason) <= LONGEST_REASON, f"a reason of {len(reason)} characters: {where}"


def _echoes(secret: str) -> Iterator[Reply]:
    said = msgspec.json.encode({"text": f"no such token: {secret}", "message": secret, "error": secret, "code": 4})
    for status in (200, 400, 401, 403, 500):
        yield Answer(status, {"www-authenticate": secret}, said)
        yield Answer(status, {}, secret.encode())
    for kind in FAILURES:
        yield Failure(kind, f"cannot send {secret}")


def _everything(outcome: Outcome) -> str:
    """The outcome with all its fields, those hidden from its repr too."""
    assert is_dataclass(outcome)
    return repr(replace(outcome)) + repr({field.name: getattr(outcome, field.name) for field in fields(outcome)})
