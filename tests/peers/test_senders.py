"""Every SDK's records, over both transports, reach the destination as they were sent, and are counted.

The same records are sent to the Collector first: what fails there is the sender's doing and not ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.gateway_process import Gateway
from tests.peers.artefacts import Artefact
from tests.peers.collector import Judge
from tests.peers.normalised import of_event
from tests.peers.scenario import expected, number
from tests.peers.seen import Seen
from tests.peers.senders import SENDERS, Sender

pytestmark = pytest.mark.peer

COUNT = 50
each_sender = pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender.service)


def compare(found: list[Seen], sender: Sender) -> None:
    """Field by field, types included; SDKs may add to the resource, never to the rest."""
    found = sorted(found, key=number)
    assert [number(record) for record in found] == list(range(COUNT))
    for n, record in enumerate(found):
        wanted = expected(sender.service, n, big=sender.big)
        ours = {key: record.resource.get(key) for key in wanted.resource}
        assert replace(record, resource=ours) == wanted
        assert repr_types(record.attributes) == repr_types(wanted.attributes)


def repr_types(value: object) -> object:
    """The types of a nested value: 7 == 7.0 == True in Python, not in OTLP."""
    match value:
        case dict():
            return {key: repr_types(item) for key, item in value.items()}
        case list():
            return [repr_types(item) for item in value]
        case _:
            return type(value).__name__


@each_sender
def test_sender_says_what_the_scenario_says(
    sender: Sender, judge: Judge, needs: Callable[[Artefact], None], tmp_path: Path
) -> None:
    if sender.artefact:
        needs(sender.artefact)
    sender.send(judge.grpc if sender.transport == "grpc" else judge.http, COUNT, tmp_path / "sender.log")
    compare(judge.over_otlp(COUNT), sender)


@each_sender
def test_p2_what_a_sender_sends_arrives_unchanged_and_is_counted(
    sender: Sender, needs: Callable[[Artefact], None], tmp_path: Path
) -> None:
    if sender.artefact:
        needs(sender.artefact)
    output = tmp_path / "audit.jsonl"
    with Gateway(tmp_path / "gateway", {"file": {"path": str(output)}}) as gateway:
        sender.send(gateway.grpc if sender.transport == "grpc" else gateway.http, COUNT, tmp_path / "sender.log")
        gateway.delivered("file", COUNT)
        assert gateway.metric("siem_events_accepted_total") == COUNT
        gateway.adds_up("file")
    compare([of_event(json.loads(line)) for line in output.read_bytes().splitlines()], sender)
