"""What every format and every destination's encode costs, in CPU of one thread per record.

The standard records, with ids as the door gives them, in pieces as `_payloads` cuts them; subjects take turns round by
round, so that they share the machine's moods. Two yardsticks run among them: msgspec writing the same records as they
are, and a loop that does nothing; a figure is worth what it is beside them. Formats and destinations are found by name
(a module of `otelsiem.formats` with `Style` and `lines`; the first configuration of a destination's conformance row).
"""

from __future__ import annotations

import gc
import pkgutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from otelsiem import formats
from otelsiem.destinations._payloads import LARGE_PIECE, PIECE
from otelsiem.formats.gzip import compress
from otelsiem.formats.named import BY_COLUMNS
from otelsiem.model.destination import Destination, Encoded, Moment
from otelsiem.model.record import Batch, cut
from otelsiem.otlp.ids import stamp
from tests.benchmarks.records import standard

RECORDS = 1000
STEPS = 100  # of the loop, per record
LARGE = BY_COLUMNS | {"hec"}  # which destinations cut into larger pieces
JSON, MSGSPEC, LOOP = "json", "msgspec", "loop"
HEADS = (
    "what", "name", "µs best", "µs median", "× loop", "× json", "× msgspec", "bytes/record", "µs with gzip",
    "bytes with gzip",
)  # fmt: skip

_ROWS = Path(__file__).parents[1] / "conformance/rows"


@dataclass(frozen=True)
class Figures:
    """One row; µs per record are milliseconds per thousand. 0: gzip makes no difference to it, or is not for it."""

    what: str
    name: str
    best_us: float
    median_us: float
    to_loop: float
    to_json: float
    to_msgspec: float
    bytes: float
    gzip_us: float
    gzip_bytes: float


@dataclass
class Subject:
    """What is measured, and the CPU of each round in µs per record."""

    what: str
    name: str
    run: Callable[[], int]  # once over all records; how many bytes came of it
    size: int = 0
    spent: list[float] = field(default_factory=list)

    def round(self) -> None:
        began = time.thread_time_ns()
        self.size = self.run()
        self.spent.append((time.thread_time_ns() - began) / 1000 / RECORDS)

    @property
    def best(self) -> float:
        return min(self.spent)


def measure(rounds: int) -> list[Figures]:
    """The figures, formats first and then destinations, each with gzip where it has it."""
    batch = standard(RECORDS)
    stamp(batch, b"the request", "", time.time_ns())
    at = Moment(now=time.time_ns(), host="collector-01", channel="00000000-0000-4000-8000-000000000000")
    plain = [*_yardsticks(batch), *_formats(batch, at), *_destinations(batch, at, "none")]
    zipped = [*_zipped_formats(plain), *_destinations(batch, at, "gzip")]
    for n in range(rounds + 1):
        for subject in (*plain, *zipped):
            subject.round()
        if not n:  # the first round fills the caches
            for subject in (*plain, *zipped):
                subject.spent.clear()
        gc.collect()
    return _figures(plain, {(subject.what, subject.name): subject for subject in zipped})


def row(found: Figures) -> list[object]:
    """The cells of a row under these heads."""
    gzip = [found.gzip_us, found.gzip_bytes] if found.gzip_bytes else ["", ""]
    sizes = [found.bytes] if found.bytes else [""]
    return [
        found.what,
        found.name,
        found.best_us,
        found.median_us,
        found.to_loop,
        found.to_json,
        found.to_msgspec,
        *sizes,
        *gzip,
    ]


def _figures(plain: Sequence[Subject], zipped: dict[tuple[str, str], Subject]) -> list[Figures]:
    by_name = {subject.name: subject for subject in plain if subject.what != "destination"}
    loop, json, least = (by_name[name].best for name in (LOOP, JSON, MSGSPEC))
    made: list[Figures] = []
    for subject in plain:
        other = zipped.get((subject.what, subject.name))
        differs = other is not None and other.size != subject.size
        made.append(
            Figures(
                subject.what, subject.name, subject.best, statistics.median(subject.spent),
                subject.best / loop, subject.best / json, subject.best / least, subject.size / RECORDS,
                other.best if other and differs else 0.0, other.size / RECORDS if other and differs else 0.0,
            )
        )  # fmt: skip
    return made


def _yardsticks(batch: Batch) -> Iterator[Subject]:
    encoder = msgspec.json.Encoder()
    records = [record for group in batch for record in group.records]

    def loop() -> int:
        for _ in range(RECORDS * STEPS):
            pass
        return 0

    yield Subject("yardstick", MSGSPEC, lambda: len(encoder.encode_lines(records)))
    yield Subject("yardstick", LOOP, loop)


def _formats(batch: Batch, at: Moment) -> Iterator[Subject]:
    for found in pkgutil.iter_modules(formats.__path__):
        module = None if found.name.startswith("_") else import_module(f"{formats.__name__}.{found.name}")
        if module is not None and hasattr(module, "Style") and hasattr(module, "lines"):
            size = LARGE_PIECE if found.name in LARGE else PIECE
            pieces = [cut(batch, start, start + size) for start in range(0, RECORDS, size)]
            yield Subject("format", found.name, _Format(module, pieces, at))


class _Format:
    """A format's lines of all pieces."""

    def __init__(self, module: Any, pieces: Sequence[Batch], at: Moment) -> None:
        self._lines, self._style, self._pieces, self._at = module.lines, module.Style(), pieces, at

    def __call__(self) -> int:
        return len(self.body())

    def body(self) -> bytes:
        """As a destination sends them: each line ended, in one text."""
        return b"".join([b"\n".join([*self._lines(piece, self._at, self._style), b""]) for piece in self._pieces])


def _zipped_formats(plain: Sequence[Subject]) -> Iterator[Subject]:
    for subject in plain:
        if isinstance(subject.run, _Format):
            yield Subject(subject.what, subject.name, lambda run=subject.run: len(compress(run.body())))  # type: ignore[misc]  # mypy cannot infer a lambda with a default


def _destinations(batch: Batch, at: Moment, compression: str) -> Iterator[Subject]:
    for file in sorted(_ROWS.glob("*.py")):
        made = import_module(f"tests.conformance.rows.{file.stem}").ROW.made[0]
        if hasattr(made, "compression"):
            made = made.model_copy(update={"compression": compression})
        yield Subject("destination", file.stem, lambda made=made: _size(made, made.encode(batch, at)))  # type: ignore[misc]  # as above


def _size(destination: Destination, encoded: Encoded) -> int:
    if encoded.rejected or sum([len(payload.indices) for payload in encoded.payloads]) != RECORDS:
        raise SystemExit(f"{type(destination).__name__} does not take the standard record")
    return sum([len(payload.body) for payload in encoded.payloads])
