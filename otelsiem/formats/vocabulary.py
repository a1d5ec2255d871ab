"""The vocabulary of audit records: which attributes mean the same thing, and the flat classic name of each meaning.

One table for every format and template. The first attribute of a row that a record carries is the hit; keys inside
`metadata.*`, `details.*` and `context.*` are looked at last.
"""

from __future__ import annotations

from typing import NamedTuple


class Meaning(NamedTuple):
    """One row: the flat name of a meaning, the attribute we write, and the ones we also understand."""

    flat: str  # "target.id" is `id` inside `target`
    attribute: str
    also: tuple[str, ...] = ()


class Place(NamedTuple):
    """Where an attribute goes: the meaning's flat name, and how early in its row it stands."""

    flat: str
    rank: int
    moves: bool  # its own name adds nothing to the flat one, so the attribute is not repeated in the rest


# Meanings that OTel keeps in fields of the record; the attributes count only where that field is empty.
HEADS: tuple[Meaning, ...] = (
    Meaning("event_id", "audit.record.id", ("log.record.uid", "event_id")),
    Meaning("event_type", "", ("otel.event.name", "event.name", "event_type", "event.type")),
    Meaning("message", "", ("message", "title", "description", "msg")),
)

MEANINGS: tuple[Meaning, ...] = (
    Meaning("source", "audit.source", ("source", "event_source", "device.id", "service.name")),
    Meaning("tenant_id", "tenant.id", ("tenant_id", "audit.tenant.id", "organization.id")),
    Meaning("agent_id", "gen_ai.agent.id", ("agent_id", "agent.id")),
    Meaning("agent_name", "gen_ai.agent.name", ("agent_name",)),
    Meaning("user_id", "user.id", ("audit.actor.id", "enduser.id", "user_id")),
    Meaning("user_name", "user.name", ("user_name",)),
    Meaning("user_email", "user.email", ("user_email",)),
    Meaning("user_roles", "user.roles", ("user_roles",)),
    Meaning("actor_type", "audit.actor.type", ("actor_type",)),
    Meaning("action", "audit.action", ("action",)),
    Meaning("outcome", "audit.outcome", ("outcome", "status", "decision")),
    Meaning("reason", "audit.reason", ("reason", "details.reason")),
    Meaning("error_type", "error.type"),
    Meaning("error_message", "error.message"),
    Meaning("src_ip", "client.address", ("ip", "ip_address", "source.ip", "src")),
    Meaning("src_port", "client.port"),
    Meaning("user_agent", "user_agent.original", ("user_agent",)),
    Meaning("session_id", "session.id", ("session_id",)),
    Meaning("request_id", "http.request.id", ("request_id",)),
    Meaning("tool_name", "gen_ai.tool.name", ("tool_name",)),
    Meaning("tool_call_id", "gen_ai.tool.call.id"),
    Meaning("mcp_method", "mcp.method.name"),
    Meaning("policy", "security_rule.name", ("policy",)),
    Meaning("policy_id", "security_rule.uuid"),
    Meaning("decision", "audit.decision", ("decision",)),
    Meaning("risk_score", "risk.score", ("anomaly.score", "risk.total_score")),
    Meaning("confidence", "confidence"),
    Meaning("constitutional_hash", "audit.constitutional_hash", ("constitutional_hash", "constitutional.hash")),
    Meaning("correlation_id", "audit.correlation.id", ("correlation_id",)),
    Meaning("target.id", "audit.target.id", ("audit.resource.id", "resource_id", "server_id")),
    Meaning("target.type", "audit.target.type"),
    Meaning("target.name", "audit.target.name"),
    Meaning("mitre_attack.tactic", "threat.tactic.id", ("mitre_attack.tactic",)),
    Meaning("mitre_attack.tactic_name", "threat.tactic.name", ("mitre_attack.tactic_name",)),
    Meaning("mitre_attack.technique", "threat.technique.id", ("mitre_attack.technique",)),
    Meaning("mitre_attack.technique_name", "threat.technique.name", ("mitre_attack.technique_name",)),
)

# What a resource may say for all its records: the four pivots of responders, and who speaks.
FROM_RESOURCE = ("source", "tenant_id", "agent_id", "agent_name", "constitutional_hash", "correlation_id")

CONTAINERS = ("metadata", "details", "context")
NESTING = (*CONTAINERS, "mitre_attack")  # attributes that may be objects with known keys in them
_LAST = 1000  # rank of a key found inside a container

OUTCOMES = ("success", "failure", "unknown")  # a tuple: what is asked for may be a list, which has no hash
OUTCOME_WORDS = {
    "error": "failure", "failed": "failure", "fail": "failure", "denied": "failure", "deny": "failure",
    "ok": "success", "allowed": "success", "allow": "success",
}  # fmt: skip


def _places() -> dict[str, tuple[Place, ...]]:
    places: dict[str, tuple[Place, ...]] = {}
    for flat, attribute, also in MEANINGS:
        for rank, key in enumerate((attribute, *also)):
            moves = key in (attribute, flat)
            places[key] = (*places.get(key, ()), Place(flat, rank, moves))
    return places


_PLACES = _places()


def places(key: str) -> tuple[Place, ...]:
    """The meanings an attribute may have; empty when it has none that we know."""
    if found := _PLACES.get(key):
        return found
    container, _, rest = key.partition(".")
    if rest and container in CONTAINERS:
        return tuple([Place(p.flat, p.rank + _LAST, moves=False) for p in _PLACES.get(rest, ())])
    return ()


def spellings(name: str) -> tuple[str, ...]:
    """All attributes that mean what this one means, in the order in which they are looked at."""
    for flat, attribute, also in MEANINGS:
        if name in (attribute, flat):
            return (attribute, *also)
    return (name,)


def outcome(value: object) -> str:
    """`success`, `failure` or `unknown` for a word that says how something ended, "" for any other value."""
    word = value.strip().lower() if type(value) is str else ""
    return word if word in OUTCOMES else OUTCOME_WORDS.get(word, "")
