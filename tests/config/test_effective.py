"""`print-config`: what is shown may be used as a file again, and shows no secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml

from otelsiem.config.effective import effective, origins
from otelsiem.config.load import load, load_whole
from otelsiem.config.model import Config
from otelsiem.config.sources import Sources
from otelsiem.config.tree import Table
from otelsiem.config.write import json_text, yaml_text
from otelsiem.model.errors import ConfigError

RICH = """\
receivers:
  otlp: {protocols: {grpc: , http: {endpoint: "127.0.0.1:${env:PORT:-4318}"}}}
  otlp/off: {enabled: false, protocols: {grpc: {endpoint: "localhost:1"}}}
processors:
  severity: {rules: [{match: {events: "auth*", any: [{min_severity: 0o17}]}, set: high}]}
  constitution: {files: ["rules/*.yaml"], accept: [0123456789]}
exporters:
  splunk_hec/soc:
    endpoint: https://${env:HOST}:8088
    token: ${env:TOKEN}
    headers: {X-Key: "${file:key.txt}", X-Auth: "Bearer ${env:TOKEN}"}
    disable_compression: true
    timeout: 1m30s
    index: 0123
    match: {attributes: {a: 0x1F, b: 1.10, c: "0o17", d: [true, "true", ~, .inf, -1.5e+22], e: "a$$b$${c}"}}
    sending_queue: {num_consumers: "${env:CONSUMERS}"}
    retry_on_failure: {max_interval: 5m}
    rate_limit: {events_per_second: 12.5}
  splunk_hec/off: {enabled: false, endpoint: "https://${env:HOST}", token: "${env:TOKEN}"}
  file:
    path: "a$b yes: #.jsonl"
    mode: "0640"
    rotation: {max_age: 1d}
    match:
      attributes:
        number: ${env:CONSUMERS}
        text: "${env:CONSUMERS}"
        part: x${env:CONSUMERS}
        default: ${env:NONE:-1.5}
  console:
service:
  journal: {history: {age: 7d, size: 1GiB}}
  pipelines:
    logs: {receivers: [otlp, otlp/off], processors: [severity], exporters: [splunk_hec/soc, splunk_hec/off]}
    logs/local: {receivers: [otlp], processors: [severity, constitution], exporters: [file, console]}
