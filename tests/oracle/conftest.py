"""Cations and quick protocols shared by the tests of the oracle."""

from __future__ import annotations

from pathlib import Path

import pytest

from chemspace import Cation
from oracle import OracleStore, Protocol

#: Small cations, milliseconds each.
SMALL = ("C[NH3+]", "CC[NH3+]", "NC=[NH2+]", "OCC[NH3+]", "[NH3+]CC[NH3+]", "C[NH2+]C")

#: Takes seconds: something to interrupt.
SLOW = "[NH3+]" + "C" * 18


@pytest.fixture(scope="session")
def quick() -> Protocol:
    """One conformer, one optimisation."""
    return Protocol(n_conformers=1, n_optimised=1)


@pytest.fixture(scope="session")
def lowest_in_gas() -> Protocol:
    """The same in the gas phase, by energy alone: where golden values were taken."""
    return Protocol(n_conformers=1, n_optimised=1, conformer_solvent=None, stretch=0.0)


@pytest.fixture(scope="session")
def small() -> list[Cation]:
    """Six cations of few atoms."""
    return [Cation.from_smiles(smiles) for smiles in SMALL]


@pytest.fixture
def store(tmp_path: Path) -> OracleStore:
    """An empty store."""
    return OracleStore(tmp_path / "oracle.db")
