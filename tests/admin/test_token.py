"""The token of the admin API."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from otelsiem.admin.token import AdminToken, create, read


def test_it_is_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)  # the widest rights a careless start could give
    try:
        token = create(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "admin.token").stat().st_mode) == 0o600
    assert token.matches(f"Bearer {read(tmp_path)}".encode())
    assert os.listdir(tmp_path) == ["admin.token"]


def test_each_start_makes_a_new_one(tmp_path: Path) -> None:
    old = create(tmp_path)
    first = read(tmp_path)
    create(tmp_path)
    assert read(tmp_path) != first
    assert not old.matches(f"Bearer {read(tmp_path)}".encode())


def test_a_link_in_its_place_is_replaced_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text("kept")
    (tmp_path / "admin.token").symlink_to(target)
    (tmp_path / f".admin.token.{os.getpid()}").symlink_to(target)
    create(tmp_path)
    assert target.read_text() == "kept"
    assert not (tmp_path / "admin.token").is_symlink()


def test_without_a_gateway_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path)


def test_it_does_not_show_itself() -> None:
    assert "hunter2" not in repr(AdminToken("hunter2"))
    assert not AdminToken("hunter2").matches(b"")
    assert not AdminToken("hunter2").matches("Bearer hünter2".encode())
