"""Syslog in the conformance table: what the transport says of a connection stands for the peer, which says nothing."""

from __future__ import annotations

from otelsiem.destinations.syslog import Syslog
from otelsiem.model.standing import Standing
from tests.conformance.row import Row


def syslog(**settings: object) -> Syslog:
    return Syslog.model_validate({"endpoint": "syslog.example.com", **settings})


STANDINGS = (
    Standing(1, 100, -1, {}),  # new: nothing is known of it
    Standing(1, 100, 0, {}),
    Standing(1, 100, 40, {}),
    Standing(1, 100, 100, {}),
    Standing(2, 0, -1, {1: 40}),  # the one before has ended
    Standing(2, 200, 100, {1: 100}),
    Standing(0, 0, -1, {1: 100}),  # there is none
)

ROW = Row(
    (
        syslog(),
        syslog(framing="lf", max_message_bytes=1024, bom=True, structured_data_id="acgs2@12345"),
        syslog(format="json", facility="local4", app_name="{tenant.id}", broadcast_emergencies=True),
        syslog(protocol="rfc3164", tls={"insecure": True}),
        syslog(preset="qradar"),
        syslog(preset="arcsight", protocol="rfc5424"),
        syslog(preset="sentinel_ama", network="udp"),
        syslog(network="udp"),
    ),
    (),
    tuple(standing.encode() for standing in STANDINGS),
)
