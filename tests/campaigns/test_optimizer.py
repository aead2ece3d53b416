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
from campaigns.artifacts import CACHE
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


def test_twenty_rounds_are_run_by_ask_and_tell_in_the_folder_and_over_rest_as_an_orchestrator_runs_them(
    tiny: Path, launched: Launched, tmp_path: Path
) -> None:
    """Three campaigns of their own, told the same; what one computed the others find, since it is of the same rows."""
    twins, tried = [tmp_path / "script", tmp_path / "folder"], []
    (tiny / CACHE).mkdir(exist_ok=True)
    for twin in twins:
        shutil.copytree(tiny, twin, ignore=shutil.ignore_patterns(CACHE))
        (twin / CACHE).symlink_to(tiny / CACHE)
    settings = Settings(folders=(tiny,), oracle_store=launched.oracle_store, prepare=False, dig=False)
    with Campaign.open(twins[0], oracle_store=launched.oracle_store) as campaign, running(settings) as address:
        script = LocalCampaign(campaign)
        with Client(address) as client:
            served = client.campaigns()[0]["id"]
        robots = [
            CampaignOptimizer(
                "run",
                [{"name": "formula", "type": "choice"}, {"name": "n_layers", "type": "choice"}],
                [{"name": "lifetime_ps", "minimize": False}],
                datapath=str(twins[1]),
                additional_params=where,
            )
            for where in (
                {"oracle_store": str(launched.oracle_store)},
                {"address": address, "campaign": served},
            )
        ]
        here, there = (robot.loop for robot in robots)
        assert isinstance(here, LocalCampaign)
        assert isinstance(there, RemoteCampaign)
        for _ in range(20):
            (trial,) = script.ask(1)
            assert trial["lifetime_low_ps"] < trial["lifetime_ps"] < trial["lifetime_high_ps"]
            assert script.tell([{"formula": trial["formula"], **made(trial["formula"])}]) == 1
            for robot in robots:
                assert robot.suggest(1) == [{name: trial[name] for name in ("formula", "n_layers")}]
                robot.observe([made(trial["formula"])])
            tried.append(trial["formula"])
        with pytest.raises(CampaignError, match="either lifetime_ps or outcome"):
            there.tell([{"lifetime_ps": 1.0}])
        here.campaign.close()
        there.client.close()
    for folder in (*twins, tiny):
        with Campaign.open(folder) as campaign:
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
