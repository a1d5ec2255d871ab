"""What carries a request to its peer and brings the reply back, and the choice of it by settings.

Guarantees: `perform` never raises, whatever happens; what goes wrong is a Failure, a value. Every transport may be
used by several couriers at once.
"""

from __future__ import annotations

from typing import Protocol, assert_never

from otelsiem.model.adapter import AdapterSettings
from otelsiem.model.destination import (
    FileSettings,
    GrpcSettings,
    HttpSettings,
    KafkaSettings,
    SocketSettings,
    StreamSettings,
    Wire,
)
from otelsiem.model.exchange import Reply, Request


class Transport(Protocol):
    """One way to the outside world, opened once per exporter."""

    def perform(self, request: Request) -> Reply:
        """Carry the request and return the peer's Answer, or the Failure that prevented it. Never raises."""

    def interrupt(self) -> None:
        """For shutdown: requests in progress in other threads return soon, and later ones at once, each with a
        Failure. There is no way back. May be called from any thread, more than once.
        """

    def close(self) -> None:
        """Let go of sockets and files; interrupts what is still in progress."""


def open_transport(wire: Wire) -> Transport:
    """The transport for these settings. Opens nothing yet: what is missing shows as a Failure of `perform`."""
    match wire:
        case HttpSettings():
            # Each kind is imported when an exporter needs it: a library user of HTTP loads no file rotation.
            from otelsiem.transport.http import HttpTransport

            return HttpTransport(wire)
        case GrpcSettings():
            from otelsiem.transport.grpc import GrpcTransport

            return GrpcTransport(wire)
        case SocketSettings():
            from otelsiem.transport.socket import SocketTransport

            return SocketTransport(wire)
        case FileSettings():
            from otelsiem.transport.file import FileTransport

            return FileTransport(wire)
        case StreamSettings():
            from otelsiem.transport.stream import StreamTransport

            return StreamTransport(wire)
        case KafkaSettings():
            from otelsiem.transport.kafka import KafkaTransport

            return KafkaTransport(wire)
        case AdapterSettings():
            from otelsiem.transport.adapter import AdapterTransport

            return AdapterTransport(wire)
        case _:
            assert_never(wire)
