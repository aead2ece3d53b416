"""From one SMILES to one record: conformers, optimisation, descriptors. Runs inside a worker process.

Start geometries: chains turned through their preferred angles, rings embedded; relaxed with MMFF94, each kept once.

ETKDGv3, whose torsions of crystals tell the angles that a bond prefers: doi 10.1021/acs.jcim.0c00025.
MMFF94: doi 10.1002/(SICI)1096-987X(199604)17:5/6<490::AID-JCC1>3.0.CO;2-P.
UFF, where MMFF94 has no parameters: doi 10.1021/ja00051a040.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, product
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms

from oracle.engines.base import (
    ANGSTROM_PER_BOHR,
    DEBYE_PER_E_BOHR,
    EV_PER_HARTREE,
    HARTREE_PER_KCAL_MOL,
    Session,
    SinglePoint,
    atomic_masses,
    bond_changes,
    mean_electronegativity,
    validate_molecule,
)
from oracle.engines.registry import Tools, open_tools
from oracle.errors import BondsChangedError, ConformerError, ConvergenceError, InputError, OracleError
from oracle.optimise import Optimum, choose_coordinates, force_field_hessian, leave_saddles, minimise
from oracle.record import TORSIONS, CationRecord, Protocol, Task, failure, read_xyz

#: Two conformers are one when their energies (kcal/mol) and sorted interatomic distances (angstrom) agree this well.
SAME_ENERGY = 0.02
SAME_DISTANCE = 0.05

#: Dielectric constant in which the force field sees charges where conformers are meant for a polar surrounding.
SCREENING = 40.0

#: Where so many of the embedded conformers are distinct, others were probably missed.
MANY = 0.75

#: Combinations of angles looked at, and frames (rings with what is bound to them) that share them; frames are embedded
#: so many times as often as conformers are relaxed, or cyclooctylammonium keeps another one for every second seed.
COMBINATIONS, FRAMES, EMBEDDED = 400, 12, 4

#: Two frames are one where the sorted distances among their atoms agree this well, angstrom.
SAME_FRAME = 0.1

#: In place of 0, with which RDKit makes one geometry again and again; and where the seed decides nothing.
SEED = 2**30

#: A conformer that is worth this much less than the best one at its start, kcal/mol, is not the best one in the end.
PROMISING = 3.0

#: The four atoms of a torsion.
Torsion: TypeAlias = tuple[int, int, int, int]

#: Steps granted to a force field; it stops at its own convergence long before.
FORCE_FIELD_STEPS = 2000


@dataclass(frozen=True, slots=True)
class Conformers:
    """Distinct start geometries of one molecule, lowest force-field energy first."""

    mol: Chem.Mol  #: the molecule with its hydrogens and every embedded conformer
    ids: tuple[int, ...]  #: the conformer of `mol` behind each geometry, shape (c,)
    positions: NDArray[np.float64]  #: geometries, shape (c, n, 3), bohr
    force_field: str  #: "MMFF94" or "UFF"
    complete: bool  #: False where others may have been missed


def build_molecule(smiles: str) -> Chem.Mol:
    """The molecule of `smiles` with explicit hydrogens. Raises InputError if RDKit cannot read the SMILES."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise InputError(f"{smiles!r} is not a SMILES that RDKit can read")
    return Chem.AddHs(mol)


def start_geometries(mol: Chem.Mol, protocol: Protocol, count: int) -> Conformers:
    """The geometries that a protocol's calculation starts from, by the force field alone, the best first, with `count`
    for its number of conformers. Raises ConformerError if no conformer could be embedded."""
    if protocol.conformer_search == TORSIONS:
        return turn(mol, count, protocol.seed, protocol.stretch)
    return embed(mol, count, protocol.seed, screened=protocol.seeks_layers)


def embed(mol: Chem.Mol, count: int, seed: int, *, screened: bool = False) -> Conformers:
    """Embeds `count` conformers, relaxes them with the force field and keeps the distinct ones; mirror images count as
    one, since every descriptor is the same for both. `screened`: charges are, and a conformer whose chains are extended
    is added. Raises ConformerError if no conformer could be embedded."""
    ids = _embed(mol, count, (seed or SEED) if screened else seed)
    if screened and (turns := _chain_torsions(mol)):
        ids.append(_extended(mol, ids[0], turns))
    force_field, energies = _by_force_field(mol, screened=screened)
    numbers = len(ids)
    order = sorted(range(numbers), key=lambda k: (energies[k], k))
    kept = _distinct(mol, ids, energies, order)
    positions = np.stack([mol.GetConformer(ids[k]).GetPositions() for k in kept]) / ANGSTROM_PER_BOHR
    return Conformers(mol, tuple(ids[k] for k in kept), positions, force_field, len(kept) < MANY * count)


