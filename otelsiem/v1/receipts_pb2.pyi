# mypy: disable-error-code=type-arg
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as _logs_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FateKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FATE_KIND_UNSPECIFIED: _ClassVar[FateKind]
    FATE_KIND_PENDING: _ClassVar[FateKind]
    FATE_KIND_DELIVERED: _ClassVar[FateKind]
    FATE_KIND_DEAD: _ClassVar[FateKind]
    FATE_KIND_FILTERED: _ClassVar[FateKind]
    FATE_KIND_PURGED: _ClassVar[FateKind]
    FATE_KIND_UNKNOWN: _ClassVar[FateKind]
FATE_KIND_UNSPECIFIED: FateKind
FATE_KIND_PENDING: FateKind
FATE_KIND_DELIVERED: FateKind
FATE_KIND_DEAD: FateKind
FATE_KIND_FILTERED: FateKind
FATE_KIND_PURGED: FateKind
FATE_KIND_UNKNOWN: FateKind

class SubmitResponse(_message.Message):
    __slots__ = ("receipts", "rejected_log_records", "error_message")
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_LOG_RECORDS_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedCompositeFieldContainer[Receipt]
    rejected_log_records: int
    error_message: str
    def __init__(self, receipts: _Optional[_Iterable[_Union[Receipt, _Mapping]]] = ..., rejected_log_records: _Optional[int] = ..., error_message: _Optional[str] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("pipeline", "first", "count", "proof", "record_ids")
    PIPELINE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    RECORD_IDS_FIELD_NUMBER: _ClassVar[int]
    pipeline: str
    first: int
    count: int
    proof: bytes
    record_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, pipeline: _Optional[str] = ..., first: _Optional[int] = ..., count: _Optional[int] = ..., proof: _Optional[bytes] = ..., record_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetFatesRequest(_message.Message):
    __slots__ = ("receipts", "page_size", "page_token")
    RECEIPTS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    receipts: _containers.RepeatedCompositeFieldContainer[Receipt]
    page_size: int
    page_token: str
    def __init__(self, receipts: _Optional[_Iterable[_Union[Receipt, _Mapping]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetFatesResponse(_message.Message):
    __slots__ = ("fates", "next_page_token")
    FATES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    fates: _containers.RepeatedCompositeFieldContainer[Fates]
    next_page_token: str
    def __init__(self, fates: _Optional[_Iterable[_Union[Fates, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class Fates(_message.Message):
    __slots__ = ("receipt", "exporter", "first", "count", "kind", "reason", "attempts")
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    receipt: int
    exporter: str
    first: int
    count: int
    kind: FateKind
    reason: str
    attempts: int
    def __init__(self, receipt: _Optional[int] = ..., exporter: _Optional[str] = ..., first: _Optional[int] = ..., count: _Optional[int] = ..., kind: _Optional[_Union[FateKind, str]] = ..., reason: _Optional[str] = ..., attempts: _Optional[int] = ...) -> None: ...
