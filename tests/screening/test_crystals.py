"""Crystals that are filed, and the band gap of any compound."""

from __future__ import annotations

import numpy as np
import pytest

from chemspace import CationLibrary, Compound
from chemspace.formula import parse_formula
from screening import SpinDataset
from screening.crystals import (
    CRYSTAL_COLUMNS,
    band_gap,
    crystal_columns,
    crystal_table,
    filed_crystal,
    gap_rows,
    usual_bridge_angle,
)
from screening.features import FEATURE_NAMES


def features(formula: str) -> np.ndarray:
    """Those of the table."""
    rows = crystal_table().set_index("formula").loc[[formula]]
    return rows[list(FEATURE_NAMES)].to_numpy(dtype=float)[0]


def test_every_formula_of_the_table_is_the_compound_of_its_columns() -> None:
    table = crystal_table()
    spacers = dict(zip(table["formula"], table["spacer_inchikey"], strict=True))
    for formula in ("(PEA)2PbBr4", "(BA)2(MA)4Pb5I16", "(4AMP)(MA)2Pb3I10"):
        assert parse_formula(formula).spacer.inchikey == spacers[formula]  # type: ignore[union-attr]  # layered
    assert len(table) == 328
    assert np.isfinite(table[list(FEATURE_NAMES)].to_numpy(dtype=float)).all()
    assert table["band_gap_ev"].notna().sum() == 321


def test_what_is_filed_is_the_mean_over_the_crystals_of_one_compound() -> None:
    found = filed_crystal(parse_formula("(EOA)2PbI4"))
    assert found is not None
    assert (found.files, found.band_gap_ev) == ((76, 271), 2.145)
    assert filed_crystal(parse_formula("MAPbI3")) is None
    assert filed_crystal(Compound.of(CationLibrary.builtin()["PEA"], None, n_layers=1, b_site="Ge")) is None


def test_27_of_the_rows_that_train_have_a_crystal_and_23_a_gap() -> None:
    known = np.isfinite(crystal_columns(SpinDataset.published().trainable().compounds))
    assert known[:, 1:].all(axis=1).sum() == 27
    assert known.all(axis=1).sum() == 23
    assert known.shape[1] == len(CRYSTAL_COLUMNS)


def test_a_gap_is_predicted_by_other_spacers_within_its_interval() -> None:
    told = band_gap(parse_formula("(PEA)2PbBr4"), features("(PEA)2PbBr4"))
    assert told is not None
    assert told.filed_ev is not None
    assert told.predicted_ev == pytest.approx(told.filed_ev, abs=0.15)
    assert told.low_ev < told.filed_ev < told.high_ev  # type: ignore[operator]  # they are predicted
    assert "predicted from the crystals of other spacers" in str(told)


def test_without_descriptors_a_gap_is_filed_or_unknown() -> None:
    filed = band_gap(parse_formula("(EOA)2PbI4"), None)
    assert str(filed) == "2.15 eV filed (crystal 76, 271 of doi 10.1039/d5dd00163c)"
    assert band_gap(parse_formula("(EOA)2(FA)3Pb4I13"), None) is None


def test_repeats_of_a_compound_are_one_row_of_what_the_gap_is_learnt_from() -> None:
    inputs, gaps, spacers, ions = gap_rows()
    assert inputs.shape == (len(gaps), len(FEATURE_NAMES) + 3)
    assert len(gaps) == 223
    assert set(ions) == {"PbI", "PbBr", "PbCl", "SnI", "SnBr"}
    assert len(set(spacers)) > 100


def test_how_far_octahedra_tilt_is_the_median_of_the_crystals_of_that_halide_and_n() -> None:
    table = crystal_table()
    bromides = table[(table["halide"] == "Br") & (table["n_layers"] == 1)]["b_x_b_angle_deg"]
    told = usual_bridge_angle(parse_formula("(PEA)2PbBr4"))
    assert told is not None
    assert (told.degrees, told.n_crystals) == (pytest.approx(bromides.median()), len(bromides))
    thick = usual_bridge_angle(parse_formula("(BA)2(MA)6Pb7I22"))  # two crystals of n = 7, one of 6, two of 5
    assert thick is not None
    assert thick.n_layers == 4
    assert "filed layered I crystals with n = 4" in str(thick)
    assert usual_bridge_angle(parse_formula("MAPbI3")) is None
    assert usual_bridge_angle(parse_formula("(PEA)2PbI2Br2")) is None
