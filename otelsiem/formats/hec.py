"""Splunk HEC envelopes: where and when an event belongs, the event itself, and the fields to index beside it.

Only the envelope keys that Splunk knows are ever written (contract 3: one it does not know loses events silently),
`fields` is flat, and `event` is never blank. `time` is exact to the nanosecond: it is built from the whole number,
because a double has steps of 240 ns today. The indexed fields carry OTel's attribute names, so that they do not
double the classic names that Splunk extracts from `event`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Raw
from msgspec.structs import astuple

from otelsiem.formats.json import Event, Shapes, Target, document, template, timestamps, until_the_second
from otelsiem.formats.layout import Layout, Layouts, Row, Signature, layout, unharmed
from otelsiem.formats.speaker import Product
from otelsiem.formats.template import Template, fit
from otelsiem.formats.values import text
from otelsiem.formats.vocabulary import FROM_RESOURCE, OUTCOMES, spellings
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record
from otelsiem.model.severity import SCALES, scale

Schema: TypeAlias = Literal["cim", "event"]
Place: TypeAlias = tuple[str | None, str | None, str | None, str | None]  # host, source, source type, index
Write: TypeAlias = Callable[[Record, Place], "Envelope | None"]  # None: this record goes the general way after all
Wanted: TypeAlias = tuple[str, tuple[str, ...]]  # the field's name, the attributes that may fill it


class CimEvent(Event, gc=False, omit_defaults=True):
    """The normalised event with the names of Splunk's Common Information Model beside its own."""

    user: Any = None
    src: Any = None
    dest: Any = None
    app: Any = None
    signature: Any = None
    status: Any = None
    object: Any = None
    object_id: Any = None
    object_category: Any = None
    vendor_product: str | None = None


class Envelope(msgspec.Struct, gc=False, omit_defaults=True):
    """The seven keys, no others."""

    time: Raw
    host: str | None = None
    source: str | None = None
    sourcetype: str | None = None
    index: str | None = None
    event: msgspec.Struct | None = None
    fields: Mapping[str, str | list[str]] | msgspec.Struct | None = None


class Indexed(msgspec.Struct, gc=False, omit_defaults=True):
    """What is always indexed: the id to dedup by (contract 8), the trace (11), the four keys of responders."""

    id: str | None = msgspec.field(default=None, name="audit.record.id")
    trace: str | None = msgspec.field(default=None, name="trace_id")
    span: str | None = msgspec.field(default=None, name="span_id")
    tenant: str | None = msgspec.field(default=None, name="tenant.id")
    agent: str | None = msgspec.field(default=None, name="gen_ai.agent.id")
    correlation: str | None = msgspec.field(default=None, name="audit.correlation.id")
    hash: str | None = msgspec.field(default=None, name="audit.constitutional_hash")

    def asdict(self) -> dict[str, str | list[str]]:
        """The same as a dict, for more to be added."""
        values = zip(self.__struct_encode_fields__, astuple(self), strict=True)
        return {name: value for name, value in values if value is not None}


_NAMES, _CIM_NAMES = [row.name for row in SCALES], [row.cim for row in SCALES]
FEW = 3  # records in a group: for fewer, finding the layout costs more than it saves
_LAYOUTS = Layouts(256, layout)  # for the process: what is made for a shape serves all batches
_SOURCE, _SOURCETYPE, _PRODUCT = Template("otelsiem:{event}"), Template("_json"), Product()


@dataclass(frozen=True, slots=True)
class Style:
    """How envelopes are written; None leaves the key to Splunk's own default."""

    host: Template | None = None  # None: the resource's `host.name`, else this machine
    source: Template | None = _SOURCE
    sourcetype: Template | None = _SOURCETYPE
    index: Template | None = None
    fields: tuple[str, ...] = ()  # attributes to index, beside those that always are
    schema: Schema = "cim"
    product: Product = _PRODUCT


def envelopes(batch: Batch, at: Moment, style: Style) -> list[Envelope]:
    """One envelope per record, in order."""
    writer = _Writer(at, style)
    made: list[Envelope] = []
    for group in batch:
        writer.append(made, group)
    return made


def clock(ns: str) -> bytes:
    """Epoch nanoseconds as the seconds that Splunk reads, all nine digits kept."""
    return f"{ns[:-9] or '0'}.{ns[-9:]:0>9}".encode()


