"""The features a surrogate sees, made from descriptors without looking at any data set; and which of them a fitted
surrogate's predictions come from: exact Shapley values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chemspace.tables.grid import package_table
from oracle.descriptors import DEFAULT_DESCRIPTORS, DESCRIPTORS, Descriptor, DescriptorSet
from screening.errors import SurrogateError, TrainingDataError

if TYPE_CHECKING:
    import pandas as pd

    from screening.frozen import FrozenSurrogate
    from screening.surrogate import Surrogate

    Predictor = Surrogate | FrozenSurrogate

__all__ = [
    "FEATURE_NAMES",
    "Shapley",
    "bar",
    "beeswarm",
    "feature_label",
    "feature_text",
    "feature_words",
    "input_label",
    "mechanisms",
    "pearson",
    "radar",
    "shapley",
    "to_features",
]

#: Of the ten descriptors, eight enter. The layer number enters as 1/n: bounded, 3D is its limit 0. Mass and
#: polarizability are positive and skewed, ratios of them mean more than differences: they enter as logarithms, the
#: dipole as log(1 + D).
FEATURE_NAMES = DEFAULT_DESCRIPTORS.feature_names

#: The published table writes a three-dimensional compound as n = 100 (doi 10.1039/d5sc07406a); we read it as infinite.
N_LAYERS_OF_3D = 100.0


def to_features(descriptors: NDArray[np.float64], of: DescriptorSet = DEFAULT_DESCRIPTORS) -> NDArray[np.float64]:
    """Features of compounds, shape (m, d), columns `of.feature_names`, from their descriptors (m, c + 2), columns
    `of.names`; `n_layers` is infinite (or 100) for 3D, NaN stays NaN. A row's features depend on that row only, so
    nothing leaks between folds. A `TrainingDataError` for other columns, a layer number below 1, a mass or
    polarizability that is not positive or a negative dipole."""
    table = np.asarray(descriptors, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(of):
        raise TrainingDataError(f"descriptors have shape {table.shape}; {len(of)} columns are needed: {of.names}")
    return np.column_stack(
        [entering(one, column) for one, column in zip(of.columns, table.T, strict=True) if one.enters]
    )


def feature_text(name: str, value: float) -> str:
    """A feature's value as the descriptor it was made from, with its unit: 4.81 of `log_molar_mass` is "123 g/mol"; the
    value as it is where no descriptor makes the feature."""
    made_from = _made_from(name)
    if made_from is None:
        return f"{value:.3g}"
    if made_from.enters == "inverse":
        return "3D" if value <= 1.0 / N_LAYERS_OF_3D else f"n = {1.0 / value:.3g}"
    back = {"log": np.exp, "log1p": np.expm1}.get(made_from.enters, float)
    return f"{round(back(value), 3):.3g} {made_from.unit}".rstrip()


def feature_words(name: str, value: float, usual: float) -> str:
    """What is special about a feature's value beside the usual one: "low HOMO of -19.8 eV", "no dipole"."""
    made_from, text = _made_from(name), feature_text(name, value)
    if made_from is not None and made_from.enters == "inverse":
        return text
    if made_from is not None and made_from.enters == "log1p" and value < _NONE * usual:
        return f"no {feature_label(name)}"
    return f"{'low' if value < usual else 'high'} {feature_label(name)} of {text}"


def feature_label(name: str) -> str:
    """A feature in words; its name where no descriptor makes it."""
    made_from = _made_from(name)
    return name if made_from is None else made_from.feature_label


def input_label(name: str) -> str:
    """A feature in words where its own sign or size is shown: the model sees 1/n, which falls as n grows."""
    made_from = _made_from(name)
    return f"1 / {made_from.label}" if made_from is not None and made_from.enters == "inverse" else feature_label(name)


#: Share of the usual value below which there is as good as none.
_NONE = 0.05


def _made_from(feature: str) -> Descriptor | None:
    for known in (DEFAULT_DESCRIPTORS.columns, (entry.item for entry in DESCRIPTORS.entries())):
        for descriptor in known:
            if descriptor.enters and descriptor.feature == feature:
                return descriptor
    return None


