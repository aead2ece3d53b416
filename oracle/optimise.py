"""Quasi-Newton optimisation on engine gradients, in process, started from a force-field Hessian.

BFGS update with Powell's damping and a restricted step in the eigenvectors of the Hessian (Nocedal and Wright,
Numerical Optimization, 2nd ed. 2006, algorithm 4.3 and section 18.3), in delocalised internal coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdForceFieldHelpers

from oracle.engines.base import ANGSTROM_PER_BOHR, HARTREE_PER_KCAL_MOL, Session
from oracle.errors import ConvergenceError, InputError

#: A bend wider than this (radian, 165 degrees) has no useful torsions about it: such a molecule gets no internals.
LINEAR = 2.88

#: Singular values of the primitives' derivatives below this count as redundancy.
RANK_TOLERANCE = 1e-4

#: The way back to Cartesian positions stops at this error, or after this many rounds.
BACK_ERROR, BACK_ROUNDS = 1e-5, 8


@dataclass(frozen=True)
class Internals:
    """The coordinates of one molecule, fixed at the geometry they were built from. `bonds`, `bends`, `torsions`: atoms
    of each primitive, shapes (., 2), (., 3) and (., 4); `weights`: shape (p,); the torsions about one bond share one
    weight, so that a rotation counts once; `combination`: shape (p, r), orthonormal columns."""

    bonds: NDArray[np.intp]
    bends: NDArray[np.intp]
    torsions: NDArray[np.intp]
    weights: NDArray[np.float64]
    combination: NDArray[np.float64]

    def displacement(self, start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        """Change of the coordinates from one geometry to another, both (n, 3); shape (r,)."""
        return self._change(self._primitives(start), end)

    def _change(self, before: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `displacement`, from the primitives at the start, shape (p,)."""
        change = self._primitives(end) - before
        torsions = change[-len(self.torsions) :] if len(self.torsions) else change[:0]
        torsions -= 2.0 * np.pi * np.round(torsions / (2.0 * np.pi))
        return self.combination.T @ (self.weights * change)

    def derivatives(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivatives of the coordinates, shape (r, 3n)."""
        return (self.combination.T * self.weights) @ _derivatives(positions, self.bonds, self.bends, self.torsions)

    def inverse(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Generalised inverse of the derivatives, shape (3n, r): the smallest Cartesian step for each coordinate."""
        rows = self.derivatives(positions)
        return np.ascontiguousarray(np.linalg.solve(rows @ rows.T, rows).T)

    def step(
        self,
        positions: NDArray[np.float64],
        inverse: NDArray[np.float64],
        change: NDArray[np.float64],
        halvings: int = 4,
    ) -> NDArray[np.float64]:
        """The geometry (n, 3) whose coordinates differ by `change` (r,) from those of `positions`, with their
        `inverse`. A step that is too long is gone in two halves; where that fails `halvings` times, the nearest
        geometry is returned."""
        moved = positions + (inverse @ change).reshape(-1, 3)
        best, error, here = positions, float(np.abs(change).max()), self._primitives(positions)
        for _ in range(BACK_ROUNDS):
            missing = change - self._change(here, moved)
            before, error = error, float(np.abs(missing).max())
            if error < BACK_ERROR:
                return moved
            if not error < before:
                break
            best = moved
            moved = moved + (inverse @ missing).reshape(-1, 3)
        if halvings == 0:
            return best
        middle = self.step(positions, inverse, 0.5 * change, halvings - 1)
        rest = change - self._change(here, middle)
        return self.step(middle, self.inverse(middle), rest, halvings - 1)

    def _primitives(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([_lengths(x, self.bonds), _angles(x, self.bends), _dihedrals(x, self.torsions)])


def build_internals(mol: Chem.Mol, positions: NDArray[np.float64]) -> Internals | None:
    """Coordinates of a molecule at one geometry, shape (n, 3), bohr; None where it has straight parts or few bonds."""
    bonds, bends, torsions = _topology(mol)
    if len(bends) == 0 or float(_angles(positions, bends).max()) > LINEAR:
        return None
    weights = np.concatenate([np.ones(len(bonds) + len(bends)), _torsion_weights(torsions)])
    left, size, _ = np.linalg.svd(
        weights[:, None] * _derivatives(positions, bonds, bends, torsions), full_matrices=False
    )
    rank = int((size > RANK_TOLERANCE).sum())
    if rank != 3 * len(positions) - 6:
        return None
    return Internals(bonds, bends, torsions, weights, np.ascontiguousarray(left[:, :rank]))


def _topology(mol: Chem.Mol) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    near = [[int(a.GetIdx()) for a in atom.GetNeighbors()] for atom in mol.GetAtoms()]
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in mol.GetBonds()]
    bends = [(i, j, k) for j, around in enumerate(near) for n, i in enumerate(around) for k in around[n + 1 :]]
    torsions = [(i, j, k, m) for j, k in bonds for i in near[j] if i != k for m in near[k] if m not in (i, j)]
    return _index(bonds, 2), _index(bends, 3), _index(torsions, 4)


def _index(rows: Sequence[tuple[int, ...]], width: int) -> NDArray[np.intp]:
    return np.array(rows, dtype=np.intp).reshape(-1, width)


def _torsion_weights(torsions: NDArray[np.intp]) -> NDArray[np.float64]:
    _, which, count = np.unique(torsions[:, 1:3], axis=0, return_inverse=True, return_counts=True)
    return 1.0 / np.sqrt(count[which.ravel()].astype(np.float64))


def _lengths(x: NDArray[np.float64], bonds: NDArray[np.intp]) -> NDArray[np.float64]:
    return _norm(x[bonds[:, 0]] - x[bonds[:, 1]])


def _angles(x: NDArray[np.float64], bends: NDArray[np.intp]) -> NDArray[np.float64]:
    u, v = x[bends[:, 0]] - x[bends[:, 1]], x[bends[:, 2]] - x[bends[:, 1]]
    return np.arctan2(_norm(_cross(u, v)), _dot(u, v))


def _dihedrals(x: NDArray[np.float64], torsions: NDArray[np.intp]) -> NDArray[np.float64]:
    a, b, c = _torsion_vectors(x, torsions)
    left, right = _cross(a, b), _cross(b, c)
    return np.arctan2(_norm(b) * _dot(a, right), _dot(left, right))


def _torsion_vectors(x: NDArray[np.float64], torsions: NDArray[np.intp]) -> tuple[NDArray[np.float64], ...]:
    i, j, k, m = torsions.T
    return x[j] - x[i], x[k] - x[j], x[m] - x[k]


def _derivatives(
    x: NDArray[np.float64], bonds: NDArray[np.intp], bends: NDArray[np.intp], torsions: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Derivatives of the primitives, shape (p, 3n)."""
    out = np.zeros((len(bonds) + len(bends) + len(torsions), len(x), 3))
    along = x[bonds[:, 0]] - x[bonds[:, 1]]
    unit = along / _norm(along)[:, None]
    _fill(out, 0, bonds, [unit, -unit])
    u, v = x[bends[:, 0]] - x[bends[:, 1]], x[bends[:, 2]] - x[bends[:, 1]]
    lu, lv = _norm(u)[:, None], _norm(v)[:, None]
    normal = _cross(u, v)
    normal /= np.maximum(_norm(normal)[:, None], 1e-12)
    first, last = _cross(u, normal) / lu**2, _cross(normal, v) / lv**2
    _fill(out, len(bonds), bends, [first, -first - last, last])
    _fill(out, len(bonds) + len(bends), torsions, _torsion_rows(x, torsions))
    return out.reshape(len(out), -1)


def _fill(out: NDArray[np.float64], start: int, atoms: NDArray[np.intp], rows: list[NDArray[np.float64]]) -> None:
    line = np.arange(start, start + len(atoms))
    for column, row in enumerate(rows):
        out[line, atoms[:, column]] = row


def _torsion_rows(x: NDArray[np.float64], torsions: NDArray[np.intp]) -> list[NDArray[np.float64]]:
    a, b, c = _torsion_vectors(x, torsions)
    left, right = _cross(a, b), _cross(b, c)
    length = _norm(b)[:, None]
    square = np.maximum((length**2), 1e-12)
    first = -left * length / np.maximum(_dot(left, left), 1e-12)[:, None]
    last = right * length / np.maximum(_dot(right, right), 1e-12)[:, None]
    ab, bc = _dot(a, b)[:, None] / square, _dot(b, c)[:, None] / square
    second = -first * (1.0 + ab) + last * bc
    return [first, second, -first - second - last, last]


def _cross(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    # numpy.cross takes two to three times as long on arrays this small.
    out = np.empty_like(u)
    out[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
    out[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
    out[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    return out


def _dot(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = np.einsum("ij,ij->i", u, v)
    return out


def _norm(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(_dot(u, u))


@dataclass(frozen=True)
class Place:
    """One geometry, shape (n, 3), bohr, seen in r coordinates: internals with the generalised inverse of their
    derivatives, shape (3n, r), or positions as they are where there are none."""

    positions: NDArray[np.float64]
    internals: Internals | None = None
    inverse: NDArray[np.float64] | None = None

    def gradient(self, cartesian: NDArray[np.float64]) -> NDArray[np.float64]:
        """A Cartesian gradient, shape (n, 3), in the coordinates, shape (r,)."""
        return cartesian.ravel() if self.inverse is None else cartesian.ravel() @ self.inverse

    def hessian(self, cartesian: NDArray[np.float64]) -> NDArray[np.float64]:
        """A Cartesian Hessian, shape (3n, 3n), of a stationary point, in the coordinates, shape (r, r)."""
        return cartesian.copy() if self.inverse is None else self.inverse.T @ cartesian @ self.inverse

    def cartesian_hessian(self, hessian: NDArray[np.float64]) -> NDArray[np.float64]:
        """A Hessian in the coordinates, shape (r, r), as a Cartesian one, shape (3n, 3n): the inverse of `hessian`."""
        if self.internals is None:
            return hessian.copy()
        rows = self.internals.derivatives(self.positions)
        return rows.T @ hessian @ rows

    @property
    def strain(self) -> float:
        """How far a unit step in the coordinates moves the atoms at most; it grows as the coordinates wear out."""
        return 1.0 if self.inverse is None else float(np.linalg.norm(self.inverse))

    def moved(self, change: NDArray[np.float64]) -> NDArray[np.float64]:
        """Positions, shape (n, 3), whose coordinates differ by `change`, shape (r,)."""
        if self.internals is None or self.inverse is None:
            return self.positions + change.reshape(-1, 3)
        return self.internals.step(self.positions, self.inverse, change)

    def displacement(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Change of the coordinates on the way to other positions, shape (r,)."""
        if self.internals is None:
            return (positions - self.positions).ravel()
        return self.internals.displacement(self.positions, positions)


@dataclass(frozen=True)
class Coordinates:
    """Delocalised internals of a molecule, or Cartesian coordinates: those without arguments."""

    mol: Chem.Mol | None = None
    internals: Internals | None = None

    def at(self, positions: NDArray[np.float64]) -> Place:
        """The geometry `positions`, shape (n, 3), bohr, seen in these coordinates."""
        if self.internals is None:
            return Place(positions)
        return Place(positions, self.internals, self.internals.inverse(positions))

    def rebuilt(self, positions: NDArray[np.float64]) -> Coordinates:
        """Coordinates of the same molecule that suit another geometry, shape (n, 3), bohr."""
        return self if self.mol is None else choose_coordinates(self.mol, positions)


def choose_coordinates(mol: Chem.Mol, positions: NDArray[np.float64]) -> Coordinates:
    """Internals where they can be built at `positions`, shape (n, 3), bohr; else Cartesian coordinates."""
    internals = build_internals(mol, positions)
    return Coordinates() if internals is None else Coordinates(mol, internals)


#: Displacement of the difference quotient, angstrom.
HESSIAN_STEP = 1e-3


def force_field_hessian(mol: Chem.Mol, conformer: int, force_field: str) -> NDArray[np.float64]:
    """Force-field Hessian of a conformer of `mol`, shape (3n, 3n), hartree/bohr^2; "MMFF94" or "UFF"."""
    field = _field(mol, conformer, force_field)
    start = mol.GetConformer(conformer).GetPositions().ravel()
    size = len(start)
    origin = _gradient(field, start.tolist())
    rows = np.empty((size, size))
    for k in range(size):
        moved = start.tolist()
        moved[k] += HESSIAN_STEP
        rows[k] = _gradient(field, moved) - origin
    scale = HARTREE_PER_KCAL_MOL * ANGSTROM_PER_BOHR**2 / HESSIAN_STEP
    return (rows + rows.T) * (0.5 * scale)


def _field(mol: Chem.Mol, conformer: int, force_field: str) -> Any:
    if force_field == "MMFF94":
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol)
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, confId=conformer)
    else:
        field = rdForceFieldHelpers.UFFGetMoleculeForceField(mol, confId=conformer)
    field.Initialize()
    return field


