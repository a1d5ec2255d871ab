"""The certificate that a fingerprint names, found in the chain that a peer shows.

Guarantees: what is found has exactly that SHA-256, so whoever shows it cannot have changed it; showing it earns no
trust. A chain without it is refused with the fingerprints that it holds, so that a person can compare them with those
of the server.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence

from otelsiem.model.fingerprint import fingerprint, shown
from otelsiem.transport.call import WireError

_MOST = 4  # fingerprints in a sentence: leaf, two intermediates, root
_DER = 2  # ssl._ssl.ENCODING_DER (CPython, Modules/_ssl/cert.c)


def offered(sock: socket.socket) -> Sequence[bytes]:
    """The certificates that a peer has shown, as DER, its own first. Also after a handshake that failed later on."""
    public = getattr(sock, "get_unverified_chain", None)  # from Python 3.13 on
    if public is not None:
        return [bytes(certificate) for certificate in public() or ()]
    inner = getattr(sock, "_sslobj", None)  # before: made by CPython 3.10 for pip and its like, same words
    chain = inner.get_unverified_chain() if inner is not None else None
    return [certificate.public_bytes(_DER) for certificate in chain or ()]


def named(wanted: str, chain: Sequence[bytes], peer: str) -> bytes:
    """The certificate of the chain with this fingerprint. Raises WireError."""
    try:
        digits = fingerprint(wanted)
    except ValueError as error:
        raise WireError("tls", f"the CA fingerprint {error}") from None
    prints = [hashlib.sha256(certificate).hexdigest() for certificate in chain]
    if digits in prints:
        return chain[prints.index(digits)]
    there = ", ".join([shown(each) for each in prints[:_MOST]]) + (", …" if len(prints) > _MOST else "")
    raise WireError(
        "tls",
        f"{peer}: no certificate of the peer has the fingerprint {shown(digits)}; it shows {there or 'none'}: "
        "compare with the server's own CA, or name that in ca_file when the server does not send it",
    )
