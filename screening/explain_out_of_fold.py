"""Where a claim is made about what matters, it is made on models that did not see the rows they explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from screening.explain import Shapley, shapley
from screening.surrogates import DEFAULT_SURROGATE, Surrogate
from screening.surrogates.problem import make_problem
from screening.surrogates.registry import get_recipe

__all__ = ["PAPER_SIGNS", "SignCheck", "out_of_fold_shapley", "out_of_fold_signs", "partial_dependence", "pearson"]

#: How the reference paper (doi 10.1039/d5sc07406a) reads its Shapley values: +1 where more of the descriptor goes with
#: a faster relaxation.
PAPER_SIGNS = {
    "log_molar_mass": 1,
    "homo_ev": -1,
    "lumo_ev": 1,
    "log_polarizability": 1,
    "log1p_dipole": -1,
}
#: Folds of whole groups; each explains only its held-out rows.
FOLDS = 5
#: Training rows that a held-out row is compared with, about.
N_BACKGROUND = 8
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
    x: ArrayLike,
    y: ArrayLike,
    noise: ArrayLike | None,
    groups: Sequence[object],
    feature_names: Sequence[str],
    seed: int = 42,
    name: str = DEFAULT_SURROGATE,
) -> tuple[SignCheck, ...]:
    """Compare the paper's directions with Shapley values of models that did not see the explained rows.

    Args:
        x: features, shape (k, d). y: log10 rate, shape (k,). noise: standard deviations, shape (k,), or None.
        groups: spacer of each row, length k; whole spacers are held out.
        feature_names: d names; those of `PAPER_SIGNS` are checked.
        seed: of the folds and fits. name: of the surrogate.
    """
    told: dict[str, list[float]] = {feature: [] for feature in feature_names if feature in PAPER_SIGNS}
    for _, values in _by_fold(x, y, noise, groups, feature_names, seed, name):
        table = values.importances().set_index("feature")["direction"]
        for feature, directions in told.items():
            directions.append(float(table[feature]))
    return tuple(SignCheck(f, PAPER_SIGNS[f], tuple(d), _verdict(PAPER_SIGNS[f], d)) for f, d in told.items())


def out_of_fold_shapley(
    x: ArrayLike,
    y: ArrayLike,
    noise: ArrayLike | None,
    groups: Sequence[object],
    feature_names: Sequence[str],
    seed: int = 42,
    name: str = DEFAULT_SURROGATE,
) -> Shapley:
    """Shapley values of every row by a model that saw neither the row nor its spacer; arguments as
    `out_of_fold_signs`. Each row's base is that of its own model."""
    features = np.asarray(x, dtype=np.float64)
    contributions, bases = np.empty_like(features), np.empty(len(features))
    for rows, told in _by_fold(x, y, noise, groups, feature_names, seed, name):
        contributions[rows], bases[rows] = told.contributions, told.base
    return Shapley(tuple(feature_names), contributions, float(bases.mean()), features, bases)


def _by_fold(
    x: ArrayLike,
    y: ArrayLike,
    noise: ArrayLike | None,
    groups: Sequence[object],
    feature_names: Sequence[str],
    seed: int,
    name: str,
) -> Iterator[tuple[NDArray[np.int64], Shapley]]:
    """Held-out rows of each fold and their Shapley values; all folds are fitted together."""
    problem, recipe = make_problem(x, y, noise, groups), get_recipe(name)
    codes = np.random.default_rng(seed).permutation(np.unique(problem.groups))
    parts = np.array_split(codes, min(FOLDS, codes.size))
    masks = np.array([~np.isin(problem.groups, part) for part in parts])
    fits = recipe.fit(problem, masks, seed)
    k, d = problem.x.shape
    for fold, mask in enumerate(masks):
        model = fits.model(fold, 0.0, 1.0).eval()
        surrogate = Surrogate(name, model, 1.0, int(mask.sum()), d, seed, {})
        background = problem.x[mask][:: max(1, int(mask.sum()) // N_BACKGROUND)]
        yield np.arange(k)[~mask], shapley(surrogate, problem.x[~mask], feature_names, background)


def partial_dependence(
    surrogate: Surrogate, x: ArrayLike, feature: int, n_points: int = 25
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Prediction against one feature, the others as they are in the rows.

    Args:
        surrogate: fitted. x: rows, shape (m, d). feature: column. n_points: points between its extremes.

    Returns:
        Values of the feature (n,), mean prediction (n,), and prediction of each row (m, n), log10 rate.
    """
    rows = np.array(x, dtype=np.float64)
    grid = np.linspace(rows[:, feature].min(), rows[:, feature].max(), n_points)
    moved = np.repeat(rows[:, None, :], n_points, axis=1)
    moved[:, :, feature] = grid
    each = surrogate.predict(moved.reshape(-1, rows.shape[1]))[0].reshape(len(rows), n_points)
    return grid, each.mean(0), each


def pearson(x: ArrayLike, names: Sequence[str]) -> pd.DataFrame:
    """Pearson correlations between columns; constant columns correlate with nothing (NaN)."""
    return pd.DataFrame(np.asarray(x, dtype=np.float64), columns=list(names)).corr()


def _verdict(sign: int, correlations: Sequence[float]) -> str:
    agree, against = (np.mean(np.sign(correlations) == side) for side in (sign, -sign))
    strong = abs(float(np.mean(correlations))) >= LEAST_CORRELATION
    if agree >= AGREEMENT and strong:
        return "supported"
    if against >= AGREEMENT and strong:
        return "contradicted"
    return "undecided"
