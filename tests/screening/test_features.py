"""Features made from descriptors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.descriptors import DESCRIPTOR_NAMES
from screening.errors import TrainingDataError
from screening.features import FEATURE_NAMES, feature_text, to_features

ROW = [60.0, 2.3, 40.0, 5.0, -16.0, -7.0, 9.0, 2.5, 0.95, 2.0]


def test_the_ten_descriptors_of_the_published_table_make_eight_features() -> None:
    assert (
        *("molar_mass_g_mol", "electronegativity", "polarizability_bohr3", "dipole_debye", "homo_ev", "lumo_ev"),
        *("gap_ev", "radius_angstrom", "tolerance_factor", "n_layers"),
    ) == DESCRIPTOR_NAMES
    assert (
        *("log_molar_mass", "electronegativity", "log_polarizability", "log1p_dipole", "homo_ev", "lumo_ev"),
        *("tolerance_factor", "inverse_n_layers"),
    ) == FEATURE_NAMES


def test_the_layer_number_enters_as_its_inverse_and_3d_is_the_limit() -> None:
    table = np.tile(ROW, (4, 1))
    table[:, -1] = [1.0, 4.0, 100.0, np.inf]
    assert to_features(table)[:, -1].tolist() == [1.0, 0.25, 0.0, 0.0]


@given(st.integers(1, 6), st.integers(0, 5))
def test_a_row_does_not_depend_on_the_others(k: int, at: int) -> None:
    table = np.tile(ROW, (k, 1)) * (1.0 + 0.01 * np.arange(k))[:, None]
    at = min(at, k - 1)
    assert np.array_equal(to_features(table)[at], to_features(table[at : at + 1])[0])


def test_missing_descriptors_stay_missing() -> None:
    told = to_features(np.array([[np.nan] * 9 + [1.0]]))
    assert np.isnan(told[0, :-1]).all()
    assert told.shape == (1, len(FEATURE_NAMES))


@pytest.mark.parametrize(("column", "value"), [(0, 0.0), (2, -1.0), (3, -0.1), (9, 0.5)])
def test_an_impossible_descriptor_is_refused(column: int, value: float) -> None:
    row = [*ROW]
    row[column] = value
    with pytest.raises(TrainingDataError, match=DESCRIPTOR_NAMES[column]):
        to_features(np.array([row]))


def test_nine_columns_are_refused() -> None:
    with pytest.raises(TrainingDataError, match="10 columns"):
        to_features(np.ones((2, 9)))


def test_a_feature_is_told_as_the_descriptor_it_was_made_from() -> None:
    descriptors = np.array([[122.19, 2.38, 98.2, 9.53, -14.2, -10.1, 4.1, 4.2, 1.35, 2.0]])
    told = dict(zip(FEATURE_NAMES, map(feature_text, FEATURE_NAMES, to_features(descriptors)[0]), strict=True))
    assert told == {
        "log_molar_mass": "122 g/mol",
        "electronegativity": "2.38",
        "log_polarizability": "98.2 bohr³",
        "log1p_dipole": "9.53 D",
        "homo_ev": "-14.2 eV",
        "lumo_ev": "-10.1 eV",
        "tolerance_factor": "1.35",
        "inverse_n_layers": "n = 2",
    }
    assert feature_text("inverse_n_layers", 0.0) == "3D"
