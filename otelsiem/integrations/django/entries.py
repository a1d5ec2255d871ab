"""django-auditlog's entries as events: which object was changed by whom, and which of its fields.

Guarantees: told when the change is committed, so one that is rolled back is not; of values nothing is written unless
`OTELSIEM["values"]` asks for them, and then as django-auditlog masked them, but no field that is called as a secret is;
a primary key that is one (a session's is what its cookie says) is a hash; saving goes on whatever happens in here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models.signals import post_save

from otelsiem.integrations._plain import plain
from otelsiem.integrations.django.settings import settings

SECRET = re.compile(r"passw|secret|token|session_key|session_data|api_?key|private_?key|credential", re.IGNORECASE)
KEYED = {  # models whose primary key lets somebody in, and what is made of them
    "django.contrib.sessions.base_session.AbstractBaseSession",
    "rest_framework.authtoken.models.Token",
}
ACTIONS = {0: "create", 1: "update", 2: "delete", 3: "access"}


def listen() -> None:
    """From now on. Called again it changes nothing."""
    post_save.connect(_saved, sender=_model(), dispatch_uid="otelsiem")


def _model() -> Any:
    """3.3 and newer allow a project its own."""
    import auditlog

    if hasattr(auditlog, "get_logentry_model"):
        return auditlog.get_logentry_model()
    from auditlog.models import LogEntry

    return LogEntry


def _saved(instance: Any = None, created: bool = False, using: str | None = None, **_: Any) -> None:
    said, door = settings()
    with door.hook.harmless("an entry of django-auditlog could not be read"):
        if not created:
            return
        kind = ContentType.objects.db_manager(using).get_for_id(instance.content_type_id)
        model = f"{kind.app_label}.{kind.model}"
        action = ACTIONS.get(instance.action, "change")
        hidden = _lets_in(kind.model_class())
        pk = str(instance.object_pk)
        pk = f"sha256:{hashlib.sha256(pk.encode('utf-8', 'replace')).hexdigest()}" if hidden else pk
        attributes = {
            "audit.action": action,
            "audit.target.type": model,
            "audit.target.id": pk,
            **_actor(instance),
            **_changes(instance, values=said.values and not hidden),
        }
        event = "configuration_change" if model in {one.lower() for one in said.configuration} else "data_change"
        event = "data_access" if action == "access" else event
        message = f"{action} {model} {pk}"
        transaction.on_commit(
            lambda: door.hook.tell(event, attributes, outcome="success", message=message), using=using
        )


def _actor(instance: Any) -> Mapping[str, Any]:
    """Without a query: its name only when it is at hand."""
    if instance.actor_id is None:
        return {}
    at_hand = instance._state.fields_cache.get("actor")
    name = {"user.name": str(at_hand.get_username())} if at_hand is not None else {}
    return {"user.id": str(instance.actor_id), **name}


def _changes(instance: Any, *, values: bool) -> Mapping[str, Any]:
    changes = instance.changes_dict
    if not isinstance(changes, dict):
        return {}
    names = {"audit.changed_fields": sorted(map(str, changes))} if changes else {}
    if not values:
        return names
    told = {name: "***" if SECRET.search(str(name)) else held for name, held in changes.items()}
    return plain({**names, "audit.target.name": str(instance.object_repr), "audit.changes": told})


def _lets_in(model: Any) -> bool:
    """Whether who knows an object's primary key may act as somebody."""
    if model is None:  # of an app that is no more
        return False
    bases = {f"{base.__module__}.{base.__qualname__}" for base in model.__mro__}
    return not KEYED.isdisjoint(bases) or bool(SECRET.search(model._meta.pk.name))
