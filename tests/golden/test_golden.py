"""Exact bytes of every format for every case. `pytest tests/golden --update-golden` writes them; then read the diff."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelsiem.destinations.console import Console
from otelsiem.destinations.file import File
from otelsiem.destinations.splunk_hec import SplunkHec
from otelsiem.model.destination import Destination
from otelsiem.model.secret import Secret
from tests.golden.cases import AT, CASES

DATA = Path(__file__).parent / "data"

HEC = SplunkHec(
    endpoint="https://splunk.example.com:8088",
    token=Secret("00000000-0000-0000-0000-000000000000"),
    index="audit-{tenant.id|main}",
    fields=("user.id", "user.roles"),
    compression="none",
)

# format -> (file name extension, what writes it)
FORMATS: dict[str, tuple[str, Destination]] = {
    "json": ("json", File(path="audit.jsonl")),
    "hec": ("json", HEC),
    "hec_event": ("json", HEC.model_copy(update={"schema_": "event"})),
    "console": ("txt", Console()),
    "console_color": ("txt", Console(color="always")),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", FORMATS)
def test_golden(name: str, case: str, update_golden: bool) -> None:
    extension, destination = FORMATS[name]
    encoded = destination.encode(CASES[case], AT)
    assert not encoded.rejected
    body = b"".join(payload.body for payload in encoded.payloads)
    file = DATA / name / f"{case}.{extension}"
    if update_golden:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    assert body == file.read_bytes(), f"{file} differs; if that is meant: --update-golden"


def test_every_golden_file_has_a_test() -> None:
    expected = {f"{name}/{case}.{extension}" for name, (extension, _) in FORMATS.items() for case in CASES}
    ours = {f"{file.parent.name}/{file.name}" for name in FORMATS for file in (DATA / name).iterdir()}
    assert ours == expected
