"""What a pass will cost is told before it begins."""

from __future__ import annotations

import re
import sys

import pytest

from chemspace.constraints import LayerLimits
from chemspace.progress import Announcement
from chemspace.space import CompoundSpace
from screening.ranking import Candidates, PassSettings, rank
from screening.ranking.candidates import Pass
from screening.ranking.rank import PassEstimate, estimate_pass
from tests.screening.ranking.test_rank import CAGES, SPACE, SPACERS, TABLES, Wavy

HALF = CompoundSpace(SPACERS, CAGES, (1, 2, 3, 4, 5), constraints=(LayerLimits(rp=(2, 5), dj=(2, 5)),))


def _pass(space: CompoundSpace, block_size: int) -> Pass:
    return Pass(Candidates(space, *TABLES, Wavy(), -1.0), Wavy(), None, 20, block_size)


def test_the_estimate_is_of_every_compound_that_is_allowed() -> None:
    whole = estimate_pass(_pass(SPACE, 50))
    assert whole.n_compounds == len(SPACE)
    assert whole.seconds > 0.0
    part = estimate_pass(_pass(HALF, 16384))
    assert part.n_compounds == len(list(HALF)) < len(HALF)


def test_an_estimate_reads_well() -> None:
    assert str(PassEstimate(100_000_000, 41.3)) == "100,000,000 compounds, about 41 s"
    assert str(PassEstimate(1000, 600.0)) == "1,000 compounds, about 10 min"


@pytest.mark.parametrize("space", [SPACE, HALF], ids=["whole", "constrained"])
def test_a_long_pass_is_announced_and_its_progress_ends_at_the_whole(
    space: CompoundSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int, str]] = []

    def listen(done: int, total: int, note: str) -> None:
        told.append((done, total, note))

    def run() -> list[int]:
        ranking = rank(Candidates(space, *TABLES, Wavy(), -1.0), 9, PassSettings(block_size=40), progress=listen)
        return ranking.frame["index"].tolist()

    plain = run()
    assert not any(isinstance(note, Announcement) for _, _, note in told)
    assert told[-1][0] == told[-1][1] == len(list(space))
    told.clear()
    monkeypatch.setattr(sys.modules["screening.ranking.rank"], "_LONG", 100)
    assert run() == plain
    done, total, note = told[0]
    assert isinstance(note, Announcement)
    assert (done, total) == (0, len(list(space)))
    assert re.fullmatch(rf"to rank: {len(list(space)):,} compounds, about \d+ s", note)
