"""A feasibility model bound to one space, so that scoring a block costs a few array look-ups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chemspace.space import CompoundSpace, SpaceBlock
from screening.feasibility.latent import CompoundRows, layer_kernel, main_ion
from screening.feasibility.prior import cage_tolerance
from screening.feasibility.shape import fingerprint_similarity
from screening.feasibility.traits import SpacerTraits

if TYPE_CHECKING:
    from screening.feasibility.model import FeasibilityModel

__all__ = ["BoundFeasibility"]


@dataclass(frozen=True)
class BoundFeasibility:
    """A feasibility model with one space's cations worked out, so that a block costs a few array look-ups.

    Shapes: c spacers, a cage options, k outcomes.
    """

    model: FeasibilityModel
    spacer_log_odds: NDArray[np.float64]  # (c,)
    cage_log_odds: NDArray[np.float64]  # (a + 1, number of B sites, number of halide options); last row: no cage
    similarity: NDArray[np.float64]  # (c, k), prior variance included
    same_cage: NDArray[np.float64]  # (a + 1, k)
    same_framework: NDArray[np.float64]  # (B sites, halide options, k)
    outcome_layers: NDArray[np.int64]  # (k,)

    @classmethod
    def build(
        cls, model: FeasibilityModel, space: CompoundSpace, traits: SpacerTraits | None = None
    ) -> BoundFeasibility:
        """Work out everything that belongs to one spacer, cage, metal or halide of the space, once."""
        known = SpacerTraits.of(space.spacers) if traits is None else traits
        cages, halides = (*space.cage_options, ()), space.halide_options
        mains = [(main_ion(cage), [main_ion(halide) for halide in halides]) for cage in cages]
        tolerance = np.array(
            [[[cage_tolerance(cage, b, str(x)) for x in main] for b in space.b_sites] for cage, main in mains]
        ).reshape(len(cages), len(space.b_sites), len(halides))
        outcomes = CompoundRows.of([item.compound for item in model.outcomes])
        similarity = fingerprint_similarity(known.prints, outcomes.prints) * model.prior.outcome_log_odds**2
        frames = outcomes.framework

        def alike(axis: tuple[object, ...], part: int) -> NDArray[np.float64]:
            same = [[frame[part] == ion for frame in frames] for ion in axis]
            return np.where(np.array(same, dtype=bool).reshape(len(axis), len(frames)), 1.0, model.prior.other_cage)

        framework = alike(space.b_sites, 1)[:, None, :] * alike(halides, 2)[None, :, :]
        return cls(
            model,
            model.spacer_log_odds(known.shapes),
            model.prior.cage_window.log_odds(tolerance),
            similarity,
            alike(cages, 0),
            framework,
            outcomes.n_layers,
        )

    def log_probability(self, block: SpaceBlock) -> NDArray[np.float64]:
        """Logarithm of the probability of each compound of a block, shape (m,)."""
        odds = self.spacer_log_odds[block.spacer] + self.model.prior.thick_layers.log_odds(block.n_layers)
        odds = odds + self.cage_log_odds[block.cage, block.b_site, block.halide]
        if len(self.outcome_layers):
            near = self.similarity[block.spacer] * self.same_cage[block.cage]
            near = near * self.same_framework[block.b_site, block.halide]
            near = near * layer_kernel(block.n_layers, self.outcome_layers, self.model.prior.layer_reach)
            odds = odds + near @ self.model.pull
        result: NDArray[np.float64] = -np.logaddexp(0.0, -odds)
        return result
