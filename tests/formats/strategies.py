"""Random records: every kind of value that OTLP carries, any text that is valid Unicode, keys that mean something."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from otelsiem.formats.vocabulary import CONTAINERS, HEADS, MEANINGS
from otelsiem.model.record import Batch, Group, Record, Scope

KNOWN = sorted({key for row in (*MEANINGS, *HEADS) for key in (row.attribute, row.flat, *row.also) if key})

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | texts
    | st.sampled_from(["success", "denied", "OK", "failure", "tenant-1"])
    | st.binary(max_size=8)
)
keys = (
    st.sampled_from(KNOWN)
    | st.sampled_from(CONTAINERS)
    | st.builds("{}.{}".format, st.sampled_from(CONTAINERS), st.sampled_from(KNOWN))
    | texts
)


def _nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3)


values: st.SearchStrategy[Any] = st.recursive(scalars, _nest, max_leaves=6)
attributes = st.dictionaries(keys, values, max_size=8)
times = st.just(0) | st.integers(0, 2**64 - 1) | st.integers(0, 999)

records = st.builds(
    Record,
    id=texts,
    time=times,
    observed=times,
    severity=st.integers(0, 24),
    severity_text=texts,
    event=texts,
    body=values,
    attributes=attributes,
    trace_id=st.just("") | st.text("0123456789abcdef", min_size=32, max_size=32),
    span_id=st.just("") | st.text("0123456789abcdef", min_size=16, max_size=16),
    flags=st.integers(0, 255),
)
scopes = st.builds(Scope, name=texts, version=texts, attributes=attributes, schema_url=texts)
groups = st.builds(Group, attributes, scopes, st.lists(records, max_size=4), texts)
batches: st.SearchStrategy[Batch] = st.lists(groups, max_size=3)
