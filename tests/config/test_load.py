"""What a good configuration becomes; what the embedded one is; what Collector keys do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from otelsiem.config import discover
from otelsiem.config.load import load
from otelsiem.config.model import Config
from otelsiem.config.quantity import Address
from otelsiem.config.sources import Sources
from otelsiem.destinations.file import File
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.model.errors import ConfigError
from otelsiem.processors.constitution import Constitution, digest

MINIMAL = """\
receivers: {otlp: {protocols: {http: }}}
exporters: {console: }
service: {pipelines: {logs: {receivers: [otlp], exporters: [console]}}}
"""


def loaded(tmp_path: Path, *texts: str, env: dict[str, str] | None = None) -> Config:
    paths = []
    for n, text in enumerate(texts):
        paths.append(tmp_path / f"{n}.yaml")
        paths[-1].write_text(text)
    return load(Sources.files(*paths), env or {})


def default_config(env: dict[str, str] | None = None) -> Config:
    return load(Sources(), env or {})


def splunk(config: Config, id_: str = "splunk_hec") -> SplunkHec:
    destination = config.exporters[id_].destination
    assert isinstance(destination, SplunkHec)
    return destination


def test_only_what_is_named_is_opened(tmp_path: Path) -> None:
    protocols = loaded(tmp_path, MINIMAL).receivers["otlp"].protocols
    assert protocols.grpc is None
    assert protocols.http is not None
    assert str(protocols.http.endpoint) == "localhost:4318"


def test_every_key_of_an_exporter_arrives(tmp_path: Path) -> None:
    text = """
exporters:
  splunk_hec/soc:
    endpoint: https://splunk.example.com:8088
    token: ${env:TOKEN}
    timeout: 1m30s
    match: {events: auth*, min_severity: error}
    sending_queue: {num_consumers: 2, batch: {max_size: 100, sizer: bytes, flush_timeout: 50ms}}
    retry_on_failure: {enabled: false, initial_interval: 2s, max_interval: 4s, multiplier: 3,
                       randomization_factor: 0, max_elapsed_time: 1h, max_retries: 5}
    rate_limit: {events_per_second: 10, burst: 20}
    hold: {probe_interval: 5s}
    start_at: beginning
service:
  journal: {type: memory, directory: d, max_size_mib: 100, history: {age: 7d, size: 1GiB}}
  admin: {endpoint: "[::1]:9000"}
  shutdown: {drain_timeout: 0}
  pipelines: {logs/eu: {receivers: [otlp], exporters: [splunk_hec/soc]}}
