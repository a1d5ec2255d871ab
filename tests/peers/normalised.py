"""The normalised event read back into what was sent: the inverse of schema §8 for the attributes of the scenario.

Written from the schema and not from the code that writes it, so that a name both sides got wrong cannot pass.
"""

from __future__ import annotations

from typing import Any

from tests.peers.seen import Seen

MOVED = {"user_id": "user.id"}  # the only attribute of the scenario that has a flat name


def of_event(document: dict[str, Any]) -> Seen:
    """What a sender must have sent for this document to come out."""
    moved = {attribute: document[flat] for flat, attribute in MOVED.items() if flat in document}
    siem, scope = document["_siem"], document.get("scope", {})
    return Seen(
        event=document["event_type"],
        time=int(document["time_unix_nano"]),
        severity=document["severity_number"],
        severity_text=document.get("severity_text", ""),
        body=document["message"] if "message" in document else document.get("body"),
        attributes=document.get("metadata", {}) | moved,
        resource={"service.name": siem["product"], "service.namespace": siem["vendor"]},
        scope=scope.get("name", ""),
        scope_version=scope.get("version", ""),
        trace_id=document.get("trace_id", ""),
        span_id=document.get("span_id", ""),
        flags=document.get("trace_flags", 0),
    )
