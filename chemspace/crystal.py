"""Crystals: idealised structures of compounds, a starting point for DFT and not a prediction; descriptors of real ones
are read by `chemspace.crystal_reader`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rdkit.Chem import GetPeriodicTable

from chemspace.cation import Cation
from chemspace.compound import Compound
from chemspace.crystal_reader import structure_descriptors
from chemspace.errors import GeometryError
from chemspace.geometry import bond_length, head_atoms, mmff_geometry

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure

__all__ = ["build_parts", "build_structure", "structure_descriptors", "write_structure"]

#: Angle metal-halide-metal where nothing tilts, degrees.
STRAIGHT = 180.0


@dataclass(frozen=True)
class Slab:
    """n layers of octahedra; z = 0 is the plane of the lower metals less half a square. `side` is that of a square of
    metals, `squares` (one where nothing tilts, else two) the places of those in the cell; `symbols` and `points`
    (atoms, 3) are metals and halides; `cages` (n - 1, 3) the centres of the cuboctahedra of the first square; `top` the
    height of the upper terminal halides; heads enter at (side / 2, side / 2); `closest` is the least contact of a
    spacer, as a share of the van der Waals distance."""

    side: float
    top: float
    symbols: tuple[str, ...]
    points: NDArray[np.float64]
    cages: NDArray[np.float64]
    squares: NDArray[np.float64]
    closest: float = 0.0


def slab(b_site: str, halide: str, n_layers: int, bridge_angle_deg: float = STRAIGHT) -> Slab:
    """A slab of n layers: metals on the corners of a square, halides between them and at both ends.

    Tilted octahedra turn by the same small angle about all three axes, each the other way than its neighbours (Glazer's
    a- a- a-, Acta Cryst. B28, 3384 (1972), doi 10.1107/S0567740872007976), so that every bridge has the one angle and
    every bond its ideal length: a halide stands off the line between its metals by d cos(angle / 2).
    """
    bond, bent = bond_length(b_site, halide), np.radians(bridge_angle_deg / 2)
    half, off = float(bond * np.sin(bent)), float(bond * np.cos(bent)) / sqrt(2)
    side = 2 * half
    squares = np.array([(0, 0, 0), (side, 0, 0)] if bridge_angle_deg < STRAIGHT else [(0, 0, 0)], dtype=np.float64)
    symbols: list[str] = []
    points: list[tuple[float, float, float]] = []
    for turned, (x, y, _) in enumerate(squares):
        for layer in range(n_layers):
            z, lean = (layer + 0.5) * side, off * (-1) ** (turned + layer)
            symbols += [b_site, halide, halide, halide]
            points += [(x, y, z), (x + half, y + lean, z - lean)]
            points += [(x - lean, y + half, z + lean), (x - lean, y + lean, z - half)]
        symbols.append(halide)
        points.append((x + lean, y - lean, z + half))
    cages = [(half, half, (layer + 1) * side) for layer in range(n_layers - 1)]
    return Slab(side, n_layers * side, tuple(symbols), np.array(points), np.array(cages).reshape(-1, 3), squares)


#: Element symbols and coordinates, shape (atoms, 3), angstrom.
Atoms = tuple[Sequence[str], NDArray[np.float64]]

#: Ratio reported where nothing is near.
FAR = 9.0


def tightest(first: Atoms, second: Atoms, shifts: NDArray[np.float64]) -> float:
    """Smallest distance between atoms of `first` and `second` moved by `shifts` (s, 3), as a share of RDKit's radii."""
    (symbols_a, points_a), (symbols_b, points_b) = first, second
    if not len(symbols_a) or not len(symbols_b) or not len(shifts):
        return FAR
    moved = (points_b[None, :, :] + shifts[:, None, :]).reshape(-1, 3)
    radii = _radii(tuple(symbols_a))[:, None] + np.tile(_radii(tuple(symbols_b)), len(shifts))[None, :]
    distance = np.linalg.norm(points_a[:, None, :] - moved[None, :, :], axis=2)
    return float((distance / radii).min())


