"""Every destination goes through the same public suite: `rows/<type>.py` holds the row of each, one without fails."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

import pytest

from otelsiem import destinations
from otelsiem.testing import conformance
from tests.conformance.row import Row

ROWS: dict[str, Row] = {
    file.stem: import_module(f"tests.conformance.rows.{file.stem}").ROW
    for file in sorted((Path(__file__).parent / "rows").glob("*.py"))
}


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, row in ROWS.items() for number in range(len(row.made))]
)
class TestDestination:
    def test_encode(self, name: str, number: int) -> None:
        conformance.check_encode(ROWS[name].made[number], conformance.sample())

    def test_any_reply_gives_an_outcome(self, name: str, number: int) -> None:
        conformance.check_exchange(ROWS[name].made[number], conformance.sample(), ROWS[name].bodies)

    def test_p3_our_fault_never_costs_data(self, name: str, number: int) -> None:
        conformance.check_blame(ROWS[name].made[number], conformance.sample(), ROWS[name].bodies)

    def test_p2_only_the_peer_confirms(self, name: str, number: int) -> None:
        row = ROWS[name]
        conformance.check_confirm(row.made[number], conformance.sample(), row.bodies, secrets=row.secrets)

    def test_no_secret_comes_out(self, name: str, number: int) -> None:
        row = ROWS[name]
        conformance.check_silence(row.made[number], conformance.sample(), row.secrets)


def test_every_destination_has_a_row() -> None:
    modules = {module.name for module in pkgutil.iter_modules(destinations.__path__)}
    assert {name for name in modules if not name.startswith("_")} == ROWS.keys()
