"""An adapter as a destination: settings from `__init__`, secrets, verdicts, the suite, and real couriers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from pydantic import ValidationError

import otelsiem
from otelsiem import OperatorError, PermanentError, SiemAdapter
from otelsiem.destinations._adapter import around, destination
from otelsiem.model.adapter import AdapterSettings, CallRequest, Fate
from otelsiem.model.destination import Moment, Payload
from otelsiem.model.exchange import Answer, Failure
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry
from otelsiem.model.record import Group, Record, Scope
from otelsiem.model.secret import Secret
from otelsiem.testing.conformance import check_destination, drive
from tests.house import House

AT = Moment(1_767_225_600_000_000_000)
TOKEN = "planted-token-value"


class Opaque:
    """A type that no YAML can write."""


class Acme(SiemAdapter):
    """Events to Acme."""

    batch_size = 7

    def __init__(
        self, url: str, token: str, key: Secret | None = None, retries: int = 3, tags: list[str] | None = None,
        timeout: float = 4.0, odd: Opaque | None = None,
    ) -> None:  # fmt: skip
        self.given = (url, token, key, retries, tags, timeout, odd)

    def send_event(self, event: Any) -> bool:
        return True


def acme(**settings: Any) -> Any:
    return destination(Acme).model_validate({"url": "https://acme", "token": TOKEN, **settings})


def payload(events: int) -> Payload:
    return Payload(b"{}\n" * events, range(events), "", {}, 3 * events)


def judged(*fates: Fate) -> Outcome:
    outcome: Outcome = drive(acme().exchange(payload(len(fates)), AT), Answer(200, {}, msgspec.json.encode(fates)))
    return outcome


def test_the_parameters_are_the_keys() -> None:
    made = acme(key="k", retries=5, tags=["a"])
    url, token, key, retries, tags, timeout, odd = made.made().given
    assert (url, token, retries, tags, timeout, odd) == ("https://acme", TOKEN, 5, ["a"], 4.0, None)
    assert key == Secret("k")
    assert made.wire == AdapterSettings("Acme", made.made, 4.0), "a timeout of its own is the deadline too"
    assert made.limits.records == 7
    assert destination(Acme) is destination(Acme)
    assert acme() == acme() != acme(retries=4)


@pytest.mark.parametrize("wrong", [{"urll": "x"}, {"retries": "many"}, {"token": None}, {"tags": 5}])
def test_wrong_settings_are_refused_without_showing_them(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        acme(**wrong)
    assert TOKEN not in str(refused.value)


def test_other_signatures() -> None:
    class Open(SiemAdapter):
        def __init__(self, **anything: Any) -> None:
            self.anything = anything

    class Bare(SiemAdapter):
        def send_event(self, event: Any) -> bool:
            return True

    class Positional(SiemAdapter):
        def __init__(self, *where: str) -> None: ...

    made: Any = destination(Open).model_validate({"a": 1, "timeout": "2s"})
    assert made.made().anything == {"a": 1}
    assert made.wire.timeout == 2
    bare: Any = destination(Bare).model_validate({})
    assert isinstance(bare.made(), Bare)
    with pytest.raises(TypeError, match="the parameter where has no name"):
        destination(Positional)


def test_events_are_lines_of_the_normalised_event() -> None:
    batch = [Group({}, Scope(), [Record(id=str(n), body="x") for n in range(10)])]
    first, second = acme().encode(batch, AT).payloads
    assert (list(first.indices), list(second.indices)) == ([*range(7)], [7, 8, 9])
    assert [json.loads(line)["event_id"] for line in first.body.splitlines()] == [str(n) for n in range(7)]
    request = next(acme().exchange(first, AT))
    assert request == CallRequest("send", first.body)
    assert next(acme().probe(AT)) == CallRequest("health")


def test_fates_are_verdicts() -> None:
    taken, again, bad, held = Fate("delivered"), Fate("again", "busy", 7), Fate("rejected", "odd"), Fate("held", "key")
    assert judged(taken, taken) == Delivered()
    assert judged(again, again) == Retry("busy", 7.0)
    assert judged(held, held) == judged(again, held) == Hold("key")
    assert judged(bad) == Reject("odd")
    assert judged(taken, again, bad, held) == Partial([0], [1], {2: "odd"}, {}, {3: "key"}, 7.0, "busy")
    assert judged(bad, bad) == Partial([], [], {0: "odd", 1: "odd"})
    assert judged(Fate("again", "", 1e9)) == Retry("no reason given", 600.0)


def test_what_says_nothing_of_the_events_keeps_them() -> None:
    for body in (b"", b"[]", b"{}", msgspec.json.encode([Fate("delivered")])):
        assert isinstance(drive(acme().exchange(payload(2), AT), Answer(200, {}, body)), Hold)
    assert isinstance(drive(acme().exchange(payload(2), AT), Failure("timeout", "late", sent=True)), Retry)
    refused = msgspec.json.encode([Fate("rejected", "no")])
    assert drive(acme().probe(AT), Answer(200, {}, refused)) == Hold("no")


def test_no_secret_comes_out() -> None:
    made = acme(key="planted-key-value")
    assert TOKEN not in repr(made)
    assert "https://acme" not in repr(made), "only its author knows what is secret in there"
    assert "planted" not in repr(made.wire)
    outcome = drive(made.exchange(payload(1), AT), Answer(200, {}, msgspec.json.encode([Fate("held", f"no {TOKEN}")])))
    assert outcome == Hold("no [redacted]")


def test_it_passes_the_suite() -> None:
    bodies = [
        msgspec.json.encode([Fate(kind, TOKEN)] * size) for kind in ("again", "rejected", "held") for size in (1, 7)
    ]
    check_destination(acme(key="planted-key-value"), secrets=[TOKEN, "planted-key-value"], bodies=bodies)
    check_destination(around(Acme("https://acme", TOKEN)))


class Picky(SiemAdapter):
    """Refuses, fails, takes: by what the event says, the first time."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.tried: set[str] = set()
        self.key_is_right = False

    async def send_event(self, event: dict[str, Any]) -> bool:
        if not self.key_is_right:
            raise OperatorError("the key is not accepted")
        if event["event_type"] == "poison":
            raise PermanentError("Acme has no such field")
        first = event["event_id"] not in self.tried
        self.tried.add(event["event_id"])
        if event["event_type"] == "flaky" and first:
            return False
        self.taken.append(event["event_id"])
        return True


