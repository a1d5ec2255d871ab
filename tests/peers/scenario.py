"""The records that every sender under recipes/ emits, whatever its language: the same rule, written once more here.

Each has what a careless gateway loses: quotes and non-ASCII text, a newline, a nested map, an array, a boolean, a
float, an integer beyond 2^53, a map as body, trace ids on every other record only.
"""

from __future__ import annotations

from typing import Any

from tests.peers.seen import Seen

TRACE_ID = "5b8efff798038103d269b633813fc60c"
SPAN_ID = "eee19b7ec3c1b174"
START = 1767225600_000000000
STEP = 1_000_001


def expected(service: str, n: int, *, big: bool = True) -> Seen:
    """Record number n of the sender that calls itself `service`; JavaScript has no number for `big`."""
    text = f'n{n} Zoë ✓ "quoted"'
    even = n % 2 == 0
    attributes: dict[str, Any] = {
        "user.id": f"u-{n}",
        "attempts": n,
        "ratio": n + 0.25,
        "mfa": even,
        "roles": ["admin", "ops"],
        "details": {"reason": "line one\nline two", "code": 7},
    }
    return Seen(
        event="audit.login" if even else "audit.policy",
        time=START + n * STEP,
        severity=9 if even else 18,
        severity_text="info" if even else "high",
        body=text if even else {"text": text, "n": n},
        attributes=attributes | ({"big": 9007199254740993} if big else {}),
        resource={"service.name": service, "service.namespace": "peers"},
        scope="audit",
        scope_version="1",
        trace_id="" if even else TRACE_ID,
        span_id="" if even else SPAN_ID,
        flags=0 if even else 1,
    )


def number(seen: Seen) -> int:
    """Which record of the scenario this is."""
    return (seen.time - START) // STEP
