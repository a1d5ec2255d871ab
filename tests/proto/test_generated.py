"""The checked-in code of our .proto files is what protoc makes of them; the OTLP files are those that it runs with."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from otelsiem.gateway.receivers import receipts as receiver
from otelsiem.receipts import client
from otelsiem.v1 import receipts_pb2
from tests.proto.generate import MADE, ROOT, generate

OTLP = sorted(path.relative_to(ROOT / "proto") for path in (ROOT / "proto/opentelemetry").rglob("*.proto"))


def test_generated_code_is_current(tmp_path: Path) -> None:
    generate(tmp_path)
    old = [name for name in MADE if (tmp_path / name).read_text("utf-8") != (ROOT / name).read_text("utf-8")]
    assert not old, "python3 -m tests.proto.generate makes them again"


def test_every_field_says_what_it_means() -> None:
    """Of a message, of an enum and of the service: each has a comment right above it."""
    lines = (ROOT / "proto/otelsiem/v1/receipts.proto").read_text("utf-8").splitlines()
    bare = [
        line
        for before, line in pairwise(lines)
        if line.strip().endswith((";", "{")) and not line.startswith(("syntax", "package", "import"))
        if not before.strip().startswith("//")
    ]
    assert not bare


def test_client_and_gateway_call_the_service_as_the_file_does() -> None:
    service = receipts_pb2.DESCRIPTOR.services_by_name["Receipts"]
    assert service.full_name == receiver.SERVICE
    submit, get_fates = service.methods
    assert f"/{service.full_name}/{submit.name}" == receiver.SUBMIT == client.SUBMIT
    assert f"/{service.full_name}/{get_fates.name}" == receiver.GET_FATES == client.GET_FATES
    assert submit.input_type.full_name == "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest"
    assert submit.output_type is receipts_pb2.SubmitResponse.DESCRIPTOR
    assert get_fates.input_type is receipts_pb2.GetFatesRequest.DESCRIPTOR
    assert get_fates.output_type is receipts_pb2.GetFatesResponse.DESCRIPTOR


@pytest.mark.parametrize("path", OTLP, ids=str)
def test_the_otlp_files_are_those_of_the_installed_messages(path: Path, tmp_path: Path) -> None:
    """Field by field; a newer minor version of OTLP only adds."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
    from grpc_tools import protoc  # type: ignore[import-untyped]  # it ships no types

    made = tmp_path / "set"
    assert protoc.main(["protoc", f"--proto_path={ROOT / 'proto'}", f"--descriptor_set_out={made}", str(path)]) == 0
    [ours] = FileDescriptorSet.FromString(made.read_bytes()).file
    installed = FileDescriptorProto()
    import_module(str(path.with_suffix("")).replace("/", ".") + "_pb2").DESCRIPTOR.CopyToProto(installed)
    there = {(message.name, field.name, field.number, field.type) for message in installed.message_type
             for field in message.field}  # fmt: skip
    here = {(message.name, field.name, field.number, field.type) for message in ours.message_type
            for field in message.field}  # fmt: skip
    assert here
    assert here <= there
    head = (ROOT / "proto" / path).read_text("utf-8").splitlines()
    assert "Copyright" in head[0]
    assert "Apache License" in head[2]