"""
    config = loaded(tmp_path, MINIMAL, text, env={"TOKEN": "t0ken"})
    exporter = config.exporters["splunk_hec/soc"]
    written = exporter.settings
    assert splunk(config, "splunk_hec/soc").timeout == 90
    assert written.timeout == 90
    assert written.match is not None
    assert written.match.min_severity == 17
    assert (written.sending_queue.num_consumers, written.sending_queue.batch.max_size) == (2, 100)
    assert (written.sending_queue.batch.sizer, written.sending_queue.batch.flush_timeout) == ("bytes", 0.05)
    retry = written.retry_on_failure
    assert (retry.enabled, retry.initial_interval, retry.max_interval, retry.multiplier) == (False, 2, 4, 3)
    assert (retry.randomization_factor, retry.max_elapsed_time, retry.max_retries) == (0, 3600, 5)
    assert written.rate_limit is not None
    assert (written.rate_limit.events_per_second, written.rate_limit.burst) == (10, 20)
    assert (written.hold.probe_interval, written.start_at) == (5, "beginning")
    service = config.service
    assert (service.journal.type, service.journal.directory, service.journal.max_size_mib) == ("memory", Path("d"), 100)
    assert (service.journal.history.age, service.journal.history.size) == (604800, 1 << 30)
    assert service.admin.endpoint == Address("::1", 9000)
    assert service.shutdown.drain_timeout == 0
    assert list(service.pipelines) == ["logs", "logs/eu"]


def test_the_defaults_never_give_up(tmp_path: Path) -> None:
    retry = loaded(tmp_path, MINIMAL).exporters["console"].settings.retry_on_failure
    assert (retry.enabled, retry.max_elapsed_time, retry.max_retries) == (True, 0, None)


@pytest.mark.parametrize("token", ["0123456789", "12e4567", "1.10", "123456", "1e999", "0x1F", "true", "null", "1_0"])
def test_a_token_from_outside_arrives_as_it_is_written(tmp_path: Path, token: str) -> None:
    (tmp_path / "t").write_text(token + "\n")
    for written in ("${env:T}", '"${env:T}"', "${file:t}"):
        block = f"\n  console:\n  splunk_hec:\n    endpoint: https://a\n    token: {written}"
        text = MINIMAL.replace("{console: }", block)
        assert splunk(loaded(tmp_path, text, env={"T": token})).token.get_secret_value() == token


@pytest.mark.parametrize("index", ["2024", "1.10", "0123", "12e4567", "0x1F"])
def test_a_number_where_text_is_wanted_is_read_as_it_is_written(tmp_path: Path, index: str) -> None:
    text = MINIMAL.replace(
        "{console: }", f"{{console: , splunk_hec: {{endpoint: https://a, token: x, index: {index}}}}}"
    )
    assert splunk(loaded(tmp_path, text)).index == index


def test_later_files_are_merged_over_earlier_ones_and_each_has_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "t").write_text("secret-of-sub\n")
    (tmp_path / "a.yaml").write_text(MINIMAL.replace("{console: }", "{console: , file: {path: a, mode: 0640}}"))
    (tmp_path / "sub" / "b.yaml").write_text(
        "exporters: {file: {path: b}, splunk_hec: {endpoint: https://a, token: '${file:t}'}}\n"
        "service: {pipelines: {logs: {exporters: [file, splunk_hec]}}}\n"
    )
    config = load(Sources.files(tmp_path / "a.yaml", tmp_path / "sub" / "b.yaml"), {})
    file = config.exporters["file"].destination
    assert isinstance(file, File)
    assert (file.path, file.mode) == ("b", "0640")
    assert splunk(config).token.get_secret_value() == "secret-of-sub"
    assert config.service.pipelines["logs"].exporters == ["file", "splunk_hec"]


def test_what_a_later_file_replaces_need_not_be_fillable(tmp_path: Path) -> None:
    first = MINIMAL.replace("{console: }", "{console: , file: {path: '${env:UNSET}'}}")
    config = loaded(tmp_path, first, "exporters: {file: {path: x}}")
    assert config.exporters["file"].id == "file"


def test_what_no_pipeline_uses_is_a_warning(tmp_path: Path) -> None:
    config = loaded(tmp_path, MINIMAL.replace("{console: }", "{console: , file: {path: x}}"))
    [warning] = config.warnings
    assert str(warning).endswith("0.yaml:2: exporters.file: is defined, but no pipeline uses it")


def test_unused_listeners_do_not_clash(tmp_path: Path) -> None:
    text = MINIMAL.replace(
        "{otlp: {protocols: {http: }}}", "{otlp: {protocols: {http: }}, otlp/2: {protocols: {http: }}}"
    )
    assert len(loaded(tmp_path, text).warnings) == 1
    with pytest.raises(ConfigError, match=r"receivers\.otlp/2\.protocols\.http\.endpoint: localhost:4318 is taken"):
        loaded(tmp_path, text.replace("[otlp]", "[otlp, otlp/2]"))


def test_a_collectors_configuration_starts_and_is_told_what_it_need_not_say(tmp_path: Path) -> None:
    text = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: 0.0.0.0:4317, keepalive: {server_parameters: {time: 1m}}, transport: tcp}
      http: {read_timeout: 5s}
processors:
  memory_limiter: {check_interval: 1s}
  batch/x:
extensions: {file_storage: {directory: /var/lib/x}, health_check: }
exporters:
  splunk_hec:
    endpoint: https://splunk:8088/services/collector
    token: abcd
    disable_compression: true
    max_content_length_logs: 4096
    sending_queue: {enabled: true, storage: file_storage, queue_size: 9, batch: {min_size: 1, max_size: 10}}
service:
  extensions: [file_storage, health_check]
  telemetry: {metrics: {level: none}}
  pipelines: {logs: {receivers: [otlp], processors: [memory_limiter, batch/x], exporters: [splunk_hec]}}
"""
    config = loaded(tmp_path, text)
    assert config.service.pipelines["logs"].processors == []
    assert (splunk(config).compression, splunk(config).max_request_bytes) == ("none", 4096)
    assert sorted(w.path for w in config.warnings) == [
        "exporters.splunk_hec.sending_queue.batch.min_size",
        "exporters.splunk_hec.sending_queue.enabled",
        "exporters.splunk_hec.sending_queue.queue_size",
        "exporters.splunk_hec.sending_queue.storage",
        "extensions.file_storage",
        "extensions.health_check",
        "processors.batch/x",
        "processors.memory_limiter",
        "receivers.otlp.protocols.grpc.endpoint",
        "receivers.otlp.protocols.grpc.keepalive",
        "receivers.otlp.protocols.http.read_timeout",
        "service.telemetry",
    ]
    assert all(w.line and w.hint for w in config.warnings)


