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
from campaigns.optimizer import AskTell, CampaignOptimizer, LocalCampaign, RemoteCampaign
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


def test_twenty_rounds_are_run_as_an_orchestrator_runs_them(tiny: Path, launched: Launched) -> None:
    optimizer = CampaignOptimizer(
        "run",
        [{"name": "formula", "type": "choice"}, {"name": "n_layers", "type": "choice"}],
        [{"name": "lifetime_ps", "minimize": False}],
        additional_params={"campaign": str(tiny), "oracle_store": str(launched.oracle_store)},
    )
    tried = []
    for _ in range(20):
        (trial,) = optimizer.suggest(1)
        assert set(trial) == {"formula", "n_layers"}
        optimizer.observe([made(trial["formula"])])
        tried.append(trial["formula"])
    assert isinstance(optimizer.loop, LocalCampaign)
    assert_is_what_was_made(optimizer.loop.campaign, tried)


def assert_is_what_was_made(campaign: Campaign, tried: list[str]) -> None:
    """Nothing was made twice, and the campaign knows all of it."""
    assert len(set(tried)) == 20
    found = {row.formula: row.value for row in campaign.state.measurements}
    assert found == {formula: told["lifetime_ps"] for formula in tried if "lifetime_ps" in (told := made(formula))}
    assert [step.formula for step in campaign.state.steps] == [f for f in tried if "outcome" in made(f)]


def test_scripts_ask_and_tell_over_rest_as_in_the_folder(tiny: Path, launched: Launched, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "twin")
    settings = Settings(folders=(tiny,), oracle_store=launched.oracle_store, prepare=False, dig=False)
    with Campaign.open(tmp_path / "twin", oracle_store=launched.oracle_store) as twin:
        here: AskTell = LocalCampaign(twin)
        with running(settings) as address, Client(address) as client:
            there: AskTell = RemoteCampaign(client, client.campaigns()[0]["id"])
            for _ in range(3):
                ((trial,), (same,)) = here.ask(1), there.ask(1)
                assert trial["formula"] == same["formula"]
                assert same["lifetime_low_ps"] < same["lifetime_ps"] < same["lifetime_high_ps"]
                told = [{"formula": trial["formula"], **made(trial["formula"])}]
                assert (here.tell(told), there.tell(told)) == (1, 1)
            ended = [{"formula": "(PA)2PbI4", "outcome": "not formed"}]
            assert (here.tell(ended), there.tell(ended)) == (1, 1)
            with pytest.raises(CampaignError, match="either lifetime_ps or outcome"):
                there.tell([{"lifetime_ps": 1.0}])


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
