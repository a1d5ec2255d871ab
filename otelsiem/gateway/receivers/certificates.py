"""The certificate that a listener shows: checked when it is read, read again when its files change.

Guarantees: what is handed out was accepted by OpenSSL as a pair; with a `client_ca_file` nobody comes in without a
certificate of that authority; connections that are open keep what they began with.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from otelsiem.gateway.locks import Tls
from otelsiem.gateway.receivers.watched import UnusableError, Watched, content

if TYPE_CHECKING:
    import grpc

_TIMES = {9: "is not valid yet", 10: "has expired"}  # X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Certificate:
    """One reading of the files."""

    context: ssl.SSLContext
    chain: bytes
    key: bytes = field(repr=False)
    authorities: bytes | None


def read(tls: Tls) -> Certificate:
    """The files as they are now. Raises UnusableError, which names the file at fault."""
    chain = content("cert_file", tls.cert_file)
    key = content("key_file", tls.key_file)
    authorities = content("client_ca_file", tls.client_ca_file) if tls.client_ca_file else None
    if b"-----BEGIN CERTIFICATE-----" not in chain:
        raise UnusableError("cert_file", f"{str(tls.cert_file)!r} holds no certificate in PEM")
    if b"PRIVATE KEY-----" not in key:
        raise UnusableError("key_file", f"{str(tls.key_file)!r} holds no private key in PEM")
    return Certificate(_context(tls, authorities), chain, key, authorities)


def _context(tls: Tls, authorities: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[tls.min_version]
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(tls.cert_file, tls.key_file, _no_password(tls))
    except ssl.SSLError as error:
        raise UnusableError(*_why(tls, error)) from error
    except OSError as error:  # it was there a moment ago
        raise UnusableError("cert_file", f"cannot read {str(tls.cert_file)!r}: {error.strerror}") from error
    if authorities is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        # A resumed session shows no certificate: one that is not trusted any more would still come in with a ticket.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        try:
            context.load_verify_locations(cadata=authorities.decode("ascii", "ignore"))  # comments may be UTF-8
        except (ssl.SSLError, ValueError) as error:
            file = str(tls.client_ca_file)
            raise UnusableError("client_ca_file", f"{file!r} holds no certificate in PEM that can be read") from error
    return context


def out_of_date(made: Certificate) -> str:
    """What senders find wrong with the time of a certificate, "" for nothing. The handshake with ourselves says it."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what is no authority may be the end of the chain
    trusting.load_verify_locations(cadata=_first(made.chain))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = trusting.wrap_bio(back, there), made.context.wrap_bio(there, back, server_side=True)
    for turn in (client, server, client):
        try:
            turn.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return _TIMES.get(error.verify_code, "")
    return ""


def _first(chain: bytes) -> str:
    """The server's own certificate: the first of the chain."""
    found = re.search(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", chain, re.DOTALL)
    assert found is not None  # OpenSSL has read it
    return found[0].decode("ascii")


def _no_password(tls: Tls) -> Callable[[], str]:
    """Without one, OpenSSL would ask at the terminal and wait."""

    def refuse() -> str:
        raise UnusableError("key_file", f"the key in {str(tls.key_file)!r} is encrypted; store it without a passphrase")

    return refuse


def _why(tls: Tls, error: ssl.SSLError) -> tuple[str, str]:
    if error.reason == "KEY_VALUES_MISMATCH":
        certificate = str(tls.cert_file)
        return "key_file", f"the key in {str(tls.key_file)!r} does not belong to the certificate in {certificate!r}"
    reason = (error.reason or "unreadable PEM").replace("_", " ").lower()
    files = f"{str(tls.cert_file)!r} and {str(tls.key_file)!r}"
    return "cert_file", f"{files} cannot be used: {reason}"


class Certificates:
    """The certificate of one listener, as its files are now."""

    def __init__(self, tls: Tls) -> None:
        files = [file for file in (tls.cert_file, tls.key_file, tls.client_ca_file) if file is not None]
        what = f"the certificate in {str(tls.cert_file)!r}"
        self._required = tls.client_ca_file is not None
        self._watched = Watched(files, lambda: read(tls), tls.reload_interval, what)

    def context(self) -> ssl.SSLContext:
        """For an asyncio server: each new connection begins with the certificate of that moment."""
        return _Current(self._watched)

    def credentials(self) -> grpc.ServerCredentials:
        """For a gRPC server, which asks at each handshake."""
        import grpc

        shown = self._watched.now()

        def configuration(certificate: Certificate) -> Any:  # its type has no public name in the stubs
            pair = [(certificate.key, certificate.chain)]
            return grpc.ssl_server_certificate_configuration(pair, certificate.authorities)

        def fetch() -> Any:
            nonlocal shown
            certificate = self._watched.now()
            if certificate is shown:
                return None  # no change
            shown = certificate
            return configuration(certificate)

        return grpc.dynamic_ssl_server_credentials(configuration(shown), fetch, self._required)


class _Current(ssl.SSLContext):
    """A context that begins each connection with the one that is current: asyncio asks it for nothing else."""

    _watched: Watched[Certificate]

    def __new__(cls, watched: Watched[Certificate]) -> Self:
        made = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        made._watched = watched
        return made

    def wrap_bio(self, *how: Any, **named: Any) -> ssl.SSLObject:  # its parameters are its own affair
        return self._watched.now().context.wrap_bio(*how, **named)
