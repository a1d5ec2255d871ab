"""What the settings of `syslog` mean, how messages are framed, and what a connection's word means for a payload."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from otelsiem.destinations.syslog import Syslog
from otelsiem.model.destination import Limits, Moment, SocketSettings, TlsSettings
from otelsiem.model.exchange import Answer, Failure, Reply, SendRequest, StandRequest
from otelsiem.model.outcome import Accepted, Delivered, Hold, Outcome, Reject, Retry
from otelsiem.model.record import Batch, Group, Record, Scope
from otelsiem.model.standing import Standing
from otelsiem.testing.syslog_message import read, read_old

AT = Moment(now=1_767_225_601_000_000_001, host="here", channel="c-1")
NOON = 1_735_732_800_123_456_789
NO_TLS = {"tls": {"insecure": True}}


def syslog(**settings: object) -> Syslog:
    return Syslog.model_validate({"endpoint": "syslog.example.com", **settings})


def batch(*bodies: str) -> Batch:
    resource: dict[str, Any] = {"host.name": "server-01", "service.name": "auth"}
    records = [Record(id=f"r-{n}", time=NOON, event="login", body=body) for n, body in enumerate(bodies)]
    return [Group(resource, Scope(), records)]


@pytest.mark.parametrize(
    ("settings", "wire"),
    [
        ({}, SocketSettings("syslog.example.com", 6514, tls=TlsSettings(alpn=""))),
        (NO_TLS, SocketSettings("syslog.example.com", 514)),
        ({"network": "UDP"}, SocketSettings("syslog.example.com", 514, network="udp")),
        ({"endpoint": " [2001:db8::1] ", "port": 601, **NO_TLS}, SocketSettings("2001:db8::1", 601)),
        ({"timeout": "2s", "confirm": {"after": "1s"}}, SocketSettings(
            "syslog.example.com", 6514, tls=TlsSettings(alpn=""), timeout=2.0, after=1.0)),
        ({"tls": {"insecure": False, "min_version": "1.3", "server_name_override": "siem"}}, SocketSettings(
            "syslog.example.com", 6514, tls=TlsSettings(alpn="", min_version="1.3", server_name="siem"))),
    ],
)  # fmt: skip
def test_settings_reach_the_transport(settings: dict[str, Any], wire: SocketSettings) -> None:
    assert syslog(**settings).wire == wire


@pytest.mark.parametrize(
    ("settings", "content", "header", "largest"),
    [
        ({}, "rfc5424", "rfc5424", 8000),
        ({"protocol": "rfc3164"}, "rfc3164", "rfc3164", 8000),
        ({"format": "rfc3164"}, "rfc3164", "rfc3164", 8000),
        ({"format": "json"}, "json", "rfc5424", 8000),
        ({"format": "json", "protocol": "rfc3164"}, "json", "rfc3164", 8000),
        ({"format": "cef"}, "cef", "rfc3164", 8000),
        ({"format": "cef", "protocol": "rfc5424"}, "cef", "rfc5424", 8000),
        ({"preset": "qradar"}, "leef", "rfc3164", 4096),
        ({"preset": "qradar", "max_message_bytes": 32_000}, "leef", "rfc3164", 32_000),
        ({"preset": "arcsight"}, "cef", "rfc3164", 8000),
        ({"preset": "sentinel_ama"}, "cef", "rfc3164", 8000),
        ({"preset": "sentinel_ama", "format": "rfc5424"}, "rfc5424", "rfc5424", 8000),
        ({"network": "udp"}, "rfc5424", "rfc5424", 2048),
    ],
)
def test_format_header_and_size(settings: dict[str, Any], content: str, header: str, largest: int) -> None:
    made = syslog(**settings)
    assert (made.content, made.header, made.largest) == (content, header, largest)
    assert made.limits == Limits(record_bytes=largest + 1)


@pytest.mark.parametrize("value", ["audit", "13", 13, "log_audit", " SECURITY "])
def test_a_facility_has_a_name_and_a_number(value: object) -> None:
    assert syslog(facility=value).facility == 13


@pytest.mark.parametrize("value", [-1, 24, "24", "local8", "", True, 1.5, None])
def test_what_is_no_facility(value: object) -> None:
    if value is None:
        assert syslog(facility=None).facility == 13
    else:
        with pytest.raises(ValidationError):
            syslog(facility=value)


@pytest.mark.parametrize(
    "sd_id", ["audit", "audit@", "@32473", "a b@1", 'a"@1', "a=b@1", "a@b", "a@1@2", "resource@1", "x" * 21 + "@1"]
)
def test_what_is_no_id_of_structured_data(sd_id: str) -> None:
    with pytest.raises(ValidationError):
        syslog(structured_data_id=sd_id)


def test_what_should_be_known_is_told() -> None:
    assert [one.key for one in syslog().cautions()] == ["structured_data_id"]
    assert [one.key for one in syslog(network="udp").cautions()] == ["network", "structured_data_id"]
    assert not syslog(structured_data_id="acgs2@12345").cautions()
    assert not syslog(preset="arcsight").cautions()


def sent(destination: Syslog, *bodies: str) -> list[bytes]:
    """The frames of a payload."""
    [payload] = destination.encode(batch(*bodies), AT).payloads
    exchange = destination.exchange(payload, AT)
    request = next(exchange)
    assert isinstance(request, SendRequest)
    assert request.session == "c-1"
    assert "né" not in repr(request)
    exchange.close()
    return list(request.frames)


def test_octets_are_counted_and_not_characters() -> None:
    [frame] = sent(syslog(), "né", "", "日本")
    at, found = 0, []
    while at < len(frame):
        digits, _, rest = frame[at:].partition(b" ")
        found.append(rest[: int(digits)])
        at += len(digits) + 1 + int(digits)
        assert not digits.startswith(b"0")
    assert [read(message).text for message in found] == ["né", "", "日本"]
    assert b"\n" not in frame


@pytest.mark.parametrize("settings", [{"framing": "lf"}, {"enable_octet_counting": False}, {"protocol": "rfc3164"}])
def test_lines_end_with_a_newline(settings: dict[str, Any]) -> None:
    [frame] = sent(syslog(**settings), "a\nb", "c")
    lines = frame.split(b"\n")
    assert len(lines) == 3
    assert lines[-1] == b""


def test_over_udp_a_message_is_a_datagram() -> None:
    frames = sent(syslog(network="udp"), "a", "b")
    assert [read(frame).text for frame in frames] == ["a", "b"]


def test_a_carried_format_stands_behind_the_header() -> None:
    [frame] = sent(syslog(format="cef"), "a")
    message = read_old(frame[:-1], tagged=False)
    assert message.host == "server-01"
    assert message.text.startswith("CEF:0|")
    [frame] = sent(syslog(format="leef", protocol="rfc5424", framing="lf"), "a")
    found = read(frame[:-1])
    assert (found.app, found.id, found.data) == ("auth", "login", {})
    assert found.text.startswith("LEEF:2.0|")


def test_how_cef_and_leef_are_written_can_be_said() -> None:
    [frame] = sent(syslog(format="cef", cef={"version": 1}), "a")
    assert b" CEF:1|" in frame
    [frame] = sent(syslog(preset="qradar", leef={"version": "1.0"}), "a")
    assert b" LEEF:1.0|" in frame
    assert b"\t" in frame
    with pytest.raises(ValidationError, match="format is rfc5424"):
        syslog(cef={"version": 1})


def converse(destination: Syslog, *replies: Reply, attempt: int = 1) -> tuple[Outcome, list[object]]:
    [payload] = destination.encode(batch("a"), AT).payloads
    exchange = destination.exchange(payload, Moment(now=AT.now, channel="c-1", attempt=attempt))
    asked: list[object] = [next(exchange)]
    try:
        for reply in replies:
            said = exchange.send(reply)
            asked.append(said)
    except StopIteration as done:
        outcome: Outcome = done.value
        return outcome, asked
    raise AssertionError(f"it asks for more: {asked[-1]}")


def at(connection: int, end: int, stood: int, *, wary: bool = False, **ended: int) -> Answer:
    gone = {int(name[1:]): value for name, value in ended.items()}
    return Answer(200, {}, Standing(connection, end, stood, gone, wary).encode())


def test_on_a_proven_connection_a_payload_is_accepted() -> None:
    outcome, asked = converse(syslog(), at(3, 500, 400))
    assert outcome == Accepted("3.500")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("told", "attempt"),
    [(at(3, 500, -1), 1), (at(3, 500, 0), 1), (at(3, 500, 400, wary=True), 1), (at(3, 500, 400), 2)],
    ids=["new", "idle", "wary", "failed before"],
)
def test_else_it_is_waited_for(told: Answer, attempt: int) -> None:
    outcome, asked = converse(syslog(), told, at(3, 500, 500), attempt=attempt)
    assert asked[-1] == StandRequest("c-1", 3, 500, 300.0)
    assert outcome == Delivered()
    outcome, _ = converse(syslog(), told, at(3, 500, 499), attempt=attempt)
    assert isinstance(outcome, Retry)
    outcome, _ = converse(syslog(), told, at(4, 500, 500), attempt=attempt)
    assert isinstance(outcome, Retry)


@pytest.mark.parametrize("kind", ["resolve", "tls", "protocol"])
def test_p3_what_a_person_mends_holds(kind: Any) -> None:
    assert isinstance(converse(syslog(), Failure(kind, "it did not work"))[0], Hold)
    assert isinstance(converse(syslog(), at(1, 9, -1), Failure(kind, "it did not work"))[0], Hold)


def test_a_connection_that_ends_with_our_messages_on_it_says_where_to_look() -> None:
    outcome, _ = converse(syslog(), at(1, 9, -1), Failure("reset", "siem:514: it has ended the connection"))
    assert isinstance(outcome, Retry)
    assert "with our messages on it" in outcome.reason
    assert "size of messages" in outcome.reason


def confirmed(reply: Reply, *tickets: str) -> dict[str, Outcome]:
    asking = syslog().confirm(tickets, AT)
    assert next(asking) == StandRequest("c-1")
    with pytest.raises(StopIteration) as done:
        asking.send(reply)
    found: dict[str, Outcome] = done.value.value
    return found


def test_p2_only_what_has_stood_is_confirmed_and_what_ended_is_lost() -> None:
    found = confirmed(at(5, 900, 400, n3=100, n4=-1), "5.400", "5.401", "3.100", "3.101", "4.1", "2.1", "odd")
    assert {ticket: type(outcome) for ticket, outcome in found.items()} == {
        "5.400": Delivered, "3.100": Delivered, "3.101": Reject, "4.1": Reject, "2.1": Reject,
    }  # fmt: skip


@pytest.mark.parametrize("reply", [Failure("reset", "interrupted"), Answer(500), Answer(200), Answer(200, {}, b"{}")])
def test_p2_what_could_not_be_asked_is_neither(reply: Reply) -> None:
    assert {type(outcome) for outcome in confirmed(reply, "5.400", "3.1").values()} == {Retry}


def test_datagrams_are_delivered_when_they_are_handed_over() -> None:
    lossy = syslog(network="udp")
    assert lossy.confirmation is None
    assert converse(lossy, Answer(200))[0] == Delivered()
    assert isinstance(converse(lossy, Failure("connect", "nobody listens"))[0], Retry)


def probed(*replies: Reply) -> Outcome:
    probe = syslog().probe(AT)
    request = next(probe)
    assert request == SendRequest((), "c-1")
    try:
        for reply in replies:
            probe.send(reply)
    except StopIteration as done:
        outcome: Outcome = done.value
        return outcome
    raise AssertionError("it asks for more")


def test_a_probe_waits_for_a_refusal_that_comes_late() -> None:
    assert probed(at(1, 0, -1), at(1, 0, 0)) == Delivered()
    assert probed(at(1, 70, 70)) == Delivered()
    assert isinstance(probed(at(1, 0, -1), Failure("tls", "the peer asks for a client certificate")), Hold)
    assert isinstance(probed(Failure("connect", "refused")), Retry)
