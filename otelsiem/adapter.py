"""Destinations the classic way: a class with `send_event`, written by people who know nothing of exchanges.

    class Acme(SiemAdapter):
        def send_event(self, event: dict[str, Any]) -> bool: ...

Any of its methods may be `async`. Guarantees: every event gets one fate whatever the methods do. An exception or a
falsy value is tried again, `PermanentError` makes a dead letter of that event alone, `OperatorError` holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from otelsiem.model.errors import OtelsiemError


class PermanentError(OtelsiemError):
    """This event will never be taken, and it is the event's fault: it becomes a dead letter."""


class OperatorError(OtelsiemError):
    """A person must mend something (a key, an address): everything is kept, and tried again slowly."""


class RetryError(OtelsiemError):
    """Not now. `after`: seconds that the service asked for."""

    def __init__(self, message: str = "", after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


class SiemAdapter:
    """The base class. The parameters of `__init__` are the YAML keys; only `send_event` or `send_batch` must be there.

    An event is the normalised one: a dict with `event_id`, `event_type`, `severity`, `message`, `timestamp`, …
    """

    batch_size: ClassVar[int] = 100  # events of one `send_batch`
    thread_safe: ClassVar[bool] = False  # True: methods that are not async may run several at once

    def __init__(self) -> None:
        """Nothing to set."""

    def format_event(self, event: dict[str, Any]) -> Any:
        """What `send_event` and `send_batch` get instead of the event."""
        return event

    def send_event(self, event: Any) -> Any:
        """Deliver one event; True when it is delivered."""
        raise NotImplementedError(f"{type(self).__name__} has neither send_event nor send_batch")

    def send_batch(self, events: Sequence[Any]) -> Any:
        """Deliver several; True when all are delivered, or one True or False for each. Default: one after the other."""
        raise NotImplementedError

    def health_check(self) -> Any:
        """Whether the service is reached and takes our credentials."""
        return True

    def close(self) -> Any:
        """The exporter stops: let go of connections."""
