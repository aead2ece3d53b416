"""Shapley values of rows by models that did not see their groups, and the reference paper's directions beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from screening.features import N_BACKGROUND, Shapley, shapley
from screening.surrogate import Surrogate
from screening.surrogates import TrainingRows
from screening.surrogates.registry import DEFAULT_SURROGATE, get_recipe

#: How the reference paper (doi 10.1039/d5sc07406a) reads its Shapley values: +1 where more of the descriptor goes with
#: a faster relaxation.
PAPER_SIGNS = {"log_molar_mass": 1, "homo_ev": -1, "lumo_ev": 1, "log_polarizability": 1, "log1p_dipole": -1}
#: Folds of whole groups; each explains only its held-out rows.
FOLDS = 5
#: Share of folds that must agree, and least correlation, for a direction to count as supported.
AGREEMENT, LEAST_CORRELATION = 0.8, 0.3


@dataclass(frozen=True)
class SignCheck:
    """Direction of one descriptor on rows held out.

    Attributes:
        feature: its name. paper_sign: the paper's.
        correlations: of the descriptor with its Shapley value on held-out rows, one a fold.
        verdict: "supported", "contradicted" or "undecided".
    """

    feature: str
    paper_sign: int
    correlations: tuple[float, ...]
    verdict: str

    def sentence(self) -> str:
        """The verdict in words."""
        mean = float(np.mean(self.correlations))
        sign = "+" if self.paper_sign > 0 else "-"
        return f"{self.feature}: the paper says {sign}, our held-out rows {mean:+.2f} on average: {self.verdict}"


def out_of_fold_signs(
    training: TrainingRows, feature_names: Sequence[str], name: str | None = None, seed: int = 42
) -> tuple[SignCheck, ...]:
    """Compare the paper's directions (`PAPER_SIGNS`) with Shapley values of models that did not see the explained rows'
    groups; d `feature_names`, `name` of the surrogate (the default where None), `seed` of the folds and fits."""
    told: dict[str, list[float]] = {feature: [] for feature in feature_names if feature in PAPER_SIGNS}
    for _, values in _by_fold(training, feature_names, name, seed):
        table = values.importances().set_index("feature")["direction"]
        for feature, directions in told.items():
            directions.append(float(table[feature]))
    return tuple(SignCheck(f, PAPER_SIGNS[f], tuple(d), _verdict(PAPER_SIGNS[f], d)) for f, d in told.items())


def out_of_fold_shapley(
    training: TrainingRows, feature_names: Sequence[str], name: str | None = None, seed: int = 42
) -> tuple[Shapley, NDArray[np.float64]]:
    """Shapley values of each row by a model that saw neither it nor its group, and the base of each row, shape (m,);
    arguments as above."""
    contributions, bases = np.empty_like(training.x), np.empty(training.n_rows)
    for rows, told in _by_fold(training, feature_names, name, seed):
        contributions[rows], bases[rows] = told.contributions, told.base
    return Shapley(tuple(feature_names), contributions, float(bases.mean()), training.x), bases


def _by_fold(
    training: TrainingRows, feature_names: Sequence[str], name: str | None, seed: int
) -> Iterator[tuple[NDArray[np.int64], Shapley]]:
    """Held-out rows of each fold and their Shapley values; all folds are fitted together."""
    recipe = get_recipe(name or DEFAULT_SURROGATE)
    codes = np.random.default_rng(seed).permutation(np.unique(training.groups))
    parts = np.array_split(codes, min(FOLDS, codes.size))
    masks = np.array([~np.isin(training.groups, part) for part in parts])
    fits = recipe.fit(training, masks, seed)
    k, d = training.x.shape
    for fold, mask in enumerate(masks):
        model = fits.model(fold, 0.0, 1.0).eval()
        surrogate = Surrogate(recipe.name, model, 1.0, int(mask.sum()), d, seed, {})
        background = training.x[mask][:: max(1, int(mask.sum()) // N_BACKGROUND)]
        yield np.arange(k)[~mask], shapley(surrogate, training.x[~mask], feature_names, background)


def _verdict(sign: int, correlations: Sequence[float]) -> str:
    agree, against = (np.mean(np.sign(correlations) == side) for side in (sign, -sign))
    strong = abs(float(np.mean(correlations))) >= LEAST_CORRELATION
    if agree >= AGREEMENT and strong:
        return "supported"
    if against >= AGREEMENT and strong:
        return "contradicted"
    return "undecided"
