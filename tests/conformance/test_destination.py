"""Every destination goes through the same public suite; a destination without a row here fails."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass, field

import pytest

from otelsiem import destinations
from otelsiem.destinations.console import Console
from otelsiem.destinations.file import File
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.model.destination import Destination
from otelsiem.testing import conformance

TOKEN = "11111111-2222-3333-4444-planted00000"
HEADER = "planted-header-value"


@dataclass(frozen=True)
class Row:
    """One destination in the configurations that differ in what they promise, and what its peer may say."""

    made: tuple[Destination, ...]
    secrets: tuple[str, ...] = ()
    bodies: tuple[bytes, ...] = field(default=(), repr=False)


def hec(**settings: object) -> SplunkHec:
    return SplunkHec.model_validate(
        {"endpoint": "https://splunk.example.com:8088", "token": TOKEN, "headers": {"X-Proxy-Key": HEADER}, **settings}
    )


HEC_BODIES = tuple(
    b'{"text":"said","code":%d%s}' % (code, number)
    for code in range(31)
    for number in (
        b"",
        b',"invalid-event-number":0',
        b',"invalid-event-number":1',
        b',"invalid-event-number":2,"ackId":0',
        b',"ackId":7',
        b',"invalid-event-number":39',
        b',"invalid-event-number":1000000',
        b',"invalid-event-number":-1',
        b',"invalid-event-number":"1"',
    )
)
HEC_ACKS = (b'{"acks":{"0":false,"7":false}}', b'{"acks":{"8":true}}', b'{"acks":{"7":"true"}}')

ROWS: dict[str, Row] = {
    "splunk_hec": Row(
        (
            hec(),
            hec(compression="none", max_request_bytes=2000, max_event_bytes=4000),
            hec(index="audit-{tenant.id}", schema="event", fields=["user.id", "nested"], max_request_bytes=4096),
            hec(ack=True),
            hec(ack=True, endpoint=[f"https://splunk-{n}.example.com:8088" for n in range(3)]),
        ),
        (TOKEN, HEADER),
        HEC_BODIES + HEC_ACKS,
    ),
    "file": Row((File(path="audit.jsonl"),)),
    "console": Row((Console(), Console(color="always"))),
}


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, row in ROWS.items() for number in range(len(row.made))]
)
class TestDestination:
    def test_encode(self, name: str, number: int) -> None:
        conformance.check_encode(ROWS[name].made[number], conformance.sample())

    def test_any_reply_gives_an_outcome(self, name: str, number: int) -> None:
        conformance.check_exchange(ROWS[name].made[number], conformance.sample(), ROWS[name].bodies)

    def test_p3_our_fault_never_costs_data(self, name: str, number: int) -> None:
        conformance.check_blame(ROWS[name].made[number], conformance.sample(), ROWS[name].bodies)

    def test_p2_only_the_peer_confirms(self, name: str, number: int) -> None:
        row = ROWS[name]
        conformance.check_confirm(row.made[number], conformance.sample(), row.bodies, secrets=row.secrets)

    def test_no_secret_comes_out(self, name: str, number: int) -> None:
        row = ROWS[name]
        conformance.check_silence(row.made[number], conformance.sample(), row.secrets)


def test_every_destination_has_a_row() -> None:
    modules = {module.name for module in pkgutil.iter_modules(destinations.__path__)}
    assert {name for name in modules if not name.startswith("_")} == ROWS.keys()