def turn(mol: Chem.Mol, count: int, seed: int, stretch: float) -> Conformers:
    """Turns every bond of the chains through the angles it prefers and keeps the distinct conformers, the best first.
    What cannot be turned into each other (rings, ends of open stereocentres) is embedded; only there the seed decides.
    Energies have screened charges. `count`: how many of those turned are relaxed; `stretch`: kcal/mol an angstrom of
    half its length. Raises ConformerError if no conformer could be embedded."""
    frames, n_frames = _frames(mol, count, seed, stretch)
    turns = _turns(mol)
    each, field = COMBINATIONS // len(frames), _force_field(mol)
    turned: list[tuple[float, int, Chem.Conformer]] = []
    for frame in frames:
        for angles in islice(_combined([preferred for _, preferred in turns]), each):
            conformer = Chem.Conformer(mol.GetConformer(frame))
            for (torsion, _), angle in zip(turns, angles, strict=True):
                rdMolTransforms.SetDihedralDeg(conformer, *torsion, angle)
            positions = conformer.GetPositions()
            worth = field.CalcEnergy(positions.ravel().tolist()) - stretch * _half_length(mol, positions)
            turned.append((worth, len(turned), conformer))
    turned.sort(key=lambda one: one[:2])
    complete = n_frames == len(frames) and prod(len(preferred) for _, preferred in turns) <= each
    complete &= len(turned) <= count or turned[count][0] > turned[0][0] + PROMISING
    mol.RemoveAllConformers()
    ids = [int(mol.AddConformer(conformer, assignId=True)) for *_, conformer in turned[:count]]
    force_field, energies = _by_force_field(mol, screened=True)
    shapes = [mol.GetConformer(k).GetPositions() for k in ids]
    worths = [energy - stretch * _half_length(mol, shape) for energy, shape in zip(energies, shapes, strict=True)]
    kept = _distinct(mol, ids, energies, sorted(range(len(ids)), key=lambda k: (energies[k], k)))
    kept.sort(key=lambda k: (worths[k], k))
    positions = np.stack([shapes[k] for k in kept]) / ANGSTROM_PER_BOHR
    return Conformers(mol, tuple(ids[k] for k in kept), positions, force_field, complete)


def _frames(mol: Chem.Mol, count: int, seed: int, stretch: float) -> tuple[list[int], int]:
    """Embeds what turning bonds cannot reach: ids of the best conformers of it, and how many there are."""
    stereo = list(Chem.FindPotentialStereo(mol))
    open_ends = [one for one in stereo if one.specified == Chem.StereoSpecified.Unspecified]
    if len(stereo) == 1 and stereo[0].type == Chem.StereoType.Atom_Tetrahedral:
        open_ends = []  # both ways of one centre are mirror images
    bends = any(mol.GetAtomWithIdx(k).GetDegree() == 4 for ring in mol.GetRingInfo().AtomRings() for k in ring)
    ids = _embed(mol, EMBEDDED * count, seed or SEED) if bends or open_ends else _embed(mol, 1, SEED)
    _, energies = _by_force_field(mol, screened=True)
    centres = {k for one in open_ends for k in [one.centeredOn, *one.controllingAtoms] if k < mol.GetNumAtoms()}
    atoms = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    frame = [a.GetIdx() for a in atoms if a.GetIdx() in centres or any(b.IsInRing() for b in (a, *a.GetNeighbors()))]
    shapes = {k: mol.GetConformer(k).GetPositions() for k in ids}
    worth = {k: energy - stretch * _half_length(mol, shapes[k]) for k, energy in zip(ids, energies, strict=True)}
    found: dict[int, NDArray[np.float64]] = {}
    for k in sorted(ids, key=lambda k: (worth[k], k)):
        distances = _sorted_distances(shapes[k][frame])
        if not any(np.abs(distances - other).max(initial=0.0) < SAME_FRAME for other in found.values()):
            found[k] = distances
    return list(found)[:FRAMES], len(found)


