"""Celery: an event for every task that ended, and a worker whose children lose nothing when they end.

    otelsiem.configure(SplunkHec(endpoint=…, token=…), journal="audit-journal/", service_name="billing-worker")
    audit_tasks(carry=True)

Guarantees: a task runs, fails and is retried as without us; of its arguments only those that were named are written,
of its result nothing, of an exception its type. A child of the pool, which ends without `atexit`, first writes and
sends what it can within `closing` seconds; with a journal the rest is on disk.
"""

from __future__ import annotations

import fnmatch
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from typing import Any

from celery import signals
from celery.exceptions import Ignore, Reject, TimeLimitExceeded

from otelsiem.auditing.audited import ARGUMENT, DURATION
from otelsiem.auditing.context import NAMES, known, reset, set_bound
from otelsiem.auditing.log import CLOSING, AuditLog
from otelsiem.integrations._telling import Telling, kind
from otelsiem.model.record import Value

HEADER = "otelsiem"  # of a task's message: who acts, for whom
LONGEST = 256  # characters of what travels there
AT_ONCE = 1.0  # seconds: two time limits of one task within are one
OUTCOMES = {"success": "success", "failure": "failure", "rejected": "failure"}  # of a state; the others are unknown

_connected: TaskAudit | None = None


def audit_tasks(
    *,
    tasks: Sequence[str] = ("*",),
    arguments: Mapping[str, Sequence[str]] | None = None,
    carry: bool = False,
    durable: bool = False,
    event: str = "workflow_execution",
    closing: float = CLOSING,
    log: AuditLog | None = None,
) -> TaskAudit:
    """Begin, in clients and workers alike; called again it replaces what was said before.

    `tasks`: globs of names. `arguments`: task → the parameters to write. `carry`: what is bound where a task is sent
    is bound where it runs. `durable`: the event is on disk before the task's outcome is reported.
    """
    global _connected  # noqa: PLW0603 - signals are the process's
    if _connected is not None:
        _connected.disconnect()
    _connected = TaskAudit(Telling("celery", log), tasks, arguments or {}, event, carry=carry, durable=durable)
    _connected.closing = closing
    _connected.connect()
    return _connected


