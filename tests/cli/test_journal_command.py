"""`otelsiem journal` as an operator sees it: beside a gateway, after it, and after a disaster."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from otelsiem.cli.app import app
from otelsiem.cli.exits import Exit
from otelsiem.journal.journal import Cursor
from otelsiem.journal.sqlite import SqliteJournal
from otelsiem.model.destination import Limits
from otelsiem.model.outcome import Death, Receipt
from otelsiem.testing.journal.words import borrow, numbered, put, settle
from tests.cli.running import configured, gateway
from tests.program import free_port

SICK = "UPDATE entry_1 SET blob = x'0101FF' WHERE first = 4"


def invoke(*words: object, answer: str = "") -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=answer)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A gateway that has ended, and left 6 records for one exporter and a dead letter."""
    with contextlib.closing(SqliteJournal(tmp_path / "data", min_free_mib=0)) as journal:
        file, soc = (journal.attach("logs", name) for name in ("file", "splunk_hec/soc"))
        put(journal, numbered(4))
        put(journal, numbered(3, 4))
        settle(journal, borrow(journal, file))
        settle(journal, borrow(journal, soc, 1), Receipt({0: Death("refused", 1)}))
    return configured(tmp_path)


def damage(config: Path, statement: str = SICK) -> None:
    with contextlib.closing(sqlite3.connect(config.parent / "data" / "journal.sqlite")) as db:
        db.execute(statement)
        db.commit()


def row(output: str, exporter: str) -> list[str]:
    [found] = re.findall(rf"^logs +{exporter} +(.*)$", output, re.MULTILINE)
    return str(found).split()


def test_p2_stats_reads_the_file_when_no_gateway_runs(config: Path) -> None:
    directory = config.parent / "data"
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    result = invoke("journal", "stats", "--config", config)
    assert result.exit_code == Exit.OK
    assert f"{directory} (read from the file: no gateway answers)" in result.stdout
    assert row(result.stdout, "file")[:8] == ["7", "7", "0", "0", "0", "0", "0", "0"]
    soc = row(result.stdout, "splunk_hec/soc")
    assert soc[:8] == ["7", "0", "1", "0", "0", "6", "0", "0"]
    assert re.fullmatch(r"\d+[smhd]", soc[8])
    assert "accepted = delivered + dead + filtered + purged + pending" in result.stdout
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_stats_as_json(config: Path) -> None:
    said = json.loads(invoke("journal", "stats", "--config", config, "--json").stdout)
    assert (said["source"], said["balanced"]) == ("file", True)
    assert said["journal"]["directory"] == str(config.parent / "data")
    assert said["journal"]["limit"] == 8192 << 20
    assert said["journal"]["free"] > 0
    assert (said["journal"]["full"], said["journal"]["why"]) == (False, "")
    file, soc = said["exporters"]
    assert (file["exporter"], file["pending"], file["oldest"], file["age"]) == ("file", 0, "", None)
    assert (soc["dead"], soc["pending"], soc["balanced"], type(soc["age"])) == (1, 6, True, int)
    assert said["pipelines"] == [{"pipeline": "logs", "next": 7, "received": 7, "filtered": 0, "refused": 0}]


def test_stats_says_why_it_is_full(config: Path) -> None:
    (config.parent / "data" / "journal.reserve").unlink()
    result = invoke("journal", "stats", "--config", config)
    assert "full: the disk was full, and its reserve could not be made again yet" in result.stdout


def test_stats_of_books_that_do_not_balance_ends_with_6(config: Path) -> None:
    damage(config, "UPDATE exporter SET delivered = delivered + 1")
    result = invoke("journal", "stats", "--config", config)
    assert result.exit_code == Exit.UNSOUND
    assert "run otelsiem journal check" in result.stderr


def test_a_sound_journal_ends_with_0(config: Path) -> None:
    result = invoke("journal", "check", "--full", "--config", config)
    assert result.exit_code == Exit.OK
    assert result.stdout == "sound: 1 pipeline, 2 exporters, 2 entries with 7 records, 0 due records, 1 dead letter\n"


def test_a_damaged_journal_ends_with_6_and_says_what_it_costs(config: Path) -> None:
    damage(config)
    result = invoke("journal", "check", "--config", config)
    assert result.exit_code == Exit.UNSOUND
    first, second = result.stdout.splitlines()
    assert first.startswith("entry 4 of logs: an entry of the journal cannot be read")
    assert "costs 3 records, pending for splunk_hec/soc; repair moves its bytes to a side file" in first
    assert second.startswith("exporter splunk_hec/soc of logs: records 4-6 are pending, and no entry holds them")
    assert "2 findings; stop the gateway, then run: otelsiem journal repair" in result.stderr
    told = json.loads(invoke("journal", "check", "--config", config, "--json").stdout)
    assert (told["sound"], told["entries"]) == (False, 2)
    assert set(told["findings"][0]) == {"where", "what", "cost", "repair"}