def _gradient(field: Any, positions: list[float]) -> NDArray[np.float64]:
    # RDKit 2026.9 answers with a stale gradient unless the energy at the same positions was asked for first.
    field.CalcEnergy(positions)
    return np.array(field.CalcGrad(positions))


#: Smallest curvature assumed, hartree per coordinate squared: that of a soft torsion. Larger floors creep.
MIN_CURVATURE = 2e-3

#: First, smallest and largest length of a step (norm over all coordinates, bohr and radian).
FIRST_TRUST, MIN_TRUST, MAX_TRUST = 0.5, 1e-3, 0.7

#: Energies this close (hartree) count as equal when a step is judged: the noise of warm self-consistency. That of the
#: fast energies on the way is STEP_NOISE, seen on a quaterthiophene of 59 atoms.
ENERGY_NOISE, STEP_NOISE = 1e-7, 2e-6

#: Coordinates that stretch a step this many times more than where they were built are built anew.
WORN = 2.0

#: Gradients after which the engine's own noise is taken to be what hinders, and tight ones are asked for.
TIGHT_AFTER = 30


@dataclass(frozen=True, slots=True)
class Optimum:
    """End of an optimisation: positions (n, 3), bohr; energy, hartree; gradient norm; number of gradients."""

    positions: NDArray[np.float64]
    energy: float
    gradient_norm: float
    steps: int


