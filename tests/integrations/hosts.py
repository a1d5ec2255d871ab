"""What hooks meet in the hosts that they hook into: audit logs that fail, objects that are not what they seem."""

from __future__ import annotations

from typing import Any

from otelsiem import AuditLog
from otelsiem.integrations._hook import Hook


class Failing(AuditLog):
    """Raises whenever it is told something, which the real one promises not to."""

    def __init__(self) -> None:
        self.asked = 0

    def audit(self, event: object, /, **_: Any) -> Any:
        self.asked += 1
        raise RuntimeError("the audit log is broken")


class Weird:
    """Raises whatever is asked of it."""

    def __bool__(self) -> bool:
        raise ValueError("no truth in here")

    def __str__(self) -> str:
        raise ValueError("no text in here")

    __repr__ = __str__

    def __eq__(self, _: object) -> bool:
        raise ValueError("like nothing else")

    __hash__ = None  # type: ignore[assignment]  # nor that


class Talkative:
    """Its text holds what nobody meant to be audited."""

    def __repr__(self) -> str:
        return "<Request GET /?token=s3cret>"


SECRET = "s3cret"


def told(event: str, **attributes: Any) -> None:
    """As a host tells the log that everybody uses; tests give it another one."""
    Hook("tests", None).tell(event, attributes)
