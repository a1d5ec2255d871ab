"""How `otelsiem send` gets in at a locked receiver: its address, a token, whose certificate to trust.

Guarantees: what the configuration knows (its own certificate, its first token) is used for its own receiver only; to
any other address goes nothing but what the command line and OTELSIEM_TOKEN name.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from otelsiem.cli.exits import CommandError
from otelsiem.config.model import Config, Http
from otelsiem.gateway.receivers.keyring import texts
from otelsiem.gateway.receivers.watched import UnusableError, content
from otelsiem.model.destination import TlsSettings
from otelsiem.transport.call import WireError
from otelsiem.transport.tls import client_context


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line names."""

    endpoint: str = ""
    token: str = field(repr=False, default="")
    token_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """A way in."""

    url: str
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    context: ssl.SSLContext | None = None  # None = plain text
    local: bool = False  # our own receiver: no proxy of the environment has any business there


def access(given: Given, config: Config) -> Access:
    """The way to the receiver. Raises CommandError."""
    try:
        token = _line(given.token_file) if given.token_file else given.token.strip()
        if not (token.isascii() and token.isprintable()):  # what HTTP says of it would quote it
            raise CommandError("the token holds characters that no header can carry: was it copied whole?")
        if given.endpoint:
            url = _url(given.endpoint)
            return Access(url, _headers("Bearer", token), _context(given) if url.startswith("https:") else None)
        return _own(given, token, config)
    except (UnusableError, WireError) as why:
        raise CommandError(str(why)) from why


def _url(endpoint: str) -> str:
    base = endpoint if "://" in endpoint else f"http://{endpoint}"
    if not base.startswith(("http://", "https://")):
        raise CommandError("--endpoint: expected http:// or https://, for example http://127.0.0.1:4318")
    return base if base.endswith("/v1/logs") else base.rstrip("/") + "/v1/logs"


def _own(given: Given, token: str, config: Config) -> Access:
    http = _receiver(config)
    scheme = "Bearer"
    if http.auth is not None:
        tokens = config.extensions[http.auth.authenticator].value(http.auth.authenticator)
        scheme, token = tokens.scheme, token or texts(tokens.tokens[0])[0]
    headers = _headers(scheme, token)
    if http.tls is None:
        return Access(f"http://{http.endpoint.reachable}/v1/logs", headers, local=True)
    if http.tls.client_ca_file and given.cert_file is None:  # the refusal itself would only be a closed connection
        raise CommandError("this receiver asks for a client certificate: give --cert-file and --key-file")
    context = _context(given) if given.ca_file else _pinned(given, content("cert_file", http.tls.value.cert_file))
    return Access(f"https://{http.endpoint.reachable}/v1/logs", headers, context, local=True)


def _receiver(config: Config) -> Http:
    """The first one that takes OTLP/HTTP."""
    used = [id_ for pipeline in config.service.pipelines.values() for id_ in pipeline.receivers]
    for id_ in used:
        if http := config.receivers[id_].protocols.http:
            return http
    raise CommandError("no receiver of this configuration takes OTLP/HTTP: give --endpoint, or add protocols.http")


def _headers(scheme: str, token: str) -> Mapping[str, str]:
    return {"authorization": f"{scheme} {token}".strip()} if token else {}


def _line(file: Path) -> str:
    return content("token_file", file).decode("utf-8", "replace").strip().partition("\n")[0].strip()


def _context(given: Given, *, verify: bool = True) -> ssl.SSLContext:
    ca, cert, key = (str(file or "") for file in (given.ca_file, given.cert_file, given.key_file))
    return client_context(TlsSettings(ca_file=ca, cert_file=cert, key_file=key, verify=verify))


def _pinned(given: Given, chain: bytes) -> ssl.SSLContext:
    """Trusts who has the key of our own certificate and nobody else; the name in it need not be this machine's."""
    found = re.search(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", chain, re.DOTALL)
    assert found is not None  # the configuration was checked
    context = _context(given, verify=False)  # which loads no authorities
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what is no authority may be the end of the chain
    context.load_verify_locations(cadata=found[0].decode("ascii"))
    return context
