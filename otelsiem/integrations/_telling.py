"""A hook into something that calls us back: tasks, calls, tools. It tells how they ended.

Guarantees: as every hook's (`_hook`): whatever goes wrong in a callback stays in it. What holds nothing is not written.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from otelsiem.auditing.api import default
from otelsiem.auditing.audited import error_type
from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._hook import Hook

P = ParamSpec("P")
R = TypeVar("R")


class Telling(Hook):
    """One hook's."""

    @property
    def log(self) -> AuditLog:
        return self._log if self._log is not None else default()

    def said(self, event: str, attributes: Mapping[str, Any], *, durable: bool = False) -> None:
        """One event; `outcome`, `severity`, `message` may be among the attributes. `durable`: it waits for the disk."""
        with self.harmless("an event could not be told"):
            filled = {key: value for key, value in attributes.items() if not _empty(value)}
            self.log.audit(event, durable=bool(filled.pop("durable", durable)), **filled)

    def guarded(self, function: Callable[P, R]) -> Callable[P, R | None]:
        """The function, with None instead of an exception."""

        @functools.wraps(function)
        def call(*given: P.args, **named: P.kwargs) -> R | None:
            try:
                return function(*given, **named)
            except Exception:  # noqa: BLE001 - P6: whatever it is, the host goes on
                self.complain(f"{getattr(function, '__name__', 'a callback')} failed", failed=True)
                return None

        return call


def _empty(value: Any) -> bool:
    """Not asked with `==`: an array of numpy answers that for each of its numbers."""
    return value is None or (isinstance(value, str) and not value)


def kind(error: BaseException | type[BaseException] | None) -> str:
    """The type of an exception, as `error.type` has it."""
    if error is None:
        return ""
    return error_type(error if isinstance(error, type) else type(error))
