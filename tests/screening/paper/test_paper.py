"""The paper's protocol and the table of scores."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

from screening.calibration import fit_scale
from screening.dataset import SpinDataset, published_descriptors
from screening.paper import (
    CLAIMS,
    GRID,
    PAPER_SPLITS,
    NetworkScores,
    Setting,
    Table,
    default_table,
    filed_table,
    fit_predict,
    network_scores,
    reproduce,
)
from screening.validation import compare_paths, score

SETTING = Setting((20,), "relu", 1e-3)


def test_the_grid_is_the_scripts() -> None:
    assert len(GRID) == 36
    assert len(set(GRID)) == 36


def test_the_network_fits_its_training_rows_as_well_as_scikit_learns() -> None:
    _, x = published_descriptors(as_filed=True)
    rate = SpinDataset.published().rows["rate_per_ps"].to_numpy()
    own = fit_predict(x, rate, np.ones((1, 52), dtype=bool), [SETTING], 44)[0, 0]
    z = (x - x.mean(0)) / x.std(0)
    theirs = MLPRegressor(hidden_layer_sizes=(20,), alpha=1e-3, max_iter=5000, random_state=44)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = np.maximum(theirs.fit(z, rate).predict(z), 0.0)
    total = ((rate - rate.mean()) ** 2).sum()
    scores = [1.0 - ((rate - told) ** 2).sum() / total for told in (own, fitted)]
    assert min(scores) > 0.9
    assert abs(scores[0] - scores[1]) < 0.05


@pytest.fixture(scope="module")
def alone() -> NetworkScores:
    """One setting on the filed table."""
    return network_scores(filed_table(), 44, [SETTING])


def test_the_protocol_scores_training_rows_high_and_unseen_rows_low(alone: NetworkScores) -> None:
    cards = alone.cards
    assert set(cards) == set(PAPER_SPLITS)
    assert cards["in_sample"].r2_rate > 0.9
    assert cards["leave_one_out"].r2_rate < 0.6
    assert cards["leave_one_spacer_out"].r2_rate < 0.6


def test_a_held_out_row_does_not_train_the_network() -> None:
    table = filed_table()
    mask = np.ones((1, 52), dtype=bool)
    mask[0, 3] = False
    other = table.rate.copy()
    other[3] = 50.0
    a, b = (fit_predict(table.descriptors, rate, mask, [SETTING], 0) for rate in (table.rate, other))
    assert np.array_equal(a, b)


def _noise() -> Table:
    """Sixteen rows of noise: what fits them best predicts them worst."""
    generator = np.random.default_rng(0)
    noise = {"descriptors": generator.normal(size=(16, 10)), "rate": generator.uniform(0.5, 1.5, size=16)}
    halves = {"groups": ("a", "b") * 8, "compounds": tuple("abcdefghijklmnop"), "synthesised": np.arange(16) < 4}
    return replace(filed_table(), **noise, **halves)  # type: ignore[arg-type]  # fields by name


BOLD, TIMID = (Setting((20,), "relu", alpha) for alpha in (1e-4, 1e2))


@pytest.fixture(scope="module")
def chosen() -> NetworkScores:
    return network_scores(_noise(), 0, [BOLD, TIMID])


def test_the_setting_is_chosen_by_leave_one_out_error_not_by_the_fit(chosen: NetworkScores) -> None:
    assert chosen.setting == TIMID


def test_the_interval_of_a_row_knows_the_errors_of_the_other_rows_alone(chosen: NetworkScores) -> None:
    table, rows = _noise(), np.arange(16)
    masks = np.vstack([np.ones((1, 16), dtype=bool), ~np.eye(16, dtype=bool)])
    told = fit_predict(table.descriptors, table.rate, masks, [TIMID], 0)[0, 1 + rows, rows]
    mean = np.log10(np.maximum(told, 0.5 * table.rate.min()))
    others = [np.delete(mean - table.y, row) for row in rows]
    spread = np.array([np.sqrt((error**2).mean()) for error in others])
    sd = spread * [fit_scale(error, np.full(15, s)) for error, s in zip(others, spread, strict=True)]
    assert chosen.cards["leave_one_out"].nlpd == pytest.approx(score(table.y, mean, sd).nlpd, rel=1e-5)


def test_tables_are_the_filed_rows_and_the_default_rows() -> None:
    assert len(filed_table().rate) == 52
    assert len(default_table().rate) == 47
    assert filed_table().synthesised.sum() == 14
    holdouts = filed_table().holdouts(0)
    assert [t.size for t in holdouts["train45_test7"]] == [7] * 10
    assert all(len(set(t.tolist())) == 7 for t in holdouts["train45_test7"])
    (synthesised,) = holdouts["train38_test14"]
    assert synthesised.tolist() == np.flatnonzero(filed_table().synthesised).tolist()


def test_the_answer_is_json_with_every_model_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screening.paper.compare_paths", partial(compare_paths, name="gp"))  # the quickest surrogate
    told = json.loads(json.dumps(reproduce(models=("gp", "two_group")).to_dict()))
    assert len(told["claims"]) == len(CLAIMS)
    assert [len(path["rows"]) for path in told["paths"].values()] == [27, 23]
    for models in (told["models"], told["default_rows"]):
        assert set(models) == {"gp", "two_group"}
        for splits in models.values():
            assert set(splits) == set(PAPER_SPLITS)
            for card in splits.values():
                assert {"r2_log", "r2_rate", "mae_log", "spearman", "nlpd", "coverage_90"} <= set(card)
    assert told["models"]["two_group"]["leave_one_out"]["r2_log"] == pytest.approx(0.47, abs=0.01)
    assert told["models"]["gp"]["in_sample"]["r2_log"] > told["models"]["gp"]["leave_one_out"]["r2_log"]
