"""A real worker of `celery_app` with two children, and a client of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otelsiem.testing.hec import FakeHec
from tests.program import Program, eventually

ROOT = Path(__file__).parents[2]
APP = "tests.integrations.celery_app"


class Worker:
    """One worker in a folder of its own."""

    def __init__(self, folder: Path, splunk: FakeHec, *options: str, memory: bool = False) -> None:
        self.folder, self.splunk = folder, splunk
        self.env = {
            "CELERY_APP_FOLDER": str(folder),
            "CELERY_APP_HEC": f"{splunk.url} {splunk.token}",
            "PYTHONPATH": str(ROOT),
            **({"CELERY_APP_MEMORY": "1"} if memory else {}),
        }
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "info"]
        argv = [sys.executable, "-m", "celery", "-A", APP, "worker", "-c", "2", "-P", "prefork", *quiet, *options]
        self.program = Program(argv, folder / "worker.log", self.env)

    def ready(self) -> None:
        self.program.ready(lambda: " ready." in self.program.log.read_text("utf-8", "replace"), 60)

    def send(self, code: str) -> None:
        """Run this in a client of its own."""
        whole = f"import otelsiem\nfrom {APP} import *\n{code}"
        done = subprocess.run(
            [sys.executable, "-c", whole],
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def receipts(self) -> Counter[str]:
        """What tasks wrote down once they had it: `noted pid n`."""
        path = self.folder / "receipts"
        return Counter(path.read_text().splitlines() if path.exists() else [])

    def await_receipts(self, number: int) -> None:
        eventually(lambda: self.receipts().total() >= number, 30, f"{number} receipts\n{self.program.tail()}")


def killed(program: Program) -> None:
    """It and its children at once. Celery asks the kernel to end them with their parent; one just born has not yet."""
    folder = Path(f"/proc/{program.process.pid}/task")
    children = [int(pid) for task in folder.glob("*/children") for pid in task.read_text().split()]
    program.kill()
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(map(_lives, children)), 10, "a signal takes its time, and locks are held so long")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def worker(folder: Path, *options: str, memory: bool = False) -> Iterator[Worker]:
    with FakeHec() as splunk:
        made = Worker(folder, splunk, *options, memory=memory)
        try:
            made.ready()
            yield made
        finally:
            if not made.program.ended():
                killed(made.program)
