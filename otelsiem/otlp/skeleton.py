"""The messages of an export request with the records' attributes and bodies left as the bytes that they came in.

On the wire a message and a `bytes` look alike. Python sees an attribute as two messages, each field of which it asks
for by name; as one bytes object it costs a fraction, and many of them are read together (`columns`).
"""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from otelsiem.otlp.messages import InstrumentationScope, Resource

_MANY = "repeated "
_MESSAGES = {  # numbers, types and names as in opentelemetry/proto/logs/v1/logs.proto
    "Request": {1: "repeated ResourceLogs resource_logs"},
    "ResourceLogs": {1: "Resource resource", 2: "repeated ScopeLogs scope_logs", 3: "string schema_url"},
    "ScopeLogs": {1: "InstrumentationScope scope", 2: "repeated LogRecord log_records", 3: "string schema_url"},
    "LogRecord": {
        1: "fixed64 time_unix_nano",
        2: "int32 severity_number",
        3: "string severity_text",
        5: "repeated bytes body",  # `repeated`: pieces of a message are merged, of a `bytes` the last one counts
        6: "repeated bytes attributes",
        7: "uint32 dropped_attributes_count",
        8: "fixed32 flags",
        9: "bytes trace_id",
        10: "bytes span_id",
        11: "fixed64 observed_time_unix_nano",
        12: "string event_name",
    },
    "Numbers": {1: "repeated int64 ints"},  # written one behind the other; not of OTLP
}


def _classes() -> tuple[Any, ...]:
    theirs = [message.DESCRIPTOR for message in (Resource, InstrumentationScope)]
    file = FileDescriptorProto(name="otelsiem/skeleton.proto", package="otelsiem.skeleton", syntax="proto3")
    file.dependency.extend(descriptor.file.name for descriptor in theirs)
    types = {name: f".otelsiem.skeleton.{name}" for name in _MESSAGES}
    types |= {descriptor.name: f".{descriptor.full_name}" for descriptor in theirs}
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, said in fields.items():
            kind, field_name = said.removeprefix(_MANY).split()
            label = FieldDescriptorProto.LABEL_REPEATED if _MANY in said else FieldDescriptorProto.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            if kind in types:
                field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, types[kind]
            else:
                field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
    pool = Default()
    pool.Add(file)
    names = ("Request", "Numbers")
    return tuple([GetMessageClass(pool.FindMessageTypeByName(f"otelsiem.skeleton.{name}")) for name in names])


Request, Numbers = _classes()
