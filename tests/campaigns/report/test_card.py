"""What one weighs before a compound is made: chances from the same distribution as the interval, and its drawing."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rdkit.Chem import GetPeriodicTable

from campaigns.report.card import crystal_scene, decisions
from campaigns.summary import Suggestion
from chemspace import parse_formula
from chemspace.errors import GeometryError
from screening.calibration import LIKELY_SLOW, TEACHES_MOST


def suggestion(lifetime_ps: float, low_ps: float, high_ps: float) -> Suggestion:
    return Suggestion(
        formula="(PEA)2PbI4",
        phase="RP",
        spacer="PEA",
        cage="",
        n_layers=1,
        lifetime_ps=lifetime_ps,
        lifetime_low_ps=low_ps,
        lifetime_high_ps=high_ps,
        rate_per_ps=1.0 / lifetime_ps,
        acquisition=0.0,
        feasibility=0.8,
        reason="",
        nearest_measured="",
    )


ROUND = (suggestion(2.0, 1.0, 4.0), suggestion(1.0, 0.1, 10.0), suggestion(4.0, 1.0, 16.0))


def test_the_chance_to_beat_the_best_is_that_of_the_interval() -> None:
    for level, chance in ((2.0, 0.5), (4.0, 0.05), (1.0, 0.95)):
        assert decisions(ROUND, level, None)[0].chance_best == pytest.approx(chance)
    assert decisions(ROUND, None, None)[0].chance_best is None


def test_a_goal_counts_until_it_is_reached() -> None:
    first = decisions(ROUND, 2.0, 4.0)[0]
    assert (first.chance_goal, first.goal) == (pytest.approx(0.05), "4.0")
    assert decisions(ROUND, 5.0, 4.0)[0].chance_goal is None


def test_each_is_made_for_its_lifetime_or_for_what_it_teaches() -> None:
    assert [one.tag for one in decisions(ROUND, 13.0, None)] == [LIKELY_SLOW, TEACHES_MOST, LIKELY_SLOW]


def test_the_intervals_of_a_round_share_their_axis_and_the_line_of_the_best() -> None:
    bars = [one.bar for one in decisions(ROUND, 13.0, None)]
    assert len({re.findall(r'<line class="best" x1="([\d.]+)"', bar)[0] for bar in bars}) == 1
    assert "best so far 13 ps" in bars[0]
    assert "style=" not in "".join(bars)
    ends = [tuple(map(float, re.findall(r'class="span" x1="([\d.]+)" x2="([\d.]+)"', bar)[0])) for bar in bars]
    assert ends[1][0] < ends[0][0] < ends[0][1] < ends[1][1] < ends[2][1]
    assert all(0.0 <= end <= 320.0 for pair in ends for end in pair)
    assert "goal 20 ps" in decisions(ROUND, None, 20.0)[0].bar


#: Octahedra in a layer, cage cations, spacers above and below it, heavy atoms of each spacer.
CRYSTALS = {
    "(BA)2PbI4": (1, 0, 1, 1, 5),
    "(BDA)PbI4": (1, 0, 1, 0, 6),
    "(PEA)2(MA)Pb2I7": (2, 1, 1, 1, 9),
    "MAPbI3": (1, 1, 0, 0, 0),
    "(BiIM)PbI4": (1, 0, 1, 0, 10),
}


def is_whole(molecule: list[list[object]]) -> bool:
    """Whether all atoms are joined by bonds: nearer than the sum of covalent radii and 0.3 angstrom."""
    table = GetPeriodicTable()
    radii = np.array([table.GetRcovalent(str(atom[0])) for atom in molecule])
    points = np.array([atom[1:] for atom in molecule], dtype=float)
    near = np.linalg.norm(points[:, None] - points[None], axis=2) < radii[:, None] + radii[None] + 0.3
    reached = np.zeros(len(molecule), dtype=bool)
    reached[0] = True
    for _ in molecule:
        reached |= near[reached].any(axis=0)
    return bool(reached.all())


@pytest.mark.parametrize("formula", CRYSTALS)
def test_a_crystal_is_drawn_as_octahedra_with_whole_molecules(formula: str) -> None:
    octahedra, cages, above, below, heavy = CRYSTALS[formula]
    scene = crystal_scene(parse_formula(formula))
    assert [len(scene[part]) for part in ("centres", "cages", "above", "below")] == [octahedra, cages, above, below]
    assert scene["reach"] == pytest.approx(np.linalg.norm(scene["lattice"][0]) / 2, abs=0.01)
    assert scene["is_crowded"] == ("BiIM" in formula)  # too wide for the ideal square, and drawn all the same
    molecules = [*scene["cages"], *scene["above"], *scene["below"]]
    assert all(map(is_whole, molecules))
    assert all(sum(atom[0] != "H" for atom in spacer) == heavy for spacer in (*scene["above"], *scene["below"]))


def test_a_mixture_is_not_drawn() -> None:
    with pytest.raises(GeometryError, match="mixture"):
        crystal_scene(parse_formula("(BA)2(MA)Pb2I6Br"))
