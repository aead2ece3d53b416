"""The recipes: mixtures of Gaussian processes, networks and trees, stacked inside each fold, of which one is shipped;
and what they must beat: the mean, linear regression, forest, support vectors and boosted trees.

Settings of the latter are scikit-learn's and XGBoost's customary ones, fixed before any score was seen. The error of
their predictions is one number a fold, from predictions of training rows whose group was left out (of the forest: out
of bag).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from screening.devices import map_blocks, one_thread, training_threads
from screening.surrogates.ensembles import (
    EnsembleConfig,
    Ensembles,
    Trees,
    TreesComponent,
    TreesConfig,
    fit_ensembles,
    fit_trees,
)
from screening.surrogates.gaussian_process import LENGTH, GaussianProcesses, KernelSpec, fit_gaussian_processes
from screening.surrogates.model import Component, EnsembleComponent, IndependentModel, MixtureModel, ProcessComponent
from screening.surrogates.observations import Folds, Scaling, Sites, drop_correlated, plain_sites, with_ranks
from screening.surrogates.recipe import DEFAULT_SURROGATE, FoldFits, Movable, Recipe, TrainingRows

if TYPE_CHECKING:
    from botorch.models.model import Model

#: Groups are dealt to this many inner folds for the error of a prediction.
BASELINE_FOLDS = 4
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
        for part in np.array_split(codes, min(BASELINE_FOLDS, codes.size)):
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


#: Each family of candidates starts with the credit of this many rows, shared by its members: weights estimated from
#: fifty rows are noisier than equal ones are wrong (Smith and Wallis 2009, doi 10.1111/j.1468-0084.2008.00541.x).
#: Hundreds of rows overrule it.
PRIOR_ROWS = 20.0
#: Steps of expectation maximisation; the weights move by less than 1e-3 after about fifty.
STEPS = 60


def gaussian_log_density(value: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Log density of a normal distribution, shapes broadcast."""
    return -0.5 * ((value - mean) ** 2 / variance + variance.log() + math.log(2.0 * math.pi))


def stacking_weights(
    log_density: Tensor,
    mask: Tensor,
    families: Sequence[int] | None = None,
    floor: float = 0.0,
    prior_rows: float | Sequence[float] = PRIOR_ROWS,
) -> Tensor:
    """Weights (c, f), summing to one over candidates, that maximise the mixture's log density (c, f, k) of rows that
    count (f, k), each candidate fitted without the row, plus a Dirichlet prior: stacking of predictive distributions
    (Yao et al., Bayesian Anal. 13, 917 (2018), doi 10.1214/17-BA1091) by expectation maximisation. Candidates of one
    number in `families` share its credit (`prior_rows`, of all or by family), three processes being no three opinions;
    what is below `floor`, the least share of a family, is raised to it at the others' cost."""
    own = list(range(len(log_density))) if families is None else list(families)
    rows = [prior_rows] * (max(own) + 1) if isinstance(prior_rows, float) else prior_rows
    credit = log_density.new_tensor([rows[family] / own.count(family) for family in own])[:, None]
    density = log_density.masked_fill(~mask, 0.0)
    weights = (credit / credit.sum()).expand(density.shape[:2])
    for _ in range(STEPS):
        share = torch.softmax(density + weights.log()[..., None], 0) * mask
        weights = (share.sum(-1) + credit) / (mask.sum(-1) + credit.sum())
    return weights if floor <= 0.0 else _with_floor(weights, own, floor)


def _with_floor(weights: Tensor, families: Sequence[int], floor: float) -> Tensor:
    """Weights (c, f) in which every family has at least a share of `floor`, its members' ratios kept."""
    member = weights.new_tensor([[float(family == each) for family in families] for each in sorted(set(families))])
    share = member @ weights
    above = (share - floor).clamp_min(0.0)
    raised = floor + (1.0 - floor * len(member)) * above / above.sum(0)
    return weights * (member.T @ (raised / share))


