"""P8: a bad configuration never starts; every problem is told at once, with file, line, path and what was expected."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.config.load import load
from otelsiem.model.errors import ConfigError

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
        load([path], {"TOKEN": TOKEN} if env is None else env)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


def test_the_good_one_is_good(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(GOOD)
    assert load([path], {"TOKEN": TOKEN}).warnings == ()


# what is replaced in the good configuration, by what, and the one line that is told
WRONG = [
    ("receivers:\n  otlp", "recievers:\n  otlp", "c.yaml:1: recievers: is not a key here (did you mean 'receivers'?)"),
    (
        "grpc: {endpoint",
        "grcp: {endpoint",
        "c.yaml:4: receivers.otlp.protocols.grcp: is not a key here (did you mean 'grpc'?)",
    ),
    (
        "{endpoint: localhost:4317}",
        "{endpoint: localhost}",
        (
            "c.yaml:4: receivers.otlp.protocols.grpc.endpoint: expected host:port, for example "
            "localhost:4317; the port is "
            "missing"
        ),
    ),
    (
        "{endpoint: localhost:4317}",
        "{endpoint: http://localhost:4317}",
        (
            "c.yaml:4: receivers.otlp.protocols.grpc.endpoint: expected host:port without a scheme, for example "
            "localhost:4317"
        ),
    ),
    (
        "{endpoint: localhost:4317}",
        "{endpoint: localhost:70000}",
        "c.yaml:4: receivers.otlp.protocols.grpc.endpoint: the port must be a number from 0 to 65535",
    ),
    (
        "{endpoint: localhost:4317}",
        "{endpoint: '::1:4317'}",
        "c.yaml:4: receivers.otlp.protocols.grpc.endpoint: an IPv6 address needs brackets: [::1]:4317",
    ),
    (
        "{endpoint: localhost:4317}",
        "{endpoint: 4317}",
        "c.yaml:4: receivers.otlp.protocols.grpc.endpoint: expected host:port, for example localhost:4317",
    ),
    (
        "{endpoint: localhost:4317}",
        "{endpoint: 0.0.0.0:4318}",
        (
            "c.yaml:5: receivers.otlp.protocols.http.endpoint: localhost:4318 is taken by "
            "receivers.otlp.protocols.grpc "
            "(give each listener its own port)"
        ),
    ),
    (
        "{endpoint: localhost:4317}",
        "{endpoint: ':8000'}",
        (
            "c.yaml:14: service.admin.endpoint: 127.0.0.1:8000 is taken by receivers.otlp.protocols.grpc (give each "
            "listener its own port)"
        ),
    ),
    (
        "{endpoint: localhost:4317}",
        "{max_recv_msg_size_mib: 0}",
        "c.yaml:4: receivers.otlp.protocols.grpc.max_recv_msg_size_mib: expected at least 1, found 0",
    ),
    (
        "{endpoint: localhost:4317}",
        "{max_recv_msg_size_mib: true}",
        "c.yaml:4: receivers.otlp.protocols.grpc.max_recv_msg_size_mib: expected a number, found true",
    ),
    (
        "{endpoint: localhost:4318}",
        "{max_request_body_size: 20 parsecs}",
        (
            "c.yaml:5: receivers.otlp.protocols.http.max_request_body_size: expected a size such as 20971520, 20MiB or "
            "512KB"
        ),
    ),
    (
        "{endpoint: localhost:4318}",
        "{tls: {cert_file: x}}",
        (
            "c.yaml:5: receivers.otlp.protocols.http.tls: is not supported (not in this version; put a "
            "proxy in front, or "
            "listen on localhost)"
        ),
    ),
    (
        "    protocols:\n      grpc: {endpoint: localhost:4317}\n      http: {endpoint: localhost:4318}\n",
        "    protocols: {}\n",
        "c.yaml:3: receivers.otlp.protocols: a receiver needs at least one protocol: write grpc:, http: or both",
    ),
    (
        "    protocols:\n      grpc: {endpoint: localhost:4317}\n      http: {endpoint: localhost:4318}\n",
        "    {}\n",
        "c.yaml:2: receivers.otlp.protocols: is missing (`grpc`, `http` or both)",
    ),
    (
        "  severity: {}",
        "  severty: {}",
        "c.yaml:7: processors.severty: there is no processor of type 'severty' (did you mean 'severity'?)",
    ),
    ("  severity: {}", "  severity: 7", "c.yaml:7: processors.severity: expected a mapping of its keys"),
    (
        "processors:\n  severity: {}",
        "processors: [severity]",
        "c.yaml:6: processors: expected a mapping of component ids",
    ),
    (
        "  severity: {}",
        "  severity: {}\n  constitution: {}",
        "c.yaml:8: processors.constitution: give either `hash` or `files`",
    ),
    (
        "  severity: {}",
        "  severity: {}\n  constitution: {files: [rules/*.yaml]}",
        "c.yaml:8: processors.constitution.files[0]: 'rules/*.yaml' finds no file (relative to the configuration file)",
    ),
    (
        "  severity: {}",
        "  severity: {}\n  Bad Id: {}",
        "c.yaml:8: processors.Bad Id: is not a component id (type or type/name, for example file/local)",
    ),
    (
        "  file:\n",
        "  fiel: {path: x}\n  file:\n",
        "c.yaml:12: exporters.fiel: there is no exporter of type 'fiel' (did you mean 'file'?)",
    ),
    (
        "endpoint: https://splunk.example.com:8088",
        "endpoint: splunk.example.com:8088",
        "c.yaml:10: exporters.splunk_hec.endpoint: must begin with http:// or https://",
    ),
    (
        "    endpoint: https://splunk.example.com:8088\n",
        "",
        (
            "c.yaml:9: exporters.splunk_hec.endpoint: is missing (base URL of the collector "
            "(https://splunk.example.com:8088), or the whole URL)"
        ),
    ),
    (
        "token: ${env:TOKEN}",
        "token: ${env:TOKEN}\n    tokn: x",
        "c.yaml:12: exporters.splunk_hec.tokn: is not a key here (did you mean 'token'?)",
    ),
    (
        "token: ${env:TOKEN}",
        "token: ${env:TOKEN}\n    sendingqueue: {}",
        "c.yaml:12: exporters.splunk_hec.sendingqueue: is not a key here (did you mean 'sending_queue'?)",
    ),
    (
        "token: ${env:TOKEN}",
        "token: ${env:SPLUNK_TOKEN}",
        (
            "c.yaml:11: exporters.splunk_hec.token: the environment variable SPLUNK_TOKEN is not set "
            "(set it, or give a "
            "default: ${env:SPLUNK_TOKEN:-default})"
        ),
    ),
    (
        "token: ${env:TOKEN}",
        "token: ${file:hec.token}",
        (
            "c.yaml:11: exporters.splunk_hec.token: cannot read the file 'hec.token': No such file or "
            "directory (the path "
            "is relative to the configuration file)"
        ),
    ),
    (
        "token: ${env:TOKEN}",
        "token: [a]",
        "c.yaml:11: exporters.splunk_hec.token: expected text, found a list",
    ),
    (
        "token: ${env:TOKEN}",
        "token:",
        "c.yaml:11: exporters.splunk_hec.token: expected text, found nothing",
    ),
    (
        "token: ${env:TOKEN}",
        "token: ${env:TOKEN}\n    timeout: 60",
        (
            "c.yaml:12: exporters.splunk_hec.timeout: expected a duration, found a number without a unit; write for "
            "example 30s, 200ms or 1m30s"
        ),
    ),
    (
        "token: ${env:TOKEN}",
        "token: ${env:TOKEN}\n    timeout: 0s",
        "c.yaml:12: exporters.splunk_hec.timeout: expected more than 0, found '0s'",
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    hold: {probe_interval: soon}",
        (
            "c.yaml:14: exporters.file.hold.probe_interval: expected a duration such as 30s, 200ms or 1m30s (units: "
            "ns us ms s m h d)"
        ),
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    hold: {probe_interval: 0s}",
        "c.yaml:14: exporters.file.hold.probe_interval: expected more than 0, found '0s'",
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    sending_queue: {num_consumers: many}",
        "c.yaml:14: exporters.file.sending_queue.num_consumers: expected a whole number, found 'many'",
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    sending_queue: {batch: {sizer: requests}}",
        "c.yaml:14: exporters.file.sending_queue.batch.sizer: expected 'items' or 'bytes', found 'requests'",
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    sending_queue: 5",
        "c.yaml:14: exporters.file.sending_queue: expected a mapping of keys, found 5",
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    retry_on_failure: {enabled: perhaps}",
        "c.yaml:14: exporters.file.retry_on_failure.enabled: expected true or false, found 'perhaps'",
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    retry_on_failure: {multiplier: .inf}",
        "c.yaml:14: exporters.file.retry_on_failure.multiplier: expected at most 100, found .inf",
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    retry_on_failure: {initial_interval: 5m}",
        "c.yaml:14: exporters.file.retry_on_failure: initial_interval (300s) is longer than max_interval (60s)",
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    rate_limit: {burst: 5}",
        "c.yaml:14: exporters.file.rate_limit.events_per_second: is missing (records a second, on average)",
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    match: {min_severity: loud}",
        (
            "c.yaml:14: exporters.file.match.min_severity: 'loud' is not a level; write one of trace, "
            "debug, info, low, "
            "medium, high, critical, emergency, or a SeverityNumber 1-24"
        ),
    ),
    (
        "path: events.jsonl",
        "path: events.jsonl\n    match: {any: [{event: x}]}",
        "c.yaml:14: exporters.file.match.any[0].event: is not a key here (did you mean 'events'?)",
    ),
    (
        "receivers: [otlp]",
        "receivers: [otpl]",
        "c.yaml:17: service.pipelines.logs.receivers[0]: 'otpl' is not defined under receivers (did you mean 'otlp'?)",
    ),
    (
        "processors: [severity]",
        "processors: [file]",
        (
            "c.yaml:18: service.pipelines.logs.processors[0]: 'file' is not defined under processors (it "
            "is defined under "
            "exporters)"
        ),
    ),
    (
        "exporters: [splunk_hec, file]",
        "exporters: [splunk_hec, file, file]",
        "c.yaml:19: service.pipelines.logs.exporters[2]: 'file' stands here twice",
    ),
    (
        "exporters: [splunk_hec, file]",
        "exporters: []",
        "c.yaml:19: service.pipelines.logs.exporters: a pipeline without exporters does nothing",
    ),
    (
        "receivers: [otlp]",
        "receivers: []",
        "c.yaml:17: service.pipelines.logs.receivers: a pipeline without receivers does nothing",
    ),
    (
        "      exporters: [splunk_hec, file]\n",
        "",
        "c.yaml:16: service.pipelines.logs.exporters: is missing (ids)",
    ),
    (
        "exporters: [splunk_hec, file]",
        "exporters: splunk_hec",
        "c.yaml:19: service.pipelines.logs.exporters: expected a list, found 'splunk_hec' (write it as a list: [a, b])",
    ),
    (
        "    logs:\n",
        "    traces: {receivers: [otlp], exporters: [file]}\n    logs:\n",
        (
            "c.yaml:16: service.pipelines.traces: a pipeline of traces is not possible here (audit events are log "
            "records; leave traces to an OpenTelemetry Collector)"
        ),
    ),
    (
        "    logs:\n",
        "    log:\n",
        "c.yaml:16: service.pipelines.log: is not the name of a pipeline (logs, or logs/name)",
    ),
    (
        "service:\n",
        "service:\n  journal: {type: sqlit}\n",
        "c.yaml:15: service.journal.type: expected 'sqlite' or 'memory', found 'sqlit'",
    ),
    (
        "service:\n",
        "service:\n  journal: {directory: [x]}\n",
        "c.yaml:15: service.journal.directory: expected text, found a list",
    ),
    (
        "service:\n",
        "service:\n  jornal: {}\n",
        "c.yaml:15: service.jornal: is not a key here (did you mean 'journal'?)",
    ),
    (
        "service:\n",
        "connectors: {alerts: {}}\nservice:\n",
        "c.yaml:14: connectors.alerts: is not supported (there are no connectors in this version)",
    ),
    (
        "service:\n",
        "extensions: {oauth2client: {}}\nservice:\n",
        "c.yaml:14: extensions.oauth2client: is not supported (there are no extensions in this version)",
    ),
]


@pytest.mark.parametrize(("old", "new", "line"), WRONG)
def test_p8_each_mistake_is_told_with_its_place_and_the_way_out(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert old in GOOD
    assert line in told(tmp_path, GOOD.replace(old, new, 1))


def test_p8_a_mistake_is_told_once_and_alone(tmp_path: Path) -> None:
    for old, new, line in WRONG:
        follows = {"recievers", "protocols:", "sever"}  # what names it is undefined too
        if not any(word in new or word in old for word in follows):
            assert told(tmp_path, GOOD.replace(old, new, 1)) == [line]


def test_p8_everything_wrong_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GOOD
    expected = []
    picked = ("{endpoint: localhost}", "{max_request_body_size: 20 parsecs}", "  severty: {}", "processors: [file]")
    for old, new, line in (row for row in WRONG if row[1] in picked):
        text = text.replace(old, new, 1)
        expected.append(line)
    found = told(tmp_path, text)
    assert len(expected) == len(picked)
    assert [line for line in found if line in expected] == expected
    lines = [int(line.split(":")[1]) for line in found]
    assert lines == sorted(lines)


def test_a_key_that_two_read_is_told_once(tmp_path: Path) -> None:
    assert len(told(tmp_path, GOOD.replace("token: ${env:TOKEN}", "token: ${env:TOKEN}\n    timeout: soon"))) == 1


def test_p8_all_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [")
    (tmp_path / "b.yaml").write_text("a: 1\na: 2")
    with pytest.raises(ConfigError) as caught:
        load([tmp_path / "a.yaml", tmp_path / "none.yaml", tmp_path / "b.yaml", tmp_path], {})
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
        load([path], {"SECRET": secret})
    shown = str(caught.value) + repr(caught.value.problems)
    assert secret not in shown


def test_a_reference_from_outside_is_not_shown(tmp_path: Path) -> None:
    text = GOOD.replace("receivers: [otlp]", "receivers: ['${env:WHICH}']")
    found = told(tmp_path, text, {"TOKEN": "x", "WHICH": "hunter2-hunter2"})
    assert "what ${env:WHICH} gives is not defined under receivers (defined: otlp)" in found[0]
    assert "hunter2" not in "".join(found)


@settings(deadline=None, max_examples=150)
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
        assert load([path], {"TOKEN": TOKEN}).service.pipelines


@settings(deadline=None, max_examples=100)
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
        load([path], {})
