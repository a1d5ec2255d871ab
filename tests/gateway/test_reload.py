"""SIGHUP on a running gateway: what is wrong changes nothing, what is equal is not touched, and one runs at a time."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import grpc
import pytest

from otelsiem.gateway.receivers.grpc import EXPORT
from otelsiem.testing.hec import FakeHec, Token
from otelsiem.testing.http import Hang
from tests.gateway.reloading import body, errors, hec, set_exporters, status, validated
from tests.gateway.test_sick_destination import BRISK, arrived, balance, names, send, settled
from tests.gateway_process import Gateway
from tests.program import answers, eventually, free_port

PROTOBUF = {"Content-Type": "application/x-protobuf"}
ONE = {**BRISK, "sending_queue": {"num_consumers": 1, "batch": {"flush_timeout": "20ms"}}}


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


@pytest.fixture
def second() -> Iterator[FakeHec]:
    with FakeHec() as fake:
        yield fake


# --- P8: a bad one replaces nothing ------------------------------------------------------------------------------


def test_p8_a_bad_file_changes_nothing_and_is_told_in_the_words_of_validate(tmp_path: Path, splunk: FakeHec) -> None:
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk)}) as running:
        good = running.path.read_text()
        running.path.write_text(
            good.replace("token:", "tokn:").replace("initial_interval: 20ms", "initial_interval: 20")
        )
        told = validated(running)
        assert len(told) > 2
        assert not running.reload()
        assert running.says_ready()
        said = errors(running)
        assert [json.loads(line) for line in said[:-1]] == told
        assert "the running configuration goes on" in said[-1]
        assert status(running)["reload"] | {"at": ""} == {"at": "", "ok": False, "problems": told}
        assert running.metric("siem_config_reloads_total", result="refused") == 1
        send(running, names("still", 5))
        splunk.wait_for(5)
        running.path.write_text(good)
        assert running.reload()
        assert status(running)["reload"]["ok"]
        assert abs(running.metric("siem_config_last_reload_timestamp_seconds") - time.time()) < 3600
        settled(running)
        balance(running)


def test_p8_a_port_that_is_taken_leaves_nothing_behind(tmp_path: Path, splunk: FakeHec, second: FakeHec) -> None:
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk)}) as running, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        free = free_port()
        receivers = running.config["receivers"]
        receivers["otlp/free"] = {"protocols": {"http": {"endpoint": f"127.0.0.1:{free}"}}}
        receivers["otlp/taken"] = {"protocols": {"http": {"endpoint": f"127.0.0.1:{other.getsockname()[1]}"}}}
        running.config["service"]["pipelines"]["logs"]["receivers"] = list(receivers)
        set_exporters(running, {"splunk_hec/soc": hec(splunk), "splunk_hec/new": hec(second)})
        assert not running.reload()
        assert "in use by another process" in errors(running)[0]
        assert not answers(free), "what was opened is closed again"
        assert [one["exporter"] for one in status(running)["exporters"]] == ["splunk_hec/soc"]
        send(running, names("x", 3))
        splunk.wait_for(3)
        assert not second.events
        other.close()
        assert running.reload()
        assert answers(free)


def test_p8_the_old_listener_comes_back_when_the_new_one_cannot_have_its_address(
    tmp_path: Path, splunk: FakeHec
) -> None:
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk)}) as running, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        http_end = running.config["receivers"]["otlp"]["protocols"]["http"]
        http_end["endpoint"] = (
            f"127.0.0.1:{other.getsockname()[1]}"  # gRPC stays where it is: the old one must go first
        )
        running.write()
        assert not running.reload()
        assert running.says_ready()
        assert answers(running.grpc)
        send(running, names("x", 3))
        splunk.wait_for(3)


def test_p8_what_needs_a_restart_is_refused_with_that_sentence(tmp_path: Path, splunk: FakeHec) -> None:
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk)}) as running:
        running.config["service"]["journal"]["directory"] = str(tmp_path / "elsewhere")
        running.config["service"]["admin"]["endpoint"] = f"127.0.0.1:{free_port()}"
        set_exporters(running, {"splunk_hec/soc": hec(splunk), "file": {"path": str(tmp_path / "events.jsonl")}})
        assert not running.reload()
        assert [json.loads(line) for line in errors(running)[:-1]] == [
            "service.journal.directory: cannot change while the gateway runs: restart it",
            "service.admin.endpoint: cannot change while the gateway runs: restart it",
        ]
        send(running, names("x", 3))
        splunk.wait_for(3)
        assert not (tmp_path / "elsewhere").exists()
        assert not (tmp_path / "events.jsonl").exists(), "nothing is half applied"


# --- what is equal is not touched --------------------------------------------------------------------------------


def test_equal_exporters_and_listeners_are_not_touched(tmp_path: Path, splunk: FakeHec, second: FakeHec) -> None:
    """The connection of a sender, a request in flight and the connection to a destination outlive ten reloads."""
    exporters = {"splunk_hec/soc": hec(splunk, **ONE), "splunk_hec/b": hec(second)}
    with Gateway(tmp_path, exporters, {"severity": {}}) as running:
        channel = grpc.insecure_channel(f"127.0.0.1:{running.grpc}")
        states: list[grpc.ChannelConnectivity] = []
        export = channel.unary_unary(EXPORT, None, None)
        export(body("grpc-0"), timeout=10)
        channel.subscribe(states.append)
        slow = http.client.HTTPConnection("127.0.0.1", running.http, timeout=20)
        request = body("in-flight")
        slow.putrequest("POST", "/v1/logs")
        slow.putheader("Content-Type", PROTOBUF["Content-Type"])
        slow.putheader("Content-Length", str(len(request)))
        slow.endheaders(request[:10])
        for n in range(1, 11):
            exporters["splunk_hec/b"]["source"] = f"round-{n}"
            running.config["service"]["pipelines"]["logs"]["processors"] = ["severity"] if n % 2 else []
            set_exporters(running, exporters)
            assert running.reload(), running.tail()
            export(body(f"grpc-{n}"), timeout=10)
            splunk.wait_for(n + 1)
        slow.send(request[10:])
        assert slow.getresponse().status == 200
        splunk.wait_for(12)
        second.wait_for(12)
        settled(running)
        assert set(states) <= {grpc.ChannelConnectivity.READY}, states
        channel.close()
        slow.close()
        assert splunk.server.connections == 1, "one courier, one connection, from the first to the last"
        assert second.server.connections > 1, "while the changed one connected anew"
        assert set(arrived(splunk).values()) == set(arrived(second).values()) == {1}
        assert running.metric("siem_retry_attempts_total") == 0
        settled(running)
        balance(running)


def test_p3_a_hold_outlives_a_reload_of_others_and_ends_with_its_own(tmp_path: Path, splunk: FakeHec) -> None:
    splunk.tokens = {"the-right-one": Token()}
    exporters = {"splunk_hec/soc": {**hec(splunk), "hold": {"probe_interval": "1h"}}}
    with Gateway(tmp_path, exporters) as running:
        send(running, names("held", 20))
        eventually(lambda: running.metric("siem_hold") == 1, 10, "it is held")
        asked = len(splunk.requests)
        set_exporters(running, {**exporters, "file": {"path": str(tmp_path / "events.jsonl")}})
        assert running.reload()
        assert running.metric("siem_hold") == 1
        assert len(splunk.requests) == asked, "who is held and equal does not try again"
        exporters["splunk_hec/soc"]["token"] = "the-right-one"
        set_exporters(running, exporters)
        assert running.reload()
        settled(running)
        assert running.metric("siem_hold") == 0
        settled(running)
        balance(running)
    assert arrived(splunk) == dict.fromkeys(names("held", 20), 1)
    assert "the-right-one" not in running.log.read_text()


def test_p5_only_the_changed_exporter_pauses(tmp_path: Path, splunk: FakeHec, second: FakeHec) -> None:
    """Its destination hangs, so that handing over takes as long as it may: everybody else goes on meanwhile."""
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk), "splunk_hec/b": hec(second)}) as running:
        second.always = Hang()
        send(running, names("before", 5))
        second.server.wait_for(1)
        set_exporters(running, {"splunk_hec/soc": hec(splunk), "splunk_hec/b": hec(second, source="new")})
        running.process.send_signal(signal.SIGHUP)
        for n in range(20):
            send(running, [f"during-{n}"])
            splunk.wait_for(6 + n)
        assert running.metric("siem_config_reloads_total") == 0, "the reload is still under way"
        second.always = None
        second.server.release()
        eventually(lambda: running.metric("siem_config_reloads_total") == 1, 60, "the reload is over")
        settled(running)
        assert {event.source for event in second.events if "during" in str(event.event)} == {"new"}
        settled(running)
        balance(running)
    sent = {*names("before", 5), *names("during", 20)}
    assert arrived(splunk) == dict.fromkeys(sent, 1)
    assert arrived(second).keys() == sent


def test_what_was_taken_is_not_changed_by_a_reload_and_match_works_at_delivery(tmp_path: Path, splunk: FakeHec) -> None:
    """Processors freeze at append; `match` and settings apply at delivery."""
    splunk.down()
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk)}, {"constitution": {"hash": "before"}}) as running:
        send(running, ["keep-1", "drop-1"])
        running.config["processors"]["constitution"]["hash"] = "after"
        set_exporters(running, {"splunk_hec/soc": hec(splunk, match={"attributes": {"name": "keep-*"}})})
        assert running.reload()
        send(running, ["keep-2", "drop-2"])
        splunk.up()
        settled(running)
        assert running.metric("siem_events_filtered_total", rule="match.attributes.name") == 2
        settled(running)
        balance(running)
    stamped = {event.event["metadata"]["name"]: str(event.fields) + str(event.event) for event in splunk.events}
    assert stamped.keys() == {"keep-1", "keep-2"}
    assert "before" in stamped["keep-1"]
    assert "after" in stamped["keep-2"]


# --- signals -----------------------------------------------------------------------------------------------------


def test_however_often_it_is_asked_one_reload_runs_at_a_time_and_the_last_word_counts(
    tmp_path: Path, splunk: FakeHec, second: FakeHec
) -> None:
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk), "splunk_hec/b": hec(second)}) as running:
        second.always = Hang()
        send(running, ["first"])
        second.server.wait_for(1)
        for n in range(5):
            set_exporters(running, {"splunk_hec/soc": hec(splunk), "splunk_hec/b": hec(second, source=f"s{n}")})
            running.process.send_signal(signal.SIGHUP)
            eventually(lambda: "reloading" in running.log.read_text(), 20, "the first one is under way, and stays so")
        second.always = None
        second.server.release()
        eventually(lambda: running.metric("siem_config_reloads_total") == 2, 60, "the first one, and one for the rest")
        send(running, ["last"])
        settled(running)
        assert {event.source for event in second.events if "last" in str(event.event)} == {"s4"}
        assert running.metric("siem_config_reloads_total") == 2


def test_sigterm_during_a_reload_and_sighup_while_it_stops_end_cleanly(
    tmp_path: Path, splunk: FakeHec, second: FakeHec
) -> None:
    with Gateway(tmp_path, {"splunk_hec/soc": hec(splunk), "splunk_hec/b": hec(second)}) as running:
        second.always = Hang()
        send(running, names("x", 5))
        second.server.wait_for(1)
        set_exporters(running, {"splunk_hec/soc": hec(splunk), "splunk_hec/b": hec(second, source="new")})
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: "reloading" in running.log.read_text(), 20, "the reload is under way")
        running.process.send_signal(signal.SIGTERM)
        eventually(lambda: not running.says_ready(), 20, "it has heard that")
        running.process.send_signal(signal.SIGHUP)
        second.always = None
        second.server.release()
        assert running.finish() == 0
        log = running.log.read_text()
        assert log.count("reloading") == log.count("reloaded: ") == 1
        assert "Traceback" not in log
    second.wait_for(5)
    assert arrived(splunk) == dict.fromkeys(names("x", 5), 1)


class Starting(Gateway):
    """One that hears SIGHUP while it starts: as soon as it can bear it."""

    def ready(self, check: Callable[[], bool], seconds: float = 30) -> Self:
        eventually(lambda: self.ended() or self.waits_for_signals(), seconds, "it has begun to start")
        self.process.send_signal(signal.SIGHUP)
        return super().ready(check, seconds)

    def waits_for_signals(self) -> bool:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        [blocked] = [line.split()[1] for line in lines if line.startswith("SigBlk")]
        return bool(int(blocked, 16) >> (signal.SIGHUP - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks the kernel of Linux")
def test_sighup_while_it_starts_is_heard_when_it_has_started(tmp_path: Path, splunk: FakeHec) -> None:
    with Starting(tmp_path, {"splunk_hec/soc": hec(splunk)}) as running:
        eventually(lambda: running.metric("siem_config_reloads_total", result="ok") == 1, 20, "it reloads")
        send(running, ["x"])
        splunk.wait_for(1)
