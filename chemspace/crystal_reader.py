"""Structural descriptors of a layered halide perovskite from its crystal structure."""

from __future__ import annotations

import re
import warnings
from collections import deque
from dataclasses import dataclass
from io import StringIO
from itertools import product
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chemspace.compound import B_SITES, HALIDES
from chemspace.errors import GeometryError
from chemspace.geometry import bond_length

if TYPE_CHECKING:
    from pymatgen.core.structure import Structure


#: A halide is bonded to a metal up to this multiple of the ideal distance: includes the long bonds of distorted
#: octahedra (Pb-I up to 4.0 angstrom), excludes the next shell (above 4.4).
BOND_REACH = 1.25
#: Lattice planes of a crystal lie no nearer than an atom is wide, and no cell has an axis so long, angstrom.
THINNEST, LONGEST = 2.0, 1000.0


#: Number of cells along each axis.
Image: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True)
class Bond:
    """A metal-halide bond: site numbers, the lattice image of the halide seen from the metal, length in angstrom, and
    the vector from metal to halide, shape (3,)."""

    metal: int
    halide: int
    image: Image
    length: float
    vector: NDArray[np.float64]


@dataclass(frozen=True)
class Sheet:
    """One connected part of the network: unwrapped metals as (site, image), and the integer lattice translations that
    map it onto itself, shape (rank, 3): rank 2 for a layer, 3 for a three-dimensional network."""

    metals: tuple[tuple[int, Image], ...]
    translations: NDArray[np.int64]


@dataclass(frozen=True)
class Network:
    """Metals, bonds and connected parts of a crystal; `terminal` are halides with one bond."""

    structure: Structure
    metals: tuple[int, ...]
    bonds: tuple[Bond, ...]
    terminal: frozenset[int]
    sheets: tuple[Sheet, ...]


def find_network(structure: Structure) -> Network:
    """The network of a crystal. Raises GeometryError if no metal of the B site has a halide neighbour."""
    symbols = [_symbol(site.species) for site in structure]
    metals = tuple(place for place, symbol in enumerate(symbols) if symbol in B_SITES)
    if not metals:
        raise GeometryError(f"{structure.composition.reduced_formula} holds no {', '.join(B_SITES)}")
    bonds = _bonds(structure, symbols, set(metals))
    if not bonds:
        raise GeometryError(f"no halide is bonded to a metal in {structure.composition.reduced_formula}")
    ends: dict[int, list[tuple[int, Image]]] = {}
    for bond in bonds:
        ends.setdefault(bond.halide, []).append((bond.metal, bond.image))
    links: dict[int, list[tuple[int, Image]]] = {metal: [] for metal in metals}
    for partners in ends.values():
        for metal, image in partners:
            for other, other_image in partners:
                step = _minus(other_image, image)
                if (other, step) != (metal, (0, 0, 0)):
                    links[metal].append((other, step))
    terminal = frozenset(halide for halide, partners in ends.items() if len(partners) == 1)
    return Network(structure, metals, tuple(bonds), terminal, tuple(_sheets(metals, links)))


def _bonds(structure: Structure, symbols: list[str], metals: set[int]) -> list[Bond]:
    longest = BOND_REACH * max(bond_length(b, x) for b in B_SITES for x in HALIDES)
    centres, others, images, lengths = structure.get_neighbor_list(longest)
    found = []
    steps = structure.frac_coords[others] + images - structure.frac_coords[centres]
    vectors = structure.lattice.get_cartesian_coords(steps)
    for centre, other, image, length, vector in zip(centres, others, images, lengths, vectors, strict=True):
        if centre not in metals or symbols[other] not in HALIDES:
            continue
        if length <= BOND_REACH * bond_length(symbols[centre], symbols[other]):
            a, b, c = (round(float(value)) for value in image)
            found.append(Bond(int(centre), int(other), (a, b, c), float(length), vector))
    return found


