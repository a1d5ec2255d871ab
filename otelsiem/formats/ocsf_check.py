"""Whether an event is OCSF: what the published schema says of it, and what the schema cannot say.

`faults` follows the schema of the event's own version: attributes that exist, required ones, types, closed lists,
constraints, profiles. `doubts` are rules that stand in OCSF's text only: the arithmetic of `type_uid`, the word that
goes with 99, profiles that a class does not have, times that are no milliseconds. An attribute that holds an object
which audit records never use counts as unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otelsiem.formats._ocsf.schema import MINORS, Attribute, Owner, Schema, Type, schema

_OLDEST, _NEWEST = 10**11, 10**14  # milliseconds: 1973 to 5138; seconds lie below, microseconds above


def check(event: Mapping[str, Any]) -> list[str]:
    """All that is wrong with an event; empty: it is OCSF."""
    return faults(event) or doubts(event)


def faults(event: Mapping[str, Any]) -> list[str]:
    """What breaks the schema."""
    if (found := _version(event)) is None:
        return [f"metadata.version: none of {', '.join(schema(minor).version for minor in MINORS)}"]
    uid = event.get("class_uid")
    if type(uid) is not int or uid not in found.classes:
        return [f"class_uid: {uid!r} is no class of audit records in OCSF {found.version}"]
    return list(_object(found, found.classes[uid], event, _profiles(event), ""))


def doubts(event: Mapping[str, Any]) -> list[str]:
    """What the schema allows and OCSF does not. Asked of events without faults."""
    found = _version(event)
    if found is None:
        return []
    uid, activity, category = event["class_uid"], event["activity_id"], event["category_uid"]
    made = []
    if event["type_uid"] != uid * 100 + activity:
        made.append(f"type_uid: {event['type_uid']}, but {uid} * 100 + {activity} is {uid * 100 + activity}")
    if category != uid // 1000:
        made.append(f"category_uid: {category}, but the class is {uid}")
    made += [f"metadata.profiles: class {uid} has no {name}" for name in _profiles(event) - found.classes[uid].profiles]
    if not _OLDEST <= event["time"] < _NEWEST:
        made.append(f"time: {event['time']} are hardly milliseconds since 1970")
    return [*made, *_silent(found, found.classes[uid], event, _profiles(event), "")]


def _version(event: Mapping[str, Any]) -> Schema | None:
    metadata = event.get("metadata")
    version = metadata.get("version") if isinstance(metadata, dict) else None
    return next((schema(minor) for minor in MINORS if version == f"1.{minor}.0"), None)


def _profiles(event: Mapping[str, Any]) -> frozenset[str]:
    named = event["metadata"].get("profiles")
    return frozenset([name for name in named if isinstance(name, str)] if isinstance(named, list) else [])


def _object(found: Schema, owner: Owner, value: Any, profiles: frozenset[str], path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {owner.name} is an object"
        return
    if owner.name == "object":  # `unmapped`: anything goes
        return
    for name, inner in value.items():
        attribute = found.attribute(owner, name, profiles)
        if attribute is None:
            yield f"{path}{name}: no attribute of {owner.name}" + (
                "; it needs a profile" if name in owner.attributes else ""
            )
        else:
            yield from _attribute(found, attribute, inner, profiles, f"{path}{name}")
    for name, attribute in owner.attributes.items():
        if attribute.required and name not in value and found.attribute(owner, name, profiles):
            yield f"{path}{name}: required"
    if owner.one_of and not any(name in value for name in owner.one_of):
        yield f"{path}{owner.name}: needs one of {', '.join(owner.one_of)}"


def _attribute(found: Schema, attribute: Attribute, value: Any, profiles: frozenset[str], path: str) -> Iterator[str]:
    if attribute.array:
        if not isinstance(value, list):
            yield f"{path}: a list is wanted"
            return
        for n, item in enumerate(value):
            yield from _item(found, attribute, item, profiles, f"{path}[{n}]")
    else:
        yield from _item(found, attribute, value, profiles, path)


def _item(found: Schema, attribute: Attribute, value: Any, profiles: frozenset[str], path: str) -> Iterator[str]:
    if owner := found.object(attribute):
        yield from _object(found, owner, value, profiles, f"{path}.")
    elif not fits(found, attribute, value):
        yield f"{path}: {value!r:.80} is no {attribute.type}" + (
            f" of {', '.join(sorted(attribute.closed))}" if attribute.closed else ""
        )


def fits(found: Schema, attribute: Attribute, value: Any) -> bool:
    """Whether a value may stand in an attribute that holds no object."""
    type_ = found.types[attribute.type]
    base = type_.base or attribute.type
    if base == "json_t":
        return True
    if not _is(base, value) or not _within(type_, value):
        return False
    if not attribute.closed:
        return True
    return (value if isinstance(value, str) else str(int(value))) in attribute.closed


def _is(base: str, value: Any) -> bool:
    """Numbers as JSON has them: 1.0 is whole."""
    match base:
        case "string_t":
            return isinstance(value, str)
        case "boolean_t":
            return isinstance(value, bool)
        case "float_t":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            whole = isinstance(value, int) and not isinstance(value, bool)
            return whole or (isinstance(value, float) and value.is_integer())


def _within(type_: Type, value: Any) -> bool:
    if isinstance(value, str):
        short = type_.longest is None or len(value) <= type_.longest
        return short and (type_.pattern is None or type_.pattern.search(value) is not None)
    return (type_.low is None or value >= type_.low) and (type_.high is None or value <= type_.high)


def _silent(
    found: Schema, owner: Owner, value: Mapping[str, Any], profiles: frozenset[str], path: str
) -> Iterator[str]:
    """Values 99 without the word that says what they mean."""
    for name, inner in value.items():
        attribute = found.attribute(owner, name, profiles)
        if attribute is None:
            continue
        if inner == 99 and name.endswith("_id") and attribute.sibling and not value.get(attribute.sibling):
            yield f"{path}{attribute.sibling}: missing, and {name} is 99"
        if below := found.object(attribute):
            for item in inner if attribute.array else [inner]:
                yield from _silent(found, below, item, profiles, f"{path}{name}.")
