"""What a project says of its audit events: `OTELSIEM = {…}` in its settings, all of it optional."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from django.conf import settings as project
from django.utils.module_loading import import_string

from otelsiem.integrations._request import Door, Rule
from otelsiem.model.errors import OtelsiemError


@dataclass(frozen=True, slots=True)
class Settings:
    """As they are written there."""

    trusted_proxies: int = 0
    """How many proxies of yours a request passes: so many entries of X-Forwarded-For are believed."""
    request_id_header: str = "X-Request-ID"
    """Where a request's id comes from; "" makes a new one for each."""
    audits: Rule | str | None = None
    """Which requests are events: a function, or where it is ("shop.audit.rule"). None: unsafe methods, 401 and 403."""
    configuration: Sequence[str] = ()
    """Models ("shop.price") whose django-auditlog entries are `configuration_change`, not `data_change`."""
    values: bool = False
    """Write what changed fields held before and after, and the object's text; not only the names of the fields."""
    tried_names: bool = False
    """Write the user name of a failed login. People type passwords there, too."""


@cache
def settings() -> tuple[Settings, Door]:
    """Checked. OtelsiemError says what is wrong."""
    said = getattr(project, "OTELSIEM", {})
    if not isinstance(said, dict):
        raise OtelsiemError(f"OTELSIEM = {said!r}: it is a dict")
    names = [field.name for field in fields(Settings)]
    if unknown := sorted(map(str, said.keys() - set(names))):
        raise OtelsiemError(f"OTELSIEM: unknown: {', '.join(unknown)}; known are {', '.join(names)}")
    made = Settings(**said)
    for name in ("values", "tried_names"):
        if not isinstance(getattr(made, name), bool):
            raise OtelsiemError(f"OTELSIEM: {name} is True or False")
    if isinstance(made.configuration, str) or not all("." in str(one) for one in made.configuration):
        raise OtelsiemError(
            f"OTELSIEM: configuration = {made.configuration!r}: it is a list of models, as 'shop.price'"
        )
    return made, Door("django", made.trusted_proxies, _rule(made.audits), made.request_id_header, None)


def _rule(said: Rule | str | None) -> Rule | None:
    if not isinstance(said, str):
        return said
    try:
        found: Any = import_string(said)
    except ImportError as error:
        raise OtelsiemError(f"OTELSIEM: audits = {said!r}: {error}") from error
    return found  # type: ignore[no-any-return]  # a Door checks it
