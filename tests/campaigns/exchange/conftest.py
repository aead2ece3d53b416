"""A campaign with lifetimes, a fitted trace, outcomes and a decline, over the built-in library; nothing is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from campaigns import Campaign
from campaigns.events import Stage
from tests.campaigns.conftest import described
from tests.campaigns.test_ingest_trace import files


@pytest.fixture(scope="module")
def lab_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exchange")
    with Campaign.create(folder / "lab", described()) as lab:
        rows = [
            {"formula": "(PEA)2PbI4", "lifetime_ps": 0.7, "lifetime_stderr_ps": 0.1, "sample": "=K1"},
            {"formula": "(CMA)2(MA)Pb2I7", "lifetime_ps": 2.0, "is_upper_bound": "yes"},
        ]
        lab.observe(rows)
        lab.retract(2, "wrong crystal")
        paths, fit = files(folder, 2.0)
        lab.ingest_trace("(BA)2PbI4", fit, paths, sample="K3", accept_extreme=True)
        lab.step("(EOA)2PbI4", Stage.MIXED_PHASES, reason="n = 3 <and> 5")
        lab.step("(PA)2PbI4", Stage.DECLINED, reason="too expensive")
    return folder / "lab"


@pytest.fixture
def lab(lab_once: Path, tmp_path: Path) -> Campaign:
    shutil.copytree(lab_once, tmp_path / "lab")
    return Campaign.open(tmp_path / "lab")
