"""A package outside the tree adds a strategy by an entry point, and a campaign knows it by its name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODULE = '''
import numpy as np

from screening.strategies import Acquisition, register_strategy


@register_strategy
class Goal(Acquisition):
    """Most likely to last ten picoseconds. More about it."""

    name = "goal"
    words = "most likely to last ten picoseconds"
    rises_with_sd = False

    def value(self, mean, sd, best):
        return (-1.0 - mean) / sd
'''
USE = """
import numpy as np
from campaigns import CampaignConfig
from campaigns.plan import check
from chemspace import CationLibrary
from screening.batch import BatchQuery, choose_batch
from screening.ranking import Candidates, rank
from screening.strategies import STRATEGIES
from screening.surrogate import fit_surrogate
from tests.screening.ranking.test_rank import SPACE, TABLES
from tests.screening.rows import published_rows

check(CampaignConfig.parse({"acquisition": "goal"}), CationLibrary.builtin())
rows = published_rows()
surrogate = fit_surrogate(rows.training, "gp")
strategy = STRATEGIES.get("goal")()
ranking = rank(Candidates(SPACE, *TABLES, surrogate, -1.0, strategy), 50)
first, second = choose_batch(ranking, surrogate, BatchQuery(2, strategy=strategy))
assert first == ranking.frame["index"][0] != second
entry = next(entry for entry in STRATEGIES.entries() if entry.name == "goal")
print(entry.source, entry.words, strategy.ranked_by, sep="; ")
"""


def test_a_strategy_of_another_package_ranks_chooses_and_is_known_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "our_strategies.py").write_text(MODULE, encoding="utf-8")
    about = tmp_path / "our_lab-1.2.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: our-lab\nVersion: 1.2\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[spinscreen.plugins]\nours = our_strategies\n", encoding="utf-8")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=root,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "our-lab 1.2; Most likely to last ten picoseconds.; most likely to last ten picoseconds, times the chance that "
        "it forms\n"
    )
