"""Measured descriptors from crystal structures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chemspace import parse_formula
from chemspace.crystal import build_structure, structure_descriptors, write_structure
from screening.crystals import (
    MEASURED_COLUMNS,
    STRUCTURE_COLUMNS,
    measured_features,
    measured_from_structures,
    merge_measured,
)
from screening.errors import DatasetError


@pytest.fixture(scope="module")
def cif(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cif") / "pea.cif"
    write_structure(build_structure(parse_formula("(PEA)2PbI4")), path)
    return path


def test_a_cif_fills_the_columns_of_the_table(cif: Path) -> None:
    told = measured_from_structures({"mine": cif})
    assert set(STRUCTURE_COLUMNS) < set(MEASURED_COLUMNS)
    values, complete = measured_features(["mine"], told, tuple(STRUCTURE_COLUMNS))
    crystal = structure_descriptors(cif)
    assert complete.tolist() == [True]
    assert values[0].tolist() == [
        crystal.layer_spacing_angstrom,
        crystal.volume_per_formula_angstrom3,
        crystal.mean_bridge_angle_deg,
        crystal.mean_bond_angstrom,
    ]
    assert 2.9 < values[0, 3] < 3.5


def test_a_file_that_is_no_crystal_is_named_with_its_material(tmp_path: Path) -> None:
    broken = tmp_path / "broken.cif"
    broken.write_text("data_nothing\n")
    with pytest.raises(DatasetError, match=r"'mine'.*broken.cif"):
        measured_from_structures({"mine": broken})
    with pytest.raises(DatasetError, match="no such file"):
        measured_from_structures({"mine": tmp_path / "absent.cif"})


def test_structures_fill_the_gaps_of_a_table_and_add_materials() -> None:
    table = pd.DataFrame({"material_id": ["a", "b"], "band_gap_ev": [2.3, 2.4], "b_x_distance_angstrom": [3.2, None]})
    crystals = pd.DataFrame({"material_id": ["b", "c"], "b_x_distance_angstrom": [3.1, 3.3]})
    told = merge_measured(table, crystals).set_index("material_id")
    assert told["b_x_distance_angstrom"].tolist() == [3.2, 3.1, 3.3]
    assert told.loc["a", "band_gap_ev"] == 2.3
    assert np.isnan(told.loc["c", "band_gap_ev"])


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"material_id": ["a", "a"], "b_x_distance_angstrom": [3.2, 3.2]}, "'a' stands in the table twice"),
        ({"material_id": ["a", "b"], "b_x_distance_angstrom": [3.2, "long"]}, "'b', column 'b_x_distance_angstrom'"),
        ({"name": ["a"]}, "no column 'material_id'"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_before_it_is_merged(table: dict[str, list[object]], says: str) -> None:
    crystals = pd.DataFrame({"material_id": ["a"], "b_x_distance_angstrom": [3.2]})
    with pytest.raises(DatasetError, match=says):
        merge_measured(pd.DataFrame(table), crystals)


def test_a_table_that_contradicts_a_structure_is_refused() -> None:
    table = pd.DataFrame({"material_id": ["a"], "b_x_distance_angstrom": [32.0]})
    crystals = pd.DataFrame({"material_id": ["a"], "b_x_distance_angstrom": [3.2]})
    with pytest.raises(DatasetError, match=r"'a', column 'b_x_distance_angstrom': the table says 32, its"):
        merge_measured(table, crystals)
