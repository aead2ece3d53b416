"""In how many refits without one measured compound a suggestion stays in its batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from campaigns.artifacts import PLAIN, Artifacts
from campaigns.round import Round, batch_query, indices_of
from campaigns.space import Budget
from campaigns.summary import SuggestionBatch
from campaigns.training import compound_rates, validate
from chemspace import parse_formula
from screening.batch import refits_that_keep as counted

__all__: list[str] = []

#: By formula: in how many refits it stays, of how many.
Kept = dict[str, tuple[int, int]]


def keep_refits(fitted: Round, batch: SuggestionBatch, budget: Budget, artifacts: Artifacts) -> Kept:
    """Count for a batch, keep the counts under its key, and let the refits go: they hold thirty MB."""
    if not fitted.validation.refits:
        return {}
    kept = _counts(fitted, [s.formula for s in batch.suggestions], batch.seed, budget)
    fitted.validation.refits.clear()
    artifacts.put("stability", batch.key, kept, PLAIN)
    return kept


def validated_anew(fitted: Round) -> Round:
    """The round with the refits of a new validation, a few CPU seconds."""
    return replace(fitted, validation=validate(fitted.training, fitted.inputs.config))


def _counts(fitted: Round, batch: Sequence[str], seed: int, budget: Budget) -> Kept:
    """By formula, in how many refits without one compound (or fold) it is chosen again, and of how many; else empty."""
    training, formulas = fitted.training, fitted.training.formulas
    rates = compound_rates(training.dataset.subset(training.is_usual))
    inside = {compound.formula: rate for compound, rate in rates.items() if compound in fitted.space}
    whole, goal = training.best_inside(fitted.space), fitted.candidates.goal
    noise = float(np.median(training.rows.noise_variance[training.rows.measured]))

    def models() -> Iterator[tuple[Any, float]]:
        for rows, (fits, fold) in fitted.validation.refits:
            out = {formulas[row] for row in rows if row < len(formulas)}  # the others are related
            best = min((rate for formula, rate in inside.items() if formula not in out), default=whole)
            model: Any = fits.model(fold, noise, fitted.surrogate.calibration).eval()
            yield model.at(training.fixed) if training.fixed else model, best if goal is None else min(best, goal)

    indices = indices_of(fitted.space, [parse_formula(formula, fitted.inputs.names) for formula in batch])
    kept = counted(fitted.ranking, batch_query(fitted, len(batch), seed, budget), indices, models())
    if kept is None:
        return {}
    return {formula: (int(count), len(fitted.validation.refits)) for formula, count in zip(batch, kept, strict=True)}
