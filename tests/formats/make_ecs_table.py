"""Makes `data/ecs.txt` from the field list that Elastic publishes. Run by hand for a new version:

    python -m tests.formats.make_ecs_table PATH/TO/ecs/generated/ecs/ecs_flat.yml VERSION

The list is `generated/ecs/ecs_flat.yml` of github.com/elastic/ecs at the tag of that version (Apache License 2.0). Kept
are the field sets that audit records may have something for, without the parts about files, certificates and places.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).parent / "data" / "ecs.txt"
SETS = frozenset(
    {
        "@timestamp", "agent", "client", "cloud", "container", "destination", "device", "dns", "ecs", "entity", "error",
        "event", "faas", "file", "gen_ai", "group", "host", "http", "labels", "log", "message", "network",
        "orchestrator", "organization", "process", "related", "rule", "server", "service", "source", "span", "tags",
        "threat", "trace", "transaction", "url", "user", "user_agent",
    }
)  # fmt: skip
LEFT_OUT = re.compile(
    r"\.(geo|as|hash|pe|elf|macho|code_signature|x509|relationships|indicator|enrichments|previous|session_leader"
    r"|entry_leader|group_leader|feed|software|nat|attributes|tty|io|entry_meta)\."
)


def table(fields: dict[str, Any], version: str) -> str:
    """One line per field: path, type, whether it is an array, and the values of a closed list."""
    rows = [f"# elastic/ecs {version}, generated/ecs/ecs_flat.yml, Apache License 2.0. Made by make_ecs_table.py."]
    for path, field in sorted(fields.items()):
        if path.split(".")[0] in SETS and not LEFT_OUT.search(path):
            closed = ",".join(value["name"] for value in field.get("allowed_values", ()))
            array = "array" if "array" in field.get("normalize", ()) else ""
            rows.append("\t".join([path, field["type"], array, closed]).rstrip("\t"))
    categories = fields["event.category"]["allowed_values"]
    rows += [f"={value['name']}\t{','.join(value['expected_event_types'])}" for value in categories]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    source, version = sys.argv[1:]
    TABLE.write_text(table(yaml.safe_load(Path(source).read_text("utf-8")), version), "utf-8")