def test_p2_repair_mends_it_and_says_what_it_did(config: Path) -> None:
    damage(config)
    result = invoke("journal", "repair", "--config", config, "--yes")
    assert result.exit_code == Exit.OK, result.output
    directory = config.parent / "data"
    [backup], [side] = directory.glob("backup-*"), directory.glob("journal-damaged-*.jsonl")
    assert f"1 row that could not be kept: {side}" in result.stdout
    assert f"the files as they were are in {backup}" in result.stdout
    assert invoke("journal", "check", "--config", config).exit_code == Exit.OK
    soc = row(invoke("journal", "stats", "--config", config).stdout, "splunk_hec/soc")
    assert soc[:6] == ["7", "0", "1", "0", "3", "3"]
    again = invoke("journal", "repair", "--config", config)
    assert again.stdout.splitlines()[1] == "there was nothing to repair"
    with contextlib.closing(SqliteJournal(directory, min_free_mib=0)) as journal:
        lease = journal.lease(Cursor("logs", "splunk_hec/soc"), Limits(age=0.0), 0.0)
        assert lease is not None
        assert lease.count == 3


def test_repair_asks_first(config: Path) -> None:
    damage(config)
    for answer in ("n\n", ""):
        result = invoke("journal", "repair", "--config", config, answer=answer)
        assert result.exit_code == Exit.FAILURE
        assert f"Repair the journal in {config.parent / 'data'}?" in result.stdout
    assert invoke("journal", "check", "--config", config).exit_code == Exit.UNSOUND
    assert "repaired: 2 findings; the file was mended in place" in (
        invoke("journal", "repair", "--no-backup", "--config", config, answer="y\n").stdout
    )
    assert not list((config.parent / "data").glob("backup-*"))


def test_repair_as_json_asks_nobody(config: Path) -> None:
    damage(config)
    assert invoke("journal", "repair", "--config", config, "--json").exit_code == Exit.USAGE
    said = json.loads(invoke("journal", "repair", "--config", config, "--json", "--yes").stdout)
    assert (len(said["repaired"]), said["anew"], said["moved"]) == (2, False, 1)
    assert Path(said["backup"]).is_dir()
    assert Path(said["damaged"]).is_file()
    assert said["after"]["sound"]
    said = json.loads(invoke("journal", "repair", "--config", config, "--json").stdout)
    assert (said["repaired"], said["backup"], said["damaged"]) == ([], "", "")


@pytest.mark.parametrize("command", ["stats", "check", "repair"])
def test_no_journal_is_made_by_looking_for_one(tmp_path: Path, command: str) -> None:
    result = invoke("journal", command, "--config", configured(tmp_path))
    assert result.exit_code == Exit.FAILURE
    assert "there is no journal in" in result.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", ["stats", "check", "repair"])
def test_a_journal_in_memory_has_no_file(tmp_path: Path, command: str) -> None:
    result = invoke("journal", command, "--config", configured(tmp_path, kind="memory"))
    assert result.exit_code == Exit.FAILURE
    assert "memory" in result.stderr


def test_beside_a_running_gateway(tmp_path: Path) -> None:
    admin = free_port()
    config = configured(tmp_path, admin=admin)
    with gateway(config, admin) as running:
        for _ in range(3):
            assert invoke("send", "--config", config, "--timeout", "0").exit_code == Exit.OK
        stats = invoke("journal", "stats", "--config", config)
        assert "as the running gateway says" in stats.stdout, stats.stderr
        assert row(stats.stdout, "splunk_hec/soc")[5] == "3"
        check = invoke("journal", "check", "--full", "--config", config)
        assert check.stdout.startswith("sound: 1 pipeline, 2 exporters"), check.stderr
        repair = invoke("journal", "repair", "--yes", "--config", config)
        assert repair.exit_code == Exit.LOCKED
        assert "stop it first" in repair.stderr
        running.kill()
    shutil.copytree(tmp_path / "data", tmp_path / "killed")
    stats = invoke("journal", "stats", "--config", config)
    assert "read from the file" in stats.stdout, stats.stderr
    assert row(stats.stdout, "splunk_hec/soc")[5] == "3"
    before = {path.name: path.read_bytes() for path in (tmp_path / "killed").iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == before
    with gateway(config, admin):
        pass