def in_plane_shifts(side: float, with_zero: bool) -> NDArray[np.float64]:
    """Translations, shape (8 or 9, 3), to the eight neighbouring squares, and the square itself where asked for."""
    steps = [(i, j, 0.0) for i in (-1, 0, 1) for j in (-1, 0, 1) if with_zero or (i, j) != (0, 0)]
    return np.array(steps, dtype=np.float64) * side


def align(points: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """`points`, shape (atoms, 3), turned so that `axis`, shape (3,), points along +z."""
    x, y, z = axis / np.linalg.norm(axis)
    if z < -0.999999:
        return np.asarray(points * np.array([1.0, -1.0, -1.0]))
    # The shortest way: about the normal of both. scipy.spatial, which has it too, takes 0.3 CPU s to load.
    middle = np.array([x, y, 1.0 + z])
    turn = np.eye(3) - np.outer(middle, middle) / (1.0 + z) + 2.0 * np.outer([x, y, z], [0.0, 0.0, 1.0])
    return np.asarray(points @ turn)


def turns(spins: int, tilts: Iterable[float], azimuths: int) -> list[NDArray[np.float64]]:
    """Rotations to try, each (3, 3) to be multiplied from the right: spin about z, then a tilt away from z towards each
    azimuth (degrees); upright ones first."""
    return [
        _about(2, spin) @ _about(1, tilt) @ _about(2, azimuth)
        for tilt in tilts
        for azimuth in np.linspace(0, 360, azimuths if tilt else 1, endpoint=False)
        for spin in np.linspace(0, 360, spins, endpoint=False)
    ]


def _about(axis: int, degrees: float) -> NDArray[np.float64]:
    angle, turn = np.radians(degrees), np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn[[first, second], [first, second]] = np.cos(angle)
    turn[first, second], turn[second, first] = np.sin(angle), -np.sin(angle)
    return turn


@lru_cache(maxsize=1024)
def _radii(symbols: tuple[str, ...]) -> NDArray[np.float64]:
    table = GetPeriodicTable()
    return np.array([table.GetRvdw(table.GetAtomicNumber(symbol)) for symbol in symbols])


#: No two atoms of different ions come nearer than this fraction of the sum of their van der Waals radii. For
#: comparison: N-H...I hydrogen bonds (H...I 2.6 angstrom, radii 3.18) sit at 0.82.
CLOSEST_CONTACT = 0.62
#: What an orientation should reach before a larger tilt is tried, and layers keep when they are brought together.
COMFORTABLE = 0.75
TILTS = (0.0, 15.0, 30.0, 45.0)
#: No bridge of the 328 filed crystals is smaller than 142 degrees.
SMALLEST_BRIDGE = 130.0


def ion(cation: Cation, geometries: Mapping[str, NDArray[np.float64]], seed: int) -> tuple[Atoms, list[int]]:
    """Atoms of a cation and places of its head atoms. Raises GeometryError where it has no geometry of its shape."""
    mol, points = mmff_geometry(cation, seed=seed)
    if cation.inchikey in geometries:
        points = np.asarray(geometries[cation.inchikey], dtype=np.float64)
        if points.shape != (mol.GetNumAtoms(), 3):
            raise GeometryError(
                f"the geometry of {cation.abbreviation} has shape {points.shape}; it has {mol.GetNumAtoms()} atoms"
            )
    return (tuple(atom.GetSymbol() for atom in mol.GetAtoms()), points), head_atoms(mol) or [0]  # Cs is its own head


def in_cage(
    cation: Cation, atoms: Atoms, centre: NDArray[np.float64], inorganic: Atoms, shifts: NDArray[np.float64]
) -> Atoms:
    """A cage cation with its middle on `centre`, shape (3,), turned to keep clear of the halides; `shifts` (images, 3)
    lead to the neighbouring cells. Raises GeometryError if it comes too near whatever its orientation."""
    symbols, points = atoms
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    tried = [(points - middle) @ turn + centre for turn in turns(12, (0.0, 30.0, 60.0, 90.0), 6)]
    clearances = [tightest((symbols, placed), inorganic, shifts) for placed in tried]
    best = int(np.argmax(np.round(clearances, 6)))
    if clearances[best] < CLOSEST_CONTACT:
        raise GeometryError(f"{cation.abbreviation} is too large for the cage between these octahedra")
    return symbols, tried[best]


def upright(cation: Cation, atoms: Atoms, heads: list[int], layer: Slab, inorganic: Atoms) -> Atoms:
    """A spacer on the upper face, head amid the terminal halides, tilted if need be. GeometryError if it clashes."""
    symbols, points = atoms
    head = heads[0]
    heavy = [place for place, symbol in enumerate(symbols) if symbol != "H"]
    far = max(heavy, key=lambda place: float(np.linalg.norm(points[place] - points[head])))
    standing = points - points[head]
    if far != head:
        standing = align(standing, standing[far])
    foot = np.array([layer.side / 2, layer.side / 2, layer.top])
    best: tuple[float, NDArray[np.float64]] = (0.0, standing + foot)
    for tilt in TILTS:
        for turn in turns(24, (tilt,), 8):
            placed = standing @ turn + foot
            clearance = min(
                tightest((symbols, placed), (symbols, placed), in_plane_shifts(layer.side, with_zero=False)),
                tightest((symbols, placed), inorganic, in_plane_shifts(layer.side, with_zero=True)),
            )
            if clearance > best[0] + 1e-6:
                best = clearance, placed
        if best[0] >= COMFORTABLE:
            break
    _check(cation, best[0], layer)
    return symbols, best[1]


def turned_over(atoms: Atoms, layer: Slab) -> Atoms:
    """The same ion on the lower face by a half turn through the middle of the slab, which keeps its hand: about x over
    ideal octahedra, about (1, -1, 0) over tilted ones, which maps each onto its neighbour."""
    symbols, points = atoms
    if len(layer.squares) > 1:
        return symbols, np.array([layer.side, layer.side, layer.top]) - points[:, [1, 0, 2]]
    return symbols, points * np.array([1.0, -1.0, -1.0]) + np.array([0.0, layer.side, layer.top])


def bridging(cation: Cation, atoms: Atoms, heads: list[int], layer: Slab, inorganic: Atoms) -> tuple[Atoms, float]:
    """A dication between two eclipsed slabs, and the repeat of the layers. GeometryError without two heads or room."""
    symbols, points = atoms
    if len(heads) < 2:
        raise GeometryError(f"{cation.abbreviation} has one charged head; a bridge between layers needs two")
    standing = points - points[heads[0]]
    length = float(np.linalg.norm(standing[heads[1]]))
    standing = align(standing, standing[heads[1]])
    foot = np.array([layer.side / 2, layer.side / 2, layer.top])
    height = layer.top + length
    sides = in_plane_shifts(layer.side, with_zero=True)
    both = np.concatenate([sides, sides + np.array([0.0, 0.0, height])])
    every = turns(24, (0.0, 6.0, 12.0), 8) if len(layer.squares) > 1 else turns(72, (0.0,), 1)
    tried = [standing @ turn + foot for turn in every]
    clearances = [
        min(
            tightest((symbols, placed), (symbols, placed), in_plane_shifts(layer.side, with_zero=False)),
            tightest((symbols, placed), inorganic, both),
        )
        for placed in tried
    ]
    best = int(np.argmax(np.round(clearances, 6)))
    _check(cation, clearances[best], layer)
    return (symbols, tried[best]), height


def packed_height(layer: Slab, atoms: Atoms) -> float:
    """Repeat of layers shifted by half a square each way: as near as they come, going down from no overlap."""
    symbols, points = atoms
    sides = in_plane_shifts(layer.side, with_zero=True)
    sides = np.concatenate([sides, sides + np.array([layer.side, layer.side, 0.0])])
    shift = np.array([layer.side / 2, layer.side / 2, 0.0])

    def fits(height: float) -> bool:
        up = sides + shift + np.array([0.0, 0.0, height])
        return tightest((symbols, points), (symbols, points), up) >= COMFORTABLE

    height = float(np.ptp(points[:, 2])) + 6.0
    for step in (1.0, 0.1):
        while fits(height - step):
            height -= step
    return height


def _check(cation: Cation, clearance: float, layer: Slab) -> None:
    if clearance < layer.closest:
        raise GeometryError(
            f"{cation.abbreviation} is too bulky for a square of {layer.side:.2f} angstrom: its nearest contact is "
            f"{clearance:.2f} of the van der Waals distance, at least {layer.closest} is needed"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """One formula unit of an idealised crystal, two where octahedra tilt, no molecule cut by a cell's edge. `lattice`:
    its vectors as rows, shape (3, 3), angstrom; the third leads to the next layer; `spacers` are those above and below
    the layer."""

    lattice: NDArray[np.float64]
    inorganic: Atoms
    cages: tuple[Atoms, ...]
    spacers: tuple[Atoms, ...]


def build_structure(
    compound: Compound,
    geometries: Mapping[str, NDArray[np.float64]] | None = None,
    seed: int = 42,
    bridge_angle_deg: float = STRAIGHT,
) -> Structure:
    """pymatgen `Structure` of one formula unit, or of two where octahedra tilt.

    Straight layers of n ideal octahedra over a square of side 2 d(B-X); spacers upright over the squares of terminal
    halides with the ammonium nitrogen in their plane, turned and tilted until nothing clashes; RP layers shifted by
    (1/2, 1/2), as near as the spacers of both allow; DJ layers eclipsed, bridged by the spacer; cage cations in the
    middle of the cuboctahedra. Cells are primitive, so an RP cell is oblique. Straight octahedra are a saddle of the
    energy for most compounds; tilted ones are none, since no symmetry is left between them.

    Args:
        compound: an unmixed compound.
        geometries: coordinates by InChIKey, shape (atoms, 3), angstrom, in the order of `Chem.AddHs(cation.mol)`, for
            example xTB minima; MMFF94 geometries where none is given.
        seed: of the MMFF conformers.
        bridge_angle_deg: angle metal-halide-metal, 130 to 180 degrees; `screening.crystals.usual_bridge_angle` has that
            of the filed crystals.

    Raises:
        GeometryError: for a mixture, a cation too bulky for its place, a geometry of the wrong shape, another angle, or
            tilts without layers.

    Example:
        >>> from chemspace import parse_formula
        >>> from chemspace.crystal import build_structure
        >>> build_structure(parse_formula("(BA)2PbI4")).composition.reduced_formula
        'H24PbC8(I2N)2'
    """
    parts = build_parts(compound, geometries, seed, bridge_angle_deg)
    return _structure(parts.lattice, [parts.inorganic, *parts.cages, *parts.spacers])


def build_parts(
    compound: Compound,
    geometries: Mapping[str, NDArray[np.float64]] | None = None,
    seed: int = 42,
    bridge_angle_deg: float = STRAIGHT,
    closest: float = CLOSEST_CONTACT,
) -> Parts:
    """What `build_structure` puts into a cell, before it is cut at the cell's edges; arguments (geometries of shape
    (atoms, 3)) as there, `closest` the least contact of a spacer as a share of the van der Waals distance. Raises
    GeometryError as `build_structure`."""
    if len(compound.cage) > 1 or len(compound.halide) > 1:
        raise GeometryError(f"{compound.formula} is a mixture; a cell of one formula unit cannot hold it in order")
    if not SMALLEST_BRIDGE <= bridge_angle_deg <= STRAIGHT:
        raise GeometryError(f"a bridge of {bridge_angle_deg:g} degrees; give {SMALLEST_BRIDGE:g} to {STRAIGHT:g}")
    given = geometries or {}
    layer = slab(compound.b_site, compound.halide[0][0], compound.n_layers or 1, bridge_angle_deg)
    layer = replace(layer, closest=closest)
    if compound.spacer is None:
        if len(layer.squares) > 1:
            raise GeometryError(f"{compound.formula} has no layers; tilted octahedra are built for layers only")
        return _three_dimensional(compound, layer, given, seed)
    inorganic: Atoms = (layer.symbols, layer.points)
    # every ion keeps clear of the octahedra of both squares, so that it stands alike in each
    cages = []
    for centre in layer.cages:
        cage, _ = ion(compound.cage[0][0], given, seed)
        cages.append(in_cage(compound.cage[0][0], cage, centre, inorganic, in_plane_shifts(layer.side, with_zero=True)))
    spacer, heads = ion(compound.spacer, given, seed)
    spacers: tuple[Atoms, ...]
    if compound.phase == "DJ":
        placed, height = bridging(compound.spacer, spacer, heads, layer, inorganic)
        shift, spacers = 0.0, (placed,)
    else:
        upper = upright(compound.spacer, spacer, heads, layer, inorganic)
        shift, spacers = layer.side / 2, (upper, turned_over(upper, layer))
        height = packed_height(layer, _joined([inorganic, *cages, *spacers]))
    across = [[1, -1, 0], [1, 1, 0]] if len(layer.squares) > 1 else [[1, 0, 0], [0, 1, 0]]
    return Parts(
        np.vstack([layer.side * np.array(across), [shift, shift, height]]),
        inorganic,
        *(tuple((names, at + square) for square in layer.squares for names, at in ions) for ions in (cages, spacers)),
    )


def write_structure(structure: Structure, path: str | Path) -> None:
    """Write a structure as CIF (ending .cif) or POSCAR (ending .vasp, or a name that starts with POSCAR). Raises
    GeometryError for another ending, or a path that cannot be written."""
    path = Path(path)
    if path.suffix.lower() == ".cif":
        text = structure.to(fmt="cif")
    elif path.suffix.lower() == ".vasp" or path.name.startswith("POSCAR"):
        text = structure.get_sorted_structure().to(fmt="poscar")
    else:
        raise GeometryError(f"{path.name} has an unknown ending; write .cif, .vasp or POSCAR")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GeometryError(f"{path} cannot be written: {error.strerror}") from error


def _three_dimensional(
    compound: Compound, layer: Slab, geometries: Mapping[str, NDArray[np.float64]], seed: int
) -> Parts:
    """The cubic perovskite: one octahedron, its upper halide being the next one's lower, and the cage cation."""
    inorganic: Atoms = (layer.symbols[:-1], layer.points[:-1])
    cage, _ = ion(compound.cage[0][0], geometries, seed)
    centre = np.array([layer.side / 2, layer.side / 2, layer.side])
    shifts = np.array(list(product((-1.0, 0.0, 1.0), repeat=3))) * layer.side
    placed = in_cage(compound.cage[0][0], cage, centre, inorganic, shifts)
    return Parts(np.eye(3) * layer.side, inorganic, (placed,), ())


def _joined(parts: list[Atoms]) -> Atoms:
    symbols = tuple(symbol for names, _ in parts for symbol in names)
    return symbols, np.concatenate([points for _, points in parts])


def _structure(lattice: NDArray[np.float64], parts: list[Atoms]) -> Structure:
    from pymatgen.core.lattice import Lattice  # pymatgen loads pandas, which chemspace does without
    from pymatgen.core.structure import Structure as PymatgenStructure

    symbols, points = _joined(parts)
    return PymatgenStructure(Lattice(lattice), list(symbols), points, coords_are_cartesian=True, to_unit_cell=True)
