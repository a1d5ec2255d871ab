"""Receivers, pipelines and exporters that come and go, at a reload and at a start: nobody leaves records behind."""

from __future__ import annotations

import json
import signal
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelsiem.cli.exits import Exit
from otelsiem.testing.hec import FakeHec, Poison
from tests.gateway.reloading import Again, command, errors, hec, set_exporters, status
from tests.gateway.test_sick_destination import arrived, balance, names, send, settled
from tests.gateway_process import Gateway
from tests.program import answers, eventually, free_port


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


@pytest.fixture
def second() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


# --- coming and going --------------------------------------------------------------------------------------------


def test_receivers_pipelines_and_exporters_come_and_go(tmp_path: Path, splunk: FakeHec, second: FakeHec) -> None:
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk)}) as running:
        send(running, names("one", 5))
        splunk.wait_for(5)
        port, pipelines = free_port(), running.config["service"]["pipelines"]
        running.config["receivers"]["otlp/eu"] = {"protocols": {"http": {"endpoint": f"127.0.0.1:{port}"}}}
        running.config["exporters"]["splunk_hec/eu"] = hec(second)
        pipelines["logs/eu"] = {"receivers": ["otlp/eu"], "exporters": ["splunk_hec/eu"]}
        running.write()
        assert running.reload()
        ours, running.http = running.http, port
        send(running, names("eu", 5))
        second.wait_for(5)
        running.http = ours
        settled(running)
        del running.config["receivers"]["otlp/eu"], running.config["exporters"]["splunk_hec/eu"], pipelines["logs/eu"]
        running.write()
        assert running.reload()
        assert not answers(port)
        assert [one["exporter"] for one in status(running)["exporters"]] == ["splunk_hec/soc"]
        assert running.metric("siem_health_status", exporter="splunk_hec/eu") == 0, "its gauges are gone"
        send(running, names("two", 5))
        splunk.wait_for(10)
        assert len(second.events) == 5
        log = running.log.read_text()
        assert "opened otlp/eu; started splunk_hec/eu; kept otlp, splunk_hec/soc" in log
        assert "closed otlp/eu; removed splunk_hec/eu; kept otlp, splunk_hec/soc" in log


def test_an_address_moves_from_one_receiver_to_another(tmp_path: Path, splunk: FakeHec) -> None:
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk)}) as running:
        receivers = running.config["receivers"]
        receivers["otlp/renamed"] = receivers.pop("otlp")
        running.config["service"]["pipelines"]["logs"]["receivers"] = ["otlp/renamed"]
        running.write()
        assert running.reload(), running.tail()
        send(running, names("x", 3))
        splunk.wait_for(3)
        assert running.metric("siem_events_accepted_total", receiver="otlp/renamed") == 3


def test_p2_an_exporter_with_records_pending_is_not_removed(tmp_path: Path, splunk: FakeHec, second: FakeHec) -> None:
    second.down()
    exporters = {"splunk_hec/soc": hec(splunk), "splunk_hec/old": hec(second)}
    with Gateway(tmp_path, exporters) as running:
        send(running, names("kept", 7))
        eventually(lambda: running.metric("siem_health_status", exporter="splunk_hec/old") == 0, 10, "it fails")
        set_exporters(running, {"splunk_hec/soc": hec(splunk, source="changed")})
        assert not running.reload()
        assert json.loads(errors(running)[-2]) == (
            "service.pipelines.logs.exporters: splunk_hec/old is gone, with 7 records that wait for it (put it back"
            " until they are delivered; or write `resume: splunk_hec/old` on the exporter that shall deliver them; or"
            " give them up at a start with: otelsiem run --forget splunk_hec/old)"
        )
        send(running, ["another"])
        splunk.wait_for(8)
        assert {event.source for event in splunk.events} == {"otelsiem:login"}, "nothing of the reload was done"
        assert running.metric("siem_queue_size", exporter="splunk_hec/old") == 8
        second.up()
        settled(running)
        assert running.reload(), "with nothing pending it goes"
        assert running.metric("siem_queue_size", exporter="splunk_hec/old") == 0
        send(running, ["later"])
        splunk.wait_for(9)
        assert len(second.events) == 8
        settled(running)
        balance(running)


def test_p2_a_renamed_exporter_takes_over_what_is_pending(tmp_path: Path, splunk: FakeHec, second: FakeHec) -> None:
    second.down()
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk), "splunk_hec/old": hec(second)}) as running:
        send(running, names("kept", 7))
        splunk.wait_for(7)
        set_exporters(running, {"splunk_hec/soc": hec(splunk), "splunk_hec/new": hec(second, resume="splunk_hec/old")})
        assert running.reload()
        assert running.metric("siem_queue_size", exporter="splunk_hec/new") == 7
        second.up()
        settled(running)
        assert running.reload(), "the key may stay where it is"
        settled(running)
        balance(running)
        assert [one["exporter"] for one in status(running)["exporters"]] == ["splunk_hec/soc", "splunk_hec/new"]
    assert arrived(second) == dict.fromkeys(names("kept", 7), 1)


