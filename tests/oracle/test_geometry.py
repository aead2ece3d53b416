"""Geometries as layers hold them: smooth along a series of chains, the same for every seed."""

from __future__ import annotations

import numpy as np
import pytest

from oracle import CationRecord, Protocol
from oracle.compute import compute
from oracle.record import Task


def described(smiles: str, charge: int, **fields: int) -> CationRecord:
    """The record of one cation, computed here."""
    record = compute(Task("UNKNOWNUNKNOWN-UHFFFAOYSA-N", smiles, charge), Protocol(**fields))  # type: ignore[arg-type]
    assert record.ok, record.error
    return record


def test_homo_and_dipole_rise_along_the_alkylammonium_series() -> None:
    series = [described("C" * n + "[NH3+]", 1) for n in (1, 2, 3, 4, 6, 8)]
    assert (np.diff([record.homo_ev for record in series]) > 0.0).all()
    assert (np.diff([record.dipole_debye for record in series]) > 0.0).all()


def test_the_dipoles_of_alkanediammonium_ions_alternate() -> None:
    series = {n: described("[NH3+]" + "C" * n + "[NH3+]", 2) for n in (2, 3, 4, 5)}
    assert (np.diff([record.homo_ev for record in series.values()]) > 0.0).all()
    assert max(series[n].dipole_debye for n in (2, 4)) < 0.1
    assert min(series[n].dipole_debye for n in (3, 5)) > 2.0


def test_another_seed_gives_the_same_descriptors() -> None:
    first, second = (described("[NH3+]CCCc1ccccc1", 1, seed=seed) for seed in (42, 1))
    assert first.homo_ev == pytest.approx(second.homo_ev, abs=0.05)
    assert first.dipole_debye == pytest.approx(second.dipole_debye, abs=0.3)


def test_a_search_that_may_have_missed_the_one_to_keep_says_so() -> None:
    few = compute(Task("UNKNOWNUNKNOWN-UHFFFAOYSA-N", "CCCCCC[NH3+]", 1), Protocol(n_optimised=1, stretch=0.1))
    assert few.ok
    assert any("has not converged" in warning for warning in few.warnings)
    assert not any("has not converged" in w for w in described("CCCC[NH3+]", 1).warnings)