def _turns(mol: Chem.Mol) -> list[tuple[Torsion, list[float]]]:
    """A torsion about each bond that can be turned, and the angles it prefers (degrees), the most stretched first."""
    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=False))
    known = {frozenset(list(one["atomIndices"])[1:3]): one for one in rdDistGeom.GetExperimentalTorsions(mol)}
    found = []
    for bond in mol.GetBonds():
        ends = bond.GetBeginAtom(), bond.GetEndAtom()
        beside = [
            [n.GetIdx() for n in end.GetNeighbors() if n.GetIdx() != other.GetIdx()]
            for end, other in (ends, ends[::-1])
        ]
        if bond.IsInRing() or bond.GetBondType() != Chem.BondType.SINGLE or not all(beside):
            continue
        if any(end.GetHybridization() == Chem.HybridizationType.SP for end in ends):
            continue
        folds = [len(side) if len({ranks[k] for k in side}) == 1 else 1 for side in beside]
        if 3 in folds:  # methyl, ammonium: every preferred angle is the same
            continue
        tetrahedral = [end.GetHybridization() == Chem.HybridizationType.SP3 for end in ends]
        one = known.get(frozenset(end.GetIdx() for end in ends))
        if one is not None:
            torsion, angles = tuple(one["atomIndices"]), _minima(one["V"], one["signs"])
        else:
            first, second = ((_deepest(end, other)) for end, other in (ends, ends[::-1]))
            outer = [side[0] if deep is None else deep for side, deep in zip(beside, (first, second), strict=True)]
            torsion = (outer[0], ends[0].GetIdx(), ends[1].GetIdx(), outer[1])
            angles = [[0.0, 180.0], [0.0, 90.0, 180.0, 270.0], [60.0, 180.0, 300.0]][sum(tetrahedral)]
        angles.sort(key=lambda angle: (abs(angle - 180.0), angle))
        if any(fold == 2 and not sp3 for fold, sp3 in zip(folds, tetrahedral, strict=True)):  # a flat end, twice alike
            angles = [a for k, a in enumerate(angles) if all((a - b) % 180.0 for b in angles[:k])]
        if len(angles) > 1:
            found.append((torsion, angles))
    return found


def _minima(heights: Sequence[float], signs: Sequence[int]) -> list[float]:
    """Angles (degrees) of the minima of a torsion's potential in crystals, sum of V (1 + s cos(k angle))."""
    angles = np.arange(0.0, 360.0, 10.0)
    energy = sum(
        v * (1.0 + s * np.cos(k * np.radians(angles))) for k, (v, s) in enumerate(zip(heights, signs, strict=True), 1)
    )
    low = (energy <= np.roll(energy, 1)) & (energy < np.roll(energy, -1))
    return [float(angle) for angle in angles[low]]


def _combined(preferred: Sequence[Sequence[float]]) -> Iterator[tuple[float, ...]]:
    """Every choice of one angle a bond, those that turn the fewest bonds away from their first angle first."""
    for number in range(len(preferred) + 1):
        for away in combinations(range(len(preferred)), number):
            yield from product(*(a[1:] if k in away else a[:1] for k, a in enumerate(preferred)))


def _half_length(mol: Chem.Mol, positions: NDArray[np.float64]) -> float:
    """Half the largest distance between heavy atoms, angstrom."""
    heavy = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetAtomicNum() > 1]
    return 0.5 * float(_sorted_distances(positions[heavy]).max(initial=0.0))


def _embed(mol: Chem.Mol, count: int, seed: int) -> list[int]:
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed
    parameters.numThreads = 1
    ids = list(rdDistGeom.EmbedMultipleConfs(mol, count, parameters))
    if not ids:
        # Crowded cages defeat the distance-geometry start; random coordinates reach them.
        parameters.useRandomCoords = True
        ids = list(rdDistGeom.EmbedMultipleConfs(mol, count, parameters))
    if not ids:
        raise ConformerError(f"ETKDGv3 found no geometry for {Chem.MolToSmiles(Chem.RemoveHs(mol))} (seed {seed})")
    return ids


