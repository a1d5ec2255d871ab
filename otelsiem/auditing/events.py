"""Findings as typed events: their fields are checked when they are written, and named as every format knows them.

    audit(Anomaly(type="access_pattern", score=0.93, technique=Technique("T1555", tactic="TA0006")), tenant="acme")

Guarantees: a value that no SIEM could use (a score of 93 where 0 to 1 is meant, a technique that MITRE has no form for)
raises ValueError when the event is made; afterwards nothing in it changes. What it leaves empty is not written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from otelsiem.auditing import fields
from otelsiem.auditing.fields import Pairs, filled, put
from otelsiem.auditing.technique import Target, Technique, of

LEVELS = {"log": "info", "notify": "medium", "page": "high", "escalate": "high", "critical": "critical"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """Something is unlike itself. `score` and `confidence` are 0 to 1."""

    event: ClassVar[str] = "anomaly"

    type: str
    score: float | None = None
    confidence: float | None = None
    severity: str = ""
    message: str = ""
    title: str = ""
    description: str = ""
    method: str = ""
    detector: str = ""
    recommendations: Sequence[str] = ()
    technique: Technique | None = None
    target: Target | None = None

    def __post_init__(self) -> None:
        put(
            self,
            type=fields.text("type", self.type),
            score=fields.score("score", self.score, 1),
            confidence=fields.score("confidence", self.confidence, 1),
            severity=fields.level("severity", self.severity),
            recommendations=fields.texts("recommendations", self.recommendations),
        )

    def attributes(self) -> Mapping[str, Any]:
        said = {
            "anomaly.type": self.type,
            "anomaly.severity": self.severity,
            "anomaly.score": self.score,
            "anomaly.confidence": self.confidence,
            "detection.method": self.method,
            "detection.detector": self.detector,
            "title": self.title,
            "description": self.description,
            "recommendations": self.recommendations,
        }
        return filled(said) | of(self.technique, self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskAssessment:
    """How risky an agent, a user or a thing is: 0 to 100. Its severity is its level, unless said otherwise."""

    event: ClassVar[str] = "risk_assessment"

    total_score: float
    level: str = ""
    previous_score: float | None = None
    components: Mapping[str, float] | Pairs = ()
    factors: Sequence[str] = ()
    severity: str = ""
    message: str = ""
    target: Target | None = None

    def __post_init__(self) -> None:
        if self.total_score is None:
            raise ValueError("total_score=None: it is a number from 0 to 100")
        level = fields.level("level", self.level)
        put(
            self,
            total_score=fields.score("total_score", self.total_score, 100),
            previous_score=fields.score("previous_score", self.previous_score, 100),
            components=fields.numbers("components", self.components),
            factors=fields.texts("factors", self.factors),
            severity=fields.level("severity", self.severity) or level,
        )

    def attributes(self) -> Mapping[str, Any]:
        before = self.previous_score
        said = {
            "risk.total_score": self.total_score,
            "risk.level": self.level,
            "risk.previous_score": before,
            "risk.score_change": None if before is None else round(self.total_score - before, 6),
            **{f"risk_components.{name}": number for name, number in dict(self.components).items()},
            "risk_factors": self.factors,
        }
        return filled(said) | of(self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComplianceCheck:
    """Whether the rules were kept. `score` is 0 to 1; `policy` names what was checked against."""

    event: ClassVar[str] = "compliance_check"

    is_compliant: bool
    score: float | None = None
    policies_total: int | None = None
    policies_passed: int | None = None
    policies_failed: int | None = None
    critical_policies: Sequence[str] = ()
    critical_count: int | None = None
    policy: str = ""
    policy_id: str = ""
    title: str = ""
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.is_compliant, bool):
            raise ValueError(f"is_compliant={self.is_compliant!r}: it is True or False")  # noqa: TRY004 - as all here
        broken = fields.texts("critical_policies", self.critical_policies)
        counts = {
            name: fields.whole(name, getattr(self, name))
            for name in ("policies_total", "policies_passed", "policies_failed", "critical_count")
        }
        passed, failed, total = counts["policies_passed"] or 0, counts["policies_failed"] or 0, counts["policies_total"]
        if total is not None and passed + failed > total:
            raise ValueError(f"policies_passed={passed} and policies_failed={failed} are more than {total} in total")
        if counts["critical_count"] is None and broken:
            counts["critical_count"] = len(broken)
        put(
            self,
            score=fields.score("score", self.score, 1),
            severity=fields.level("severity", self.severity),
            critical_policies=broken,
            **counts,
        )

    def attributes(self) -> Mapping[str, Any]:
        return filled(
            {
                "title": self.title,
                "audit.outcome": "success" if self.is_compliant else "failure",
                "compliance.is_compliant": self.is_compliant,
                "compliance.score": self.score,
                "compliance.policies_total": self.policies_total,
                "compliance.policies_passed": self.policies_passed,
                "compliance.policies_failed": self.policies_failed,
                "violations.critical_count": self.critical_count,
                "violations.critical_policies": self.critical_policies,
                "security_rule.name": self.policy,
                "security_rule.uuid": self.policy_id,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEvent:
    """Something that the security team wants to know and that has no name of its own. `risk` is 0 to 100."""

    event: ClassVar[str] = "security_event"

    title: str
    description: str = ""
    action: str = ""
    reason: str = ""
    risk: float | None = None
    confidence: float | None = None
    recommendations: Sequence[str] = ()
    technique: Technique | None = None
    target: Target | None = None
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        put(
            self,
            title=fields.text("title", self.title),
            risk=fields.score("risk", self.risk, 100),
            confidence=fields.score("confidence", self.confidence, 1),
            recommendations=fields.texts("recommendations", self.recommendations),
            severity=fields.level("severity", self.severity),
        )

    def attributes(self) -> Mapping[str, Any]:
        said = {
            "title": self.title,
            "description": self.description,
            "audit.action": self.action,
            "audit.reason": self.reason,
            "risk.score": self.risk,
            "confidence": self.confidence,
            "recommendations": self.recommendations,
        }
        return filled(said) | of(self.technique, self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Somebody is to look. `about`: the type of the events that were counted; `records`: their ids."""

    event: ClassVar[str] = "alert"

    title: str
    level: Literal["log", "notify", "page", "escalate", "critical", ""] = ""
    description: str = ""
    about: str = ""
    count: int | None = None
    window: float | None = None
    records: Sequence[str] = ()
    recommendations: Sequence[str] = ()
    technique: Technique | None = None
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        level = fields.word("level", self.level, (*LEVELS, ""))
        put(
            self,
            title=fields.text("title", self.title),
            count=fields.whole("count", self.count),
            window=fields.seconds("window", self.window),
            records=fields.texts("records", self.records),
            recommendations=fields.texts("recommendations", self.recommendations),
            severity=fields.level("severity", self.severity) or LEVELS.get(level, ""),
        )

    def attributes(self) -> Mapping[str, Any]:
        said = {
            "title": self.title,
            "description": self.description,
            "alert.level": self.level,
            "alert.event_type": self.about,
            "alert.count": self.count,
            "alert.window": self.window,  # seconds
            "alert.records": self.records,
            "recommendations": self.recommendations,
        }
        return filled(said) | of(self.technique)
