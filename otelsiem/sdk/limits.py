"""The SDK's limits on attributes: what they took from a record before we saw it is shouted.

With more attributes than OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT the SDK drops those that were set first, and cuts values
at OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT, both without a word of which (before 1.44 only OTEL_ATTRIBUTE_… counts).
What `bind` and our processors add comes behind the limits and survives; what a sender set itself need not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otelsiem.formats.vocabulary import spellings
from otelsiem.sdk.complaint import complain

COUNT, LENGTH = "ATTRIBUTE_COUNT_LIMIT", "ATTRIBUTE_VALUE_LENGTH_LIMIT"
WANTED = ("tenant.id", "user.id", "gen_ai.agent.id", "audit.correlation.id", "audit.outcome")  # what responders ask for
MOST = 8  # keys named in one line


def look(event: str, attributes: Mapping[str, Any], dropped: int, limits: Any) -> None:
    """Shout when this record has lost something. Never raises."""
    try:
        _look(event, attributes, dropped, limits)
    except Exception:  # noqa: BLE001 - looking at a record must not cost it
        complain("look", "a record's attributes could not be looked at", failed=True)


def _look(event: str, attributes: Mapping[str, Any], dropped: int, limits: Any) -> None:
    if dropped:
        gone = [name for name in WANTED if not any(spelling in attributes for spelling in spellings(name))]
        among = f"; it has no {', '.join(gone)}: if they were set, they are among them" if gone else ""
        raised = f"Raise {_variable(COUNT, limits)} (128 by default), or bind them: that comes behind the limit"
        complain(
            "dropped",
            f"LOST: the SDK dropped {dropped} attributes of a record ({event or 'without a name'}), those set first"
            f"{among}. {raised}",
        )
    newer = hasattr(limits, "max_log_record_attribute_length")
    longest = limits.max_log_record_attribute_length if newer else getattr(limits, "max_attribute_length", None)
    if longest is not None and (cut := [key for key, value in attributes.items() if _reaches(value, longest)]):
        named = ", ".join(cut[:MOST]) + (f" and {len(cut) - MOST} more" if len(cut) > MOST else "")
        complain(
            "cut",
            f"LOST: the SDK cuts values at {longest} characters, so these of a record ({event or 'without a name'})"
            f" have probably lost their ends: {named}. Raise {_variable(LENGTH, limits)} or unset it",
        )


def _variable(name: str, limits: Any) -> str:
    """The variable that this version of the SDK looks at first."""
    return f"OTEL_LOGRECORD_{name}" if hasattr(limits, "max_log_record_attributes") else f"OTEL_{name}"


def _reaches(value: Any, longest: int) -> bool:
    if type(value) is str or type(value) is bytes:
        return len(value) == longest
    if type(value) is tuple or type(value) is list:
        return any(_reaches(one, longest) for one in value)
    return isinstance(value, Mapping) and any(_reaches(one, longest) for one in value.values())
