"""What came with the request from whoever called us, as far as it is believed."""

from __future__ import annotations

from opentelemetry import baggage
from opentelemetry.context import Context

from otelsiem.model.record import Value

BAGGAGE = ("tenant.id", "user.id", "session.id", "gen_ai.agent.id", "audit.correlation.id")  # no more of it is believed


def carried(context: Context) -> dict[str, Value]:
    """The attributes that the baggage of this context says."""
    if not context:
        return {}
    found = baggage.get_all(context)
    return {key: str(found[key]) for key in BAGGAGE if key in found} if found else {}