def test_p2_an_exporter_is_removed_under_load_and_leaves_nothing(
    tmp_path: Path, splunk: FakeHec, second: FakeHec
) -> None:
    """What was taken under the old configuration is delivered by it; what comes after is not its own."""
    second.latency = 0.1
    both = {"splunk_hec/soc": hec(splunk), "splunk_hec/old": hec(second)}
    with Gateway(tmp_path, both, {"constitution": {"hash": "old-rules"}}) as running:
        running.config["processors"]["constitution"]["hash"] = "new-rules"
        set_exporters(running, {"splunk_hec/soc": hec(splunk)})
        sent = 50
        for name in names("r", sent):
            send(running, [name])
        running.process.send_signal(signal.SIGHUP)
        while running.metric("siem_config_reloads_total") == 0:
            for _ in range(10):
                send(running, [f"r-{sent}"])
                sent += 1
        send(running, ["last"])
        assert running.metric("siem_config_last_reload_success") == 1, running.tail()
        splunk.wait_for(sent + 1)
        settled(running)
        balance(running)
    assert arrived(splunk) == dict.fromkeys([*names("r", sent), "last"], 1)
    under_old_rules = [event for event in splunk.events if "old-rules" in str(event)]
    assert 0 < len(under_old_rules) < sent
    assert arrived(second) == {event.event["metadata"]["name"]: 1 for event in under_old_rules}


def test_p2_dead_letters_outlive_their_exporter(tmp_path: Path, splunk: FakeHec, second: FakeHec) -> None:
    second.poison = lambda _: Poison(400, 6, True)
    both = {"splunk_hec/soc": hec(splunk), "splunk_hec/old": hec(second)}
    with Gateway(tmp_path, both) as running:
        send(running, ["dead"])
        eventually(lambda: running.metric("siem_dead_letters") == 1, 10, "it is dead")
        set_exporters(running, {"splunk_hec/soc": hec(splunk)})
        assert running.reload()
        assert "splunk_hec/old" in command(running, "dead-letters", "list").stdout
        replay = ("dead-letters", "replay", "--exporter", "splunk_hec/old", "--all")
        refused = command(running, *replay)
        assert refused.returncode == Exit.FAILURE
        assert "put it back into the configuration, then replay" in refused.stderr
        second.poison = None
        set_exporters(running, both)
        assert running.reload()
        assert command(running, *replay).returncode == Exit.OK
        second.wait_for(1)
        settled(running)
        balance(running)


def test_the_limits_of_the_journal_change_at_once(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.down()
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk)}, journal={"history": {"age": "1h"}}) as running:
        running.config["service"]["journal"] |= {"max_size_mib": 64, "history": {"age": "0s"}}
        running.write()
        assert running.reload()
        chunk = ["".join(f"{(n * 7919 + m) % 1000003:06d}" for m in range(20_000)) for n in range(40)]
        with pytest.raises(urllib.error.HTTPError, match="503"):
            fill(running, chunk)


def fill(running: Gateway, chunk: list[str]) -> None:
    """More than 64 MiB."""
    for round_ in range(200):
        send(running, [f"{round_}-{text}" for text in chunk])


# --- at a start --------------------------------------------------------------------------------------------------


def left_behind(directory: Path, splunk: FakeHec, second: FakeHec) -> Gateway:
    """A gateway that has stopped, and whose file names splunk_hec/old no more."""
    second.down()
    with Gateway(directory, {"splunk_hec/soc": hec(splunk), "splunk_hec/old": hec(second)}) as running:
        send(running, names("kept", 7))
        splunk.wait_for(7)
    set_exporters(running, {"splunk_hec/soc": hec(splunk)})
    second.up()
    return running


def test_p2_a_start_without_an_exporter_that_has_records_pending_is_refused(
    tmp_path: Path, splunk: FakeHec, second: FakeHec
) -> None:
    stopped = left_behind(tmp_path, splunk, second)
    refused = command(stopped, "run")
    assert refused.returncode == Exit.CONFIG
    assert "splunk_hec/old is gone, with 7 records that wait for it" in refused.stderr
    assert "nothing was started" in refused.stderr
    set_exporters(stopped, {"splunk_hec/soc": hec(splunk), "splunk_hec/new": hec(second, resume="splunk_hec/old")})
    with Again(stopped) as again:
        settled(again)
        balance(again)
    assert arrived(second) == dict.fromkeys(names("kept", 7), 1)


def test_p2_a_person_may_give_up_what_is_pending(tmp_path: Path, splunk: FakeHec, second: FakeHec) -> None:
    stopped = left_behind(tmp_path, splunk, second)
    for _ in range(2):  # a unit file keeps the option
        with Again(stopped, "--forget", "splunk_hec/old") as again:
            assert [one["exporter"] for one in status(again)["exporters"]] == ["splunk_hec/soc"]
            settled(again)
            balance(again)
    log = stopped.log.read_text()
    assert log.count("purged=7") == 1
    assert "nothing to forget" in log
    assert not second.events
