"""OCSF events of the newest version as an older one takes them: what it does not know moves under `unmapped`."""

from __future__ import annotations

from typing import Any

from otelsiem.formats._ocsf.objects import Object
from otelsiem.formats._ocsf.schema import Attribute, Owner, Schema
from otelsiem.formats.ocsf_check import fits

Moved = dict[str, Any]  # by their path in the event


def adapt(event: Object, schema: Schema) -> Object:
    """The event for this version. What the version requires is in every event that is built."""
    owner = schema.classes[event["class_uid"]]
    metadata = event["metadata"]
    metadata["profiles"] = [name for name in metadata.get("profiles", ()) if name in owner.profiles]
    if "app_name" not in schema.objects["actor"].attributes:
        _invoked(event.get("actor", {}))
    moved: Moved = {}
    made = _Adapter(schema, frozenset(metadata["profiles"])).object(owner, event, "", moved)
    used = {profile for name in made for profile in owner.attributes[name].profiles}
    made["metadata"]["profiles"] = [name for name in metadata["profiles"] if name in used]
    if moved:
        made["unmapped"] = {**made.get("unmapped", {}), "ocsf": moved}
    return made


def _invoked(actor: Object) -> None:
    """Before 1.2 a program that acts has one attribute for its name."""
    names = [actor.pop(name) for name in ("app_name", "app_uid") if name in actor]
    if names:
        actor["invoked_by"] = names[0]


class _Adapter:
    def __init__(self, schema: Schema, profiles: frozenset[str]) -> None:
        self._schema, self._profiles = schema, profiles

    def object(self, owner: Owner, value: Object, path: str, moved: Moved) -> Object:
        if owner.name == "object":  # `unmapped`: anything goes
            return value
        made: Object = {}
        for name, inner in value.items():
            attribute = self._schema.attribute(owner, name, self._profiles)
            if attribute is None:
                moved[f"{path}{name}"] = inner
            elif (kept := self._attribute(attribute, inner, f"{path}{name}", moved)) is not None:
                made[name] = kept
        return made

    def _attribute(self, attribute: Attribute, value: Any, path: str, moved: Moved) -> Any:
        if attribute.array:
            items = [self._item(attribute, item, f"{path}[{n}]", moved) for n, item in enumerate(value)]
            return [item for item in items if item is not None] or None
        return self._item(attribute, value, path, moved)

    def _item(self, attribute: Attribute, value: Any, path: str, moved: Moved) -> Any:
        below = self._schema.object(attribute)
        if below is None:
            return self._value(attribute, value, path, moved)
        inside: Moved = {}
        made = self.object(below, value, f"{path}.", inside)
        enough = not below.one_of or any(name in made for name in below.one_of)
        if enough and all(name in made for name, found in below.attributes.items() if found.required):
            moved |= inside
            return made
        moved[path] = value
        return None

    def _value(self, attribute: Attribute, value: Any, path: str, moved: Moved) -> Any:
        if fits(self._schema, attribute, value):
            return value
        if "99" in attribute.closed and attribute.sibling:  # a newer word: the sibling says which
            return 99
        moved[path] = value
        return None
