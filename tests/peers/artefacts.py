"""What the peer tests need that pip does not bring: real programs, built or fetched by their own package clients.

Each lives outside the checkout under a key made of its recipe, so it is made once per recipe and machine; a new
one appears whole or not at all, and two runs that want the same one wait for each other. Standard library only:
`prepare` runs before anything of ours is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RECIPES = Path(__file__).parent / "recipes"
TRIES = 3  # a registry may fail once; a recipe that is wrong fails three times
STEP_SECONDS = 1200  # the Collector takes 5 minutes cold on two cores


class NotMadeError(Exception):
    """An artefact could not be made; the message says why."""


def cache() -> Path:
    """Where artefacts live."""
    chosen = os.environ.get("OTELSIEM_PEERS_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "otelsiem" / "peers"


@dataclass(frozen=True)
class Artefact:
    """Something made by running steps in a copy of a recipe folder."""

    name: str  # also the folder under recipes/
    product: str  # what is there when it is made
    tools: tuple[str, ...]
    steps: tuple[tuple[str, ...], ...]
    recipes: Path = RECIPES
    pause: float = 5.0  # seconds before the second try, twice that before the third

    @property
    def recipe(self) -> Path:
        """Its folder in this repository."""
        return self.recipes / self.name

    @property
    def key(self) -> str:
        """Changes when anything that it is made from changes."""
        digest = hashlib.sha256(repr((platform.machine(), self.steps)).encode())
        for path in sorted(self.recipe.iterdir()):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()[:12]

    @property
    def home(self) -> Path:
        """Where it is, or will be."""
        return cache() / f"{self.name}-{self.key}"

    @property
    def path(self) -> Path:
        """The product itself."""
        return self.home / self.product

    @property
    def log(self) -> Path:
        """What its steps printed when it was last made."""
        return cache() / f"{self.name}.log"

    def ready(self) -> bool:
        """Whether it is made."""
        return self.path.exists()

    def missing_tools(self) -> list[str]:
        """Which programs it cannot be made without are not here."""
        return [tool for tool in self.tools if shutil.which(tool) is None]

    def make(self) -> bool:
        """Make it unless it is there; returns whether there was anything to do. Raises NotMadeError."""
        with lock(cache() / f"{self.name}.lock"):
            if self.ready():
                return False
            if missing := self.missing_tools():
                raise NotMadeError(f"not installed: {', '.join(missing)}")
            self._make()
            return True

    def _make(self) -> None:
        for leftover in cache().glob(f".{self.name}-*"):  # of a run that was killed; we hold the lock
            shutil.rmtree(leftover)
        work = cache() / f".{self.name}-{self.key}"
        shutil.copytree(self.recipe, work)
        self.log.write_bytes(b"")
        for step in self.steps:
            self._run(step, work)
        if not (work / self.product).exists():
            raise NotMadeError(f"the steps went well but {self.product} is not there; see {self.log}")
        shutil.rmtree(self.home, ignore_errors=True)
        work.rename(self.home)

    def _run(self, step: tuple[str, ...], work: Path) -> None:
        for attempt in range(1, TRIES + 1):
            code = run(step, work, self.log)
            if code == 0:
                return
            if attempt < TRIES:
                time.sleep(self.pause * attempt)
        end = "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-25:])
        raise NotMadeError(f"`{' '.join(step)}` failed {TRIES} times, last with {code}:\n{end}")


def run(step: tuple[str, ...], work: Path, log: Path) -> int:
    """Run one step with its output in the log; at the time limit its whole process group ends."""
    with log.open("ab") as output:
        output.write(f"$ {' '.join(step)}\n".encode())
        output.flush()
        process = subprocess.Popen(
            step, cwd=work, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, process_group=0
        )
        try:
            return process.wait(STEP_SECONDS)
        finally:  # a time limit, Ctrl-C, SIGTERM: nothing that we started stays
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Only one process at a time; the kernel releases it when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


COLLECTOR = Artefact(
    name="collector",
    product="otelcol-peers",
    tools=("bash", "go"),
    steps=(("bash", "build.sh"),),
)
GO_SENDER = Artefact(
    name="otlp-go",
    product="send",
    tools=("go",),
    steps=(("go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", "send", "."),),
)
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"  # without a version Maven asks which is newest
JAVA_SENDER = Artefact(
    name="otlp-java",
    product="classes/Send.class",
    tools=("mvn", "javac"),
    steps=(
        ("mvn", "--quiet", "--batch-mode", f"{COPY_JARS}:copy-dependencies", "-DoutputDirectory=libs"),
        ("javac", "-encoding", "UTF-8", "-cp", "libs/*", "-d", "classes", "Send.java"),
    ),
)
NODE_SENDER = Artefact(
    name="otlp-node",
    product="node_modules/@opentelemetry/sdk-logs/package.json",
    tools=("node", "npm"),
    steps=(("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"),),
)
ELASTICSEARCH = Artefact(
    name="elasticsearch",
    product="server",
    tools=("bash", "mvn", "javac", "jar"),
    steps=(("bash", "build.sh"),),
)
OPENSEARCH = Artefact(
    name="opensearch",
    product="server",
    tools=("bash", "mvn", "java"),
    steps=(("bash", "build.sh"),),
)
KAFKA = Artefact(
    name="kafka",
    product="libs",
    tools=("mvn", "java"),
    steps=(
        ("mvn", "--quiet", "--batch-mode", f"{COPY_JARS}:copy-dependencies", "-DoutputDirectory=libs",
         "-DincludeScope=runtime"),
        ("cp", "log4j2.properties", "libs/"),
    ),
)  # fmt: skip
RSYSLOG = Artefact(
    name="rsyslog",
    product="root",
    tools=("bash", "apt-get", "dpkg"),
    steps=(("bash", "fetch.sh"),),
)
SYSLOG_NG = Artefact(
    name="syslog-ng",
    product="root",
    tools=("bash", "apt-get", "dpkg"),
    steps=(("bash", "fetch.sh"),),
)
OTEL_SDK = Artefact(
    name="otel-sdk",
    product="versions",
    tools=("bash", "python3"),
    steps=(("bash", "fetch.sh"),),
)
UWSGI = Artefact(
    name="uwsgi",
    product="venv/bin/uwsgi",
    tools=("bash", "python3", "gcc"),
    steps=(("bash", "fetch.sh"),),
)
# Quick ones first: their tests can run while the Collector is being built.
ALL = (
    OTEL_SDK,
    RSYSLOG,
    SYSLOG_NG,
    GO_SENDER,
    NODE_SENDER,
    JAVA_SENDER,
    UWSGI,
    KAFKA,
    OPENSEARCH,
    ELASTICSEARCH,
    COLLECTOR,
)
