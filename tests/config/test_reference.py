"""The reference page is what the code prints, every key has a sentence, and the examples are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from otelsiem.config import reference
from otelsiem.config.load import load
from otelsiem.config.model import ExporterSettings, OtlpReceiver, Service
from otelsiem.config.sources import Sources
from otelsiem.config.validate import keys
from otelsiem.model.duration import seconds, spelled
from tests.config.certificates import folder_of_certificates

PAGE = Path(__file__).parents[2] / "docs/reference/configuration.md"


def test_the_page_is_current() -> None:
    text = PAGE.read_text("utf-8")
    assert text.count("<!-- printed: ") == 2
    assert text == reference.page(text), f"python -m otelsiem.config.reference {PAGE} prints it again"


def test_every_key_has_a_type_and_a_sentence() -> None:
    rows = [line.split(" | ") for line in reference.defaults().splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    for key, kind, _, said in rows:
        assert kind not in {"", "any"}, key
        assert said.strip(" |"), key


def test_every_key_of_the_models_is_there() -> None:
    printed = reference.defaults()
    for model in (OtlpReceiver, ExporterSettings, Service):
        for key, info in keys(model).items():
            assert re.search(rf"^\| `{key}` \|.*\| {re.escape(info.description or '')} \|$", printed, re.MULTILINE), key


def test_defaults_are_shown_as_they_are_typed() -> None:
    printed = reference.defaults()
    for row in (
        "| `protocols.grpc.endpoint` | host:port | `localhost:4317` |",
        "| `protocols.http.max_request_body_size` | size | `20MiB` |",
        "| `sending_queue.batch.flush_timeout` | duration | `200ms` |",
        "| `token` | secret | required |",
        "| `retry_on_failure.multiplier` | number | `2` |",
        "| `match.min_severity` | level |  |",
        "| `rules.*.set` | level | required |",
        "| `pipelines.*.processors` | list of text | `[]` |",
    ):
        assert row in printed


@pytest.mark.parametrize("text", ["0", "200ms", "10s", "1m30s", "1h", "5m", "1d12h", "90s"])
def test_a_duration_is_shown_so_that_it_reads_the_same(text: str) -> None:
    assert seconds(spelled(seconds(text))) == seconds(text)


def test_every_example_is_valid(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert examples
    certificates = folder_of_certificates(tmp_path)
    for text in examples:
        path = tmp_path / "example.yaml"
        path.write_text(text.replace("/etc/otelsiem", str(certificates)))
        load(Sources.files(path), {"SPLUNK_HEC_TOKEN": "t0ken"})
