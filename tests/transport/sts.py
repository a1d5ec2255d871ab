"""A fake AWS STS on a loopback socket: AssumeRole alone, and only for who signs as AWS checks it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import parse_qs

from otelsiem.testing.http import HttpServer, Respond, Seen, Step
from tests.transport.sigv4 import Key, verify

ROLE = "arn:aws:iam::123456789012:role/audit"


class Sts:
    """Gives out ASIAROLE1, ASIAROLE2 … to the keys it knows, each for so many seconds."""

    def __init__(self, keys: dict[str, Key], seconds: float = 3600.0) -> None:
        self.keys, self.seconds = keys, seconds
        self.given: dict[str, Key] = {}
        self.asked: list[dict[str, str]] = []
        self.fault: Step | None = None
        self.server = HttpServer(self._handle)

    def _handle(self, seen: Seen) -> Step:
        self.asked.append({name: values[-1] for name, values in parse_qs(seen.body.decode()).items()})
        if self.fault is not None:
            return self.fault
        if why := verify(seen, self.keys, "sts", "eu-central-1", time.time()):
            code = "InvalidClientTokenId" if "token" in why else "SignatureDoesNotMatch"
            return error(403, code, why)
        if self.asked[-1].get("RoleArn") != ROLE:
            return error(403, "AccessDenied", f"User is not authorized to perform: sts:AssumeRole on {ROLE}")
        number = len(self.given) + 1
        key, secret, token = f"ASIAROLE{number}", f"role-secret-{number}", f"role-token-{number}//+=="
        self.given[key] = Key(secret, token)
        end = datetime.fromtimestamp(time.time() + self.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Respond(
            200,
            f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
            <AssumedRoleUser><AssumedRoleId>A:otelsiem</AssumedRoleId><Arn>{ROLE}/otelsiem</Arn></AssumedRoleUser>
            <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
            <SessionToken>{token}</SessionToken><Expiration>{end}</Expiration></Credentials>
            </AssumeRoleResult></AssumeRoleResponse>""".encode(),
            {"content-type": "text/xml"},
        )


def error(status: int, code: str, text: str) -> Respond:
    """As STS words it."""
    body = f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
    <Code>{code}</Code><Message>{text}</Message></Error><RequestId>r-1</RequestId></ErrorResponse>"""
    return Respond(status, body.encode(), {"content-type": "text/xml"})
