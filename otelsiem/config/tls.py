"""The files that an exporter's `tls` names, tried once before anything starts.

A certificate that cannot be read is the operator's to mend, and the moment to say so is when the file is written. Once
the gateway runs, the same fault holds delivery and costs no data.
"""

from __future__ import annotations

from collections.abc import Sequence

from otelsiem.config.report import Report
from otelsiem.config.tree import Node, find
from otelsiem.model.destination import Destination, GrpcSettings, HttpSettings, KafkaSettings, SocketSettings
from otelsiem.transport.call import WireError
from otelsiem.transport.tls import client_context


def check(destination: Destination, node: Node, steps: Sequence[str], report: Report) -> None:
    """Problems of the files. `node` is the exporter's block, `steps` lead to it."""
    wire = destination.wire
    tls = wire.tls if isinstance(wire, HttpSettings | GrpcSettings | SocketSettings | KafkaSettings) else None
    if tls is None or not (tls.ca_file or tls.cert_file):
        return
    try:
        client_context(tls)
    except WireError as why:
        named = next((key for key in ("ca_file", "cert_file", "key_file") if f"the {key} " in str(why)), "")
        _, taken, place = find(node, ["tls", named])
        report.problem(place, [*steps, *taken], str(why), "a relative path is relative to the working directory")
