"""The records of the golden files: one batch per case, the same for every format."""

from __future__ import annotations

from typing import Any

from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope

AT = Moment(now=1_735_732_801_000_000_000, host="collector-01")  # 2025-01-01T12:00:01Z
NOON = 1_735_732_800_000_000_000

RESOURCE: dict[str, Any] = {
    "service.namespace": "example",
    "service.name": "auth",
    "service.version": "2.1.0",
    "host.name": "server-01",
    "deployment.environment.name": "production",
}
SCOPE = Scope("runtime_security_scanner", "1.4")
HASH = "cdd01ef066bc6cf2"


def _one(record: Record, resource: dict[str, Any] | None = None, scope: Scope = SCOPE) -> Batch:
    return [Group(RESOURCE if resource is None else resource, scope, [record])]


def _login() -> Batch:
    return _one(
        Record(
            id="0198c0de-0000-7000-8000-000000000001",
            time=NOON + 123_456_789,
            observed=NOON + 200_000_000,
            severity=9,
            severity_text="INFO",
            event="authentication_success",
            body="User logged in",
            attributes={
                "audit.source": "runtime_security_scanner",
                "tenant.id": "tenant-123",
                "gen_ai.agent.id": "agent-456",
                "user.id": "u-7",
                "user.email": "a@example.com",
                "user.roles": ["admin", "ops"],
                "audit.action": "login",
                "audit.outcome": "success",
                "client.address": "203.0.113.9",
                "client.port": 50_123,
                "session.id": "s-1",
                "audit.constitutional_hash": HASH,
                "audit.correlation.id": "c-1",
                "attempts": 3,
                "mfa": True,
            },
            trace_id="5b8efff798038103d269b633813fc60c",
            span_id="eee19b7ec3c1b174",
            flags=1,
        )
    )


def _denied() -> Batch:
    return _one(
        Record(
            id="0198c0de-0000-7000-8000-000000000002",
            time=NOON + 1,
            severity=17,
            severity_text="HIGH",
            event="authorization_failure",
            body="",
            attributes={
                "message": "Access to the vault was denied",
                "tenant_id": "tenant-123",
                "enduser.id": "u-8",
                "status": "denied",
                "reason": "policy",
                "policy": "vault-readers",
                "decision": "deny",
                "server_id": "vault-1",
                "audit.target.type": "secret",
                "risk.total_score": 0.75,
                "threat.technique.id": "T1078",
                "threat.tactic.name": "Initial Access",
                "details": {"user_email": "b@example.com", "tries": 2},
            },
        )
    )


def _unicode() -> Batch:
    return _one(
        Record(
            id="0198c0de-0000-7000-8000-000000000003",
            time=NOON,
            severity=13,
            event="späť-事件",
            body="Zażółć gęślą jaźń · 日本語 · עברית · 🧑‍🚀 · e\u0301",
            attributes={"tenant.id": "münchen", "user.name": "Ольга", "ключ": "значение", "emoji": "🔐"},
        )
    )


def _multiline() -> Batch:
    trace = 'Traceback (most recent call last):\n  File "app.py", line 3\r\n\tValueError: "x"\n'
    return _one(
        Record(
            id="0198c0de-0000-7000-8000-000000000004",
            time=NOON,
            severity=17,
            event="error",
            body=trace,
            attributes={"error.type": "ValueError", "error.message": "first\nsecond", "exception.stacktrace": trace},
        )
    )


def _huge() -> Batch:
    nested: Any = "deep"
    for level in range(20):
        nested = {f"level_{level}": nested}
    attributes: dict[str, Any] = {f"attribute.{n:03d}": f"value {n}" for n in range(100)}
    return _one(
        Record(
            id="0198c0de-0000-7000-8000-000000000005",
            time=2**63 - 1,
            severity=21,
            event="anomaly_detected",
            body="x" * 10_000,
            attributes=attributes
            | {"nested": nested, "largest": 2**63 - 1, "smallest": -(2**63), "list": [*range(100)]},
        )
    )


def _hostile() -> Batch:
    terminal = "\x1b[2J\x1b[31mred\x1b]0;owned\x07\x9b5n\x00\x08\x7f"
    forged = '"}}\n{"time":0,"event":"forged","index":"_internal"}\r\n'
    direction = "abc\u202efdp.exe\u2066\u200b\ufeff\u2028next\U000e0041"
    return _one(
        Record(
            id='0198"\n{',
            time=0,
            observed=NOON,
            severity=99,
            severity_text=terminal,
            event="../../etc/passwd\n" + terminal,
            body=terminal + forged + direction,
            attributes={
                "tenant.id": "../../other\n-tenant/" + "t" * 300,
                "user.name": terminal,
                forged: forged,
                "": "",
                "_raw": "x",
                "time": "1",
                "nan": float("nan"),
                "infinities": [float("inf"), float("-inf")],
                "bytes": b"\x00\xff",
                "null": None,
                "trace": direction,
            },
            trace_id="f" * 32,
        ),
        {"service.name": terminal, "host.name": forged},
        Scope(terminal),
    )