class SumComponent(nn.Module):
    """Ensemble mean plus a process on its residuals; the process alone carries the uncertainty."""

    sees = "standardised"

    def __init__(self, ensemble: EnsembleComponent, process: ProcessComponent) -> None:
        super().__init__()
        self.ensemble, self.process = ensemble, process

    def joint(self, z: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Mean (..., q) and latent covariance (..., q, q - first) with the points from `first` on."""
        mean, cov = self.process.joint(z, first)
        return mean + self.ensemble.joint(z)[0], cov

    def marginal(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (m,) and latent variance (m,) of rows z (m, d)."""
        mean, variance = self.process.marginal(z)
        return mean + self.ensemble.marginal(z)[0], variance

    def unexplained(self) -> Tensor:
        """Nugget of the process, a scalar."""
        return self.process.unexplained()


@dataclass(frozen=True)
class ResidualFits:
    """Ensembles and the processes on their residuals, every fold."""

    ensembles: Ensembles
    processes: GaussianProcesses
    scaling: Scaling

    def predict(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of a new compound's log10 rate by every fold, each (f, m); x is (m, d)."""
        z = self.scaling.x(torch.from_numpy(x))
        mean, variance = self.processes.predict(z)
        mean = mean + self.ensembles.predict(z)[0]
        variance = variance + self.processes.nugget()[:, None]
        scale = self.scaling.y_sd
        return (self.scaling.y_mean + scale * mean).numpy(), (scale**2 * variance).numpy()

    def model(self, fold: int, noise_variance: float, calibration: float) -> MixtureModel:
        """BoTorch model of one fold."""
        part = SumComponent(EnsembleComponent.of(self.ensembles, fold), ProcessComponent.of(self.processes, fold))
        weight = torch.ones(1, dtype=torch.float64)
        return MixtureModel([part], weight, self.scaling.fold(fold), noise_variance, calibration)

    def describe(self, fold: int) -> dict[str, Any]:
        """Steps of the ensemble and nugget of the process."""
        return {
            "steps": int(self.ensembles.steps[fold]),
            "nugget_variance": round(float(self.processes.nugget()[fold]), 5),
        }


@dataclass(frozen=True)
class ResidualRecipe:
    """Ensemble first, then a process on its out-of-group residuals, fitted on "cpu" or a CUDA device."""

    name: str
    kernel: KernelSpec
    ensemble: EnsembleConfig = field(default_factory=EnsembleConfig)
    device: str = "cpu"

    def on(self, device: str) -> ResidualRecipe:
        """The same fitted on another device."""
        return replace(self, device=device)

    def fit(self, training: TrainingRows, mask: NDArray[np.bool_], seed: int) -> ResidualFits:
        """Fit every fold; mask is (f, k)."""
        with one_thread():
            folds = Folds.of(training, mask).without_bounds()  # bounds do not train this one
            ensembles = fit_ensembles(self.ensemble, folds, seed, device=self.device)
            residual = (folds.scaling.y(folds.y) - ensembles.out_of_group).nan_to_num(0.0)
            processes = fit_gaussian_processes(self.kernel, folds, residual, self.device)
        return ResidualFits(ensembles, processes, folds.scaling)


#: Stands in for the log density of a row that a candidate cannot predict out of group.
UNKNOWN_LOG_DENSITY = -3.0
#: The process through which learners without one of their own see bounds.
WITNESS = KernelSpec("witness")
#: Of more rows than this the Gaussian processes learn from an evenly spaced part; networks and trees learn from all.
MAX_PROCESS_ROWS = 1000


@dataclass(frozen=True)
class MixtureFits:
    """Fitted candidates of every fold, None where a family is missing, and their `weights` (processes, networks,
    trees), shape (c, f); `left_out`: mean and variance of rows that processes learn from, by each candidate without
    their group, in closed form or by networks that did not see it, standardised, shapes (c, f, k)."""

    processes: tuple[GaussianProcesses, ...]
    ensembles: Ensembles | None
    trees: Trees | None
    weights: Tensor
    scaling: Scaling
    left_out: tuple[Tensor, Tensor]

    def predict(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of a new compound's log10 rate by every fold, each (f, m); x is (m, d)."""
        raw = torch.from_numpy(x)
        z, ranked = self.scaling.x(raw), self.scaling.ranked(raw)
        parts = [(*p.predict(ranked), p.nugget()) for p in self.processes]
        if self.ensembles is not None:
            parts.append((*self.ensembles.predict(z), self.ensembles.error_variance))
        if self.trees is not None:
            parts.append((*self.trees.predict(raw), self.trees.error_variance))
        means = torch.stack([m for m, _, _ in parts])
        return self._matched(means, torch.stack([v + u[:, None] for _, v, u in parts]))

    def predict_left_out(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of the rows that train, without their group, each (f, k)."""
        return self._matched(*self.left_out)

    def _matched(self, means: Tensor, variances: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance of the mixture, each (f, m), of standardised ones by each candidate (c, f, m)."""
        w, scale = self.weights[..., None], self.scaling.y_sd
        mean = (w * means).sum(0)
        variance = (w * (variances + (means - mean) ** 2)).sum(0)
        return (self.scaling.y_mean + scale * mean).numpy(), (scale**2 * variance).numpy()

    def model(self, fold: int, noise_variance: float, calibration: float) -> MixtureModel:
        """BoTorch model of one fold."""
        parts: list[Component] = [ProcessComponent.of(p, fold) for p in self.processes]
        if self.ensembles is not None:
            parts.append(EnsembleComponent.of(self.ensembles, fold))
        if self.trees is not None:
            parts.append(TreesComponent(self.trees, fold))
        return MixtureModel(parts, self.weights[:, fold], self.scaling.fold(fold), noise_variance, calibration)

    def describe(self, fold: int) -> dict[str, Any]:
        """Weights and hyperparameters of one fold."""
        told: dict[str, Any] = {}
        for weight, process in zip(self.weights[:, fold], self.processes, strict=False):
            theta = process.theta[fold].exp()
            names = ("signal_variance", "linear_variance", "nugget_variance")
            told[process.spec.name] = {
                "weight": round(float(weight), 4),
                **{name: round(float(v), 5) for name, v in zip(names, theta, strict=False)},
                "length_scales": [round(float(v), 4) for v in theta[LENGTH:]],
            }
        if self.ensembles is not None:
            told["ensemble"] = {
                "weight": round(float(self.weights[len(self.processes), fold]), 4),
                "members": int(self.ensembles.weights[0][0].shape[1]),
                "steps": int(self.ensembles.steps[fold]),
                "error_variance": round(float(self.ensembles.error_variance[fold]), 5),
            }
        if self.trees is not None:
            told["trees"] = {
                "weight": round(float(self.weights[-1, fold]), 4),
                "members": int(self.trees.splits.shape[2]),
                "rounds": len(self.trees.splits),
                "error_variance": round(float(self.trees.error_variance[fold]), 5),
            }
        return told


@dataclass(frozen=True)
class MixtureRecipe:
    """Candidates to fit and stack."""

    name: str  #: the name in tables, commands and provenance
    kernels: tuple[KernelSpec, ...] = ()  #: one Gaussian process each
    ensemble: EnsembleConfig | None = field(default_factory=EnsembleConfig)  #: the network ensemble, or None for none
    trees: TreesConfig | None = None  #: the boosted trees, or None for none
    #: Where processes and networks are fitted, "cpu" or a CUDA device. The trees always grow on the processor: a split
    #: is a choice between gains, and another device's rounding could choose another one.
    device: str = "cpu"
    #: Features that repeat an earlier one with a larger |r| are dropped inside each fold; None keeps all (the trees see
    #: all in any case).
    most_correlated: float | None = None
    floor: float = 0.0  #: least share of each family of candidates (processes, networks, trees) in the mixture
    ranks: bool = False  #: whether the processes see normal scores of the features by rank, `with_ranks`
    prior_rows: float | tuple[float, ...] = PRIOR_ROWS  #: rows whose credit each family starts with, or each its own

    @property
    def learns_tasks(self) -> bool:
        """Whether rows of related tasks teach anything of it."""
        return bool(self.kernels) or self.ensemble is not None

    def on(self, device: str) -> MixtureRecipe | None:
        """The same with its processes and networks on another device; None if it has neither."""
        return replace(self, device=device) if self.kernels or self.ensemble is not None else None

    def fit(self, training: TrainingRows, mask: NDArray[np.bool_], seed: int) -> MixtureFits:
        """Fit every candidate in every fold and weigh them there; mask is (f, k)."""
        with one_thread():
            return self.fit_folds(Folds.of(training, mask), seed)

    def fit_folds(self, folds: Folds, seed: int, sites: Sites | None = None) -> MixtureFits:
        """The same for folds with a scaling of their own, on the caller's threads; `sites` say what rows weigh with
        networks and trees, which count them alike by default."""
        if self.most_correlated is not None:
            folds = drop_correlated(folds, self.most_correlated)
        folds = with_ranks(folds) if self.ranks else folds
        n_rows = len(folds.y)
        spread = torch.linspace(0, n_rows - 1, min(n_rows, MAX_PROCESS_ROWS)).round().long()
        part, has_bounds = folds.part(spread), bool(folds.censored.any())
        sites = plain_sites(folds) if sites is None else sites
        with ThreadPoolExecutor(1, thread_name_prefix="trees") as aside:
            # Trees that need no process to read bounds for them grow beside the processes.
            growing = None if has_bounds else aside.submit(self._grow, folds, sites, seed)
            fitted = map_blocks(
                lambda spec: fit_gaussian_processes(spec, part, device=self.device),
                self.kernels,
                training_threads(self.device),
            )
            processes = tuple(fitted)
            if has_bounds:
                witness = processes[0] if processes else fit_gaussian_processes(WITNESS, part, device=self.device)
                sites = _with_bounds(sites, witness, folds, spread)
            ensembles = None
            if self.ensemble is not None:
                ensembles = fit_ensembles(self.ensemble, folds, seed, sites, self.device)
            trees = self._grow(folds, sites, seed) if growing is None else growing.result()
        left_out = _left_out(processes, (ensembles, trees), part, spread)
        density = gaussian_log_density(part.scaling.y(part.y), *left_out).nan_to_num(UNKNOWN_LOG_DENSITY)
        families = [0] * len(processes) + list(range(1, 1 + len(density) - len(processes)))
        weights = stacking_weights(density, part.measured, families, self.floor, self.prior_rows)
        return MixtureFits(processes, ensembles, trees, weights, folds.scaling, left_out)

    def _grow(self, folds: Folds, sites: Sites, seed: int) -> Trees | None:
        """Trees learn from the rows of the predicted task alone."""
        own = replace(folds, mask=folds.mask & (folds.tasks == 0))
        return None if self.trees is None else fit_trees(self.trees, own, sites, seed)


def _with_bounds(plain: Sites, process: GaussianProcesses, folds: Folds, spread: Tensor) -> Sites:
    """Sites with bounds as the process sees them; bounds among the rows it did not learn from weigh nothing."""
    part = folds.part(spread)
    seen = process.sites(part)
    targets, weights = plain.targets.clone(), torch.where(folds.censored, 0.0, plain.weights)
    targets[:, spread] = torch.where(part.censored, seen.targets, targets[:, spread])
    weights[:, spread] = seen.weights
    return Sites(targets, weights, ~folds.censored)


def _left_out(
    processes: tuple[GaussianProcesses, ...],
    committees: tuple[Ensembles | Trees | None, ...],
    part: Folds,
    spread: Tensor,
) -> tuple[Tensor, Tensor]:
    """Mean and variance (c, f, k) of rows of `part`, numbers `spread` (k,), by each candidate without their group; NaN
    where it has none."""
    parts = [process.leave_groups_out(part.groups) for process in processes]
    for committee in committees:
        if committee is not None:
            variance = committee.spread[:, spread] + committee.error_variance[:, None] + part.noise
            parts.append((committee.out_of_group[:, spread], variance))
    means, variances = zip(*parts, strict=True)
    return torch.stack(means), torch.stack(variances)


#: Groups are dealt to this many inner folds for the choice among recipes.
INNER_FOLDS = 4


@dataclass(frozen=True)
class AutoFits:
    """The chosen candidate of each fold: `names` and mean negative log density `nlpd` (c, f), nats, of all; position of
    the `chosen` one (f,), its `fits` on the folds that chose it, and the `place` of each fold among these (f,)."""

    names: tuple[str, ...]
    nlpd: NDArray[np.float64]
    chosen: NDArray[np.int64]
    fits: dict[int, FoldFits]
    place: NDArray[np.int64]

    def predict(self, x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and variance by every fold, each (f, m); x is (m, d)."""
        mean, variance = np.empty((self.chosen.size, len(x))), np.empty((self.chosen.size, len(x)))
        for candidate, fits in self.fits.items():
            mean[self.chosen == candidate], variance[self.chosen == candidate] = fits.predict(x)
        return mean, variance

    def model(self, fold: int, noise_variance: float, calibration: float) -> Model:
        """BoTorch model of one fold."""
        return self.fits[int(self.chosen[fold])].model(int(self.place[fold]), noise_variance, calibration)

    def describe(self, fold: int) -> dict[str, Any]:
        """What was chosen and why."""
        scores = {name: round(float(v), 4) for name, v in zip(self.names, self.nlpd[:, fold], strict=True)}
        best = self.names[int(self.chosen[fold])]
        return {
            "chosen": best,
            "nlpd": scores,
            "reason": f"{best} has the lowest negative log predictive density on groups it had not seen",
            "details": self.fits[int(self.chosen[fold])].describe(int(self.place[fold])),
        }


@dataclass(frozen=True)
class AutoRecipe:
    """Candidates to choose from, inside each fold."""

    name: str
    candidates: tuple[Recipe, ...]

    def on(self, device: str) -> AutoRecipe:
        """The candidates that can be fitted there, there; the others on the processor."""
        moved = (recipe.on(device) if isinstance(recipe, Movable) else None for recipe in self.candidates)
        return replace(self, candidates=tuple(m or r for m, r in zip(moved, self.candidates, strict=True)))

    def fit(self, training: TrainingRows, mask: NDArray[np.bool_], seed: int) -> AutoFits:
        """Choose inside every fold and fit the choice there; mask is (f, k)."""
        nlpd = np.array([_inner_nlpd(r, training, mask, seed) for r in self.candidates])
        chosen = nlpd.argmin(0)
        fits, place = {}, np.zeros(len(mask), dtype=np.int64)
        for candidate in np.unique(chosen):
            own = chosen == candidate
            place[own] = np.arange(own.sum())
            fits[int(candidate)] = self.candidates[int(candidate)].fit(training, mask[own], seed)
        return AutoFits(tuple(r.name for r in self.candidates), nlpd, chosen, fits, place)


def _inner_nlpd(recipe: Recipe, training: TrainingRows, mask: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
    """Mean negative log density of training rows under fits without their group, shape (f,)."""
    groups = training.groups if np.unique(training.groups).size > 1 else np.arange(training.n_rows)
    codes = np.random.default_rng(seed).permutation(np.unique(groups))
    total, count = np.zeros(len(mask)), np.zeros(len(mask))
    for part in np.array_split(codes, min(INNER_FOLDS, codes.size)):
        out = np.isin(groups, part)
        inner = mask & ~out
        usable = (inner & ~training.censored).sum(1) >= 2
        mean, variance = recipe.fit(training, inner[usable], seed).predict(training.x)
        variance = variance + training.noise_variance
        density = 0.5 * ((training.y - mean) ** 2 / variance + np.log(2.0 * np.pi * variance))
        rows = mask[usable] & out & ~training.censored
        total[usable] += (density * rows).sum(1)
        count[usable] += rows.sum(1)
    nlpd: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1.0), np.inf)
    return nlpd


ISOTROPIC, ROUGH, ARD = KernelSpec("gp_isotropic"), KernelSpec("gp_rough", rough=True), KernelSpec("gp_ard", ard=True)
_THREE = (ISOTROPIC, ROUGH, ARD)
#: Strong anchors: 48 tanh networks whose prior holds five times as much as that of `ensemble`.
NETWORKS = EnsembleConfig(members=48, gain=3.0, noise=0.5, bins=4, patience=60)
#: Least share of networks and of processes: on fifty rows a weight of nothing would be an accident.
SHARE_FLOOR = 0.2
NETWORKS_PROCESSES = MixtureRecipe(
    "networks_processes", tuple(replace(spec, bfgs=True) for spec in _THREE), NETWORKS, floor=SHARE_FLOOR
)
_SPINSCREEN = MixtureRecipe("spinscreen", _THREE, None, TreesConfig())
_GP = MixtureRecipe("gp", (ISOTROPIC,), None)
#: By the names and in the words of `screening.surrogates.registry`.
RECIPES: dict[str, Recipe] = BASELINES | {
    recipe.name: recipe
    for recipe in (
        replace(NETWORKS_PROCESSES, name=DEFAULT_SURROGATE, ranks=True),
        NETWORKS_PROCESSES,
        _SPINSCREEN,
        _GP,
        MixtureRecipe("gp_rough", (ROUGH,), None),
        MixtureRecipe("gp_ard", (ARD,), None),
        MixtureRecipe("gp_pearson", (ISOTROPIC,), None, most_correlated=0.9),
        MixtureRecipe("ensemble"),
        MixtureRecipe("trees", (), None, TreesConfig()),
        MixtureRecipe("gp_ensemble", _THREE),
        ResidualRecipe("gp_on_residuals", ISOTROPIC),
        AutoRecipe("auto", (_SPINSCREEN, _GP, *(BASELINES[name] for name in ("mean", "linear", "svr")))),
    )
}
