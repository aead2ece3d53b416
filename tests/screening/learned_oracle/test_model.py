"""Descriptors of spacers that are not computed: learnt from drawings, with an error that is measured."""

from __future__ import annotations

import numpy as np
import pytest

from chemspace import CationLibrary
from oracle import Protocol
from oracle.descriptors import DEFAULT_DESCRIPTORS
from oracle.errors import ConformerError
from screening.descriptor_model import DescriptorModel, scaffold_groups
from screening.errors import TrainingDataError
from screening.learned_oracle import (
    SearchPlan,
    SpacerFeatures,
    StartShapes,
    far_spacers,
    first_spacers,
    spacer_features,
)

SMILES = tuple(spacer.smiles for spacer in CationLibrary.builtin().spacers[:150])
NAMES = [descriptor.name for descriptor in DEFAULT_DESCRIPTORS.of_cations]


@pytest.fixture(scope="module")
def features() -> SpacerFeatures:
    return spacer_features(SMILES)


@pytest.fixture(scope="module")
def values(features: SpacerFeatures) -> np.ndarray:
    """Made-up descriptors: mass and electronegativity true, polarizability a sum over the ion, HOMO with noise."""
    noise = np.random.default_rng(0).normal(size=(len(SMILES), 3))
    mass, chi = features.formula.T
    extent = features.numbers[:, -23]
    homo = -16.0 + 0.03 * mass + 0.3 * noise[:, 0]
    lumo = homo + 6.0 + 0.2 * noise[:, 1]
    alpha, radius = 0.9 * mass, 1.0 + 0.5 * extent
    return np.column_stack([mass, chi, alpha, np.abs(3.0 * noise[:, 2]), homo, lumo, lumo - homo, radius])


def model_of(features: SpacerFeatures, values: np.ndarray, rows: np.ndarray) -> DescriptorModel:
    groups = scaffold_groups([SMILES[row] for row in rows])
    return DescriptorModel(features.take(rows), values[rows], groups, DEFAULT_DESCRIPTORS, 0)


def test_features_do_not_depend_on_how_many_are_read_together(features: SpacerFeatures) -> None:
    again = spacer_features(SMILES[40:60])
    np.testing.assert_array_equal(again.numbers, features.numbers[40:60])
    assert (again.counts != features.counts[40:60]).nnz == 0
    assert len(spacer_features(())) == 0


def test_a_start_geometry_tells_the_dipole_that_no_drawing_tells_and_is_worked_out_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stretched = StartShapes(Protocol())
    straight, methyl = stretched(["[NH3+]CCCC[NH3+]", "C[NH3+]"])
    assert straight[:2] == pytest.approx(0.0, abs=0.1)  # drawn out, an inversion centre
    assert methyl[0] ** 2 == pytest.approx(1.5 * 15 / 32, abs=0.05)  # N from the centre of CH3 and NH3, C-N 1.5 A
    monkeypatch.setattr("screening.descriptor_model.start_geometries", no_geometry)
    np.testing.assert_array_equal(stretched(["C[NH3+]", "[NH3+]CCCC[NH3+]"]), [methyl, straight])
    assert np.isnan(stretched(["CC[NH3+]"])).all()
    assert stretched(()).shape == (0, 4)


def no_geometry(*_: object) -> None:
    raise ConformerError("none")


def test_formula_numbers_are_those_of_the_oracle() -> None:
    # methylammonium, CH6N+: 12.011 + 6 x 1.008 + 14.007 g/mol; mean of 2.55, 6 x 2.20 and 3.04 (Pauling)
    np.testing.assert_allclose(spacer_features(["C[NH3+]"]).formula, [[32.066, (2.55 + 6 * 2.20 + 3.04) / 8]])


def test_what_the_drawing_tells_is_predicted_and_what_it_does_not_tell_is_said(
    features: SpacerFeatures, values: np.ndarray
) -> None:
    learnt = np.arange(0, 150, 2)
    model = model_of(features, values, learnt)
    scores = {score.name: score for score in model.scores}
    assert set(scores) == set(NAMES) - {"molar_mass_g_mol", "electronegativity"}
    assert scores["polarizability_bohr3"].r2 > 0.95
    assert scores["homo_ev"].r2 > 0.8
    assert scores["dipole_debye"].r2 < 0.3
    predicted = model.predict(features)
    other = np.arange(1, 150, 2)
    homo = NAMES.index("homo_ev")
    error = np.abs(predicted.values[other, homo] - values[other, homo])
    inside = error < 1.645 * predicted.sd[other, homo]
    assert 0.75 < inside.mean() <= 1.0


def test_what_follows_from_the_formula_is_certain(features: SpacerFeatures, values: np.ndarray) -> None:
    predicted = model_of(features, values, np.arange(60)).predict(features)
    np.testing.assert_allclose(predicted.values[:, :2], features.formula, rtol=1e-5)
    assert not predicted.sd[:, :2].any()
    np.testing.assert_allclose(predicted.draw((0, 1))[:, :2], features.formula, rtol=1e-5)