#: Least value that may enter, by how it enters, and the feature of it.
_ENTERING: dict[str, tuple[float, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "linear": (-np.inf, np.asarray),
    "log": (np.nextafter(0.0, 1.0), np.log),
    "log1p": (0.0, np.log1p),
    "inverse": (1.0, lambda n: np.where(n >= N_LAYERS_OF_3D, 0.0, 1.0 / n)),
}


def entering(descriptor: Descriptor, column: NDArray[np.float64]) -> NDArray[np.float64]:
    """The feature that a column (m,) enters as, shape (m,). `TrainingDataError` for a value that cannot be."""
    least, feature = _ENTERING[descriptor.enters]
    below = np.flatnonzero(column < least)
    if below.size:
        wrong = f"row {int(below[0])}: {descriptor.name} is {column[below[0]]}; it "
        raise TrainingDataError(wrong + ("is 1 or more, inf for 3D" if least == 1.0 else "cannot be that small"))
    return feature(column)


#: Exact values need 2^d predictions a row and background row.
MAX_EXACT_FEATURES = 12
#: Background rows the explained rows are compared with.
N_BACKGROUND = 8


@dataclass(frozen=True)
class Shapley:
    """Shapley values of predictions of log10 rate."""

    feature_names: tuple[str, ...]  #: d names
    #: Of each feature to each row, shape (m, d), log10 units; with `base` they add up to the prediction.
    contributions: NDArray[np.float64]
    base: float  #: mean prediction over the background, log10 units
    x: NDArray[np.float64]  #: the explained rows, shape (m, d)

    def importances(self) -> pd.DataFrame:
        """Mean absolute contribution of each feature, largest first.

        Columns: feature, importance (log10 units), direction (correlation of the feature with its contribution,
        positive where more of it means a faster relaxation).
        """
        import pandas as pd

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
    few, place = _mixed(row, behind, inside)
    value = surrogate.predict(few)[0][place].mean(axis=1)
    size = inside.sum(axis=1)
    weight = np.array([1.0 / (d * comb(d - 1, k)) for k in range(d)])
    told = np.empty(d)
    for feature in range(d):
        without = coalitions[~inside[:, feature]]
        told[feature] = weight[size[without]] @ (value[without | (1 << feature)] - value[without])
    return told


def _mixed(
    row: NDArray[np.float64], behind: NDArray[np.float64], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each coalition's features `inside` (c, d) of a row (d,), the others of background rows (b, d): those that differ,
    shape (u, d), ascending, and which of them each is, shape (c, b). Rows of one spacer or cage mix to the same ones,
    told by a number made of each feature's rank: a tenth of the time of comparing rows."""
    place, most = np.zeros((len(inside), len(behind)), dtype=np.int64), 1
    for feature, own in enumerate(inside.T):
        values, ranks = np.unique(np.append(behind[:, feature], row[feature]), return_inverse=True)
        if most * len(values) >= 2**63:
            place = np.unique(place, return_inverse=True)[1].reshape(place.shape)
            most = int(place.max()) + 1
        place, most = place * len(values) + np.where(own[:, None], ranks[-1], ranks[:-1]), most * len(values)
    _, first, place = np.unique(place, return_index=True, return_inverse=True)
    coalition, other = np.divmod(first, len(behind))
    return np.where(inside[coalition], row, behind[other]), place.reshape(len(inside), -1)


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


def pearson(x: ArrayLike, names: Sequence[str]) -> pd.DataFrame:
    """Pearson correlations between columns; constant columns correlate with nothing (NaN)."""
    import pandas as pd

    return pd.DataFrame(np.asarray(x, dtype=np.float64), columns=list(names)).corr()


@dataclass(frozen=True)
class Mechanism:
    """A mechanism and what it would make of a descriptor."""

    name: str
    idea: str  #: how spins would relax
    hypothesis: str  #: what it suggests looking for in these compounds
    source: str  #: where it was proposed


@lru_cache(maxsize=1)
def mechanisms() -> tuple[Mechanism, ...]:
    """Textbook mechanisms as hypotheses, each with its source."""
    return tuple(Mechanism(**row) for row in package_table("mechanisms.csv", "screening"))


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