def minimise(
    session: Session,
    coordinates: Coordinates,
    positions: NDArray[np.float64],
    hessian: NDArray[np.float64],
    *,
    gradient_norm: float,
    max_steps: int,
    slack: float = 1.0,
) -> Optimum:
    """Walks downhill from `positions`, shape (n, 3), bohr, and a Cartesian `hessian`, shape (3n, 3n), hartree/bohr^2,
    until the norm of the Cartesian gradient, over all 3n components, falls below `gradient_norm`, hartree/bohr; `slack`
    times that is low enough once `max_steps` gradients are spent. Raises ConvergenceError if they were not enough."""
    walk = _Walk(session, coordinates, positions, hessian)
    for step in range(1, max_steps):
        if walk.norm < gradient_norm:
            return Optimum(walk.here.positions, walk.energy, walk.norm, step)
        walk.advance(step)
    if walk.norm < slack * gradient_norm:
        return Optimum(walk.here.positions, walk.energy, walk.norm, max_steps)
    raise ConvergenceError(
        f"the geometry did not converge in {max_steps} steps "
        f"(gradient norm {walk.norm:.1e}, wanted {gradient_norm:.1e} hartree/bohr)"
    )


class _Walk:
    """Where an optimisation stands: the place, what is known of the surface there, and how far a step may go."""

    def __init__(
        self, session: Session, coordinates: Coordinates, positions: NDArray[np.float64], hessian: NDArray[np.float64]
    ) -> None:
        self.session, self.coordinates = session, coordinates
        self.here: Place = coordinates.at(positions)
        self.energy, self.cartesian = session.energy_gradient(positions)
        self.gradient = self.here.gradient(self.cartesian)
        self.h = self.first_h = _positive(self.here.hessian(hessian))
        self.trust, self.strain = FIRST_TRUST, self.here.strain
        self.tight, self.renewed = False, False

    @property
    def norm(self) -> float:
        """Norm of the Cartesian gradient, hartree/bohr."""
        return float(np.linalg.norm(self.cartesian))

    def advance(self, step: int) -> None:
        """Tries one step: takes it, or learns from it why not."""
        move, model_change = _restricted_step(self.h, self.gradient, self.trust)
        there = self.coordinates.at(self.here.moved(move))
        if there.strain > WORN * self.strain and self.trust > MIN_TRUST:
            self._renew()
            return
        try:
            energy, cartesian = self.session.energy_gradient(there.positions, tight=self.tight)
        except (ConvergenceError, InputError):
            if self.trust <= MIN_TRUST:
                raise
            self.trust = max(0.25 * self.trust, MIN_TRUST)  # the step went where no electrons settle
            return
        if not self.tight and energy > self.energy and (abs(model_change) < STEP_NOISE or step >= TIGHT_AFTER):
            self.tight, self.trust, self.h = True, FIRST_TRUST / 2, self.first_h
            self.energy, self.cartesian = self.session.energy_gradient(self.here.positions, tight=True)
            self.gradient = self.here.gradient(self.cartesian)
            return
        self._learn(there, energy, cartesian, model_change)

    def _learn(self, there: Place, energy: float, cartesian: NDArray[np.float64], model_change: float) -> None:
        move, gradient = self.here.displacement(there.positions), there.gradient(cartesian)
        self.h = _bfgs(self.h, move, gradient - self.gradient)
        length = min(float(np.linalg.norm(move)), self.trust)
        self.trust = _adapt(self.trust, length, energy - self.energy, model_change)
        if energy < self.energy + ENERGY_NOISE or self.trust <= MIN_TRUST:
            self.here, self.energy, self.gradient, self.cartesian = there, energy, gradient, cartesian
            self.renewed = False

    def _renew(self) -> None:
        """Builds the coordinates anew here; where they wear out as fast as before, the step was too long."""
        if self.renewed:
            self.trust = max(0.5 * self.trust, MIN_TRUST)
            return
        self.coordinates = self.coordinates.rebuilt(self.here.positions)
        fresh = self.coordinates.at(self.here.positions)
        self.h = _positive(fresh.hessian(self.here.cartesian_hessian(self.h)))
        self.first_h = _positive(fresh.hessian(self.here.cartesian_hessian(self.first_h)))
        self.here, self.gradient, self.strain = fresh, fresh.gradient(self.cartesian), fresh.strain
        self.renewed = True


