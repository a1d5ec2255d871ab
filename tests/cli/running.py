"""A gateway in a process of its own, and commands in theirs, as an operator has them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.program import Program, answers, free_port

OTELSIEM = (sys.executable, "-m", "otelsiem.cli")


def configured(folder: Path, *, http: int = 0, admin: int = 0, kind: str = "sqlite") -> Path:
    """A configuration with one exporter that writes a file and one that reaches nobody."""
    path = folder / f"c{free_port()}.yaml"
    path.write_text(f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: 127.0.0.1:{http or free_port()}}}}}}}}}
exporters:
  file: {{path: {folder}/events.jsonl}}
  splunk_hec/soc: {{endpoint: "http://127.0.0.1:{free_port()}", token: t0ken-of-splunk}}
service:
  journal: {{type: {kind}, directory: {folder / "data"}}}
  admin: {{endpoint: 127.0.0.1:{admin or free_port()}}}
  pipelines: {{logs: {{receivers: [otlp], exporters: [file, splunk_hec/soc]}}}}
""")
    return path


@contextmanager
def gateway(config: Path, admin: int, *options: str) -> Iterator[Program]:
    """`otelsiem run`, ready."""
    argv = [*OTELSIEM, "run", "--config", str(config), *options]
    with Program(argv, config.with_suffix(".log")) as program:
        program.ready(lambda: "is ready" in program.tail() and answers(admin), 60)
        yield program


def call(*words: object) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    argv = [*OTELSIEM, *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False, stdin=subprocess.DEVNULL)
