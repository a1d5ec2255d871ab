"""The JSON Schema, judged by a validator that is not ours: what may start validates, most of what may not does not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from otelsiem.config import yaml as reader
from otelsiem.config.report import Report
from otelsiem.config.schema import schema
from otelsiem.config.tree import plain

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VALIDATOR = Draft202012Validator(schema())
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)

MINIMAL = """
receivers: {otlp: {protocols: {http: }}}
exporters: {console: }
service: {pipelines: {logs: {receivers: [otlp], exporters: [console]}}}
"""


def faults(text: str) -> list[str]:
    """What an editor would underline. It reads YAML by its own rules; ours are those of YAML 1.2."""
    found = reader.read(text.encode(), "", Report())
    assert found is not None
    return [error.json_path for error in VALIDATOR.iter_errors(plain(found))]


def examples() -> list[tuple[str, str]]:
    """Every whole configuration of the pages, and those of this folder that start."""
    pages = [
        (page.name, text) for page in sorted((ROOT / "docs").rglob("*.md")) for text in BLOCK.findall(page.read_text())
    ]
    whole = [(name, text) for name, text in pages if "pipelines" in text]
    return whole + [(path.stem, path.read_text()) for path in sorted((HERE / "odd").glob("*.yaml"))]


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(("name", "text"), [pytest.param(*one, id=f"{n}-{one[0]}") for n, one in enumerate(examples())])
def test_what_may_start_validates(name: str, text: str) -> None:
    del name
    assert faults(text) == []


def test_also_for_an_editor_that_reads_yaml_1_1() -> None:
    for _, text in examples():
        assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []


# what only `validate` can know: other keys, files, the environment, or the inside of a text
BEYOND = re.compile(
    r"env-|yaml-|port-of|url-|token-|template-|proxy-|header-of|header-name|field-|constitution-(?!mismatch|hash-too)"
    r"|tls-(ca-file|cert-without|key-without|server-name)|file-(path|rotation-said|cef-settings|leef-1)|retry-intervals|listed-twice"
    r"|pipelines-empty|pipeline-without|undefined|defined-elsewhere|file-expression|reference-is|receiver-without-protocol$"
    r"|collector-splunk|nothing-where|-zero$|port-too-large|receiver-tls|receiver-auth-not|bearer-without|resume-of"
    r"|tls-never-verifies|elasticsearch-(dataset|fingerprint|index|key|no-address|two)"
    r"|kafka-(broker-with|password|topic-with|batches|two|tls-ca|raw)"
    r"|datadog-endpoint|datadog-host-tags|webhook-(secret|wrap|template)"
    r"|syslog-(confirm|datagrams|format|insecure|tls)|mask-(hmac|nothing|pattern)"
)


@pytest.mark.parametrize("path", [p for p in sorted((HERE / "wrong").glob("*.yaml")) if not BEYOND.search(p.stem)],
                         ids=lambda path: str(path.stem))  # fmt: skip
def test_what_an_editor_can_know_is_underlined(path: Path) -> None:
    assert faults(path.read_text())


def test_a_good_share_of_the_catalogue_is_underlined() -> None:
    every = [path for path in (HERE / "wrong").glob("*.yaml") if not path.stem.startswith("yaml-")]
    caught = [path for path in every if faults(path.read_text())]
    assert len(caught) > 0.6 * len(every)


@pytest.mark.parametrize(
    "written",
    [
        "timeout: 60",
        "timeout: 5 minutes",
        "tls: {min_version: TLSv1.2}",
        "sending_queue: {num_consumers: many}",
        "compression: zstd",
        "tokn: x",
        "match: {min_severity: loud}",
        "max_request_bytes: 999999999",
    ],
)
def test_a_mistake_is_underlined_and_an_expression_in_its_place_is_not(written: str) -> None:
    exporter = "{{endpoint: 'https://a', token: x, {0}}}"
    assert faults(MINIMAL.replace("{console: }", f"{{console: , splunk_hec: {exporter.format(written)}}}"))
    if "tokn" in written:
        return
    opened = re.sub(r": ([^{}]+?)(}*)$", r": '${env:X}'\2", written)
    assert opened != written
    assert faults(MINIMAL.replace("{console: }", f"{{console: , splunk_hec: {exporter.format(opened)}}}")) == []


def test_both_spellings_of_a_type_and_any_name_are_known() -> None:
    for id_ in ("splunk_hec", "splunkhec", "splunk_hec/soc", "debug", "logging/x"):
        settings = "{endpoint: 'https://a', token: x}" if "splunk" in id_ else "{}"
        assert faults(MINIMAL.replace("{console: }", f"{{console: , {id_}: {settings}}}")) == [], id_
    for id_ in ("splunk", "splunk_hec_2", "Splunk_hec", "console/a b"):
        assert faults(MINIMAL.replace("{console: }", f"{{console: , {id_}: {{}}}}")), id_


def named(document: Any) -> Any:
    """Every key with what stands behind it."""
    if isinstance(document, dict):
        for key, inner in document.items():
            if isinstance(inner, dict) and key in {"properties", "patternProperties"}:
                yield from inner.items()
            yield from named(inner)
    elif isinstance(document, list):
        for inner in document:
            yield from named(inner)


def test_editors_can_show_a_sentence_for_every_key() -> None:
    keys = [(key, inner) for key, inner in named(schema()) if not key.startswith("^")]
    assert len(keys) > 100
    assert [key for key, inner in keys if "description" not in str(inner)] == []