def _sheets(metals: tuple[int, ...], links: dict[int, list[tuple[int, Image]]]) -> list[Sheet]:
    """Connected parts, each unwrapped from its first metal; closing a ring in another image gives a translation."""
    seen: dict[int, Image] = {}
    sheets = []
    for start in metals:
        if start in seen:
            continue
        seen[start] = (0, 0, 0)
        members = [start]
        loops: list[Image] = []
        queue = deque([start])
        while queue:
            metal = queue.popleft()
            for other, step in links[metal]:
                image = _minus(seen[metal], step)
                if other not in seen:
                    seen[other] = image
                    members.append(other)
                    queue.append(other)
                elif (loop := _minus(image, seen[other])) != (0, 0, 0):
                    loops.append(loop)
        sheets.append(Sheet(tuple((metal, seen[metal]) for metal in members), _basis(loops)))
    return sheets


def _basis(loops: list[Image]) -> NDArray[np.int64]:
    """Integer basis of the lattice that the loops span, shape (rank, 3), by row reduction (Hermite normal form)."""
    rows = [list(loop) for loop in dict.fromkeys(loops)]
    basis: list[list[int]] = []
    for column in range(3):
        while True:
            active = [row for row in rows if row[column]]
            if len(active) < 2:
                break
            active.sort(key=lambda row: abs(row[column]))
            pivot = active[0]
            for row in active[1:]:
                times = row[column] // pivot[column]
                row[:] = [value - times * first for value, first in zip(row, pivot, strict=True)]
        if active:
            basis.append(active[0])
            rows = [row for row in rows if row is not active[0]]
    return np.array(basis, dtype=np.int64).reshape(-1, 3)


def _symbol(species: object) -> str:
    """Element of a site; the most abundant one where it is disordered."""
    amounts = species.get_el_amt_dict()  # type: ignore[attr-defined]  # pymatgen Composition
    return str(max(amounts, key=lambda symbol: amounts[symbol]))


def _minus(a: Image, b: Image) -> Image:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


#: Metals whose heights differ by less than this (angstrom) lie in one plane of octahedra.
SAME_PLANE = 2.0


@dataclass(frozen=True)
class Layers:
    """Flat layers normal to one direction; lengths in angstrom. `faces`: heights of the outer halide planes (bottom,
    top) of every layer in one repeat of the crystal along the normal, which is `period` long."""

    n_layers: int
    spacing: float
    thickness: float
    shift: tuple[float, float]
    normal: NDArray[np.float64]
    period: float
    faces: tuple[tuple[float, float], ...]

    def depth(self, point: NDArray[np.float64]) -> float:
        """How far a point, shape (3,), lies inside the nearest face, angstrom; negative outside the layer."""
        bottom, top = np.array(self.faces).T
        off = (point @ self.normal - (bottom + top) / 2 + self.period / 2) % self.period - self.period / 2
        return float(np.max((top - bottom) / 2 - np.abs(off)))


def find_layers(network: Network) -> Layers | None:
    """The layers of a network, None for a three-dimensional one. GeometryError for chains or unlike thickness."""
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
    places = [network.structure.frac_coords[metal] + np.array(image) for metal, image in sheet.metals]
    return np.asarray(network.structure.lattice.get_cartesian_coords(places))


def _planes(network: Network, sheet: Sheet, normal: NDArray[np.float64]) -> list[float]:
    """Heights of the planes of octahedra, bottom first."""
    heights = np.sort(_points(network, sheet) @ normal)
    groups = np.split(heights, np.flatnonzero(np.diff(heights) > SAME_PLANE) + 1)
    return [float(group.mean()) for group in groups]


def _faces(network: Network, sheet: Sheet, normal: NDArray[np.float64]) -> tuple[float, float]:
    """Heights of the lower and the upper plane of terminal halides of one layer."""
    metals = _points(network, sheet) @ normal
    own = dict(zip((metal for metal, _ in sheet.metals), metals, strict=True))
    bonds = [bond for bond in network.bonds if bond.metal in own and bond.halide in network.terminal]
    heights = np.array([own[bond.metal] + bond.vector @ normal for bond in bonds])
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
    network: Network, top: NDArray[np.float64], bottom: NDArray[np.float64], sheet: Sheet, normal: NDArray[np.float64]
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


