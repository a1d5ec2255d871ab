"""Templates of JSON: whatever a record holds, the result is what the template shows, read back by another parser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from otelsiem.formats.json_template import JsonTemplate
from otelsiem.formats.speaker import Product
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope
from tests.examples import some
from tests.formats import strategies
from tests.formats.test_normalised_event import as_json

AT = Moment(now=1_735_732_801_000_000_000, host="here")
RECORD = Record(
    id="r-1", time=1_735_732_800_123_456_789, severity=17, event="login", body='said "no"\n',
    attributes={"tenant.id": "t-1", "enduser.id": "u", "attempts": 3, "ok": True, "risk.score": 0.5,
                "audit.target.id": "db", "roles": ["a", "b"], "custom.key": {"a": [1]}, "organization.id": "o"},
)  # fmt: skip
RESOURCE: dict[str, Any] = {"service.name": "auth", "region": "eu", "host.name": "h"}


def filled(template: str, record: Record = RECORD, lines: bool = False, **more: Any) -> str:
    batch = [Group(RESOURCE, Scope("s"), [record])]
    [made] = JsonTemplate(template, lines=lines).fill(batch, AT, Product(), **more)
    return made.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message", 'said "no"\n'),
        ("event", "login"),
        ("event_type", "login"),
        ("id", "r-1"),
        ("severity", "high"),
        ("severity_number", 17),
        ("timestamp", "2025-01-01T12:00:00.123456Z"),
        ("time", "2025-01-01T12:00:00.123456Z"),
        ("tenant_id", "t-1"),
        ("tenant.id", "t-1"),
        ("audit.tenant.id", "t-1"),
        ("user_id", "u"),
        ("user.id", "u"),
        ("enduser.id", "u"),
        ("attempts", 3),
        ("metadata.attempts", 3),
        ("ok", True),
        ("risk_score", 0.5),
        ("target.id", "db"),
        ("audit.target.id", "db"),
        ("roles", ["a", "b"]),
        ("custom.key", {"a": [1]}),
        ("organization.id", "o"),
        ("region", "eu"),
        ("resource.region", "eu"),
        ("_siem.product", "auth"),
        ("_siem.hostname", "h"),
        ("source", "auth"),
        ("agent_id", None),
        ("nothing.at.all", None),
        ("mitre_attack.technique", None),
        ("agent_id|7", 7),
        ('agent_id|"none"', "none"),
        ("record", {"whole": "record"}),
    ],
)
def test_a_field_is_a_value_outside_quotes_and_text_inside(field: str, value: Any) -> None:
    whole = [b'{"whole":"record"}']
    assert json.loads(filled('{"a": {{%s}}}' % field, records=whole)) == {"a": value}  # noqa: UP031 - braces
    inside = json.loads(filled('{"a": "<{{ %s }}>"}' % field.partition("|")[0], records=whole))["a"]  # noqa: UP031
    shown = "" if value is None or "|" in field else value if isinstance(value, str) else json.dumps(value)
    assert inside.replace(" ", "") == f"<{shown}>".replace(" ", "")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ('{"a": {{message}', "a field is written"),
        ('{"a": {{}}}', "empty field"),
        ('{"a": "{{ | x }}"}', "empty field"),
        ('{"a": {{message|none}}}', "default of"),
        ('{"{{event}}": 1}', "field in a key"),
        ('{"a": {"x-{{event}}": 1}}', "field in a key"),
        ('{"a": [{"b": {"{{event}}": 1}}]}', "field in a key"),
        ("{{{event}}: 1}", "not JSON"),
        ('{"a": 1{{n}}}', "not JSON"),
        ('{"a": -{{n}}}', "not JSON"),
        ('{"a": "x" {{n}}}', "not JSON"),
        ('{"a": "\\{{message}}"}', "not JSON"),
        ('{"a": "\\u{{message}}"}', "not JSON"),
        ('{"a": "\\u00{{message}}"}', "not JSON"),
        ('{"a": {{x}}{{y}}}', "not JSON"),
        ('{"a": NaN}', "not JSON"),
        ("{'a': 1}", "not JSON"),
        ('{"a": 1}\n{"b": 2}', "not JSON"),
        ("", "not JSON"),
        ("hello {{message}}", "not JSON"),
    ],
)
def test_what_is_not_json_with_any_value_is_refused(template: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        JsonTemplate(template)


def test_lines_are_json_each() -> None:
    made = filled('{"create":{"_id":"{{id}}"}}\n{"m":{{message}}}', lines=True)
    assert [json.loads(line) for line in made.split("\n")] == [{"create": {"_id": "r-1"}}, {"m": 'said "no"\n'}]
    with pytest.raises(ValueError, match="each line"):
        JsonTemplate('{"a":\n1}', lines=True)
    assert "\n" not in filled('{\n  "a": {{message}},\n\n  "b": 1\n}\n')


def test_markup_is_taken_out_of_texts_where_it_is_wanted() -> None:
    record = Record(id="1", time=1, body='<!channel> & <http://x|y> "')
    template = '{"text": "<b>{{message}}</b>", "raw": {{message}}}'
    assert json.loads(filled(template, record, escape="markup")) == {
        "text": '<b>&lt;!channel&gt; &amp; &lt;http://x|y&gt; "</b>',
        "raw": '<!channel> & <http://x|y> "',
    }


TEMPLATE = """{
  "text": "{{severity}}: {{message}} by {{user.id|nobody}} ({{metadata.x}}) \\"{{event}}\\" \\\\{{tenant.id}}",
  "value": {{message}}, "score": {{risk.score|0}}, "deep": [{"x": {{metadata.x}}, "y": ["{{roles}}{{id}}"]}],
  "all": {{record}}, "again": "{{record}}", "last": "{{trace_id}}"
}"""


def skeleton(node: Any, values: bool = True) -> Any:
    """Keys and kinds of a document, without what fields decide."""
    if isinstance(node, dict):
        return {key: skeleton(value) for key, value in node.items()}
    return [skeleton(value) for value in node] if isinstance(node, list) else "·"


@given(strategies.batches, st.sampled_from(["none", "markup"]))
@settings(deadline=None, max_examples=some(300))
def test_no_value_breaks_out(batch: Batch, escape: Any) -> None:
    template = JsonTemplate(TEMPLATE)
    size = sum(len(group.records) for group in batch)
    whole = [json.dumps({"n": n, "s": '"}{\n'}).encode() for n in range(size)]
    made = template.fill(batch, AT, Product(), whole, escape)
    assert len(made) == size
    for n, (line, record) in enumerate(zip(made, [r for g in batch for r in g.records], strict=True)):
        assert b"\n" not in line
        read = json.loads(line)
        assert list(read) == ["text", "value", "score", "deep", "all", "again", "last"]
        assert read["all"] == {"n": n, "s": '"}{\n'}
        if escape == "none":
            assert json.loads(read["again"]) == read["all"]
            assert read["text"].startswith(f"{read['text'].partition(':')[0]}: ")
        assert list(read["deep"][0]) == ["x", "y"]
        assert len(read["deep"]) == len(read["deep"][0]["y"]) == 1
        if isinstance(record.body, str) and record.body:
            assert read["value"] == record.body


@given(st.text(), st.text())
@settings(deadline=None, max_examples=some(300))
def test_a_text_comes_back_as_it_was(message: str, user: str) -> None:
    assume(message and user)
    try:
        (message + user).encode()
    except UnicodeEncodeError:
        return
    record = Record(id="1", time=1, body=message, attributes={"user.id": user})
    assert json.loads(filled('{"a": "{{message}}|{{user.id}}", "b": {{user.id}}}', record)) == {
        "a": f"{message}|{user}",
        "b": user,
    }


@given(strategies.values)
@settings(deadline=None, max_examples=some(200))
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    record = Record(id="1", time=1, attributes={"x.y": value})
    read = json.loads(filled('{"a": {{x.y}}}', record))["a"]
    assert read == (None if value == "" else as_json(value))


@given(st.text('{}[]":,ab1 \n|\\', max_size=30))
@settings(deadline=None, max_examples=some(400))
def test_a_template_is_refused_or_makes_json(source: str) -> None:
    hostile = Record(id='"', time=1, body='"}],{', attributes={"a": '"', "b": {"}": '"'}, "1": "\\"})
    try:
        template = JsonTemplate(source)
    except ValueError:
        return
    [made] = template.fill([Group({}, Scope(), [hostile])], AT, Product())
    json.loads(made)