class TaskAudit:
    """Hears Celery's signals until `disconnect`."""

    closing: float = CLOSING

    def __init__(
        self,
        telling: Telling,
        tasks: Sequence[str],
        arguments: Mapping[str, Sequence[str]],
        event: str,
        *,
        carry: bool,
        durable: bool,
    ) -> None:
        if isinstance(tasks, str):
            raise TypeError(f"tasks={tasks!r}: give globs in a tuple, as ({tasks!r},)")
        for task, names in arguments.items():
            if isinstance(names, str):
                raise TypeError(f"arguments: give names of parameters in a tuple, as {{{task!r}: ({names!r},)}}")
        self._telling, self._tasks, self._arguments = telling, tuple(tasks), arguments
        self._event, self._carry, self._durable = event, carry, durable
        self._running: dict[str, tuple[float, Token[Mapping[str, Value]] | None]] = {}
        self._last = "", 0.0  # task that outlasted its time, and when
        self._hears: list[tuple[Any, Callable[..., Any]]] = [
            (signal, telling.guarded(receiver))
            for signal, receiver in (
                (signals.before_task_publish, self._publish),
                (signals.task_prerun, self._begin),
                (signals.task_success, self._success),
                (signals.task_failure, self._failure),
                (signals.task_retry, self._retry),
                (signals.task_postrun, self._end),
                (signals.task_revoked, self._revoked),
                (signals.task_rejected, self._rejected),
                (signals.task_unknown, self._unknown),
                (signals.worker_process_init, self._born),
                (signals.worker_process_shutdown, self._dies),
            )
        ]

    def connect(self) -> None:
        for signal, receiver in self._hears:
            signal.connect(receiver, weak=False)

    def disconnect(self) -> None:
        for signal, receiver in self._hears:
            signal.disconnect(receiver)

    # --- where a task is sent ------------------------------------------------------------------------------------

    def _publish(self, *, headers: dict[str, Any] | None = None, **_: Any) -> None:
        if self._carry and headers is not None:
            names = set(NAMES.values())
            carried = {key: value for key, value in known().items() if key in names and type(value) is str}
            if carried:
                headers[HEADER] = {key: value[:LONGEST] for key, value in carried.items()}

    # --- where it runs -------------------------------------------------------------------------------------------

    def _begin(self, *, task_id: str, task: Any, **_: Any) -> None:
        who = self._who(task.request)
        self._running[task_id] = time.perf_counter(), set_bound(who) if who else None

    def _end(self, *, task_id: str, task: Any, state: str = "", retval: Any = None, **_: Any) -> None:
        try:
            if state == "REJECTED":
                self._tell("rejected", task, task.request, reason=kind(retval) if retval is not None else "")
        finally:
            token = self._running.pop(task_id, (0.0, None))[1]
            if token is not None:
                reset(token)

    def _success(self, *, sender: Any, runtime: float | None = None, **_: Any) -> None:
        self._tell("success", sender, sender.request, duration=runtime)

    def _failure(self, *, sender: Any, task_id: str, exception: BaseException | None = None, **named: Any) -> None:
        """In a child; in its parent too, for a task that outlasted its time or whose child was killed."""
        if isinstance(exception, (Reject, Ignore)) or self._again(task_id, exception):
            return
        request = sender.request
        if request.id != task_id:  # nothing is known of it but this
            self._tell("failure", sender, None, id=task_id, error=kind(exception), given=_given(named))
        else:
            self._tell("failure", sender, request, error=kind(exception))

    def _again(self, task_id: str, exception: BaseException | None) -> bool:
        """Celery 5.7 tells of one hard time limit twice, from two places."""
        if not isinstance(exception, TimeLimitExceeded):
            return False
        told, now = task_id, time.monotonic()
        before, when = self._last
        self._last = told, now
        return told == before and now - when < AT_ONCE

    def _retry(self, *, sender: Any, request: Any, reason: Any = None, **_: Any) -> None:
        error = getattr(reason, "exc", None)
        self._tell("retry", sender, request, error=kind(error) if isinstance(error, BaseException) else "")

    def _revoked(self, *, sender: Any, request: Any, terminated: bool = False, expired: bool = False, **_: Any) -> None:
        why = "terminated" if terminated else "expired" if expired else "revoked"
        self._tell("revoked", sender, request, reason=why)

    def _rejected(self, *, message: Any, **_: Any) -> None:
        """A message that is no task, or not a whole one."""
        headers = message.headers or {}
        self._tell_of("rejected", str(headers.get("task", "")), str(headers.get("id", "")), reason="invalid message")

    def _unknown(self, *, name: str, id: str, **_: Any) -> None:  # noqa: A002 - as Celery calls it
        self._tell_of("rejected", name, id, reason="unknown task")

    # --- the life of a child -------------------------------------------------------------------------------------

    def _born(self, **_: Any) -> None:
        """What runs in the parent is not this child's; its audit log begins anew by itself."""
        self._running.clear()

    def _dies(self, **_: Any) -> None:
        self._telling.log.close(self.closing)

    # --- inside --------------------------------------------------------------------------------------------------

    def _tell(
        self,
        state: str,
        task: Any,
        request: Any,
        *,
        id: str = "",  # noqa: A002 - Celery's word
        given: tuple[Any, Any] | None = None,
        duration: float | None = None,
        error: str = "",
        reason: str = "",
    ) -> None:
        id = id or request.id  # noqa: A001 - as above
        began, _ = self._running.get(id, (None, None))
        if duration is None and began is not None:
            duration = time.perf_counter() - began
        delivery = getattr(request, "delivery_info", None) or {}
        more = {
            **self._who(request),
            "messaging.destination.name": delivery.get("routing_key"),
            "celery.retries": getattr(request, "retries", None),
            DURATION: duration,
            **self._named(task, given or (getattr(request, "args", None), getattr(request, "kwargs", None))),
        }
        self._tell_of(state, task.name, id, error=error, reason=reason, more=more)

    def _tell_of(
        self,
        state: str,
        name: str,
        id: str,  # noqa: A002 - Celery's word
        *,
        error: str = "",
        reason: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> None:
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in self._tasks):
            return
        said = {
            "audit.target.type": "task",
            "audit.target.name": name,
            "audit.target.id": id,
            "workflow.state": state,
            "messaging.system": "celery",
            "error.type": error,
            "audit.reason": reason,
            "outcome": OUTCOMES.get(state, "unknown"),
            **(more or {}),
        }
        self._telling.said(self._event, said, durable=self._durable)

    def _who(self, request: Any) -> dict[str, Value]:
        """What was bound where the task was sent."""
        carried = (getattr(request, "headers", None) or {}).get(HEADER) if self._carry else None
        if not isinstance(carried, Mapping):
            return {}
        known = set(NAMES.values())
        return {key: value[:LONGEST] for key, value in carried.items() if key in known and type(value) is str}

    def _named(self, task: Any, given: tuple[Any, Any]) -> dict[str, Any]:
        """The arguments that are to be written."""
        found: dict[str, Any] = {}
        with self._telling.harmless("the arguments of a task could not be named"):
            if names := self._arguments.get(task.name, ()):
                held = inspect.signature(task.run).bind_partial(*(given[0] or ()), **(given[1] or {}))
                held.apply_defaults()
                found |= {ARGUMENT + name: held.arguments[name] for name in names if name in held.arguments}
        return found


def _given(named: Mapping[str, Any]) -> tuple[Any, Any]:
    return named.get("args"), named.get("kwargs")
