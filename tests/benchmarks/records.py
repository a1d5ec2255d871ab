"""The record that every figure of this project is about."""

from __future__ import annotations

import time

from otelsiem.model.record import Batch, Group, Record, Scope, Value


def standard(size: int) -> Batch:
    """Records of 10 attributes and about 400 bytes: the one that every figure of this project is about."""
    now = time.time_ns()
    records = [
        Record(
            time=now + n * 1000,
            observed=now + n * 1000,
            severity=9,
            severity_text="INFO",
            event="authentication_failure",
            body=f"Failed login attempt number {n:08d} from a workstation that is not known to us yet ....",
            attributes={
                "user.id": f"user-{n % 997:04d}", "user.name": f"alice-{n % 997:04d}", "tenant.id": f"tenant-{n % 7}",
                "client.address": f"203.0.113.{n % 250}", "session.id": f"{n * 2654435761 % 2**32:08x}-session",
                "audit.action": "login", "audit.outcome": "failure", "audit.reason": "password does not match",
                "attempts": n % 9, "http.response.status_code": 401,
            },
            trace_id=f"{n + 1:032x}",
            span_id=f"{n + 1:016x}",
            flags=1,
        )
        for n in range(size)
    ]  # fmt: skip
    resource: dict[str, Value] = {
        "service.name": "auth-api",
        "service.version": "4.2",
        "host.name": "auth-1",
        "service.namespace": "iam",
    }
    return [Group(resource, Scope("audit", "1"), records)]
