"""AWS Signature Version 4 on requests: the credentials are `aws_chain.py`'s, the signature is botocore's.

Guarantees: what is signed is the request as it leaves (host, content type, everything of AWS, path, query, body);
a clock that is wrong and credentials that were renewed meanwhile cost one more request, never a hold; canonical
requests, which hold session tokens, are logged by nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import quote, unquote_to_bytes

from otelsiem.model.errors import MissingExtraError
from otelsiem.model.exchange import Answer, HttpRequest, SigV4
from otelsiem.transport.call import Call, WireError
from otelsiem.transport.credentials.aws_chain import Chain, Known
from otelsiem.transport.target import Target

TOLERATED = 240.0  # seconds that our clock may be wrong: AWS refuses a signature after 300
MOVED = 60.0  # seconds that a clock must have moved for a second signature to be another


class Signer:
    """Signs for one service in one region, for several threads."""

    def __init__(self, auth: SigV4, clock: Callable[[], float] = time.time) -> None:
        self._auth = auth
        self._chain = Chain(auth)
        self._clock = clock
        self._ahead = 0.0  # seconds that the service's clock is ahead of ours

    def sign(self, request: HttpRequest, where: Target, call: Call) -> tuple[HttpRequest, Known]:
        """The request with its signature, and whose it is. Raises WireError."""
        known = self._chain.current(call)
        when = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._clock() + self._ahead))
        return replace(request, headers=signed(request, where, self._auth, known, when)), known

    def reconsider(self, answer: Answer, known: Known, call: Call) -> bool:
        """After a refusal: whether another signature would differ in more than its second."""
        return self._set_clock(answer) or self._renew(known, call)

    def _set_clock(self, answer: Answer) -> bool:
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except (ValueError, OverflowError):
            return False
        ahead = theirs - self._clock()
        ahead = ahead if abs(ahead) > TOLERATED else 0.0
        moved = abs(ahead - self._ahead) > MOVED
        if moved:
            self._ahead = ahead
        return moved

    def _renew(self, known: Known, call: Call) -> bool:
        try:
            return self._chain.renewed(call) != known
        except WireError:
            return False  # what the service said is worth more to a person


def signed(request: HttpRequest, where: Target, auth: SigV4, known: Known, when: str) -> dict[str, str]:
    """The headers of the request with those of the signature. `when`: 20150830T123600Z. Raises WireError."""
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
    except ModuleNotFoundError:  # nobody comes here without credentials, but credentials can outlive a package
        raise WireError("missing", str(MissingExtraError("SigV4", "aws", "botocore"))) from None
    headers = {name: value for name, value in request.headers.items() if not _of_a_signature(name)}
    headers["x-amz-date"] = when
    headers["x-amz-content-sha256"] = sha256(request.body).hexdigest()  # OpenSearch Serverless (aoss) insists on it
    if known.token:
        headers["x-amz-security-token"] = known.token
    path, _, query = where.path.partition("?")
    aws = AWSRequest(
        method=request.method,
        url=f"https://{where.authority}{path}?{_canonical(query)}",
        # Only what a proxy leaves alone; content-length must not be signed for aoss.
        headers={"host": where.authority, **{name: value for name, value in headers.items() if _signed(name)}},
    )
    aws.context["timestamp"] = when
    signer = SigV4Auth(known, auth.service, auth.region)
    # Not `add_auth`: it takes the time from the clock, and logs the canonical request with the session token in it.
    signature = signer.signature(signer.string_to_sign(aws, signer.canonical_request(aws)), aws)
    names = signer.signed_headers(signer.headers_to_sign(aws))
    scope = signer.scope(aws)
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
    return headers


def _of_a_signature(name: str) -> bool:
    return name.lower() in {"authorization", "date", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"}


def _signed(name: str) -> bool:
    low = name.lower()
    return low in {"host", "content-type"} or low.startswith("x-amz-")


def _canonical(query: str) -> str:
    """Each parameter encoded anew as AWS computes it: much that may stand bare in a query is %XX here."""
    pairs = [part.partition("=") for part in query.split("&") if part]
    return "&".join([f"{_encoded(name)}={_encoded(value)}" for name, _, value in pairs])  # botocore sorts them


def _encoded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")
