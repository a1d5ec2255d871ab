"""Lines in a file on this machine: one event a line in the format of your choice, rotated by size or age.

Guarantees: a line is a whole record; what was answered as written is on the disk (`fsync: batch`); a full disk or a
missing directory holds back records, it never loses them. No rotated file is deleted unless `max_backups` says so. A
relative path stays where it was said, whatever the process does with its directory.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, model_validator

from otelsiem.delivery.judge import judge
from otelsiem.destinations._line_settings import Cef, Leef, lines_of
from otelsiem.destinations._payloads import LARGE_PIECE, PIECE, Lines, payloads
from otelsiem.destinations._settings import SETTINGS
from otelsiem.formats.named import BY_COLUMNS, FormatName
from otelsiem.formats.speaker import Product
from otelsiem.model.destination import Encoded, FileSettings, Limits, Moment, Payload, Traits
from otelsiem.model.duration import Duration
from otelsiem.model.exchange import Answer, Exchange, Reply, WriteRequest
from otelsiem.model.outcome import Delivered, Hold, Outcome
from otelsiem.model.record import Batch


def _path(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("names no file")
    if value.endswith("/"):
        raise ValueError("is a directory; name the file in it, for example audit.jsonl")
    return value


class Rotation(BaseModel):
    """When a file is closed and the next one begun."""

    model_config = SETTINGS

    max_megabytes: int = Field(100, ge=0, description="size at which a file is rotated; 0 = never by size")
    max_age: Duration | None = Field(None, description="age at which a file is rotated; unset = never by age")
    max_backups: int = Field(0, ge=0, description="rotated files to keep; 0 = all of them")
    compression: Literal["none", "gzip"] = Field("none", description="of rotated files")

    @model_validator(mode="before")
    @classmethod
    def _days(cls, data: Any) -> Any:
        """`max_days` is `max_age` in days: in the Collector it deletes files by age, which an audit log must not do."""
        if not isinstance(data, dict) or "max_days" not in data:
            return data
        data = dict(data)
        days = data.pop("max_days")
        if "max_age" in data:
            raise ValueError("max_days and max_age mean the same; write one of them")
        if isinstance(days, bool) or not isinstance(days, int | float) or days < 0:
            raise ValueError("max_days must be a number of days")
        return {**data, "max_age": f"{days:f}d"} if days else data


class File(BaseModel):
    """Events as lines in a file, for a forwarder or for a person with `jq`."""

    model_config = SETTINGS

    traits: ClassVar[Traits] = Traits(
        title="A file on this machine: JSON, ECS, OCSF, CEF, LEEF, syslog lines",
        auth="permissions of the file",
        batching="1,000 records or 1 MiB a write",
        compression="gzip, of rotated files",
        partial="does not happen: a full disk holds everything back",
        idempotence="a second line with the same record id",
        probe="whether the file can be opened and written",
        cannot="that the disk outlives the machine, or that a forwarder reads what is there",
    )

    path: Annotated[str, AfterValidator(_path)] = Field(description="the file to append to")
    format: FormatName = Field("json", description="what a line is; json: the normalised event")
    cef: Cef | None = Field(None, description="for format cef")
    leef: Leef | None = Field(None, description="for format leef")
    rotation: Rotation | None = Field(None, description="when to begin a new file; unset = never")
    fsync: Literal["batch", "never"] = Field(
        "batch", description="batch: on the disk before a write counts as done; never: when the kernel decides"
    )
    mode: str = Field(
        "0600", pattern=r"^0?[0-7]{3}$", description="permissions of new files, octal in quotes, for example '0640'"
    )
    product: Product = Field(Product(), description="vendor, product and version, where the resource must not decide")

    _directory: Path = PrivateAttr(Path())  # that a relative path begins in

    def model_post_init(self, _: object) -> None:
        if not Path(self.path).is_absolute():
            with suppress(OSError):  # it was deleted: the first write says so
                self._directory = Path.cwd()

    @model_validator(mode="after")
    def _of_one_format(self) -> File:
        for name, block in (("cef", self.cef), ("leef", self.leef)):
            if block is not None and self.format != name:
                raise ValueError(f"{name}: says how {name} is written, but format is {self.format}")
        return self

    @property
    def limits(self) -> Limits:
        return Limits()

    @property
    def wire(self) -> FileSettings:
        rotation = self.rotation or Rotation(max_megabytes=0)
        return FileSettings(
            path=str(self._directory / self.path),
            rotate_bytes=rotation.max_megabytes << 20,
            rotate_seconds=rotation.max_age or 0.0,
            keep=rotation.max_backups,
            compression="" if rotation.compression == "none" else rotation.compression,
            fsync=self.fsync,
            mode=int(self.mode, 8),
        )

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        lines = lines_of(self.format, self.product, self.cef or self.leef)

        def write(part: Batch) -> Lines:
            return b"\n".join([*lines(part, at), b""]), ()

        piece = LARGE_PIECE if self.format in BY_COLUMNS else PIECE
        return payloads(batch, write, self.limits, piece=piece)

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        reply = yield WriteRequest(payload.body)
        return _written(reply, at)

    def probe(self, at: Moment) -> Exchange:
        reply = yield WriteRequest(b"")  # opens the file, writes nothing
        return _written(reply, at)


def _written(reply: Reply, at: Moment) -> Outcome:
    """A write that was not done blames the disk or the operator, never the records."""
    if isinstance(reply, Answer):
        return Delivered() if 200 <= reply.status < 300 else Hold(f"the write was answered with {reply.status}")
    return judge(reply, at.now)
