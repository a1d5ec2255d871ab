"""Who acts, for whom and in which session: said once, on every record made within.

    with bind(actor="u-7", tenant="acme", session="s-1"):
        audit("sensitive_operation")

A ContextVar: threads, tasks and requests have each their own. Bindings nest, the inner one wins, key by key.
What holds for a whole request, whichever of its tasks and threads says so, is said with `bind_request`.

Guarantees: values are copied when they are bound; what cannot be a value is its text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any

from otelsiem.auditing.request import NOTHING, answering
from otelsiem.model.record import Value
from otelsiem.sdk.convert import mapping

NAMES: Mapping[str, str] = MappingProxyType(  # what people write -> the attribute
    {
        "actor": "user.id",
        "actor_name": "user.name",
        "actor_type": "audit.actor.type",
        "email": "user.email",
        "roles": "user.roles",
        "tenant": "tenant.id",
        "session": "session.id",
        "request": "http.request.id",
        "agent": "gen_ai.agent.id",
        "address": "client.address",
        "correlation": "audit.correlation.id",
    }
)
WHO = frozenset(NAMES.values()) - {"http.request.id", "client.address"}  # a request's own record tells these too

bound: ContextVar[Mapping[str, Value]] = ContextVar("otelsiem.audit.bound", default=NOTHING)


def known() -> Mapping[str, Value]:
    """What a record made here and now has: what is bound, and what is known of the request."""
    request = answering.get()
    return bound.get() if request is None else request.under(bound.get())


@contextmanager
def bind(attributes: Mapping[str, Any] | None = None, **named: Any) -> Iterator[None]:
    """Every record made inside has these attributes, unless it says otherwise itself. None takes one out."""
    token = _bound(_spelled(attributes, named), lasting=False)
    try:
        yield
    finally:
        reset(token)


def set_bound(attributes: Mapping[str, Any] | None = None, **named: Any) -> Token[Mapping[str, Value]]:
    """The same for where no `with` can stand: from here to `reset`, or to the end of this context."""
    return _bound(_spelled(attributes, named), lasting=True)


def bind_request(attributes: Mapping[str, Any] | None = None, **named: Any) -> None:
    """The same for the rest of the request that is being answered, in all its tasks and threads.

    Where no hook looks after the request it is `set_bound`.
    """
    more = _spelled(attributes, named)
    _bound(more, lasting=True)
    if (request := answering.get()) is not None:
        request.say(more)


def reset(token: Token[Mapping[str, Value]]) -> None:
    """Undo one `set_bound`. In another context (an async generator closed elsewhere) there is nothing to undo."""
    try:
        bound.reset(token)
    except ValueError:
        return


def _spelled(attributes: Mapping[str, Any] | None, named: Mapping[str, Any]) -> Mapping[str, Value]:
    return mapping({**(attributes or {}), **{NAMES.get(name, name): value for name, value in named.items()}})


def _bound(more: Mapping[str, Value], *, lasting: bool) -> Token[Mapping[str, Value]]:
    before, request = bound.get(), answering.get()
    merged = {**before, **more}
    if request is None:
        return bound.set(_without_none(merged))
    outer = {} if lasting else before  # a block within a block speaks for a part of the request only
    said = {key: value for key, value in more.items() if key in WHO and key not in outer and value is not None}
    request.note(said, lasting=lasting)
    return bound.set(MappingProxyType(merged))  # with None, which hides what is known of the request


def _without_none(held: Mapping[str, Value]) -> Mapping[str, Value]:
    return MappingProxyType({key: value for key, value in held.items() if value is not None})