def _restricted_step(
    h: NDArray[np.float64], gradient: NDArray[np.float64], trust: float
) -> tuple[NDArray[np.float64], float]:
    """Newton step on the positive-definite part of `h`, at most `trust` long, and the energy change it predicts."""
    try:  # nearly every step: no mode is too soft, and the whole step is short enough; a tenth of the time
        np.linalg.cholesky(h - 0.999 * MIN_CURVATURE * np.eye(len(h)))
        step = np.asarray(-np.linalg.solve(h, gradient), dtype=np.float64)
        if np.linalg.norm(step) <= trust:
            return step, 0.5 * float(gradient @ step)
    except np.linalg.LinAlgError:
        pass
    curvature, modes = np.linalg.eigh(h)
    curvature = np.maximum(np.abs(curvature), MIN_CURVATURE)
    slope = modes.T @ gradient
    step = -slope / curvature
    if np.linalg.norm(step) > trust:
        shift = _shift(slope, curvature, trust)
        step = -slope / (curvature + shift)
    change = float(slope @ step + 0.5 * step @ (curvature * step))
    return modes @ step, change


def _positive(h: NDArray[np.float64]) -> NDArray[np.float64]:
    """`h` with every curvature turned positive: the BFGS update keeps that, and goes wild without it."""
    curvature, modes = np.linalg.eigh(0.5 * (h + h.T))
    out: NDArray[np.float64] = (modes * np.maximum(np.abs(curvature), MIN_CURVATURE)) @ modes.T
    return out


