"""The Django app: `INSTALLED_APPS += ["otelsiem.integrations.django"]` listens to logins and to django-auditlog.

Guarantees: settings that cannot work are refused when Django starts.
"""

from __future__ import annotations

from django.apps import AppConfig, apps

from otelsiem.integrations.django.settings import settings


class OtelsiemConfig(AppConfig):  # type: ignore[misc]  # Django has no types
    """Named `otelsiem` among the project's apps."""

    name = "otelsiem.integrations.django"
    label = "otelsiem"
    verbose_name = "Audit events"

    def ready(self) -> None:
        """Called once, when all models are there."""
        settings()
        if apps.is_installed("django.contrib.auth"):
            from otelsiem.integrations.django import logins  # models can be imported from here on only

            logins.listen()
        if apps.is_installed("auditlog"):
            from otelsiem.integrations.django import entries

            entries.listen()
