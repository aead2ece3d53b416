"""Figures show what was measured as measured, and an upper bound as one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from campaigns.report import view as deep_view
from campaigns.report.view import calibration_of, parity_of, progress_figure
from screening.surrogates import TrainingRows

BOUNDS = np.array([False, True, False, False])


def round_of() -> Any:
    """Four rows, one of them a bound that is far from its prediction; the rest is predicted within half its spread."""
    y = np.array([0.0, -2.0, 0.5, 1.0])
    told = {"row": range(4), "y": y, "mean": [0.1, 1.0, 0.6, 1.1], "sd_calibrated": 0.2}
    splits = ("leave_one_compound_out", "leave_one_spacer_out")
    predictions = pd.concat([pd.DataFrame({"split": split, **told}) for split in splits], ignore_index=True)
    dataset = SimpleNamespace(
        censored=BOUNDS,
        table=pd.DataFrame({"phase": ["RP", "RP", "DJ", "3D"]}),
        log10_rate=y,
        noise=np.full(4, 0.05),
        groups=("a", "a", "b", "3D"),
    )
    x = np.arange(8.0).reshape(4, 2)
    training = SimpleNamespace(
        dataset=dataset,
        formulas=("A", "B", "C", "D"),
        x=x,
        rows=TrainingRows.of(x, y, dataset.noise, dataset.groups, censored=BOUNDS),
        descriptors=SimpleNamespace(feature_names=("a", "b")),
        classes={"two_group": ("n = 1 RP", "n = 1 RP", "rest", "rest")},
    )
    validation = SimpleNamespace(predictions=predictions, name="networks_processes")
    return SimpleNamespace(training=training, validation=validation, surrogate=SimpleNamespace(seed=3))


def test_parity_and_calibration_leave_upper_bounds_out() -> None:
    shown = [name for trace in parity_of(round_of()).data for name in trace.text or ()]
    assert sorted(shown) == ["A", "C", "D"]
    lines = [trace for trace in calibration_of(round_of()).data if trace.name]
    assert [trace.name for trace in lines] == ["leave one compound out", "leave one spacer out"]
    for trace in lines:
        assert trace.y[-1] == 1.0  # with the bound at most three of four could lie inside


def test_an_upper_bound_is_no_record() -> None:
    lifetimes = np.array([1.0, 30.0, 2.0, 1.5])
    figure = progress_figure(lifetimes, ("A", "B", "C", "D"), (False, True, True, True), BOUNDS.tolist())
    by_name = {trace.name: trace for trace in figure.data}
    assert by_name["best so far, as it was done"].y.tolist() == [1.0, 1.0, 2.0, 2.0]
    assert list(by_name["upper bound"].text) == ["B"]
    assert "below %{y:.3g} ps" in by_name["upper bound"].hovertemplate
    assert list(by_name["measured here"].text) == ["C", "D"]
    first = progress_figure(lifetimes[::-1], ("D", "C", "B", "A"), (True,) * 4, (True, False, False, False))
    assert np.isnan(first.data[-1].y[0])


def test_the_checks_know_which_rows_are_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    done, asked, told = round_of(), dict[str, Any](), list[tuple[int, int]]()
    splits = ("leave_one_compound_out", "leave_one_spacer_out")
    done.validation.score_cards = {split: SimpleNamespace(r2_log=0.5) for split in splits}

    def card(training: Any, *named: Any, progress: Any, **how: Any) -> Any:
        asked["censored"] = training.censored
        progress(7, 7, "the last part")
        rest = {"baselines": {}, "scrambled_r2_log": (), "spacer_only_r2_log": 0.0, "curve": {}}
        return SimpleNamespace(verdict="weak", validation=done.validation, **rest)

    def replay(table: Any, **how: Any) -> Any:
        asked["rates"], asked["budget"] = table.y.tolist(), how["schedule"].budget
        empty = pd.DataFrame(columns=["strategy", "experiments", "best", "best_low", "best_high"])
        return SimpleNamespace(curves=lambda: empty)

    monkeypatch.setattr("screening.validation.full_score_card", card)
    monkeypatch.setattr("screening.backtest.backtest", replay)
    deep_view.deep_view(done, lambda at, total, note: told.append((at, total)))
    assert asked["censored"].tolist() == BOUNDS.tolist()
    assert asked["rates"] == [0.0, 0.5, 1.0]
    assert asked["budget"] == 3
    assert told == [(7, 8), (7, 8)]


def test_what_the_papers_table_shows_is_said_in_a_sentence() -> None:
    def row(model: str, claimed: float, unseen: float, ours: float = 0.385) -> dict[str, Any]:
        return {"model": model, "claimed": claimed, "out_of_sample": unseen, "ours": ours, "ours_log": 0.552}

    assert deep_view.paper_sentence([]) == ""
    assert deep_view.paper_sentence([row("linear", 0.8, -110.0)]) == ""  # no network, nothing to say about one
    told = deep_view.paper_sentence([row("mlp", 0.93, 0.2), row("mlp", 0.99, 0.404), row("linear", 1.0, 0.1)])
    assert told == (
        "On compounds it has not seen, the paper's network explains 40% of the variation of the rate, not the 99% that "
        "are printed; this engine explains 38% of the rate and 55% of its logarithm."
    )
    assert "network explains 0% of" in deep_view.paper_sentence([row("mlp", 0.99, -110.0)])
