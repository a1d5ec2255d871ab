"""TLS for outgoing connections: whom we trust, who we say we are, and what a failed handshake says to a person.

Guarantees: verification is off only when the settings say so; a `ca_file` or a fingerprint replaces the system's
authorities instead of adding to them; files are read again once they changed, and after every fault; a fault is one
line that names it (expired, unknown CA, wrong host) and the file it is in, and never quotes a secret.
"""

from __future__ import annotations

import errno
import os
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import certifi

from otelsiem.model.destination import TlsSettings
from otelsiem.transport.call import WireError
from otelsiem.transport.pinned import named

# OpenSSL's X509_V_ERR numbers (x509_vfy.h)
_FAULTS = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "unknown CA: the certificate is self-signed",
    19: "unknown CA: the chain ends in a self-signed certificate that is not trusted",
    20: "unknown CA: the issuer of the certificate is not trusted",
    21: "unknown CA: the issuer of the certificate is not trusted",
    62: "host name mismatch: the certificate is for another name",
    64: "host name mismatch: the certificate is for another IP address",
}

# What a peer, or OpenSSL for it, calls the reason of an aborted handshake.
_REASONS = {
    "WRONG_VERSION_NUMBER": "the peer does not speak TLS on this port: is the URL meant to begin with http:?",
    "HTTP_REQUEST": "the peer does not speak TLS on this port: is the URL meant to begin with http:?",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer asks for a client certificate: set cert_file and key_file",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the peer says that our certificate (cert_file) has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "the peer says that our certificate (cert_file) was revoked",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the peer does not accept our certificate (cert_file)",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the peer does not accept our certificate (cert_file), or misses one",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the peer does not accept our kind of certificate (cert_file)",
    "TLSV1_ALERT_UNKNOWN_CA": "the peer does not know the authority of our certificate (cert_file)",
    "TLSV1_ALERT_ACCESS_DENIED": "the peer knows our certificate (cert_file) and lets it do nothing",
    "UNSUPPORTED_PROTOCOL": "the peer offers only TLS versions that are too old (see min_version)",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer and we have no TLS version in common (see min_version)",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer ended the handshake: no cipher in common, or it asks for a certificate",
    "TLSV1_UNRECOGNIZED_NAME": "the peer does not know this host name",
}

_UNKNOWN_CA = frozenset({18, 19, 20, 21})

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

_State: TypeAlias = tuple[tuple[int, int, int] | None, ...]


class Connected(ssl.SSLSocket):
    """For contexts of ours: CPython's own leaves a socket open whose peer has gone before it could be wrapped."""

    def getpeername(self) -> Any:
        try:
            return super().getpeername()
        except OSError:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, "the peer has gone") from None