"""
ENV = {"HOST": "splunk.example.com", "TOKEN": "9876543210", "CONSUMERS": "7", "OTHER": "audit"}


@pytest.fixture
def rich(tmp_path: Path) -> Sources:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text("rule: 1\n")
    (tmp_path / "key.txt").write_text("key-from-a-file\n")
    (tmp_path / "c.yaml").write_text(RICH)
    return Sources((str(tmp_path / "c.yaml"), "yaml:exporters::file::fsync: never"), ("service.admin.endpoint=:1",))


def printed(sources: Sources, env: Mapping[str, str], *, every_key: bool = False) -> tuple[str, Table]:
    loaded = load_whole(sources, env)
    root, redacted = effective(loaded, every_key=every_key)
    return yaml_text(root, origins(sources, loaded, redacted)), root


def again(text: str, env: Mapping[str, str], tmp_path: Path) -> Config:
    (tmp_path / "elsewhere").mkdir(exist_ok=True)
    path = tmp_path / "elsewhere" / "printed.yaml"
    path.write_text(text)
    return load(Sources.files(path), env)


def said(config: Config) -> Any:
    """What a configuration says, to compare two: without warnings, and without what models keep for themselves."""
    exporters = {i: (e.id, e.destination.model_dump(), e.settings.model_dump()) for i, e in config.exporters.items()}  # type: ignore[attr-defined]
    processors = {i: p.model_dump() for i, p in config.processors.items()}  # type: ignore[attr-defined]
    receivers = {i: r.model_dump() for i, r in config.receivers.items()}
    return receivers, processors, exporters, config.service.model_dump()


@pytest.mark.parametrize("every_key", [False, True])
def test_what_is_printed_is_the_same_configuration_wherever_it_lies(
    rich: Sources, tmp_path: Path, every_key: bool
) -> None:
    text, _ = printed(rich, ENV, every_key=every_key)
    config = again(text, ENV, tmp_path)
    assert said(config) == said(load(rich, ENV))
    assert "splunk_hec/off" not in config.exporters
    twice, _ = printed(Sources.files(tmp_path / "elsewhere" / "printed.yaml"), ENV, every_key=every_key)
    assert pyyaml.safe_load(twice) == pyyaml.safe_load(text), "printing what was printed changes nothing"


@pytest.mark.parametrize("every_key", [False, True])
@pytest.mark.parametrize(
    "env",
    [
        {},
        {
            "SPLUNK_HEC_URL": "https://s:8088", "SPLUNK_HEC_TOKEN": "0123", "SPLUNK_INDEX": "1.10",
            "SPLUNK_VERIFY_SSL": "no", "SIEM_BATCH_SIZE": "500", "SIEM_BATCH_TIMEOUT_SECONDS": "0.5",
            "SIEM_TIMEOUT_SECONDS": "7", "SIEM_COMPRESS_PAYLOADS": "no", "HTTPX_MAX_CONNECTIONS": "3",
            "HTTPX_MAX_KEEPALIVE": "2",
        },
        {
            "DATADOG_API_KEY": "0" * 32, "DATADOG_SITE": "datadoghq.eu", "DATADOG_VERSION": "1.10",
            "DATADOG_TAGS": "team:iam,tier:1", "DATADOG_RATE_LIMIT_PER_SECOND": "1.5",
            "DATADOG_RATE_LIMIT_BURST": "20", "SIEM_TIMEOUT_SECONDS": "7",
        },
    ],
)  # fmt: skip
def test_the_embedded_configuration_is_printed_with_its_variables(
    env: dict[str, str], every_key: bool, tmp_path: Path
) -> None:
    text, _ = printed(Sources(), env, every_key=every_key)
    assert said(again(text, env, tmp_path)) == said(load(Sources(), env))
    for name in env:
        assert f"#   {name}: exporters." in text, name


def test_the_page_says_what_came_from_where(rich: Sources, tmp_path: Path) -> None:
    (tmp_path / "soc.env").write_text("OTHER=x\n")
    sources = Sources(
        rich.configs, (*rich.sets, "exporters.splunk_hec/soc.source=${env:OTHER}"), (tmp_path / "soc.env",)
    )
    text, _ = printed(sources, ENV)
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert head[1:] == [
        "# Merged, in this order:",
        f"#   --config {tmp_path}/c.yaml",
        "#   --config yaml:…",
        "#   --set service.admin.endpoint",
        "#   --set exporters.splunk_hec/soc.source",
        f"# Variables also come from {tmp_path}/soc.env; the environment wins.",
        "# Left out, because of enabled: false: exporters.splunk_hec/off, receivers.otlp/off",
        "# processors.constitution.hash was computed from files: rules/*.yaml",
    ]


def test_the_variables_of_a_file_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "soc.env").write_text("\nSIEM_BATCH_SIZE=5\n")
    text, _ = printed(Sources(env_files=(tmp_path / "soc.env",)), {})
    assert f"#   SIEM_BATCH_SIZE: exporters.*.sending_queue.batch.max_size ({tmp_path}/soc.env:2)" in text


def test_every_key_is_there_when_it_is_asked_for(rich: Sources) -> None:
    found = pyyaml.safe_load(printed(rich, ENV, every_key=True)[0])
    splunk = found["exporters"]["splunk_hec/soc"]
    assert splunk["retry_on_failure"]["initial_interval"] == "1s"
    assert (splunk["tls"]["insecure_skip_verify"], splunk["proxy_url"], splunk["enabled"]) == (False, None, True)
    assert found["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"] == "localhost:4317"
    assert "timeout" not in found["exporters"]["file"]
    assert found["service"]["shutdown"] == {"drain_timeout": "10s"}
    assert (
        "grpc"
        not in pyyaml.safe_load(printed(protocols(rich), ENV, every_key=True)[0])["receivers"]["otlp"]["protocols"]
    )


def protocols(rich: Sources) -> Sources:
    """The same with HTTP alone: a default `grpc:` would open gRPC."""
    path = Path(rich.configs[0])
    path.write_text(path.read_text().replace("grpc: ,", ""))
    return rich


def test_json_says_the_same(rich: Sources) -> None:
    _, root = printed(rich, ENV)
    found = json.loads(json_text(root))
    assert found["exporters"]["splunk_hec/soc"]["token"] == "${env:TOKEN}"
    assert found["exporters"]["splunk_hec/soc"]["disable_compression"] is True
    assert found["exporters"]["splunk_hec/soc"]["match"]["attributes"]["e"] == "a$b$${c}"
    assert list(found) == list(pyyaml.safe_load(yaml_text(root, ())))


# secrets

PLANTED = "5eCr3t-pLaNteD"

WHERE = {
    "the token": ("token: abc", "token: {}"),
    "a token with spaces around": ("token: abc", "token: ' {} '"),
    "a header": ("token: abc", "token: abc\n    headers: {{X-Key: '{}'}}"),
    "a header with a scheme": ("token: abc", "token: abc\n    headers: {{X-Key: 'Bearer {}'}}"),
    "a header beside an expression": ("token: abc", "token: abc\n    headers: {{X-Key: '{}${{env:OTHER}}'}}"),
    "a default": ("token: abc", "token: ${{env:NONE:-{}}}"),
    "a default inside a default": ("token: abc", "token: ${{env:NONE:-${{env:NONE2:-{}}}}}"),
    "a default of a header": ("token: abc", "token: abc\n    headers: {{X-Key: '${{NONE:-{}}}'}}"),
    "a variable": ("token: abc", "token: ${{env:PLANTED}}"),
    "a variable in a text": ("index: main", "index: 'x${{env:PLANTED}}y'"),
    "a variable where nobody expects a secret": ("index: main", "index: ${{env:PLANTED}}"),
    "a file": ("token: abc", "token: ${{file:planted.txt}}"),
    "a proxy": ("token: abc", "token: abc\n    proxy_url: http://user:{}@proxy:3128"),
    "the same text elsewhere": ("token: abc\n    index: main", "token: {0}\n    source: x-{0}"),
    "a number": ("token: abc", "token: 5318008531800853"),
    "what is switched off": (
        "index: main",
        "index: main\n  splunk_hec/off: {{enabled: false, endpoint: 'https://x', token: {}}}",
    ),
}  # fmt: skip

TEXT = """\
receivers: {otlp: {protocols: {http: }}}
exporters:
  splunk_hec:
    endpoint: https://splunk.example.com:8088
    token: abc
    index: main
