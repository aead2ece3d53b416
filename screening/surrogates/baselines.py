"""What a surrogate must beat: the mean, linear regression, forest, support vectors and boosted trees.

Settings are scikit-learn's and XGBoost's customary ones, fixed before any score was seen. The error of a prediction
is one number a fold, from predictions of training rows whose group was left out (of the forest: out of bag).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from screening.surrogates.recipe import Recipe, TrainingRows

if TYPE_CHECKING:
    from screening.surrogates.model import IndependentModel


#: Groups are dealt to this many inner folds for the error of a prediction.
INNER_FOLDS = 4
#: Least variance of a prediction, log10 units squared.
LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class SklearnFits:
    """f fitted estimators, one a fold, and inner out-of-group mean squared errors less the measurement's, (f,)."""

    estimators: tuple[Any, ...]
    variances: NDArray[np.float64]

    def predict(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance by every fold, each (f, m); x is (m, d)."""
        mean = np.array([e.predict(x) for e in self.estimators], dtype=np.float64)
        return mean, np.broadcast_to(self.variances[:, None], mean.shape).copy()

    def model(self, fold: int, noise_variance: float, calibration: float) -> IndependentModel:
        """BoTorch model of one fold."""
        from screening.surrogates.model import IndependentModel

        factor = calibration**2
        variance = float(self.variances[fold])
        return IndependentModel(self.estimators[fold].predict, factor * variance, factor * noise_variance)

    def describe(self, fold: int) -> dict[str, Any]:
        """The estimator in words and its error."""
        return {"estimator": str(self.estimators[fold]), "error_variance": round(float(self.variances[fold]), 5)}


@dataclass(frozen=True)
class SklearnRecipe:
    """An estimator of scikit-learn's interface, fitted fold by fold; `make` makes an unfitted one from a seed."""

    name: str
    make: Callable[[int], Any]

    def fit(self, training: TrainingRows, mask: NDArray[np.bool_], seed: int) -> SklearnFits:
        """Fit every fold; mask is (f, k)."""
        noise = float(np.mean(training.noise_variance))
        estimators, variances = [], []
        for rows in mask & training.measured:  # scikit-learn's estimators take numbers, not bounds
            x, y, groups = training.x[rows], training.y[rows], training.groups[rows]
            estimators.append(self._fit(x, y, seed))
            out_of_bag = getattr(estimators[-1], "oob_prediction_", None)
            squared = self._inner_squared_errors(x, y, groups, seed) if out_of_bag is None else (y - out_of_bag) ** 2
            variances.append(max(float(squared.mean()) - noise, LEAST_VARIANCE))
        return SklearnFits(tuple(estimators), np.array(variances))

    def _inner_squared_errors(
        self, x: NDArray[np.float64], y: NDArray[np.float64], groups: NDArray[np.int64], seed: int
    ) -> NDArray[np.float64]:
        codes = np.random.default_rng(seed).permutation(np.unique(groups))
        if codes.size < 2:
            spread: NDArray[np.float64] = (y - y.mean()) ** 2
            return spread
        error = np.zeros_like(y)
        for part in np.array_split(codes, min(INNER_FOLDS, codes.size)):
            out = np.isin(groups, part)
            error[out] = y[out] - self._fit(x[~out], y[~out], seed).predict(x[out])
        return error**2

    def _fit(self, x: NDArray[np.float64], y: NDArray[np.float64], seed: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unconverged or one-row baseline is a weak baseline, not an error
            return self.make(seed).fit(x, y)


class Mean:
    """The mean of all results. scikit-learn's takes two seconds to load, which is most of what such a fit takes."""

    def fit(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Mean:
        """Take the mean of y (k,)."""
        del x
        self.value = float(y.mean())
        return self

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """It, for each row of x (m, d)."""
        return np.full(len(x), self.value)


def _mean(seed: int) -> Any:
    del seed
    return Mean()


def _scaled(step: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), step)


def _linear(seed: int) -> Any:
    from sklearn.linear_model import LinearRegression

    del seed
    return _scaled(LinearRegression())


def _two_group(seed: int) -> Any:
    from sklearn.tree import DecisionTreeRegressor

    return DecisionTreeRegressor(max_depth=1, random_state=seed)


def _forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=100, oob_score=True, random_state=seed)


def _support_vectors(seed: int) -> Any:
    from sklearn.svm import SVR

    del seed
    return _scaled(SVR(C=1.0, epsilon=0.1, gamma="scale"))


def _boosted(seed: int) -> Any:
    from xgboost import XGBRegressor

    return XGBRegressor(n_estimators=100, max_depth=3, learning_rate=0.1, n_jobs=1, random_state=seed)


#: By name, in the order of tables.
BASELINES: dict[str, Recipe] = {
    name: SklearnRecipe(name, make)
    for name, make in {
        "mean": _mean,
        "two_group": _two_group,
        "linear": _linear,
        "random_forest": _forest,
        "svr": _support_vectors,
        "xgboost": _boosted,
    }.items()
}
