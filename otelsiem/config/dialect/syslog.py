"""Keys of the Collector's `syslog` exporter."""

from __future__ import annotations

from otelsiem.config.dialect.row import ACCEPTED, MAPPED, REFUSED, SAME, Row
from otelsiem.destinations._settings import REFUSED as REFUSED_IN_TLS

SYSLOG = "exporters.syslog"

ROWS: tuple[Row, ...] = (
    Row(f"{SYSLOG}.endpoint|protocol", SAME),
    Row(f"{SYSLOG}.port", SAME, "unset it is 6514 with TLS, else 514; the Collector's is 514"),
    Row(f"{SYSLOG}.network", SAME, "tcp or udp, not unix"),
    Row(f"{SYSLOG}.timeout", SAME, "to connect; a receiver that reads slowly is waited for"),
    Row(f"{SYSLOG}.enable_octet_counting", MAPPED,
        "unset, messages of RFC 5424 and JSON are counted over TCP, the others are lines", to="framing"),
    Row(f"{SYSLOG}.tls.ca_file|cert_file|key_file|insecure|insecure_skip_verify|min_version|server_name_override",
        SAME, "as in the Collector, TLS is on unless insecure: true"),
    Row(f"{SYSLOG}.tls.reload_interval", ACCEPTED, "files are read again when they change"),
    *(Row(f"{SYSLOG}.tls.{key}", REFUSED, why) for key, why in REFUSED_IN_TLS.items()),
)  # fmt: skip
