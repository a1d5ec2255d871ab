"""Real couriers and transports to strict receivers on sockets: one fate each, whatever goes wrong on the way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from otelsiem.destinations.otlp import Otlp
from otelsiem.destinations.otlp_http import OtlpHttp
from otelsiem.testing.http import Hangup, HttpServer, Reset, Respond, page
from otelsiem.testing.otlp import Rejected, Store, Taken
from otelsiem.testing.otlp_grpc import Cut, FakeOtlpGrpc, Hang, Huge, Ok, Status
from otelsiem.testing.otlp_http import FakeOtlpHttp
from tests.house import House


@contextmanager
def house(directory: Path, destination: object, couriers: int = 1) -> Iterator[House]:
    made = House(directory, cast("Any", destination), couriers)
    made.open()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def grpc() -> Iterator[FakeOtlpGrpc]:
    with FakeOtlpGrpc() as made:
        yield made


@pytest.fixture
def http() -> Iterator[FakeOtlpHttp]:
    with FakeOtlpHttp() as made:
        yield made


def to_grpc(receiver: FakeOtlpGrpc, **settings: Any) -> Otlp:
    address = f"127.0.0.1:{receiver.port}"
    return Otlp.model_validate({"endpoint": address, "tls": {"insecure": True}, "timeout": "3s", **settings})


def to_http(receiver: FakeOtlpHttp, **settings: Any) -> OtlpHttp:
    return OtlpHttp.model_validate({"endpoint": receiver.url, "timeout": "3s", **settings})


def all_once(store: Store, names: list[str]) -> None:
    assert dict(store.count_by_id()) == dict.fromkeys(names, 1)
    assert not store.resent


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_p2_grpc_takes_each_record_once(tmp_path: Path, grpc: FakeOtlpGrpc, compression: str) -> None:
    with house(tmp_path, to_grpc(grpc, compression=compression), couriers=4) as home:
        names = home.send(500) + home.send(700)
        assert home.delivered().delivered == 1200
    all_once(grpc.store, names)


@pytest.mark.parametrize("encoding", ["proto", "json"])
@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_p2_http_takes_each_record_once(tmp_path: Path, http: FakeOtlpHttp, encoding: str, compression: str) -> None:
    with house(tmp_path, to_http(http, encoding=encoding, compression=compression), couriers=4) as home:
        names = home.send(300) + home.send(200)
        assert home.delivered().delivered == 500
    all_once(http.store, names)


def test_p2_grpc_faults_cost_delay_and_no_record(tmp_path: Path, grpc: FakeOtlpGrpc) -> None:
    grpc.answers_with(
        [
            Status(14, "away"), Status(8, "slow down", 0.01), Status(14, "soon", 0.01), Status(4, "late"), Cut(),
            Status(13, "broken"), Status(2, "who knows"), Status(16, "who are you"), Status(7, "no"), Status(12),
            Huge(),
        ]
    )  # fmt: skip
    with house(tmp_path, to_grpc(grpc)) as home:
        names = home.send(20)
        assert home.delivered().delivered == 20
    assert set(grpc.store.count_by_id()) == set(names)


def test_p2_http_faults_cost_delay_and_no_record(tmp_path: Path, http: FakeOtlpHttp) -> None:
    http.answers_with(
        [
            Respond(503, headers={"Retry-After": "0"}), Respond(429), Respond(502), Respond(504), Reset(), Hangup(),
            page(502, "Bad Gateway"), Respond(500), Respond(408), Respond(401), Respond(403), Respond(404),
        ]
    )  # fmt: skip
    with house(tmp_path, to_http(http)) as home:
        names = home.send(20)
        assert home.delivered().delivered == 20
    assert dict(http.store.count_by_id()) == dict.fromkeys(names, 1)


def test_a_lost_answer_is_the_only_way_to_a_duplicate_and_both_carry_the_same_id(
    tmp_path: Path, grpc: FakeOtlpGrpc, http: FakeOtlpHttp
) -> None:
    grpc.answers_with([Taken(Cut())])
    with house(tmp_path / "grpc", to_grpc(grpc)) as home:
        names = home.send(5)
        assert home.delivered().delivered == 5
    assert dict(grpc.store.count_by_id()) == dict.fromkeys(names, 2)
    http.answers_with([Taken(Reset())])
    with house(tmp_path / "http", to_http(http)) as home:
        names = home.send(5)
        assert home.delivered().delivered == 5
    assert dict(http.store.count_by_id()) == dict.fromkeys(names, 2)


def test_p3_wrong_credentials_hold_and_resume_by_themselves(
    tmp_path: Path, grpc: FakeOtlpGrpc, http: FakeOtlpHttp
) -> None:
    receivers: list[tuple[FakeOtlpGrpc | FakeOtlpHttp, object]] = [
        (grpc, to_grpc(grpc, headers={"authorization": "Bearer right"})),
        (http, to_http(http, headers={"authorization": "Bearer right"})),
    ]
    for n, (receiver, destination) in enumerate(receivers):
        receiver.authorization = "Bearer other"
        with house(tmp_path / str(n), destination) as home:
            names = home.send(50)
            home.until(lambda _, home=home: bool(home.exporter.holds()))  # type: ignore[misc]  # mypy loses the lambda's type
            assert "credentials" in next(iter(home.exporter.holds().values()))
            receiver.authorization = "Bearer right"
            assert home.delivered().delivered == 50
            assert not home.exporter.holds()
        assert dict(receiver.store.count_by_id()) == dict.fromkeys(names, 1)


def test_an_outage_of_the_port_loses_nothing(tmp_path: Path, grpc: FakeOtlpGrpc, http: FakeOtlpHttp) -> None:
    receivers: list[tuple[FakeOtlpGrpc | FakeOtlpHttp, object]] = [(grpc, to_grpc(grpc)), (http, to_http(http))]
    for n, (receiver, destination) in enumerate(receivers):
        with house(tmp_path / str(n), destination, couriers=2) as home:
            names = home.send(10)
            home.delivered()
            receiver.down()
            names += home.send(100)
            home.until(lambda _, home=home: bool(home.exporter.troubles()))  # type: ignore[misc]  # as above
            receiver.up()
            assert home.delivered().delivered == 110
        all_once(receiver.store, names)


def test_p2_a_partial_success_is_kept_whole_and_never_sent_again(
    tmp_path: Path, grpc: FakeOtlpGrpc, http: FakeOtlpHttp
) -> None:
    receivers: list[tuple[FakeOtlpGrpc | FakeOtlpHttp, object]] = [(grpc, to_grpc(grpc)), (http, to_http(http))]
    for n, (receiver, destination) in enumerate(receivers):
        receiver.answers_with([Rejected(3, "too old")])
        with house(tmp_path / str(n), destination) as home:
            home.send(40)
            counts = home.delivered()
            assert (counts.dead, counts.delivered) == (40, 0)
            [letter, *_] = home.journal.dead_letters("clerk", limit=1)
            assert "3 of the 40 records of a request were rejected: too old" in letter.reason
            home.send(5)
            assert home.delivered().delivered == 5
        assert not receiver.store.resent
        assert len(receiver.store.records) == 42


def test_a_warning_is_told_and_everything_counts_as_delivered(tmp_path: Path, http: FakeOtlpHttp) -> None:
    http.answers_with([Rejected(0, "near capacity")])
    with house(tmp_path, to_http(http)) as home:
        home.send(5)
        assert home.delivered().delivered == 5


def test_p3_a_receiver_that_rejects_everything_ends_in_a_hold(tmp_path: Path, http: FakeOtlpHttp) -> None:
    http.script.always = Rejected(1000, "no such tenant")
    with house(tmp_path, to_http(http)) as home:
        home.send(64)
        home.until(lambda _: bool(home.exporter.holds()))
        assert home.counts().dead == 0
        http.script.always = None
        assert home.delivered().delivered == 64


def test_p4_a_record_over_the_receivers_limit_is_refused_alone(tmp_path: Path) -> None:
    with FakeOtlpGrpc(largest=300_000) as grpc, FakeOtlpHttp() as http:
        http.largest = 300_000
        receivers: list[tuple[FakeOtlpGrpc | FakeOtlpHttp, object]] = [(grpc, to_grpc(grpc)), (http, to_http(http))]
        for n, (receiver, destination) in enumerate(receivers):
            with house(tmp_path / str(n), destination) as home:
                home.send(10)
                large = home.send(1, event="x" * 400_000)
                home.send(10)
                counts = home.delivered()
                assert (counts.dead, counts.delivered) == (1, 20)
            assert large[0] not in receiver.store.count_by_id()


def test_p3_a_login_page_that_says_200_takes_nothing(tmp_path: Path) -> None:
    with HttpServer(lambda _: page(200, "Sign in")) as server:
        destination = OtlpHttp.model_validate({"endpoint": server.url})
        with house(tmp_path, destination) as home:
            home.send(5)
            home.until(lambda _: bool(home.exporter.holds()))
            assert home.counts().delivered == 0


def test_a_second_endpoint_takes_over(tmp_path: Path) -> None:
    with FakeOtlpGrpc() as first, FakeOtlpGrpc() as second:
        addresses = [f"127.0.0.1:{first.port}", f"127.0.0.1:{second.port}"]
        with house(tmp_path, to_grpc(first, endpoint=addresses), couriers=2) as home:
            names = home.send(50)
            home.delivered()
            first.down()
            names += home.send(50)
            assert home.delivered().delivered == 100
        both = first.store.count_by_id() + second.store.count_by_id()
        assert dict(both) == dict.fromkeys(names, 1)


def test_a_receiver_that_hangs_costs_its_deadline_and_a_stop_ends_it(tmp_path: Path, grpc: FakeOtlpGrpc) -> None:
    grpc.answers_with([Taken(Hang()), Ok()])
    with house(tmp_path, to_grpc(grpc, timeout="300ms")) as home:
        home.send(3)
        assert home.delivered().delivered == 3
    grpc.script.always = Hang()
    with house(tmp_path / "again", to_grpc(grpc, timeout="60s")) as home:
        home.send(3)
        home.exporter.stop(time.monotonic())
