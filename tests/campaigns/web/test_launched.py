"""The launch in words: all that a description says reaches the page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from benchmarks.campaign_kills import LIBRARY
from campaigns import Campaign, CampaignConfig
from campaigns.web.jobs import JobQueue
from campaigns.web.pages.campaign import launched
from campaigns.web.service import CampaignService
from campaigns.web.settings import Settings
from tests.campaigns.conftest import PRICES


def facts(folder: Path, **described: Any) -> dict[str, str]:
    """What the page of a campaign of this description says of its launch."""
    library = folder / "cations.csv"
    library.write_text(LIBRARY, encoding="utf-8")
    config = CampaignConfig.parse({"space": {"n_layers": [1, 2]}, **described})
    Campaign.create(folder / "small", config, libraries=[library])
    service = CampaignService("small", folder / "small", JobQueue(), Settings((folder / "small",)))
    return {what: unescape(how) for what, how in re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", launched(service))}


def test_what_was_left_at_its_default_is_told_too(tmp_path: Path) -> None:
    told = facts(tmp_path)
    assert told["Library"] == "cations.csv: 8 spacers, 2 cage cations"
    assert "n = 1, 2" in told["Space"]
    assert told["Sought"] == "the longest spin lifetime"
    assert told["A batch"] == "5 compounds of 1 g"
    assert "Left out by" not in told


@pytest.mark.parametrize(
    ("objective", "sought"),
    [
        ({"goal_lifetime_ps": 20}, "a spin lifetime above 20 ps"),
        (
            {
                "wishes": [
                    {"column": "lifetime_ps", "useless": 1, "perfect": 20},
                    {"column": "novelty", "useless": 0, "perfect": 2},
                ]
            },
            "all of these together: lifetime ps from 1 (useless) to 20 (perfect); "
            "novelty from 0 (useless) to 2 (perfect)",
        ),
        (
            {"tradeoff": {"feasibility": 0.2, "novelty": 0}},
            "the longest spin lifetime, traded off against feasibility (above 0.2), novelty (above 0)",
        ),
    ],
    ids=["goal", "wishes", "tradeoff"],
)
def test_what_is_sought_is_told(tmp_path: Path, objective: dict[str, Any], sought: str) -> None:
    how = {"acquisition": "qlog_nehvi"} if "tradeoff" in objective else {}
    assert facts(tmp_path, objective=objective, **how)["Sought"] == sought


def test_limits_prices_and_further_properties_are_told(tmp_path: Path) -> None:
    prices = {name: price.model_dump() for name, price in PRICES.items()}
    prices["PA"]["hazards"] = ("H300",)
    spacers = ("(PA)2", "(BA)2", "(PEA)2", "(BDA)")
    gaps = [{"compound": f"{spacer}{rest}", "value": 2.3} for spacer in spacers for rest in ("PbI4", "(MA)Pb2I7")]
    told = facts(
        tmp_path,
        prices=prices,
        budget={"max_per_spacer": 1, "max_cost": 30, "max_days": 10, "refused_hazards": ["H300"]},
        constraints=[{"heavy_atoms": {"most": 20}}],
        properties={"band_gap_ev": {"table": gaps, "goal": "minimize"}},
    )
    assert told["Left out by"] == "heavy atoms"
    assert told["Also measured"] == "band gap ev, sought low (8 values)"
    parts = (
        "at most 1 of a spacer",
        "cations for at most 30",
        "within 10 days",
        "no cation with H300",
        "5 cations in the",
    )
    assert all(part in told["A batch"] for part in parts)
