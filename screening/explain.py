"""Which features a fitted surrogate's predictions come from: exact Shapley values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from screening.errors import SurrogateError

if TYPE_CHECKING:
    from screening.frozen import FrozenSurrogate
    from screening.surrogate import Surrogate
    from screening.surrogates import TrainingRows

    Predictor = Surrogate | FrozenSurrogate

__all__ = ["MECHANISMS", "Shapley", "bar", "beeswarm", "pearson", "radar", "shapley"]


#: Exact values need 2^d predictions a row and background row.
MAX_EXACT_FEATURES = 12
#: Background rows the explained rows are compared with.
N_BACKGROUND = 8


@dataclass(frozen=True)
class Shapley:
    """Shapley values of predictions of log10 rate.

    Attributes:
        feature_names: d names.
        contributions: of each feature to each row, shape (m, d), log10 units; with `base` they add up to the
            prediction.
        base: mean prediction over the background, log10 units; of rows explained by different models, the mean of
            their bases.
        x: the explained rows, shape (m, d).
        row_bases: base of each row where they differ, shape (m,).
    """

    feature_names: tuple[str, ...]
    contributions: NDArray[np.float64]
    base: float
    x: NDArray[np.float64]
    row_bases: NDArray[np.float64] | None = None

    def base_of(self, row: int) -> float:
        """What the contributions of one row are added to, log10 units."""
        return self.base if self.row_bases is None else float(self.row_bases[row])

    def importances(self) -> pd.DataFrame:
        """Mean absolute contribution of each feature, largest first.

        Columns: feature, importance (log10 units), direction (correlation of the feature with its contribution,
        positive where more of it means a faster relaxation).
        """
        frame = pd.DataFrame(
            {
                "feature": self.feature_names,
                "importance": np.abs(self.contributions).mean(0),
                "direction": [_correlation(a, b) for a, b in zip(self.x.T, self.contributions.T, strict=True)],
            }
        )
        return frame.sort_values("importance", ascending=False, ignore_index=True)


def shapley(
    surrogate: Predictor, x: ArrayLike, feature_names: Sequence[str], background: ArrayLike | None = None
) -> Shapley:
    """Exact Shapley values of a surrogate's mean at rows x (m, d), features that are left out coming from the
    background (b, d), by default rows of x that spread over its predictions (interventional; Lundberg and Lee, NeurIPS
    2017, arXiv 1705.07874). A `TrainingDataError` if x does not fit the surrogate, a `SurrogateError` for more than 12
    features."""
    rows = np.asarray(x, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] > MAX_EXACT_FEATURES:
        raise SurrogateError(f"x has shape {rows.shape}; exact values need 2^d predictions, at most d = 12 columns")
    behind = _spread_rows(surrogate, rows) if background is None else np.asarray(background, dtype=np.float64)
    base = float(surrogate.predict(behind)[0].mean())
    values = np.array([_exact(surrogate, row, behind) for row in rows]).reshape(rows.shape)
    return Shapley(tuple(feature_names), values, base, rows)


def _exact(surrogate: Predictor, row: NDArray[np.float64], behind: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shapley values of a row (d,): each coalition with each background row (b, d). `shap` takes 2 CPU s to load."""
    d = row.size
    coalitions = np.arange(2**d)
    inside = (coalitions[:, None] >> np.arange(d)) & 1 == 1
    mixed = np.where(inside[:, None, :], row, behind).reshape(-1, d)
    value = surrogate.predict(mixed)[0].reshape(len(coalitions), -1).mean(axis=1)
    size = inside.sum(axis=1)
    weight = np.array([1.0 / (d * comb(d - 1, k)) for k in range(d)])
    told = np.empty(d)
    for feature in range(d):
        without = coalitions[~inside[:, feature]]
        told[feature] = weight[size[without]] @ (value[without | (1 << feature)] - value[without])
    return told


