"""The parts of the pages that are made from the tables in the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from otelsiem.formats._ecs.fields import ATTRIBUTES, MEANINGS, RESOURCE, Field
from otelsiem.formats.vocabulary import MEANINGS as VOCABULARY
from otelsiem.model.event import ALIASES, EVENTS
from tests.formats import pairs_pages as pairs

DOCS = Path(__file__).parents[2] / "docs"
CLASSES = {
    0: "Base Event", 2003: "Compliance Finding", 2004: "Detection Finding", 3002: "Authentication",
    3004: "Entity Management", 6003: "API Activity", 6008: "Application Error",
}  # fmt: skip
TYPES = {"keywords": "keyword, a list", "ips": "ip, a list"}


def table(*rows: tuple[str, ...]) -> str:
    """A table; the first row is its head."""
    head, *body = rows
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _fields(homes: Iterator[tuple[str, Field]]) -> Iterator[tuple[str, ...]]:
    for name, field in homes:
        yield f"`{name}`", f"`{field.path}`", TYPES.get(field.type, field.type)


def ecs_meanings() -> str:
    spelled = {row.flat: row.attribute for row in VOCABULARY}
    homes = ((spelled[flat], field) for flat, field in MEANINGS.items())
    return table(("attribute, in any of its spellings", "field", "type"), *_fields(homes))


def ecs_attributes() -> str:
    return table(("attribute", "field", "type"), *_fields(iter(ATTRIBUTES.items())))


def ecs_resource() -> str:
    return table(("attribute of the resource", "field", "type"), *_fields(iter(RESOURCE.items())))


def ecs_events() -> str:
    rows = [
        (f"`{e.name}`", e.ecs_kind, ", ".join(e.ecs_category) or "–", ", ".join(e.ecs_type), e.outcome or "–")
        for e in EVENTS.values()
    ]
    return table(("event", "event.kind", "event.category", "event.type", "event.outcome, unless said"), *rows)


def ocsf_events() -> str:
    rows = [
        (f"`{e.name}`", f"{CLASSES[e.ocsf_class]} {e.ocsf_class}", str(e.ocsf_activity) if e.ocsf_class else "99")
        for e in EVENTS.values()
    ]
    return table(("event", "class", "activity, unless the action names one"), *rows)


def _tagged() -> dict[tuple[str, ...], list[str]]:
    """The event names of each set of tags, aliases with them."""
    found: dict[tuple[str, ...], list[str]] = {}
    for event in EVENTS.values():
        if event.cim:
            also = [name for name, alias in ALIASES.items() if alias.name == event.name]
            found.setdefault(event.cim, []).extend([event.name, *also])
    return found


def cim_eventtypes() -> str:
    stanzas = [
        f"[otelsiem_{'_'.join(tags)}]\n"
        f'search = source="otelsiem:*" event_type IN ({", ".join(f"{chr(34)}{name}{chr(34)}" for name in names)})'
        for tags, names in _tagged().items()
    ]
    return "```ini\n# eventtypes.conf\n" + "\n\n".join(stanzas) + "\n```"


def cim_tags() -> str:
    stanzas = [
        f"[eventtype=otelsiem_{'_'.join(tags)}]\n" + "\n".join(f"{tag} = enabled" for tag in tags) for tags in _tagged()
    ]
    return "```ini\n# tags.conf\n" + "\n\n".join(stanzas) + "\n```"


# page -> the parts that are made
PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "reference/formats/ecs.md": {
        "meanings": ecs_meanings, "attributes": ecs_attributes, "resource": ecs_resource, "events": ecs_events
    },
    "reference/formats/ocsf.md": {"events": ocsf_events},
    "reference/formats/cef.md": {
        "meanings": pairs.cef_meanings, "version 1": pairs.cef_1, "attributes": pairs.cef_attributes,
        "resource": pairs.cef_resource,
    },
    "reference/formats/leef.md": {
        "meanings": pairs.leef_meanings, "attributes": pairs.leef_attributes, "events": pairs.leef_events,
    },
    "how-to/splunk_hec.md": {"eventtypes": cim_eventtypes, "tags": cim_tags},
}  # fmt: skip


def made(page: str, text: str) -> str:
    """The page with its parts as the code has them: what stands between `<!-- made: x -->` and `<!-- end -->`."""
    for name, make in PARTS[page].items():
        begin = f"<!-- made: {name} -->\n"
        before, rest = text.split(begin)
        text = f"{before}{begin}{make()}\n{rest[rest.index('<!-- end -->') :]}"
    return text
