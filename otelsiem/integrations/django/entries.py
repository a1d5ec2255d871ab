"""django-auditlog's entries as events: which object was changed by whom, and which of its fields.

Guarantees: told when the change is committed, so one that is rolled back is not; of values nothing is written unless
`OTELSIEM["values"]` asks for them, and then as django-auditlog masked them; saving goes on whatever happens in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models.signals import post_save

from otelsiem.integrations._plain import plain
from otelsiem.integrations.django.settings import settings

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
        attributes = {
            "audit.action": action,
            "audit.target.type": model,
            "audit.target.id": str(instance.object_pk),
            **_actor(instance),
            **_changes(instance, values=said.values),
        }
        event = "configuration_change" if model in {one.lower() for one in said.configuration} else "data_change"
        event = "data_access" if action == "access" else event
        message = f"{action} {model} {instance.object_pk}"
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
    return plain({**names, "audit.target.name": str(instance.object_repr), "audit.changes": changes})
