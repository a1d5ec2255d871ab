"""Whether a cluster is reached, knows us, and would take our records; nothing is written to find out.

Guarantees: what a service does not offer is not held against it (serverless ones have no `GET /`, a key that may only
create documents may not read the cluster's name), so a no means no.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from otelsiem.destinations._bulk_answer import Item, error, items
from otelsiem.destinations._bulk_fault import Fate
from otelsiem.destinations._bulk_fault import item as fault_of
from otelsiem.destinations._bulk_verdict import Judge
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split

PRIVILEGE = "create_doc"
BROKEN = b'{"create":{"_id":"otelsiem-probe"}}\n{"otelsiem-probe":\n'  # no document: whoever may write is told so

_COMPLAINTS = frozenset({"parse_exception", "action_request_validation_exception"})
_READ = 64 << 10


def greeted(judge: Judge, reply: Reply, now: int) -> Outcome | None:
    """The verdict on `GET /`: Delivered knows us, None says nothing either way."""
    if isinstance(reply, Failure):
        return judge.failed(reply)
    if 200 <= reply.status < 300:
        return _product(reply)
    outcome = _blameless(judge.request(reply, now))
    certain = reply.status in (401, 407) or isinstance(outcome, Retry) or 300 <= reply.status < 400
    return outcome if certain else None


def _product(answer: Answer) -> Outcome | None:
    said = _object(answer.body)
    if said is None:
        return Hold("it answers, but not as Elasticsearch or OpenSearch: is the endpoint right?")
    version = said.get("version")
    if isinstance(version, dict) and isinstance(version.get("number"), str):
        return Delivered()
    return None


def distribution(reply: Reply) -> str:
    """`opensearch`, or "" for Elasticsearch and for what does not say."""
    said = _object(reply.body) if isinstance(reply, Answer) else None
    version = said.get("version") if said else None
    found = version.get("distribution") if isinstance(version, dict) else None
    return found if isinstance(found, str) else ""


def question(pattern: str) -> bytes:
    """Asks Elasticsearch what we may do; anybody may ask that of himself."""
    return msgspec.json.encode({"index": [{"names": [pattern], "privileges": [PRIVILEGE]}]})


def allowed(judge: Judge, reply: Reply, now: int) -> Outcome | None:
    """The verdict on its answer; None where it cannot be asked (no security, an older version)."""
    if isinstance(reply, Failure):
        return judge.failed(reply)
    if reply.status == 401:
        return _blameless(judge.request(reply, now))
    said = _object(reply.body) if reply.status == 200 else None
    match (said or {}).get("has_all_requested"):
        case True:
            return Delivered()
        case False:
            return Hold(f"security: the credentials may not write to {judge.index}: give them the privilege "
                        f"{PRIVILEGE} on it (and auto_configure, if it is to be made)")  # fmt: skip
    return None


def refused_as_empty(judge: Judge, reply: Reply, now: int) -> Outcome:
    """The verdict on a bulk request with nothing in it: who complains of that has let us in."""
    if isinstance(reply, Failure):
        return judge.failed(reply)
    said = error(reply.body)
    if 200 <= reply.status < 300 or (reply.status == 400 and said.kind in _COMPLAINTS):
        return Delivered()
    return _blameless(judge.request(reply, now))


def refused_as_broken(judge: Judge, reply: Reply, now: int) -> Outcome:
    """The verdict on a bulk request whose one document is none: an item that is refused for that may be written."""
    found = items(reply.body) if isinstance(reply, Answer) and 200 <= reply.status < 300 else None
    if found is None or len(found) != 1:
        return refused_as_empty(judge, reply, now)
    return Delivered() if _fate(found[0]) is Fate.REFUSED else _blameless(judge.payload(reply, 1, now))


def _fate(item: Item) -> Fate:
    return fault_of(item.status, item.kind, item.words).fate


def _blameless(outcome: Outcome) -> Outcome:
    """The outcome where there are no records to blame."""
    match outcome:
        case Reject(reason) | Split(reason):
            return Hold(reason)
        case Partial():
            return Hold(outcome.reason or "the answer makes no sense for a question")
    return outcome


def _object(body: bytes) -> Mapping[str, Any] | None:
    if len(body) > _READ:
        return None
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
