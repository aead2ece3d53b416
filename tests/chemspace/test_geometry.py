"""Geometric rules of the layers, against published values."""

from __future__ import annotations

import numpy as np
import pytest

from chemspace import CationLibrary
from chemspace.errors import UnknownRadiusError
from chemspace.geometry import cage_tolerance_factor, effective_radius, octahedral_factor, tolerance_factor

LIBRARY = CationLibrary.builtin()


def test_tolerance_factor_of_the_published_table() -> None:
    # (r_o + 2.20) / (sqrt2 x 3.39): a radius of 4 angstrom gives 1.2932
    assert tolerance_factor(4.0, "Pb", "I") == pytest.approx(6.2 / (2**0.5 * 3.39))
    assert tolerance_factor(np.array([[1.0, 2.0]]), "Sn", "Br").shape == (1, 2)


def test_classical_tolerance_factors_of_lead_iodides() -> None:
    # (r + 2.20) / (sqrt2 x 3.39) with the effective radii of Kieslich et al. 2014 and, for Cs, Shannon's
    assert cage_tolerance_factor(LIBRARY["MA"]) == pytest.approx(0.91, abs=0.005)
    assert cage_tolerance_factor(LIBRARY["FA"]) == pytest.approx(0.99, abs=0.005)
    assert cage_tolerance_factor(LIBRARY["GA"]) == pytest.approx(1.04, abs=0.005)
    assert cage_tolerance_factor(LIBRARY["Cs"]) == pytest.approx(0.85, abs=0.005)


def test_octahedral_factors() -> None:
    assert octahedral_factor("Pb", "I") == pytest.approx(0.541, abs=0.001)
    assert octahedral_factor("Ge", "I") < 0.414


def test_radius_that_is_not_tabulated_is_an_error() -> None:
    with pytest.raises(UnknownRadiusError, match="PEA"):
        effective_radius(LIBRARY["PEA"])
    with pytest.raises(UnknownRadiusError, match="'F'"):
        octahedral_factor("Pb", "F")
