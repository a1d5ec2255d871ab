"""What the gateway knows of a request and its sender only claims: written on every record, before ids are used.

Guarantees: a tenant that is known stands under every spelling that a record or its resource has, and under
`tenant.id`; what they claimed otherwise is kept as `audit.tenant.claimed`.
"""

from __future__ import annotations

from collections.abc import Sequence

from otelsiem.formats.vocabulary import spellings
from otelsiem.model.record import Batch, Value

TENANT = "tenant.id"
CLAIMED = "audit.tenant.claimed"

_SPELLINGS = spellings(TENANT)


def own(batch: Batch, tenant: str) -> None:
    """The records are this tenant's, whatever they say."""
    for group in batch:
        group.resource = {**group.resource}  # other groups of the request share it, and must see the claim too
        common = _replace(group.resource, tenant)
        group.resource[TENANT] = tenant
        for record in group.records:
            claimed = _replace(record.attributes, tenant) or common
            record.attributes[TENANT] = tenant
            if claimed:
                record.attributes[CLAIMED] = claimed


def _replace(attributes: dict[str, Value], tenant: str) -> Value:
    """The first claim that differs, None without one."""
    claimed: Value = None
    for name in _SPELLINGS:
        if name in attributes and (said := attributes[name]) != tenant:
            claimed = claimed or said
            attributes[name] = tenant
    return claimed


def mark(batch: Batch, marks: Sequence[tuple[str, str]]) -> None:
    """Attributes that all records of a request get."""
    for group in batch:
        for record in group.records:
            record.attributes.update(marks)
