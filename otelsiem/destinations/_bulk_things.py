"""The things that `otelsiem setup` installs, as each product spells them: index templates, ILM and ISM policies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from otelsiem.destinations._bulk_mappings import BEYOND, SETTINGS
from otelsiem.destinations._bulk_settings import Lifecycle
from otelsiem.destinations._bulk_setup import MANAGER, Found, Thing, mark

PRIORITY = 500  # above what Elasticsearch (100) and its integrations (200) bring

_IN_DESCRIPTION = re.compile(r"\bmanaged_by=(\w+) version=(\d+) contents=(\w+)")


def name(pattern: str) -> str:
    """What our things for these indices are called; a name has no wildcards."""
    return f"otelsiem-{pattern.replace('*', 'x')}"


def template(pattern: str, mappings: Mapping[str, Any], policy: str, *, stream: bool, beyond: bool) -> Thing:
    """An index template. `policy`: the lifecycle of its indices, "" for none. `beyond`: the setting of that name."""
    settings: dict[str, Any] = dict(SETTINGS)
    if beyond:
        settings[BEYOND] = True
    if policy:
        settings["index.lifecycle.name"] = policy
    body: dict[str, Any] = {
        "index_patterns": [pattern],
        "priority": PRIORITY,
        "template": {"settings": settings, "mappings": mappings},
    }
    if stream:
        body["data_stream"] = {}
    ours = mark(body)
    return Thing(
        f"index template {name(pattern)}",
        f"/_index_template/{name(pattern)}",
        {**body, "_meta": ours},
        ours,
        _of_template,
        spare=(BEYOND, "index.lifecycle.name"),
    )


def ilm(pattern: str, lifecycle: Lifecycle, *, stream: bool) -> Thing:
    """A policy of Elasticsearch's index lifecycle management."""
    hot: dict[str, Any] = {}
    if stream:
        hot["rollover"] = {"max_age": lifecycle.rollover_age, "max_primary_shard_size": lifecycle.rollover_size}
    phases: dict[str, Any] = {"hot": {"min_age": "0ms", "actions": hot}}
    if lifecycle.delete_after is not None:
        phases["delete"] = {"min_age": lifecycle.delete_after, "actions": {"delete": {}}}
    ours = mark(phases)
    return Thing(
        f"lifecycle policy {name(pattern)}",
        f"/_ilm/policy/{name(pattern)}",
        {"policy": {"phases": phases, "_meta": ours}},
        ours,
        lambda found: _inside(found, name(pattern), "policy", "_meta"),
        optional=True,
    )


def ism(pattern: str, lifecycle: Lifecycle, *, stream: bool) -> Thing:
    """A policy of OpenSearch's index state management. It has no place for a mark but its description."""
    hot: dict[str, Any] = {"name": "hot", "actions": [], "transitions": []}
    if stream:
        hot["actions"] = [{"rollover": {"min_index_age": lifecycle.rollover_age, "min_size": lifecycle.rollover_size}}]
    states = [hot]
    if lifecycle.delete_after is not None:
        age = "min_rollover_age" if stream else "min_index_age"
        hot["transitions"] = [{"state_name": "delete", "conditions": {age: lifecycle.delete_after}}]
        states.append({"name": "delete", "actions": [{"delete": {}}], "transitions": []})
    policy: dict[str, Any] = {
        "default_state": "hot",
        "states": states,
        "ism_template": [{"index_patterns": [pattern], "priority": PRIORITY}],
    }
    ours = mark(policy)
    policy["description"] = "Audit events. " + " ".join([f"{key}={value}" for key, value in ours.items()])
    return Thing(
        f"state policy {name(pattern)}",
        f"/_plugins/_ism/policies/{name(pattern)}",
        {"policy": policy},
        ours,
        _of_description,
        optional=True,
        over=_sequence,
    )


def _inside(found: Any, *path: str) -> Any:
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _of_template(found: Found) -> Mapping[str, Any] | None:
    templates = found.get("index_templates")
    first = templates[0] if isinstance(templates, list) and templates else None
    made: Mapping[str, Any] | None = _inside(first, "index_template", "_meta")
    return made


def _of_description(found: Found) -> Mapping[str, Any] | None:
    policy = _inside(found, "policy") or {}
    match = _IN_DESCRIPTION.search(str(policy.get("description", "")))
    if match is None or match[1] != MANAGER:
        return None
    return {"managed_by": match[1], "version": int(match[2]), "contents": match[3]}


def _sequence(found: Found) -> str:
    """OpenSearch replaces a policy only for who has seen the last one."""
    number, term = found.get("_seq_no"), found.get("_primary_term")
    return f"?if_seq_no={number}&if_primary_term={term}" if type(number) is int and type(term) is int else ""
