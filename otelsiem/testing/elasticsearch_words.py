"""What Elasticsearch and OpenSearch say: answers in their words, cut down by `filter_path` as they cut them.

From docs/contracts (elasticsearch). Where the two differ, the fake that uses them says which it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from otelsiem.testing.http import Respond

JSON = "application/json"
ELASTIC = {"X-Elastic-Product": "Elasticsearch"}


class Wrong(NamedTuple):
    """An error: of one item, or of a whole request."""

    status: int
    kind: str
    reason: str

    @property
    def body(self) -> dict[str, Any]:
        cause = {"type": self.kind, "reason": self.reason}
        return {"error": {"root_cause": [cause], **cause}, "status": self.status}


def said(status: int, body: object, headers: Mapping[str, str] | None = None) -> Respond:
    """An answer with this JSON."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Respond(status, text, {"Content-Type": JSON, **(headers or {})})


def filtered(body: Any, paths: str) -> Any:
    """`filter_path`: only what one of these paths leads to; what is left empty vanishes."""
    wanted = [path.split(".") for path in paths.split(",") if path]
    return body if not wanted else (_kept(body, wanted) or {})


def _kept(value: Any, paths: list[list[str]]) -> Any:
    if any(not path for path in paths):
        return value
    if isinstance(value, list):
        return [kept for item in value if (kept := _kept(item, paths))]
    if not isinstance(value, dict):
        return None
    made = {}
    for key, inner in value.items():
        below = [path[1:] for path in paths if fnmatchcase(key, path[0])]
        if below and (kept := _kept(inner, below)) not in (None, {}, []):
            made[key] = kept
    return made


def conflict(id_: str, *, opensearch: bool) -> Wrong:
    where = "current document has seqNo [0] and primary term [1]" if opensearch else "document already exists"
    return Wrong(
        409, "version_conflict_engine_exception", f"[{id_}]: version conflict, document already exists ({where})"
    )


def mapping(reason: str, *, opensearch: bool) -> Wrong:
    if opensearch:
        return Wrong(400, "mapper_parsing_exception", reason)
    return Wrong(400, "document_parsing_exception", f"[1:42] {reason}")


def busy(*, opensearch: bool) -> Wrong:
    kind = "rejected_execution_exception" if opensearch else "es_rejected_execution_exception"
    reason = "rejected execution of coordinating operation [coordinating_and_primary_bytes=53687091]"
    return Wrong(429, kind, reason)


def flooded(index: str) -> Wrong:
    reason = "disk usage exceeded flood-stage watermark, index has read-only-allow-delete block"
    return Wrong(429, "cluster_block_exception", f"index [{index}] blocked by: [TOO_MANY_REQUESTS/12/{reason}];")


def blocked(index: str) -> Wrong:
    return Wrong(403, "cluster_block_exception", f"index [{index}] blocked by: [FORBIDDEN/8/index write (api)];")


def crowded(open_: int, most: int) -> Wrong:
    reason = f"this action would add [2] shards, but this cluster currently has [{open_}]/[{most}] maximum normal"
    return Wrong(400, "validation_exception", f"Validation Failed: 1: {reason} shards open;")


NO_STREAM = (  # 8.19, where there is nothing of the name at all
    " and the index creation request requires a data stream, "
    "but no matching index template with data stream template was found for it"
)


def absent(index: str, why: str = "") -> Wrong:
    return Wrong(404, "index_not_found_exception", f"no such index [{index}]{why}")


def forbidden(index: str, who: str, action: str = "indices:data/write/bulk[s]") -> Wrong:
    reason = f"action [{action}] is unauthorized for {who} on indices [{index}], this action is granted by the index "
    return Wrong(403, "security_exception", f"{reason}privileges [create_doc,create,index,write,all]")


def unauthenticated(reason: str) -> Wrong:
    return Wrong(401, "security_exception", reason)


def illegal(reason: str) -> Wrong:
    return Wrong(400, "illegal_argument_exception", reason)


def unrecognised(path: str, names: Iterable[str]) -> Wrong:
    return illegal(f"request [{path}] contains unrecognized parameter: [{next(iter(names))}]")