def _chain_torsions(mol: Chem.Mol) -> list[Torsion]:
    """Atoms of the torsion along the longest way through each bond between saturated chain atoms."""
    found = []
    for bond in mol.GetBonds():
        ends = bond.GetBeginAtom(), bond.GetEndAtom()
        if bond.IsInRing() or any(a.GetHybridization() != Chem.HybridizationType.SP3 for a in ends):
            continue
        if all(a.GetAtomicNum() == 16 for a in ends):  # a disulfide stands at a right angle
            continue
        first, second = ((_deepest(end, other)) for end, other in (ends, ends[::-1]))
        if first is not None and second is not None:
            found.append((first, ends[0].GetIdx(), ends[1].GetIdx(), second))
    return found


def _deepest(atom: Chem.Atom, away_from: Chem.Atom) -> int | None:
    """The heavy neighbour of `atom` behind which the molecule reaches farthest; None where there is none."""
    mol, blocked = atom.GetOwningMol(), {atom.GetIdx(), away_from.GetIdx()}

    def depth(start: int) -> int:
        seen, edge, steps = {*blocked, start}, [start], 0
        while edge:
            around = {n.GetIdx() for k in edge for n in mol.GetAtomWithIdx(k).GetNeighbors() if n.GetAtomicNum() > 1}
            edge = sorted(around - seen)
            seen |= around
            steps += 1
        return steps

    heavy = [n.GetIdx() for n in atom.GetNeighbors() if n.GetAtomicNum() > 1 and n.GetIdx() not in blocked]
    return max(heavy, key=lambda k: (depth(k), -k), default=None)


def _extended(mol: Chem.Mol, start: int, torsions: list[Torsion]) -> int:
    """A new conformer of `mol` like the one with the id `start`, its chains stretched out; returns its id."""
    conformer = Chem.Conformer(mol.GetConformer(start))
    for torsion in torsions:
        rdMolTransforms.SetDihedralDeg(conformer, *torsion, 180.0)
    return int(mol.AddConformer(conformer, assignId=True))


def _by_force_field(mol: Chem.Mol, *, screened: bool = False) -> tuple[str, list[float]]:
    granted: dict[str, Any] = {"numThreads": 1, "maxIters": FORCE_FIELD_STEPS}
    name = "MMFF94"
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        if screened:
            pairs = rdForceFieldHelpers.OptimizeMoleculeConfs(mol, _force_field(mol), **granted)
        else:
            pairs = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(mol, **granted)
    elif rdForceFieldHelpers.UFFHasAllMoleculeParams(mol):
        pairs, name = rdForceFieldHelpers.UFFOptimizeMoleculeConfs(mol, **granted), "UFF"
    else:
        raise ConformerError("neither MMFF94 nor UFF has parameters for this molecule")
    return name, [float(energy) for _, energy in pairs]


def _force_field(mol: Chem.Mol) -> Any:
    """MMFF94 with screened charges, or UFF, which has none."""
    if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(mol):
        return rdForceFieldHelpers.UFFGetMoleculeForceField(mol)
    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
    properties.SetMMFFDielectricConstant(SCREENING)
    return rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties)


def _distinct(mol: Chem.Mol, ids: list[int], energies: list[float], order: list[int]) -> list[int]:
    kept: list[int] = []
    shapes: dict[int, NDArray[np.float64]] = {}
    for k in order:
        shape = _sorted_distances(mol.GetConformer(ids[k]).GetPositions())
        twins = (j for j in reversed(kept) if energies[k] - energies[j] < SAME_ENERGY)
        if not any(np.abs(shape - shapes[j]).max(initial=0.0) < SAME_DISTANCE for j in twins):
            kept.append(k)
            shapes[k] = shape
    return kept


