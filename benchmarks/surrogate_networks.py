"""Networks and processes beside the mixture of release 0.1.0, on the measured rows, with paired standard errors.

    python -m benchmarks.surrogate_networks [--seeds 42 1 2 3 4] [--sources published xtb] [--beside NAME] [NAME...]
    python -m benchmarks.surrogate_networks networks-processes --sources xtb-edition-1 xtb --by-source
    python -m benchmarks.surrogate_networks --small NAME... [--beside NAME] [--seeds 42]

Candidates are listed in `CANDIDATES`; all of a list were fixed before the first run of it. Squared errors and log
densities are compared row by row with those of a surrogate that ships (`spinscreen`, 0.1.0's default, unless another is
asked for), clustered by spacer: a difference is worth its paired standard error. With --by-source each candidate is
compared with itself on the first source instead: what other conformers are worth; behind R2 the same difference as a
share of the targets' variance, which is that of R2. With --small they learn the small tables of `benchmarks.races`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from scipy.stats import norm, rankdata, yeojohnson
from torch import Tensor

from benchmarks.races import learn, public_tables
from benchmarks.surrogate_candidates import Array, table
from oracle.descriptors import DEFAULT_DESCRIPTORS
from screening.calibration import log_density
from screening.surrogates import TrainingRows, mixture, observations
from screening.surrogates import gaussian_process as kernels
from screening.surrogates.ensembles import TreesConfig, encode
from screening.surrogates.gaussian_process import KernelSpec
from screening.surrogates.mixture import ARD, ISOTROPIC, NETWORKS, ROUGH, MixtureRecipe
from screening.surrogates.observations import Scaling, fit_scaling
from screening.surrogates.registry import DEFAULT_SURROGATE, SURROGATES
from screening.validation import LEAVE_OUT_SPLITS, Validation, cross_validate, paired

PROCESSES = (ISOTROPIC, ROUGH, ARD)
SEARCHED_BY_BFGS = tuple(replace(spec, bfgs=True) for spec in PROCESSES)
PLAIN = replace(NETWORKS, bins=0)
ROUGH_ARD = KernelSpec("gp_rough_ard", ard=True, rough=True)
#: Edges of the encoding, standardised: quartiles of a normal distribution, and two standard deviations.
EDGES = torch.tensor([-2.0, -0.674, 0.0, 0.674, 2.0], dtype=torch.float64)


class EncodedSpec(KernelSpec):
    """Matern over features and their piecewise-linear encodings, one length scale for a feature and its encoding."""


def _stationary(spec: KernelSpec, lengths: Tensor, a: Tensor, b: Tensor) -> Tensor:
    if not isinstance(spec, EncodedSpec):
        return SHIPPED(spec, lengths, a, b)
    d = a.shape[-1]
    # a feature and its four columns count as one: the scale of distances stays that of the prior
    scale = lengths[..., None, :].expand(*lengths.shape[:-1], 1, d) * 5.0**0.5
    wide = torch.cat([scale, scale.repeat_interleave(len(EDGES) - 1, -1)], -1)
    a, b = (encode(x, EDGES.to(x).expand(d, -1)) / wide for x in (a, b))
    return kernels._matern(spec, kernels._squared_distance(a, b))


SHIPPED = kernels._stationary


@dataclass(frozen=True)
class RankScaling(Scaling):
    """Half-way from standardised features to their normal scores among the rows that train, by fold and feature."""

    scores: tuple[tuple[tuple[Array, Array], ...], ...] = ()

    @classmethod
    def of(cls, x: Tensor, y: Tensor, mask: Tensor) -> RankScaling:
        """As `fit_scaling`."""
        scores = tuple(tuple(_normal_scores(column) for column in x[rows].numpy().T) for rows in mask)
        return cls(*(getattr(fit_scaling(x, y, mask), part.name) for part in fields(Scaling)), scores)

    def x(self, x: Tensor) -> Tensor:
        """As of `Scaling`."""
        plain = super().x(x)
        raw = x.expand_as(plain).numpy()
        ranked = [
            np.column_stack([np.interp(column, *score) for column, score in zip(one.T, own, strict=True)])
            for one, own in zip(raw, self.scores, strict=True)
        ]
        return 0.5 * (plain + torch.from_numpy(np.stack(ranked)))


def _normal_scores(column: Array) -> tuple[Array, Array]:
    values, counts = np.unique(column, return_counts=True)
    return values, norm.ppf((np.cumsum(counts) - 0.5 * counts) / counts.sum())


Warp = Callable[[Array], Array]


@dataclass(frozen=True)
class WarpedScaling(Scaling):
    """Features bent by a line of their own, learnt from the rows that train, by fold and feature."""

    warps: tuple[tuple[Warp, ...], ...] = ()

    @classmethod
    def by(cls, warp: Callable[[Array], Warp]) -> Callable[[Tensor, Tensor, Tensor], WarpedScaling]:
        """What stands in for `fit_scaling`; `warp` makes the line of a standardised feature."""

        def fit(x: Tensor, y: Tensor, mask: Tensor) -> WarpedScaling:
            plain = fit_scaling(x, y, mask)
            standardised = plain.x(x).numpy()
            lines = (
                tuple(warp(column) for column in own[rows].T)
                for own, rows in zip(standardised, mask.numpy(), strict=True)
            )
            return cls(*(getattr(plain, part.name) for part in fields(Scaling)), tuple(lines))

        return fit

    def x(self, x: Tensor) -> Tensor:
        """As of `Scaling`."""
        bent = [
            np.column_stack([line(column) for line, column in zip(lines, own.T, strict=True)])
            for lines, own in zip(self.warps, super().x(x).numpy(), strict=True)
        ]
        return torch.from_numpy(np.stack(bent))


def by_ranks(share: float, *, normal: bool = True, goes_on: bool = False) -> Callable[[Array], Warp]:
    """Part of the way to normal scores or quantiles of variance one, so that a column of two values stays as it is."""

    def warp(column: Array) -> Warp:
        values, scores = _normal_scores(column)
        scores = scores if normal else norm.cdf(scores)
        own = np.interp(column, values, scores)
        scores = (scores - own.mean()) / (own.std() or 1.0)

        def line(z: Array) -> Array:
            beyond = z - z.clip(values[0], values[-1]) if goes_on else 0.0
            return (1.0 - share) * z + share * (np.interp(z, values, scores) + beyond)

        return line

    return warp


def by_power(column: Array) -> Warp:
    """The power that makes the feature most normal (Yeo and Johnson, doi 10.1093/biomet/87.4.954)."""
    if len(np.unique(column)) < 3:
        return lambda z: z
    own, power = yeojohnson(column)
    power = float(np.clip(power, -2.0, 4.0))
    own = yeojohnson(column, power)
    return lambda z: (yeojohnson(z, power) - own.mean()) / own.std()


@dataclass(frozen=True)
class BothScaling(Scaling):
    """Standardised features and, behind them, warped ones."""

    warped: Callable[[Tensor], Tensor] = torch.clone

    @classmethod
    def by(cls, warp: Callable[[Array], Warp]) -> Callable[[Tensor, Tensor, Tensor], BothScaling]:
        """As `WarpedScaling.by`."""

        def fit(x: Tensor, y: Tensor, mask: Tensor) -> BothScaling:
            plain, warped = fit_scaling(x, y, mask), WarpedScaling.by(warp)(x, y, mask)
            return cls(*(getattr(plain, part.name) for part in fields(Scaling)), warped.x)

        return fit

    def x(self, x: Tensor) -> Tensor:
        """As of `Scaling`, twice as many columns."""
        return torch.cat([super().x(x), self.warped(x)], -1)


class Seeing:
    """What is fitted to one half of the columns of `BothScaling`, shown both."""

    def __init__(
        self, fit: Callable[..., Any], warped: bool, config: Any, folds: observations.Folds, *more: Any, **named: Any
    ) -> None:
        self.first = folds.x.shape[-1] if warped else 0
        self.d = folds.x.shape[-1]
        both = folds.scaling.x

        class Half(Scaling):
            def x(half, x: Tensor) -> Tensor:
                return self.half(both(x))

        scaling = Half(*(getattr(folds.scaling, part.name) for part in fields(Scaling)))
        self.fitted = fit(config, replace(folds, scaling=scaling), *more, **named)

    def half(self, z: Tensor) -> Tensor:
        return z[..., self.first : self.first + self.d]

    def predict(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.fitted.predict(self.half(z))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fitted, name)


HALF_RANKS, BOTH = WarpedScaling.by(by_ranks(0.5)), BothScaling.by(by_ranks(0.5))
FIT_NETWORKS, FIT_PROCESSES, LEFT_OUT = (
    mixture.fit_ensembles,
    mixture.fit_gaussian_processes,
    mixture._left_out,
)


def _equal_errors(processes: Any, committees: Any, part: observations.Folds, spread: Tensor) -> tuple[Tensor, Tensor]:
    """As `_left_out`, with one variance for all candidates, so that weights are by squared error."""
    means = LEFT_OUT(processes, committees, part, spread)[0].nan_to_num(0.0)
    off = means - part.scaling.y(part.y)
    variance = ((off**2).mean(0) * part.measured).sum(-1) / part.measured.sum(-1)
    return means, variance[:, None].expand_as(means)


ENCODED = tuple(EncodedSpec(kernel.name, kernel.ard, kernel.rough) for kernel in PROCESSES)
ENCODED_BY_BFGS = tuple(replace(kernel, bfgs=True) for kernel in ENCODED)
#: Descriptors: the paper's, xTB's of a new campaign, and those of the conformers of earlier editions.
SOURCES = ("published", "xtb", "xtb-edition-1", "xtb-edition-2")
#: What is compared, by name.
CANDIDATES = {
    "plain-networks": MixtureRecipe("plain-networks", (), PLAIN),
    "embedded-networks": MixtureRecipe("embedded-networks", (), NETWORKS),
    "plain-networks-processes": MixtureRecipe("plain-networks-processes", PROCESSES, PLAIN),
    "networks-processes": MixtureRecipe("networks-processes", PROCESSES, NETWORKS, floor=0.2),
    # The default before its cost was cut: networks trained to the end, 70 steps of every process in every fold.
    "networks-processes-long": MixtureRecipe(
        "networks-processes-long", PROCESSES, replace(NETWORKS, patience=NETWORKS.iterations), floor=0.2
    ),
    "networks-processes-short": MixtureRecipe(
        "networks-processes-short", SEARCHED_BY_BFGS, replace(NETWORKS, patience=40), floor=0.2
    ),
    "networks-processes-96": MixtureRecipe(
        "networks-processes-96", PROCESSES, replace(NETWORKS, members=96), floor=0.2
    ),
    "networks-processes-wide": MixtureRecipe(
        "networks-processes-wide", PROCESSES, replace(NETWORKS, hidden=(32, 32)), floor=0.2
    ),
    "networks-processes-trees": MixtureRecipe(
        "networks-processes-trees", PROCESSES, NETWORKS, TreesConfig(), floor=0.2
    ),
    # The second list, each beside the default: what was changed, and why it might help.
    # Half of the weight for either family: weights from 47 rows may cost more than they gain.
    "even": MixtureRecipe("even", PROCESSES, NETWORKS, floor=0.5),
    # A fourth process: tied length scales are best on published rows, Matern 1/2 is on xTB's; this one has both.
    "rough-ard": MixtureRecipe("rough-ard", (*PROCESSES, ROUGH_ARD), NETWORKS, floor=0.2),
    # The processes see what made the networks better, each feature's piecewise-linear encoding.
    "encoded": MixtureRecipe("encoded", ENCODED, NETWORKS, floor=0.2),
    # Each network leaves a twenty-fourth of the spacers out: skill still rises with rows.
    "parts-24": MixtureRecipe("parts-24", PROCESSES, replace(NETWORKS, parts=24), floor=0.2),
    # Other features (`FEATURES`): mean charge beside them, which helped one process on both sources;
    "charge": MixtureRecipe("charge", PROCESSES, NETWORKS, floor=0.2),
    # charge and dipole by size, which set how strongly a cation holds to its layer;
    "charge-density": MixtureRecipe("charge-density", PROCESSES, NETWORKS, floor=0.2),
    # half-way to normal scores by rank: a few odd cations stretch the scale of all.
    "ranks": MixtureRecipe("ranks", PROCESSES, NETWORKS, floor=0.2),
    # Three of these together.
    "together": MixtureRecipe("together", (*PROCESSES, ROUGH_ARD), NETWORKS, floor=0.5),
    # Written after the list was run, so its figures are optimistic: the two that gained most, on either source.
    "ranks-encoded": MixtureRecipe("ranks-encoded", ENCODED, NETWORKS, floor=0.2),
    # The same with ranks among the rows that train, as an engine would have to take them.
    "ranks-encoded-in-fold": MixtureRecipe("ranks-encoded-in-fold", ENCODED, NETWORKS, floor=0.2),
    # The third list. Ranks gained on both sources and were behind on five other tables, where many columns have two
    # values, whose distance ranks shrank. Half-way to ranks of variance one, for all learners:
    "warped": MixtureRecipe("warped", SEARCHED_BY_BFGS, NETWORKS, floor=0.2),
    # the whole way, since half may be half of the gain;
    "warped-whole": MixtureRecipe("warped-whole", SEARCHED_BY_BFGS, NETWORKS, floor=0.2),
    # half-way, and processes see encodings too, as what had the best density;
    "warped-encoded": MixtureRecipe("warped-encoded", ENCODED_BY_BFGS, NETWORKS, floor=0.2),
    # the networks alone, and the processes alone: each family may err in its own way;
    "warped-networks": MixtureRecipe("warped-networks", SEARCHED_BY_BFGS, NETWORKS, floor=0.2),
    "warped-processes": MixtureRecipe("warped-processes", SEARCHED_BY_BFGS, NETWORKS, floor=0.2),
    # the default and one warped process with encodings as a fourth, so that the data choose;
    "warped-fourth": MixtureRecipe(
        "warped-fourth", (*SEARCHED_BY_BFGS, replace(ENCODED_BY_BFGS[2], name="gp_warped")), NETWORKS, floor=0.2
    ),
    # a power for each feature in place of ranks, which is smooth and goes on outside of what was seen;
    "powers": MixtureRecipe("powers", SEARCHED_BY_BFGS, NETWORKS, floor=0.2),
    # half-way to ranks, and weights by squared error in place of density, since R2 is judged.
    "warped-squared": MixtureRecipe("warped-squared", SEARCHED_BY_BFGS, NETWORKS, floor=0.2),
    # Written after that list was run, so figures are optimistic. Normal scores stretch the ends of a feature that an
    # experiment's plan spaced evenly, which cost on other tables; quantiles leave it as it is.
    **{
        name: MixtureRecipe(name, SEARCHED_BY_BFGS, NETWORKS, floor=0.2)
        for name in (
            *("quantiles", "quantiles-whole", "quantiles-processes", "quantiles-whole-processes"),
            # beyond the ends, ranks stay where they are, and so would a process' doubt: these go on as the feature does
            *("warped-whole-processes", "warped-open-processes", "warped-open-half-processes"),
            "warped-open-but-one",  # and one process sees features as they are, so that the data choose
        )
    },
}
#: What stands in for the scaling of a candidate, and which of its learners see warped features where not all do.
SCALINGS: dict[str, Callable[[Tensor, Tensor, Tensor], Scaling]] = {
    "ranks-encoded-in-fold": RankScaling.of,
    "warped": HALF_RANKS,
    "warped-whole": WarpedScaling.by(by_ranks(1.0)),
    "warped-encoded": HALF_RANKS,
    "warped-networks": BOTH,
    "warped-processes": BOTH,
    "warped-fourth": BOTH,
    "powers": WarpedScaling.by(by_power),
    "warped-squared": HALF_RANKS,
    "quantiles": WarpedScaling.by(by_ranks(0.5, normal=False)),
    "quantiles-whole": WarpedScaling.by(by_ranks(1.0, normal=False)),
    "quantiles-processes": BothScaling.by(by_ranks(0.5, normal=False)),
    "quantiles-whole-processes": BothScaling.by(by_ranks(1.0, normal=False)),
    "warped-whole-processes": BothScaling.by(by_ranks(1.0)),
    "warped-open-processes": BothScaling.by(by_ranks(1.0, goes_on=True)),
    "warped-open-but-one": BothScaling.by(by_ranks(1.0, goes_on=True)),
    "warped-open-half-processes": BothScaling.by(by_ranks(0.5, goes_on=True)),
}
SEES_WARPED: dict[str, Callable[[KernelSpec | None], bool]] = {
    "warped-networks": lambda kernel: kernel is None,
    **{name: lambda kernel: kernel is not None for name in SCALINGS if name.endswith("processes")},
    "warped-fourth": lambda kernel: isinstance(kernel, EncodedSpec),
    "warped-open-but-one": lambda kernel: kernel is not None and kernel.name != ISOTROPIC.name,
}
#: Position of the radius and the dipole among the ten descriptors.
RADIUS, DIPOLE = DEFAULT_DESCRIPTORS.names.index("radius_angstrom"), DEFAULT_DESCRIPTORS.names.index("dipole_debye")


def _charge(features: Array, columns: dict[str, Array], descriptors: Array) -> Array:
    del descriptors
    return np.column_stack([features, columns["charge"]])


def _charge_density(features: Array, columns: dict[str, Array], descriptors: Array) -> Array:
    radius = descriptors[:, RADIUS]
    return np.column_stack([features, columns["charge"] / radius**3, descriptors[:, DIPOLE] / radius])


def _half_ranks(features: Array, columns: dict[str, Array], descriptors: Array) -> Array:
    del columns, descriptors
    scores = norm.ppf((rankdata(features, axis=0) - 0.5) / len(features))
    return 0.5 * (scores + (features - features.mean(0)) / features.std(0))


#: Features of a candidate, of the eight, further columns by name and the ten descriptors; where they are others.
FEATURES: dict[str, Callable[[Array, dict[str, Array], Array], Array]] = {
    "charge": _charge,
    "together": _charge,
    "charge-density": _charge_density,
    "ranks": _half_ranks,
    "ranks-encoded": _half_ranks,
}


def main() -> None:
    """Prints a row for every candidate and source: means over seeds, and differences to what they stand beside."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=[])
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 1, 2, 3, 4])
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=["published", "xtb"])
    parser.add_argument("--beside", default="spinscreen", help=f"spinscreen, {DEFAULT_SURROGATE} or another that ships")
    parser.add_argument("--by-source", action="store_true", help="differences to the first source, not to --beside")
    parser.add_argument("--small", action="store_true", help="learn small tables that nobody here filled")
    asked = parser.parse_args()
    before = asked.beside
    names = asked.names or list(CANDIDATES)
    if asked.small:
        learn(public_tables(), [before, *names], asked.seeds, _learnt)
        return
    print("| candidate | descriptors | R2 | NLPD | 90% holds | squared error saved | log density gained | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    first: dict[str, list[tuple[Validation, float]]] = {}
    for source in asked.sources:
        rows, features, _, columns, descriptors = table(source)
        training = TrainingRows.of(
            features, rows.log10_rate, rows.noise, rows.groups, compounds=list(rows.table["formula"])
        )
        shipped: list[tuple[Validation, float]] = []
        for name in (before, *names):
            rows_of = (
                replace(training, x=FEATURES[name](features, columns, descriptors)) if name in FEATURES else training
            )
            own = [_validated(name, rows_of, seed) for seed in asked.seeds]
            shipped = shipped or own
            _show(name, source, own, first.setdefault(name, own) if asked.by_source else shipped, training)


@contextmanager
def _changed(name: str) -> Iterator[None]:
    """The tree with what a candidate needs."""
    with ExitStack() as changed:
        if name in CANDIDATES:
            changed.enter_context(SURROGATES.including(name, lambda: CANDIDATES[name]))
            changed.enter_context(patch.object(kernels, "_stationary", _stationary))
        if name in SCALINGS:
            changed.enter_context(patch.object(observations, "fit_scaling", SCALINGS[name]))
        if sees := SEES_WARPED.get(name):

            def networks(*given: Any, **named: Any) -> Seeing:
                return Seeing(FIT_NETWORKS, sees(None), *given, **named)

            def process(kernel: KernelSpec, *given: Any, **named: Any) -> Seeing:
                return Seeing(FIT_PROCESSES, sees(kernel), kernel, *given, **named)

            changed.enter_context(patch.object(mixture, "fit_ensembles", networks))
            changed.enter_context(patch.object(mixture, "fit_gaussian_processes", process))
        if name.endswith("squared"):
            changed.enter_context(patch.object(mixture, "_left_out", _equal_errors))
        yield


def _learnt(training: TrainingRows, name: str, seed: int, splits: tuple[str, ...]) -> Validation:
    with _changed(name):
        return cross_validate(training, name, seed, splits=splits)


def _validated(name: str, training: TrainingRows, seed: int) -> tuple[Validation, float]:
    begin = time.process_time()
    with _changed(name):
        validation = cross_validate(training, name, seed)
    return validation, time.process_time() - begin


def _show(
    name: str,
    source: str,
    own: list[tuple[Validation, float]],
    shipped: list[tuple[Validation, float]],
    training: TrainingRows,
) -> None:
    cells = []
    for key, form in (("r2_log", "{:.3f}"), ("nlpd", "{:.3f}"), ("coverage_90", "{:.0%}")):
        means = [np.mean([getattr(v.score_cards[split], key) for v, _ in own]) for split in LEAVE_OUT_SPLITS]
        cells.append(" / ".join(form.format(value) for value in means))
    for number in (_squared, _density):
        differences = [
            paired(
                np.mean([number(v, split) for v, _ in own], 0) - np.mean([number(v, split) for v, _ in shipped], 0),
                training.groups,
            )
            for split in LEAVE_OUT_SPLITS
        ]
        cells.append(" / ".join(f"{mean:+.3f} ± {error:.3f}" for mean, error in differences))
        if number is _squared:
            shares = [(mean / training.y.var(), error / training.y.var()) for mean, error in differences]
            cells[0] += " (" + " / ".join(f"{mean:+.3f} ± {error:.3f}" for mean, error in shares) + ")"
    print(f"| {name} | {source} | {' | '.join(cells)} | {np.mean([seconds for _, seconds in own]):.1f} |", flush=True)


def _of(validation: Validation, split: str) -> pd.DataFrame:
    frame = validation.predictions
    return frame[frame["split"] == split].sort_values("row")


def _squared(validation: Validation, split: str) -> np.ndarray:
    frame = _of(validation, split)
    return -((frame["y"] - frame["mean"]) ** 2).to_numpy()


def _density(validation: Validation, split: str) -> np.ndarray:
    frame = _of(validation, split)
    return log_density((frame["y"] - frame["mean"]).to_numpy(), frame["sd_calibrated"].to_numpy())


if __name__ == "__main__":
    main()
