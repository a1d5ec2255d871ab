"""The terminal of the person who runs this: one readable line per record, for a first look and for demonstrations.

Guarantees: what a record holds is shown, never obeyed: it cannot move the cursor, change a title or fake a line.
Colour needs to know whether the stream is a terminal, which a rule cannot: whoever opens the stream asks for
`resolved(tty)`, and `auto` without that is no colour.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from otelsiem.delivery.judge import judge
from otelsiem.destinations._payloads import LARGE_PIECE, Lines, payloads
from otelsiem.destinations._settings import SETTINGS
from otelsiem.formats.console import lines
from otelsiem.model.destination import Encoded, Limits, Moment, Payload, StreamSettings, Traits
from otelsiem.model.exchange import Answer, Exchange, Reply, WriteRequest
from otelsiem.model.outcome import Delivered, Hold, Outcome
from otelsiem.model.record import Batch


class Console(BaseModel):
    """Events as readable lines on standard output or standard error."""

    model_config = SETTINGS
    traits: ClassVar[Traits] = Traits(
        title="A terminal: one readable line for every record",
        auth="none",
        batching="as they come",
        compression="none",
        partial="does not happen",
        idempotence="shown twice",
        probe="whether the stream can be written",
        cannot="that somebody looks",
    )

    color: Literal["auto", "always", "never"] = Field("auto", description="auto: when the stream is a terminal")
    stream: Literal["stdout", "stderr"] = Field("stdout", description="where the lines go")

    @property
    def limits(self) -> Limits:
        return Limits()

    @property
    def wire(self) -> StreamSettings:
        return StreamSettings(self.stream)

    def resolved(self, *, tty: bool) -> Console:
        """The same destination, knowing what its stream is."""
        return self.model_copy(update={"color": "always" if tty else "never"}) if self.color == "auto" else self

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        def write(part: Batch) -> Lines:
            return lines(part, at, color=self.color == "always"), ()

        return payloads(batch, write, self.limits, piece=LARGE_PIECE)

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        reply = yield WriteRequest(payload.body)
        return _written(reply, at)

    def probe(self, at: Moment) -> Exchange:
        reply = yield WriteRequest(b"")  # is the stream still open?
        return _written(reply, at)


def _written(reply: Reply, at: Moment) -> Outcome:
    """A line that could not be shown blames the stream, never the records."""
    if isinstance(reply, Answer):
        return Delivered() if 200 <= reply.status < 300 else Hold(f"the write was answered with {reply.status}")
    return judge(reply, at.now)