def _sorted_distances(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    i, j = np.triu_indices(len(positions), 1)
    return np.sort(np.sqrt(((positions[i] - positions[j]) ** 2).sum(-1)))


#: Below this gap (eV) the orbitals above it begin to fill at xTB's 300 K, and HOMO and LUMO mostly sit on different
#: parts of the ion (benchmarks/oracle_gaps.py, docs/oracle.md).
SMALL_GAP_EV = 0.5
#: How the warning of it begins.
GAP = "the gap is "


#: A start geometry this close to that of the kept conformer may end below it, kcal/mol.
CLOSE = 0.5
#: In a solvent model, whose surface is a grid, a gradient this many times the norm wanted may be as low as it gets:
#: methylammonium in DMF ends at 2.2e-4 of 2.0e-4 hartree/bohr from some starts.
ROUGH = 2.0
#: A conformer is the longest if it reaches so far of the longest start geometry.
LONGEST = 0.97


@dataclass(frozen=True, slots=True)
class _Relaxed:
    """The conformer that was kept, as the fields of a record."""

    geometry: str
    n_conformers: int
    warnings: tuple[str, ...]


def compute(task: Task, protocol: Protocol) -> CationRecord:
    """Computes one cation; a failure of any kind becomes a record that says why."""
    start = time.perf_counter()
    try:
        record = _compute(task, protocol)
    except OracleError as error:
        record = failure(task, protocol, error, retry=error.retry)
    except MemoryError as error:
        record = failure(task, protocol, error, retry=True)
    except Exception as error:
        # One bad molecule must never end a run; the class and the message of the unforeseen are kept.
        record = failure(task, protocol, error, retry=False)
    return replace(record, seconds=time.perf_counter() - start)


def _compute(task: Task, protocol: Protocol) -> CationRecord:
    mol = build_molecule(task.smiles)
    validate_molecule(mol, task.charge)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64)
    if len(numbers) < 2:
        raise InputError(f"{task.smiles} is a single atom; only molecular cations have these descriptors")
    electronegativity = mean_electronegativity(numbers)
    masses = atomic_masses(numbers)
    tools = open_tools(protocol)
    relaxed = task.sibling or _relax(mol, numbers, task.charge, protocol, tools)
    assert relaxed.geometry is not None
    # As the record holds them, so that a geometry from another protocol's record gives the same bits.
    positions = read_xyz(relaxed.geometry) / ANGSTROM_PER_BOHR
    point = tools.properties.single_point(numbers, positions, task.charge)
    return CationRecord(
        inchikey=task.inchikey,
        smiles=task.smiles,
        charge=task.charge,
        status="ok",
        protocol=protocol.label,
        protocol_key=protocol.key,
        molar_mass_g_mol=float(masses.sum()),
        electronegativity=electronegativity,
        polarizability_bohr3=tools.polarizability(numbers, positions, task.charge),
        dipole_debye=float(np.linalg.norm(point.dipole)) * DEBYE_PER_E_BOHR,
        homo_ev=point.homo * EV_PER_HARTREE,
        lumo_ev=point.lumo * EV_PER_HARTREE,
        gap_ev=(point.lumo - point.homo) * EV_PER_HARTREE,
        radius_angstrom=_half_extent(positions) * ANGSTROM_PER_BOHR,
        energy_hartree=point.energy,
        n_conformers=relaxed.n_conformers,
        geometry=relaxed.geometry,
        versions=protocol.versions,
        warnings=(*(word for word in relaxed.warnings if not word.startswith(GAP)), *_small_gap(point)),
    )


def _small_gap(point: SinglePoint) -> tuple[str, ...]:
    """A warning where the frontier orbitals lie so close that the isolated ion says little about one in a crystal."""
    gap = (point.lumo - point.homo) * EV_PER_HARTREE
    if gap >= SMALL_GAP_EV:
        return ()
    return (
        f"{GAP}{gap:.2f} eV and {point.electrons_above_homo:.3f} electrons lie above the HOMO: charge transfer "
        "within the isolated ion, or a dye; compare with --solvent water or with Hartree-Fock (--engine pyscf)",
    )


