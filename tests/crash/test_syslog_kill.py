"""A gateway that is killed with messages on the wire: what was not known to have arrived goes again, by its own id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from otelsiem.testing.syslog import Act, Serve, SyslogServer
from otelsiem.testing.syslog_stream import SyslogNg
from tests.gateway_process import Gateway
from tests.peers.senders import SENDERS
from tests.program import eventually

COUNT = 300
PYTHON = next(sender for sender in SENDERS if (sender.language, sender.transport) == ("python", "http"))


def exporter(server: SyslogServer, after: str) -> dict[str, Any]:
    return {
        "endpoint": "127.0.0.1", "port": server.port, "tls": {"insecure": True},
        "confirm": {"after": after, "timeout": "10m"}, "sending_queue": {"batch": {"max_size": 50}},
    }  # fmt: skip


@pytest.mark.parametrize("act", [Serve(), Serve(70)], ids=["all arrived", "some arrived"])
def test_p2_what_was_not_confirmed_goes_again_after_a_kill(tmp_path: Path, act: Act) -> None:
    with SyslogServer(SyslogNg, acts=[act, Serve()]) as server:
        with Gateway(tmp_path / "gateway", {"syslog": exporter(server, "5m")}) as gateway:
            PYTHON.send(gateway.http, COUNT, tmp_path / "sender.log")
            server.wait_for(lambda: len(server.messages) >= 50, "some have arrived")
            assert gateway.metric("siem_events_sent_total", exporter="syslog") == 0
            gateway.kill()
        first = set(server.ids())
        with Gateway(tmp_path / "gateway", {"syslog": exporter(server, "300ms")}) as gateway:
            gateway.delivered("syslog", COUNT)
            gateway.adds_up("syslog")
        ids = server.ids()
        eventually(lambda: len(set(server.ids())) == COUNT, 20, "all are there")
        assert first <= set(ids)
        assert len(ids) > COUNT, "what had arrived came twice, which its id tells"
        assert not server.refused
