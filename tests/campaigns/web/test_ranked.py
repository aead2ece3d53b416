"""The page's table of all compounds is in the order that the campaign ranks by: acquisition, wishes, or a lot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from campaigns import Campaign, CampaignConfig
from campaigns.web.query import RankIndex, build_index
from tests.campaigns.conftest import PRICES, Launched

PRICED = {name: price.model_dump() for name, price in PRICES.items()}
WISHES = {
    "wishes": [{"column": "price", "useless": 300, "perfect": 0}, {"column": "novelty", "useless": 0, "perfect": 9}]
}


def laid_out(launched: Launched, folder: Path, **fields: Any) -> tuple[Campaign, RankIndex]:
    asked = CampaignConfig.parse({"space": {"n_layers": (1, 2, 3)}, "surrogate": "gp", **fields})
    campaign = Campaign.create(folder / "made", asked, libraries=[launched.library], oracle_store=launched.oracle_store)
    return campaign, build_index(folder / "index", campaign.round())


def same_order(campaign: Campaign, index: RankIndex) -> None:
    frame = campaign.round().ranking.frame
    ranked = set(frame["index"])
    order = [int(i) for i in index.orders["acquisition"] if int(i) in ranked]
    assert order == frame["index"].tolist()
    told = np.array([index.row(i)["acquisition"] for i in order])
    assert told == pytest.approx(frame["acquisition"].to_numpy(), rel=1e-5)


@pytest.mark.parametrize("acquisition", ["auto", "random"])
def test_the_table_is_in_the_order_of_the_ranking(launched: Launched, tmp_path: Path, acquisition: str) -> None:
    same_order(*laid_out(launched, tmp_path, acquisition=acquisition))


def test_wishes_order_it_and_what_is_not_known_of_comes_last_and_says_so(launched: Launched, tmp_path: Path) -> None:
    campaign, index = laid_out(launched, tmp_path, objective=WISHES, prices=PRICED)
    same_order(campaign, index)
    unknown = [i for i in range(len(campaign.space)) if index.row(i)["acquisition"] is None]
    order = index.orders["acquisition"].tolist()
    assert len(order) == len(campaign.space)
    assert 0 < len(unknown) < len(order)
    assert set(order[-len(unknown) :]) == set(unknown)
    assert all(index.row(i)["lifetime_ps"] > 0 for i in unknown)
