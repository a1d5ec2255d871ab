"""The objects of OCSF that audit records fill: who, from where, to what, by which rule.

Each is None unless it has what the schema requires of it.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from otelsiem.formats._ocsf.said import Said
from otelsiem.formats.address import kind

Object: TypeAlias = dict[str, Any]

_KINDS = {"user": 1, "admin": 2, "system": 3, "service": 4}  # user.type_id; agents are 99
_ENTITIES = {"device": 1, "user": 2, "group": 3, "organization": 4, "policy": 5, "email": 6, "network zone": 7}
_ACTIONS = {"allow": 1, "allowed": 1, "deny": 2, "denied": 2, "modify": 4, "modified": 4}
_RISKS = {"info": 0, "informational": 0, "low": 1, "medium": 2, "high": 3, "critical": 4}
# A tuple: what is asked for may be a list, which has no hash.
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
EMAIL = re.compile(r"[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9.-]+")  # email_t of 1.1, the narrowest
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
LONGEST_IP = 40  # ip_t; an IPv6 address that embeds IPv4 can be longer


def some(**values: Any) -> Object:
    """An object of what there is."""
    return {name: value for name, value in values.items() if value is not None}


def user(said: Said) -> Object | None:
    """The person or program that acts."""
    uid, name = said.text("user_id"), said.text("user_name")
    email = said.text("user_email") if EMAIL.fullmatch(said.word("user_email")) else None
    if uid is None and name is None:
        if email is None:
            return None
        name = email
    made = some(name=name, uid=uid, email_addr=email)
    if word := said.text("actor_type"):
        made["type_id"] = _KINDS.get(word.lower(), 99)
        made["type"] = word
    return made


def actor(said: Said, acting: Object | None) -> Object | None:
    """Who caused it: the user, the agent that worked for them, the session. The agent's id stays a pivot too."""
    session = said.text("session_id")
    made = some(
        user=acting,
        app_uid=said.word("agent_id") or None,
        app_name=said.text("agent_name"),
        session={"uid": session} if session else None,
    )
    return made or None


def named(address: str) -> Object:
    """An address by what it is."""
    if kind(address) == "ip" and len(address) <= LONGEST_IP:
        return {"ip": address}
    return {"hostname": address} if len(address) <= 253 and _HOST.fullmatch(address) else {"name": address}


def client(said: Said) -> Object | None:
    """From where it was done."""
    address = said.text("src_ip")
    return named(address) | some(port=said.port("src_port")) if address else None


def server(said: Said) -> Object | None:
    """Where it was done."""
    address = said.attribute("server.address")
    return named(address) | some(port=said.whole("server.port", 0, 65_535)) if address else None


def device(hostname: str) -> Object:
    """The host that reported it."""
    return named(hostname) | {"type_id": 0}


def has_target(said: Said) -> bool:
    """Whether the object of an action is known by anything."""
    return bool(said.word("target.id") or said.word("target.name"))


def entity(said: Said) -> Object:
    """To what it was done, as an entity."""
    made = some(uid=said.text("target.id"), name=said.text("target.name"))
    if word := said.text("target.type"):
        made |= {"type_id": _ENTITIES.get(word.lower(), 99), "type": word}
    return made


def resource(said: Said) -> Object | None:
    """To what it was done, as a resource."""
    if not has_target(said):
        return None
    return some(uid=said.text("target.id"), name=said.text("target.name"), type=said.text("target.type"))


def request(said: Said) -> Object | None:
    """The HTTP request."""
    method = said.attribute("http.request.method") if said.other("http.request.method") in _METHODS else None
    url = None
    if isinstance(said.other("url.full"), str) or isinstance(said.other("url.path"), str):
        url = some(url_string=said.attribute("url.full"), path=said.attribute("url.path"))
        if url:
            url |= some(query_string=said.attribute("url.query"), scheme=said.attribute("url.scheme"))
    made = some(uid=said.text("request_id"), user_agent=said.text("user_agent"), http_method=method, url=url or None)
    return made or None


def response(said: Said) -> Object | None:
    """The HTTP response."""
    code = said.whole("http.response.status_code", 0, 999)
    return None if code is None else {"code": code}


def api(said: Said, operation: str, service: str) -> Object:
    """The call."""
    call = said.text("tool_call_id")
    return some(
        operation=operation,
        service={"name": service} if service else None,
        request={"uid": call} if call else None,
    )


def attacks(said: Said) -> list[Object]:
    """What MITRE calls it."""
    parts = {}
    for name in ("tactic", "technique"):
        part = some(uid=said.text(f"mitre_attack.{name}"), name=said.text(f"mitre_attack.{name}_name"))
        if part:
            parts["sub_technique" if is_sub(part.get("uid", "")) else name] = part
    return [parts] if parts else []


def is_sub(uid: str) -> bool:
    """Whether MITRE's id is that of a sub-technique."""
    return re.fullmatch(r"(AML\.)?T\d{4}\.\d{3}", uid) is not None


def control(said: Said) -> Object:
    """What profile `security_control` adds: the rule, what it decided, how sure and how risky."""
    made = some(confidence_score=said.number("confidence"), **risk(said))
    rule = some(name=said.text("policy"), uid=said.text("policy_id"))
    if rule:
        made["policy"] = rule
    if decision := said.text("decision"):
        made |= {"action_id": _ACTIONS.get(decision.lower(), 99), "action": decision}
    return made


def risk(said: Said) -> Object:
    """How risky it is."""
    made = some(risk_score=said.number("risk_score"))
    if level := said.attribute("risk.level"):
        made |= {"risk_level_id": _RISKS.get(level.lower(), 99), "risk_level": level}
    return made


def observables(event: Object) -> list[Object]:
    """The values of an event that an analyst searches elsewhere, by their place in it."""
    found: list[Object] = []
    for path, type_id in _OBSERVED:
        value: Any = event
        for name in path.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, str):
            found.append({"name": path, "type_id": type_id, "value": value})
    return found


_OBSERVED = (  # observable.type_id: 1 host name, 2 IP address, 4 user name, 5 e-mail address, 6 URL, 10 resource
    ("src_endpoint.ip", 2), ("src_endpoint.hostname", 1), ("dst_endpoint.ip", 2), ("dst_endpoint.hostname", 1),
    ("user.name", 4), ("user.email_addr", 5), ("actor.user.name", 4),
    ("actor.user.email_addr", 5), ("http_request.url.url_string", 6), ("entity.uid", 10),
)  # fmt: skip