def _relax(mol: Chem.Mol, numbers: NDArray[np.int64], charge: int, protocol: Protocol, tools: Tools) -> _Relaxed:
    """Optimises the most promising conformers and keeps the best that still has the molecule's bonds."""
    screened = protocol.seeks_layers
    turned = protocol.conformer_search == TORSIONS
    conformers = start_geometries(mol, protocol, protocol.n_conformers)
    warnings = [] if conformers.force_field == "MMFF94" else ["MMFF94 has no parameters for this ion; UFF was used"]
    session = tools.geometry.session(numbers, charge)
    try:
        found: dict[int, Optimum] = {}
        saddles = 0
        problems: list[OracleError] = []
        promise = _promise(session, conformers, numbers, protocol)
        rest = sorted(range(len(promise)), key=lambda k: (promise[k], k))
        enough = min(promise) + PROMISING * HARTREE_PER_KCAL_MOL if turned else np.inf
        while rest and len(found) < protocol.n_optimised and not (found and promise[rest[0]] > enough):
            k = rest.pop(0)
            try:
                found[k], pushes = _optimise(session, conformers, k, protocol)
                saddles += pushes
            except (BondsChangedError, ConvergenceError) as error:
                problems.append(error)  # the next conformer takes its place
    finally:
        session.close()
    if not found:
        raise problems[0]
    if saddles:
        warnings.append(f"{saddles} saddle point{'s' if saddles > 1 else ''} left along an imaginary mode")
    warnings += [f"one conformer was left out: {problem}" for problem in problems]
    worth = {k: _worth(optimum.energy, optimum.positions[numbers > 1], protocol) for k, optimum in found.items()}
    best = min(found, key=lambda k: worth[k])
    near = promise[best] + CLOSE * HARTREE_PER_KCAL_MOL
    if protocol.stretch and (rivals := sum(promise[k] < near for k in rest)):
        warnings.append(
            f"the search for conformers has not converged: {rivals} of {len(promise)} that were not optimised may be "
            f"kept in its place; optimise more than {protocol.n_optimised}"
        )
    elif screened and not conformers.complete and not _is_longest(found[best], conformers, numbers):
        what = (
            "more ways to turn its bonds than were looked at"
            if turned
            else f"{len(promise)} of the {protocol.n_conformers} embedded are distinct, so there may be others"
        )
        warnings.append(f"the search for conformers has not converged: {what}; ask for more")
    return _Relaxed(_xyz(mol, found[best].positions), len(promise), tuple(warnings))


def _is_longest(kept: Optimum, conformers: Conformers, numbers: NDArray[np.int64]) -> bool:
    """Whether the one that is kept is the longest, which is always among the start geometries."""
    longest = max(_half_extent(positions[numbers > 1]) for positions in conformers.positions)
    return _half_extent(kept.positions[numbers > 1]) >= LONGEST * longest


def _promise(session: Session, conformers: Conformers, numbers: NDArray[np.int64], protocol: Protocol) -> list[float]:
    """What each start geometry is worth by a single point, hartree; zero for each where all are optimised anyway."""
    if len(conformers.ids) <= (1 if protocol.conformer_search == TORSIONS else protocol.n_optimised):
        return [0.0] * len(conformers.ids)
    return [_worth(session.energy_gradient(x)[0], x[numbers > 1], protocol) for x in conformers.positions]


def _worth(energy: float, heavy: NDArray[np.float64], protocol: Protocol) -> float:
    """What decides between conformers, hartree, lowest wins: energy less what the length of the heavy atoms gains."""
    return energy - protocol.stretch * HARTREE_PER_KCAL_MOL * ANGSTROM_PER_BOHR * _half_extent(heavy)


def _optimise(session: Session, conformers: Conformers, k: int, protocol: Protocol) -> tuple[Optimum, int]:
    """The minimum below one conformer, and the saddle points left on the way."""
    hessian = force_field_hessian(conformers.mol, conformers.ids[k], conformers.force_field)
    positions = conformers.positions[k]
    coordinates = choose_coordinates(conformers.mol, positions)
    norm, steps = protocol.gradient_norm, protocol.max_steps
    slack = 1.0 if protocol.solvent is None and protocol.conformer_solvent is None else ROUGH
    optimum = minimise(session, coordinates, positions, hessian, gradient_norm=norm, max_steps=steps, slack=slack)
    pushes = 0
    if protocol.follow_saddles:
        optimum, pushes = leave_saddles(session, coordinates, optimum, gradient_norm=norm, max_steps=steps)
    changes = bond_changes(conformers.mol, optimum.positions)
    if changes is not None:
        raise BondsChangedError(f"the optimised ion is another one than its SMILES says: {changes}")
    return optimum, pushes


def _half_extent(positions: NDArray[np.float64]) -> float:
    return 0.5 * float(np.sqrt(((positions[:, None] - positions[None]) ** 2).sum(-1).max()))


def _xyz(mol: Chem.Mol, positions: NDArray[np.float64]) -> str:
    masses = atomic_masses(np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.int64))
    positions = positions - masses @ positions / masses.sum()
    lines = [f"{mol.GetNumAtoms()}", f"{Chem.MolToSmiles(Chem.RemoveHs(mol))} angstrom, origin at the centre of mass"]
    for atom, (x, y, z) in zip(mol.GetAtoms(), positions * ANGSTROM_PER_BOHR, strict=True):
        lines.append(f"{atom.GetSymbol():<2} {x:14.8f} {y:14.8f} {z:14.8f}")
    return "\n".join(lines) + "\n"
