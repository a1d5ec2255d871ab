"""AWS Signature Version 4 as the service checks it, written from AWS's description of it and from none of our code.

`verify` takes a request as it came over the wire and says what AWS would: nothing, or why it refuses.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate

from otelsiem.testing.http import HttpServer, Respond, Seen, Step

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
SKEW = 300.0


@dataclass(frozen=True)
class Key:
    """What the service knows of one access key."""

    secret: str
    token: str = ""


def encoded(data: bytes, keep: bytes = b"") -> str:
    """URI-encoded: every byte but the unreserved ones."""
    return "".join(chr(byte) if byte in _PLAIN or byte in keep else f"%{byte:02X}" for byte in data)


def decoded(text: str) -> bytes:
    """%XX taken back; a plus is a plus."""
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), text.encode())


def canonical_path(path: str) -> str:
    """Dot segments and double slashes removed, then each byte encoded (once more: only S3 does without)."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept[-1:] = []
        elif segment not in ("", "."):
            kept.append(segment)
    slash = "/" if kept and (path.endswith(("/", "/.", "/.."))) else ""
    return encoded(("/" + "/".join(kept) + slash).encode(), b"/")


def canonical_query(query: str) -> str:
    pairs = [part.partition("=") for part in query.split("&") if part]
    return "&".join(f"{n}={v}" for n, v in sorted((encoded(decoded(n)), encoded(decoded(v))) for n, _, v in pairs))


def canonical(method: str, target: str, headers: Iterable[tuple[str, str]], names: str, payload: str) -> str:
    """The canonical request. Headers may stand twice: their values are joined in their order."""
    path, _, query = target.partition("?")
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(re.sub(" +", " ", value.strip()))
    lines = "".join(f"{name}:{','.join(values[name])}\n" for name in names.split(";"))
    return "\n".join((method, canonical_path(path), canonical_query(query), lines, names, payload))


def signature(secret: str, stamp: str, scope: str, request: str) -> str:
    """`scope`: 20150830/us-east-1/service/aws4_request."""
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def verify(seen: Seen, keys: Mapping[str, Key], service: str, region: str, now: float) -> str:
    """Why AWS would refuse it; "" when it would not."""
    headers = seen.headers
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None:
        return "Missing Authentication Token"
    access, day, its_region, its_service, names, said = found.groups()
    stamp = headers.get("x-amz-date", "")
    if (its_service, its_region) != (service, region) or not stamp.startswith(day):
        return "Credential should be scoped to a valid region and service"
    at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    if at < now - SKEW:
        return f"Signature expired: {stamp} is now earlier than the oldest accepted time"
    if at > now + SKEW:
        return f"Signature not yet current: {stamp} is still later than the newest accepted time"
    known = keys.get(access)
    if known is None or headers.get("x-amz-security-token", "") != known.token:
        return "The security token included in the request is invalid"
    must = {"host", *(name for name in headers if name.startswith("x-amz-"))}
    if not must <= set(names.split(";")) or names != ";".join(sorted(names.split(";"))):
        return "The request signature does not cover what it must cover"
    payload = hashlib.sha256(seen.body).hexdigest()
    if service == "aoss" and "content-length" in names.split(";"):
        return "content-length must not be signed"
    if headers.get("x-amz-content-sha256", "" if service == "aoss" else payload) != payload:
        return "The provided 'x-amz-content-sha256' header is missing or does not match what was computed"
    text = canonical(seen.method, seen.target, headers.items(), names, payload)
    wanted = signature(known.secret, stamp, f"{day}/{region}/{service}/aws4_request", text)
    return "" if hmac.compare_digest(wanted, said) else "The request signature we calculated does not match"


class SignedService:
    """A server that lets in only what AWS would; its clock may run otherwise than ours."""

    def __init__(
        self,
        keys: dict[str, Key],
        service: str = "es",
        region: str = "eu-central-1",
        clock: Callable[[], float] = time.time,
        answer: Callable[[Seen], Step] = lambda _: Respond(200, b"{}"),
    ) -> None:
        self.keys, self.service, self.region, self.clock, self.answer = keys, service, region, clock, answer
        self.refusals: list[str] = []
        self.server = HttpServer(self._handle)

    def _handle(self, seen: Seen) -> Step:
        why = verify(seen, self.keys, self.service, self.region, self.clock())
        if not why:
            return self.answer(seen)
        self.refusals.append(why)
        body = f'{{"message":"{why}"}}'.encode()
        return Respond(403, body, {"date": formatdate(self.clock(), usegmt=True), "content-type": "application/json"})
