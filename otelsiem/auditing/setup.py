"""What an `AuditLog` is to do with what it is told: destinations, journal, what happens when the queue is full.

Guarantees: what cannot work is refused here, with a sentence, before any record is taken; nothing is opened and no
thread begins, so an application may set up before it forks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypedDict, get_args

from opentelemetry.sdk.resources import Resource

from otelsiem.model.destination import Destination
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.processor import Processor
from otelsiem.model.record import Value
from otelsiem.outbox import Outlet, kind
from otelsiem.processors.constitution import Constitution
from otelsiem.processors.severity import Severity
from otelsiem.sdk.convert import mapping, resource

OnFull: TypeAlias = Literal["drop_newest", "spill", "block"]

MAX_QUEUE = 100_000


class Settings(TypedDict, total=False):
    """What may be said to `AuditLog` and `configure`, beside destinations."""

    exporters: Mapping[str, Destination | Outlet]
    """Destinations by a name of their own; the positional ones are named by their type."""
    journal: str | Path | None
    """A directory: what is taken is on disk first, and survives this process. None: in memory."""
    on_full: OnFull | None
    """A full queue: `drop_newest` (counted; the default without a journal), `spill` to it (with one), or `block`."""
    max_queue: int
    """Events that may wait to be written."""
    constitution: Constitution | str | None
    """The hash of the rules in force, stamped on every record."""
    severity: Severity | None
    """How severity is decided, if not by the table."""
    processors: Sequence[Processor]
    """Further ones, after those two."""
    service_name: str
    """Who speaks; else OTEL_SERVICE_NAME."""
    resource: Mapping[str, Value]
    """What else is to be known of the speaker."""
    flush_on_sigterm: bool
    """Where nobody handles SIGTERM: flush before it ends the process (`life.flush_on_sigterm`)."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Checked."""

    outlets: Mapping[str, Outlet]
    journal: Path | None
    on_full: OnFull
    max_queue: int
    processors: Sequence[Processor]
    resource: Mapping[str, Value]
    flush_on_sigterm: bool = False


def checked(destinations: Sequence[Destination | Outlet], settings: Settings) -> Setup:
    """A Setup; OtelsiemError or TypeError says what is wrong."""
    if unknown := sorted(settings.keys() - Settings.__annotations__.keys()):
        raise TypeError(f"unknown: {', '.join(unknown)}; known are {', '.join(Settings.__annotations__)}")
    journal, rules = settings.get("journal"), settings.get("constitution")
    directory = None if journal is None else _directory(Path(journal).absolute())  # a daemon goes to another
    rules = Constitution(hash=rules) if isinstance(rules, str) else rules
    return Setup(
        _named(destinations, settings.get("exporters", {})),
        directory,
        _policy(settings.get("on_full"), directory),
        _positive(settings.get("max_queue", MAX_QUEUE)),
        (settings.get("severity") or Severity(), *([rules] if rules else ()), *settings.get("processors", ())),
        _resource(settings.get("service_name", ""), settings.get("resource", {})),
        settings.get("flush_on_sigterm", False),
    )


def outlet(destination: Destination | Outlet) -> Outlet:
    """As it is delivered to."""
    if isinstance(destination, Outlet):
        return destination
    if not callable(getattr(destination, "encode", None)) or isinstance(destination, type):
        raise OtelsiemError(
            f"{destination!r} is no destination: give one made of its settings, as SplunkHec(endpoint=…, token=…)"
        )
    return Outlet(destination)


def _named(
    destinations: Sequence[Destination | Outlet], exporters: Mapping[str, Destination | Outlet]
) -> Mapping[str, Outlet]:
    found = {name: outlet(one) for name, one in exporters.items()}
    for given in destinations:
        made = outlet(given)
        name = plain = kind(made.destination)
        number = 1
        while name in found:
            number += 1
            name = f"{plain}/{number}"
        found[name] = made
    return found


def _directory(directory: Path) -> Path:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OtelsiemError(f"the journal cannot be in {directory}: {error.strerror}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise OtelsiemError(f"the journal cannot be in {directory}: this user may not write there")
    return directory


def _policy(on_full: OnFull | None, directory: Path | None) -> OnFull:
    if on_full is None:
        return "drop_newest" if directory is None else "spill"
    if on_full not in get_args(OnFull):
        raise OtelsiemError(f"on_full={on_full!r}: it is one of {', '.join(get_args(OnFull))}")
    if on_full == "spill" and directory is None:
        raise OtelsiemError("on_full='spill' needs a journal to spill to: give journal='audit-journal/'")
    return on_full


def _positive(max_queue: int) -> int:
    if max_queue < 1:
        raise OtelsiemError(f"max_queue={max_queue}: it is 1 or more")
    return max_queue


def _resource(service_name: str, attributes: Mapping[str, Value]) -> Mapping[str, Value]:
    """As every signal of this application has it: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES count."""
    named = {"service.name": service_name} if service_name else {}
    return {**resource(Resource.create({})), **named, **mapping(attributes)}
