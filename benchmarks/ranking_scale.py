"""Sketched passes over very large spaces: time, memory, what is predicted, and the whole pass timed in the same run.

    python -m benchmarks.ranking_scale --spacers 100000 [--surrogate networks_processes] [--drawn library]

Every space has 945 compounds a spacer (26 cage cations, n = 1 to 5, three metals, three halides); 765 of them differ in
their features. 10^5 spacers make about 10^8 compounds, 10^6 about 10^9. Descriptors are drawn, from the published ones
each times a number near 1 ("near"), or from a normal kernel estimate of their joint distribution ("library"). The whole
pass, and that of release 0.1.0 (its engine of processes and trees, every compound bounded), are extrapolated from a
block of the same space, and said as multiples of the sketched pass; with --whole the former is made, and it is said
how many compounds the sketched list lacks. Descriptors are given, and P(forms) is left out: the spacers are numbers.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import replace

import numpy as np

from benchmarks.ranking_space import space_of
from oracle.descriptors import CationTable
from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features
from screening.ranking import Candidates, PassSettings, rank
from screening.ranking.bounds import PredictionBounds
from screening.ranking.candidates import Pass, SinglePrecision
from screening.surrogate import fit_surrogate
from screening.surrogates import TrainingRows

#: Compounds of a spacer.
PER_SPACER = 945
#: Columns that are drawn as logarithms: mass and polarizability; and as log(1 + D): the dipole.
LOG, LOG1P = [0, 2], 3


def library_like(count: int, seed: int = 1) -> np.ndarray:
    """Descriptors (count, 8) drawn from a normal kernel estimate of the published ones, bandwidth by Scott's rule."""
    _, published = published_descriptors()
    rows = published[np.isfinite(published[:, :8]).all(axis=1), :8]
    rows[:, LOG], rows[:, LOG1P] = np.log(rows[:, LOG]), np.log1p(rows[:, LOG1P])
    rng, width = np.random.default_rng(seed), len(rows) ** (-1.0 / 12.0)
    noise = rng.multivariate_normal(np.zeros(8), np.cov(rows.T), count)
    drawn = rows[rng.integers(len(rows), size=count)] - rows.mean(axis=0) + width * noise
    values = rows.mean(axis=0) + drawn / np.sqrt(1.0 + width**2)
    values[:, LOG], values[:, LOG1P] = np.exp(values[:, LOG]), np.maximum(np.expm1(values[:, LOG1P]), 0.0)
    return values


def published_rows() -> TrainingRows:
    """The published rows with their published descriptors, those that lack one or are bounds left out."""
    data, (_, published) = SpinDataset.published(), published_descriptors()
    x = to_features(published)
    known = np.isfinite(x).all(axis=1) & ~data.censored
    groups = [group for group, keep in zip(data.groups, known, strict=True) if keep]
    return TrainingRows.of(x[known], data.log10_rate[known], groups=groups)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spacers", type=int, default=100_000)
    parser.add_argument("--surrogate", default="networks_ranked_processes")
    parser.add_argument("--drawn", choices=["near", "library"], default="library")
    parser.add_argument("--top", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--whole", action="store_true", help="make the whole pass too and compare")
    asked = parser.parse_args()
    training = published_rows()
    surrogate = fit_surrogate(training, asked.surrogate)
    space, table, cages = space_of(asked.spacers * PER_SPACER, 9)
    if asked.drawn == "library":
        table = CationTable(library_like(len(space.spacers)), table.organic)
    candidates = Candidates(space, table, cages, surrogate, float(training.y.min()))
    print(f"{asked.surrogate}, {len(space):,} compounds of {len(space.spacers):,} spacers, {asked.workers} threads")
    drawn = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    lists, spent = [], []
    for sketched in [True, False] if asked.whole else [True]:
        settings = PassSettings(32768, asked.workers, single_precision=True, sketched=sketched)
        wall, cpu = time.perf_counter(), time.process_time()
        ranking = rank(candidates, asked.top, settings)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        lists.append(ranking.frame["index"].tolist())
        spent.append(cpu)
        predicted = ranking.n_scored - ranking.n_excluded - ranking.n_undescribed - ranking.n_bounded
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{'sketched' if sketched else 'whole'} pass: {cpu:.1f} CPU s, {wall:.1f} s, "
            f"peak {peak:.2f} GB ({drawn:.2f} before it); {predicted:,} predicted whole, "
            f"{ranking.n_missed:.3f} of the top {asked.top} expected to be missing"
        )
    if asked.whole:
        lacks = len(set(lists[1]) - set(lists[0]))
        same = "equal" if lists[0] == lists[1] else "DIFFERENT"
        print(f"the lists are {same}: of the top {asked.top} the sketched one lacks {lacks}")
    first = fit_surrogate(training, "spinscreen")
    for name, one in ((f"every compound predicted by {asked.surrogate}", surrogate), ("the pass of 0.1.0", first)):
        bounds = PredictionBounds.of(one.model)
        work = Pass(replace(candidates, surrogate=one), SinglePrecision(one), bounds, asked.top + 1000, 32768)
        cpu = extrapolated(work)
        print(f"{name}: {cpu:.0f} CPU s, extrapolated from a block, {cpu / spent[0]:.1f} times the sketched pass")


def extrapolated(work: Pass, n_spacers: int = 32) -> float:
    """CPU seconds of a whole pass by the compounds of some spacers, compared with the threshold that it soon has."""
    space = work.candidates.space
    sample = space.take(np.linspace(0, len(space) - 1, n_spacers * PER_SPACER).astype(np.int64))
    value = np.sort(replace(work, bounds=None).block_numbers(sample, -np.inf)[1])[::-1]
    threshold = float(value[work.keep * len(sample) // len(space)])
    block = space.take(np.arange(n_spacers * PER_SPACER))
    cpu = time.process_time()
    work.block_numbers(block, threshold)
    return (time.process_time() - cpu) * len(space) / len(block)


if __name__ == "__main__":
    main()
