"""`${env:…}` and `${file:…}`: what they give, of which type, and what is a problem."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.config import yaml
from otelsiem.config.report import Report
from otelsiem.config.substitute import Surroundings, redacted, substitute, typed
from otelsiem.config.tree import Leaf, Place, Table, leaves, plain

ENV = {
    "HOST": "splunk",
    "PORT": "8088",
    "ZERO": "0123",
    "EMPTY": "",
    "DOLLAR": "a$$b${HOST}",
    "YES": "true",
    "_A1": "x",
}


def filled(text: str, folder: Path = Path(), env: dict[str, str] = ENV) -> tuple[object, Report]:
    report = Report()
    table = yaml.read(f"a: {text}".encode(), "f.yaml", report)
    assert table is not None
    substitute(table, [], {"f.yaml": Surroundings(env, folder)}, report)
    return plain(table)["a"], report


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env:PORT}", 8088),
        ('"${env:PORT}"', "8088"),
        ("'${env:PORT}'", "8088"),
        ("${PORT}", 8088),
        ("${env:ZERO}", "0123"),
        ("${env:YES}", True),
        ("${env:EMPTY}", None),
        ('"${env:EMPTY}"', ""),
        ("https://${env:HOST}:${env:PORT}/x", "https://splunk:8088/x"),
        ("${env:PORT}${env:PORT}", "80888088"),
        ("${env:NONE:-7}", 7),
        ("${NONE:-7}", 7),
        ("${env:EMPTY:-7}", 7),
        ("${env:PORT:-7}", 8088),
        ("${env:NONE:-}", None),
        ("${env:NONE:-${env:HOST}}", "splunk"),
        ("${env:NONE:-a:-b}", "a:-b"),
        ("${env:DOLLAR}", "a$$b${HOST}"),  # what comes in is not read again
        ("$$", "$"),
        ("pa$$${env:HOST}", "pa$splunk"),
        ("$${env:HOST}", "${env:HOST}"),
        ("$HOST", "$HOST"),
        ("100$", "100$"),
        ("${env:_A1}", "x"),
    ],
)
def test_expressions_give_what_the_collector_gives(text: str, value: object) -> None:
    found, report = filled(text)
    assert not report.problems
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("${env:NONE}", "the environment variable NONE is not set", "${env:NONE:-default}"),
        ("x${NONE}", "the environment variable NONE is not set", "${env:NONE:-default}"),
        ("${env:1X}", "'1X' cannot be the name", "$$"),
        ("${1}", "'1' cannot be the name", "$$"),
        ("${}", "'' cannot be the name", "$$"),
        ("${env:A B}", "'A B' cannot be the name", "$$"),
        ("${env:X", "'${' without its '}'", "$$"),
        ("${vault:secret/x}", "'${vault:…}' is not a source of values", "${file:path}"),
        ("${https://x}", "'${https:…}' is not a source of values", "${env:NAME}"),
        ("${file:none.txt}", "cannot read the file 'none.txt': No such file", "relative to the configuration file"),
        ("${env:N:-" * 12 + "}" * 12, "defaults within defaults", ""),
    ],
)
def test_what_cannot_be_filled_in_is_a_problem_with_a_way_out(text: str, said: str, hint: str) -> None:
    found, report = filled(text)
    [problem] = report.problems
    assert found is None
    assert said in problem.message
    assert hint in problem.hint
    assert (problem.file, problem.line, problem.path) == ("f.yaml", 1, "a")


def test_a_file_is_relative_to_the_configuration_and_loses_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("00abc\n")
    (tmp_path / "two").write_text("a\nb\r\n")
    (tmp_path / "number").write_text("12")
    assert filled("${file:token}", tmp_path)[0] == "00abc"
    assert filled("${file:two}", tmp_path)[0] == "a\nb"
    assert filled("${file:number}", tmp_path)[0] == 12
    assert filled(f"${{file:{tmp_path}/token}}")[0] == "00abc"


def test_a_file_that_is_no_text_or_no_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    assert "is not UTF-8 text" in filled("${file:raw}", tmp_path)[1].problems[0].message
    assert "more than 1,048,576 bytes" in filled("${file:large}", tmp_path)[1].problems[0].message
    assert "Is a directory" in filled("${file:.}", tmp_path)[1].problems[0].message


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_any_value_arrives_as_it_is(value: str) -> None:
    found, report = filled('"${env:V}"', env={"V": value})
    assert not report.problems
    assert found == value


def test_a_value_from_outside_is_marked_with_its_expression() -> None:
    report = Report()
    table = yaml.read(b"a: pre-${env:SECRET}\nb: plain", "f.yaml", report)
    assert table is not None
    substitute(table, [], {"f.yaml": Surroundings({"SECRET": "hunter22"}, Path())}, report)
    assert [leaf.outside for leaf in leaves(table)] == ["${env:SECRET}", ""]


def test_a_default_is_not_shown_with_its_expression(tmp_path: Path) -> None:
    report = Report()
    table = yaml.read(b"a: x${env:NONE:-hunter22}${NONE:-${env:NONE:-hunter22}}${file:t}", "f.yaml", report)
    assert table is not None
    (tmp_path / "t").write_text("hunter22")
    substitute(table, [], {"f.yaml": Surroundings({}, tmp_path)}, report)
    [leaf] = leaves(table)
    assert leaf.outside == "${env:NONE:-…}${NONE:-…}${file:t}"
    assert leaf.text == "xhunter22hunter22hunter22"
    assert leaf.source == f"x${{env:NONE:-hunter22}}${{NONE:-${{env:NONE:-hunter22}}}}${{file:{tmp_path}/t}}"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("${env:A}", "${env:A}"),
        ("Bearer ${env:A}", "Bearer ${env:A}"),
        ("hunter22 ${env:A}", "[x]${env:A}"),
        ("${env:A:-hunter22}", "${env:A:-[x]}"),
        ("${env:A:-${file:t}}", "${env:A:-${file:t}}"),
        ("${A:-${B:-hunter22}}", "${A:-${B:-[x]}}"),
        ("$$${file:t}", "[x]${file:t}"),
        ("hunter22", "[x]"),
    ],
)
def test_what_is_typed_around_an_expression_can_be_redacted(source: str, shown: str) -> None:
    assert redacted(source, "[x]") == shown


@settings(deadline=None)
@given(st.text(st.sampled_from("${}:ax-"), max_size=12))
def test_a_text_can_be_typed_so_that_it_means_itself(text: str) -> None:
    report = Report()
    table = Table({"a": Leaf(typed(text), typed(text), Place("f.yaml", 1))}, {"a": Place("f.yaml", 1)}, Place())
    substitute(table, [], {"f.yaml": Surroundings({}, Path())}, report)
    assert not report.problems
    assert plain(table)["a"] == text
