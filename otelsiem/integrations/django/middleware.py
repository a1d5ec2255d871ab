"""Django: who asked from where on every event, and requests as events.

    MIDDLEWARE = ["otelsiem.integrations.django.middleware.AuditMiddleware", …]     # first

Events made while a request is answered carry its address, id, method and path, and the user of `request.user` once
something in the project has asked for it; we never do: it would cost a query, and a `Vary: Cookie`.

Guarantees: sync under WSGI, async under ASGI; requests, responses and exceptions are as without it, streamed ones too;
nothing that goes wrong in here reaches the project or the client.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import LazyObject

from otelsiem.integrations._request import Door, Visit, visiting
from otelsiem.integrations.django.settings import settings
from otelsiem.model.record import Value


class AuditMiddleware:
    """Settings are in `OTELSIEM`."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._next = get_response
        self._door = settings()[1]
        self._asynchronous = iscoroutinefunction(get_response)
        if self._asynchronous:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Called by Django."""
        if self._asynchronous:
            return self._awaited(request)
        visit = self._begin(request)
        try:
            response: HttpResponseBase = self._next(request)
            self._answered(visit, request, response)
        finally:
            visit.answered(0)  # given up, if it was not answered
            visit.end()
        return response

    async def _awaited(self, request: HttpRequest) -> HttpResponseBase:
        visit = self._begin(request)
        try:
            response: HttpResponseBase = await self._next(request)
            self._answered(visit, request, response)
        finally:
            visit.answered(0)  # as above
            visit.end()
        return response

    def process_exception(self, _: HttpRequest, exception: Exception) -> None:
        """Called by Django when a view raises."""
        if visit := visiting():
            visit.failed(exception)

    def _begin(self, request: HttpRequest) -> Visit:
        return self._door.begin(facts(self._door, request), lambda: user(self._door, request))

    def _answered(self, visit: Visit, request: HttpRequest, response: HttpResponseBase) -> None:
        with self._door.hook.harmless("a request could not be told"):
            if response.status_code < 400:
                visit.error = ""  # somebody had an answer to it
            match = request.resolver_match
            visit.route = f"/{match.route}" if match is not None and match.route else ""
            visit.answered(response.status_code)


def facts(door: Door, request: HttpRequest) -> dict[str, Value]:
    """What is known of a request when it comes."""
    meta = request.META
    return door.facts(
        request.method,
        request.path,
        (meta.get("REMOTE_ADDR"), meta.get("REMOTE_PORT")),
        lambda name: str(meta.get(f"HTTP_{name.upper().replace('-', '_')}", "")),
    )


def user(door: Door, request: HttpRequest) -> Mapping[str, Value]:
    """Who is logged in, as far as somebody has asked already."""
    with door.hook.harmless("the user of a request could not be read"):
        held = vars(request)
        given = held.get("user")  # lazy, unless somebody has set another: django-rest-framework does
        asked = held.get("_cached_user") or held.get("_acached_user")
        who = asked if given is None or isinstance(given, LazyObject) else given
        if who is not None and who.is_authenticated:
            return named(who)
    return {}


def named(who: Any) -> dict[str, Value]:
    """A user of Django's as an actor."""
    return {"user.id": str(who.pk), "user.name": str(who.get_username())}
