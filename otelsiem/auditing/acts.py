"""Acts as typed events: who logged in, what was decided, what was called, what was changed.

    audit(Authentication(succeeded=False, method="password", reason="wrong password"), actor="u-7")

Guarantees: as for findings (`otelsiem.auditing.events`): what is wrong is refused when the event is made, and what is
made does not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from otelsiem.auditing import fields
from otelsiem.auditing.fields import filled, put
from otelsiem.auditing.technique import Target, Technique, of

DECISIONS = {"allow": "success", "deny": "failure", "modify": "", "escalate": "", "": ""}
INJECTION = Technique("AML.T0051", "LLM Prompt Injection", "AML.TA0005", "Execution")
OUTCOMES = ("success", "failure", "unknown", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """Somebody logged in, or tried to: `authentication_success` or `…_failure`. Who: `actor=`, as always."""

    succeeded: bool
    method: str = ""
    reason: str = ""
    address: str = ""
    severity: str = ""
    message: str = ""
    technique: Technique | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.succeeded, bool):
            raise ValueError(f"succeeded={self.succeeded!r}: it is True or False")  # noqa: TRY004 - as all here
        put(self, severity=fields.level("severity", self.severity))

    @property
    def event(self) -> str:
        return "authentication_success" if self.succeeded else "authentication_failure"

    def attributes(self) -> Mapping[str, Any]:
        said = {
            "audit.action": "login",
            "audit.outcome": "success" if self.succeeded else "failure",
            "audit.reason": self.reason,
            "authentication.method": self.method,
            "client.address": self.address,
        }
        return filled(said) | of(self.technique)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationFailure:
    """Somebody wanted what they may not."""

    event: ClassVar[str] = "authorization_failure"

    action: str = ""
    target: Target | None = None
    policy: str = ""
    reason: str = ""
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        put(self, severity=fields.level("severity", self.severity))

    def attributes(self) -> Mapping[str, Any]:
        said = {
            "audit.action": self.action,
            "audit.outcome": "failure",
            "audit.decision": "deny",
            "audit.reason": self.reason,
            "security_rule.name": self.policy,
        }
        return filled(said) | of(self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDecision:
    """What a rule decided. A denial is a failure of what was asked for; `modify` and `escalate` say nothing of that."""

    event: ClassVar[str] = "policy_decision"

    decision: Literal["allow", "deny", "modify", "escalate"]
    policy: str
    policy_id: str = ""
    action: str = ""
    reason: str = ""
    target: Target | None = None
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        put(
            self,
            decision=fields.word("decision", self.decision, tuple(filter(None, DECISIONS))),
            policy=fields.text("policy", self.policy),
            severity=fields.level("severity", self.severity),
        )

    def attributes(self) -> Mapping[str, Any]:
        said = {
            "audit.decision": self.decision,
            "audit.outcome": DECISIONS[self.decision],
            "audit.action": self.action,
            "audit.reason": self.reason,
            "security_rule.name": self.policy,
            "security_rule.uuid": self.policy_id,
        }
        return filled(said) | of(self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """An agent used a tool. Its arguments are not in here: `otelsiem.integrations.agents` writes their hash."""

    event: ClassVar[str] = "tool_call"

    tool: str
    call_id: str = ""
    method: str = ""
    decision: Literal["allow", "deny", "modify", "escalate", ""] = ""
    outcome: Literal["success", "failure", "unknown", ""] = ""
    duration: float | None = None
    error: str = ""
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        put(
            self,
            tool=fields.text("tool", self.tool),
            decision=fields.word("decision", self.decision, DECISIONS),
            outcome=fields.word("outcome", self.outcome, OUTCOMES),
            duration=fields.seconds("duration", self.duration),
            severity=fields.level("severity", self.severity),
        )

    def attributes(self) -> Mapping[str, Any]:
        return filled(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": self.tool,
                "gen_ai.tool.call.id": self.call_id,
                "mcp.method.name": self.method,
                "audit.decision": self.decision,
                "audit.outcome": self.outcome or DECISIONS[self.decision],
                "audit.duration": self.duration,
                "error.type": self.error,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptInjection:
    """Somebody tried to give an agent orders that are not its owner's. `score` is 0 to 1."""

    event: ClassVar[str] = "prompt_injection_attempt"

    guardrail: str
    decision: Literal["allow", "deny", "modify", "escalate", ""] = ""
    score: float | None = None
    source: str = ""
    reason: str = ""
    technique: Technique | None = INJECTION
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        put(
            self,
            guardrail=fields.text("guardrail", self.guardrail),
            decision=fields.word("decision", self.decision, DECISIONS),
            score=fields.score("score", self.score, 1),
            severity=fields.level("severity", self.severity),
        )

    def attributes(self) -> Mapping[str, Any]:
        said = {
            "security_rule.name": self.guardrail,
            "audit.decision": self.decision,
            "audit.reason": self.reason,
            "audit.source": self.source,
            "confidence": self.score,
        }
        return filled(said) | of(self.technique)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChange:
    """Something works differently from now on."""

    event: ClassVar[str] = "configuration_change"

    target: Target
    action: str = "update"
    reason: str = ""
    outcome: Literal["success", "failure", "unknown", ""] = "success"
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        put(
            self,
            outcome=fields.word("outcome", self.outcome, OUTCOMES),
            severity=fields.level("severity", self.severity),
        )

    def attributes(self) -> Mapping[str, Any]:
        said = {"audit.action": self.action, "audit.outcome": self.outcome, "audit.reason": self.reason}
        return filled(said) | of(self.target)
