"""OpenSearch in the conformance table."""

from __future__ import annotations

from otelsiem.destinations.opensearch import Opensearch
from tests.conformance.row import Row
from tests.conformance.rows.elasticsearch import BULK_BODIES, SECRET


def opensearch(**settings: object) -> Opensearch:
    return Opensearch.model_validate({"endpoint": "https://os.example.com:9200", **settings})


ROW = Row(
    (
        opensearch(user="admin", password=SECRET, index="audit"),
        opensearch(bearer_token=SECRET, mapping={"mode": "otel"}, index="audit-{tenant.id}-%Y.%m"),
        opensearch(
            headers={"X-Proxy-Key": SECRET}, auth={"sigv4": {"region": "eu-central-1", "service": "aoss"}},
            compression="none",
        ),
    ),
    (SECRET,),
    BULK_BODIES,
)  # fmt: skip