#: Parts of one split site lie nearer than this, angstrom; no two halides of a crystal do.
SPLIT = 2.0
#: Sum of occupancies that is still one site: refinements print a few per cent more than 1.
MOST_OCCUPANCY = 1.05
#: (t1, t2) of the ideal stackings: Blancon et al., Nat. Nanotechnol. 15, 969 (2020), doi 10.1038/s41565-020-00811-1.
IDEAL_SHIFTS = {"DJ": (0.0, 0.0), "ACI": (0.5, 0.0), "RP": (0.5, 0.5)}


@dataclass(frozen=True)
class StructureDescriptors:
    """Numbers of one crystal; lengths in angstrom, angles in degrees, None where a three-dimensional network has none.

    n_layers: octahedra across one layer (distinct heights of metals along the layer normal); None in three dimensions.
    layer_spacing_angstrom: repeat of the layers along their normal.
    layer_thickness_angstrom: between the outer halide planes of one layer; the gallery is the rest of the spacing.
    volume_per_formula_angstrom3: cell volume per n metals (one formula unit), per metal in three dimensions.
    mean_lattice_angstrom, mean_lattice_angle_deg: means of a, b, c and of alpha, beta, gamma of the cell as given.
    mean_bond_angstrom: mean metal-halide distance.
    mean_bridge_angle_deg: mean metal-halide-metal angle over bridging halides; 180 where nothing tilts.
    bond_distortion: mean over octahedra of (1/6) sum ((d - mean d) / mean d)^2 (Alonso et al., Inorg. Chem. 39, 917
        (2000), doi 10.1021/ic990921e).
    angle_variance_deg2: mean over octahedra of (1/11) sum (angle - 90)^2 over the twelve cis angles (Robinson, Gibbs,
        Ribbe, Science 172, 567 (1971), doi 10.1126/science.172.3983.567).
    t1, t2: shift of a layer against the one below, in the plane, as fractions of the two metal-metal vectors, folded to
        0 to 1/2, the larger one first (Tremblay et al., Chem. Mater. 31, 6145 (2019), doi
        10.1021/acs.chemmater.9b01564; compare the layer shift factor of Marchenko et al., arXiv:2010.02309).
    stacking: the ideal stacking nearest to (t1, t2): "DJ" (0, 0), "ACI" (1/2, 0) or "RP" (1/2, 1/2); "3D" without
        layers.
    stacking_distance: how far (t1, t2) is from it; above about 0.2 the name says little.
    penetration_depth_angstrom: how far the ammonium nitrogens lie inside the plane of the terminal halides, mean over
        the nitrogens within 3 of such a plane (positive inside); None without any.
    coordination: mean number of halides around a metal.
    """

    n_layers: int | None
    layer_spacing_angstrom: float | None
    layer_thickness_angstrom: float | None
    volume_per_formula_angstrom3: float
    mean_lattice_angstrom: float
    mean_lattice_angle_deg: float
    mean_bond_angstrom: float
    mean_bridge_angle_deg: float
    bond_distortion: float
    angle_variance_deg2: float
    t1: float | None
    t2: float | None
    stacking: str
    stacking_distance: float | None
    penetration_depth_angstrom: float | None
    coordination: float