service: {pipelines: {logs: {receivers: [otlp], exporters: [splunk_hec]}}}
"""


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("every_key", [False, True])
def test_a_planted_secret_is_nowhere(tmp_path: Path, where: str, every_key: bool) -> None:
    old, new = WHERE[where]
    assert old in TEXT
    (tmp_path / "planted.txt").write_text(PLANTED)
    (tmp_path / "c.yaml").write_text(TEXT.replace(old, new.format(PLANTED)))
    sources = Sources.files(tmp_path / "c.yaml")
    env = {"PLANTED": PLANTED, "OTHER": "other"}
    text, root = printed(sources, env, every_key=every_key)
    for shown in (text, json_text(root)):
        assert PLANTED not in shown
        assert "5318008" not in shown


@pytest.mark.parametrize(
    "sources",
    [
        Sources(sets=(f"exporters.splunk_hec={{endpoint: 'https://x', token: {PLANTED}}}",)),
        Sources((f"yaml:{TEXT.replace('abc', PLANTED)}",)),
        Sources(("env:WHOLE",)),
        Sources(),
    ],
    ids=["--set", "yaml:", "env:", "variables"],
)
def test_a_secret_from_the_command_line_or_the_environment_is_nowhere(sources: Sources) -> None:
    env = {"WHOLE": TEXT.replace("abc", PLANTED), "SPLUNK_HEC_URL": "https://x", "SPLUNK_HEC_TOKEN": PLANTED}
    text, root = printed(sources, env, every_key=True)
    loaded = load_whole(sources, env)
    assert PLANTED not in text + json_text(root) + repr(loaded) + "".join(map(str, loaded.config.warnings))


def test_p8_a_secret_in_a_wrong_setting_is_in_no_problem() -> None:
    text = f"exporters.splunk_hec={{endpoint: 'https://x', token: x, headers: {{A: [{PLANTED}]}}}}"
    with pytest.raises(ConfigError) as caught:
        load(Sources(sets=(text,)), {})
    assert PLANTED not in str(caught.value) + repr(caught.value.problems)


def test_what_was_redacted_is_named_and_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(TEXT.replace("abc", PLANTED))
    text, _ = printed(Sources.files(tmp_path / "c.yaml"), {})
    assert "# Fill in before use: exporters.splunk_hec.token\n" in text
    with pytest.raises(ConfigError, match=r"exporters\.splunk_hec\.token: \[redacted\] stands for a secret"):
        again(text, {}, tmp_path)
    assert said(again(text.replace("[redacted]", PLANTED), {}, tmp_path)) == said(
        load(Sources.files(tmp_path / "c.yaml"), {})
    )


def test_a_redacted_default_cannot_become_the_secret(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(TEXT.replace("abc", f"${{env:TOKEN:-{PLANTED}}}"))
    text, _ = printed(Sources.files(tmp_path / "c.yaml"), {})
    assert pyyaml.safe_load(text)["exporters"]["splunk_hec"]["token"] == "${env:TOKEN:-[redacted]}"
    assert again(text, {"TOKEN": "x"}, tmp_path)
    with pytest.raises(ConfigError, match=r"exporters\.splunk_hec\.token: \[redacted\] stands for a secret"):
        again(text, {}, tmp_path)


def test_the_sign_for_a_secret_may_stand_where_none_belongs(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(TEXT.replace("main", "'[redacted]'").replace("token: abc", "token: ${env:TOKEN}"))
    text, _ = printed(Sources.files(tmp_path / "c.yaml"), {"TOKEN": "x"})
    assert "Fill in" not in text
    assert said(again(text, {"TOKEN": "x"}, tmp_path))


def test_a_path_to_a_secret_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(TEXT.replace("token: abc", "token: '${file:sub/t}'"))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "t").write_text(PLANTED)
    text, _ = printed(Sources.files(tmp_path / "c.yaml"), {})
    assert f'token: "${{file:{tmp_path}/sub/t}}"' in text
