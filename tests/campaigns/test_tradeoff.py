"""A campaign that trades the rate off against price, chance to form and novelty, by its description."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from campaigns import Campaign, CampaignConfig
from campaigns.description import read_description
from campaigns.errors import ConfigError
from campaigns.plan import check
from campaigns.round import pending_columns
from chemspace import CationLibrary
from screening.strategies import LogExpectedImprovement
from screening.strategies.objectives import Hypervolume
from tests.campaigns.conftest import Launched
from tests.campaigns.test_description import described

LIBRARY = CationLibrary.builtin()
TEXT = """\
objective:
  tradeoff: {price: 120, feasibility: 0.2, novelty: 0}
acquisition: qlog_nehvi
prices:
  PEA: {per_mol: 30}
  BA: {per_mol: 5}
  PA: {per_mol: 8}
  BDA: {per_mol: 20}
  CMA: {per_mol: 60}
  MA: {per_mol: 10}
  FA: {per_mol: 12}
"""
FIELDS = ("objective", "acquisition", "prices")


@pytest.fixture(scope="module")
def traded(launched: Launched, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    root = tmp_path_factory.mktemp("traded")
    asked = read_description(described(root, TEXT)).config.model_dump(mode="json", include=set(FIELDS))
    fields: dict[str, Any] = {"space": {"n_layers": "1-3"}, "surrogate": "gp", "budget": {"batch_size": 2}, **asked}
    return Campaign.create(
        root / "traded", CampaignConfig.parse(fields), libraries=[launched.library], oracle_store=launched.oracle_store
    )


def test_every_suggestion_is_within_what_is_still_of_interest(traded: Campaign) -> None:
    done = traded.round()
    frame = done.ranking.frame
    assert isinstance(done.strategy, Hypervolume)
    assert done.strategy.reference[1:].tolist() == [120.0, 0.2, 0.0]
    assert (frame["price"] < 120).all()
    assert (frame["feasibility"] > 0.2).all()
    assert (frame["novelty"] > 0).all()
    assert "low price (worst 120), chance to form (worst 0.2), novelty (worst 0)" in done.choice.reason
    assert "compromises" in done.strategy.ranked_by
    row = frame.iloc[0]
    counts = done.space[int(row["index"])].cation_counts
    prices = {LIBRARY[name].inchikey: price.per_mol for name, price in traded.config.prices.items()}
    assert row["price"] == pytest.approx(sum(float(n) * (prices[c.inchikey] or np.nan) for c, n in counts))


def test_what_is_awaited_is_told_to_the_batch_and_a_replay_is_exact(traded: Campaign) -> None:
    first = traded.suggest()
    second = traded.suggest(more=True)
    assert all(re.search(r"weighed with price \d+.*, novelty ", s.reason) for s in first.suggestions)
    assert not {s.formula for s in first.suggestions} & {s.formula for s in second.suggestions}
    done = traded.round()
    waiting = replace(done.inputs, pending=tuple(done.ranking.frame["formula"][:3]))
    told = pending_columns(replace(done, inputs=waiting))
    assert told["price"].tolist() == pytest.approx(done.ranking.frame["price"][:3].tolist())
    assert told["feasibility"].tolist() == pytest.approx(done.ranking.frame["feasibility"][:3].tolist())
    plain = replace(done.candidates, strategy=LogExpectedImprovement())
    assert pending_columns(replace(done, inputs=waiting, candidates=plain)).shape == (3, 0)
    assert traded.replay().same


def test_another_price_is_another_fit_only_where_the_ranking_asks_for_prices() -> None:
    cheap, dear = ({"prices": {"BA": {"per_mol": money}}} for money in (5.0, 50.0))
    traded = {"objective": {"tradeoff": {"price": 120}}, "acquisition": "qlog_nehvi"}
    assert CampaignConfig.parse(cheap | traded).key_fields() != CampaignConfig.parse(dear | traded).key_fields()
    assert CampaignConfig.parse(cheap).key_fields() == CampaignConfig.parse(dear).key_fields()
    assert CampaignConfig.parse({"objective": {"tradeoff": {}}}).key_fields() == CampaignConfig().key_fields()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"objective": {"tradeoff": {"price": 10}}, "acquisition": "qlog_nehvi"}, "objective.tradeoff: .*price table"),
        ({"objective": {"tradeoff": {"novelty": 0}}}, "the acquisition here is auto: write acquisition: qlog_nehvi"),
        (
            {"objective": {"tradeoff": {"feasibility": 1}}, "acquisition": "qlog_nehvi"},
            "no chance to form is above 1",
        ),
        ({"objective": {"tradeoff": {"novelty": -1}}, "acquisition": "qlog_nehvi"}, "tradeoff.novelty"),
        ({"objective": {"tradeoff": {"novelty": float("nan")}}, "acquisition": "qlog_nehvi"}, "tradeoff.novelty"),
        (
            {"objective": {"tradeoff": {"cost": 10}}, "acquisition": "qlog_nehvi"},
            "tradeoff.cost: .cost. will not do; use .price., ",
        ),
        ({"acquisition": "qlog_nehvi"}, re.escape("objective: {tradeoff: {price: 100, novelty: 0}}")),
    ],
    ids=["no-prices", "other-acquisition", "certain", "negative", "nan", "unknown", "nothing"],
)
def test_tradeoffs_that_cannot_be_are_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check(CampaignConfig.parse(fields), LIBRARY)
