"""Calls of a remote procedure: which of them are events, who called from where, and how they ended.

Guarantees: a call is told once; what fails in here, the user's `actor` too, leaves the call as it is.
"""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context, copy_context
from typing import Any, ParamSpec, TypeAlias, TypeVar
from urllib.parse import unquote

from otelsiem.auditing.audited import DURATION
from otelsiem.auditing.context import NAMES, set_bound
from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._telling import Telling, kind
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.record import Value

P = ParamSpec("P")
R = TypeVar("R")

EVENT = "rpc_call"
DEFAULT: Mapping[str, str] = {"grpc.*": "", "*": EVENT}  # health checks and reflection are no events
REMEMBERED = 1024  # methods: a client may ask for any
DENIED = ("PERMISSION_DENIED", "UNAUTHENTICATED")

Methods: TypeAlias = Mapping[str, str] | Sequence[str]
Actor: TypeAlias = Callable[[Mapping[str, str]], str | Mapping[str, Value] | None]


class Calls(Telling):
    """Those of one server."""

    def __init__(self, methods: Methods | None, actor: Actor | None, log: AuditLog | None) -> None:
        super().__init__("grpc", log)
        if isinstance(methods, str):
            raise OtelsiemError(f"methods={methods!r}: give globs in a list, or a mapping of globs to events")
        rules = DEFAULT if methods is None else methods
        named = rules.items() if isinstance(rules, Mapping) else [(glob, EVENT) for glob in rules]
        self._rules = [(glob.lstrip("/"), event) for glob, event in named]
        self._actor = actor
        self._events: dict[str, str] = {}

    def event(self, method: str) -> str:
        """The event that a call of it is, "" for none."""
        found = self._events.get(method)
        if found is None:
            name = method.lstrip("/")
            found = next((event for glob, event in self._rules if fnmatch.fnmatchcase(name, glob)), "")
            if len(self._events) < REMEMBERED:
                self._events[method] = found
        return found

    def begin(self, method: str, metadata: Iterable[tuple[str, Any]] | None) -> Call:
        """One call, beginning now."""
        call = Call(self, method.lstrip("/"), self.event(method))
        if self._actor is not None:
            with self.harmless("whose call it is could not be found out"):
                texts: dict[str, str] = {}
                for key, value in metadata or ():
                    if isinstance(value, str):
                        texts.setdefault(key, value)
                who = self._actor(texts)
                call.is_of({"user.id": who} if isinstance(who, str) else who or {})
        return call


class Call:
    """One call."""

    __slots__ = ("_began", "_calls", "_context", "_event", "_method", "_told", "bound")

    def __init__(self, calls: Calls, method: str, event: str) -> None:
        self._calls, self._method, self._event = calls, method, event
        self._began, self._told = time.perf_counter(), False
        self._context: Context | None = None
        self.bound: dict[str, Value] = {}

    def is_of(self, who: Mapping[str, Value]) -> None:
        self.bound |= {NAMES.get(key, key): value for key, value in who.items()}

    def came_from(self, peer: str) -> None:
        """`ipv4:203.0.113.9:50123`, `ipv6:%5B2001:db8::9%5D:50123`, `unix:`."""
        family, _, rest = unquote(peer).partition(":")
        if family in {"ipv4", "ipv6"}:
            address, _, port = rest.rpartition(":")
            self.bound["client.address"] = address.strip("[]")
            if port.isdecimal():
                self.bound["client.port"] = int(port)

    def within(self, function: Callable[P, R], *given: P.args, **named: P.kwargs) -> R:
        """Call it with who acts bound, in a context of the call: threads of a pool serve one call after another."""
        if self._context is None:
            self._context = copy_context()
            self._context.run(set_bound, self.bound)
        return self._context.run(function, *given, **named)

    def over(self, code: str, error: BaseException | None = None) -> None:
        """It ended with this status."""
        if self._told:
            return
        self._told = True
        aborted = error is not None and (type(error) is Exception or type(error).__name__ == "AbortError")
        said = {
            **self.bound,
            "outcome": "success" if code == "OK" else "unknown" if code == "CANCELLED" else "failure",
            "audit.action": self._method,
            "audit.decision": "deny" if code in DENIED else "",
            "rpc.system.name": "grpc",
            "rpc.method": self._method,
            "rpc.response.status_code": code,
            "error.type": "" if aborted or code == "CANCELLED" else kind(error),
            DURATION: time.perf_counter() - self._began,
        }
        self._calls.said(self._event, said)
