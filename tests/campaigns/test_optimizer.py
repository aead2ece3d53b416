"""A simulated robot runs twenty rounds: in the folder, over REST, as an orchestrator.

The robot's crystal has a lifetime by its formula alone, and one in eight does not form.
"""

from __future__ import annotations

import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from campaigns import Campaign
from campaigns.client import Client
from campaigns.errors import CampaignError
from campaigns.optimizer import CampaignOptimizer, LocalCampaign, RemoteCampaign
from campaigns.web.settings import Settings
from tests.campaigns.conftest import Launched, described
from tests.campaigns.web.conftest import running


def made(formula: str) -> dict[str, Any]:
    """What the robot finds."""
    digest = sha256(formula.encode()).digest()
    if digest[0] % 8 == 0:
        return {"outcome": "not formed"}
    return {"lifetime_ps": round(10 ** (digest[1] / 128 - 1), 4), "sample": "robot"}


@pytest.fixture
def tiny(launched: Launched, tmp_path: Path) -> Path:
    config = described(space={"n_layers": [1, 2, 3]}, budget={"batch_size": 1})
    folder = tmp_path / "tiny"
    Campaign.create(folder, config, libraries=[launched.library], oracle_store=launched.oracle_store).close()
    return folder


def test_twenty_rounds_are_run_by_ask_and_tell_and_as_an_orchestrator_runs_them_over_rest(
    tiny: Path, launched: Launched, tmp_path: Path
) -> None:
    shutil.copytree(tiny, tmp_path / "twin")
    settings, tried = Settings(folders=(tiny,), oracle_store=launched.oracle_store, prepare=False, dig=False), []
    with Campaign.open(tmp_path / "twin", oracle_store=launched.oracle_store) as twin, running(settings) as address:
        script = LocalCampaign(twin)
        with Client(address) as client:
            served = client.campaigns()[0]["id"]
        robot = CampaignOptimizer(
            "run",
            [{"name": "formula", "type": "choice"}, {"name": "n_layers", "type": "choice"}],
            [{"name": "lifetime_ps", "minimize": False}],
            additional_params={"address": address, "campaign": served},
        )
        assert isinstance(robot.loop, RemoteCampaign)
        for _ in range(20):
            (trial,), (same,) = script.ask(1), robot.suggest(1)
            assert same == {name: trial[name] for name in ("formula", "n_layers")}
            assert trial["lifetime_low_ps"] < trial["lifetime_ps"] < trial["lifetime_high_ps"]
            assert script.tell([{"formula": trial["formula"], **made(trial["formula"])}]) == 1
            robot.observe([made(trial["formula"])])
            tried.append(trial["formula"])
        with pytest.raises(CampaignError, match="either lifetime_ps or outcome"):
            robot.loop.tell([{"lifetime_ps": 1.0}])
        robot.loop.client.close()
        with Campaign.open(tiny) as theirs:
            for campaign in (twin, theirs):
                assert_is_what_was_made(campaign, tried)


def assert_is_what_was_made(campaign: Campaign, tried: list[str]) -> None:
    """Nothing was made twice, and the campaign knows all of it."""
    assert len(set(tried)) == 20
    found = {row.formula: row.value for row in campaign.state.measurements}
    assert found == {formula: told["lifetime_ps"] for formula in tried if "lifetime_ps" in (told := made(formula))}
    assert [step.formula for step in campaign.state.steps] == [f for f in tried if "outcome" in made(f)]


def test_what_the_orchestrator_asks_for_must_be_there(tiny: Path, launched: Launched) -> None:
    params = {"campaign": str(tiny), "oracle_store": str(launched.oracle_store)}
    for how, sentence in (
        ({"parameter_space": [{"name": "temperature"}]}, "no parameter 'temperature'"),
        ({"objective_config": [{"name": "yield"}]}, "maximises lifetime_ps"),
        ({"objective_config": [{"name": "lifetime_ps", "minimize": True}]}, "maximises lifetime_ps"),
        ({"parameter_constraints": ["n < 3"]}, "space: constraints"),
        ({"additional_params": {}}, "say where the campaign is"),
    ):
        with pytest.raises(CampaignError, match=sentence):
            CampaignOptimizer("run", **{"additional_params": params, **how})  # type: ignore[arg-type]
    optimizer = CampaignOptimizer("run", additional_params=params)
    with pytest.raises(CampaignError, match="2 results for 0 trials"):
        optimizer.observe([{"lifetime_ps": 1.0}, {"lifetime_ps": 2.0}])
    with pytest.raises(CampaignError, match="either lifetime_ps or outcome"):
        optimizer.append_existing_data([{"formula": "(PA)2PbI4"}])
    optimizer.append_existing_data([{"formula": "(PA)2PbI4", "lifetime_ps": 1.0, "sample": float("nan")}])
    assert isinstance(optimizer.loop, LocalCampaign)
    assert len(optimizer.loop.campaign.state.measurements) == 1
    assert optimizer.get_schema()["objectives"] == [{"name": "lifetime_ps", "minimize": False}]
