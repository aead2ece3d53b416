"""How much of their lists sketched passes lack, beside what they expect to lack.

    python -m benchmarks.ranking_missed [--seeds 0 1] [--largest 30000] [--kept FOLDER]

Spaces of 105 compounds a spacer (26 cage cations, n = 1 to 5). Their spacers are drawn in ways that a sketch may not
like: "library" and "near" as in `benchmarks.ranking_scale`; "cluster": the best few lie together, off all others;
"ridge": along a curve; "alike": within a few thousandths of each other; "corner": the better, the rarer. Of some,
compounds are excluded, cations have prices or partners, P(forms) counts, or the surrogate is another. Each is ranked by
every strategy that rises with the spread, by a sketched and by the whole pass; a pass may lack as many of its list as
it says. `--kept` keeps the whole passes' lists for the next run. Exits 1 where more passes lack something than those
chances allow, to one part in a hundred.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from benchmarks.ranking_scale import library_like, published_rows
from benchmarks.ranking_space import space_of
from chemspace.constraints import AllowedPairs, Constraint, PriceLimit
from oracle.descriptors import CationTable
from screening.dataset import published_descriptors
from screening.feasibility import SpacerTraits, fit_feasibility
from screening.ranking import Candidates, PassSettings, rank
from screening.ranking.candidates import SinglePrecision
from screening.strategies import STRATEGIES
from screening.surrogate import Surrogate, fit_surrogate

Array = NDArray[np.float64]
PER_SPACER = 105
#: How spacers are drawn, and what else there is to a space of the first of these.
SHAPES = ("library", "near", "cluster", "ridge", "alike", "corner")
TWISTS = ("excluded", "prices", "pairs", "forms", "gp", "networks_processes")
#: Spacers of spaces of every shape, of every twist, and of a library and a corner.
EVERY, TWISTED, LARGE = (2_000, 10_000, 30_000), 10_000, (60_000, 120_000, 300_000)
#: Lists, in turn; and the share of the luckier outcomes beyond which more are said to be missing than expected.
TOPS, LEVEL = (100, 1000), 0.01
#: Strategies that rise with the spread.
NAMES = [name for name in ("log_ei", "lcb", "greedy", "max_variance") if STRATEGIES.get(name)().rises_with_sd]


@dataclass(frozen=True)
class Case:
    """One space."""

    shape: str  #: how its spacers are drawn
    twist: str  #: what else there is to it, or nothing
    spacers: int
    seed: int

    def __str__(self) -> str:
        return f"{self.shape}{' ' * bool(self.twist)}{self.twist}, {self.spacers:,} spacers, seed {self.seed}"


def cases(seeds: list[int], largest: int) -> Iterator[Case]:
    """Every space up to a number of spacers; the large ones by the first seed alone."""
    for seed in seeds:
        yield from (Case(shape, "", count, seed) for count in EVERY for shape in SHAPES if count <= largest)
        yield from (Case(SHAPES[0], twist, TWISTED, seed) for twist in TWISTS if largest >= TWISTED)
    yield from (Case(shape, "", count, seeds[0]) for count in LARGE for shape in SHAPES[::5] if count <= largest)


def drawn(case: Case, value: Any) -> Array:
    """Descriptors of the spacers, shape (c, 8); `value` tells what each of some spacers (n, 8) is worth, (n,)."""
    rng = np.random.default_rng(case.seed)
    if case.shape == "corner":
        every = library_like(6 * case.spacers, case.seed)
        rank_of = np.argsort(np.argsort(-value(every))) / len(every)
        rare = np.exp(6.0 * np.minimum(rank_of, 0.5))
        return every[rng.choice(len(every), case.spacers, replace=False, p=rare / rare.sum())]
    usual = library_like(case.spacers, case.seed)
    if case.shape == "near":
        _, published = published_descriptors()
        rows = published[np.isfinite(published[:, :8]).all(axis=1), :8]
        return rows[rng.integers(len(rows), size=case.spacers)] * rng.normal(1.0, 0.05, size=(case.spacers, 8))
    spread = usual.std(axis=0)
    if case.shape == "alike":
        return usual[0] + 0.01 * spread * rng.standard_normal(usual.shape)
    if case.shape == "ridge":
        place = rng.standard_normal((case.spacers, 1))
        turn, bend = rng.standard_normal((2, 8)) * spread
        curve = usual.mean(axis=0) + 0.5 * (place * turn + 0.4 * place**2 * bend)
        beside = curve + 0.03 * spread * rng.standard_normal(usual.shape)
        return np.clip(beside, usual.min(axis=0), usual.max(axis=0))
    if case.shape == "cluster":
        own = rng.choice(case.spacers, max(30, case.spacers // 300), replace=False)
        best = usual[np.argmax(value(usual))]
        usual[own] = best + 0.05 * spread * rng.standard_normal((len(own), 8))
    return usual


def candidates_of(case: Case, fitted: dict[str, Surrogate], best: float) -> Candidates:
    """The candidates of a space, ranked by nothing yet."""
    surrogate = fitted[case.twist if case.twist in fitted else "networks_ranked_processes"]
    space, table, cages = space_of(case.spacers * PER_SPACER)
    plain = Candidates(space, table, cages, surrogate, best, STRATEGIES.get(NAMES[0])())

    def value(descriptors: Array) -> Array:
        small, own, _ = space_of(len(descriptors) * PER_SPACER)
        one = replace(plain, space=small, spacer_table=CationTable(descriptors, own.organic))
        kinds = one.block_features.kinds[0]
        x = one.block_features.features(np.arange(len(descriptors)), np.full(len(descriptors), kinds[len(kinds) // 2]))
        mean, sd = SinglePrecision(surrogate).predict(x)
        return np.asarray(sd - mean)

    rng = np.random.default_rng(case.seed)
    table = CationTable(drawn(case, value), table.organic)
    constraints: tuple[Constraint, ...] = ()
    keys = [spacer.inchikey for spacer in space.spacers] if case.twist in ("prices", "pairs") else []
    if case.twist == "prices":
        prices = [(key, float(price)) for key, price in zip(keys, rng.uniform(0.0, 40.0, len(keys)), strict=True)]
        constraints = (PriceLimit(30.0, (*prices, *((cage.inchikey, 2.0) for cage in space.cages))),)
    if case.twist == "pairs":
        constraints = (AllowedPairs(tuple((key, space.cages[0].inchikey) for key in keys[::3])),)
    feasibility = None
    if case.twist == "forms":
        one = SpacerTraits.of([space.spacers[0]])
        shapes = one.shapes * rng.normal(1.0, 0.3, size=(case.spacers, one.shapes.shape[1]))
        traits = replace(one, shapes=shapes, prints=[*one.prints] * case.spacers)
        feasibility = replace(fit_feasibility(), traits=traits)
    exclude = range(0, len(space), 3) if case.twist == "excluded" else ()
    space = replace(space, constraints=constraints)
    return replace(plain, space=space, spacer_table=table, feasibility=feasibility, exclude=exclude)


class Remembering(SinglePrecision):
    """Predicts no row of a whole pass twice."""

    known: ClassVar[dict[int, tuple[Array, Array]]] = {}

    def predict(self, x: Array, chunk: int | None = None) -> tuple[Array, Array]:
        """As its class."""
        key = hash(x.tobytes())
        if key not in self.known:
            self.known[key] = super().predict(x, chunk)
        return self.known[key]


def whole(candidates: Candidates, top: int) -> NDArray[np.int64]:
    """The list of the whole pass, (top,)."""
    module = sys.modules["screening.ranking.rank"]
    module.SinglePrecision = Remembering  # type: ignore[attr-defined]
    try:
        return rank(candidates, top, PassSettings(single_precision=True)).frame["index"].to_numpy(np.int64)
    finally:
        module.SinglePrecision = SinglePrecision  # type: ignore[attr-defined]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--largest", type=int, default=max(LARGE))
    parser.add_argument("--kept", type=Path, help="folder for the lists of whole passes")
    asked = parser.parse_args()
    training = published_rows()
    fitted = {name: fit_surrogate(training, name) for name in ("networks_ranked_processes", *TWISTS[-2:])}
    sys.modules["screening.ranking.rank"]._BOUNDS_SUFFICE = 0  # type: ignore[attr-defined]
    chances, n_passes, n_lacking, n_lacked, shares = 0.0, 0, 0, 0, list[float]()
    for number, case in enumerate(cases(asked.seeds, asked.largest)):
        Remembering.known = {}
        first = candidates_of(case, fitted, float(training.y.min()))
        first.space.allowed_inner  # noqa: B018  # not in the seconds of the first pass
        said = list[str]()
        for place, name in enumerate(NAMES):
            candidates, top = replace(first, strategy=STRATEGIES.get(name)()), TOPS[(number + place) % 2]
            begin = time.process_time()
            ranking = rank(candidates, top, PassSettings(single_precision=True, sketched=True))
            spent = time.process_time() - begin
            path = asked.kept and asked.kept / f"{case} {name} {top}.npy"
            if path and path.exists():
                right = np.load(path)
            else:
                right = whole(candidates, top)
                if path:
                    np.save(path, right)
            lacked = len(np.setdiff1d(right, ranking.frame["index"]))
            share = 1.0 - (ranking.n_bounded / max(1, ranking.n_scored - ranking.n_excluded))
            shares.append(share)
            chances, n_passes = chances + min(1.0, ranking.n_missed), n_passes + (ranking.n_missed > 0.0)
            n_lacking, n_lacked = n_lacking + (lacked > 0), n_lacked + lacked
            lacks = f", LACKS {lacked} of {top}" if lacked else ""
            said.append(f"{name} {share:.1%} in {spent:.1f} s{lacks}")
        print(f"{case}: predicted by {'; '.join(said)}", flush=True)
    least = float(poisson.sf(n_lacking - 1, chances))
    print(f"{len(shares)} passes, {n_passes} of them by a sketch; median share predicted {np.median(shares):.1%}")
    print(f"{chances:.2f} expected to lack something, {n_lacking} do, {n_lacked} compounds; chance of that {least:.3g}")
    if least < LEVEL:
        raise SystemExit("more are missing than the passes say")


if __name__ == "__main__":
    main()