def _spread_rows(surrogate: Predictor, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows at evenly spaced ranks of the prediction."""
    order = np.argsort(surrogate.predict(x)[0], kind="stable")
    picks = np.linspace(0, len(order) - 1, min(N_BACKGROUND, len(order))).round().astype(int)
    chosen: NDArray[np.float64] = x[order[picks]]
    return chosen


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if np.ptp(a) <= 1e-12 or np.ptp(b) <= 1e-12:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


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
) -> Shapley:
    """Shapley values of each row by a model that saw neither it nor its group, and its base; arguments as above."""
    contributions, bases = np.empty_like(training.x), np.empty(training.n_rows)
    for rows, told in _by_fold(training, feature_names, name, seed):
        contributions[rows], bases[rows] = told.contributions, told.base
    return Shapley(tuple(feature_names), contributions, float(bases.mean()), training.x, bases)


def _by_fold(
    training: TrainingRows, feature_names: Sequence[str], name: str | None, seed: int
) -> Iterator[tuple[NDArray[np.int64], Shapley]]:
    """Held-out rows of each fold and their Shapley values; all folds are fitted together."""
    from screening.surrogate import Surrogate
    from screening.surrogates.registry import DEFAULT_SURROGATE, get_recipe

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


@dataclass(frozen=True)
class Mechanism:
    """A mechanism and what it would make of a descriptor.

    Attributes:
        name: its name. idea: how spins would relax. hypothesis: what it suggests looking for in these compounds.
        source: where it was proposed.
    """

    name: str
    idea: str
    hypothesis: str
    source: str


#: Textbook mechanisms as hypotheses, each with its source.
MECHANISMS = (
    Mechanism(
        "D'yakonov-Perel'",
        "spins precess between collisions in the momentum-dependent field that broken inversion symmetry and "
        "spin-orbit coupling make",
        "hypothesis: spacers that polarise or tilt the layers would speed relaxation up; scattering would slow it down",
        "Sov. Phys. Solid State 13, 3023 (1972)",
    ),
    Mechanism(
        "Elliott-Yafet",
        "collisions flip spins because spin-orbit coupling mixes spin states",
        "hypothesis: heavier halides and stronger coupling to phonons would speed relaxation up",
        "Phys. Rev. 96, 266 (1954), doi 10.1103/PhysRev.96.266; Solid State Phys. 14, 1 (1963)",
    ),
    Mechanism(
        "Bir-Aronov-Pikus and exciton exchange",
        "electrons and holes exchange spin; in excitons the long-range exchange acts as a precessing field",
        "hypothesis: thin layers (n = 1) and spacers of low polarizability, which bind excitons strongly, would relax "
        "fast",
        "Sov. Phys. JETP 42, 705 (1976); for excitons Phys. Rev. B 47, 15776 (1993), doi 10.1103/PhysRevB.47.15776",
    ),
)


AXIS = "contribution to log10 rate (right: faster)"


def bar(shapley: Shapley) -> Any:
    """Mean absolute contribution of each feature."""
    import plotly.graph_objects as go

    table = shapley.importances().iloc[::-1]
    figure = go.Figure(go.Bar(x=table["importance"], y=table["feature"], orientation="h"))
    return figure.update_layout(xaxis_title="mean |contribution| to log10 rate")


def beeswarm(shapley: Shapley, labels: Sequence[str] | None = None) -> Any:
    """Contribution of every feature in every row, coloured by the feature's rank among rows."""
    import plotly.graph_objects as go

    names = list(shapley.importances()["feature"])[::-1]
    figure = go.Figure()
    for place, name in enumerate(names):
        column = shapley.feature_names.index(name)
        values, ranks = shapley.contributions[:, column], _ranks(shapley.x[:, column])
        marker = {"color": ranks, "colorscale": "RdBu_r", "cmin": 0, "cmax": 1, "size": 7}
        spread = place + 0.3 * (_ranks(values * 1e3 % 1.0) - 0.5)
        figure.add_scatter(x=values, y=spread, mode="markers", marker=marker, text=labels, name=name, showlegend=False)
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names)
    return figure.update_layout(xaxis_title=AXIS)


def radar(shapley: Shapley) -> Any:
    """Share of each feature in the mean absolute contributions."""
    import plotly.graph_objects as go

    share = np.abs(shapley.contributions).mean(0)
    share = share / max(float(share.sum()), 1e-12)
    closed = [*range(len(share)), 0]
    figure = go.Figure(
        go.Scatterpolar(r=share[closed], theta=[shapley.feature_names[i] for i in closed], fill="toself")
    )
    return figure.update_layout(polar={"radialaxis": {"tickformat": ".0%"}})


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks between 0 and 1."""
    order: NDArray[np.float64] = np.argsort(np.argsort(values, kind="stable"), kind="stable") / max(1, len(values) - 1)
    return order
