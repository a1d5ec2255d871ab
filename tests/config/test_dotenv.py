"""`--env-file`: what a line gives, what is wrong with one, and who wins."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.config.dotenv import environment
from otelsiem.config.load import load
from otelsiem.config.report import Report
from otelsiem.config.sources import Sources
from otelsiem.destinations.file import File
from otelsiem.model.errors import ConfigError
from tests.examples import some


def read(text: str | bytes, folder: Path, env: dict[str, str] | None = None) -> tuple[dict[str, str], list[str]]:
    path = folder / "x.env"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    report = Report()
    found = environment([path], env or {}, report)
    return dict(found.values), [str(problem).removeprefix(f"{folder}/") for problem in report.problems]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=x", "x"),
        ("A =  x y  ", "x y"),
        ("export A=x", "x"),
        ("export\tA=x", "x"),
        ("A=", ""),
        ("A=''", ""),
        ("A=x # said", "x"),
        ("A= # said", ""),
        ("A=x#y", "x#y"),
        ("A=a=b==", "a=b=="),
        ("A=$B ${C}", "$B ${C}"),
        ("A='it''s'", None),
        ("A='x # y'  # said", "x # y"),
        (r"A='a\nb \' \\'", r"a\nb ' \ ".strip()),
        (r'A="a\nb\t\"c\" \\ \x"', 'a\nb\t"c" \\ \\x'),
        ('A="two\nlines"', "two\nlines"),
        ("A='two\nlines'", "two\nlines"),
        ("A=x\r", "x"),
        ("\ufeffA=x", "x"),
        ("A=ä", "ä"),
        ("A=1\nA=2", "2"),
    ],
)
def test_a_line_gives_what_dotenv_gives(tmp_path: Path, line: str, value: str | None) -> None:
    values, problems = (
        read(f"# a comment\n\n{line}\nZ=last\n", tmp_path) if line[0] != "\ufeff" else read(line, tmp_path)
    )
    assert values.get("A") == value
    assert bool(problems) is (value is None)
    assert line[0] == "\ufeff" or values["Z"] == "last"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A", "x.env:1: (line): expected NAME=VALUE"),
        ("\n\n1A=2", "x.env:3: (line): the name has letters, digits and _ only"),
        ("A B=2", "x.env:1: (line): the name has letters, digits and _ only"),
        ("=2", "x.env:1: (line): the name has letters, digits and _ only"),
        ("A=#b", "x.env:1: A: a value that begins with '#' needs quotes"),
        ("A='b'c", "x.env:1: A: something stands behind the closing quote"),
        ('B="x\ny"\nA="b', "x.env:3: A: the value begins with a quote and has no second one"),
        (b"A=\xff", "x.env: this is not UTF-8 text"),
        (b"#" * ((1 << 20) + 1), "x.env: the file has more than 1,048,576 bytes"),
    ],
)
def test_p8_what_cannot_be_read_is_told_with_file_and_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    _, [problem] = read(text, tmp_path)
    assert problem.startswith(said)


def test_a_value_is_in_no_problem(tmp_path: Path) -> None:
    _, problems = read("A='hunter22' x\nhunter22\n hunter22 =\nhunter 22=hunter22\nB=\"hunter22\nhunter22=\n", tmp_path)
    assert len(problems) == 4
    assert "hunter22" not in "".join(problems)


@pytest.mark.parametrize("name", ["none.env", ".", "a\0b"])
def test_p8_a_file_that_is_not_there_is_a_problem(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(Sources(env_files=(tmp_path / name,)), {})
    assert "cannot read this environment file" in str(caught.value) or "not a path" in str(caught.value)


@settings(deadline=None, max_examples=some(200))
@given(st.binary(max_size=60))
def test_p8_any_bytes_give_variables_or_problems(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    read(raw, tmp_path_factory.getbasetemp())


@settings(deadline=None, max_examples=some(200))
@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=30))
def test_any_value_arrives_in_double_quotes(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    values, problems = read(f'A="{quoted}"', tmp_path_factory.getbasetemp())
    assert not problems
    assert values["A"] == value


# who wins


def test_the_real_environment_wins_and_a_later_file_wins_over_an_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "one.env").write_text("A=one\nB=one\nC=one\n")
    (tmp_path / "two.env").write_text("B=two\nC=two\n")
    report = Report()
    found = environment([tmp_path / "one.env", tmp_path / "two.env"], {"C": "real"}, report)
    assert found.values == {"A": "one", "B": "two", "C": "real"}
    assert (found.place("B").line, found.place("C").file) == (1, "")


def test_expressions_and_the_variables_of_the_gateway_see_the_file(tmp_path: Path) -> None:
    (tmp_path / "soc.env").write_text("WHERE=x.jsonl\nSIEM_BATCH_SIZE=7\n")
    config = load(Sources(sets=("exporters.file.path=${env:WHERE}",), env_files=(tmp_path / "soc.env",)), {})
    exporter = config.exporters["file"]
    assert isinstance(exporter.destination, File)
    assert (exporter.destination.path, exporter.settings.sending_queue.batch.max_size) == ("x.jsonl", 7)


def test_p8_a_wrong_value_is_told_with_the_line_that_set_it(tmp_path: Path) -> None:
    (tmp_path / "soc.env").write_text("# mine\nSIEM_BATCH_SIZE=hunter22\n")
    with pytest.raises(ConfigError) as caught:
        load(Sources(env_files=(tmp_path / "soc.env",)), {})
    assert str(caught.value) == f"{tmp_path}/soc.env:2: SIEM_BATCH_SIZE: expected a whole number, 1 or more"
