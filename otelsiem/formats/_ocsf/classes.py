"""Which OCSF class an event belongs to, and which activity of that class it is.

A class is chosen only when the record has what the class requires: an API call without the caller's address is an
action on an object, an action on no object is a Base Event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from otelsiem.model.event import Event

BASE, COMPLIANCE, DETECTION, LOGIN, ENTITY, API, ERROR = 0, 2003, 2004, 3002, 3004, 6003, 6008
FINDINGS = frozenset({COMPLIANCE, DETECTION})
OTHER = 99

_CRUD = {
    1: ("create", "created", "add", "added", "insert", "register", "registered", "new", "provision"),
    2: ("read", "get", "list", "view", "access", "query", "search", "download", "fetch", "export", "describe"),
    3: ("update", "updated", "modify", "modified", "change", "changed", "set", "edit", "patch", "write", "rename"),
    4: ("delete", "deleted", "remove", "removed", "drop", "purge", "destroy", "unregister"),
}
_MANAGING = {
    5: ("move", "moved"), 6: ("enroll", "enrolled"), 7: ("unenroll", "unenrolled"), 8: ("enable", "enabled"),
    9: ("disable", "disabled"), 10: ("activate", "activated"), 11: ("deactivate", "deactivated"),
    12: ("suspend", "suspended"), 13: ("resume", "resumed"),
}  # fmt: skip
_SESSIONS = {
    1: ("login", "logon", "signin"), 2: ("logout", "logoff", "signout"), 7: ("impersonate", "switch"),
}  # fmt: skip


def _words(*tables: Mapping[int, tuple[str, ...]]) -> dict[str, int]:
    return {word: activity for table in tables for activity, words in table.items() for word in words}


_ACTIVITIES: dict[int, dict[str, int]] = {
    LOGIN: _words(_SESSIONS),
    ENTITY: _words(_CRUD, _MANAGING),
    API: _words(_CRUD),
}
_PART = re.compile(r"[^a-z]+")


def class_of(known: Event, action: str, *, client: bool, actor: bool, target: bool) -> int:
    """The class for an event of this type: whether it has a caller's address, an actor and an object to act on."""
    found = known.ocsf_class
    if found == API and not (client and actor):
        found = ENTITY if target else BASE
    elif found == ENTITY and not target:
        found = BASE
    elif found == BASE and target and _activity(ENTITY, action):
        found = ENTITY
    return found


def activity_of(class_uid: int, known: Event, action: str) -> int:
    """The activity: as the action says, else as the event's type does."""
    if class_uid in FINDINGS or class_uid == ERROR:
        return 1  # created; a general error
    if class_uid == known.ocsf_class:
        return _activity(class_uid, action) or known.ocsf_activity
    return _activity(class_uid, action) or OTHER


def _activity(class_uid: int, action: str) -> int:
    """By the first word of an action that names one: `user.create`, `DeleteKey` is not taken apart."""
    words = _ACTIVITIES.get(class_uid, {})
    return next((words[part] for part in _PART.split(action[:200].lower()) if part in words), 0)


def names_activity(action: str) -> bool:
    """Whether an action decides what activity it is, in any class."""
    return any(_activity(class_uid, action) for class_uid in _ACTIVITIES)
