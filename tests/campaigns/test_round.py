"""A round is learnt, ranked and chosen in few steps, and only where somebody asks for it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import campaigns.cli.suggest
import screening.batch
from campaigns import Campaign, CampaignConfig
from campaigns.artifacts import CACHE, Artifacts
from campaigns.round import choose, learn
from tests.campaigns.cli.test_described import run
from tests.campaigns.conftest import Launched


def test_the_choice_of_a_batch_is_few_hand_overs_from_the_command(
    campaign: Campaign, launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths: list[int] = []

    def recorded(*arguments: Any, **named: Any) -> object:
        frames = [(frame.filename, frame.function) for frame in inspect.stack(0)]
        command = next(
            depth for depth, frame in enumerate(frames) if frame == (campaigns.cli.suggest.__file__, "suggest")
        )
        depths.append(command)
        return screening.batch.choose_batch(*arguments, **named)

    monkeypatch.setattr("campaigns.round.choose_batch", recorded)
    done = run(launched, "suggest", campaign.folder, "--seed", "5")
    assert done.exit_code == 0, done.output
    assert depths
    assert max(depths) <= 8


def test_where_a_campaign_stands_is_told_without_a_model(campaign: Campaign, launched: Launched) -> None:
    code = (
        "import sys; from pathlib import Path; from campaigns import Campaign;"
        "Campaign.open(Path(sys.argv[1]), oracle_store=Path(sys.argv[2])).status();"
        "print([name for name in ('torch', 'botorch', 'sklearn', 'shap', 'plotly') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(campaign.folder), str(launched.oracle_store)]
    told = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, cwd=Path(__file__).parents[2])
    assert told.stdout.strip() == "[]"


def test_a_batch_holds_both_kinds_and_says_in_how_many_refits_each_stays(
    launched: Launched, campaign: Campaign
) -> None:
    batch = campaign.suggest()
    assert {one.tag for one in batch.suggestions} == {"likely slow", "teaches most"}
    kept = campaign.stability(batch)
    assert set(kept) == {one.formula for one in batch.suggestions}
    n_compounds = len(set(campaign.round().training.formulas))
    assert {refits for _, refits in kept.values()} == {n_compounds}
    assert 0 < sum(count for count, _ in kept.values()) <= 5 * n_compounds
    shown = run(launched, "suggest", campaign.folder)
    first = batch.suggestions[0].formula
    assert f"suggested again in {kept[first][0]} of {n_compounds} refits" in " ".join(shown.output.split())


def test_what_is_kept_of_many_spacers_says_what_is_worked_out(
    campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = campaign.round()
    block = fitted.space.take(np.arange(len(fitted.space)))
    monkeypatch.setattr("campaigns.round._WORTH_KEEPING", 0)
    for _ in range(2):  # worked out and kept, then read
        learnt = learn(fitted.inputs, Artifacts(tmp_path))
        assert np.array_equal(learnt.candidates.log_feasibility(block), fitted.candidates.log_feasibility(block))
    assert {path.name.split("-")[0] for path in (tmp_path / CACHE).iterdir()} >= {"spacers", "evidence"}


def test_a_share_of_a_batch_is_for_what_teaches_most(campaign: Campaign) -> None:
    config = campaign.config.model_copy(
        update={"budget": campaign.config.budget.model_copy(update={"teaching_share": 0.6})}
    )
    fitted = campaign.round()
    asked = replace(fitted, inputs=replace(fitted.inputs, config=config))
    tags = [fitted.ranking.frame["tag"][row] for row in choose(asked, 5, 0, campaign.budget)]
    assert tags.count("teaches most") == 3
    greedy = config.model_copy(update={"acquisition": "greedy", "budget": campaign.config.budget})
    assert replace(fitted, inputs=replace(fitted.inputs, config=greedy)).teaching_share == 0.0
    assert CampaignConfig.parse({"edition": 1}).defaults.teaching_share == 0.0
