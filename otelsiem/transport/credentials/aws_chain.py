"""AWS credentials of this process: found by botocore's chain, a role assumed with them, renewed before they end.

Guarantees: a request never waits past its deadline for them, and does not wait at all while the ones at hand are good;
one search runs at a time, in a thread of its own (botocore knows no deadline and cannot be interrupted); each search
begins anew, so that files, roles and tokens that were mended are seen; no secret and no text of a peer is in a message.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from otelsiem.model.errors import MissingExtraError
from otelsiem.model.exchange import SigV4
from otelsiem.transport.call import Call, WireError

EARLY = 600.0  # seconds before they end that new ones are looked for, while the old ones serve
LATE = 60.0  # seconds before they end that they serve no longer
PAUSE = 30.0  # seconds between two early searches: the service that gives them may be down for a while

SESSION = "otelsiem"  # how we are called in CloudTrail when a role is assumed
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_OVERLOAD = frozenset({"Throttling", "ThrottlingException", "RequestLimitExceeded", "ServiceUnavailable"})


@dataclass(frozen=True, slots=True)
class Known:
    """Credentials, and whether they end within so many seconds."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    ends: Callable[[float], bool] = field(repr=False, compare=False)


class _Search:
    """One look for credentials. `settled` also when a waiting caller was told to stop."""

    def __init__(self) -> None:
        self.settled = threading.Event()
        self.known: Known | None = None
        self.error: WireError | None = None
        self.over = False


class Chain:
    """The credentials of one exporter, for several threads."""

    def __init__(self, auth: SigV4) -> None:
        self._auth = auth
        self._lock = threading.Lock()
        self._known: Known | None = None
        self._running: _Search | None = None
        self._early = -PAUSE  # when the last early search began

    def current(self, call: Call) -> Known:
        """Good ones. Raises WireError."""
        known = self._known
        if known is not None and not known.ends(EARLY):
            return known
        if known is not None and not known.ends(LATE):
            self._look_early()
            return known
        return self._wait(self._search(), call)

    def renewed(self, call: Call) -> Known:
        """The outcome of a new search: those at hand were refused. Raises WireError."""
        return self._wait(self._search(), call)

    def _wait(self, search: _Search, call: Call) -> Known:
        search.settled.wait(call.remaining(search.settled.set))
        if search.known is not None:
            return search.known
        if search.error is not None:
            raise search.error
        if call.deadline <= time.monotonic():
            raise WireError("timeout", f"{call.peer}: no AWS credentials were found within the deadline")
        call.remaining(None)  # raises: it was an interrupt
        raise call.late()

    def _look_early(self) -> None:
        now = time.monotonic()
        if now - self._early >= PAUSE:
            self._early = now
            self._search()

    def _search(self) -> _Search:
        with self._lock:
            search = self._running
            if search is None or search.over:
                search = self._running = _Search()
                threading.Thread(target=self._run, args=(search,), name="otelsiem-aws", daemon=True).start()
            return search

    def _run(self, search: _Search) -> None:
        try:
            self._known = search.known = find(self._auth)
        except WireError as error:
            search.error = error
        except Exception as error:  # noqa: BLE001 - parts of the chain (credential_process, SSO) may raise anything
            search.error = WireError("credentials", f"AWS credentials: unexpected {type(error).__name__}")
        search.over = True
        search.settled.set()


def find(auth: SigV4) -> Known:
    """Ask the chain, and assume the role. Blocks. Raises WireError."""
    try:
        import botocore.exceptions
        import botocore.session
    except ModuleNotFoundError:
        raise WireError("missing", str(MissingExtraError("SigV4", "aws", "botocore"))) from None
    try:
        session = botocore.session.Session(profile=auth.profile or None)
        found = session.get_credentials()
        if found is None:
            raise WireError("credentials", f"no AWS credentials {_where(auth)}")
        frozen = found.get_frozen_credentials()
        ends = getattr(found, "refresh_needed", _never)
        known = _known(frozen.access_key, frozen.secret_key, frozen.token or "", ends)
        return _assume(session, known, auth) if auth.role_arn else known
    except botocore.exceptions.BotoCoreError as error:
        raise _unfound(error, auth) from None
    except botocore.exceptions.ClientError as error:
        raise _refused(error, auth) from None


def _known(access_key: str, secret_key: str, token: str, ends: Callable[[float], bool]) -> Known:
    return Known(access_key.strip(), secret_key.strip(), token.strip(), ends)  # files end with a newline


def _never(seconds: float) -> bool:  # noqa: ARG001 - keys of a user have no end
    return False


def _assume(session: Any, ours: Known, auth: SigV4) -> Known:
    from botocore.config import Config

    client = session.create_client(
        "sts",
        region_name=auth.region,
        aws_access_key_id=ours.access_key,
        aws_secret_access_key=ours.secret_key,
        aws_session_token=ours.token or None,
        config=Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2}),
    )
    try:
        given = client.assume_role(RoleArn=auth.role_arn, RoleSessionName=SESSION)["Credentials"]
    finally:
        client.close()
    end = given["Expiration"].timestamp()

    def ends(seconds: float) -> bool:
        return bool(end - time.time() < seconds)

    return _known(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], ends)


def _where(auth: SigV4) -> str:
    if auth.profile:
        return (
            f"in the profile {auth.profile}: add them to ~/.aws/credentials or ~/.aws/config of the user who runs this"
        )
    return (
        "were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile, "
        "or give this machine, task or service account a role"
    )


def _unfound(error: Exception, auth: SigV4) -> WireError:
    """Told apart by name: these classes are made by botocore and have their texts from configuration and peers."""
    name = type(error).__name__
    match name:
        case "ProfileNotFound":
            named = auth.profile or "that AWS_PROFILE names"
            return WireError("credentials", f"the AWS profile {named} is not in ~/.aws/config or ~/.aws/credentials")
        case "PartialCredentialsError" | "NoCredentialsError":
            return WireError(
                "credentials", f"AWS credentials are incomplete: the key id and the secret key {_both(auth)}"
            )
        case "ConfigParseError" | "ConfigNotFound":
            return WireError("credentials", "the AWS configuration file cannot be read: check ~/.aws/config")
        case "EndpointConnectionError" | "ConnectTimeoutError" | "ReadTimeoutError" | "ConnectionClosedError":
            return WireError("connect", f"AWS STS in {auth.region} cannot be reached ({name})")
        case "SSLError" | "ProxyConnectionError":
            return WireError("credentials", f"AWS STS in {auth.region} cannot be reached ({name}): check proxy and CA")
        case _:
            return WireError("credentials", f"AWS credentials cannot be had ({name}): check {_source(auth)}")


def _both(auth: SigV4) -> str:
    return f"of the profile {auth.profile} must both be set" if auth.profile else "must both be set"


def _source(auth: SigV4) -> str:
    return f"the profile {auth.profile}" if auth.profile else "the environment, ~/.aws and the role of this machine"


def _refused(error: Any, auth: SigV4) -> WireError:
    """What STS said: its code and status, never its text."""
    said = str(error.response.get("Error", {}).get("Code", ""))
    code = said if _CODE.fullmatch(said) else "no code"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= 500 or code in _OVERLOAD:
        return WireError("connect", f"AWS STS in {auth.region} is not able to answer at the moment ({code})")
    if code == "AccessDenied":
        role = auth.role_arn or "that is configured"
        why = "its trust policy must allow sts:AssumeRole to our credentials, and theirs must allow it too"
        return WireError("credentials", f"AWS does not let us assume the role {role} ({code}): {why}")
    return WireError("credentials", f"AWS STS does not accept our credentials ({code}): check {_source(auth)}")
