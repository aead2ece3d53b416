"""The model card: what stands in it is what the fit said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaigns import Campaign
from campaigns.errors import CampaignError
from campaigns.exchange.publication import write_model_card


def test_the_card_tells_data_splits_scores_and_limits(year: Campaign, tmp_path: Path) -> None:
    with pytest.raises(CampaignError, match="learn first: spinscreen suggest"):
        write_model_card(year, tmp_path / "card.md")
    fit = year.retrain()
    assert write_model_card(year, tmp_path / "card.json") == len(fit.scores)
    card = json.loads((tmp_path / "card.json").read_text(encoding="utf-8"))
    assert card["scores_by_split"] == json.loads(json.dumps(fit.scores))
    assert (card["data"]["rows_known"], card["data"]["rows_trained_on"]) == (fit.n_measured, fit.n_train)
    assert card["data"]["left_out"] == list(fit.left_out)
    assert (card["verdict"], card["model"]["surrogate"]) == (fit.grade, "mean")
    assert card["data"]["sources"] == ["10.1039/d5sc07406a"]
    write_model_card(year, tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert all(split in text for split in fit.scores)
    assert fit.grade in text
    assert "## Limits" in text
