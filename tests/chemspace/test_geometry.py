"""Geometric rules of the layers and shapes of spacers, against published values."""

from __future__ import annotations

import numpy as np
import pytest

from chemspace import CationLibrary, GeometryError
from chemspace.errors import UnknownRadiusError
from chemspace.geometry import (
    SQUARE_SIDE,
    cage_tolerance_factor,
    effective_radius,
    fits_square,
    mmff_geometry,
    octahedral_factor,
    penetration_length,
    propensity,
    spacer_shape,
    tolerance_factor,
)

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


def test_longer_chains_are_longer_and_no_wider() -> None:
    shapes = [spacer_shape(LIBRARY[name]) for name in ("PA", "BA", "HxA", "OA")]
    lengths = [shape.length_angstrom for shape in shapes]
    assert lengths == sorted(lengths)
    assert all(15 < shape.cross_section_angstrom2 < 32 for shape in shapes)
    assert shapes[0].width_angstrom == pytest.approx((4 * shapes[0].cross_section_angstrom2 / np.pi) ** 0.5)


def test_extended_phenethylammonium_is_about_seven_angstrom_long() -> None:
    assert spacer_shape(LIBRARY["PEA"]).length_angstrom == pytest.approx(7.0, abs=0.8)


def test_common_spacers_fit_the_square_and_diphenylammonium_does_not() -> None:
    assert all(fits_square(LIBRARY[name]) for name in ("PEA", "BA", "BZA", "ThMA", "BDA", "F-PEA"))
    assert not any(fits_square(LIBRARY[name]) for name in ("DiPhA", "TEPPD"))


def test_a_ring_of_eight_carbons_fits_the_iodides_square_and_not_the_smaller_one_of_bromides() -> None:
    area = spacer_shape(LIBRARY["COA"]).cross_section_angstrom2
    assert SQUARE_SIDE["Br"] ** 2 < area < SQUARE_SIDE["I"] ** 2
    assert fits_square(LIBRARY["COA"], "I")
    assert not fits_square(LIBRARY["COA"], "Br")


def test_primary_heads_sink_in_and_substituted_ones_do_not() -> None:
    assert all(penetration_length(LIBRARY[name]) > 1.5 for name in ("PEA", "BA", "AN"))
    assert all(penetration_length(LIBRARY[name]) == 0.0 for name in ("DiEA", "PIP", "HTMA"))


def test_given_geometry_is_used_and_checked() -> None:
    pea = LIBRARY["PEA"]
    _, coordinates = mmff_geometry(pea)
    turned = coordinates[:, [1, 2, 0]] + 5.0
    assert spacer_shape(pea, turned).length_angstrom == pytest.approx(spacer_shape(pea).length_angstrom)
    with pytest.raises(GeometryError, match="do not fit"):
        spacer_shape(pea, coordinates[:-1])


def test_rules_say_phase_source_and_validity() -> None:
    assert [rule.phase for rule in propensity(LIBRARY["PEA"])] == ["RP"]
    assert [rule.phase for rule in propensity(LIBRARY["BDA"])] == ["DJ"]
    assert [rule.phase for rule in propensity(LIBRARY["GA"], LIBRARY["MA"])] == ["ACI", "RP"]
    assert [rule.phase for rule in propensity(LIBRARY["F-PMA"])] == ["DJ", "RP"]
    for rule in propensity(LIBRARY["F-PMA"]) + propensity(LIBRARY["GA"], LIBRARY["MA"]):
        assert "doi" in rule.source
        assert rule.validity


def test_rules_say_where_they_do_not_hold() -> None:
    with pytest.raises(GeometryError, match="no measured square"):
        fits_square(LIBRARY["PEA"], "Cl")
    with pytest.raises(GeometryError, match="no axis"):
        spacer_shape(LIBRARY["Cs"])
