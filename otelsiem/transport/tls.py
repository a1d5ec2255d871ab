"""TLS for outgoing connections: which authorities are trusted, and what a failed handshake says to a person.

Guarantees: verification is off only when the settings say so; a `ca_file` replaces the system's authorities instead of
adding to them; a fault is one line that names it (expired, unknown CA, wrong host) and never quotes a secret.
"""

from __future__ import annotations

import ssl

import certifi

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
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the peer asks for a client certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the peer does not accept our certificate",
    "UNSUPPORTED_PROTOCOL": "the peer offers only TLS versions that are too old",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the peer and we have no TLS version in common",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the peer ended the handshake: no cipher in common, or it asks for a certificate",
    "TLSV1_UNRECOGNIZED_NAME": "the peer does not know this host name",
}


def client_context(ca_file: str, *, verify: bool) -> ssl.SSLContext:
    """A context for clients. Raises OSError when the ca_file cannot be read, ssl.SSLError when it is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file:
        context.load_verify_locations(ca_file)
    elif _system_has_authorities():
        context.load_default_certs()
    else:
        context.load_verify_locations(certifi.where())
    return context


def fault(error: ssl.SSLError) -> str:
    """What went wrong, in a person's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _FAULTS.get(error.verify_code, f"the certificate was not accepted: {error.verify_message}")
    reason = error.reason or ""
    return _REASONS.get(reason, f"handshake failed: {reason.replace('_', ' ').lower() or 'no reason given'}")


def _system_has_authorities() -> bool:
    # Windows and macOS builds keep them elsewhere than in files; there load_default_certs knows where, or nobody does.
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile or paths.capath) or hasattr(ssl, "enum_certificates")
