"""What OTLP means, written twice more: a slow walk that is obviously right, and an OTLP/JSON writer.

Neither shares a line with the code under test: the walk reads descriptors, the writer goes from protobuf messages.
"""

from __future__ import annotations

import base64
import json
import math
from typing import Any

from google.protobuf import json_format
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from otelsiem.model.record import Batch, Group, Record, Scope, Value

# --- any request -------------------------------------------------------------------------------------------------

texts = st.text(max_size=12)
keys = st.one_of(texts, st.sampled_from(["user.id", "event_id", "otel.dropped_attributes_count", ""]))
uint32 = st.integers(0, (1 << 32) - 1)
uint64 = st.one_of(st.just(0), st.integers(0, (1 << 64) - 1))
int64 = st.integers(-(1 << 63), (1 << 63) - 1)


def _pair(value: AnyValue | None, key: str) -> KeyValue:
    return KeyValue(key=key, value=value)


leaves = st.one_of(
    st.builds(AnyValue),
    st.builds(AnyValue, string_value=texts),
    st.builds(AnyValue, bool_value=st.booleans()),
    st.builds(AnyValue, int_value=int64),
    st.builds(AnyValue, double_value=st.floats(width=64)),
    st.builds(AnyValue, bytes_value=st.binary(max_size=12)),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda v: AnyValue(array_value=ArrayValue(values=v)), st.lists(inner, max_size=4)),
        st.builds(
            lambda v: AnyValue(kvlist_value=KeyValueList(values=v)),
            st.lists(st.builds(_pair, st.one_of(st.none(), inner), keys), max_size=4),
        ),
    ),
    max_leaves=8,
)
attributes = st.lists(st.builds(_pair, st.one_of(st.none(), values), keys), max_size=5)
dropped = st.one_of(st.just(0), uint32)
trace_ids = st.one_of(st.binary(min_size=16, max_size=16), st.binary(max_size=20), st.just(bytes(16)))
span_ids = st.one_of(st.binary(min_size=8, max_size=8), st.binary(max_size=20), st.just(bytes(8)))


@st.composite
def requests(draw: st.DrawFn) -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource_logs = request.resource_logs.add(schema_url=draw(texts))
        if draw(st.booleans()):
            resource_logs.resource.attributes.extend(draw(attributes))
            resource_logs.resource.dropped_attributes_count = draw(dropped)
        for _ in range(draw(st.integers(0, 2))):
            scope_logs = resource_logs.scope_logs.add(schema_url=draw(texts))
            if draw(st.booleans()):
                scope_logs.scope.name, scope_logs.scope.version = draw(texts), draw(texts)
                scope_logs.scope.attributes.extend(draw(attributes))
                scope_logs.scope.dropped_attributes_count = draw(dropped)
            for _ in range(draw(st.integers(0, 3))):
                _fill(draw, scope_logs.log_records.add())
    return request


def _fill(draw: st.DrawFn, record: Any) -> None:
    record.time_unix_nano = draw(uint64)
    record.observed_time_unix_nano = draw(uint64)
    record.severity_number = draw(st.one_of(st.integers(0, 24), st.integers(-(1 << 31), (1 << 31) - 1)))
    record.severity_text, record.event_name = draw(texts), draw(texts)
    if draw(st.booleans()):
        record.body.CopyFrom(draw(values))
    record.attributes.extend(draw(attributes))
    record.dropped_attributes_count, record.flags = draw(dropped), draw(uint32)
    record.trace_id, record.span_id = draw(trace_ids), draw(span_ids)


# --- the slow walk -----------------------------------------------------------------------------------------------


def walk(request: ExportLogsServiceRequest) -> Batch:
    batch: Batch = []
    for resource_logs in request.resource_logs:
        for scope_logs in resource_logs.scope_logs:
            records = [_record(r) for r in scope_logs.log_records]
            scope = Scope(
                name=scope_logs.scope.name,
                version=scope_logs.scope.version,
                attributes=_mapping(scope_logs.scope),
                schema_url=scope_logs.schema_url,
            )
            if records:
                batch.append(Group(_mapping(resource_logs.resource), scope, records, resource_logs.schema_url))
    return batch


def _record(message: Any) -> Record:
    record = Record(attributes=_mapping(message))
    record.time = message.time_unix_nano
    record.observed = message.observed_time_unix_nano
    record.severity = max(0, min(24, message.severity_number))
    record.severity_text = message.severity_text
    record.event = message.event_name
    record.body = plain(message.body)
    record.flags = message.flags
    if len(message.trace_id) == 16 and any(message.trace_id):
        record.trace_id = "".join(f"{byte:02x}" for byte in message.trace_id)
    if len(message.span_id) == 8 and any(message.span_id):
        record.span_id = "".join(f"{byte:02x}" for byte in message.span_id)
    return record


def _mapping(holder: Any) -> dict[str, Value]:
    mapping: dict[str, Value] = {}
    for pair in holder.attributes:
        mapping[pair.key] = plain(pair.value)
    if holder.dropped_attributes_count != 0 and "otel.dropped_attributes_count" not in mapping:
        mapping["otel.dropped_attributes_count"] = holder.dropped_attributes_count
    return mapping


