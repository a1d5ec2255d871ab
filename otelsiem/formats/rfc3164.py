"""Syslog messages of RFC 3164, the form before RFC 5424: `<PRI>Mmm dd hh:mm:ss host tag[pid]: message`.

The structured data of RFC 5424 stands before the message, since there is no other place for it. Guarantees: one visible
line per record, no longer than `max_bytes`. The time has whole seconds, no year and no zone: it is UTC.
"""

from __future__ import annotations

from otelsiem.formats.header import Style
from otelsiem.formats.syslog_lines import syslog_lines
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch

__all__ = ["Style", "lines"]


def lines(batch: Batch, at: Moment, style: Style) -> list[bytes]:
    """One message per record, in order."""
    return syslog_lines(batch, at, style, "rfc3164")
