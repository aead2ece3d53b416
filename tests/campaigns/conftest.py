"""One small campaign on the real oracle and the real measurements, launched once; each test gets its own copy."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.campaign_kills import LIBRARY
from campaigns import Campaign, CampaignConfig
from campaigns.config import Price, SpaceRules
from campaigns.events import Stage

#: Money a mole and days of some cations; no limit asks for them, so that they decide nothing.
PRICES = {
    "PA": Price(per_mol=20.0, days=3),
    "BDA": Price(per_mol=60.0, days=14),
    "PDA": Price(per_mol=45.0),
    "MA": Price(per_mol=12.0, days=2),
    "FA": Price(per_mol=9.0, days=2),
}


@dataclass(frozen=True)
class Launched:
    """A finished launch and the store of its descriptors."""

    folder: Path
    oracle_store: Path
    library: Path

    def copy(self, to: Path) -> Campaign:
        """Open a copy of the campaign."""
        shutil.copytree(self.folder, to)
        return Campaign.open(to, oracle_store=self.oracle_store)


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that `make` fills, by whichever process of this run comes first."""
    base = factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with (root.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "whole").exists():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            make(root)
            (root / "whole").touch()
    return root


def launched_in(root: Path) -> Launched:
    return Launched(root / "small", root / "oracle.db", root / "cations.csv")


@pytest.fixture(scope="session")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Launched:
    def make(root: Path) -> None:
        made = launched_in(root)
        made.library.write_text(LIBRARY, encoding="utf-8")
        launch(made, made.folder)

    return launched_in(made_once(tmp_path_factory, "launched", make))


def launch(made: Launched, folder: Path, seed: int = 0) -> Campaign:
    """What `spinscreen launch` does, on the small library and with a surrogate that is fitted in a second."""
    campaign = Campaign.create(
        folder,
        CampaignConfig(space=SpaceRules(n_layers=(1, 2, 3)), surrogate="gp", seed=seed, prices=PRICES),
        libraries=[made.library],
        oracle_store=made.oracle_store,
    )
    assert campaign.describe().failures == ()
    campaign.suggest()
    campaign.report()
    return campaign


@pytest.fixture
def campaign(launched: Launched, tmp_path: Path) -> Campaign:
    return launched.copy(tmp_path / "copy")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Where a test writes the table it ingests."""
    return tmp_path / "results.csv"


def described(**sections: Any) -> CampaignConfig:
    """A description with the cheapest surrogate, for tests of the memory, with other sections."""
    plain: dict[str, Any] = {"surrogate": "mean", "space": {"n_layers": (1, 2)}, "budget": {"batch_size": 2}}
    return CampaignConfig.parse(plain | sections)


@pytest.fixture(scope="session")
def year_once(launched: Launched, tmp_path_factory: pytest.TempPathFactory) -> Launched:
    """A campaign with a measurement that stands and one that was taken back, an outcome, a decline, and one awaited."""
    folder = tmp_path_factory.mktemp("made") / "year"
    made = Campaign.create(folder, described(), libraries=[launched.library], oracle_store=launched.oracle_store)
    made.suggest()
    made.observe([{"formula": "(BDA)PbI4", "lifetime_ps": 0.7}, {"formula": "(CMA)2PbI4", "lifetime_ps": 2.0}])
    made.retract(2, "wrong crystal")
    made.step("(EOA)2PbI4", Stage.MIXED_PHASES)
    made.step("(PA)2PbI4", Stage.DECLINED, reason="too expensive")
    made.step("(PDA)PbI4", Stage.ACCEPTED)
    made.close()
    return replace(launched, folder=folder)


@pytest.fixture
def year(year_once: Launched, tmp_path: Path) -> Campaign:
    return year_once.copy(tmp_path / "year")
