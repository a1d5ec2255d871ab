"""Templates: what they find, what they refuse at once, and that no record's value makes a path or a second line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from otelsiem.formats.template import LONGEST, Template
from otelsiem.model.record import Record, Scope

RECORD = Record(
    event="login",
    severity=17,
    attributes={
        "tenant_id": "t",
        "n": 3,
        "flag": True,
        "empty": "",
        "list": ["a", 1],
        "attr.name": "dotted",
        "null": None,
    },
)
RESOURCE: dict[str, Any] = {"host.name": "h", "service.name": "auth", "n": 9}
SCOPE = Scope("lib")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("plain text / as it is", "plain text / as it is"),
        ("", ""),
        ("{{x}}", "{x}"),
        ("audit-{tenant.id}", "audit-t"),
        ("{event}", "login"),
        ("{severity}", "high"),
        ("{scope.name}", "lib"),
        ("{resource.host.name}", "h"),
        ("{host.name}", "h"),
        ("{n}{resource.n}{attr.n}{attributes.n}", "3933"),
        ("{flag}", "true"),
        ("{list}", "_a_1_"),
        ("{missing}", "unknown"),
        ("{missing|main}", "main"),
        ("{missing|}", ""),
        ("{empty|main}", "main"),
        ("{null|main}", "main"),
        ("{ event }", "login"),
        ("a{event}b{event}c", "aloginbloginc"),
    ],
)
def test_text(source: str, text: str) -> None:
    template = Template(source)
    assert template(RECORD, RESOURCE, SCOPE) == text
    assert template.bind(RESOURCE, SCOPE)(RECORD) == text


@pytest.mark.parametrize("source", ["{", "}", "a{b", "a}b", "{a{b}}", "{}", "{ }", "{|x}", "{{}", "{a}}"])
def test_what_cannot_be_read_is_refused_at_once(source: str) -> None:
    with pytest.raises(ValueError, match="template"):
        Template(source)


def test_a_template_without_fields_is_a_constant() -> None:
    assert Template("a{{b").constant == "a{b"
    assert Template("{event}").constant is None


def test_bound_templates_follow_the_record() -> None:
    bound = Template("{event}").bind(RESOURCE, SCOPE)
    assert [bound(Record(event=name)) for name in ("a", "b", "a")] == ["a", "b", "a"]


@given(st.text(), st.sampled_from(["{event}", "{attr.v}", "{v}", "{resource.v}", "{scope.name}"]))
@example("../../etc/passwd", "{event}")
@example("a\r\nb", "{v}")
@example("x" * 1_000_000, "{event}")
@settings(deadline=None)
def test_hostile_values_become_harmless(value: str, source: str) -> None:
    made = Template(source)(Record(event=value, attributes={"v": value}), {"v": value}, Scope(value))
    assert 0 < len(made) <= LONGEST
    assert made.isprintable()
    assert not set(made) & set("/\\ \"'{}*?<>|")
    assert ".." not in made


def test_plain_values_stay_as_they_are() -> None:
    for value in ("tenant-123", "a.b_c", "user@example.com", "späť", "日本", "10:00"):
        assert Template("{event}")(Record(event=value), {}, SCOPE) == value
