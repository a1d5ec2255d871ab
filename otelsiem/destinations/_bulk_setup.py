"""What a cluster is prepared with: an index template and a lifecycle, by `otelsiem setup`.

Guarantees: doing it twice changes nothing; what others made, or a newer otelsiem, or a person who edited ours and said
so (`managed_by`), stays as it is; nothing is deleted by age unless `lifecycle.delete_after` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeAlias

import msgspec

from otelsiem.destinations._bulk_answer import error, line
from otelsiem.destinations._bulk_mappings import VERSION
from otelsiem.destinations._bulk_verdict import Judge
from otelsiem.model.destination import Installed
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply, Request, Wait
from otelsiem.model.outcome import Delivered, Hold, Outcome, Reject, Split

MANAGER = "otelsiem"

Ask: TypeAlias = Callable[[str, str, bytes], HttpRequest]  # method, path, body
Found: TypeAlias = Mapping[str, Any]  # the answer to a GET
Installation: TypeAlias = Generator[Request | Wait, Reply, Installed]

_PRIVILEGE = "the credentials may not set it up: it takes manage_index_templates and manage_ilm"


@dataclass(frozen=True, slots=True)
class Thing:
    """Something to install: where it lives, what it is, and how a copy that is there says whose it is."""

    what: str
    path: str
    body: Mapping[str, Any]
    mark: Mapping[str, Any]  # what `body` says of its maker
    marked: Callable[[Found], Mapping[str, Any] | None]  # what the one that is there says
    optional: bool = False  # not every edition has the like
    spare: tuple[str, ...] = ()  # settings to do without where they are not known
    over: Callable[[Found], str] = field(default=lambda _found: "")  # query of a PUT over the one that is there


def mark(contents: object) -> dict[str, Any]:
    """How we know our own again, and which edition of it."""
    digest = sha256(msgspec.json.encode(contents, order="deterministic")).hexdigest()[:16]
    return {"managed_by": MANAGER, "version": VERSION, "contents": digest}


def installed(thing: Thing, ask: Ask, judge: Judge, now: int) -> Installation:
    """Look whether it is there, and make it when it is not, or ours and older."""
    reply = yield ask("GET", thing.path, b"")
    put = ask("PUT", thing.path, msgspec.json.encode(thing.body))
    standing = _standing(thing, reply, judge, now)
    if not isinstance(standing, Mapping):
        return Installed(thing.what, standing, put)
    path = thing.path + thing.over(standing)
    put = ask("PUT", path, put.body)
    reply = yield put
    if (without := _without(thing, reply)) is not None:
        put = ask("PUT", path, msgspec.json.encode(without))
        reply = yield put
    return Installed(thing.what, _made(reply, judge, now, again=bool(standing)), put)


def there(reply: Reply, judge: Judge, now: int, otherwise: str) -> Outcome:
    """The verdict on a question for something that the service brings itself."""
    if isinstance(reply, Failure):
        return judge.failed(reply)
    if 200 <= reply.status < 300:
        return Delivered("built in")
    return Hold(f"it is not there: {otherwise}") if reply.status == 404 else _refused(reply, judge, now)


def _standing(thing: Thing, reply: Reply, judge: Judge, now: int) -> Outcome | Found:
    """The verdict where there is nothing to do; else what is there of ours, which may be nothing."""
    if isinstance(reply, Failure):
        return judge.failed(reply)
    if reply.status == 404 and not isinstance(error(reply.body).error, str):
        return {}
    if reply.status in (400, 404, 405, 410, 501) and thing.optional:
        return Delivered("left out: this service has no such thing")
    if not 200 <= reply.status < 300:
        return _refused(reply, judge, now)
    found = _object(reply)
    theirs = thing.marked(found) or {}
    version = theirs.get("version")
    if theirs.get("managed_by") != MANAGER:
        return Delivered("left as it is: it is there, and otelsiem did not make it")
    if type(version) is int and version > VERSION:
        return Delivered("left as it is: a newer otelsiem made it")
    return Delivered("there already") if theirs.get("contents") == thing.mark["contents"] else found


def _made(reply: Reply, judge: Judge, now: int, *, again: bool) -> Outcome:
    if isinstance(reply, Failure):
        return judge.failed(reply)
    if 200 <= reply.status < 300:
        return Delivered("brought up to date" if again else "made")
    return _refused(reply, judge, now)


def _refused(answer: Answer, judge: Judge, now: int) -> Outcome:
    if answer.status == 403:
        said = line(error(answer.body).words, judge.secrets)
        return Hold(f"HTTP 403: {_PRIVILEGE}: {said}" if said else f"HTTP 403: {_PRIVILEGE}")
    outcome = judge.request(answer, now)
    return Hold(outcome.reason) if isinstance(outcome, Reject | Split) else outcome


def _without(thing: Thing, reply: Reply) -> dict[str, Any] | None:
    """The body without a setting that this version does not know."""
    if not thing.spare or not isinstance(reply, Answer) or reply.status != 400:
        return None
    words = error(reply.body).words
    unknown = [setting for setting in thing.spare if f"unknown setting [{setting}]" in words]
    if not unknown:
        return None
    template = dict(thing.body["template"])
    template["settings"] = {key: value for key, value in template["settings"].items() if key not in unknown}
    return {**thing.body, "template": template}


def _object(answer: Answer) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
