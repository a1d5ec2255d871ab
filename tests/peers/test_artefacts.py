"""Artefacts are made once per recipe, whole or not at all; what is missing is skipped or fails as the policy says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.peers.artefacts import ALL, Artefact, NotMadeError, cache

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of these tests reaches the real cache."""
    monkeypatch.setenv("OTELSIEM_PEERS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def thing(tmp_path: Path) -> Artefact:
    """An artefact whose making takes a moment and leaves a line in a file for each time."""
    (tmp_path / "recipes" / "thing").mkdir(parents=True)
    (tmp_path / "recipes" / "thing" / "source").write_text("one")
    script = f"sleep 0.2; echo made >> {tmp_path}/made; cp source product"
    return Artefact("thing", "product", ("sh",), (("sh", "-c", script),), tmp_path / "recipes", pause=0)


def test_made_once_by_two_at_the_same_time(thing: Artefact, tmp_path: Path) -> None:
    did: list[bool] = []
    threads = [threading.Thread(target=lambda: did.append(thing.make())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(did) == [False, True]
    assert (tmp_path / "made").read_text() == "made\n"
    assert thing.path.read_text() == "one"


def test_a_changed_recipe_is_made_anew_and_the_old_one_stays(thing: Artefact) -> None:
    thing.make()
    old = thing.path
    (thing.recipe / "source").write_text("two")
    assert not thing.ready()
    thing.make()
    assert (old.read_text(), thing.path.read_text()) == ("one", "two")
    assert replace(thing, steps=()).key != thing.key


def test_a_failure_is_tried_three_times_and_leaves_nothing_that_looks_made(thing: Artefact, tmp_path: Path) -> None:
    broken = replace(thing, steps=(*thing.steps, ("sh", "-c", f"echo why >&2; echo x >> {tmp_path}/tries; exit 7")))
    with pytest.raises(NotMadeError, match=r"failed 3 times, last with 7(.|\n)*why"):
        broken.make()
    assert (tmp_path / "tries").read_text() == "x\n" * 3
    assert not broken.ready()
    assert not broken.home.exists()


def test_a_registry_that_fails_once_is_asked_again(thing: Artefact, tmp_path: Path) -> None:
    flaky = ("sh", "-c", f"test -e {tmp_path}/asked || {{ touch {tmp_path}/asked; exit 1; }}")
    assert replace(thing, steps=(flaky, *thing.steps)).make()


def test_the_leftover_of_a_killed_run_does_no_harm(thing: Artefact) -> None:
    leftover = cache() / f".thing-{thing.key}"
    leftover.mkdir(parents=True)
    (leftover / "product").write_text("half")
    assert not thing.ready()
    thing.make()
    assert thing.path.read_text() == "one"


def test_a_missing_tool_is_named(thing: Artefact) -> None:
    with pytest.raises(NotMadeError, match="not installed: no-such-tool"):
        replace(thing, tools=("sh", "no-such-tool")).make()


def test_recipes_name_no_registry() -> None:
    """Which registry serves a package is the machine's business."""
    host = re.compile(r"https?://(?!maven\.apache\.org/POM)", re.IGNORECASE)
    for artefact in ALL:
        for path in artefact.recipe.iterdir():
            for line in path.read_text("utf-8").splitlines():
                assert not host.search(line) or "127.0.0.1" in line or "${port}" in line, f"{path.name}: {line}"


def peers(mode: str) -> subprocess.CompletedProcess[str]:
    """A run of one peer test where nothing is prepared."""
    argv = [sys.executable, "-m", "pytest", "-rs", "-n0", "-p", "no:cacheprovider", "tests/peers/test_senders.py"]
    env = os.environ | {"OTELSIEM_PEERS": mode}
    argv += ["-k", "scenario and go-grpc"]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_what_is_not_prepared_is_skipped_with_the_command_that_prepares_it() -> None:
    run = peers("auto")
    assert run.returncode == 0, run.stdout
    assert "1 skipped" in run.stdout
    assert "python3 -m tests.peers.prepare collector" in run.stdout


def test_what_is_required_and_not_prepared_fails() -> None:
    run = peers("require")
    assert run.returncode == 1, run.stdout
    assert "collector is not prepared" in run.stdout


def test_peers_can_be_left_out() -> None:
    run = peers("skip")
    assert run.returncode == 0, run.stdout
    assert "OTELSIEM_PEERS=skip" in run.stdout


def test_a_misspelt_mode_is_an_error() -> None:
    run = peers("requires")
    assert run.returncode == pytest.ExitCode.USAGE_ERROR, run.stdout
