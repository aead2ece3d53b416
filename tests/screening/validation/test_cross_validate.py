"""Out-of-fold scores: nothing leaks, shuffled targets score nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from screening.errors import ScreeningError, TrainingDataError
from screening.surrogate import fit_surrogate
from screening.surrogates import TrainingRows
from screening.surrogates.registry import get_recipe
from screening.validation import Validation, cross_validate, out_of_fold
from tests.screening.rows import published_rows, smooth_rows

ROWS = smooth_rows()


@pytest.fixture(scope="module")
def published() -> Validation:
    rows = published_rows()
    return cross_validate(rows.training)


def test_every_row_is_predicted_once_a_split(published: Validation) -> None:
    for _, frame in published.predictions.groupby("split"):
        assert sorted(frame["row"]) == list(range(47))
    assert set(published.score_cards) == {"leave_one_compound_out", "leave_one_spacer_out"}


def test_the_shipped_default_scores_what_the_documentation_says(published: Validation) -> None:
    one, spacer = published.score_cards["leave_one_compound_out"], published.score_cards["leave_one_spacer_out"]
    assert one.r2_log > 0.58
    assert spacer.r2_log > 0.55
    assert 0.85 <= one.coverage_90 <= 0.95
    assert 0.85 <= spacer.coverage_90 <= 0.95
    assert "honest" in published.grade
    assert "do not trust single predictions" in published.grade


def test_shuffled_targets_score_near_zero_or_below() -> None:
    rows = published_rows()
    scores = []
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(47)
        told = cross_validate(TrainingRows.of(rows.x, rows.y[order], rows.noise[order]), seed=seed, splits=("k_fold",))
        scores.append(told.score_cards["k_fold"].r2_log)
    assert np.mean(scores) < 0.1
    assert max(scores) < 0.3


def test_a_rows_target_never_reaches_its_own_prediction() -> None:
    changed = ROWS.y.copy()
    changed[4] += 3.0
    before = cross_validate(ROWS.training, splits=("leave_one_out",)).predictions
    after = cross_validate(replace(ROWS.training, y=changed), splits=("leave_one_out",)).predictions
    mean = "mean"
    assert before[mean][4] == pytest.approx(after[mean][4], abs=1e-9)
    assert before["sd_calibrated"][4] == pytest.approx(after["sd_calibrated"][4], rel=0.3)
    assert before[mean][5] != after[mean][5]


def test_a_spacer_left_out_is_left_out_whole() -> None:
    changed = ROWS.y.copy()
    changed[:2] += 3.0
    training = TrainingRows.of(ROWS.x, ROWS.y, groups=ROWS.groups)
    before = cross_validate(training, "gp", splits=("leave_one_spacer_out",)).predictions
    after = cross_validate(replace(training, y=changed), "gp", splits=("leave_one_spacer_out",)).predictions
    assert np.allclose(before["mean"][:2], after["mean"][:2], atol=1e-9)


def test_predictions_repeat_to_the_bit() -> None:
    told = [cross_validate(ROWS.training, seed=3).predictions for _ in range(2)]
    assert told[0].equals(told[1])


def test_what_a_fold_predicts_for_the_rows_it_left_out_is_known_without_another_fit() -> None:
    rows = smooth_rows().training
    validation = cross_validate(rows, "gp", seed=1)
    test = validation.refits[0][0]
    ((mean, sd),) = out_of_fold(get_recipe("gp"), rows, [test], 1)
    known = validation.without(test)
    assert known is not None
    assert known[0] == pytest.approx(mean, abs=1e-6)
    assert known[1] == pytest.approx(sd, abs=1e-6)
    assert validation.without(np.array([0, rows.n_rows - 1])) is None
    assert replace(validation, refits=[]).without(test) is None


def test_a_holdout_predicts_only_its_test_rows() -> None:
    told = cross_validate(TrainingRows.of(ROWS.x, ROWS.y), name="gp", holdouts={"last_four": [np.arange(20, 24)]})
    frame = told.predictions[told.predictions["split"] == "last_four"]
    assert list(frame["row"]) == [20, 21, 22, 23]
    assert told.score_cards["last_four"].n_rows == 4


def test_its_errors_serve_the_recalibration_of_the_final_fit() -> None:
    told = cross_validate(ROWS.training, seed=2, name="gp")
    reused = fit_surrogate(ROWS.training, seed=2, name="gp", validation=told)
    fresh = fit_surrogate(ROWS.training, seed=2, name="gp")
    assert reused.calibration == pytest.approx(fresh.calibration, rel=1e-9)
    with pytest.raises(TrainingDataError, match="validation"):
        fit_surrogate(ROWS.training, name="ensemble", validation=told)


def test_equal_targets_cannot_be_judged() -> None:
    told = cross_validate(TrainingRows.of(ROWS.x, np.zeros(24), ROWS.noise, ROWS.groups), name="gp")
    assert "cannot be judged" in told.grade
    assert told.to_dict()["score_cards"]["leave_one_compound_out"]["r2_log"] is None


def test_progress_counts_to_the_end() -> None:
    calls: list[tuple[int, int]] = []
    cross_validate(
        TrainingRows.of(ROWS.x, ROWS.y), name="gp", progress=lambda done, total, note: calls.append((done, total))
    )
    assert calls[-1][0] == calls[-1][1]


def test_one_group_and_unknown_splits_are_refused() -> None:
    with pytest.raises(ScreeningError, match="one group"):
        cross_validate(TrainingRows.of(ROWS.x, ROWS.y, groups=["same"] * 24))
    with pytest.raises(ScreeningError, match="leave_one_out"):
        cross_validate(TrainingRows.of(ROWS.x, ROWS.y), splits=("bootstrap",))


def test_thousands_of_folds_are_refused_with_the_way_out() -> None:
    many = smooth_rows(k=1200)
    with pytest.raises(ScreeningError, match="k_fold"):
        cross_validate(TrainingRows.of(many.x, many.y), splits=("leave_one_out",))
