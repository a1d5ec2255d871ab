"""Django's logins as events: `authentication_success`, `authentication_failure`, `logout`.

Guarantees: of the credentials nothing is written, unless `OTELSIEM["tried_names"]` asks for the name; the record of the
request itself says who it was, too.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed

from otelsiem.auditing.context import bind_request
from otelsiem.auditing.request import answering
from otelsiem.integrations.django.middleware import facts, named
from otelsiem.integrations.django.settings import settings

LONGEST = 150  # characters of a user name
_UID = "otelsiem"


def listen() -> None:
    """From now on. Called again it changes nothing."""
    user_logged_in.connect(_logged_in, dispatch_uid=_UID)
    user_logged_out.connect(_logged_out, dispatch_uid=_UID)
    user_login_failed.connect(_failed, dispatch_uid=_UID)


def _logged_in(request: Any = None, user: Any = None, **_: Any) -> None:
    _tell("authentication_success", "login", request, user)


def _logged_out(request: Any = None, user: Any = None, **_: Any) -> None:
    if user is not None:  # else nobody was logged in
        _tell("logout", "logout", request, user)


def _failed(credentials: Any = None, request: Any = None, **_: Any) -> None:
    said, door = settings()
    tried = ""
    with door.hook.harmless("a login could not be read"):
        if said.tried_names and isinstance(credentials, dict):
            tried = str(credentials.get(get_user_model().USERNAME_FIELD, ""))[:LONGEST]
    _tell("authentication_failure", "login", request, None, tried)


def _tell(event: str, action: str, request: Any, user: Any, tried: str = "") -> None:
    door = settings()[1]
    with door.hook.harmless("a login could not be told"):
        who = named(user) if user is not None else {"user.name": tried} if tried else {}
        if answering.get() is None:  # without the middleware
            who |= facts(door, request) if request is not None else {}
        elif user is not None:
            bind_request(who)
        door.hook.tell(event, {**who, "audit.action": action}, outcome="failure" if user is None else "success")
