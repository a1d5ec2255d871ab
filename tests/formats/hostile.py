"""Records made by somebody who wants a SIEM to read what is not there: for formats that have to escape."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import astuple

from otelsiem.model.record import Batch, Group, Record, Scope
from tests.formats import strategies

SIGNS = "=|\\\n\r\t\0\x1b]\"'^~ \x85\u2028\u202e\u2066\u200b\ufeff\ud800\udfff\U000e0041é日🧑‍🚀ab"
SNIPPETS = (
    " suser=root", "suser=root", "^usrName=root", "\tusrName=root", "|10|act=x", "\\", "\\\\", "\\=", "a\\", " ", "=",
    "\nCEF:0|a|b|c|d|e|9|suser=root", "\r\n<13>1 - - - - - - LEEF:1.0|a|b|c|d|", "\x1b[2J", "x" * 63, "x" * 64,
    "x" * 256, "x" * 1024, "\\" * 1023, "=" * 1024, "é" * 4001, "203.0.113.9", "2001:db8::1", "fe80::1%eth0",
    "999.1.1.1", "host.example.com", "admin", "success", "denied", "user", "Account", "T1078", "AML.T0051",
)  # fmt: skip
KEYS = (
    "a.b", "a_b", "a/b", "A.b", "suser", "cs1", "cs1Label", "usrName", "usrname", "sev", "src", "devTime", "resource",
    "resource.x", "scope.name", "otelsiemTenantId", "tenantId", "truncated", "rest", "time_unix_nano", "eventType",
    "server.address", "server_address", "server.port", "url.full", "anomaly.type", "risk.level", "risk.score_change",
    "anomaly.confidence", "compliance.score", "violations.critical_count", "network.transport", "host.name", "host.ip",
    "process.pid", "service.instance.id", "k" * 70, "n", "1st", "a b", "a=b", "a|b", "a\nb", "ключ",
)  # fmt: skip

texts = st.text(SIGNS, max_size=12) | st.sampled_from(SNIPPETS) | strategies.texts
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 70_000) | st.floats() | texts
values: st.SearchStrategy[Any] = (
    scalars | st.binary(max_size=4) | st.lists(scalars, max_size=3) | st.dictionaries(texts, scalars, max_size=2)
)
keys = st.sampled_from([key for key in (*strategies.KNOWN, *KEYS) if "\ud800" not in key]) | texts
attributes = st.dictionaries(keys, values, max_size=10)
times = st.sampled_from([0, 1, -1, 10**18 - 1, 10**18, 1_735_732_800_123_456_789, 10**19 - 1, 10**19, 2**64 - 1])

records = st.builds(
    Record,
    id=texts,
    time=times,
    observed=times,
    severity=st.integers(-1, 30),
    severity_text=texts,
    event=texts | st.sampled_from(["login", "AUTH_FAILED", "prompt_injection_attempt", "anomaly", "tool call"]),
    body=values,
    attributes=attributes,
    trace_id=st.sampled_from(["", "0af7651916cd43dd8448eb211c80319c"]),
    span_id=st.sampled_from(["", "b7ad6b7169203331"]),
    flags=st.integers(0, 1),
)
scopes = st.builds(Scope, name=texts, version=texts, attributes=attributes, schema_url=texts)
resources = attributes | st.builds(
    lambda said, more: more | said,
    st.fixed_dictionaries({}, optional={
        "service.namespace": texts, "service.name": texts, "service.version": texts, "host.name": texts,
        "tenant.id": texts, "audit.source": texts,
    }),
    attributes,
)  # fmt: skip
groups = st.builds(Group, resources, scopes, st.lists(records, min_size=1, max_size=3), texts)
batches: st.SearchStrategy[Batch] = st.lists(groups, min_size=1, max_size=2)


# Most of these have a plan (`_pairs/plan.py`), and what breaks a plan is among them.
_plain_values = (
    st.text("ab=\\^é\n\u202e", min_size=1, max_size=5)
    | st.sampled_from(["success", "203.0.113.9", "::1", "denied", ""])
    | st.sampled_from(["x" * 63, "=" * 64, "x" * 256, "x" * 600, "user"])
    | st.integers(-5, 70_000)
    | st.booleans()
    | st.floats()
    | st.integers(2**53, 2**64)
    | st.lists(st.sampled_from(["a", "b=", "c,", "^", 1, 0.5, None]), max_size=2)
)
_plain_records = st.builds(
    Record,
    id=st.sampled_from(["id", "0198", "", "x" * 40, "x" * 41, "\n" * 21]),
    time=st.sampled_from([1_735_732_800_123_456_789, 1_735_732_800_123_456_789, 0, 1]),
    observed=st.sampled_from([0, 1_735_732_800_123_456_790]),
    severity=st.integers(-1, 25),
    severity_text=st.sampled_from(["", "INFO"]),
    event=st.sampled_from(["", "login", "a b", "anomaly", "AUTH_FAILED"]),
    body=st.sampled_from([None, "", "text", "a=b", "x" * 1023, "x" * 1024, "=" * 1023, 5, 0, [], b""]),
    attributes=st.dictionaries(
        st.sampled_from([*strategies.KNOWN, "n", "a.b", "a_b", "server.address", "server.port", "risk.score_change",
                         "compliance.policies_total", "network.transport", "anomaly.confidence", "src", "usrName"]),
        _plain_values, max_size=6,
    ),
    trace_id=st.sampled_from(["", "0" * 31 + "1"]),
    span_id=st.sampled_from(["", "0" * 15 + "1"]),
    flags=st.integers(0, 1),
)  # fmt: skip
nearly_plain_batches: st.SearchStrategy[Batch] = st.lists(
    st.builds(
        Group,
        st.dictionaries(
            st.sampled_from(["tenant.id", "service.name", "source", "host.name"]), st.sampled_from(["r", 7, "a=b"])
        ),
        st.just(Scope("s", "1")),
        st.lists(_plain_records, min_size=1, max_size=3),
    ),
    min_size=1, max_size=2,
)  # fmt: skip


def encodable(value: Any) -> Any:
    """Without surrogates: what JSON can carry, for tests that ask the normalised event what a record says."""
    if isinstance(value, str):
        return value.encode("utf-8", "ignore").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(inner) for key, inner in value.items()}
    return [encodable(inner) for inner in value] if isinstance(value, list) else value


def _group(group: Group) -> Group:
    return Group(encodable(group.resource), Scope(group.scope.name.encode("utf-8", "ignore").decode()), group.records)


batches_of_encodable_groups = batches.map(lambda batch: [_group(group) for group in batch])


def _kept(group: Group) -> Group:
    made = _group(group)
    made.records = [Record(*[encodable(value) for value in astuple(record)]) for record in group.records]
    return made


batches_that_a_journal_holds = batches.map(lambda batch: [_kept(group) for group in batch])


def shuffled(batch: Batch) -> Batch:
    """The same records, each once more among strangers: what is kept of a shape must not keep values."""
    return [
        Group(g.resource, g.scope, [*g.records, Record(attributes={"a": 1}), *g.records], g.schema_url) for g in batch
    ]
