"""How real receivers cut a byte stream into messages, and what they do to messages that are too long.

Each follows what was measured (docs/contracts/syslog.md 6): rsyslog splits the excess off into records without a header
and falls back to lines when a length is too large; syslog-ng closes; QRadar makes several events of a long line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class CloseError(Exception):
    """The receiver ends the connection; says why. What came after `records` is lost."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.records: list[bytes] = []  # complete before the fault


class Receiver(Protocol):
    """One connection's reader."""

    def feed(self, data: bytes) -> list[bytes]:
        """The records that are complete now. Raises CloseError, with nothing of `data` taken after the fault."""


@dataclass
class Rsyslog:
    """imtcp of rsyslog 8: a length or a line, decided for each message."""

    max_message: int = 8192
    max_frame: int = 200_000
    buffer: bytes = b""
    left: int = 0  # bytes of a counted frame still to come
    lines: bool = False  # fell back: until the next newline
    frame: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> list[bytes]:
        self.buffer += data
        made: list[bytes] = []
        while self.buffer:
            if self.left:
                self._counted(made)
            elif self.lines or not self.buffer[:1].isdigit():
                if not self._line(made):
                    break
            elif not self._length():
                break
        return made

    def _counted(self, made: list[bytes]) -> None:
        self.frame += self.buffer[: self.left]
        taken = min(self.left, len(self.buffer))
        self.left -= taken
        self.buffer = self.buffer[taken:]
        if not self.left:
            made += pieces(bytes(self.frame), self.max_message)
            self.frame.clear()

    def _length(self) -> bool:
        head, blank, rest = self.buffer.partition(b" ")
        if not blank:
            return False
        if not head.isdigit() or int(head) > self.max_frame:
            self.lines = True  # the big record becomes garbage, and the next one is in its last piece
        else:
            self.left, self.buffer = int(head), rest
        return True

    def _line(self, made: list[bytes]) -> bool:
        line, end, rest = self.buffer.partition(b"\n")
        if not end:
            return False
        self.buffer, self.lines = rest, False
        made += pieces(line, self.max_message) if line else []  # a newline after a frame is overlooked
        return True


@dataclass
class SyslogNg:
    """The syslog() driver of syslog-ng 3.38 over TCP and TLS: octet counting, nothing else."""

    max_message: int = 65_536
    buffer: bytes = b""

    def feed(self, data: bytes) -> list[bytes]:
        self.buffer += data
        made: list[bytes] = []
        try:
            while (frame := self._frame()) is not None:
                made.append(frame)
        except CloseError as close:
            close.records = made
            raise
        return made

    def _frame(self) -> bytes | None:
        head, blank, _ = self.buffer[:11].partition(b" ")
        if self.buffer and not (head.isdigit() and head[:1] != b"0"):
            raise CloseError("Invalid frame header")
        if not blank:
            if len(head) > 10:
                raise CloseError("Invalid frame header")
            return None
        size = int(head)
        if size > self.max_message:
            raise CloseError("Incoming frame larger than log_msg_size()")
        start = len(head) + 1
        if len(self.buffer) < start + size:
            return None
        frame, self.buffer = self.buffer[start : start + size], self.buffer[start + size :]
        return frame


@dataclass
class Lines:
    """Lines, and what is longer becomes several records: QRadar's TCP syslog, and network() of syslog-ng."""

    max_message: int = 4096
    buffer: bytes = b""

    def feed(self, data: bytes) -> list[bytes]:
        *whole, self.buffer = (self.buffer + data).split(b"\n")
        made: list[bytes] = []
        for line in whole:
            made += pieces(line, self.max_message)
        return made


def pieces(message: bytes, size: int) -> list[bytes]:
    """What a receiver makes of a message that is too long: the rest follows as records without a header."""
    return [message[at : at + size] for at in range(0, len(message), size)]
