"""How the process ends: the numbers of exits.py, and one sentence instead of a traceback."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from otelsiem import __version__
from otelsiem.cli.exits import CommandError, Exit, code
from otelsiem.gateway.receivers.listen import Address, ListenError, bind
from otelsiem.model.errors import ConfigError, JournalError, JournalLockedError, OtelsiemError

BLOCKED = "import sys; sys.modules[{module!r}] = None; from otelsiem.cli import main; main()"


def run(
    *words: str, module: str = "", stdout: int | IO[bytes] = subprocess.PIPE, **env: str
) -> subprocess.CompletedProcess[str]:
    start = ["-c", BLOCKED.format(module=module)] if module else ["-m", "otelsiem.cli"]
    argv, env = [sys.executable, *start, *words], {**os.environ, **env}
    return subprocess.run(argv, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False, env=env)


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_without_the_gateway_extra_one_sentence_says_so(module: str) -> None:
    ended = run("run", module=module)
    assert ended.returncode == 1
    assert ended.stderr.strip() == (
        f"The otelsiem command needs the package '{module}', which is not installed: pip install 'otelsiem[gateway]'"
    )
    assert run("--version", module=module).stdout == f"otelsiem {__version__}\n"


def test_without_pyyaml_a_file_cannot_be_read_and_one_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("")
    ended = run("validate", "--config", str(tmp_path / "c.yaml"), module="yaml")
    assert ended.returncode == 1
    assert ended.stderr.startswith("otelsiem: Reading a configuration file needs the package 'PyYAML'")
    assert "Traceback" not in ended.stderr


def test_an_answer_that_this_place_cannot_show_is_escaped(tmp_path: Path) -> None:
    ended = run("validate", PYTHONIOENCODING="latin-1")
    assert (ended.returncode, ended.stderr) == (Exit.OK, "")
    assert "logs: otlp \\u2192 severity \\u2192 file" in ended.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("words", [["validate"], ["validate", "--json"], ["schema"], ["completion", "bash"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_answer_that_cannot_be_written_is_one_sentence(words: list[str], unbuffered: str) -> None:
    with open("/dev/full", "wb") as full:
        ended = run(*words, stdout=full, PYTHONUNBUFFERED=unbuffered)
    assert ended.returncode == Exit.FAILURE
    assert ended.stderr == "otelsiem: the answer cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", [["schema"], ["validate"]])
def test_who_reads_only_the_beginning_of_an_answer_is_told_nothing(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = run(*words, stdout=writer)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (Exit.FAILURE, "")


def test_an_interrupt_while_it_begins_leaves_no_traceback() -> None:
    start = "import sys; sys.modules['typer'] = None; import builtins; from otelsiem import cli\n"
    start += "def stop(): raise KeyboardInterrupt\ncli._main = stop; cli.main()"
    ended = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_what_the_system_says_comes_with_its_place(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "journal.sqlite").mkdir(parents=True)
    ended = run("run", "--set", f"service.journal.directory={data}")
    assert (ended.returncode, ended.stderr) == (
        Exit.FAILURE,
        f"otelsiem: {data / 'journal.sqlite'}: Is a directory\n",
    )


def test_a_script_sees_the_numbers(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\n")
    bad = run("validate", "--config", str(tmp_path / "bad.yaml"))
    assert (bad.returncode, bad.stdout) == (Exit.CONFIG, "")
    assert "\x1b" not in bad.stderr  # no colour where no terminal is
    assert run("validate").returncode == Exit.OK
    assert run("nonsense").returncode == Exit.USAGE


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (ConfigError([]), Exit.CONFIG),
        (JournalLockedError("x"), Exit.LOCKED),
        (JournalError("x"), Exit.FAILURE),
        (OSError(errno.EADDRINUSE, "in use"), Exit.PORT),
        (OSError(errno.EACCES, "no"), Exit.FAILURE),
        (CommandError("x"), Exit.FAILURE),
        (OtelsiemError("x"), Exit.FAILURE),
    ],
)
def test_each_kind_of_error_has_its_number(error: Exception, number: Exit) -> None:
    assert code(error) is number


def test_a_port_that_is_taken_is_4() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ListenError) as caught:
            bind(Address("127.0.0.1", other.getsockname()[1]))
    assert code(caught.value) is Exit.PORT
