"""Entries of an application's log as audit events: which of them, what they are called, what they bring along.

An entry is chosen by its mark (`audit=True`, or `audit="authentication_failure"`, which names the event too), by its
logger, or by the name of its event; `audit=False` leaves it out whatever else holds. Its event is what the mark says,
else its `event` when that is a name, else what its logger's entries are called, else its logger.

Guarantees: the entry is not changed; what our own loggers say is never taken: it would be about itself, without end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from fnmatch import translate
from typing import Any, NamedTuple, TypeAlias

from otelsiem.auditing.audited import error_type
from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._hook import Hook
from otelsiem.integrations._plain import plain
from otelsiem.model import severity
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.match import canonical
from otelsiem.voice import is_own

Loggers: TypeAlias = Sequence[str] | Mapping[str, str]

LOGGER = "log.logger"
MARK = "audit"
_NAME = re.compile(r"[^\W\d][\w.:/-]{0,99}")  # of an event: one word
_WORDS = ((50, "critical"), (40, "error"), (30, "warning"), (20, "info"), (10, "debug"))


class Entry(NamedTuple):
    """One, as a hook found it."""

    logger: str
    level: int | str
    said: Mapping[Any, Any]  # what it brings along
    text: Callable[[], str]  # what a person reads
    error: type[BaseException] | None = None
    leave: Collection[str] = ()  # keys of `said` that are no attributes


class Entries:
    """`loggers`: names, each with those below it; a mapping says what their entries are called. `events`: globs."""

    def __init__(
        self, name: str, loggers: Loggers, events: Sequence[str], log: AuditLog | None, *, all_if_unsaid: bool = False
    ) -> None:
        self.hook = Hook(name, log)
        called = loggers if isinstance(loggers, Mapping) else dict.fromkeys(_names("loggers", loggers), "")
        self._called = sorted(((_named("loggers", one), _named("loggers", called[one], empty=True)) for one in called),
                              key=lambda pair: -len(pair[0]))  # fmt: skip
        globs = [translate(canonical(one)) for one in _names("events", events)]
        self._events = re.compile("|".join(globs)) if globs else None
        self._all = all_if_unsaid and not self._called and not globs

    def offer(self, entry: Entry) -> None:
        """One entry."""
        mark, logger = entry.said.get(MARK), entry.logger
        if (mark is not None and not mark) or is_own(logger):
            return
        name = entry.said.get("event")
        name = name if isinstance(name, str) and _NAME.fullmatch(name) else ""
        called = next((say for one, say in self._called if logger == one or logger.startswith(f"{one}.")), None)
        if mark or self._all or called is not None or (name and self._events and self._events.match(canonical(name))):
            self._tell((mark if isinstance(mark, str) else "") or name or called or logger or "log", entry)

    def _tell(self, event: str, entry: Entry) -> None:
        said = {str(key): item for key, item in entry.said.items() if key not in entry.leave and key != MARK}
        if isinstance(name := said.get("event"), str) and name == event:
            del said["event"]
        attributes = plain(said)
        word = entry.level if isinstance(entry.level, str) else _word(entry.level)
        if severity.number(attributes.get("severity")):
            word = str(attributes.pop("severity"))
        outcome, tenant = attributes.pop("outcome", None), attributes.pop("tenant", None)
        if tenant is not None:
            attributes["tenant.id"] = str(tenant)
        if entry.error is not None:
            attributes["error.type"] = error_type(entry.error)
        if entry.logger:
            attributes[LOGGER] = entry.logger
        said_so, message = "" if outcome is None else str(outcome), self._text(entry, event)
        self.hook.tell(event, attributes, outcome=said_so, severity=word, message=message)

    def _text(self, entry: Entry, event: str) -> str:
        with self.hook.harmless("the text of a log entry could not be made"):
            made = str(entry.text())
            return made if made != event else ""
        return ""


def _word(level: int) -> str:
    return next((word for least, word in _WORDS if level >= least), "trace")


def _names(what: str, names: Sequence[str]) -> Sequence[str]:
    if isinstance(names, str):
        raise OtelsiemError(f"{what}={names!r}: give names in a tuple, as ({names!r},)")
    return [_named(what, name) for name in names]


def _named(what: str, name: object, *, empty: bool = False) -> str:
    if not isinstance(name, str) or not (name or empty):
        raise OtelsiemError(f"{what}: {name!r} is no name")
    return name
