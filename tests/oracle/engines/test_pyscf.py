"""The Hartree-Fock engine gives the level of the published descriptor table."""

from __future__ import annotations

import pytest

from chemspace import Cation
from oracle import Protocol, describe


@pytest.mark.parametrize(
    ("smiles", "homo_ev", "lumo_ev", "filed_homo_ev", "filed_lumo_ev"),
    [("NC=[NH2+]", -17.63, -1.85, -17.58, -1.85), ("C[NH3+]", -21.14, -2.60, -21.28, -2.49)],
)
def test_orbital_energies_on_the_xtb_geometry_are_those_of_the_published_table(
    smiles: str, homo_ev: float, lumo_ev: float, filed_homo_ev: float, filed_lumo_ev: float
) -> None:
    protocol = Protocol(engine="pyscf", n_conformers=1, n_optimised=1)
    (record,) = describe([Cation.from_smiles(smiles)], protocol, workers=1)
    assert record.ok, record.error
    assert record.homo_ev == pytest.approx(homo_ev, abs=0.02)
    assert record.lumo_ev == pytest.approx(lumo_ev, abs=0.02)
    assert record.homo_ev == pytest.approx(filed_homo_ev, abs=0.2)
    assert record.lumo_ev == pytest.approx(filed_lumo_ev, abs=0.2)
    assert "on tblite" in record.protocol


def test_benzylammonium_has_the_compared_homo_and_orbitals_near_the_filed_ones() -> None:
    # The calculation to compare with has a LUMO of -1.69 eV, on a geometry that is not recorded.
    protocol = Protocol(engine="pyscf", n_conformers=1, n_optimised=1)
    (record,) = describe([Cation.from_smiles("[NH3+]Cc1ccccc1")], protocol, workers=1)
    assert record.ok, record.error
    assert record.homo_ev == pytest.approx(-12.98, abs=0.03)
    assert record.homo_ev == pytest.approx(-12.93768, abs=0.2)
    assert record.lumo_ev == pytest.approx(-1.858848, abs=0.2)
