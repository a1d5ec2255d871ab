"""YAML text to a tree: the rules of 1.2, places, and what is refused."""

from __future__ import annotations

import pytest

from otelsiem.config import yaml
from otelsiem.config.report import Report
from otelsiem.config.tree import Leaf, Table, find, plain


def read(text: str | bytes) -> Table:
    report = Report()
    table = yaml.read(text.encode() if isinstance(text, str) else text, "f.yaml", report)
    assert not report.problems, report.problems
    assert table is not None
    return table


def refused(text: str | bytes) -> str:
    report = Report()
    assert yaml.read(text.encode() if isinstance(text, str) else text, "f.yaml", report) is None
    [problem] = report.problems
    return str(problem)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0123456789", "0123456789"),
        ("00", "00"),
        ("1e3", "1e3"),
        ("12e4567890", "12e4567890"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("y", "y"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2025-01-01", "2025-01-01"),
        ("0b11", "0b11"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-7", -7),
        ("+7", 7),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.5e3", 1500.0),
        ("-.inf", float("-inf")),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!int 12", 12),
        ("!!float 12", 12),
        ("! 12", "12"),
        ("|\n  12\n", "12\n"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    found = plain(read(f"a: {text}"))["a"]
    assert found == value
    assert type(found) is type(value)


def test_a_number_keeps_how_it_was_written() -> None:
    leaf = read("a: 1.10").items["a"]
    assert isinstance(leaf, Leaf)
    assert (leaf.value, leaf.text) == (1.1, "1.10")


def test_every_key_and_value_knows_its_line() -> None:
    table = read("a:\n  b:\n    - x\n    - y\n  c: 1\n")
    assert find(table, ("a", "b", 1))[2].line == 4
    assert find(table, ("a", "c"))[2].line == 5
    assert find(table, ("a", "missing"))[1] == ["a"]


def test_duplicate_keys_are_refused_with_both_lines() -> None:
    assert refused("a: 1\nb: 2\na: 3\n") == (
        "f.yaml:3: (file): the key 'a' stands here twice (first on line 1) (keep one of them)"
    )


def test_merge_keys_are_the_collectors_and_what_is_written_wins() -> None:
    table = read("base: &b {x: 1, y: 2}\na: {<<: *b, y: 3}\nc:\n  <<: [*b, {x: 9, z: 4}]\n")
    assert plain(table)["a"] == {"x": 1, "y": 3}
    assert plain(table)["c"] == {"x": 1, "y": 2, "z": 4}


def test_each_use_of_an_anchor_is_its_own() -> None:
    table = read("a: &x {v: 1}\nb: *x\n")
    leaf = find(table, ("b", "v"))[0]
    assert isinstance(leaf, Leaf)
    leaf.value = 2
    assert plain(table) == {"a": {"v": 1}, "b": {"v": 2}}


def test_a_bomb_of_aliases_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "more than 20,000 values" in refused("\n".join(lines))


def test_depth_is_bounded() -> None:
    assert "nested deeper than 60 levels" in refused("a: " + "[" * 3000 + "]" * 3000)


def test_a_recursive_anchor_is_refused() -> None:
    assert "*a stands for nothing" in refused("a: &a [*a]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "f.yaml:1: (file): not valid YAML"),
        ("a:\n\tb: 1", "indent with spaces"),
        ("- a\n- b", "expected a mapping"),
        ("just text", "expected a mapping"),
        ("a: 1\n---\nb: 2\n", "f.yaml:3: (file): a second document begins here"),
        ("[a]: 1", "a key must be a word"),
        ("a: !!binary aGk=", "means nothing here"),
        ("a: !own {x: 1}", "means nothing here"),
        ("a: !!int x", "not the int that its tag says"),
        ("a: {<<: 1}", "'<<' takes a mapping"),
        ("a: *nowhere", "no value above is marked &nowhere"),
        ('a: "\\UFFFFFFFF"', "an escape in a quoted text names no character"),
        ('a: "\\ud800"', "half of a surrogate pair"),
        ("a: \x07", "not valid YAML"),
        (b"a: 1\nb: \xff\n", "f.yaml:2: (file): this is not UTF-8 text"),
        (b"a: " + b"x" * (1 << 20), "more than a configuration may have"),
        ("a: {token: ${env:X}}", 'an expression needs quotes: "${env:NAME}"'),
    ],
)
def test_what_cannot_be_read_says_where_and_why(text: str | bytes, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert plain(read(text)) == {}


def test_a_byte_order_mark_and_windows_line_ends_are_nothing_special() -> None:
    assert plain(read(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")) == {"a": 1, "b": 2}
