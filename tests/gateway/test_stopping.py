"""SIGTERM: intake ends, what can be delivered is delivered, the rest stays in the journal, and nothing comes twice."""

from __future__ import annotations

import time
from pathlib import Path

from otelsiem.testing.hec import FakeHec
from tests.gateway.test_sick_destination import BRISK, arrived, balance, gateway, names, send, settled
from tests.gateway_process import Gateway


def test_what_can_be_delivered_is_delivered_before_the_end(tmp_path: Path) -> None:
    with FakeHec() as splunk:
        splunk.latency = 0.1
        running = gateway(tmp_path, splunk, sending_queue={"num_consumers": 1, "batch": {"max_size": 50}})
        for n in range(10):
            send(running, names(f"r{n}", 50))
        assert running.stop() == 0
        assert len(splunk.events) == 500
        assert "not drained" not in running.log.read_text()


def test_p1_what_cannot_be_delivered_stays_and_comes_once_after_the_restart(tmp_path: Path) -> None:
    with FakeHec() as splunk:
        splunk.down()
        running = gateway(tmp_path, splunk)
        send(running, names("kept", 300))
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 8, "a dead destination does not use up the whole drain time"
        assert "pending=300" in running.log.read_text()
        splunk.up()
        with gateway(tmp_path, splunk) as again:
            settled(again)
            balance(again)
        assert arrived(splunk) == dict.fromkeys(names("kept", 300), 1)


def test_a_clean_restart_duplicates_nothing(tmp_path: Path) -> None:
    """Settles that ride the next commit must not be lost by a clean end."""
    with FakeHec() as splunk:
        for n in range(3):
            running = gateway(tmp_path, splunk)
            send(running, names(f"round{n}", 100))
            splunk.wait_for(100 * (n + 1))
            assert running.stop() == 0
        with gateway(tmp_path, splunk) as last:
            settled(last)
        assert set(arrived(splunk).values()) == {1}


def test_the_same_journal_serves_a_changed_configuration(tmp_path: Path) -> None:
    """A new exporter starts at the end; one with `start_at: beginning` gets what the journal still holds."""
    with FakeHec() as splunk, FakeHec() as second:
        splunk.down()
        first = {"endpoint": splunk.url, "token": splunk.token, **BRISK}
        running = Gateway(tmp_path, {"splunk_hec/a": first})
        send(running, names("old", 20))
        running.stop()
        other = {"endpoint": second.url, "token": second.token, **BRISK, "start_at": "beginning"}
        with Gateway(tmp_path, {"splunk_hec/a": first, "splunk_hec/b": other}) as running:
            second.wait_for(20)
            splunk.up()
            splunk.wait_for(20)
        assert arrived(second) == arrived(splunk) == dict.fromkeys(names("old", 20), 1)