def read_structure(path: str | Path) -> Structure:
    """Crystal of a CIF, POSCAR or other file that pymatgen reads. GeometryError if it holds none or several."""
    from pymatgen.core.structure import Structure as PymatgenStructure  # loads pandas, which chemspace does without

    if not Path(path).is_file():
        raise GeometryError(f"{path} cannot be read: no such file")
    try:
        if Path(path).suffix.lower() in (".cif", ".mcif"):
            return _read_cif(Path(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return PymatgenStructure.from_file(str(path))
    except GeometryError:
        raise
    except Exception as error:  # pymatgen raises whatever its parsers meet
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GeometryError(f"{Path(path).name} holds no readable crystal structure: {reason}") from error


def _read_cif(path: Path) -> Structure:
    """The one crystal of a CIF; occupancies a little above 1 (rounding of refinements) are scaled down."""
    from pymatgen.io.cif import CifFile, CifParser

    text = path.read_text("utf-8-sig", "replace")
    names = re.findall(r"(?m)^\s*data_(\S*)", text)
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        try:
            file = CifFile.from_str(text)
            crystals = {name: block.data for name, block in file.data.items() if "_atom_site_fract_x" in block.data}
            if repeated := [name for name in crystals if names.count(name) > 1]:
                raise GeometryError(f"{path.name} has two blocks data_{repeated[0]}; give each a file of its own")
            if not crystals:
                raise ValueError("it lists no atoms (_atom_site_fract_x)")
            changed = [_settle(path.name, block) for block in crystals.values()]
            source = StringIO(str(file)) if any(changed) else str(path)
            found = CifParser(source, occupancy_tolerance=MOST_OCCUPANCY).parse_structures(primitive=False)
        except ValueError as error:  # pymatgen's own error only says that nothing is left
            reasons = [str(remark.message).splitlines()[0] for remark in remarks] or [str(error)]
            raise GeometryError(f"{path.name} holds no readable crystal structure: {reasons[-1]}") from error
    if len(found) > 1:
        raise GeometryError(f"{path.name} holds {len(found)} crystal structures; give each a file of its own")
    return found[0]


_COORDINATE = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?:\(.*)?")


def _settle(file: str, block: dict[str, Any]) -> bool:
    """Leave out hydrogens without a place and give an occupancy of "." the 1 that it stands for; whether there were
    any. Raises GeometryError for another atom without a place, which pymatgen would put at 0, or a cell of no size."""
    for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"):
        if not re.match(r"\+?[\d.]*[1-9]", value := str(block.get(f"_cell_{name}", "missing"))):
            raise GeometryError(f"{file} has a cell without a size: _cell_{name} is {value}")
    places = list(zip(*(block.get(f"_atom_site_fract_{axis}", ()) for axis in "xyz"), strict=False))
    unknown = [number for number, place in enumerate(places) if not all(map(_COORDINATE.fullmatch, place))]
    kinds = block.get("_atom_site_type_symbol") or block.get("_atom_site_label") or []
    for number in unknown:
        if kinds[number][:1] not in ("H", "D"):
            where = f"atom {number + 1} of {file} ({kinds[number]})"
            raise GeometryError(f"{where} has no place: its coordinates are {', '.join(places[number])}")
    columns = [key for key, cells in block.items() if key.startswith("_atom_site_") and len(cells) == len(kinds)]
    for key in columns if unknown else ():
        block[key] = [cell for number, cell in enumerate(block[key]) if number not in unknown]
    occupancies = block.get("_atom_site_occupancy", [])
    if "." in occupancies:
        block["_atom_site_occupancy"] = ["1" if cell == "." else cell for cell in occupancies]
    return bool(unknown) or "." in occupancies


def _with_whole_sites(structure: Structure) -> Structure:
    """`structure` with a split halide or metal as one site: the part that is occupied most, the first of equal ones, of
    those within 2 angstrom whose occupancies add up to about 1. Their mean would hide the tilt."""
    network = set(HALIDES) | set(B_SITES)
    occupancy = [float(site.species.num_atoms) for site in structure]
    partial = [
        place
        for place, site in enumerate(structure)
        if occupancy[place] < 0.99 and network & set(site.species.get_el_amt_dict())
    ]
    left_out: set[int] = set()
    for place in sorted(partial, key=lambda place: -occupancy[place]):
        if place in left_out:
            continue
        near = {int(hit.index) for hit in structure.get_neighbors(structure[place], SPLIT)} & set(partial) - left_out
        if near and occupancy[place] + sum(occupancy[other] for other in near) <= MOST_OCCUPANCY:
            left_out |= near - {place}
    if not left_out:
        return structure
    whole = structure.copy()
    whole.remove_sites(sorted(left_out))
    return whole


def structure_descriptors(structure: Structure | str | Path) -> StructureDescriptors:
    """Descriptors of a crystal, given as a pymatgen `Structure` or a file; the parts of a split site count as one.
    Raises GeometryError if there is no metal-halide network of layers or in three dimensions, or the file cannot be
    read."""
    if isinstance(structure, str | Path):
        structure = read_structure(structure)
    thin, long = 1.0 / max(structure.lattice.reciprocal_lattice_crystallographic.abc), max(structure.lattice.abc)
    if thin < THINNEST or long > LONGEST:  # the search for neighbours would fill the memory
        raise GeometryError(
            f"a cell {thin:.2g} angstrom thin and {long:.4g} long is no crystal's; check axes and angles"
        )
    structure = _with_whole_sites(structure)
    network = find_network(structure)
    layers = find_layers(network)
    metals = len(network.metals)
    t1, t2 = (None, None) if layers is None else layers.shift
    name, distance = ("3D", None) if t1 is None or t2 is None else _stacking(t1, t2)
    bonds, angles = _octahedra(network)
    return StructureDescriptors(
        n_layers=None if layers is None else layers.n_layers,
        layer_spacing_angstrom=None if layers is None else layers.spacing,
        layer_thickness_angstrom=None if layers is None else layers.thickness,
        volume_per_formula_angstrom3=structure.volume / metals * (1 if layers is None else layers.n_layers),
        mean_lattice_angstrom=float(np.mean(structure.lattice.abc)),
        mean_lattice_angle_deg=float(np.mean(structure.lattice.angles)),
        mean_bond_angstrom=float(np.mean([bond.length for bond in network.bonds])),
        mean_bridge_angle_deg=_bridge_angle(network),
        bond_distortion=bonds,
        angle_variance_deg2=angles,
        t1=t1,
        t2=t2,
        stacking=name,
        stacking_distance=distance,
        penetration_depth_angstrom=None if layers is None else _penetration(network, layers),
        coordination=len(network.bonds) / metals,
    )


def _stacking(t1: float, t2: float) -> tuple[str, float]:
    distances = {name: sqrt((t1 - a) ** 2 + (t2 - b) ** 2) for name, (a, b) in IDEAL_SHIFTS.items()}
    nearest = min(distances, key=lambda name: distances[name])
    return nearest, distances[nearest]


def _octahedra(network: Network) -> tuple[float, float]:
    """Mean bond distortion and angle variance of the six-coordinate metals. Raises GeometryError if there is none."""
    bonds, angles = [], []
    around = [np.array([bond.vector for bond in network.bonds if bond.metal == metal]) for metal in network.metals]
    if not (octahedra := [vectors for vectors in around if len(vectors) == 6]):
        found = " or ".join(map(str, sorted({len(vectors) for vectors in around})))
        raise GeometryError(f"no metal has six halides around it, but {found}: no octahedra, so no perovskite")
    for vectors in octahedra:
        lengths = np.linalg.norm(vectors, axis=1)
        bonds.append(float(np.mean((lengths / lengths.mean() - 1) ** 2)))
        cosines = (vectors @ vectors.T / np.outer(lengths, lengths))[np.triu_indices(6, 1)]
        cis = np.sort(np.degrees(np.arccos(np.clip(cosines, -1, 1))))[:12]
        angles.append(float(np.sum((cis - 90) ** 2) / 11))
    return float(np.mean(bonds)), float(np.mean(angles))


def _bridge_angle(network: Network) -> float:
    arms: dict[int, list[NDArray[np.float64]]] = {}
    for bond in network.bonds:
        arms.setdefault(bond.halide, []).append(bond.vector)
    angles = []
    for first, second in (pair for pair in arms.values() if len(pair) == 2):
        cosine = first @ second / np.linalg.norm(first) / np.linalg.norm(second)
        angles.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return float(np.mean(angles)) if angles else float("nan")


def _penetration(network: Network, layers: Layers) -> float | None:
    """Mean depth of nitrogens below the nearest plane of terminal halides."""
    structure = network.structure
    depths = [layers.depth(site.coords) for site in structure if "N" in site.species.get_el_amt_dict()]
    near = [depth for depth in depths if abs(depth) <= 3.0]
    return float(np.mean(near)) if near else None
