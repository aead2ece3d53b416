"""CPU and wall time and memory of ranking a very large space with the shipped surrogate, in single precision.

    python benchmarks/ranking_space.py 1000000 [--double]
    python benchmarks/ranking_space.py 1000000000 --frameworks 9

The spacers are n-alkylammonium chains of two halves with drawn descriptors: only the number of cations and compounds
matters here. Prints seconds, and seconds for 10^8 at the same rate. With --double the same space is ranked in float64
as well and the top 100 of both are compared. With --frameworks 9 every compound stands there with three metals and
three halides, so that 10^9 compounds need a million spacers and not nine.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from chemspace.cation import Cation, CationColumns
from chemspace.library import CationLibrary
from chemspace.space import CompoundSpace
from oracle.descriptors import CationTable
from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features
from screening.ranking import Candidates, PassSettings, Ranking, rank
from screening.surrogate import Surrogate, fit_surrogate
from screening.surrogates import TrainingRows


def space_of(size: int, frameworks: int = 1) -> tuple[CompoundSpace, CationTable, CationTable]:
    """A space of about `size` compounds and tables of descriptors drawn around the published ones."""
    cages = CationLibrary.builtin().cages
    metals, halides = (("Pb", "Sn", "Ge"), ("I", "Br", "Cl")) if frameworks == 9 else (("Pb",), ("I",))
    slots = frameworks * (1 + 4 * len(cages))
    number = np.arange(-(-size // slots))
    keys = np.tile(np.frombuffer(b"00000000000000-UHFFFAOYSA-O", dtype=np.uint8), (len(number), 1))
    for place in range(14):
        keys[:, 13 - place] += (number // 10**place % 10).astype(np.uint8)
    smiles = np.broadcast_to(np.array(CationLibrary.builtin().spacers[0].smiles), len(number))
    spacers = CationColumns(smiles, np.ones(len(number)), keys.view("S27").ravel())
    rng = np.random.default_rng(0)
    _, published = published_descriptors()
    rows = published[np.isfinite(published[:, :8]).all(axis=1), :8]

    def table(cations: tuple[Cation, ...] | CationColumns) -> CationTable:
        drawn = rows[rng.integers(len(rows), size=len(cations))] * rng.normal(1.0, 0.05, size=(len(cations), 8))
        organic = np.ones(len(cations), bool)
        if not isinstance(cations, CationColumns):
            organic = np.array([cation.is_organic for cation in cations])
        return CationTable(np.where(organic[:, None], drawn, np.nan), organic)

    return CompoundSpace(spacers, cages, (1, 2, 3, 4, 5), metals, halides), table(spacers), table(cages)


def trained() -> tuple[Surrogate, float]:
    """The shipped surrogate on the published rows, and the lowest log10 rate among them."""
    data, (_, published) = SpinDataset.published(), published_descriptors()
    x = to_features(published)
    known = np.isfinite(x).all(axis=1) & ~data.censored
    groups = [group for group, keep in zip(data.groups, known, strict=True) if keep]
    surrogate = fit_surrogate(TrainingRows.of(x[known], data.log10_rate[known], groups=groups))
    return surrogate, float(data.log10_rate[known].min())


def ranked(
    parts: tuple[CompoundSpace, CationTable, CationTable],
    surrogate: Surrogate,
    best: float,
    single: bool,
    workers: int | None = None,
) -> Ranking:
    """The top 100 of a space, its passes in float32 or float64."""
    return rank(Candidates(*parts, surrogate, best), 100, PassSettings(32768, workers, single))


def whole(ranking: Ranking) -> int:
    """Compounds that got a whole prediction."""
    return ranking.n_scored - ranking.n_excluded - ranking.n_undescribed - ranking.n_bounded


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", type=int)
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--workers", type=int, default=None, help="threads; all cores by default")
    parser.add_argument("--frameworks", type=int, choices=[1, 9], default=1, help="metals times halides")
    asked = parser.parse_args()
    surrogate, best = trained()
    parts, tops = space_of(asked.size, asked.frameworks), []
    for single in [True, False] if asked.double else [True]:
        wall, cpu = time.perf_counter(), time.process_time()
        ranking = ranked(parts, surrogate, best, single, asked.workers)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        tops.append(list(ranking.frame["index"]))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        name = "float32 pass" if single else "float64 pass"
        print(f"{name}: {len(parts[0]):,} compounds, {cpu:.1f} CPU s, {wall:.1f} s, peak {peak:.2f} GB", flush=True)
        print(f"  left out by their bound: {ranking.n_bounded:,}, predicted whole: {whole(ranking):,}")
        factor = 1e8 / len(parts[0])
        print(f"  at this rate 10^8 compounds take {cpu * factor:.0f} CPU s, {wall * factor:.0f} s")
    if asked.double:
        print(f"the top 100 are {'equal' if tops[0] == tops[1] else 'DIFFERENT'}")


if __name__ == "__main__":
    main()
