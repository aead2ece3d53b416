"""From one SMILES to one record: conformers, optimisation, descriptors. Runs inside a worker process."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from oracle.conformers import PROMISING, Conformers, build_molecule, start_geometries
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
from oracle.errors import BondsChangedError, ConvergenceError, InputError, OracleError
from oracle.optimise import Optimum, choose_coordinates, force_field_hessian, leave_saddles, minimise
from oracle.protocol import TORSIONS, Protocol
from oracle.record import CationRecord, Task, failure, read_xyz

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
