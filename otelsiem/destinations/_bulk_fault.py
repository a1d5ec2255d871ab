"""Whose fault it is that a record was not taken: the table of contract 3, for one item and for whole requests.

Order of evidence: what an error says of itself outweighs its status, since a missing pipeline, a closed index and a
cluster that is full of shards all come as 400, as if the record were to blame.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple


class Fate(Enum):
    """What becomes of a record."""

    TAKEN = auto()
    DIVERTED = auto()  # into the failure store: kept by the cluster, but not where people look
    DROPPED = auto()  # by an ingest pipeline, on the operator's own order
    AGAIN = auto()
    BUSY = auto()  # again, and the cluster asked for rest
    ODD = auto()  # again, but where its neighbours were taken it is this record that does not go
    HELD = auto()
    REFUSED = auto()


class Fault(NamedTuple):
    """A fate, and what a person can do about it."""

    fate: Fate
    hint: str = ""


_GRANT = "give the credentials the privilege create_doc (and auto_configure, if it is to be made) on it"
_STREAM = "there is no such data stream and no template for it: `otelsiem setup` makes one"
# The index is there and is no stream; it is not there and no template makes one (8.19 [M]).
_NO_STREAM = re.compile(r"\[require_data_stream\] request flag is \[true\]|creation request requires a data stream")
_FULL = Fault(Fate.HELD, "a disk is nearly full: free space or add a node; the block goes by itself then")
_BLOCK = Fault(Fate.HELD, "it is blocked for writing: lift the block (index.blocks.*)")
_TRANSIENT = frozenset(
    {
        "unavailable_shards_exception", "process_cluster_event_timeout_exception", "timeout_exception",
        "no_shard_available_action_exception", "shard_not_found_exception", "no_longer_primary_shard_exception",
        "master_not_discovered_exception", "cluster_manager_not_discovered_exception", "node_closed_exception",
        "node_disconnected_exception", "node_not_connected_exception", "receive_timeout_transport_exception",
    }
)  # fmt: skip
_BUSY = frozenset({"es_rejected_execution_exception", "rejected_execution_exception", "circuit_breaking_exception"})
_OURS = {  # type of error: what to do
    "security_exception": _GRANT,
    "index_not_found_exception": "make it, or let it be made (action.auto_create_index, a matching index template)",
    "index_closed_exception": "it is closed: open it",
    "invalid_index_name_exception": "no index can be called so: look at index and at the attributes in it",
    "authorization_exception": _GRANT,
    "license_expired_exception": "",
}
_PRESSURE = re.compile(r"coordinating_operation_bytes=(\d{1,18}), max_\w+=(\d{1,18})\]")
_ALREADY = frozenset({"", "version_conflict_engine_exception"})
_GENERAL = frozenset({"illegal_argument_exception", "validation_exception", "action_request_validation_exception"})

# What Elasticsearch says of itself under types that say too little. Matched from the beginning of a sentence: the rest
# may quote names and values of the record, whose sender must not be able to choose the verdict.
_FLOOD = re.compile(r"(?:index \[[^\]]*\] )?blocked by: \[(?:TOO_MANY_REQUESTS|FORBIDDEN)/12/")
_SAID = tuple(
    [
        (re.compile(rf"(?:Validation Failed: 1: )?(?:{pattern})", re.IGNORECASE), Fault(Fate.HELD, hint))
        for pattern, hint in (
            (r"this action would add \[\d+\]",
             "the cluster has all the shards it may have: delete indices, or raise cluster.max_shards_per_node"),
            (r"pipeline with id \[[^\]]*\] does not exist", "make the ingest pipeline, or correct `pipeline`"),
            (r"only write ops with an op_type of create", "something between changes our requests: all are `create`"),
            (r"no write index is defined for alias|alias \[[^\]]*\] has more than one",
             "mark one index of the alias with is_write_index: true"),
            (r"request \[[^\]]*\] contains unrecognized parameter",
             "this version does not know it: leave out the setting, or write require_data_stream: false"),
            (r"the bulk request must be terminated|malformed action/metadata line|no requests added",
             "something between changes our requests"),
        )
    ]
)  # fmt: skip
_UNTYPED = tuple(
    [
        (re.compile(pattern, re.IGNORECASE), Fault(Fate.HELD, hint))
        for pattern, hint in (
            (r"no handler found for uri|unknown resource",
             "the endpoint is not the root of Elasticsearch or OpenSearch: correct its path"),
            (r"incorrect http method for uri", "the endpoint is not the root of Elasticsearch or OpenSearch"),
            (r"content-type header \[[^\]]*\] is not supported", "something between changes our requests"),
        )
    ]
)  # fmt: skip


def item(status: int, kind: str, words: str) -> Fault:
    """An item's fault by its status, the type of its error and what is said."""
    if status == 409:  # contract 3: on `create` it is there already
        return Fault(Fate.TAKEN if kind in _ALREADY else Fate.AGAIN)
    if status in (500, 501, 502) and kind not in _TRANSIENT:
        return Fault(Fate.ODD)
    return _by_kind(kind, words) or _by_status(status)


def request(status: int, kind: str, words: str) -> Fault:
    """The same for a whole request."""
    if status in (401, 407):  # whatever it says
        return Fault(Fate.HELD)
    if 200 <= status < 300:
        return Fault(Fate.TAKEN)
    if not kind:
        return next((fault for pattern, fault in _UNTYPED if pattern.match(words)), None) or _by_status(status)
    return _by_kind(kind, words) or _by_status(status)


def outsized(kind: str, words: str) -> bool:
    """Whether a request is more than a node may ever hold at once: "busy" then means "too large" [M: 8.19, 2.19]."""
    found = _PRESSURE.search(words) if kind in _BUSY else None
    return found is not None and int(found[1]) > int(found[2])


def _by_kind(kind: str, words: str) -> Fault | None:
    if kind in _BUSY:
        return Fault(Fate.BUSY)
    if kind in _TRANSIENT:
        return Fault(Fate.AGAIN)
    if kind == "cluster_block_exception":
        return _FULL if _FLOOD.match(words) else _BLOCK
    if kind == "index_not_found_exception" and _NO_STREAM.search(words):
        return Fault(Fate.HELD, _STREAM)
    if kind in _GENERAL:
        return next((fault for pattern, fault in _SAID if pattern.match(words)), None)
    return Fault(Fate.HELD, _OURS[kind]) if kind in _OURS else None


def _by_status(status: int) -> Fault:
    if status == 429:
        return Fault(Fate.BUSY)
    if status in (408, 425, 409) or status >= 500:
        return Fault(Fate.AGAIN)
    if status in (400, 422):
        return Fault(Fate.REFUSED)
    if 200 <= status < 300:
        return Fault(Fate.TAKEN)
    return Fault(Fate.HELD, _STATUS.get(status, "") if status >= 400 else _redirect(status))


def _redirect(status: int) -> str:
    return "the endpoint redirects, and redirects are not followed" if 300 <= status < 400 else ""


_STATUS = {
    403: _GRANT,
    404: "the endpoint is not the root of Elasticsearch or OpenSearch: correct its path",
    405: "the endpoint is not the root of Elasticsearch or OpenSearch: correct its path",
    406: "it does not take application/x-ndjson",
    415: "it does not take application/x-ndjson, or not as gzip: write compression: none",
    410: "this service does not offer it",
}
