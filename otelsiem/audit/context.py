"""Who acts, for whom and in which session: said once, on every record made within.

    with bind(actor="u-7", tenant="acme", session="s-1"):
        audit("sensitive_operation")

A ContextVar: threads, tasks and requests have each their own. Bindings nest, the inner one wins, key by key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import MappingProxyType

from otelsiem.model.record import Value

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
NOTHING: Mapping[str, Value] = MappingProxyType({})

bound: ContextVar[Mapping[str, Value]] = ContextVar("otelsiem.audit.bound", default=NOTHING)


@contextmanager
def bind(attributes: Mapping[str, Value] | None = None, **named: Value) -> Iterator[None]:
    """Every record made inside has these attributes, unless it says otherwise itself. None takes one out."""
    token = set_bound(attributes, **named)
    try:
        yield
    finally:
        reset(token)


def set_bound(attributes: Mapping[str, Value] | None = None, **named: Value) -> Token[Mapping[str, Value]]:
    """The same for where no `with` can stand: from here to `reset`, or to the end of this context."""
    more = {**(attributes or {}), **{NAMES.get(name, name): value for name, value in named.items()}}
    merged = {key: value for key, value in {**bound.get(), **more}.items() if value is not None}
    return bound.set(MappingProxyType(merged))


def reset(token: Token[Mapping[str, Value]]) -> None:
    """Undo one `set_bound`. In another context (an async generator closed elsewhere) there is nothing to undo."""
    try:
        bound.reset(token)
    except ValueError:
        return
