"""P1, P2 and P8 through many reloads under load, every third of them broken: nothing is lost, nothing comes twice, and
an exporter that does not change is not disturbed.

Real senders send over gRPC and HTTP all the time. Each reload changes something at random: processors, an exporter's
settings, a receiver and an exporter that come and go. A broken one must be refused and change nothing. At the end every
acknowledged record is at each exporter that was always there, once.
"""

from __future__ import annotations

import copy
import http.client
import random
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest

from otelsiem.gateway.receivers.grpc import EXPORT
from otelsiem.testing.http import HttpServer
from tests.crash.test_gateway_kill import EVENT, Numbers, Sender, Sink, identity
from tests.gateway_process import Gateway
from tests.program import answers, eventually, free_port

PACE = 0.01  # seconds between two requests of a sender: the load goes on, the machine is not full
SPARE = 10  # threads and descriptors that may be more at the end: pools that fill as they are used


class Stamped(dict[int, list[int]]):
    """The copies of each record, and when the first of them came."""

    def __init__(self) -> None:
        super().__init__()
        self.came: dict[int, float] = {}

    def __missing__(self, number: int) -> list[int]:
        self.came[number] = time.monotonic()
        made = self[number] = []
        return made


@dataclass
class Timed(Sink):
    """A sink that also remembers when each record came first."""

    copies: Stamped = field(default_factory=Stamped)  # fills itself, as the other does


@dataclass
class Steady(Sender):
    """Over HTTP, without a pause of more than a moment; remembers when each record was acknowledged."""

    acked: dict[int, float] = field(default_factory=dict)

    __hash__ = Sender.__hash__

    def send(self, connection: http.client.HTTPConnection) -> None:
        super().send(connection)
        self.note()
        self.stop.wait(PACE)

    def request(self) -> tuple[bytes, range]:
        body, self.last = super().request()
        return body, self.last

    def note(self) -> None:
        if self.kept is None:
            self.acked.update(dict.fromkeys(self.last, time.monotonic()))


@dataclass
class OverGrpc(Steady):
    """The same over gRPC, on one channel from the first to the last."""

    states: set[grpc.ChannelConnectivity] = field(default_factory=set)

    __hash__ = Sender.__hash__

    def run(self) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            export = channel.unary_unary(EXPORT, None, None)
            grpc.channel_ready_future(channel).result(timeout=20)
            channel.subscribe(self.states.add)
            while not self.stop.wait(PACE):
                body, numbers = self.kept or self.request()
                if self.kept is not None:
                    self.resent.update(numbers)
                self.kept = (body, numbers)
                try:
                    export(body, timeout=20)
                except grpc.RpcError as error:
                    assert error.code() is grpc.StatusCode.UNAVAILABLE, error  # noqa: PT017 - any other loses data
                    continue
                self.acknowledged.update(numbers)
                self.kept = None
                self.note()


class Campaign:
    """A gateway, what its configuration may become, and how it may be broken."""

    def __init__(self, directory: Path, draw: random.Random, ports: dict[str, int], taken: int) -> None:
        self.draw, self.taken = draw, taken
        self.guest_port = free_port()
        hec = {"token": "campaign", "sending_queue": {"num_consumers": 1, "batch": {"flush_timeout": "50ms"}}}
        self.to = {name: {"endpoint": f"http://127.0.0.1:{port}", **hec} for name, port in ports.items()}
        exporters = {
            "splunk_hec/steady": self.to["steady"],
            "splunk_hec/changing": self.to["changing"],
            "file": {"path": str(directory / "events.jsonl")},
        }
        self.gateway = Gateway(directory, exporters, {"constitution": {"hash": "round-0"}})
        self.good = copy.deepcopy(self.gateway.config)
        self.first = copy.deepcopy(self.gateway.config)

    def change(self, number: int) -> None:
        """Another good configuration."""
        config, draw = self.good, self.draw
        pipeline = config["service"]["pipelines"]["logs"]
        what = draw.choice(["processors", "exporter", "guest", "receiver", "everything", "nothing"])
        if what in {"processors", "everything"}:
            config["processors"]["constitution"]["hash"] = f"round-{number}"
        if what in {"exporter", "everything"}:
            config["exporters"]["splunk_hec/changing"] = {**self.to["changing"], "source": f"round-{number}"}
        if what in {"guest", "everything"}:
            _toggle(config["exporters"], "splunk_hec/guest", self.to["guest"])
            _toggle_in(pipeline["exporters"], "splunk_hec/guest")
        if what in {"receiver", "everything"}:
            guest = {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.guest_port}"}}}
            _toggle(config["receivers"], "otlp/guest", guest)
            _toggle_in(pipeline["receivers"], "otlp/guest")

    def broken(self) -> Any:
        """A configuration that must be refused: as text or by what it asks for."""
        config = copy.deepcopy(self.good)
        config["exporters"]["splunk_hec/changing"] = {**self.to["changing"], "source": "broken"}
        how = self.draw.choice(["key", "reference", "port", "journal", "environment"])
        if how == "key":
            config["exporters"]["splunk_hec/steady"] = {**self.to["steady"], "tokn": "x"}
        elif how == "reference":
            config["service"]["pipelines"]["logs"]["exporters"].append("splunk_hec/nobody")
        elif how == "port":
            config["receivers"]["otlp/taken"] = {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.taken}"}}}
            config["service"]["pipelines"]["logs"]["receivers"].append("otlp/taken")
        elif how == "journal":
            config["service"]["journal"]["directory"] += "-elsewhere"
        else:
            config["exporters"]["splunk_hec/steady"] = {**self.to["steady"], "token": "${env:NOBODY_SET_THIS}"}
        return config

    def reload(self, config: Any) -> bool:
        self.gateway.config = config
        self.gateway.write()
        return self.gateway.reload()

    def held(self) -> tuple[int, int]:
        """Threads and descriptors of the gateway."""
        process = Path(f"/proc/{self.gateway.process.pid}")
        return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))