def _anomaly() -> Batch:
    return _one(
        Record(
            id="0198c0de-0000-7000-8000-000000000007",
            time=NOON + 5_000_000,
            severity=17,
            event="anomaly",
            body="Unusual access pattern",
            attributes={
                "tenant.id": "tenant-123",
                "gen_ai.agent.id": "agent-456",
                "anomaly.type": "access_pattern",
                "anomaly.severity": "high",
                "anomaly.score": 0.93,
                "anomaly.confidence": 0.8,
                "detection.method": "isolation_forest",
                "detection.detector": "behaviour-1",
                "title": "Agent reads far more secrets than usual",
                "description": "412 reads within one minute, 3 a day before",
                "recommendations": ["revoke the agent's token", "look at its last prompt"],
                "threat.tactic.id": "TA0006",
                "threat.tactic.name": "Credential Access",
                "threat.technique.id": "T1555",
                "threat.technique.name": "Credentials from Password Stores",
                "audit.target.id": "vault-1",
                "audit.target.name": "production vault",
                "audit.correlation.id": "c-9",
                "audit.constitutional_hash": HASH,
                "server.address": "2001:db8::7",
            },
        )
    )


def _risk() -> Batch:
    return _one(
        Record(
            id="0198c0de-0000-7000-8000-000000000008",
            time=NOON + 6_000_000,
            severity=13,
            event="risk_assessment",
            body="Risk of agent-456 rose",
            attributes={
                "tenant.id": "tenant-123",
                "gen_ai.agent.id": "agent-456",
                "risk.total_score": 72.5,
                "risk.level": "high",
                "risk.previous_score": 40,
                "risk.score_change": 32.5,
                "risk_components.behaviour": 50.0,
                "risk_components.exposure": 22.5,
                "risk_factors": ["new tool", "outside working hours"],
                "audit.constitutional_hash": HASH,
            },
        )
    )


def _compliance() -> Batch:
    return _one(
        Record(
            id="0198c0de-0000-7000-8000-000000000009",
            time=NOON + 7_000_000,
            severity=10,
            event="compliance_check",
            body="",
            attributes={
                "title": "Nightly policy check",
                "tenant.id": "tenant-123",
                "compliance.is_compliant": False,
                "compliance.score": 0.88,
                "compliance.policies_total": 25,
                "compliance.policies_passed": 22,
                "compliance.policies_failed": 3,
                "violations.critical_count": 1,
                "violations.critical_policies": ["no-secrets-in-prompts"],
                "security_rule.name": "baseline",
                "security_rule.uuid": "6f5902ac-237e-4b57-9c1c-0a3f0f0e9a11",
                "audit.correlation.id": "c-10",
                "audit.constitutional_hash": HASH,
            },
        )
    )


def _tool() -> Batch:
    return _one(
        Record(
            id="0198c0de-0000-7000-8000-00000000000a",
            time=NOON + 8_000_000,
            severity=9,
            event="tool_call",
            body="read_file was called",
            attributes={
                "tenant.id": "tenant-123",
                "gen_ai.agent.id": "agent-456",
                "gen_ai.agent.name": "researcher",
                "audit.actor.type": "agent",
                "gen_ai.tool.name": "read_file",
                "gen_ai.tool.call.id": "call-1",
                "mcp.method.name": "tools/call",
                "audit.decision": "allow",
                "audit.outcome": "success",
                "client.address": "2001:db8::9",
                "http.request.id": "r-1",
                "http.request.method": "POST",
                "url.full": "https://mcp.example.com/v1?token=x",
                "process.pid": 4711,
                "labels": {"a": {"b": [1, {"c": None}]}},
            },
            trace_id="5b8efff798038103d269b633813fc60c",
        )
    )


def _empty() -> Batch:
    return _one(Record(), {}, Scope())


CASES: dict[str, Batch] = {
    "login": _login(),
    "denied": _denied(),
    "unicode": _unicode(),
    "multiline": _multiline(),
    "huge": _huge(),
    "hostile": _hostile(),
    "anomaly": _anomaly(),
    "risk": _risk(),
    "compliance": _compliance(),
    "tool": _tool(),
    "empty": _empty(),
}
