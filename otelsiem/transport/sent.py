"""How much of what was written the peer's kernel has: what the system tells, and options that make it notice the end.

A write that succeeds says nothing: the bytes are in our own kernel, and the first write after the peer has closed
succeeds too.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = termios = None  # type: ignore[assignment]

_NWRITE = 0x1024  # SO_NWRITE of macOS (sys/socket.h): bytes in the send buffer, not yet acknowledged
_INT = struct.Struct("i")


def unacknowledged(sock: socket.socket) -> int | None:
    """Bytes that the peer's kernel has not acknowledged; None where the system does not tell.

    Of a TLS connection they are bytes of records: so many, at most, of ours are not acknowledged.
    """
    try:
        if sys.platform == "darwin":
            return sock.getsockopt(socket.SOL_SOCKET, _NWRITE)
        if fcntl is not None and sys.platform == "linux":
            told = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(_INT.size))  # SIOCOUTQ, linux/sockios.h
            return int(_INT.unpack(told)[0])
    except (OSError, ValueError):
        pass
    return None


def watch(sock: socket.socket, dead_after: float) -> None:
    """Let the kernel end the connection when its peer is silent for so long, with and without data under way."""
    seconds = max(int(dead_after), 3)
    options = (
        ("TCP_USER_TIMEOUT", seconds * 1000),  # RFC 5482; it also ends a peer that leaves its window closed
        ("TCP_KEEPIDLE", max(seconds // 2, 1)),
        ("TCP_KEEPINTVL", max(seconds // 6, 1)),
        ("TCP_KEEPCNT", 3),
    )
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in options:
        if (number := getattr(socket, name, None)) is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, number, value)