class _Common:
    """What the envelopes of a group have in common, and how the rest of the metadata is found."""

    __slots__ = ("_host", "_index", "_same", "_source", "_sourcetype", "app", "known", "vendor_product")

    def __init__(self, group: Group, at: Moment, style: Style, *, same_places: bool) -> None:
        here = fit(group.resource.get("host.name")) or at.host
        self._host = _bound(style.host, group, here)
        self._source = _bound(style.source, group)
        self._sourcetype = _bound(style.sourcetype, group)
        self._index = _bound(style.index, group)
        self._same = same_places
        self.known: dict[str, Place] = {}
        product, vendor = style.product.product, style.product.vendor
        self.app = product or text(group.resource.get("service.name")) or None
        vendor = vendor or text(group.resource.get("service.namespace"))
        self.vendor_product = f"{vendor} {self.app or ''}".strip() or None

    def find(self, record: Record) -> Place:
        """Host, source, source type and index; `known` then has them when they depend on the event alone."""
        place = self._host(record), self._source(record), self._sourcetype(record), self._index(record)
        if self._same:
            self.known[record.event] = place
        return place


def _by_event(template: Template | None) -> bool:
    """Whether it is the same for all records of one event in a group."""
    return all(f == "event" or f.startswith(("resource.", "scope.")) for f in (template.fields if template else ()))


def _bound(template: Template | None, group: Group, default: str = "") -> Callable[[Record], str | None]:
    if template is None:
        return lambda _record: default or None
    return template.bind(group.resource, group.scope)


class _Seconds(dict[str, str]):
    """The seconds of a batch repeat, so each is formatted once."""

    def __missing__(self, second: str) -> str:
        day = self[second] = until_the_second(second)
        return day


class _Writer:
    """Writes the envelopes of a batch: records of a shape that has a layout in one step, others the general way."""

    def __init__(self, at: Moment, style: Style) -> None:
        self._at, self._style = at, style
        self._kind: type[Event] = CimEvent if style.schema == "cim" else Event
        self._wanted = [(name, spellings(name)) for name in style.fields]
        self._shapes: Shapes = {}
        self._stamp = timestamps()
        self._seconds = _Seconds()
        self._same_places = all(map(_by_event, (style.host, style.source, style.sourcetype, style.index)))

    def append(self, made: list[Envelope], group: Group) -> None:
        blank = template(group, self._at, self._style.product, self._kind)
        common = _Common(group, self._at, self._style, same_places=self._same_places)
        known, find = common.known.get, common.find
        if len(group.records) < FEW:
            made += [self._general(r, group, blank, common, known(r.event) or find(r)) for r in group.records]
            return
        said = {name: value for name in FROM_RESOURCE if (value := getattr(blank, name)) is not None}
        writes: dict[tuple[Any, ...], Write] = {}
        signature: list[Any] | None = None  # neighbours are alike: comparing costs less than looking up
        write: Write = _never
        for record in group.records:
            attributes = record.attributes
            if (found := [*attributes, *map(type, attributes.values())]) != signature:
                signature = found
                if (key := tuple(found)) not in writes:
                    writes[key] = self._write(key, said, group, blank, common)
                write = writes[key]
            place = known(record.event) or find(record)
            made.append(write(record, place) or self._general(record, group, blank, common, place))

    def _write(
        self, signature: Signature, said: Mapping[str, Any], group: Group, blank: Event, common: _Common
    ) -> Write:
        """How records of this signature are written, as far as it is known before their values are."""
        layout = _LAYOUTS.get(signature, tuple(said))
        if layout is None or any(type(value) is not str for value in said.values()):  # indexed fields are texts
            return _never
        return self._laid(layout, (None, *said.values()), group, blank, common)

    def _laid(self, layout: Layout, more: Row, group: Group, blank: Event, common: _Common) -> Write:
        """A writer for records of one layout in one group; what is the same for all of them waits in the closure."""
        make, pick, metadata, pick_pivots, pick_target, pick_careful = layout
        resource, schema_url, scope, siem = blank.resource, blank.resource_schema_url, blank.scope, blank.siem
        app, vendor_product = common.app, common.vendor_product
        seconds, wanted = self._seconds, self._wanted
        cim = self._kind is CimEvent
        names = _CIM_NAMES if cim else _NAMES

        def write(record: Record, place: Place) -> Envelope | None:
            id_, time, observed, number, word, event, body, attributes, trace, span, flags = astuple(record)
            values = attributes.values()
            row = [*values, *more]
            tenant, agent, correlation, hash_, user, src, outcome = pick_pivots(row)
            moment = time or observed
            if (
                not (all(values) or "" not in values)
                or moment < 1_000_000_000
                or not id_
                or (type(body) is not str and body is not None)
                or not 0 <= number <= 24
                or (outcome is not None and outcome not in OUTCOMES)
                or (pick_careful is not None and not all(map(unharmed, pick_careful(row))))
            ):
                return None
            ns = str(moment)
            second, fraction = ns[:-9], ns[-9:]
            host, source, sourcetype, index = place
            target = target_id = target_type = target_name = None
            dest = host
            if pick_target is not None:
                target_id, target_type, target_name = pick_target(row)
                target, dest = Target(target_id, target_type, target_name), target_name or target_id or host
            event = event or None
            trace = trace or None
            span = span or None
            document = make(
                id_, event, names[number], number, word or None, body or None,
                f"{seconds[second]}{fraction[:6]}Z", ns, str(observed) if time and observed else None,
                *pick(row),
                target, metadata(attributes, row), trace, span, flags or None, hash_, correlation,
                resource, schema_url, scope, siem,
                *(
                    (user, src, dest, app, event, outcome, target_name, target_id, target_type, vendor_product)
                    if cim else ()
                ),
            )  # fmt: skip
            fields: Any = Indexed(id_, trace, span, tenant, agent, correlation, hash_)
            if wanted:
                fields = fields.asdict()
                _index_also(fields, wanted, record, group.resource)
            return Envelope(Raw(f"{second}.{fraction}"), host, source, sourcetype, index, document, fields)

        return write

    def _general(self, record: Record, group: Group, blank: Event, common: _Common, place: Place) -> Envelope:
        event = document(record, blank, self._shapes, self._stamp)
        fields = _fields(event)
        if self._wanted:
            _index_also(fields, self._wanted, record, group.resource)
        if type(event) is CimEvent:
            _cim(event, common, place[0])
        return Envelope(Raw(clock(event.time_unix_nano)), *place, event, fields or None)


