"""The one table of known event types: what is true of an event by its name alone. Any other name is as welcome.

Names compare as `canonical` writes them; other systems' names lead to the same rows.
"""

from __future__ import annotations

from typing import NamedTuple

from otelsiem.model.match import canonical


class Event(NamedTuple):
    """One row. A new column is a field with a default here."""

    name: str
    severity: int  # SeverityNumber that a record of this type has at least


class Alias(NamedTuple):
    """What another system's name says: which event, and what was decided when the name tells."""

    name: str
    decision: str = ""


EVENTS: dict[str, Event] = {
    event.name: event
    for event in (
        Event("authentication_failure", 13),
        Event("authentication_success", 9),
        Event("authorization_failure", 13),
        Event("prompt_injection_attempt", 17),
        Event("tenant_violation", 17),
        Event("rate_limit_exceeded", 13),
        Event("constitutional_hash_mismatch", 17),
        Event("anomaly_detected", 13),
        Event("suspicious_pattern", 13),
        Event("policy_decision", 9),
        Event("tool_call", 9),
        Event("configuration_change", 10),
        Event("server_registered", 9),
        Event("error", 17),
        Event("security_decision", 13),
        # typed families
        Event("anomaly", 13),
        Event("risk_assessment", 9),
        Event("compliance_check", 9),
        Event("telemetry", 9),
        Event("workflow_execution", 9),
        Event("security_event", 13),
        Event("alert", 17),
    )
}

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
