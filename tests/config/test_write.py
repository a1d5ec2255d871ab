"""What is written as YAML is read back as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.config import yaml
from otelsiem.config.report import Report
from otelsiem.config.substitute import Surroundings, substitute
from otelsiem.config.tree import Place, Table, build, plain
from otelsiem.config.write import yaml_text
from tests.examples import some

ODD = [
    "yes", "null", "~", "", "0123", "0o17", "1_0", "12e4", "1:30", "<<", "=", "a: b", "a #b", "- a", "[a", "*a", "!a",
    "a\nb", " a ", "\t", "'", '"', "\\", "${a}", "$$", "a$", "%x", "@x", "`x", "| x", "2024-01-01", "\u2028", "\ud7ff",
    "é", "\x85", "?", "...", "---", "0x1F", ".inf", "1.", "true",
]  # fmt: skip
TEXTS = st.sampled_from(ODD) | st.text(st.characters(codec="utf-8"), max_size=12)
ATOMS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=10
)


def read_back(value: Any) -> Any:
    root = build(value, Place())
    assert isinstance(root, Table)
    report = Report()
    back = yaml.read(yaml_text(root, ["a comment"]).encode(), "f.yaml", report)
    assert back is not None, report.problems
    substitute(back, [], {"f.yaml": Surroundings({}, Path())}, report)
    assert not report.problems
    return plain(back)


@settings(deadline=None, max_examples=some(300))
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_every_value_is_read_back_as_it_was(value: dict[str, Any]) -> None:
    back = read_back(value)
    assert back == value
    assert repr(back) == repr(value), "true is not 1, and 1.0 is not 1"


def test_what_acts_on_a_terminal_is_escaped() -> None:
    root = build({"a": "x\u202ey", "b": "\x1b[31m", "c": "é"}, Place())
    assert isinstance(root, Table)
    assert yaml_text(root, ()).isascii()
    assert "é" in yaml_text(Table({"c": root.items["c"]}, {"c": Place()}, Place()), ())