def plain(value: Any) -> Value:
    for field, held in value.ListFields():
        if field.name == "array_value":
            return [plain(item) for item in held.values]
        if field.name == "kvlist_value":
            return {pair.key: plain(pair.value) for pair in held.values}
        found: Value = held
        return found
    return None


# --- the OTLP/JSON writer ----------------------------------------------------------------------------------------


def render(request: ExportLogsServiceRequest) -> bytes:
    document = {
        "resourceLogs": [
            {
                "resource": _holder(resource_logs.resource),
                "schemaUrl": resource_logs.schema_url,
                "scopeLogs": [
                    {
                        "scope": _holder(s.scope) | {"name": s.scope.name, "version": s.scope.version},
                        "schemaUrl": s.schema_url,
                        "logRecords": [_written(record) for record in s.log_records],
                    }
                    for s in resource_logs.scope_logs
                ],
            }
            for resource_logs in request.resource_logs
        ]
    }
    return json.dumps(document).encode()


def _written(record: Any) -> dict[str, Any]:
    return {
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": record.observed_time_unix_nano,
        "severityNumber": record.severity_number,
        "severityText": record.severity_text,
        "eventName": record.event_name,
        "body": json_value(record.body) if record.HasField("body") else None,
        "flags": record.flags,
        "traceId": record.trace_id.hex().upper(),
        "spanId": record.span_id.hex(),
        **_holder(record),
    }


def _holder(holder: Any) -> dict[str, Any]:
    pairs = [{"key": pair.key, "value": json_value(pair.value)} for pair in holder.attributes]
    return {"attributes": pairs, "droppedAttributesCount": holder.dropped_attributes_count}


def json_value(value: Any) -> dict[str, Any]:
    match value.WhichOneof("value"):
        case None:
            return {}
        case "string_value":
            return {"stringValue": value.string_value}
        case "bool_value":
            return {"boolValue": value.bool_value}
        case "int_value":
            return {"intValue": str(value.int_value) if value.int_value % 2 else value.int_value}
        case "double_value":
            return {"doubleValue": _double(value.double_value)}
        case "bytes_value":
            return {"bytesValue": base64.b64encode(value.bytes_value).decode()}
        case "array_value":
            return {"arrayValue": {"values": [json_value(item) for item in value.array_value.values]}}
        case _:
            pairs = [{"key": pair.key, "value": json_value(pair.value)} for pair in value.kvlist_value.values]
            return {"kvlistValue": {"values": pairs}}


def _double(number: float) -> float | str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    return number


# --- equality that knows NaN -------------------------------------------------------------------------------------


def shown(batch: Batch) -> str:
    """A text that is equal for equal batches: NaN equals itself, 1 is not True, keys in any order."""
    return repr([_shown_group(group) for group in batch])


def _shown_group(group: Group) -> list[object]:
    scope = (group.scope.name, group.scope.version, _shown(group.scope.attributes), group.scope.schema_url)
    return [_shown(group.resource), scope, [_shown_record(r) for r in group.records], group.schema_url]


def _shown_record(record: Record) -> list[object]:
    return [_shown(getattr(record, name)) for name in record.__struct_fields__]


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((key, repr(_shown(held))) for key, held in value.items())
    return [_shown(item) for item in value] if isinstance(value, list) else value


# --- what the encoders are to write ------------------------------------------------------------------------------


def merged(batch: Batch) -> Batch:
    """Neighbouring groups that share resource and scope as one, as the encoders write them."""
    made: Batch = []
    for group in batch:
        if made and _shown_group(_head(made[-1])) == _shown_group(_head(group)):
            made[-1].records.extend(group.records)
        else:
            made.append(Group(group.resource, group.scope, [*group.records], group.schema_url))
    return made


def _head(group: Group) -> Group:
    return Group(group.resource, group.scope, [], group.schema_url)


def with_ids(batch: Batch, ids: bool) -> Batch:
    """The records without their ids, which are then among the attributes; an id that OTLP has none for is absent."""
    return [Group(g.resource, g.scope, [_with_id(r, ids) for r in g.records], g.schema_url) for g in batch]


def _with_id(record: Record, ids: bool) -> Record:
    attributes = dict(record.attributes)
    names = ["log.record.uid", "audit.record.id"]
    if ids and record.id and record.id not in [attributes.get(name) for name in names]:
        for name in names:
            if name not in attributes:
                attributes[name] = record.id
                break
    made = Record("", record.time, record.observed, record.severity, record.severity_text, record.event, record.body)
    made.attributes, made.flags = attributes, record.flags
    made.trace_id = record.trace_id if record.trace_id.strip("0") else ""
    made.span_id = record.span_id if record.span_id.strip("0") else ""
    return made


def read_by_rules_of_protobuf(data: bytes) -> ExportLogsServiceRequest:
    """OTLP/JSON by protobuf's own JSON reader, after what deviates from proto3 JSON was mended: ids are hex."""
    request = ExportLogsServiceRequest()
    json_format.Parse(json.dumps(_mended(json.loads(data))), request, max_recursion_depth=1000)
    return request


def _mended(node: Any) -> Any:
    if isinstance(node, list):
        return [_mended(one) for one in node]
    if not isinstance(node, dict):
        return node
    ids = {key: base64.b64encode(bytes.fromhex(node[key])).decode() for key in ("traceId", "spanId") if key in node}
    return {key: _mended(value) for key, value in node.items()} | ids
