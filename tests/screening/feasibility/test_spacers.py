"""The spacer classifier: scored out of fold by scaffold, and no better than chance on shuffled outcomes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from screening.feasibility import ReportedOutcomes
from screening.spacer_feasibility import folds_of_groups, score_spacers


def test_the_published_table_has_one_row_a_cation_and_a_source() -> None:
    table = ReportedOutcomes.published()
    assert len(table.smiles) == len(set(table.smiles)) == 172
    assert len(ReportedOutcomes.published(1).smiles) == 151
    assert set(table.layered.tolist()) == {0, 1}
    assert sum(not doi for doi in table.doi) <= 1
    assert np.isfinite(table.shapes).all()


def test_the_score_is_out_of_fold_and_beats_the_bare_share_of_successes() -> None:
    score = score_spacers()
    assert 0.81 < score.auc < 0.9
    assert score.brier < score.brier_base_rate - 0.05
    assert "scaffolds left out whole" in str(score)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.filterwarnings("ignore:The least populated class")
def test_folds_of_whole_groups_are_those_of_scikit_learn(seed: int) -> None:
    draw = np.random.default_rng(seed)
    layered = draw.permutation(np.arange(60) % 3 > 0).astype(np.int64)
    groups = draw.integers(0, draw.integers(5, 40), 60).astype(str)
    own = folds_of_groups(layered, groups, seed)
    theirs = StratifiedGroupKFold(len(own), shuffle=True, random_state=seed).split(layered, layered, groups)
    for (train, test), (also_train, also_test) in zip(own, theirs, strict=True):
        assert np.array_equal(train, also_train)
        assert np.array_equal(test, also_test)


def test_shuffled_outcomes_score_like_chance() -> None:
    table = ReportedOutcomes.published()
    shuffled = [
        score_spacers(ReportedOutcomes(table.smiles, np.random.default_rng(seed).permutation(table.layered), table.doi))
        for seed in range(5)
    ]
    assert abs(np.mean([score.auc for score in shuffled]) - 0.5) < 0.12
    assert np.mean([score.brier for score in shuffled]) > 0.19