def test_a_processor_that_is_not_defined_is_wrong_even_when_it_would_be_ignored(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'batch' is not defined under processors"):
        loaded(tmp_path, MINIMAL.replace("exporters: [console]", "processors: [batch], exporters: [console]"))


# the embedded configuration


def test_without_a_file_there_is_otlp_a_journal_and_a_file() -> None:
    config = default_config()
    addresses = [str(address) for _, address in config.receivers["otlp"].addresses]
    assert addresses == ["localhost:4317", "localhost:4318"]
    assert config.service.pipelines["logs"].exporters == ["file"]
    assert config.service.pipelines["logs"].processors == ["severity"]
    assert (config.service.journal.type, str(config.service.journal.directory)) == ("sqlite", "otelsiem-data")
    file = config.exporters["file"].destination
    assert isinstance(file, File)
    assert file.rotation is not None
    assert (file.path, file.rotation.max_megabytes, file.rotation.max_backups) == ("otelsiem-data/events.jsonl", 100, 0)
    assert config.warnings == ()


def test_splunks_variables_turn_splunk_on() -> None:
    env = {"SPLUNK_HEC_URL": "https://s:8088", "SPLUNK_HEC_TOKEN": "0123", "SPLUNK_INDEX": "audit",
           "SPLUNK_SOURCETYPE": "x", "SPLUNK_VERIFY_SSL": "False"}  # fmt: skip
    config = default_config(env)
    destination = splunk(config)
    assert destination.token.get_secret_value() == "0123"
    assert (destination.index, destination.sourcetype, destination.tls.insecure_skip_verify) == ("audit", "x", True)
    assert config.service.pipelines["logs"].exporters == ["file", "splunk_hec"]
    assert splunk(default_config({**env, "SPLUNK_VERIFY_SSL": ""})).tls.insecure_skip_verify is False


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"SPLUNK_HEC_URL": "https://s"}, "SPLUNK_HEC_TOKEN: is missing, while SPLUNK_HEC_URL is set"),
        ({"SPLUNK_HEC_TOKEN": "hunter22"}, "SPLUNK_HEC_URL: is missing, while SPLUNK_HEC_TOKEN is set"),
        (
            {"SPLUNK_HEC_URL": "s", "SPLUNK_HEC_TOKEN": "hunter22 x"},
            "splunk_hec.endpoint: must begin with http:// or https://; the value comes from ${env:SPLUNK_HEC_URL}",
        ),
        (
            {"SPLUNK_HEC_URL": "https://s", "SPLUNK_HEC_TOKEN": "hunter22", "SPLUNK_VERIFY_SSL": "maybe"},
            "SPLUNK_VERIFY_SSL: expected true or false",
        ),
    ],
)
def test_p8_variables_that_do_not_fit_are_told(env: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        default_config(env)
    assert said in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_a_dollar_in_a_variable_is_a_dollar() -> None:
    config = default_config({"SPLUNK_HEC_URL": "https://s", "SPLUNK_HEC_TOKEN": "a$$b${c}"})
    assert splunk(config).token.get_secret_value() == "a$$b${c}"


# the constitution's files


def test_the_hash_of_the_rules_does_not_depend_on_where_they_lie(tmp_path: Path) -> None:
    hashes = []
    for name in ("here", "there"):
        (tmp_path / name / "rules").mkdir(parents=True)
        for file in ("b.yaml", "a.yaml"):
            (tmp_path / name / "rules" / file).write_text(file)
        text = MINIMAL + "processors: {constitution: {files: rules/*.yaml}}\n"
        path = tmp_path / name / "c.yaml"
        path.write_text(text)
        processor = load(Sources.files(path), {}).processors["constitution"]
        assert isinstance(processor, Constitution)
        hashes.append(processor.hash)
    assert hashes[0] == hashes[1] == digest({"rules/a.yaml": b"a.yaml", "rules/b.yaml": b"b.yaml"})


def test_a_rule_file_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"files\[1\]: cannot read 'none.yaml': No such file"):
        loaded(tmp_path, MINIMAL + "processors: {constitution: {files: [0.yaml, none.yaml]}}\n")


# discovery


def test_destinations_and_processors_are_found_by_name() -> None:
    assert discover.destination("splunk_hec") is SplunkHec
    assert discover.destination("splunkhec") is SplunkHec
    assert discover.destination("settings") is None
    assert discover.destination("../file") is None
    assert {"splunk_hec", "file", "console"} <= set(discover.destination_types())
    assert {"severity", "constitution"} <= set(discover.processor_types())


def _package(tmp_path: Path, target: str) -> None:
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[otelsiem.destinations]\ntheir_siem = {target}\n")


def test_a_destination_of_another_package_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _package(tmp_path, "otelsiem.destinations.file:File")
    monkeypatch.syspath_prepend(str(tmp_path))
    config = loaded(tmp_path, MINIMAL.replace("{console: }", "{console: , their_siem: {path: x}}"))
    assert isinstance(config.exporters["their_siem"].destination, File)
    assert "their_siem" in discover.destination_types()


@pytest.mark.parametrize("target", ["nowhere_at_all:X", "json:loads"])
def test_a_destination_that_cannot_be_loaded_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    _package(tmp_path, target)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"exporters\.their_siem: (the package that brings it|json:loads is neither)"):
        loaded(tmp_path, MINIMAL.replace("{console: }", "{console: , their_siem: {path: x}}"))


def test_nothing_of_a_configuration_shows_its_secrets(tmp_path: Path) -> None:
    text = MINIMAL.replace("{console: }", "{console: , splunk_hec: {endpoint: https://a, token: hunter22}}")
    config = loaded(tmp_path, text)
    assert "hunter22" not in repr(config) + str(config) + json.dumps([str(w) for w in config.warnings])
    assert not re.search("hunter", repr(config.exporters))


def test_a_destination_that_sends_no_requests_has_no_timeout(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"exporters\.console\.timeout: is not a key here"):
        loaded(tmp_path, MINIMAL.replace("{console: }", "{console: {timeout: 5s}}"))