def test_draws_follow_the_seed_and_keep_positive_numbers_positive(features: SpacerFeatures, values: np.ndarray) -> None:
    predicted = model_of(features, values, np.arange(60)).predict(features)
    one, same, other = (predicted.draw((0, number)) for number in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    assert one[:, [0, 1, 2, 3, 7]].min() > 0.0
    assert predicted.draw((0, 1), np.array([3, 5])).shape == (2, len(NAMES))


def test_failures_do_not_train(features: SpacerFeatures, values: np.ndarray) -> None:
    rows = np.arange(60)
    broken = values.copy()
    broken[::10] = np.nan
    assert model_of(features, broken, rows).n_rows == 54
    with pytest.raises(TrainingDataError, match="7 computed spacers have descriptors; a learned oracle needs 8"):
        model_of(features, values, rows[:7])


def test_identical_drawings_with_different_descriptors_are_averaged(
    features: SpacerFeatures, values: np.ndarray
) -> None:
    twice = features.take(np.array([0, 0] * 6 + list(range(20))))
    told = np.vstack([np.tile(values[:1], (12, 1)), values[:20]])
    told[:12:2, 4] += 1.0
    model = DescriptorModel(twice, told, np.zeros(32, np.int64), DEFAULT_DESCRIPTORS, 0)
    homo = model.predict(features.take(np.array([0]))).values[0, 4]
    assert values[0, 4] < homo < values[0, 4] + 1.0


def test_one_kind_of_spacer_alone_can_be_learnt_from(features: SpacerFeatures, values: np.ndarray) -> None:
    same = features.take(np.zeros(10, np.int64))
    model = DescriptorModel(same, np.tile(values[:1], (10, 1)), np.zeros(10, np.int64), DEFAULT_DESCRIPTORS, 0)
    np.testing.assert_allclose(model.predict(same).values, np.tile(values[:1], (10, 1)), rtol=1e-5)


def test_errors_out_of_fold_are_those_of_models_that_never_saw_the_fold(
    features: SpacerFeatures, values: np.ndarray
) -> None:
    from screening.descriptor_model import BayesianRegressions

    random = np.random.default_rng(1)
    z = random.normal(size=(30, 12))
    y = z @ random.normal(size=(12, 2)) + 0.1 * random.normal(size=(30, 2))
    fold = np.arange(7, 15)
    whole = BayesianRegressions(z, y)
    error, sd = whole.left_out(y, [fold, np.setdiff1d(np.arange(30), fold)])
    left = np.delete(z, fold, axis=0)
    for column in range(2):
        noise = whole.noise[column]
        inverse = np.linalg.inv(left.T @ left + noise * np.eye(12))
        mean = z[fold] @ inverse @ left.T @ np.delete(y, fold, axis=0)[:, column]
        spread = np.sqrt(whole.signal[column] * noise * (1.0 + (z[fold] @ inverse * z[fold]).sum(axis=1)))
        np.testing.assert_allclose(error[fold, column], y[fold, column] - mean, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(sd[fold, column], spread, rtol=1e-6)


def test_spacers_unlike_anything_computed_are_found_and_one_of_a_kind_suffices() -> None:
    smiles = [f"{'C' * n}C[NH3+]" for n in range(2, 14)] + ["FC(F)(F)c1ccc(C[NH3+])s1", "FC(F)(F)c1ccc(CC[NH3+])s1"]
    features = spacer_features(smiles)
    computed = np.array([True] * 12 + [False] * 2)
    (first,) = far_spacers(features, computed, 5)
    assert first in (12, 13)
    assert len(far_spacers(features, computed, 0)) == 0
    assert len(far_spacers(features, np.ones(14, np.bool_), 5)) == 0


def test_the_first_sample_has_as_many_of_each_charge_and_all_of_a_rare_one() -> None:
    charges, computed = np.array([1] * 300 + [2] * 40), np.arange(340) < 10
    first = first_spacers(computed, charges, 400, 3)
    assert np.bincount(charges[first]).tolist() == [0, 25, 25]
    assert not computed[first].any()
    assert np.bincount(charges[first_spacers(computed, charges, 1000, 3)]).tolist() == [0, 100, 40]


def test_a_draw_of_a_small_space_costs_no_more_than_a_pass_over_it() -> None:
    plan, smiles = SearchPlan(n_spacers=14, n_known=0, budget=5), SMILES[:14]
    one, two = (plan.cost(smiles, seconds, 14, Protocol())[0] for seconds in (1000.0, 2000.0))
    assert two - one < plan.n_rounds * 1000.0 * 150  # passes a round, its 128 draws among them
