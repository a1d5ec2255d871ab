"""Delivery receipts of a real gateway process, asked for with our client over a socket: submitted, killed with -9,
asked again, and told the truth about every record at every exporter.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from otelsiem.model.record import Group, Record, Scope
from otelsiem.receipts import Client, Fate, GatewayError, Kind, Receipt
from otelsiem.testing.hec import FakeHec, Poison
from tests.gateway.locked import BILLING, WEB
from tests.gateway.locked_gateway import LockedGateway
from tests.gateway_process import Gateway
from tests.program import Program, eventually
from tests.transport.authority import Authority

BRISK = {
    "retry_on_failure": {"initial_interval": "20ms", "max_interval": "100ms"},
    "sending_queue": {"batch": {"flush_timeout": "20ms"}},
}


def records(*names: str, severity: int = 9) -> list[Group]:
    made = [Record(time=1_767_225_600_000_000_000 + n, event=name, severity=severity) for n, name in enumerate(names)]
    return [Group({"service.name": "shop"}, Scope(), made)]


def client(gateway: Gateway, **more: Any) -> Client:
    return Client(f"http://127.0.0.1:{gateway.grpc}", **more)


def again(gateway: Gateway, tmp_path: Path) -> None:
    """The same gateway in a new process, as a supervisor would start it."""
    gateway.process = Program(gateway.argv, tmp_path / "again.log").ready(gateway.says_ready).process


def told(fates: Sequence[Fate]) -> list[tuple[str, int, int, str]]:
    return [(fate.exporter, fate.first, fate.count, fate.kind.value) for fate in fates]


@pytest.fixture(scope="module")
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, splunk: FakeHec) -> Iterator[Gateway]:
    hec = {"endpoint": splunk.url, "token": splunk.token, **BRISK}
    errors = {"path": str(tmp_path_factory.mktemp("out") / "errors.jsonl"), "match": {"min_severity": "error"}}
    with Gateway(tmp_path_factory.mktemp("gateway"), {"splunk_hec/soc": hec, "file/errors": errors}) as running:
        yield running


def test_p2_receipts_answer_across_kill_9(gateway: Gateway, splunk: FakeHec, tmp_path: Path) -> None:
    """The destination is away: pending. The gateway is killed: still. The destination comes: delivered; and filtered
    where a rule left records out, also after another kill."""
    splunk.down()
    with client(gateway) as asked:
        [receipt] = asked.submit([*records("login", "logout"), *records("burglary", severity=21)])
        assert (receipt.pipeline, receipt.count, len(set(receipt.ids))) == ("logs", 3, 3)
        first = receipt.first
        errors = [("file/errors", first, 2, "filtered"), ("file/errors", first + 2, 1, "delivered")]
        soc = ("splunk_hec/soc", first, 3)
        eventually(lambda: told(asked.fates([receipt])) == [*errors, (*soc, "pending")], 20, "filtered, and pending")
        eventually(lambda: "connect" in asked.fates([receipt])[-1].reason, 20, "what it waits for is told")
        kept = bytes(receipt)

        gateway.kill()
        with pytest.raises(GatewayError, match="not answered") as away, client(gateway, timeout=0.3) as hasty:
            hasty.fates([receipt])
        assert away.value.again
        again(gateway, tmp_path)
        receipt = Receipt.of(kept)
        assert told(asked.fates([receipt])) == [*errors, (*soc, "pending")], "the same after kill -9"

        splunk.up()
        assert told(asked.wait([receipt], 30)) == [*errors, (*soc, "delivered")]
        splunk.wait_for(3)
        assert {event.event["event_id"] for event in splunk.events} == set(receipt.ids), "the ids of the receipt"

        gateway.kill()
        again(gateway, tmp_path)
        fates = asked.fates([receipt])
        assert told(fates) == [*errors, (*soc, "delivered")], "no entry is left, and it is still known"
        assert fates[0].reason == "left out by match.min_severity"
        assert fates[1].ids == receipt.ids[2:]


def test_p2_a_dead_letter_says_why_and_what_a_person_did_with_it(gateway: Gateway, splunk: FakeHec) -> None:
    splunk.poison = lambda envelope: Poison(400) if "sick" in json.dumps(envelope) else None
    with client(gateway) as asked:
        [receipt] = asked.submit(records("well", "sick_1", "sick_2"))
        fates = [fate for fate in asked.wait([receipt]) if fate.exporter == "splunk_hec/soc"]
        first = receipt.first
        died = [fate for fate in fates if fate.kind is Kind.DEAD]
        dead = [(n, fate) for fate in died for n in range(fate.first, fate.first + fate.count)]
        assert (fates[0].first, fates[0].count, fates[0].kind) == (first, 1, Kind.DELIVERED)
        assert [number for number, _ in dead] == [first + 1, first + 2]
        assert all("400" in fate.reason and fate.attempts for _, fate in dead)
        splunk.poison = None
        command = [sys.executable, "-m", "otelsiem", "dead-letters"]
        where = ["--exporter", "splunk_hec/soc", "--config", str(gateway.path)]
        subprocess.run([*command, "replay", "--position", str(first + 1), *where], check=True, timeout=30)
        subprocess.run([*command, "purge", "--yes", "--position", str(first + 2), *where], check=True, timeout=30)
        kinds = [fate.kind for fate in asked.wait([receipt]) if fate.exporter == "splunk_hec/soc"]
        assert kinds == [Kind.DELIVERED, Kind.PURGED]


def test_a_receipt_that_was_never_given_tells_nothing(gateway: Gateway) -> None:
    with client(gateway) as asked:
        [receipt] = asked.submit(records("login"))
        invented = [
            Receipt("logs", receipt.first, 1),
            Receipt("logs", receipt.first, 2, (), receipt.proof),
            Receipt("logs", receipt.first + 1, 1, (), receipt.proof),
            Receipt("other", receipt.first, 1, (), receipt.proof),
            Receipt("", (1 << 64) - 1, (1 << 32) - 1, (), b"x" * 1000),
        ]
        fates = asked.fates([*invented, receipt])
        assert [(fate.exporter, fate.kind) for fate in fates[:5]] == [("", Kind.UNKNOWN)] * 5
        assert {fate.reason for fate in fates[:5]} == {fates[0].reason}, "no two of them can be told apart"
        assert {fate.exporter for fate in fates[5:]} == {"file/errors", "splunk_hec/soc"}


def test_the_same_bytes_again_are_the_same_ids(gateway: Gateway) -> None:
    with client(gateway) as asked:
        [one], [two] = asked.submit(records("resent")), asked.submit(records("resent"))
    assert one.ids == two.ids
    assert one.first != two.first


async def test_a_coroutine_asks_too(gateway: Gateway) -> None:
    with client(gateway) as asked:
        [receipt] = await asyncio.to_thread(asked.submit, records("from_a_loop"))
        assert len(await asyncio.to_thread(asked.wait, [receipt])) == 2


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.certificate("server", "IP:127.0.0.1,DNS:localhost")
    return made


def test_another_tenant_is_told_nothing(authority: Authority, tmp_path: Path) -> None:
    with LockedGateway(tmp_path, authority) as running:
        url, ca_file = f"https://127.0.0.1:{running.grpc}", str(authority.file)
        with (
            Client(url, token=BILLING, ca_file=ca_file) as billing,
            Client(url, token=WEB, ca_file=ca_file) as web,
            Client(url, token="a-stranger-0123456", ca_file=ca_file) as stranger,
            Client(url, token=BILLING, timeout=2) as wary,
        ):
            [receipt] = billing.submit(records("login"))
            [fate] = billing.wait([receipt])
            assert (fate.exporter, fate.kind) == ("file", Kind.DELIVERED)
            [its] = web.submit(records("login"))
            for other in (web.fates([receipt]), billing.fates([its])):
                assert [(fate.exporter, fate.kind) for fate in other] == [("", Kind.UNKNOWN)]
            assert [fate.kind for fate in web.wait([its])] == [Kind.DELIVERED]
            with pytest.raises(GatewayError, match="not answered: this token is not known here"):
                stranger.fates([receipt])
            with pytest.raises(GatewayError, match="not taken: this token is not known here"):
                stranger.submit(records("login"))
            with pytest.raises(GatewayError, match="certificate"):
                wary.fates([receipt])
        assert [line["event_id"] for line in running.written()] == [*receipt.ids, *its.ids]
