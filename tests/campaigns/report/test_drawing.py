"""What is drawn of a crystal: ideal octahedra, and no molecule in two pieces."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit.Chem import GetPeriodicTable

from campaigns.report.card import crystal_scene
from chemspace import parse_formula
from chemspace.errors import GeometryError

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
