"""A round is learnt, ranked and chosen in few steps, and only where somebody asks for it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import campaigns.cli.suggest
import screening.batch
from campaigns import Campaign
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
