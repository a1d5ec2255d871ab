"""The one table of known event types: what is true of an event by its name alone. Any other name is as welcome.

Names compare as `canonical` writes them; other systems' names lead to the same rows.
"""

from __future__ import annotations

from typing import NamedTuple

from otelsiem.model.match import canonical


class Technique(NamedTuple):
    """What MITRE calls it, for events that are attacks whatever their record says."""

    framework: str
    tactic: str
    tactic_name: str
    technique: str
    technique_name: str


class Event(NamedTuple):
    """One row. A new column is a field with a default here."""

    name: str
    severity: int  # SeverityNumber that a record of this type has at least
    category: str = ""  # in a person's words: CEF and LEEF
    ecs_category: tuple[str, ...] = ()  # event.category and event.type: closed lists of ECS, the second per category
    ecs_type: tuple[str, ...] = ("info",)
    ecs_kind: str = "event"
    ocsf_class: int = 0  # class_uid; 0: the record decides (an action on an object, else Base Event)
    ocsf_activity: int = 99
    cim: tuple[str, ...] = ()  # tags of Splunk's data models
    asim: str = ""  # Sentinel's schema
    technique: Technique | None = None
    outcome: str = ""  # how it ended, when the name says it and the record does not


class Alias(NamedTuple):
    """What another system's name says: which event, and what was decided when the name tells."""

    name: str
    decision: str = ""


_INJECTION = Technique("MITRE ATLAS", "AML.TA0005", "Execution", "AML.T0051", "LLM Prompt Injection")
_TAMPERING = Technique("MITRE ATT&CK", "TA0040", "Impact", "T1565", "Data Manipulation")

_LOGIN, _THREAT = ("authentication",), ("intrusion_detection",)
_ATTACK, _ALERT = ("attack", "ids"), ("alert",)

# Sources of the closed lists: ECS 9.4 (event.category with its expected event types), OCSF 1.8 (classes and their
# activities), Splunk CIM 6 (tags of the data models), ASIM (schemas). Categories that do not fit stay empty rather than
# mislead: ECS `web` is about web servers, `process` and `host` about operating systems, `threat` about indicators.
EVENTS: dict[str, Event] = {
    event.name: event
    for event in (
        Event("authentication_failure", 13, "Authentication", _LOGIN, ("start",), "event", 3002, 1,
              ("authentication",), "Authentication", outcome="failure"),
        Event("authentication_success", 9, "Authentication", _LOGIN, ("start",), "event", 3002, 1,
              ("authentication",), "Authentication", outcome="success"),
        Event("authorization_failure", 13, "Authorization", ("api",), ("access", "denied"), "event", 6003, 99,
              ("data", "access"), "AuditEvent", outcome="failure"),
        Event("prompt_injection_attempt", 17, "Threat", _THREAT, ("info",), "alert", 2004, 1, _ATTACK, "AlertEvent",
              _INJECTION),
        Event("tenant_violation", 17, "Threat", _THREAT, ("denied",), "alert", 2004, 1, _ATTACK, "AlertEvent"),
        Event("rate_limit_exceeded", 13, "Availability", ("api",), ("denied",), "event", 6003, 99, (), "AuditEvent",
              outcome="failure"),
        Event("constitutional_hash_mismatch", 17, "Integrity", _THREAT, ("info",), "alert", 2004, 1, _ALERT,
              "AlertEvent", _TAMPERING),
        Event("anomaly_detected", 13, "Anomaly", _THREAT, ("info",), "alert", 2004, 1, _ALERT, "AlertEvent"),
        Event("suspicious_pattern", 13, "Anomaly", _THREAT, ("info",), "alert", 2004, 1, _ALERT, "AlertEvent"),
        Event("policy_decision", 9, "Policy", ("api",), ("access",), "event", 6003, 99, (), "AuditEvent"),
        Event("tool_call", 9, "Tool", ("api",), ("access",), "event", 6003, 99, (), "AuditEvent"),
        Event("configuration_change", 10, "Configuration", ("configuration",), ("change",), "event", 3004, 3,
              ("change",), "AuditEvent"),
        Event("server_registered", 9, "Configuration", ("configuration",), ("creation",), "event", 3004, 1,
              ("change",), "AuditEvent"),
        Event("error", 17, "Application", (), ("error",), "event", 6008, 1),
        Event("security_decision", 13, "Policy", ("api",), ("access",), "event", 6003, 99, (), "AuditEvent"),
        # typed families
        Event("anomaly", 13, "Anomaly", _THREAT, ("info",), "alert", 2004, 1, _ALERT, "AlertEvent"),
        Event("risk_assessment", 9, "Risk", (), ("info",), "metric", 2004, 1),
        Event("compliance_check", 9, "Compliance", ("configuration",), ("info",), "state", 2003, 1, (), "AuditEvent"),
        Event("telemetry", 9, "Telemetry", (), ("info",), "metric"),
        Event("workflow_execution", 9, "Workflow", (), ("info",), "event", 0, 99, (), "AuditEvent"),
        Event("security_event", 13, "Security", _THREAT, ("info",), "event", 2004, 1, _ALERT, "AlertEvent"),
        Event("alert", 17, "Alert", _THREAT, ("info",), "alert", 2004, 1, _ALERT, "AlertEvent"),
    )
}  # fmt: skip

ALIASES: dict[str, Alias] = {
    "auth_failed": Alias("authentication_failure"),
    "auth_success": Alias("authentication_success"),
    "policy_denied": Alias("policy_decision", decision="deny"),
    "access_denied": Alias("authorization_failure", decision="deny"),
}


def known(event: str) -> Event | None:
    """The row of an event by its name or an alias, in any spelling."""
    name = canonical(event.strip())
    alias = ALIASES.get(name)
    return EVENTS.get(alias.name if alias else name)


def decision(event: str) -> str:
    """What an event's name alone says was decided, "" when it does not."""
    alias = ALIASES.get(canonical(event.strip()))
    return alias.decision if alias else ""
