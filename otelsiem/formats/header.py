"""The header of syslog messages, of RFC 5424 and of RFC 3164 (the form before it, which SIEMs still ask for).

Guarantees: every field is what its RFC allows, whatever a record or a resource says; a HOSTNAME is always sent, because
syslog-ng puts the sender's address in the place of a missing one. RFC 3164 knows neither year nor zone: its times are
UTC, in whole seconds. A time after 2099 is sent as `-`: rsyslog reads none of a message with such a year.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from otelsiem.formats.json import until_the_second
from otelsiem.formats.priority import LOG_AUDIT, priorities
from otelsiem.formats.speaker import NOBODY, Product, Speaker, speaker
from otelsiem.formats.structured import FIRST_UNREAD
from otelsiem.formats.template import Template
from otelsiem.formats.values import text
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

Protocol: TypeAlias = Literal["rfc5424", "rfc3164"]
Start: TypeAlias = Callable[[Record, str], str]  # of a record, and its time in ns as text

DEFAULT_APP = "otelsiem"
_UNFIT = re.compile(r"[^!-~]+")  # PRINTUSASCII, RFC 5424 6
_UNFIT_HOST = re.compile(r"[^A-Za-z0-9._-]+")
_IPV6 = re.compile(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}")
_UNFIT_TAG = re.compile(r"[^A-Za-z0-9._/-]+")  # a colon or a bracket would end it
_LAST_SECOND = 253_402_300_799  # of the year 9999
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Style:
    """How syslog messages are written."""

    product: Product = NOBODY
    facility: int = LOG_AUDIT
    broadcast: bool = False  # emergencies as 0: a classic syslogd writes those to every terminal
    app_name: Template | None = None  # None: the product
    sd_id: str = "audit@32473"  # 32473 is the number of examples (RFC 5612)
    message: Literal["text", "json"] = "text"
    bom: bool = False
    max_bytes: int = 8000

    @property
    def enterprise(self) -> str:
        """The private enterprise number of the operator."""
        return self.sd_id.partition("@")[2]


def token(value: str, most: int) -> str:
    """A header field: what it cannot hold is `_`, nothing is `-`."""
    return _UNFIT.sub("_", value[: 4 * most])[:most] or "-"


def hostname(said: Speaker) -> str:
    """HOSTNAME: a name or an address. Any other sign makes receivers take it for something else (RFC 3164: the tag)."""
    name = said.hostname[:1024]
    return name if _IPV6.fullmatch(name) else _UNFIT_HOST.sub("_", name)[:255].strip("_") or "-"


class Header:
    """Headers of the records of a batch. What is the same for a group, an event or a second is worked out once."""

    def __init__(self, protocol: Protocol, style: Style, *, tagged: bool = True) -> None:
        """`tagged`: an RFC 3164 header ends with the application's name; CEF and LEEF stand there instead."""
        self.protocol, self._style, self._tagged = protocol, style, tagged
        self._levels = priorities(style.facility, broadcast=style.broadcast)
        self._seconds: dict[str, str] = {}
        self._events: dict[str, str] = {}

    def priority(self, severity: int) -> int:
        return self._levels[min(max(severity, 0), 24)]

    def group(self, group: Group, said: Speaker) -> Start:
        """How the headers of a group's records are written."""
        host, process = hostname(said), token(text(group.resource.get("process.pid")), 128)
        named = self._style.app_name
        bound = named.bind(group.resource, group.scope) if named is not None else None
        app = said.product or DEFAULT_APP
        if self.protocol == "rfc5424":
            return self._rfc5424(host, process, app, bound)
        return self._rfc3164(host, process, app, bound)

    def message_id(self, event: str) -> str:
        """MSGID: the event type as far as it can hold it."""
        found = self._events.get(event)
        if found is None:
            found = self._events[event] = token(event, 32)
        return found

    def _rfc5424(self, host: str, process: str, app: str, bound: Callable[[Record], str] | None) -> Start:
        levels, seconds, events = self._levels, self._seconds, self._events
        fixed = f" {host} {token(app, 48)} {process} "

        def start(record: Record, ns: str) -> str:
            second, severity = ns[:-9], record.severity
            day = seconds.get(second) or self._second(second)
            middle = fixed if bound is None else f" {host} {token(bound(record), 48)} {process} "
            level = levels[severity] if 0 <= severity <= 24 else self.priority(severity)
            event = events.get(record.event) or self.message_id(record.event)
            time = f"{day}{ns[-9:-3]:0>6}Z" if day else "-"
            return f"<{level}>1 {time}{middle}{event} "

        return start

    def _rfc3164(self, host: str, process: str, app: str, bound: Callable[[Record], str] | None) -> Start:
        levels, seconds = self._levels, self._seconds
        ending = "" if process == "-" else f"[{_UNFIT_TAG.sub('_', process)}]"

        def tag(name: str) -> str:
            return f"{_UNFIT_TAG.sub('_', name)[:32] or DEFAULT_APP}{ending}: "

        fixed = f" {host} {tag(app)}" if self._tagged else f" {host} "

        def start(record: Record, ns: str) -> str:
            second, severity = ns[:-9], record.severity
            day = seconds.get(second) or self._second(second)
            level = levels[severity] if 0 <= severity <= 24 else self.priority(severity)
            after = fixed if bound is None or not self._tagged else f" {host} {tag(bound(record))}"
            return f"<{level}>{day}{after}"

        return start

    def _second(self, second: str) -> str:
        if self.protocol == "rfc5424":
            made = until_the_second(second) if int(second or 0) < FIRST_UNREAD else ""
        else:
            at = time.gmtime(min(max(int(second or 0), 0), _LAST_SECOND))
            clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
            made = f"{_MONTHS[at.tm_mon - 1]} {at.tm_mday:2} {clock}"
        self._seconds[second] = made
        return made


def nanoseconds(record: Record, at: Moment) -> str:
    """When it happened, as text; without any time it happened when it is sent."""
    moment = record.time or record.observed
    return str(moment) if moment > 0 else str(max(at.now, 0))


def headers(batch: Batch, at: Moment, style: Style, protocol: Protocol) -> list[str]:
    """What stands before a message of another format: one header per record, in order, ending with a blank."""
    header, made = Header(protocol, style, tagged=False), []
    for group in batch:
        start = header.group(group, speaker(group.resource, style.product, at.host))
        made += [start(record, nanoseconds(record, at)) for record in group.records]
    return [f"{one}- " for one in made] if protocol == "rfc5424" else made