class Trust:
    """The TLS of one transport, for several threads."""

    def __init__(self, settings: TlsSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._state: _State = ()
        self._authority: bytes | None = None  # the certificate that the fingerprint names, once a peer has shown it

    def name(self, host: str) -> str:
        """What the certificate of this host must name; also sent to it (SNI)."""
        return self._settings.server_name or host

    def context(self) -> ssl.SSLContext:
        """For one new connection. Raises WireError when a file cannot be used."""
        with self._lock:
            state = tuple(_state(path) for path in _files(self._settings).values())
            context = self._context
            if context is None or state != self._state:
                self._context = None
                context = client_context(self._settings, self._authority)
                self._context, self._state = context, state
            return context

    def forget(self) -> None:
        """A handshake failed: an operator may mend it in a way that no file shows."""
        with self._lock:
            self._context = self._authority = None

    def introduction(self) -> ssl.SSLContext | None:
        """For a handshake that only shows the peer's chain to `meet`; None when nothing has to be known beforehand."""
        settings = self._settings
        if not settings.fingerprint or not settings.verify or self._authority is not None:
            return None
        return _unverified(_context(settings))  # without our certificate: nobody has proven yet who asks for it

    def meet(self, chain: Sequence[bytes], peer: str) -> None:
        """Trust the certificate that the fingerprint names from now on. Raises WireError when it is not in the chain.

        That it stands there proves nothing of the peer, anybody can show a public certificate: the handshakes to come
        do, which take it for their only authority.
        """
        authority = named(self._settings.fingerprint, chain, peer)
        with self._lock:
            self._context, self._authority = None, authority

    def fault(self, error: ssl.SSLError) -> str:
        """What went wrong in a handshake with `context`."""
        if self._settings.fingerprint and getattr(error, "verify_code", 0) in _UNKNOWN_CA:
            return (
                "the peer's certificate is not from the authority with the fingerprint, though that was shown: "
                "is the fingerprint that of the CA which signed it? else somebody is in between"
            )
        return fault(error)


def client_context(settings: TlsSettings, authority: bytes | None = None) -> ssl.SSLContext:
    """A context for clients; with a fingerprint it trusts `authority` alone. Raises WireError that names the file."""
    context = _context(settings)
    for name, path in _files(settings).items():
        _readable(name, path)
    if not settings.verify:
        _unverified(context)
    elif settings.fingerprint:
        _pin(context, authority)
    elif settings.ca_file:
        _trust(context, settings.ca_file)
    elif _system_has_authorities():
        context.load_default_certs()
    else:
        context.load_verify_locations(certifi.where())
    if settings.cert_file:
        _identify(context, settings.cert_file, settings.key_file)
    return context


def fault(error: ssl.SSLError) -> str:
    """What went wrong, in a person's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _FAULTS.get(error.verify_code, f"the certificate was not accepted: {error.verify_message}")
    reason = error.reason or ""
    return _REASONS.get(reason, f"handshake failed: {reason.replace('_', ' ').lower() or 'no reason given'}")


def _context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = Connected
    context.minimum_version = _VERSIONS[settings.min_version]
    if settings.alpn:
        context.set_alpn_protocols([settings.alpn])
    return context


def _unverified(context: ssl.SSLContext) -> ssl.SSLContext:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _pin(context: ssl.SSLContext, authority: bytes | None) -> None:
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the fingerprint may be that of an intermediate
    if authority is None:
        return  # nobody is trusted yet
    try:
        context.load_verify_locations(cadata=authority)
    except ssl.SSLError as error:
        raise WireError("tls", f"the certificate with the fingerprint cannot be used: {_said(error)}") from None


def _files(settings: TlsSettings) -> dict[str, str]:
    named = {"ca_file": settings.ca_file, "cert_file": settings.cert_file, "key_file": settings.key_file}
    return {name: path for name, path in named.items() if path}


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _readable(name: str, path: str) -> None:
    """OpenSSL does not say which of several files it could not open."""
    try:
        text = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "not a path").lower()
        raise WireError("tls", f"the {name} {path} cannot be read: {reason}") from None
    wanted, what = (b"PRIVATE KEY-----", "private key") if name == "key_file" else (b"CERTIFICATE-----", "certificate")
    if wanted not in text:
        raise WireError("tls", f"the {name} {path} holds no {what} in PEM format")


def _trust(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise WireError("tls", f"the ca_file {path} cannot be used: {_said(error)}") from None


def _identify(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_password)
    except _EncryptedError:
        raise WireError("tls", f"the key_file {key_file} is encrypted: write it without a password") from None
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            detail = f"the key_file {key_file} does not belong to the cert_file {cert_file}"
        else:  # OpenSSL does not say in which of the two
            detail = f"the cert_file {cert_file} or the key_file {key_file} cannot be used: {_said(error)}"
        raise WireError("tls", detail) from None


class _EncryptedError(Exception):
    """A key that wants a password."""


def _no_password() -> bytes:
    raise _EncryptedError  # else OpenSSL asks on the terminal


def _said(error: ssl.SSLError) -> str:
    return (error.reason or "not readable").replace("_", " ").lower()


def _system_has_authorities() -> bool:
    # Windows and macOS builds keep them elsewhere than in files; there load_default_certs knows where, or nobody does.
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or paths.capath) or hasattr(ssl, "enum_certificates")
