"""What is known of the request that is being answered: one object that all its tasks and threads share.

A ContextVar set in a task or thread is not seen outside of it, and a framework runs dependencies, endpoints and its own
middleware in tasks and threads of its own. So a hook puts a `Request` into the context before they begin; all of them
inherit the same one.

Guarantees: what `bind_request` said is on every later record of the request, wherever it is made; what a `bind` said is
on records made inside it only, but the hook's own record of the request has it too, unless two of them differed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import MappingProxyType

from otelsiem.model.record import Value

NOTHING: Mapping[str, Value] = MappingProxyType({})


class Request:
    """`facts`: what its hook knows. `later`: asked whenever a record is made, for what becomes known on the way."""

    __slots__ = ("_later", "_lock", "_merged", "_seen", "facts")

    def __init__(self, facts: Mapping[str, Value], later: Callable[[], Mapping[str, Value]] | None = None) -> None:
        self.facts = facts  # replaced, never changed: a record may hold it
        self._later = later
        self._seen: dict[str, Value] = {}  # None: two said different things
        self._merged = NOTHING, NOTHING, NOTHING  # the last two that were merged, and what they make
        self._lock = threading.Lock()

    def say(self, more: Mapping[str, Value]) -> None:
        """For every record of this request from now on. None takes one out."""
        with self._lock:
            self.facts = _without_none({**self.facts, **more})
            for key in self._seen.keys() & more.keys():
                del self._seen[key]

    def note(self, more: Mapping[str, Value], *, lasting: bool) -> None:
        """Somebody inside bound this, for a block or (`lasting`) for the rest of a context."""
        with self._lock:
            for key, value in more.items():
                known = self._seen.setdefault(key, value)
                if known != value:
                    self._seen[key] = value if lasting else None

    def under(self, bound: Mapping[str, Value]) -> Mapping[str, Value]:
        """What a record made here has: what is bound in its context, and below that what is known of the request."""
        below = self._known()
        if not bound:
            return below
        before, within, merged = self._merged
        if below is not before or bound is not within:
            merged = _without_none({**below, **bound})
            self._merged = below, bound, merged
        return merged

    def whole(self) -> Mapping[str, Value]:
        """What the record of the request itself has: whatever was known of it anywhere."""
        with self._lock:
            return {**_without_none(self._seen), **self._known()}

    def _known(self) -> Mapping[str, Value]:
        return self.facts if self._later is None else {**self._later(), **self.facts}


def _without_none(held: Mapping[str, Value]) -> dict[str, Value]:
    return {key: value for key, value in held.items() if value is not None}


answering: ContextVar[Request | None] = ContextVar("otelsiem.audit.request", default=None)
