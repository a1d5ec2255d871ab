"""A Django project's views: logins, orders, changes, and what goes wrong. Imported once Django is set up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.contrib import auth
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import path

from otelsiem.auditing.context import bind_request, known, set_bound
from tests.integrations import hosts


def login(request: HttpRequest) -> HttpResponse:
    user = auth.authenticate(request, username=request.POST["name"], password=request.POST["password"])
    if user is None:
        return HttpResponse("no", status=401)
    auth.login(request, user)
    return HttpResponse("yes")


def logout(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    return HttpResponse("bye")


def order(request: HttpRequest, number: int) -> HttpResponse:
    hosts.told("before anybody asked")
    if request.user.is_authenticated:
        hosts.told("order_placed", order=number)
    return HttpResponse(str(number))


async def order_async(request: HttpRequest, number: int) -> HttpResponse:
    user = await request.auser()
    if user.is_authenticated:
        await asyncio.to_thread(hosts.told, "order_placed", order=number)
    return HttpResponse(str(number))


def change(request: HttpRequest) -> HttpResponse:
    assert request.user.is_authenticated
    group = Group.objects.create(name=f"before {hosts.SECRET}")
    group.name = f"after {hosts.SECRET}"
    group.save()
    group.delete()
    try:
        with transaction.atomic():
            Group.objects.create(name="never")
            raise ValueError("rolled back")
    except ValueError:
        return HttpResponse("changed")


def bound(_: HttpRequest) -> HttpResponse:
    set_bound(actor="of this request only")
    return HttpResponse(str(dict(known())))


async def bound_async(_: HttpRequest) -> HttpResponse:
    bind_request(actor="async")
    return HttpResponse("")


def whose(_: HttpRequest) -> HttpResponse:
    return HttpResponse(str(known().get("user.id", "nobody")))


def broken(_: HttpRequest) -> HttpResponse:
    raise LookupError(hosts.SECRET)


async def broken_async(_: HttpRequest) -> HttpResponse:
    raise LookupError(hosts.SECRET)


def denied(_: HttpRequest) -> HttpResponse:
    raise PermissionDenied(hosts.SECRET)


def streamed(_: HttpRequest) -> HttpResponseBase:
    def parts() -> Iterator[bytes]:
        yield from (b"a", b"b", b"c")

    return StreamingHttpResponse(parts(), status=202)


async def streamed_async(_: HttpRequest) -> HttpResponseBase:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"a", b"b", b"c"):
            yield part

    return StreamingHttpResponse(parts(), status=202)


urlpatterns: list[Any] = [
    path("login", login),
    path("logout", logout),
    path("orders/<int:number>", order),
    path("async/orders/<int:number>", order_async),
    path("change", change),
    path("bound", bound),
    path("async/bound", bound_async),
    path("whose", whose),
    path("broken", broken),
    path("async/broken", broken_async),
    path("denied", denied),
    path("streamed", streamed),
    path("async/streamed", streamed_async),
]
