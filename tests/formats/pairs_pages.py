"""The parts of the pages about CEF and LEEF that are made from their tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otelsiem.formats import _cef_keys as cef
from otelsiem.formats import _leef_keys as leef
from otelsiem.formats._cef_keys import Keys
from otelsiem.formats._keys import Key
from otelsiem.formats.structured import camel
from otelsiem.formats.vocabulary import HEADS, MEANINGS
from otelsiem.model.event import EVENTS

_KINDS = {
    "text": "text", "whole": "text, whole or not at all", "listed": "text, a list with commas", "ip": "IP address",
    "ipv4": "IPv4", "ipv6": "IPv6", "port": "0-65535", "integer": "integer", "decimal": "number",
}  # fmt: skip
_SPELLED = {row.flat: f"`{row.attribute}`" for row in MEANINGS} | {
    "event_id": "the record's id", "message": "the body, or what stands in for it", "trace_id": "the trace's id",
    "account.id": "`audit.target.id` of an account", "account.name": "`audit.target.name` of an account",
    "framework": "the catalogue that `threat.technique.id` is from",
    "mitre_attack.technique": "`threat.technique.id`",
}  # fmt: skip


def _table(*rows: tuple[str, ...]) -> str:
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, tuple("---" for _ in head), *body])


def _candidates(keys: tuple[Key, ...]) -> str:
    return ", else ".join([f"`{key.name}`" + (f" ({key.label})" if key.label else "") for key in keys])


def _limits(keys: tuple[Key, ...]) -> str:
    return ", else ".join([_KINDS[key.kind] + (f" up to {key.most:,}" if key.most else "") for key in keys])


def _rows(keys: Keys, spelled: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    for name, candidates in keys.items():
        yield spelled.get(name, f"`{name}`"), _candidates(candidates), _limits(candidates)


_HEAD = ("what the record says", "key", "which takes")


def cef_meanings() -> str:
    return _table(_HEAD, *_rows({**cef.FIRST, **cef.SECOND, **cef.MESSAGE}, _SPELLED))


def cef_1() -> str:
    return _table(_HEAD, *_rows(cef.SECOND_OF_1, _SPELLED))


def cef_attributes() -> str:
    return _table(_HEAD, *_rows(cef.ATTRIBUTES, {}))


def cef_resource() -> str:
    return _table(("the resource", *_HEAD[1:]), *_rows(cef.RESOURCE, {}))


def leef_meanings() -> str:
    tables = {**leef.FIRST, **leef.SECOND, **leef.MESSAGE}
    heads = {row.flat for row in HEADS}
    others: Keys = {
        row.flat: (Key(camel(row.flat)),) for row in MEANINGS if row.flat not in tables and row.flat not in heads
    }
    return _table(_HEAD, *_rows(tables, _SPELLED), *_rows(others, _SPELLED))


def leef_attributes() -> str:
    return _table(_HEAD, *_rows(leef.ATTRIBUTES, {}))


def leef_events() -> str:
    return _table(("EventID", "`cat`"), *[(f"`{event.name}`", event.category) for event in EVENTS.values()])