def _toggle(section: dict[str, Any], key: str, value: Any) -> None:
    if section.pop(key, None) is None:
        section[key] = value


def _toggle_in(ids: list[str], id_: str) -> None:
    if id_ in ids:
        ids.remove(id_)
    else:
        ids.append(id_)


@contextmanager
def busy_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_p1_p2_p8_reloads_under_load_lose_nothing_and_disturb_nobody(tmp_path: Path, reloads: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}, {reloads} reloads")
    draw = random.Random(seed)
    sinks = {name: Timed() for name in ("steady", "changing", "guest")}
    with ExitStack() as stack:
        servers = {name: stack.enter_context(HttpServer(sink.take, keep=False)) for name, sink in sinks.items()}
        taken = stack.enter_context(busy_port())
        campaign = Campaign(tmp_path, draw, {name: server.port for name, server in servers.items()}, taken)
        gateway = stack.enter_context(campaign.gateway)
        numbers = Numbers()
        kinds: list[tuple[type[Steady], int]] = [(Steady, gateway.http), (OverGrpc, gateway.grpc)] * 2
        senders = [kind(numbers, random.Random(draw.random()), port) for kind, port in kinds]
        for sender in senders:
            sender.start()
        eventually(lambda: all(sink.copies for name, sink in sinks.items() if name != "guest"), 20, "the load is on")
        held, took = campaign.held(), []
        for number in range(1, reloads + 1):
            began = time.monotonic()
            if number % 3 == 0:
                assert not campaign.reload(campaign.broken()), gateway.tail()
            else:
                campaign.change(number)
                assert campaign.reload(copy.deepcopy(campaign.good)), gateway.tail()
                assert answers(campaign.guest_port) == ("otlp/guest" in campaign.good["receivers"])
            took.append(time.monotonic() - began)
            assert gateway.says_ready()
            time.sleep(draw.uniform(0.0, 0.2))
        for sender in senders:
            sender.stop.set()
        for sender in senders:
            sender.join(60)
        eventually(lambda: gateway.metric("siem_queue_size") == 0, 60, "everything delivered")
        assert campaign.reload(campaign.first), gateway.tail()
        identity(gateway)
        assert servers["steady"].connections == 1, "who does not change keeps its connection"
        for name in ("siem_batches_failed_total", "siem_retry_attempts_total"):
            assert gateway.metric(name) == 0, name
        assert all(later <= sooner + SPARE for sooner, later in zip(held, campaign.held(), strict=True)), "a leak"
        assert gateway.stop() == 0
    _judge(senders, sinks, _written(tmp_path / "events.jsonl"), took)


def _written(path: Path) -> list[int]:
    found = [EVENT.search(line) for line in path.read_bytes().splitlines()]
    return [int(match[2]) for match in found if match is not None]


def _judge(senders: list[Steady], sinks: dict[str, Timed], written: list[int], took: list[float]) -> None:
    acknowledged = set[int]().union(*[sender.acknowledged for sender in senders])
    resent = set[int]().union(*[sender.resent for sender in senders])
    assert acknowledged, "the senders got no answer at all"
    arrived = {name: sink.copies.keys() for name, sink in sinks.items()} | {"file": set(written)}
    for name in ("steady", "changing", "file"):
        missing = acknowledged - arrived[name]
        assert not missing, f"{name}: {len(missing)} of {len(acknowledged)} acknowledged records are missing"
    for name, sink in sinks.items():
        twice = [n for n, came in sink.copies.items() if len(came) > 1 and n not in resent]
        assert not twice, f"{name}: {len(twice)} records came twice"
    assert len(written) - len(set(written)) <= len(resent)
    for sender in senders:
        if isinstance(sender, OverGrpc):
            assert sender.states <= {grpc.ChannelConnectivity.READY}, "an equal listener keeps its connections"
    acked = {n: at for sender in senders for n, at in sender.acked.items()}
    lags = sorted(sinks["steady"].copies.came[n] - at for n, at in acked.items())
    arrivals = sorted(set(sinks["steady"].copies.came.values()))
    gap = max(later - sooner for sooner, later in pairwise(arrivals))
    middle, high, most = lags[len(lags) // 2], lags[len(lags) * 99 // 100], lags[-1]
    print(
        f"{len(acknowledged)} acknowledged, 0 missing, 0 twice, {len(resent)} sent again by their sender;"
        f" {len(sinks['guest'].copies)} at the guest; reloads took {statistics.median(took):.2f} s, at most"
        f" {max(took):.2f} s; steady exporter: lag {middle:.3f} s, p99 {high:.3f} s, at most {most:.3f} s,"
        f" longest gap between arrivals {gap:.3f} s"
    )
