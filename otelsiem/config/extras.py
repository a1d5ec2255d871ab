"""Packages that an exporter needs and that are not installed here: said when the file is checked.

Without this a gateway would start, and say so only when the first record waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from otelsiem.config.model import Exporter
from otelsiem.config.report import Report
from otelsiem.config.tree import Table, find
from otelsiem.model.destination import Destination, KafkaSettings


def check(root: Table, exporters: Mapping[str, Exporter], report: Report) -> None:
    """Problems of those that are switched on."""
    for id_, exporter in exporters.items():
        steps = ("exporters", id_)
        for module, package, extra in _needed(exporter.destination):
            if not _installed(module):
                said = f"needs the package {package!r}, which is not installed"
                report.problem(find(root, steps)[2], steps, said, f"pip install 'otelsiem[{extra}]'")


def _needed(destination: Destination) -> Sequence[tuple[str, str, str]]:
    """What it imports, the package that brings it, and our extra."""
    from otelsiem.destinations.opensearch import Opensearch

    if isinstance(destination.wire, KafkaSettings):
        return [("confluent_kafka", "confluent-kafka", "kafka")]
    if isinstance(destination, Opensearch) and destination.auth is not None:
        return [("botocore", "botocore", "aws")]
    return []


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ValueError:  # there, and taken out again
        return False
