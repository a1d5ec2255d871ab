"""OCSF: one event per record, of the class that the event's type and the record's content allow.

Guarantees: every event is valid in the version asked for, whatever the record holds (`ocsf_check` and an independent
judge agree on that in the tests); times are milliseconds, exact ones stand in `metadata.original_time`; nothing is
dropped: what OCSF has no place for is under `unmapped`. The four keys of responders are `metadata.tenant_uid`,
`metadata.correlation_uid`, `unmapped.agent_id` and `unmapped.constitutional_hash`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from otelsiem.formats import planned
from otelsiem.formats._ocsf_adapt import adapt
from otelsiem.formats._ocsf_document import event_of
from otelsiem.formats._ocsf_group import Common
from otelsiem.formats._ocsf_lines import Texts, writer
from otelsiem.formats._ocsf_objects import Object
from otelsiem.formats._ocsf_schema import schema
from otelsiem.formats.json import Event, Shapes, document, template, timestamps
from otelsiem.formats.planned import Find, General
from otelsiem.formats.speaker import NOBODY, Product
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

Version: TypeAlias = Literal["1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0", "1.6.0", "1.7.0", "1.8.0"]
NEWEST: Version = "1.8.0"


@dataclass(frozen=True, slots=True)
class Style:
    """How OCSF events are written."""

    product: Product = NOBODY
    version: Version = NEWEST  # the newest that an independent judge validates; consumers map by it


class Document(msgspec.Struct, gc=False, omit_defaults=True):
    """The attributes of the classes that audit records become."""

    activity_id: Any = None
    activity_name: Any = None
    category_uid: Any = None
    class_uid: Any = None
    type_uid: Any = None
    severity_id: Any = None
    status_id: Any = None
    status_code: Any = None
    status_detail: Any = None
    time: Any = None
    message: Any = None
    metadata: Any = None
    actor: Any = None
    user: Any = None
    session: Any = None
    service: Any = None
    api: Any = None
    entity: Any = None
    resources: Any = None
    src_endpoint: Any = None
    dst_endpoint: Any = None
    http_request: Any = None
    http_response: Any = None
    finding_info: Any = None
    compliance: Any = None
    evidences: Any = None
    remediation: Any = None
    is_alert: Any = None
    risk_score: Any = None
    risk_level_id: Any = None
    risk_level: Any = None
    confidence_score: Any = None
    action_id: Any = None
    action: Any = None
    policy: Any = None
    attacks: Any = None
    device: Any = None
    cloud: Any = None
    trace: Any = None
    raw_data: Any = None
    observables: Any = None
    unmapped: Any = None


def documents(batch: Batch, at: Moment, style: Style) -> list[msgspec.Struct]:
    """One event per record, in order. They share values with the records and are only good to be encoded."""
    made: list[msgspec.Struct] = []
    for group in batch:
        tree = _Group(group, at, style).tree
        made += [Document(**tree(record)) for record in group.records]
    return made


def lines(batch: Batch, at: Moment, style: Style) -> list[bytes]:
    """One line per record."""
    return planned.lines(batch, lambda group: _Group(group, at, style).ways())


class _Group:
    """How the records of a group are written."""

    def __init__(self, group: Group, at: Moment, style: Style) -> None:
        minor = int(style.version.split(".")[1])
        self._schema, self._newest = schema(minor), style.version == NEWEST
        self._blank = template(group, at, style.product, Event)
        self._common = Common(group, at, style.product, minor)
        self._shapes: Shapes = {}
        self._stamp = timestamps()

    def tree(self, record: Record) -> Object:
        event = event_of(document(record, self._blank, self._shapes, self._stamp), self._common)
        return event if self._newest else adapt(event, self._schema)

    def ways(self) -> tuple[General, Find | None]:
        said = {name: value for name in FROM_RESOURCE if (value := getattr(self._blank, name)) is not None}
        if not self._newest or any(type(value) is not str for value in said.values()):
            return self.tree, None
        texts = Texts(self._common, said)
        return self.tree, lambda signature: writer(signature, texts)
