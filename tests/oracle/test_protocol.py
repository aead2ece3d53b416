"""Protocols: their key, their text, and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.errors import ProtocolError
from oracle.record import Protocol


@given(
    n=st.integers(1, 60),
    seed=st.integers(0, 2**31 - 1),
    solvent=st.sampled_from([None, "water", "dmso"]),
    norm=st.floats(1e-6, 1e-2),
)
def test_a_protocol_survives_json_with_its_key(n: int, seed: int, solvent: str | None, norm: float) -> None:
    protocol = Protocol(n_conformers=n, n_optimised=1, seed=seed, solvent=solvent, gradient_norm=norm)
    again = Protocol.from_json(protocol.to_json())
    assert again == protocol
    assert again.key == protocol.key


def test_every_field_changes_the_key() -> None:
    base = Protocol()
    others = [
        Protocol(method="GFN1-xTB"),
        Protocol(solvent="water"),
        Protocol(n_conformers=21),
        Protocol(n_optimised=1),
        Protocol(conformer_solvent=None),
        Protocol(conformer_solvent="water"),
        Protocol(conformer_search="embedded"),
        Protocol(stretch=0.0),
        Protocol(seed=1),
        Protocol(accuracy=0.1),
        Protocol(step_accuracy=1.0),
        Protocol(gradient_norm=1e-4),
        Protocol(max_steps=10),
        Protocol(follow_saddles=True),
        Protocol(polarizability="finite-field"),
        Protocol(engine_version="0.7"),
        Protocol(conformer_version="2025.3"),
        Protocol(polarizability_version="4.0"),
    ]
    assert len({protocol.key for protocol in [base, *others]}) == len(others) + 1


def test_a_protocol_of_the_first_release_keeps_its_key_and_is_read_from_its_text() -> None:
    versions = {"engine_version": "0.8.0", "conformer_version": "2026.9.1", "polarizability_version": "4.3.1"}
    old = Protocol(conformer_solvent=None, n_conformers=20, n_optimised=2, stretch=0.0, **versions)
    assert old.key == "9ede3849c625"  # of the records in tests/golden/oracle.db, written by 0.1.0
    assert "conformer_solvent" not in old.to_json()
    assert Protocol.from_json(old.to_json()) == old


def test_a_protocol_of_edition_2_keeps_its_key() -> None:
    versions = {"engine_version": "0.8.0", "conformer_version": "2026.9.1", "polarizability_version": "4.3.1"}
    assert Protocol(conformer_search="embedded", **versions).key == "3992b50285b9"  # as written before torsions/1


def test_bonds_are_turned_only_where_conformers_are_meant_for_layers() -> None:
    assert Protocol().conformer_search == "torsions/1"
    assert Protocol(conformer_solvent=None).conformer_search == "embedded"
    assert Protocol(stretch=0.0).conformer_search == "embedded"


def test_geometries_have_a_solvent_of_their_own_where_the_engine_knows_one() -> None:
    protocol = Protocol()
    assert (protocol.solvent, protocol.of_geometry.solvent) == (None, "dmf")
    assert protocol.of_geometry.of_geometry == protocol.of_geometry
    assert Protocol(engine="pyscf", engine_version="1").conformer_solvent is None


def test_the_label_names_level_engine_conformers_and_key() -> None:
    protocol = Protocol()
    for part in ("GFN2-xTB", "tblite", "ETKDGv3", "D4", protocol.key):
        assert part in protocol.label


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"engine": "gaussian"}, "there are tblite"),
        ({"method": "PM7"}, "it has GFN2-xTB"),
        ({"engine": "xtb-python", "solvent": "water"}, "needs one of tblite"),
        ({"engine": "xtb", "polarizability": "finite-field"}, "electric field"),
        ({"polarizability": "B3LYP"}, "there are D4"),
        ({"n_conformers": 0}, "at least 1"),
        ({"n_optimised": 50}, "between 1 and n_conformers"),
        ({"accuracy": 0.0}, "positive"),
        ({"stretch": -1.0}, "from 0 to 100 kcal/mol an angstrom"),
        ({"conformer_search": "torsions/9"}, "there are torsions/1 and embedded"),
        ({"seed": -1}, "between 0"),
        ({"force_field": "GAFF"}, "MMFF94 is used"),
        ({"optimiser": "simplex"}, "there is internals/1"),
    ],
)
def test_an_impossible_protocol_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        Protocol(**values)  # type: ignore[arg-type]  # wrong on purpose


def test_a_protocol_of_an_unknown_field_is_refused() -> None:
    with pytest.raises(ProtocolError, match="no field colour"):
        Protocol.from_json('{"colour": "red"}')
