"""Advice on stopping compares with the last round, by the latent spread; the best observed is no lucky crystal."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns import Campaign
from campaigns.events import Stage
from campaigns.round import stop_advice, top_list
from campaigns.training import compound_rates
from chemspace import parse_formula
from screening.ranking import advise_stopping
from screening.strategies.strategy import latent_sd, unexplained_variance


def _agreement(campaign: Campaign) -> str:
    return campaign.retrain().stop_advice[-1]


def test_every_fit_is_compared_with_the_last_round_until_there_is_another(campaign: Campaign, results: Path) -> None:
    first = campaign.fit()
    assert first is not None
    assert "no earlier round" in first.stop_advice[-1]
    top = top_list(campaign.round().ranking)
    made, other = (suggestion.formula for suggestion in campaign.state.batches[0].suggestions[:2])
    results.write_text(f"formula,lifetime_ps\n{made},40\n", encoding="utf-8")
    campaign.ingest(results)
    fresh = _agreement(campaign)
    shared = set(top) & set(top_list(campaign.round().ranking))
    assert f"{len(shared) / len(top):.0%} of it was there a round ago" in fresh
    campaign.step(other, Stage.MIXED_PHASES)
    assert campaign.state.top_before(campaign.retrain().data_key) == top
    campaign.suggest()
    assert campaign.state.top_before("other data") == top_list(campaign.round().ranking)


def test_the_advice_is_by_the_latent_spread(campaign: Campaign) -> None:
    fitted = campaign.round()
    frame, top = fitted.ranking.frame, top_list(fitted.ranking)
    sd = latent_sd(frame["sd"].to_numpy(), unexplained_variance(fitted.surrogate))
    assert (sd < frame["sd"]).all()
    told = stop_advice(fitted, top)
    assert told == advise_stopping(frame["mean"].to_numpy(), sd, fitted.ranking.best_observed, top, top)
    assert 0 < len(top) <= 20


def test_the_best_observed_is_the_mean_of_a_compound_s_crystals(campaign: Campaign, results: Path) -> None:
    made = campaign.state.batches[0].suggestions[0].formula
    crystals = [(400.0, 300.0, "a"), (1.2, 0.1, "b"), (1.1, 0.1, "c"), (1.3, 0.1, "d")]
    rows = "".join(f"{made},{lifetime},{error},{sample}\n" for lifetime, error, sample in crystals)
    before = campaign.best_observed()
    results.write_text(f"formula,lifetime_ps,lifetime_stderr_ps,sample\n{rows}", encoding="utf-8")
    campaign.ingest(results, accept_extreme=True)
    assert campaign.best_observed() == before
    rate = compound_rates(campaign.dataset())[parse_formula(made, campaign.names)]
    assert 10.0**-rate == pytest.approx(1.2, rel=0.1)
    assert 10.0 ** -campaign.round().training.best_inside(campaign.space) == pytest.approx(before[1] if before else 0.0)