def _never(_record: Record, _place: Place) -> None:
    """There is no layout: the general way."""


def _fields(event: Event) -> dict[str, str | list[str]]:
    """What is always indexed: the id to dedup by (contract 8), the trace (11), the four keys of responders."""
    fields: dict[str, str | list[str]] = {}
    if event.event_id:
        fields["audit.record.id"] = event.event_id
    if event.trace_id:
        fields["trace_id"] = event.trace_id
    if event.span_id:
        fields["span_id"] = event.span_id
    if (value := event.tenant_id) is not None:
        fields["tenant.id"] = value if type(value) is str else flat(value)
    if (value := event.agent_id) is not None:
        fields["gen_ai.agent.id"] = value if type(value) is str else flat(value)
    if (value := event.correlation_id) is not None:
        fields["audit.correlation.id"] = value if type(value) is str else flat(value)
    if (value := event.constitutional_hash) is not None:
        fields["audit.constitutional_hash"] = value if type(value) is str else flat(value)
    return fields


def flat(value: object) -> str | list[str]:
    """The only values an indexed field may have (contract 3: anything nested is code 15)."""
    if isinstance(value, list | tuple):
        return [text(item) for item in value]
    return text(value)


def _index_also(
    fields: dict[str, str | list[str]], wanted: Sequence[Wanted], record: Record, resource: Mapping[str, Any]
) -> None:
    for name, keys in wanted:
        for carrier in (record.attributes, resource):
            found = [value for key in keys if (value := carrier.get(key)) is not None]
            if found:
                fields.setdefault(name, flat(found[0]))
                break


def _cim(event: CimEvent, common: _Common, host: str | None) -> None:
    event.severity = scale(event.severity_number).cim  # CIM has five words; the number keeps what they cannot say
    event.user = event.user_name or event.user_id or event.user_email
    event.src = event.src_ip
    event.app = common.app
    event.signature = event.event_type
    event.status = event.outcome  # `action` stays what was done: Splunk's `status` says how it ended
    event.vendor_product = common.vendor_product
    event.dest = host
    if target := event.target:
        event.dest = target.name or target.id or host
        event.object, event.object_id, event.object_category = target.name, target.id, target.type
