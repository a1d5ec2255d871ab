"""The audit log that everybody in a process uses: `configure` it once, call `audit` anywhere.

    otelsiem.configure(SplunkHec(endpoint=…, token=…), journal="audit-journal/", service_name="billing")
    otelsiem.audit("authentication_failure", outcome="failure", severity="high", actor="u-7")

Guarantees: the order does not matter: what was audited before `configure` waits for it. A process that ends without
says how many events it lost.
"""

from __future__ import annotations

from typing import Unpack

from otelsiem.auditing.log import AuditLog
from otelsiem.auditing.setup import Settings, checked
from otelsiem.model.destination import Destination
from otelsiem.outbox import Outlet

_default = AuditLog.unset()

audit = _default.audit
audit_durable = _default.audit_durable
audited = _default.audited


def default() -> AuditLog:
    """The one that `audit` uses."""
    return _default


def configure(*destinations: Destination | Outlet, **settings: Unpack[Settings]) -> AuditLog:
    """Say what `audit` is to do. Called again it replaces what was said before."""
    _default.set_up(checked(destinations, settings))
    return _default
