"""What is refused before an engine sees it."""

from __future__ import annotations

import numpy as np
import pytest

from oracle.compute import build_molecule
from oracle.engines.base import validate_geometry, validate_molecule
from oracle.errors import InputError
from tests.oracle.golden import GOLDEN

MA = GOLDEN[0]


@pytest.mark.parametrize(
    ("smiles", "charge", "message"),
    [
        ("C[CH2]", 0, "unpaired electrons"),
        ("C[NH3+]", 2, r"carries charge \+1, but \+2"),
        ("C[NH3+].[I-]", 0, "2 separate parts"),
        ("C[NH3+].C[NH3+]", 2, "2 separate parts"),
        ("C" * 99 + "[NH3+]", 1, "at most 200"),
        ("[Th+4]", 4, "1 .H. to 86"),
    ],
)
def test_a_molecule_that_is_no_cation_is_refused(smiles: str, charge: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate_molecule(build_molecule(smiles), charge)


def test_a_smiles_that_rdkit_cannot_read_is_refused() -> None:
    with pytest.raises(InputError, match="RDKit can read"):
        build_molecule("C(C")


def test_overlapping_atoms_are_refused_with_their_distance() -> None:
    positions = MA.positions.copy()
    positions[2] = positions[3] + 0.1
    with pytest.raises(InputError, match=r"atoms 2 and 3 lie on top of each other, 0\.09"):
        validate_geometry(MA.numbers, positions, MA.charge)


def test_an_odd_number_of_electrons_is_refused() -> None:
    with pytest.raises(InputError, match="19 electrons at charge"):
        validate_geometry(MA.numbers, MA.positions, 0)


def test_a_fractional_charge_is_refused() -> None:
    with pytest.raises(InputError, match="not a whole number"):
        validate_geometry(MA.numbers, MA.positions, 0.5)  # type: ignore[arg-type]  # wrong on purpose


def test_a_position_that_is_not_finite_is_refused() -> None:
    positions = MA.positions.copy()
    positions[0, 0] = np.nan
    with pytest.raises(InputError, match="not finite"):
        validate_geometry(MA.numbers, positions, MA.charge)


def test_too_heavy_an_element_is_refused() -> None:
    with pytest.raises(InputError, match="atomic number 92"):
        validate_geometry(np.array([92, 1]), np.array([[0.0, 0, 0], [0, 0, 4.0]]), 1)


def test_three_hundred_atoms_are_refused() -> None:
    with pytest.raises(InputError, match="300 atoms"):
        validate_geometry(np.ones(300, dtype=np.int64), 3.0 * np.arange(900.0).reshape(300, 3), 0)