def _shift(slope: NDArray[np.float64], curvature: NDArray[np.float64], trust: float) -> float:
    """The shift that makes the step exactly `trust` long, by bisection on its logarithm."""
    low, high = 0.0, float(np.linalg.norm(slope)) / trust
    for _ in range(40):
        middle = 0.5 * (low + high)
        if np.linalg.norm(slope / (curvature + middle)) > trust:
            low = middle
        else:
            high = middle
    return high


def _bfgs(h: NDArray[np.float64], move: NDArray[np.float64], change: NDArray[np.float64]) -> NDArray[np.float64]:
    """BFGS update, damped where the measured curvature is too small to keep `h` positive."""
    hs = h @ move
    shs = float(move @ hs)
    curvature = float(move @ change)
    if shs <= 0.0:
        return h
    if curvature < 0.2 * shs:
        theta = 0.8 * shs / (shs - curvature)
        change = theta * change + (1.0 - theta) * hs
        curvature = float(move @ change)
    return h + np.outer(change, change) / curvature - np.outer(hs, hs) / shs


def _adapt(trust: float, length: float, change: float, model_change: float) -> float:
    if abs(model_change) < ENERGY_NOISE:
        return trust
    ratio = change / model_change
    if ratio < 0.25:
        return max(0.5 * length, MIN_TRUST)
    if ratio > 0.75 and length > 0.8 * trust:
        return min(2.0 * trust, MAX_TRUST)
    return trust


