"""Makes `otelsiem/formats/ocsf.tsv` from the schema that OCSF publishes. Run by hand for a new version:

    python -m tests.formats.make_ocsf_table [FOLDER OF 1.8.0.json AND ITS SISTERS]

The sources are the exports of https://schema.ocsf.io/<version>/export/schema (Apache License 2.0), by default the
copies that the package ocsf-json-schema carries. Kept are the classes that audit records become and the objects that
these use; an attribute that holds any other object is left out, so a checker that reads the table calls it unknown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import ocsf_json_schema

TABLE = Path(__file__).parents[2] / "otelsiem" / "formats" / "ocsf.tsv"
EXPORTS = Path(ocsf_json_schema.__file__).parent / "ocsf"
MINORS = range(1, 9)  # 1.0 knows no findings of classes 2003 and 2004; its patterns of addresses and times are broken
CLASSES = frozenset({0, 2003, 2004, 3002, 3004, 6003, 6008})
OBJECTS = frozenset(
    {
        "account", "actor", "analytic", "api", "attack", "cloud", "compliance", "container", "device", "evidences",
        "finding_info", "http_request", "http_response", "managed_entity", "metadata", "network_endpoint", "object",
        "observable", "os", "policy", "process", "product", "remediation", "request", "resource_details", "response",
        "service", "session", "sub_technique", "tactic", "technique", "trace", "url", "user",
    }
)  # fmt: skip
Row: TypeAlias = tuple[str, ...]


def rows(export: dict[str, Any]) -> Iterator[Row]:
    """The rows of one version, without its number."""
    types = export["dictionary"]["types"]["attributes"] if "dictionary" in export else export["types"]
    for name, type_ in types.items():
        low, high = type_.get("range", ("", ""))
        longest = str(type_.get("max_len", ""))
        yield ("*", name, type_.get("type", ""), longest, f"{low},{high}".strip(","), type_.get("regex", ""))
    for class_ in export["classes"].values():
        if class_["uid"] in CLASSES and "/" not in class_["name"]:
            yield ("+", class_["name"], str(class_["uid"]), "|".join(sorted(class_.get("profiles") or ())))
            yield from _owner(class_)
    for name in OBJECTS & export["objects"].keys():
        yield ("&", name)
        yield from _owner(export["objects"][name])


def _owner(owner: dict[str, Any]) -> Iterator[Row]:
    for kind, names in (owner.get("constraints") or {}).items():
        yield ("?", owner["name"], kind, ",".join(sorted(names)))
    for name, attribute in owner["attributes"].items():
        type_ = attribute.get("object_type") if attribute["type"] == "object_t" else attribute["type"]
        if attribute["type"] == "object_t" and type_ not in OBJECTS:
            continue
        profiles = attribute.get("profiles") or [attribute.get("profile")]
        yield (
            owner["name"],
            name,
            f"{type_}[]" if attribute.get("is_array") else type_,
            "!" if attribute["requirement"] == "required" else "",
            "|".join(sorted(profile for profile in profiles if profile)),
            ",".join(sorted(attribute.get("enum") or (), key=_number)),
            attribute.get("sibling") or "",
        )


def _number(value: str) -> tuple[int, str]:
    return (int(value) if value.isdigit() else -1, value)


def _spans(minors: list[int]) -> str:
    """0-3,5 for 0, 1, 2, 3 and 5."""
    spans: list[list[int]] = []
    for minor in minors:
        if spans and spans[-1][1] == minor - 1:
            spans[-1][1] = minor
        else:
            spans.append([minor, minor])
    return ",".join(f"{low}-{high}" if low < high else f"{low}" for low, high in spans)


def table(exports: dict[int, dict[str, Any]]) -> str:
    """All rows, each with the minor versions of OCSF 1 that have it."""
    known: dict[Row, list[int]] = {}
    for minor, export in sorted(exports.items()):
        for row in rows(export):
            known.setdefault(row, []).append(minor)
    head = (
        "# OCSF 1.1.0 to 1.8.0, https://schema.ocsf.io/<version>/export/schema, Apache License 2.0. make_ocsf_table.py"
    )
    body = ["\t".join([_spans(minors), *row]).rstrip("\t") for row, minors in known.items()]
    return "\n".join([head, *sorted(body)]) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else EXPORTS
    made = {minor: json.loads((folder / f"1.{minor}.0.json").read_text("utf-8")) for minor in MINORS}
    TABLE.write_text(table(made), "utf-8")
