"""Syslog's PRI: who is speaking (the facility) and how bad it is, as one number (RFC 5424 6.2.1)."""

from __future__ import annotations

from otelsiem.model.severity import SCALES

FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "security", "console", "solaris-cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
)  # fmt: skip
ALSO = {"audit": 13, "log_audit": 13, "alert": 14, "clock": 15}  # RFC 5424's own words for 13 to 15

LOG_AUDIT = 13
_EMERGENCY = 24  # SeverityNumber


def facility(value: object) -> int:
    """The number of a facility, by its number or its name. Raises ValueError."""
    if isinstance(value, str) and not value.strip().isdecimal():
        name = value.strip().lower()
        number = ALSO.get(name, FACILITIES.index(name) if name in FACILITIES else -1)
    else:
        number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else -1
    if not 0 <= number < len(FACILITIES):
        known = "0-23, or one of auth, authpriv, audit (13), user, daemon, local0-local7"
        raise ValueError(f"is not a facility; write {known}")
    return number


def priorities(facility: int, *, broadcast: bool) -> tuple[int, ...]:
    """The PRI for each SeverityNumber 0-24.

    `broadcast`: emergency is 0, which a classic syslogd writes to every terminal (`*.emerg :omusrmsg:*`); else it is 1.
    """
    levels = [row.syslog for row in SCALES]
    if broadcast:
        levels[_EMERGENCY] = 0
    return tuple([facility * 8 + level for level in levels])
