"""A request to a web application: what is known of it, which ones are audited, and how it ended.

Guarantees: of headers only the user agent, a request id and the addresses that proxies wrote are read; query string,
body, cookies and authorization are never written down. Of addresses that anybody can write into a header only the ones
that a trusted proxy wrote are believed. A request is told at most once, and nothing in here raises into the host.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Token
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import uuid4

from otelsiem.auditing.audited import DURATION, error_type
from otelsiem.auditing.context import reset, set_bound
from otelsiem.auditing.log import AuditLog
from otelsiem.auditing.request import Request, answering
from otelsiem.integrations._hook import Hook
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.record import Value

EVENT = "http_request"
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110, 9.2.1
LONGEST = 1024  # characters of what a client wrote
_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answered:
    """What a rule is asked about. `status` 0: there was no answer; `route`: as `/orders/{id}`, "" where unknown."""

    method: str
    path: str
    route: str
    status: int
    error: str  # type of the exception that ended it
    ended: bool = True  # False: the answer was broken off, by whomever

    @property
    def outcome(self) -> str:
        if self.error or self.status >= 400:
            return "failure"
        return "success" if self.status and self.ended else "unknown"


Rule: TypeAlias = Callable[[Answered], bool | str]
"""Whether a request is audited, and if it is a text, as which event."""


def changes_and_denials(answered: Answered) -> bool:
    """The default: requests that may change something, and those that were not allowed."""
    return answered.method not in SAFE or answered.status in {401, 403}


class Door:
    """One application's, for all its requests."""

    def __init__(
        self, name: str, trusted_proxies: int, audits: Rule | None, request_id_header: str, log: AuditLog | None
    ) -> None:
        if isinstance(trusted_proxies, bool) or not isinstance(trusted_proxies, int) or trusted_proxies < 0:
            raise OtelsiemError(
                f"trusted_proxies={trusted_proxies!r}: it is how many proxies of yours a request passes, 0 or more"
            )
        if audits is not None and not callable(audits):
            raise OtelsiemError(
                f"audits={audits!r}: it is a function that is given how a request was answered, or None"
            )
        if not isinstance(request_id_header, str):
            raise OtelsiemError(f"request_id_header={request_id_header!r}: it is a header's name, or '' for none")
        self.hook = Hook(name, log)
        self.proxies = trusted_proxies
        self._audits = audits or changes_and_denials
        self._id_header = request_id_header.lower()
        self.headers = frozenset({"x-forwarded-for", "user-agent", self._id_header})  # no others are read

    def facts(
        self, method: object, path: object, peer: tuple[object, object], header: Callable[[str], str]
    ) -> dict[str, Value]:
        """What is known when a request comes. `header`: by its name in small letters; several of a name as one list."""
        found: dict[str, Value] = {
            "http.request.method": str(method or "")[:LONGEST],
            "url.path": str(path or "")[:LONGEST],
        }
        with self.hook.harmless("a request could not be read"):
            said = header(self._id_header) if self._id_header else ""
            found["http.request.id"] = said if _ID.fullmatch(said) else uuid4().hex
            found["user_agent.original"] = header("user-agent")[:LONGEST]
            direct = _address(str(peer[0] or ""))
            found["client.address"] = client(direct, header("x-forwarded-for") if self.proxies else "", self.proxies)
            if found["client.address"] == direct:
                found["client.port"] = int(str(peer[1] or 0))
        return {key: value for key, value in found.items() if value}

    def environ(self, environ: Mapping[str, Any]) -> dict[str, Value]:
        """The same, of a request as WSGI has it."""
        path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
        return self.facts(
            environ.get("REQUEST_METHOD"),
            path.encode("latin-1", "replace").decode("utf-8", "replace"),  # PEP 3333: bytes in a text
            (environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT")),
            lambda name: str(environ.get(f"HTTP_{name.upper().replace('-', '_')}", "")),
        )

    def begin(self, facts: Mapping[str, Value], later: Callable[[], Mapping[str, Value]] | None = None) -> Visit:
        """From here on every event in this context, and in those made from it, is of this request."""
        return Visit(self, facts, later)

    def tell(self, visit: Visit, answered: Answered) -> None:
        with self.hook.harmless("a request could not be told"):
            if not (event := self._audits(answered)):
                return
            what = f"{answered.method} {answered.route or answered.path}"
            attributes = {
                **visit.whole(),
                "audit.action": what[:LONGEST],
                "http.route": answered.route,
                "http.response.status_code": answered.status or None,
                "error.type": answered.error,
                DURATION: visit.took or time.perf_counter() - visit.began,
            }
            whole = answered.ended or not answered.status
            self.hook.tell(
                event if isinstance(event, str) else EVENT,
                {key: value for key, value in attributes.items() if value not in (None, "")},
                outcome=answered.outcome,
                message=f"{what}: {answered.status or 'no answer'}{'' if whole else ', broken off'}",
            )


class Visit(Request):
    """One request, from its coming to its answer."""

    __slots__ = ("_bound", "_door", "_token", "_told", "began", "error", "route", "took")

    def __init__(self, door: Door, facts: Mapping[str, Value], later: Callable[[], Mapping[str, Value]] | None) -> None:
        super().__init__(facts, later)
        self._door, self._told = door, False
        self.began, self.error, self.route = time.perf_counter(), "", ""
        self.took = 0.0  # seconds, where it ended before it is told
        self._bound = set_bound()  # a thread that answers the next request, too, must not remember whose this one was
        self._token: Token[Request | None] = answering.set(self)

    def failed(self, error: BaseException) -> None:
        """An exception came out of the application; how it is answered may still be open."""
        self.error = error_type(type(error))

    def answered(self, status: int, *, ended: bool = True) -> None:
        """How it ended: only the first time counts. `status` 0: without an answer; not `ended`: with a part of one."""
        if not self._told:
            self._told = True
            facts = self.facts
            method, path = str(facts.get("http.request.method", "")), str(facts.get("url.path", ""))
            self._door.tell(self, Answered(method, path, self.route, status, self.error, ended))

    def end(self) -> None:
        """Events that come after it in this context are not of this request."""
        with suppress(ValueError):  # another context: there it never began
            answering.reset(self._token)
        reset(self._bound)


def visiting() -> Visit | None:
    """The one of this context."""
    visit = answering.get()
    return visit if isinstance(visit, Visit) else None


def client(peer: str, forwarded: str, proxies: int) -> str:
    """Whose request it is: the address that the outermost trusted proxy saw, "" when nobody knows.

    Each proxy appends to X-Forwarded-For who came to it; what stands before that, anybody may have written.
    """
    seen = [*(part.strip() for part in forwarded.rsplit(",", proxies)[-proxies:]), peer] if forwarded else [peer]
    for one in seen:  # the first is what the outermost of ours wrote; one that is no address tells nothing
        if address := _address(one):
            return address
    return ""


@lru_cache(1024)  # 0.2 us instead of 4
def _address(said: str) -> str:
    """`192.0.2.1`, also out of `192.0.2.1:4711` and `[2001:db8::1]:4711`; "" when it is none."""
    if said.startswith("["):
        said = said[1:].partition("]")[0]
    elif said.count(":") == 1:
        said = said.partition(":")[0]
    try:
        return str(ipaddress.ip_address(said.partition("%")[0]))  # a zone is a name on somebody's machine
    except ValueError:
        return ""
