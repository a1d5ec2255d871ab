"""gevent, patched before or after our import: our threads are greenlets, and all goes on."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.life.serving import PATIENCE, ROOT
from tests.program import Program

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("order", ["before", "after"])
def test_greenlets_audit_and_end(tmp_path: Path, order: str) -> None:
    log = tmp_path / "log"
    argv = [sys.executable, "-m", "tests.life.apps.greenlets", order, str(tmp_path)]
    program = Program(argv, log, {"PYTHONPATH": str(ROOT)})
    assert program.finish(PATIENCE) == 0
    print(program.tail(5))
    names = {f"g{number}-{kind}{n}" for number in range(50) for kind in "fd" for n in range(4)}
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert Counter(json.loads(line)["metadata"]["name"] for line in lines) == dict.fromkeys(names, 1)
    printed = log.read_text()
    assert {line for line in printed.splitlines() if line.startswith("g")} == {name for name in names if "d" in name}
    assert "Traceback" not in printed
