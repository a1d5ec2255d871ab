"""P8: a bad configuration never starts; every problem is told at once, with file, line, path and what was expected."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.config.load import load
from otelsiem.config.sources import Sources
from otelsiem.model.errors import ConfigError
from tests.examples import some

GOOD = """\
receivers:
  otlp:
    protocols:
      grpc: {endpoint: localhost:4317}
      http: {endpoint: localhost:4318}
processors:
  severity: {}
exporters:
  splunk_hec:
    endpoint: https://splunk.example.com:8088
    token: ${env:TOKEN}
  file:
    path: events.jsonl
service:
  pipelines:
    logs:
      receivers: [otlp]
      processors: [severity]
      exporters: [splunk_hec, file]
"""
TOKEN = "s3cr3t-token-value"


def told(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(Sources.files(path), {"TOKEN": TOKEN} if env is None else env)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_the_good_one_is_good(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(GOOD)
    assert load(Sources.files(path), {"TOKEN": TOKEN}).warnings == ()


def test_a_key_that_two_read_is_told_once(tmp_path: Path) -> None:
    assert len(told(tmp_path, GOOD.replace("token: ${env:TOKEN}", "token: ${env:TOKEN}\n    timeout: soon"))) == 1


def test_p8_all_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text("a: 1\na: 2")
    with pytest.raises(ConfigError) as caught:
        load(Sources.files(tmp_path / "a.yaml", tmp_path / "none.yaml", tmp_path / "b.yaml", tmp_path), {})
    assert [p.message.partition(":")[0] for p in caught.value.problems] == [
        "not valid YAML",
        "cannot read this file",
        "cannot read this file",
        "the key 'a' stands here twice (first on line 1)",
    ]


def test_p8_an_empty_file_says_what_is_needed(tmp_path: Path) -> None:
    [line] = told(tmp_path, "")
    assert line.startswith("c.yaml:1: service: is missing (service: {pipelines:")


@pytest.mark.parametrize(
    "broken",
    [
        "token: '{secret}'",
        "token: ['{secret}']",
        "token: '{secret} x'",
        "token: x\n    headers: {{authorization: '{secret}'}}",
        "token: x\n    headers: {{X-Key: [{secret}]}}",
        "token: x\n    index: ['{secret}']\n    timeout: ${{env:SECRET}}",
        "token: ${{env:SECRET}} x",
        "token: x\n    timeout: ${{env:SECRET}}",
        "token: x\n    timeout: pre-${{env:SECRET}}",
        "token: x\n    sending_queue: {{num_consumers: '${{env:SECRET}}'}}",
        "token: x\n    match: {{min_severity: '${{env:SECRET}}'}}",
        "token: x\n    compression: ${{file:secret.txt}}",
        "token: x\n    endpoint_: ${{env:SECRET}}",
        "token: x\n    fields: ['_${{env:SECRET}}']",
    ],
)
def test_no_message_shows_a_secret(tmp_path: Path, broken: str) -> None:
    secret = "hunter2-hunter2"
    (tmp_path / "secret.txt").write_text(secret)
    text = GOOD.replace("token: ${env:TOKEN}", broken.format(secret=secret)).replace("[otlp]", "[otlp, nobody]")
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(Sources.files(path), {"SECRET": secret})
    shown = str(caught.value) + repr(caught.value.problems)
    assert secret not in shown


def test_a_reference_from_outside_is_not_shown(tmp_path: Path) -> None:
    text = GOOD.replace("receivers: [otlp]", "receivers: ['${env:WHICH}']")
    found = told(tmp_path, text, {"TOKEN": "x", "WHICH": "hunter2-hunter2"})
    assert "what ${env:WHICH} gives is not defined under receivers (defined: otlp)" in found[0]
    assert "hunter2" not in "".join(found)


@settings(deadline=None, max_examples=some(150))
@given(st.data())
def test_p8_a_mangled_file_gives_a_configuration_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        what = data.draw(st.sampled_from([b"", b" ", b"\n", b":", b"- ", b"[", b"{", b"}", b"*a", b"&a ", b"!!int ",
                                          b"'", b'"', b"${", b"$", b"#", b"|", b"<<: ", b"\x00", b"\xff", b"~", b"0",
                                          b"null", b"\t", b"? ", b"%", b"@", b"---\n", b"\\"]))  # fmt: skip
        raw[at : at + data.draw(st.integers(0, 4))] = what
        raw = raw or bytearray(b" ")
    path = tmp_path_factory.getbasetemp() / "mangled.yaml"
    path.write_bytes(raw)
    with contextlib.suppress(ConfigError):  # the only error there may be
        assert load(Sources.files(path), {"TOKEN": TOKEN}).service.pipelines


@settings(deadline=None, max_examples=some(100))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["receivers", "exporters", "service", "pipelines", "logs", "otlp", "file", "protocols",
                             "grpc", "endpoint", "match", "any", "not", "headers", "x", "journal"]), inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_p8_any_shape_gives_a_configuration_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, value: object
) -> None:
    import json

    path = tmp_path_factory.getbasetemp() / "shape.yaml"
    path.write_text(json.dumps({"receivers": value, "exporters": {"file": value}, "service": {"pipelines": value}}))
    with pytest.raises(ConfigError):
        load(Sources.files(path), {})
