"""New connections: look up, connect, go through the proxy, TLS, all within the deadline of the call that needs one.

Guarantees: every address of a host gets its share of the time, so that one that swallows packets (broken IPv6) leaves
some for the next; every fault is a WireError that says whose it is, the proxy's or the peer's.
"""

from __future__ import annotations

import socket
import ssl
from functools import partial

from otelsiem.transport.call import Call, WireError
from otelsiem.transport.connection import Connection, shut, why
from otelsiem.transport.pinned import offered
from otelsiem.transport.resolve import Address, Resolver
from otelsiem.transport.target import Target
from otelsiem.transport.tls import Trust
from otelsiem.transport.via import Via


class Connector:
    """Opens connections; `trust` is asked for each, so that files that were replaced are read again."""

    def __init__(self, trust: Trust, via: Via | None) -> None:
        self._trust = trust
        self._via = via
        self._resolver = Resolver()

    def open(self, target: Target, call: Call) -> Connection:
        """A connection to the target. Raises WireError."""
        return Connection(self.reach(target, call), target.key)

    def reach(self, target: Target, call: Call) -> socket.socket:
        """The socket of a new connection, with TLS when the target asks for it. Raises WireError."""
        if not target.encrypted:
            return self._socket(target, call)
        introduction = self._trust.introduction()
        if introduction is not None:
            self._meet(introduction, target, call)
        return self._encrypt(self._socket(target, call), target.host, call)

    def _socket(self, target: Target, call: Call) -> socket.socket:
        if self._via is None:
            return self._reach(target.host, target.port, call)
        return self._tunnel(self._via, target, call)

    def _tunnel(self, via: Via, target: Target, call: Call) -> socket.socket:
        with call.aside(via.peer):
            sock = self._reach(via.host, via.port, call)
            if target.encrypted:
                try:
                    via.connect(Connection(sock), target, call)
                except BaseException:
                    sock.close()
                    raise
            return sock

    def _reach(self, host: str, port: int, call: Call) -> socket.socket:
        addresses = self._resolver.addresses(host, port, call)
        for n, address in enumerate(addresses):
            try:
                return _connect(address, call, share=len(addresses) - n)
            except WireError as error:
                last = error
                call.remaining(None)  # raises when it was the deadline or an interrupt
        raise last

    def _meet(self, context: ssl.SSLContext, target: Target, call: Call) -> None:
        """See the peer's chain, on a connection of its own that carries nothing else."""
        sock = self._socket(target, call)
        try:
            sock = context.wrap_socket(
                sock, server_hostname=self._trust.name(target.host), do_handshake_on_connect=False
            )
            sock.settimeout(call.remaining(partial(shut, sock)))
            try:
                sock.do_handshake()
            except ssl.SSLError:
                if not offered(sock):  # it asks for a certificate of ours: it gets one when it has proven itself
                    raise
            self._trust.meet(offered(sock), call.peer)
        except OSError as error:
            call.remaining(None)
            raise self._failure(error, call) from None
        finally:
            sock.close()

    def _encrypt(self, sock: socket.socket, host: str, call: Call) -> socket.socket:
        try:
            sock = self._trust.context().wrap_socket(
                sock, server_hostname=self._trust.name(host), do_handshake_on_connect=False
            )
            sock.settimeout(call.remaining(partial(shut, sock)))
            sock.do_handshake()  # its timeout is one for the whole handshake (CPython, Modules/_ssl.c)
        except OSError as error:  # ssl.SSLError and TimeoutError are
            sock.close()
            call.remaining(None)
            raise self._failure(error, call) from None
        except BaseException:
            sock.close()
            raise
        return sock

    def _failure(self, error: OSError, call: Call) -> WireError:
        if isinstance(error, TimeoutError):
            return WireError("timeout", f"{call.peer}: the deadline passed during the TLS handshake")
        # A load balancer without a living server behind it accepts and hangs up: theirs, and over soon.
        if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return WireError("tls", f"{call.peer}: {self._trust.fault(error)}")
        return WireError("reset", f"{call.peer}: the connection ended during the TLS handshake")


def _connect(address: Address, call: Call, share: int) -> socket.socket:
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(call.remaining(partial(shut, sock)) / share)
        sock.connect(where)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except TimeoutError:
        sock.close()
        raise WireError("timeout", f"{call.peer}: no connection within the deadline") from None
    except OSError as error:
        sock.close()
        call.remaining(None)
        raise WireError("connect", f"{call.peer}: {why(error)}") from None
    except BaseException:
        sock.close()
        raise
    return sock
