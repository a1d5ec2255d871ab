"""Labels of ECS documents: flat names and keyword texts for everything that ECS has no field for.

Guarantees: no name has a dot, an empty segment, a blank or a control character, so none can collide with an object or
be refused; two attributes never share a name, and which name an attribute gets depends on the attributes beside it,
not on their order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from otelsiem.formats._ecs.fields import MEANINGS
from otelsiem.formats.values import text

# Ours, whether a record has them or not: an unknown attribute that would be spelled so is not mistaken for them.
OWN = frozenset(
    {
        *MEANINGS,  # those that do not fit their field
        "agent_id", "correlation_id", "constitutional_hash",  # what responders pivot on, with organization.id
        "session_id", "actor_type", "decision", "confidence", "risk_score", "mcp_method", "action", "outcome",
        "time_unix_nano", "severity_text", "trace_flags", "vendor", "more", "source_address", "source_port",
        "target_id", "target_name", "target_type", "tactic", "tactic_name", "technique", "technique_name",
    }
)  # fmt: skip
PREFIXES = ("resource_", "scope_")  # what the resource and the scope say
LONGEST = 200  # characters of a name: names live in the mapping, which every node of a cluster keeps in memory
DEEPEST = 3  # levels of an object that become parts of a name; what is deeper is one text
_WITHIN = "\x1f"  # between the levels: `a.b` and `b` inside `a` are two

# Dots make objects, `*` is a wildcard in Kibana, quotes break queries; the rest cannot be seen or typed.
_UNFIT = re.compile(
    "[\\x00-\\x20\\x7f-\\xa0.\"'*\\\\,\\u00ad\\u061c\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\ufeff"
    "\\ufff0-\\uffff\\U000e0000-\\U000e0fff]"
)


def fit(key: str) -> str:
    """A key as a label may be spelled."""
    name = _UNFIT.sub("_", key) or "_"
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 13]}_{_digest(key, 12)}"


def names(keys: Iterable[str], prefix: str = "") -> dict[str, str]:
    """The label of each attribute: as fit, with a digest of the key behind it where that name is taken.

    Who keeps the plain name: the key that is spelled so, else the first in the alphabet.
    """
    given: dict[str, str] = {}
    used = set() if prefix else set(OWN)
    for key in sorted(keys, key=lambda key: (fit(key) != key, key)):
        name = prefix + fit(key)
        if name in used or (not prefix and name.startswith(PREFIXES)):
            name = f"{name}_{_digest(key, 6)}"
            while name in used:
                name += "_"
        used.add(name)
        given[key] = name
    return given


def leaves(attributes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Attributes with objects taken apart: `details.tries` for `{"details": {"tries": 2}}`."""
    for key, value in attributes.items():
        if type(value) is dict and value:
            yield from _inside(key, value, DEEPEST - 1)
        else:
            yield key, value


def _inside(path: str, value: Mapping[str, Any], levels: int) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if type(inner) is dict and inner and levels > 1:
            yield from _inside(f"{path}{_WITHIN}{key}", inner, levels - 1)
        else:
            yield f"{path}{_WITHIN}{key}", inner


def label(value: Any) -> str | list[str] | None:
    """A value as keywords: one text, or one for each item of a list."""
    if type(value) is str or value is None:
        return value
    return [text(item) for item in value] if type(value) is list else text(value)


def labels(attributes: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The labels of attributes that have no other place."""
    flat: dict[str, Any] = {}
    for key, value in leaves(attributes):
        while key in flat:  # only a sender who means to gets here
            key += _WITHIN
        flat[key] = value
    given = names(flat, prefix)
    made = {given[key]: label(value) for key, value in flat.items()}
    for key, name in given.items():
        if len(key) > LONGEST:  # nothing is lost
            made[f"{name}_name"] = key
    return made


def _digest(key: str, digits: int) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
