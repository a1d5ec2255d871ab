"""What two plans have in common and in what they differ, over plans of every shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from otelsiem.delivery.policy import Policy
from otelsiem.destinations.file import File
from otelsiem.exporter import Settings
from otelsiem.gateway.change import compare_deliveries, compare_listeners, fixed
from otelsiem.gateway.plan import Delivery, Listener, Plan
from otelsiem.journal.journal import Cursor, Journal
from otelsiem.model.destination import Limits
from otelsiem.model.match import Match

PIPELINES = ("logs", "logs/eu")
NAMES = ("a", "b", "c", "d")


def delivery(pipeline: str, name: str, path: str = "x", couriers: int = 1, resume: str = "") -> Delivery:
    settings = Settings(name, Policy(), Limits(), couriers, Match(events=["login"]))
    return Delivery(pipeline, settings, File(path=path), resume=resume)


def unique(made: list[Delivery]) -> list[Delivery]:
    return list({one.place: one for one in made}.values())


deliveries = st.lists(
    st.builds(
        delivery,
        st.sampled_from(PIPELINES),
        st.sampled_from(NAMES),
        st.sampled_from("xy"),
        st.integers(1, 2),
        st.sampled_from(("", *NAMES)),
    ),
    max_size=8,
).map(unique)
left_over = st.sets(st.builds(Cursor, st.sampled_from(PIPELINES), st.sampled_from(NAMES)))
endpoints = st.sampled_from(("", "localhost:0", "localhost:1", "0.0.0.0:1", "localhost:2", "[::1]:2", "localhost:3"))
listeners = st.lists(
    st.builds(Listener, st.sampled_from(NAMES), endpoints, endpoints, st.integers(1, 2)),
    max_size=4,
    unique_by=lambda one: one.receiver,
)


@given(deliveries, deliveries, left_over)
def test_every_exporter_and_every_place_is_in_one_part(
    old: list[Delivery], new: list[Delivery], more: set[Cursor]
) -> None:
    places = {*more, *[one.place for one in old]}
    staff = compare_deliveries(old, new, places)
    parts = [*staff.keep, *staff.restart, *staff.start, *[one.delivery for one in staff.resume]]
    assert sorted(parts, key=lambda one: one.place.pipeline + one.place.exporter) == sorted(
        new, key=lambda one: one.place.pipeline + one.place.exporter
    ), "each exporter of the new plan once, as the new plan has it"
    taken_over = [one.place for one in staff.resume]
    wanted = {one.place for one in new}
    assert len({*taken_over}) == len(taken_over), "nobody's place goes to two"
    assert {*staff.leave} == places - wanted - {*taken_over}
    for one in staff.resume:
        assert one.place.exporter == one.delivery.resume
        assert one.place.pipeline == one.delivery.pipeline, "records stay in their pipeline"
        assert one.delivery.place not in places, "who has a place of its own takes none over"


@given(deliveries, deliveries, st.data())
def test_equal_exporters_are_kept_whatever_is_around_them(
    old: list[Delivery], new: list[Delivery], data: st.DataObject
) -> None:
    same = data.draw(st.lists(st.sampled_from(old), unique_by=lambda one: one.place)) if old else []
    asked = [replace(one, start_at="beginning", resume="b") for one in same]  # these say how a place is found
    new = unique([*new, *asked])
    staff = compare_deliveries(old, new, [one.place for one in old])
    assert {one.place for one in staff.keep} >= {one.place for one in asked}
    running = {one.place: one for one in old}
    for one in staff.keep:
        before = running[one.place]
        assert (before.settings, before.destination) == (one.settings, one.destination)
    for one in staff.restart:
        before = running[one.place]
        assert (before.settings, before.destination) != (one.settings, one.destination)


@given(deliveries, deliveries)
def test_a_plan_against_itself_changes_nothing(made: list[Delivery], other: list[Delivery]) -> None:
    again = [delivery(o.pipeline, o.settings.name, o.destination.path, o.settings.couriers, o.resume)
             for o in made if isinstance(o.destination, File)]  # fmt: skip
    staff = compare_deliveries(made, again, [one.place for one in made])
    assert list(staff.keep) == made
    assert not [*staff.restart, *staff.start, *staff.resume, *staff.leave]
    there = compare_deliveries(made, other, [one.place for one in made])
    assert {one.place for one in (*there.keep, *there.restart)} == {m.place for m in made} & {o.place for o in other}


@given(deliveries, left_over)
def test_at_a_start_nothing_runs_yet(new: list[Delivery], places: set[Cursor]) -> None:
    staff = compare_deliveries([], new, places)
    assert not [*staff.keep, *staff.restart]


@given(listeners, listeners)
def test_no_listener_is_opened_on_an_address_that_is_not_free_yet(old: list[Listener], new: list[Listener]) -> None:
    doors = compare_listeners(old, new)
    assert sorted([*doors.keep, *doors.first, *doors.after], key=str) == sorted(new, key=str)
    assert sorted([*doors.keep, *doors.close], key=str) == sorted(old, key=str), "kept or closed, never both"
    closing = {port for one in doors.close for port in ports(one)}
    assert all(not closing & ports(one) for one in doors.first)
    assert all(closing & ports(one) for one in doors.after), "nobody waits who need not"


def ports(listener: Listener) -> set[str]:
    return {end.rpartition(":")[2] for end in (listener.grpc, listener.http)} - {"", "0"}


def test_what_a_running_gateway_cannot_change_is_named() -> None:
    def no_journal() -> Journal:
        raise AssertionError("a comparison opens nothing")

    def another() -> Journal:
        raise AssertionError("nor here")

    plan = Plan([], {}, [], no_journal, Path("data"), "sqlite data", "127.0.0.1:8000", 10.0)
    assert fixed(plan, replace(plan, drain=1.0, room=1, open_journal=another)) == []
    moved = replace(plan, directory=Path("other"), journal_name="memory other", admin="127.0.0.1:8001")
    told = [str(problem) for problem in fixed(plan, moved)]
    assert told == [
        "service.journal.type: cannot change while the gateway runs: restart it",
        "service.journal.directory: cannot change while the gateway runs: restart it",
        "service.admin.endpoint: cannot change while the gateway runs: restart it",
    ]
