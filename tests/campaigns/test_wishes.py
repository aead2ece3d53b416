"""A described compromise: wishes with weights, refused hazards, and batches by any acquisition, from file to batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from campaigns import Campaign, CampaignConfig
from campaigns.config import BudgetRules, Objective, WeighedWish
from campaigns.description import read_description
from campaigns.errors import ConfigError
from campaigns.plan import check
from chemspace import CationLibrary, parse_formula
from tests.campaigns.conftest import Launched
from tests.campaigns.test_description import described

WISHES = """\
space: {n_layers: 1-2}
objective:
  wishes:
    - {column: lifetime_ps, useless: 0, perfect: 50, weight: 2}
    - {column: price, useless: 300, perfect: 0}
budget: {batch_size: 2, refused_hazards: [H300]}
prices: prices.csv
"""
TABLE = "cation,per_mol,days,hazards\nPA,20,3,H300 H314\nBDA,60,14,\nPDA,45,,H314\nMA,12,2,\nFA,9,2,\n"


def _created(launched: Launched, folder: Path, **fields: object) -> Campaign:
    asked = CampaignConfig.parse(
        {"space": {"n_layers": (1, 2)}, "surrogate": "gp", "budget": {"batch_size": 2}, **fields}
    )
    return Campaign.create(folder, asked, libraries=[launched.library], oracle_store=launched.oracle_store)


def test_wishes_rank_and_a_refused_hazard_is_never_suggested(launched: Launched, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text(TABLE)
    config = read_description(described(tmp_path, WISHES)).config
    fields = config.model_dump(mode="json", include={"objective", "budget", "prices"})
    campaign = _created(launched, tmp_path / "wished", **fields)
    done = campaign.round()
    frame = done.ranking.frame
    assert done.strategy.ranked_by == "how far the wishes of the description are met together"
    assert "lifetime_ps (weight 2), price (weight 1)" in done.choice.reason
    names = CationLibrary.builtin()
    price = {"PA": 20.0, "BDA": 60.0, "PDA": 45.0, "MA": 12.0, "FA": 9.0}
    for row in frame.to_dict("records"):
        parts = parse_formula(str(row["formula"]), names).cation_counts
        assert row["price"] == pytest.approx(sum(float(n) * price[c.abbreviation] for c, n in parts))
    met = (np.clip(frame["lifetime_ps"] / 50, 1e-6, 1) ** 2 * np.clip(1 - frame["price"] / 300, 1e-6, 1)) ** (1 / 3)
    assert np.exp(frame["acquisition"].to_numpy()) == pytest.approx(met.to_numpy())
    spacers = [suggestion.spacer for suggestion in campaign.suggest().suggestions]
    assert sorted(spacers) == ["BDA", "PDA"]
    ranked = [parse_formula(formula, names).spacer for formula in frame["formula"]]
    assert "PA" in [spacer.abbreviation for spacer in ranked if spacer is not None]


def test_a_batch_acquisition_is_reached_by_its_name(launched: Launched, tmp_path: Path) -> None:
    campaign = _created(launched, tmp_path / "thompson", acquisition="thompson")
    assert campaign.round().choice.name == "thompson"
    assert len(campaign.suggest().suggestions) == 2


def test_prices_count_for_a_fit_only_where_they_are_wished_for() -> None:
    wish = Objective(wishes=(WeighedWish(column="price", useless=1.0, perfect=0.0),))
    prices = {"PA": {"per_mol": 3.0}}
    plain, priced = (
        CampaignConfig.parse({"prices": prices}),
        CampaignConfig.parse({"prices": prices, "objective": wish}),
    )
    assert plain.key_fields() == CampaignConfig().key_fields()
    assert "prices" in priced.key_fields()
    goal = CampaignConfig(objective=Objective(goal_lifetime_ps=5.0))
    assert goal.key_fields()["objective"] == {"goal_lifetime_ps": 5.0}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"objective": {"wishes": [{"column": "colour", "useless": 0, "perfect": 1}]}}, "colour"),
        ({"objective": {"wishes": [{"column": "novelty", "useless": 1, "perfect": 1}]}}, "two different numbers"),
        ({"objective": {"wishes": [{"column": "novelty", "useless": 0, "perfect": 1, "weight": 0}]}}, "weight"),
        ({"objective": {"wishes": [{"column": "price", "useless": 9, "perfect": 0}]}}, "needs a price table"),
        ({"budget": BudgetRules(refused_hazards=("H300",))}, "no cation of the price table carries 'H300'"),
        ({"acquisition": "qlog_ney"}, "qlog_nei"),
    ],
    ids=["column", "ends", "weight", "price", "hazard", "acquisition"],
)
def test_wishes_and_hazards_that_cannot_be_are_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check(CampaignConfig.parse(fields), CationLibrary.builtin())
