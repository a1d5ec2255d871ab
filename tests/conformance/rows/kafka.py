"""Kafka in the conformance table."""

from __future__ import annotations

import msgspec

from otelsiem.destinations.kafka import Kafka
from otelsiem.model.kafka import Cluster, Fault, Partition, Produced, Topic
from tests.conformance.row import Row

SECRET = "planted-secret-5d1f77aa"  # as password, and as client secret

_encode = msgspec.json.Encoder().encode


SASL = {"sasl": {"mechanism": "SCRAM-SHA-512", "username": "otelsiem", "password": SECRET}}
PLAIN = {"sasl": SASL["sasl"] | {"mechanism": "PLAIN"}}
OAUTH = {
    "sasl": {
        "mechanism": "OAUTHBEARER",
        "oauth2": {"client_id": "o", "client_secret": SECRET, "token_url": "https://id.example.com/token"},
    }
}


def kafka(**settings: object) -> Kafka:
    return Kafka.model_validate(
        {"brokers": ["kafka-1.example.com:9092", "kafka-2.example.com"], "auth": SASL, **settings}
    )


NUMBERS = (2, 3, 10, 17, 19, 20, 29, 32, 44, 45, 46, 58, 76, 87, 89, 9999, -1, -138, -150, -151, -152, -188, -192, -195)
COUNTS = (1, 46, 47)  # messages that payloads of the configurations below have


def _produced(number: int, count: int, *, all_: bool) -> bytes:
    codes = [number if all_ or n % 2 else 0 for n in range(count)]
    return _encode(Produced(codes, {str(number): Fault("NAME\x1b[2J", f"said\n{SECRET}")}))


BODIES = (
    *(_produced(number, count, all_=all_) for number in NUMBERS for count in (1, 46) for all_ in (True, False)),
    *(_produced(number, count, all_=True) for number in (0, 87, -192) for count in COUNTS),
    b'{"codes":[]}',
    b'{"codes":[0,0],"faults":{"0":7}}',
    *(_encode(Cluster(3, {"otlp_logs": Topic(number, "NAME")})) for number in (0, 3, 5, 17, 29, -1, 9999)),
    _encode(Cluster(3, {"otlp_logs": Topic(partitions=[Partition(1, 3, 3), Partition(-1, 3, 0)], min_in_sync=2)})),
    _encode(Cluster(3, {"otlp_logs": Topic(partitions=[Partition(1, 3, 1)], min_in_sync=2)})),
    _encode(Cluster(3, {"otlp_logs": Topic(partitions=[Partition(1, 3, 3)], operations=["READ"])})),
    _encode(Cluster(3, {})),
)

ROW = Row(
    (
        kafka(),
        kafka(format="otlp_json", partition_logs_by_resource_attributes=True, auth=PLAIN, tls={}),
        kafka(unit="record", key="{tenant.id}", topic="audit-{tenant.id}", headers={"team": "soc"}),
        kafka(format="json", topic="audit", auth=OAUTH, tls={}, producer={"max_message_bytes": 4096}),
        kafka(partition_logs_by_trace_id=True, timestamp="sent", producer={"max_message_bytes": 2048}),
    ),
    (SECRET,),
    BODIES,
)
