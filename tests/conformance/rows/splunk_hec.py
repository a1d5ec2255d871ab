"""Splunk HEC in the conformance table."""

from __future__ import annotations

from otelsiem.destinations.splunk_hec import SplunkHec
from tests.conformance.row import Row

TOKEN = "11111111-2222-3333-4444-planted00000"
HEADER = "planted-header-value"


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

ROW = Row(
    (
        hec(),
        hec(compression="none", max_request_bytes=2000, max_event_bytes=4000),
        hec(index="audit-{tenant.id}", schema="event", fields=["user.id", "nested"], max_request_bytes=4096),
        hec(ack=True),
        hec(ack=True, endpoint=[f"https://splunk-{n}.example.com:8088" for n in range(3)]),
    ),
    (TOKEN, HEADER),
    HEC_BODIES + HEC_ACKS,
)
