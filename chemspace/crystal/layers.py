"""Layers of a crystal: their normal, thickness, repeat, and the shift of one against the next."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from chemspace.crystal.network import Network, Sheet
from chemspace.errors import GeometryError

__all__ = ["Layers", "find_layers"]

#: Metals whose heights differ by less than this (angstrom) lie in one plane of octahedra.
SAME_PLANE = 2.0


@dataclass(frozen=True)
class Layers:
    """Flat layers normal to one direction; lengths in angstrom.

    `faces` are the heights of the outer halide planes (bottom, top) of every layer in one repeat of the crystal along
    the normal, which is `period` long.
    """

    n_layers: int
    spacing: float
    thickness: float
    shift: tuple[float, float]
    normal: NDArray[np.float64]
    period: float
    faces: tuple[tuple[float, float], ...]

    def depth(self, point: NDArray[np.float64]) -> float:
        """How far a point, shape (3,), lies inside the nearest face, angstrom; negative outside the layer."""
        height = float(point @ self.normal)
        best = -np.inf
        for bottom, top in self.faces:
            middle = (bottom + top) / 2
            off = (height - middle + self.period / 2) % self.period - self.period / 2
            best = max(best, (top - bottom) / 2 - abs(off))
        return float(best)


def find_layers(network: Network) -> Layers | None:
    """The layers of a network, or None for a three-dimensional one.

    Raises:
        GeometryError: for chains and clusters, which are no perovskite layers, or layers of unlike thickness.
    """
    ranks = {len(sheet.translations) for sheet in network.sheets}
    if ranks == {3}:
        return None
    if ranks != {2}:
        names = {0: "clusters", 1: "chains", 2: "layers", 3: "a three-dimensional network"}
        raise GeometryError(f"the octahedra form {' and '.join(names[rank] for rank in sorted(ranks))}, not layers")
    structure = network.structure
    matrix = np.asarray(structure.lattice.matrix)
    in_plane = network.sheets[0].translations @ matrix
    cross = np.cross(in_plane[0], in_plane[1])
    area = float(np.linalg.norm(cross))
    normal = cross / area
    planes = [_planes(network, sheet, normal) for sheet in network.sheets]
    counts = {len(heights) for heights in planes}
    if len(counts) > 1:
        raise GeometryError(f"layers of {' and '.join(map(str, sorted(counts)))} octahedra stand side by side")
    period = structure.volume / area
    faces = tuple(_faces(network, sheet, normal) for sheet in network.sheets)
    return Layers(
        n_layers=counts.pop(),
        spacing=period / len(network.sheets),
        thickness=float(np.mean([top - bottom for bottom, top in faces])),
        shift=_shift(network, normal, period, planes),
        normal=normal,
        period=period,
        faces=faces,
    )


def _points(network: Network, sheet: Sheet) -> NDArray[np.float64]:
    """Unwrapped metals of a sheet, shape (metals, 3)."""
    fractional = network.structure.frac_coords
    return np.asarray(
        network.structure.lattice.get_cartesian_coords(
            [fractional[metal] + np.array(image) for metal, image in sheet.metals]
        )
    )


def _planes(network: Network, sheet: Sheet, normal: NDArray[np.float64]) -> list[float]:
    """Heights of the planes of octahedra, bottom first."""
    heights = np.sort(_points(network, sheet) @ normal)
    groups = np.split(heights, np.flatnonzero(np.diff(heights) > SAME_PLANE) + 1)
    return [float(group.mean()) for group in groups]


def _faces(network: Network, sheet: Sheet, normal: NDArray[np.float64]) -> tuple[float, float]:
    """Heights of the lower and the upper plane of terminal halides of one layer."""
    images = dict(sheet.metals)
    structure = network.structure
    heights = np.array(
        [
            structure.lattice.get_cartesian_coords(
                structure.frac_coords[bond.halide] + np.array(bond.image) + np.array(images[bond.metal])
            )
            @ normal
            for bond in network.bonds
            if bond.metal in images and bond.halide in network.terminal
        ]
    )
    metals = _points(network, sheet) @ normal
    middle = (metals.min() + metals.max()) / 2
    below, above = heights[heights < middle], heights[heights >= middle]
    if not len(below) or not len(above):
        raise GeometryError("a layer has no terminal halides on one of its faces")
    return float(below.mean()), float(above.mean())


def _shift(
    network: Network, normal: NDArray[np.float64], period: float, planes: list[list[float]]
) -> tuple[float, float]:
    """(t1, t2) between the facing planes of neighbouring layers, mean over the layers."""
    sheets = network.sheets
    middles = np.array([(heights[0] + heights[-1]) / 2 for heights in planes])
    order = np.argsort(middles % period)
    step = _one_period(network, normal, period)
    found = []
    for place, lower in enumerate(order):
        upper = order[(place + 1) % len(order)]
        above = (middles[upper] - middles[lower]) % period or period
        turns = round((middles[lower] + above - middles[upper]) / period)
        top = _face_metals(network, sheets[lower], normal, upper_face=True)
        bottom = _face_metals(network, sheets[upper], normal, upper_face=False) + turns * step
        found.append(_fold(network, top, bottom, sheets[lower], normal))
    mean = np.mean(found, axis=0)
    return float(mean[0]), float(mean[1])


def _one_period(network: Network, normal: NDArray[np.float64], period: float) -> NDArray[np.float64]:
    """A lattice vector that reaches one period along the normal."""
    every = np.array(list(product(range(-4, 5), repeat=3))) @ np.asarray(network.structure.lattice.matrix)
    reached = every[np.abs(every @ normal - period) < 1e-3 * period]
    if not len(reached):
        raise GeometryError("the cell is too skew: no short lattice vector leads from a layer to the next")
    return np.asarray(reached[np.argmin(np.linalg.norm(reached, axis=1))], dtype=np.float64)


def _face_metals(network: Network, sheet: Sheet, normal: NDArray[np.float64], upper_face: bool) -> NDArray[np.float64]:
    points = _points(network, sheet)
    heights = points @ normal
    limit = heights.max() if upper_face else heights.min()
    return np.asarray(points[np.abs(heights - limit) < SAME_PLANE], dtype=np.float64)


def _fold(
    network: Network,
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
    sheet: Sheet,
    normal: NDArray[np.float64],
) -> tuple[float, float]:
    """Shift from the metals of one face to those of the facing one, in units of the metal-metal vectors, folded."""
    first, second = _metal_vectors(network, sheet, top, normal)
    basis = np.stack([first, second])
    pieces = []
    for point in top:
        steps = bottom - point
        flat = steps - np.outer(steps @ normal, normal)
        fractions = flat @ np.linalg.pinv(basis)
        folded = np.abs(fractions - np.round(fractions))
        pieces.append(folded[np.argmin(np.linalg.norm(folded, axis=1))])
    t = np.sort(np.mean(pieces, axis=0))[::-1]
    return float(t[0]), float(t[1])


def _metal_vectors(
    network: Network, sheet: Sheet, face: NDArray[np.float64], normal: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two in-plane vectors between neighbouring metals of one face, as near to perpendicular as there are."""
    matrix = np.asarray(network.structure.lattice.matrix)
    lattice = sheet.translations @ matrix
    shifts = np.array([i * lattice[0] + j * lattice[1] for i in range(-3, 4) for j in range(-3, 4)])
    steps = (face[None, :, :] + shifts[:, None, :] - face[0]).reshape(-1, 3)
    steps = steps - np.outer(steps @ normal, normal)
    lengths = np.linalg.norm(steps, axis=1)
    steps, lengths = steps[lengths > 1.0], lengths[lengths > 1.0]
    near = steps[lengths < 1.2 * lengths.min()]
    first = near[0]
    angles = np.abs(near @ first) / np.linalg.norm(near, axis=1) / np.linalg.norm(first)
    second = near[int(np.argmin(angles))]
    if angles.min() > 0.5:
        raise GeometryError("the metals of a layer form no square net")
    return first, second
