"""The latent correction learnt from recorded outcomes: compounds as rows, their covariance, the posterior mode.

Shapes: m compounds asked about, k recorded outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from chemspace.cation import Cation
from chemspace.compound import Compound
from screening.feasibility.prior import FeasibilityPrior, cage_tolerance
from screening.feasibility.shape import SHAPE_NAMES, cation_shape, fingerprint_similarity, fingerprints

__all__ = ["CompoundRows", "latent_mode", "layer_kernel", "main_ion", "outcome_kernel", "spacer_mol"]


@dataclass(frozen=True, slots=True)
class CompoundRows:
    """Compounds as arrays: what the rules and the kernel need of each, k rows."""

    shapes: NDArray[np.float64]
    prints: list[Any]
    n_layers: NDArray[np.int64]
    framework: list[tuple[Any, Any, Any]]
    tolerance: NDArray[np.float64]

    @classmethod
    def of(cls, compounds: Sequence[Compound]) -> CompoundRows:
        """The rows of these compounds, in their order."""
        mols = [spacer_mol(compound.spacer) for compound in compounds]
        return cls(
            np.array([cation_shape(mol) for mol in mols]).reshape(len(mols), len(SHAPE_NAMES)),
            fingerprints(mols),
            np.array([_layers(compound) for compound in compounds], dtype=np.int64),
            [(compound.cage, compound.b_site, compound.halide) for compound in compounds],
            np.array([_tolerance(compound) for compound in compounds]),
        )


def spacer_mol(spacer: Cation | None) -> Any:
    """RDKit molecule of a spacer; an empty one where a compound has none (3D)."""
    from rdkit import Chem

    return Chem.MolFromSmiles("" if spacer is None else spacer.smiles)


def _layers(compound: Compound) -> int:
    return 10**6 if compound.n_layers is None else compound.n_layers


def _tolerance(compound: Compound) -> float:
    """Tolerance factor of the main cage cation in the main halide's lattice, as `cage_tolerance`."""
    return cage_tolerance(main_ion(compound.cage), compound.b_site, str(main_ion(compound.halide)))


def main_ion(parts: Sequence[tuple[Any, Fraction]]) -> Any:
    """The ion of a site with the largest fraction, the first of equal ones; None for an empty site."""
    return max(parts, key=lambda part: part[1])[0] if parts else None


def outcome_kernel(left: CompoundRows, right: CompoundRows, prior: FeasibilityPrior) -> NDArray[np.float64]:
    """Prior covariance of g between compounds, shape (m, k)."""
    spacer = fingerprint_similarity(left.prints, right.prints)
    layers = layer_kernel(left.n_layers, right.n_layers, prior.layer_reach)
    framework = np.ones_like(spacer)
    for part in range(3):
        same = np.array([[a[part] == b[part] for b in right.framework] for a in left.framework], dtype=bool)
        framework *= np.where(same.reshape(spacer.shape), 1.0, prior.other_cage)
    kernel: NDArray[np.float64] = prior.outcome_log_odds**2 * spacer * layers * framework
    return kernel


def layer_kernel(left: NDArray[np.integer], right: NDArray[np.integer], reach: float) -> NDArray[np.float64]:
    """exp(-|n - n'| / reach) of layer numbers (a,) and (b,), shape (a, b)."""
    kernel: NDArray[np.float64] = np.exp(-np.abs(left[:, None] - right[None, :]) / reach)
    return kernel


def latent_mode(
    kernel: NDArray[np.float64], mean: NDArray[np.float64], formed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Newton's method for the posterior mode of g; returns y - p there, so that g(x) = k(x, outcomes) @ pull."""

    def objective(pull: NDArray[np.float64]) -> float:
        latent = kernel @ pull
        odds = np.where(formed == 1.0, -(mean + latent), mean + latent)
        return float(np.logaddexp(0.0, odds).sum() + 0.5 * pull @ latent)

    pull, identity = np.zeros(len(formed)), np.eye(len(formed))
    for _ in range(100):
        probability = expit(mean + kernel @ pull)
        weight = probability * (1.0 - probability)
        target = weight * (kernel @ pull) + formed - probability
        step = target - weight * np.linalg.solve(identity + kernel * weight[None, :], kernel @ target) - pull
        size = 1.0
        while objective(pull + size * step) > objective(pull) + 1e-12 and size > 1e-6:
            size *= 0.5
        pull = pull + size * step
        if float(np.abs(step).max()) < 1e-10:
            break
    return pull