#: Displacement of the difference quotients of the gradient, bohr.
SADDLE_STEP = 5e-3

#: A mode with less curvature than this (hartree/bohr^2) leads downhill; above it lies the noise of the differences.
IMAGINARY = -2e-4

#: Length of the push along such a mode, bohr, and pushes granted.
PUSH, MAX_PUSHES = 0.3, 4


def leave_saddles(
    session: Session, coordinates: Coordinates, optimum: Optimum, *, gradient_norm: float, max_steps: int
) -> tuple[Optimum, int]:
    """A minimum at or below `optimum`, and how many saddle points were left on the way to it; costs 6n gradients for
    every point that is looked at. `gradient_norm` and `max_steps` as in `minimise`, of each walk. Raises
    ConvergenceError if a walk does not converge, or the last point is still a saddle."""
    for pushes in range(MAX_PUSHES + 1):
        hessian = _hessian(session, optimum.positions)
        curvature, mode = lowest_mode(hessian, optimum.positions)
        if curvature > IMAGINARY:
            return optimum, pushes
        if pushes < MAX_PUSHES:
            pushed = [optimum.positions + sign * PUSH * mode for sign in (1.0, -1.0)]
            start = min(pushed, key=lambda positions: session.energy_gradient(positions, tight=True)[0])
            optimum = minimise(session, coordinates, start, hessian, gradient_norm=gradient_norm, max_steps=max_steps)
    raise ConvergenceError(f"still a saddle point after {MAX_PUSHES} imaginary modes (curvature {curvature:.1e})")


def lowest_mode(hessian: NDArray[np.float64], positions: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Lowest internal curvature, hartree/bohr^2, and its direction, (n, 3), of a `hessian` (3n, 3n) at (n, 3), bohr."""
    centred = positions - positions.mean(0)
    axes = np.eye(3)
    rigid = [np.tile(axis, len(positions)) for axis in axes] + [np.cross(axis, centred).ravel() for axis in axes]
    left, size, _ = np.linalg.svd(np.array(rigid).T, full_matrices=True)
    rank = int((size > 1e-8 * size[0]).sum())
    internal = left[:, rank:]
    curvature, modes = np.linalg.eigh(internal.T @ hessian @ internal)
    return float(curvature[0]), (internal @ modes[:, 0]).reshape(-1, 3)


def _hessian(session: Session, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Second derivatives by central differences of tight gradients, shape (3n, 3n)."""
    rows = np.empty((positions.size, positions.size))
    for k in range(positions.size):
        ends = []
        for sign in (1.0, -1.0):
            moved = positions.copy()
            moved.flat[k] += sign * SADDLE_STEP
            ends.append(session.energy_gradient(moved, tight=True)[1].ravel())
        rows[k] = (ends[0] - ends[1]) / (2.0 * SADDLE_STEP)
    return 0.5 * (rows + rows.T)
