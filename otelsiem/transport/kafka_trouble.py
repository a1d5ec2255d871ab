"""What librdkafka complains of while it cannot reach a broker, in words that say what to do about it.

Guarantees: one printable line of bounded length without our secrets, whatever a broker or a token endpoint says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from otelsiem.model.exchange import FailureKind
from otelsiem.model.secret import redact

# rd_kafka_resp_err_t: codes of the client are negative
ALL_BROKERS_DOWN, TRANSPORT, RESOLVE, SSL, AUTHENTICATION = -187, -195, -193, -181, -169

OURS: frozenset[FailureKind] = frozenset({"tls", "credentials"})  # waiting longer does not help: a person has to

LONGEST = 300
_FRAME = re.compile(
    r"^(?:\w+://)?(?P<peer>[^/\s]+)/(?:bootstrap|\d+): (?P<said>.*?)(?: \(after \d+ms in state .*)?$", re.DOTALL
)
_NO_TOKEN = "Failed to acquire SASL OAUTHBEARER token"  # noqa: S105 - a sentence

_UNTRUSTED = (
    "its certificate is not trusted: it may be of an authority that is not in ca_file, have expired, or name"
    " another host"
)

# a piece of what is said -> what it means; the first that fits
_TLS = (
    ("PLAINTEXT broker listener", "does not speak TLS on this port: take that of its TLS listener, or leave `tls` out"),
    ("certificate verify failed", _UNTRUSTED),
    ("alert unknown ca", "does not know the authority of our certificate (cert_file)"),
    ("alert certificate expired", "says that our certificate (cert_file) has expired"),
    ("alert certificate revoked", "says that our certificate (cert_file) was revoked"),
    ("alert bad certificate", "asks for a client certificate, or does not accept ours: see cert_file and key_file"),
    ("alert certificate required", "asks for a client certificate: set cert_file and key_file"),
    ("alert protocol version", "and we have no TLS version in common (see min_version)"),
    ("alert handshake failure", "and we have no TLS version or cipher in common (see min_version)"),
)  # fmt: skip
_SASL = (
    ("Unsupported SASL mechanism", "does not offer this way to authenticate: check auth.sasl.mechanism"),
    ("handshake failed", "does not offer this way to authenticate: check auth.sasl.mechanism"),
    ("", "does not accept our credentials: check auth.sasl"),
)
_CLOSED = "the brokers end the connection before they answer: does this listener want TLS (`tls`) or SASL (`auth`)?"


class Trouble(NamedTuple):
    """Why nothing goes; `token` when nothing will until a token endpoint gives one."""

    kind: FailureKind
    detail: str
    token: bool = False


class Complaints:
    """What one client complained of since it worked last."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self.last: Trouble | None = None
        self.hopeless = False  # nothing will go until a person has looked
        self._secrets = secrets

    def heard(self, code: int, text: str) -> None:
        """librdkafka's error callback."""
        found = trouble(code, text, self._secrets)
        if found is not None:
            self.last = found
        elif code == ALL_BROKERS_DOWN and self.last is None:
            self.last = Trouble("reset", _CLOSED)
        ours = self.last is not None and self.last.kind in OURS
        if ours and (code == ALL_BROKERS_DOWN or (found is not None and found.token)):
            self.hopeless = True


def trouble(code: int, text: str, secrets: Sequence[str] = ()) -> Trouble | None:
    """What a complaint means; None when it adds nothing to the one before it."""
    if code == ALL_BROKERS_DOWN:
        return None
    framed = _FRAME.match(text)
    peer, said = (framed["peer"], framed["said"]) if framed else ("", text)
    where = f"{peer}: " if peer else ""
    if said.startswith(_NO_TOKEN):
        words = line(said.removeprefix(_NO_TOKEN).lstrip(": "), secrets)
        return Trouble(
            "credentials", f"the token endpoint gives no token ({words}): check auth.sasl.oauth2", token=True
        )
    if code == AUTHENTICATION:
        return Trouble("credentials", f"{where}{_meaning(said, _SASL)} ({line(said, secrets)})")
    if code == SSL or "SSL" in said:
        return Trouble("tls", f"{where}{_meaning(said, _TLS) or line(said, secrets)}")
    if code == RESOLVE:
        return Trouble("resolve", f"{where}the host name cannot be resolved")
    return Trouble("connect", f"{where}{line(said, secrets)}") if code == TRANSPORT else None


def line(text: str, secrets: Sequence[str] = ()) -> str:
    """Their words as one short printable line."""
    shown = redact(text[: 4 * LONGEST], secrets)
    return " ".join("".join([c if c.isprintable() else " " for c in shown]).split())[:LONGEST]


def _meaning(said: str, table: Sequence[tuple[str, str]]) -> str:
    return next((meaning for piece, meaning in table if piece in said), "")
