"""Our checker of OCSF events against the judge that is not ours, over events that were broken at random."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.formats._ocsf.schema import MINORS, schema
from otelsiem.formats.ocsf import NEWEST, Style, Version, lines
from otelsiem.formats.ocsf_check import check, doubts, faults
from tests.examples import some
from tests.formats import make_ocsf_table
from tests.formats.ocsf_judge import VERSIONS, verdict
from tests.golden.cases import AT, CASES

EVENTS = {
    (case, version): json.loads(lines(CASES[case], AT, Style(version=version))[0])
    for case in CASES
    for version in VERSIONS
    if case != "huge"
}  # fmt: skip
NAMES = sorted({name for owner in schema(8).objects.values() for name in owner.attributes} | {"nothing", "ocsf"})
junk: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, False, 0, 1, 2, 99, 100, -1, 1.0, 1.5, 70_000, "", "x", "99", "1", "x" * 66_000, "192.0.2.1",
        "999.0.0.1", "a@b", "a@b.c", "GET", "get", "2025-01-01T00:00:00Z", [], {}, ["x"], [1], [{}], {"name": "x"},
        {"uid": "x"}, {"uid": 1}, [{"uid": "x"}], {"name": "x", "type_id": 1}, {"name": "x", "value": {}},
    ]
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in an event but what is under `unmapped`."""
    if isinstance(value, dict):
        inner = [p for key, v in value.items() if key != "unmapped" for p in places(v, (*path, key))]
    elif isinstance(value, list):
        inner = [p for n, v in enumerate(value) for p in places(v, (*path, n))]
    else:
        inner = []
    return [path, *inner]


def at(event: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        event = event[step]
    return event


@st.composite
def broken(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A good event in which one or two things were removed, replaced or added."""
    case, version = draw(st.sampled_from(sorted(EVENTS)))
    event = deepcopy(EVENTS[case, version])
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(places(event)))
        value = at(event, path)
        if isinstance(value, dict) and draw(st.booleans()):
            value[draw(st.sampled_from(NAMES))] = deepcopy(draw(junk))
        elif path and path not in {("metadata",), ("metadata", "version"), ("class_uid",), ("metadata", "profiles")}:
            holder = at(event, path[:-1])
            if draw(st.booleans()):
                del holder[path[-1]]
            else:
                holder[path[-1]] = deepcopy(draw(junk))
    return event, version


@cache
def left_out(version: str) -> set[str]:
    """Attributes that hold an object which audit records never use: unknown to our table, known to the judge."""
    export = json.loads((make_ocsf_table.EXPORTS / f"{version}.json").read_text("utf-8"))
    owners = [*export["objects"].values(), *export["classes"].values()]
    attributes = [pair for owner in owners for pair in owner["attributes"].items()]
    return {name for name, found in attributes if found.get("object_type", "object") not in make_ocsf_table.OBJECTS}


def unused(event: dict[str, Any], version: str) -> bool:
    """Whether the only fault is such an attribute."""
    found = faults(event)
    names = [re.split(r"[.\]]", fault.split(": no attribute")[0])[-1] for fault in found]
    return bool(found) and all("no attribute" in fault for fault in found) and set(names) <= left_out(version)


@settings(max_examples=some(1500), deadline=None)
@given(broken())
def test_both_judges_agree_on_broken_events(made: tuple[dict[str, Any], str]) -> None:
    event, version = made
    if not isinstance(event.get("metadata"), dict) or event["metadata"].get("version") != version:
        return
    if not unused(event, version):
        assert bool(faults(event)) == bool(verdict(event, version)), (faults(event), verdict(event, version))


def change(path: str, value: Any = ..., case: str = "tool") -> dict[str, Any]:
    event: dict[str, Any] = deepcopy(EVENTS[case, NEWEST])
    *parents, last = path.split(".")
    place: Any = event
    for parent in parents:
        place = place[int(parent) if parent.isdigit() else parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return event


@pytest.mark.parametrize(
    "event",
    [
        change("class_uid", 1), change("class_uid", "6003"), change("class_uid"), change("metadata.version", "9.9.9"),
        change("metadata"), change("metadata.product"), change("actor"), change("actor", {}), change("api.operation"),
        change("time", "now"), change("time", 1.5), change("severity_id", 7), change("severity_id", True),
        change("nothing", 1), change("src_endpoint.ip", "db-1"), change("src_endpoint", {"port": 1}),
        change("src_endpoint.port", 65_536), change("http_request.http_method", "get"),
        change("metadata.profiles", []), change("trace", {}), change("observables", {}),
        change("observables.0.type_id", 1000), change("finding_info.uid", case="anomaly"),
        change("status_id", 7, case="anomaly"), change("user.email_addr", "nobody", case="login"),
    ],
)  # fmt: skip
def test_faults_are_found_as_the_judge_finds_them(event: dict[str, Any]) -> None:
    assert faults(event)
    if isinstance(event.get("metadata"), dict) and event["metadata"]["version"] == NEWEST and "class_uid" in event:
        assert verdict(event, NEWEST)


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (change("type_uid", 600301), "type_uid"),
        (change("activity_name"), "activity_name: missing"),
        (change("metadata.profiles", ["host", "trace", "security_control", "incident"]), "incident"),
        (change("time", 1_735_732_800), "milliseconds"),
        (change("time", 1_735_732_800_000_000), "milliseconds"),
    ],
)
def test_doubts_are_what_the_schema_cannot_say(event: dict[str, Any], word: str) -> None:
    assert verdict(event, NEWEST) == faults(event) == []
    (doubt,) = doubts(event)
    assert word in doubt
    assert check(event) == [doubt]


def test_the_table_is_the_one_that_its_script_makes() -> None:
    exports = {
        minor: json.loads((make_ocsf_table.EXPORTS / f"1.{minor}.0.json").read_text("utf-8")) for minor in MINORS
    }
    assert make_ocsf_table.table(exports) == make_ocsf_table.TABLE.read_text("utf-8")


def test_every_version_of_the_style_is_in_the_table() -> None:
    assert list(VERSIONS) == [schema(minor).version for minor in MINORS] == list(get_args(Version))
