"""Why gRPC has no connection: the same look-up, connection, handshake and first frame, in the words of HTTP transports.

gRPC's core tells a refused connection, an expired certificate and a peer that speaks HTTP/1.1 apart in prose only, and
its prose changes. Guarantees: nothing of a request is sent; what is found wrong is a WireError that says whose it is.
"""

from __future__ import annotations

import ssl

from otelsiem.model.destination import TlsSettings
from otelsiem.transport.call import Call, WireError
from otelsiem.transport.connect import Connector
from otelsiem.transport.connection import Connection
from otelsiem.transport.target import Target
from otelsiem.transport.tls import Trust

_HELLO = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
)  # RFC 9113 3.4: and empty SETTINGS
_SETTINGS = 4
_ALERT = 0x15  # the first byte of a TLS alert (RFC 8446 5.1)


class _Http2Trust(Trust):
    """For peers that speak HTTP/2."""

    def context(self) -> ssl.SSLContext:
        context = super().context()
        context.set_alpn_protocols(["h2"])
        return context


class Diagnosis:
    """For the calls of one transport."""

    def __init__(self, tls: TlsSettings) -> None:
        self._trust = _Http2Trust(tls)
        self._connector = Connector(self._trust, None)

    def look(self, where: Target, call: Call) -> None:
        """Raises WireError with what is wrong; returns when nothing is."""
        connection = self._connector.open(where, call)
        try:
            connection.begin(call)
            connection.write(_HELLO)
            _judge(self._first(connection), where, call)
        finally:
            connection.close()

    def forget(self) -> None:
        """A handshake failed: an operator may mend it in a way that no file shows."""
        self._trust.forget()

    @staticmethod
    def _first(connection: Connection) -> bytes:
        """The first nine bytes that come: the head of a frame."""
        found = b""
        while len(found) < 9 and (data := connection.read()):
            found += data
        return found


def _judge(first: bytes, where: Target, call: Call) -> None:
    if len(first) >= 4 and first[3] == _SETTINGS:
        return
    if first.startswith(b"HTTP/"):
        raise WireError(
            "protocol", f"{call.peer}: it answers in HTTP/1.1: this may be the port for OTLP/HTTP (4318), use otlp_http"
        )
    if first[:1] == bytes((_ALERT,)):
        raise WireError("protocol", f"{call.peer}: it speaks TLS on this port: leave out tls.insecure and http://")
    if not first and where.encrypted:  # servers of gRPC's own core send no alert
        hint = "it may ask for a client certificate (cert_file and key_file)"
        raise WireError("reset", f"{call.peer}: the peer ends connections after the TLS handshake: {hint}")
    if not first:
        hint = "it may speak TLS (then leave out tls.insecure and http://)"
        raise WireError("reset", f"{call.peer}: the peer ends connections without a word: {hint}")
    raise WireError("protocol", f"{call.peer}: it does not speak gRPC on this port")
