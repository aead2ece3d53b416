"""The feasibility model: spacer classifier, prior rules, and a latent correction learnt from recorded outcomes.

log-odds(compound) = classifier(spacer) + rules(n, cage) + g(compound)

g is a zero-mean Gaussian process with a product kernel (fingerprint similarity of the spacers, sameness of cage, B site
and halide, closeness in n), fitted to the campaign's outcomes with a logistic likelihood at its mode (Rasmussen and
Williams, Gaussian Processes for Machine Learning (2006), algorithm 3.1). Without outcomes g is exactly zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from chemspace.compound import Compound
from chemspace.space import CompoundSpace
from screening.feasibility.bound import BoundFeasibility
from screening.feasibility.latent import CompoundRows, latent_mode, outcome_kernel
from screening.feasibility.outcomes import RecordedOutcome
from screening.feasibility.prior import FeasibilityPrior
from screening.feasibility.spacers import (
    ReportedOutcomes,
    SpacerClassifier,
    SpacerScore,
    fit_spacer_classifier,
    score_spacer_classifier,
)
from screening.feasibility.traits import SpacerTraits

__all__ = ["FeasibilityModel", "fit_feasibility"]


@dataclass(frozen=True)
class FeasibilityModel:
    """P(forms a phase-pure layered compound) for any compound, from `fit_feasibility`.

    Attributes:
        classifier: the spacer classifier.
        prior: the rules and strengths in force.
        outcomes: recorded outcomes that say something, k of them.
        pull: per outcome, the latent weight (y - p at the mode), shape (k,).
        traits: of the spacers of the space that `bind` will be asked for, where they are known already.
    """

    classifier: SpacerClassifier
    prior: FeasibilityPrior
    outcomes: tuple[RecordedOutcome, ...] = ()
    pull: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    traits: SpacerTraits | None = field(default=None, repr=False, compare=False)

    def probability(self, compounds: Sequence[Compound]) -> NDArray[np.float64]:
        """Probability of each compound, shape (m,). A compound without spacer (3D) is not layered: 0."""
        rows = CompoundRows.of(compounds)
        odds = _prior_log_odds(self.classifier, self.prior, rows)
        if self.outcomes:
            odds = odds + self._likeness(rows) @ self.pull
        layered = np.array([compound.spacer is not None for compound in compounds], dtype=bool)
        return np.where(layered, expit(odds), 0.0)

    def spacer_log_odds(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-odds of spacers alone from their shapes (m, 5), shape (m,), moved to the prior's base rate if any."""
        return _spacer_log_odds(self.classifier, self.prior, shapes)

    def bind(self, space: CompoundSpace) -> BoundFeasibility:
        """The same probabilities for blocks of one space: everything per cation is computed once, here."""
        return BoundFeasibility.build(self, space, self.traits)

    def score(self, seed: int = 42) -> SpacerScore:
        """Out-of-fold AUC and Brier score of the spacer classifier on the reported outcomes, grouped by scaffold."""
        return score_spacer_classifier(seed=seed)

    def reasons(self, compound: Compound) -> list[str]:
        """Why the probability is what it is: each part of the log-odds in words."""
        rows = CompoundRows.of([compound])
        spacer = float(self.spacer_log_odds(rows.shapes)[0])
        parts = [f"spacer alone: P = {expit(np.array([spacer]))[0]:.2f} from reported lead-iodide outcomes"]
        if self.prior.thick_layers.log_odds(rows.n_layers)[0] != 0.0:
            parts.append(f"n >= {self.prior.thick_layers.from_layers}: odds x {self.prior.thick_layers.odds_factor:g}")
        if cage := self.prior.cage_window.words(float(rows.tolerance[0])):
            parts.append(cage)
        if self.outcomes:
            weights = self._likeness(rows)[0] * self.pull
            strongest = int(np.argmax(np.abs(weights)))
            parts.append(
                f"recorded outcomes: odds x {np.exp(weights.sum()):.2g}, most from {self.outcomes[strongest].compound} "
                f"({self.outcomes[strongest].outcome.replace('_', ' ')})"
            )
        return parts

    def _likeness(self, rows: CompoundRows) -> NDArray[np.float64]:
        """Prior covariance of each compound with each recorded one, shape (m, k)."""
        recorded = CompoundRows.of([item.compound for item in self.outcomes])
        return outcome_kernel(rows, recorded, self.prior)


def fit_feasibility(
    outcomes: Sequence[RecordedOutcome] = (),
    prior: FeasibilityPrior | None = None,
    reported: ReportedOutcomes | None = None,
    seed: int = 42,
) -> FeasibilityModel:
    """Fit the model on the reported outcomes and a campaign's own record.

    Args:
        outcomes: the campaign's outcomes; the same compound may appear more than once.
        prior: rules and strengths; `FeasibilityPrior()` where None.
        reported: spacer outcomes to learn from; the package's table of 151 lead-iodide cations where None.
        seed: of the folds that choose the ridge.

    Returns:
        A frozen model; equal arguments give equal models.
    """
    belief = FeasibilityPrior() if prior is None else prior
    classifier = fit_spacer_classifier(reported, seed)
    told = tuple(item for item in outcomes if item.formed is not None and item.compound.spacer is not None)
    if not told:
        return FeasibilityModel(classifier, belief)
    rows = CompoundRows.of([item.compound for item in told])
    formed = np.array([item.formed for item in told], dtype=np.float64)
    pull = latent_mode(outcome_kernel(rows, rows, belief), _prior_log_odds(classifier, belief, rows), formed)
    return FeasibilityModel(classifier, belief, told, pull)


def _spacer_log_odds(
    classifier: SpacerClassifier, prior: FeasibilityPrior, shapes: NDArray[np.float64]
) -> NDArray[np.float64]:
    odds = classifier.log_odds(shapes)
    return odds if prior.base_rate is None else odds + float(logit(prior.base_rate) - logit(classifier.base_rate))


def _prior_log_odds(classifier: SpacerClassifier, prior: FeasibilityPrior, rows: CompoundRows) -> NDArray[np.float64]:
    rules = prior.thick_layers.log_odds(rows.n_layers) + prior.cage_window.log_odds(rows.tolerance)
    return _spacer_log_odds(classifier, prior, rows.shapes) + rules