@pytest.mark.parametrize("couriers", [1, 3])
def test_p2_p3_p4_one_fate_each_in_real_couriers(tmp_path: Path, couriers: int) -> None:
    adapter = Picky()
    home = House(tmp_path, cast("Any", around(adapter)), couriers)
    home.open()
    try:
        names = home.send(120)
        home.until(lambda _: bool(home.exporter.holds()))
        assert home.counts().dead == 0
        adapter.key_is_right = True
        home.delivered()
        names += home.send(5, "flaky") + home.send(30)
        poison = home.send(2, "poison")
        names += home.send(20)
        counts = home.delivered()
        assert (counts.delivered, counts.dead) == (175, 2)
        letters = home.journal.dead_letters("clerk")
        assert {letter.reason for letter in letters} == {"Acme has no such field"}
    finally:
        home.close()
    assert sorted(adapter.taken) == sorted(names)
    assert not set(poison) & set(adapter.taken)


def test_the_top_names_are_there_and_lazy() -> None:
    import subprocess
    import sys

    assert otelsiem.SiemAdapter is SiemAdapter
    assert {"SiemAdapter", "PermanentError"} <= set(dir(otelsiem))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        otelsiem.Nothing  # type: ignore[attr-defined]  # noqa: B018 - the look-up is the test
    check = "import sys, otelsiem; sys.exit(any(name.startswith('otelsiem.') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
