"""Candidates for the default surrogate, scored on the measured rows with everything fitted inside the fold.

    python -m benchmarks.surrogate_candidates C0 D3 spinscreen [--seeds 42 1] [--sources published xtb]

Prints one row a candidate, source and seed: R2 on log10 rate, rank correlation, share that 90% intervals hold and
NLPD, each leave-one-compound-out / leave-one-spacer-out. Names are the letters of docs/surrogates_candidates.md, the
single choices of docs/surrogates.md (--list), or any surrogate that ships. A network takes a CPU minute or two, the
others seconds. `xtb` computes what the oracle's store does not hold.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from unittest.mock import patch

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from numpy.typing import NDArray

from campaigns.events import EDITIONS, NEWEST
from chemspace.geometry import spacer_shape
from oracle import OracleStore, Protocol, default_store_path, describe
from oracle.descriptors import compound_descriptors
from screening.dataset import SpinDataset, published_descriptors
from screening.features import to_features
from screening.surrogates import TrainingRows, gaussian_process, surrogate_names
from screening.surrogates import gaussian_process as kernels
from screening.surrogates import mixture as joint
from screening.surrogates.ensembles import EnsembleConfig, TreesConfig
from screening.surrogates.gaussian_process import KernelSpec
from screening.surrogates.mixture import ARD, ISOTROPIC, ROUGH, MixtureRecipe, stacking_weights
from screening.surrogates.observations import Folds
from screening.surrogates.registry import SURROGATES
from screening.validation import LEAVE_OUT_SPLITS, Validation, cross_validate

Array = NDArray[np.float64]
#: Standardised features that the product kernel of C5 keeps apart: 1/n stands last.
LAYERS = 7
STUDENT_FREEDOM = 4.0

PLAIN, TIED = ISOTROPIC, ARD
PROCESSES = (PLAIN, ROUGH, TIED)
FIRST_TREES = TreesConfig(members=12, parts=12, thresholds=31)
NETWORKS = EnsembleConfig()


class ForestSpec(KernelSpec):
    """Laplace kernel of the L1 distance, the limit of a Mondrian forest (Balog et al., UAI 2016, arXiv 1606.05241)."""


class AdditiveSpec(KernelSpec):
    """The Matern part is a mean over single features instead of one over all features together."""


class ProductSpec(KernelSpec):
    """C5: Matern over the cation descriptors times Matern over 1/n, a length scale each."""

    def n_lengths(self, d: int) -> int:
        """One for the cations, one for the layers."""
        del d
        return 2


@dataclass(frozen=True)
class Candidate:
    """What is fitted, and on which columns.

    Attributes:
        kernels, networks, trees: as of `MixtureRecipe`. columns: what stands beside the features. raw: without
            logarithms. families: whether credit is shared by families; the first list gave it to each candidate.
        equal: equal weights. student: rows of the processes weighed down by their leave-one-out residual.
    """

    kernels: tuple[KernelSpec, ...] = PROCESSES
    networks: EnsembleConfig | None = NETWORKS
    trees: TreesConfig | None = None
    columns: tuple[str, ...] = ()
    raw: bool = False
    families: bool = False
    equal: bool = False
    student: bool = False


FOREST = ForestSpec("gp_forest", ard=True)
_WITH_FOREST = (*PROCESSES, FOREST)
CANDIDATES = {
    "C0": Candidate(),
    "C1": Candidate(trees=FIRST_TREES),
    "C2": Candidate(_WITH_FOREST),
    "C3": Candidate(_WITH_FOREST, trees=FIRST_TREES),
    "C4": Candidate(_WITH_FOREST, trees=FIRST_TREES, equal=True),
    "C5": Candidate((*_WITH_FOREST, ProductSpec("gp_product")), trees=FIRST_TREES),
    "C6": Candidate(_WITH_FOREST, trees=FIRST_TREES, student=True),
    "C7": Candidate(_WITH_FOREST, trees=FIRST_TREES, columns=("laboratory",)),
    "C8": Candidate(_WITH_FOREST, trees=FIRST_TREES, columns=("spacers",)),
    "C9": Candidate(_WITH_FOREST, trees=FIRST_TREES, columns=("spacers", "length", "section")),
    "C1-trees": Candidate((), None, FIRST_TREES),
    "C2-kernel": Candidate((FOREST,), None),
    "D1": Candidate(networks=None, trees=FIRST_TREES, families=True),
    "D2": Candidate(trees=FIRST_TREES, families=True),
    "D3": Candidate(networks=None, trees=TreesConfig(thresholds=31), families=True),
    "raw": Candidate((PLAIN,), None, raw=True),
    "logarithms": Candidate((PLAIN,), None),
    "charge": Candidate((PLAIN,), None, columns=("charge",)),
    "matern12": Candidate((ROUGH,), None),
    "tied": Candidate((TIED,), None),
    "additive": Candidate((AdditiveSpec("gp_additive"),), None, raw=True),
    "processes": Candidate(networks=None, families=True),
    "12-members": Candidate(networks=EnsembleConfig(members=12), families=True),
}


def main() -> None:
    """Prints the rows asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="name what can be scored and stop")
    parser.add_argument("--seeds", nargs="+", type=int, default=[42])
    parser.add_argument("--sources", nargs="+", choices=("published", "xtb"), default=["published"])
    asked = parser.parse_args()
    known = (*CANDIDATES, *surrogate_names())
    if unknown := set(asked.names) - set(known):
        parser.error(f"nothing is called {', '.join(sorted(unknown))}; --list names what is")
    if asked.list or not asked.names:
        print(" ".join(known))
        return
    print("| candidate | descriptors | seed | R2 | Spearman | 90% holds | NLPD |\n|---|---|---|---|---|---|---|")
    for name in asked.names:
        for source in asked.sources:
            for seed in asked.seeds:
                cards = [validated(name, source, seed).score_cards[split] for split in LEAVE_OUT_SPLITS]
                figures = (
                    " / ".join(f"{value:.2f}" for value in values)
                    for values in zip(*((c.r2_log, c.spearman, c.coverage_90, c.nlpd) for c in cards), strict=True)
                )
                print(f"| {name} | {source} | {seed} | {' | '.join(figures)} |", flush=True)


@cache
def validated(name: str, source: str, seed: int) -> Validation:
    """Out-of-fold predictions of a candidate, or of a surrogate that ships."""
    rows, features, raw, columns, descriptors = table(source)
    candidate = CANDIDATES.get(name)
    if candidate is None:
        if name == "gp_pearson":  # the paper's way: it chooses among all ten
            features = descriptors
        return cross_validate(_training(rows, features), seed=seed, name=name)
    x = np.column_stack([raw if candidate.raw else features, *(columns[each] for each in candidate.columns)])
    recipe = MixtureRecipe(name, candidate.kernels, candidate.networks, candidate.trees)
    with ExitStack() as changed:
        changed.enter_context(SURROGATES.including(name, lambda: recipe))
        changed.enter_context(patch.object(kernels, "_stationary", _stationary))
        changed.enter_context(patch.object(kernels, "_length_mean", _length_mean))
        if not candidate.families:
            weigh: Callable[..., torch.Tensor] = _equal if candidate.equal else _own_credit
            changed.enter_context(patch.object(joint, "stacking_weights", weigh))
        if candidate.student:
            changed.enter_context(patch.object(joint, "fit_gaussian_processes", _student))
        return cross_validate(_training(rows, x), seed=seed, name=name)


def _training(rows: SpinDataset, x: Array) -> TrainingRows:
    return TrainingRows.of(x, rows.log10_rate, rows.noise, rows.groups, compounds=list(rows.table["formula"]))


@cache
def table(source: str) -> tuple[SpinDataset, Array, Array, dict[str, Array], Array]:
    """The rows that train, their features, the same without logarithms, further columns by name, ten descriptors."""
    data = SpinDataset.published()
    keep = np.isin(data.rows["material_id"], data.trainable().rows["material_id"])
    rows = data.subset(keep)
    compounds = [compound for compound in rows.compounds if compound is not None]
    cations = {c.inchikey: c for compound in compounds for c, _ in compound.cation_counts if c.is_organic}
    descriptors = published_descriptors()[1][keep]
    if source != "published":
        edition = EDITIONS[int(source.removeprefix("xtb-edition-"))] if source != "xtb" else EDITIONS[NEWEST]
        with OracleStore(default_store_path()) as store:
            described = describe(list(cations.values()), Protocol(**edition.protocol), store=store, workers=1)
        records = {record.inchikey: record for record in described}
        descriptors = compound_descriptors(compounds, records)[:, : descriptors.shape[1]]
    features = to_features(descriptors)
    raw = features.copy()
    raw[:, [0, 2, 3]] = descriptors[:, [0, 2, 3]]

    def mean(values: dict[str, float]) -> Array:
        """Of the organic cations of each compound, by their amounts."""
        told = []
        for compound in compounds:
            counts = {c.inchikey: float(n) for c, n in compound.cation_counts if c.is_organic}
            told.append(sum(n * values[key] for key, n in counts.items()) / sum(counts.values()))
        return np.array(told)

    shapes = {key: spacer_shape(cation) for key, cation in cations.items()}
    spacers = [0.0 if c.spacer is None else 2.0 / c.spacer.charge / float(c.n_layers or 1) for c in compounds]
    columns = {
        "laboratory": (rows.rows["split"] == "synthesised").to_numpy(float),
        "spacers": np.array(spacers),
        "length": mean({key: shape.length_angstrom for key, shape in shapes.items()}),
        "section": mean({key: shape.cross_section_angstrom2 for key, shape in shapes.items()}),
        "charge": mean({key: float(cation.charge) for key, cation in cations.items()}),
    }
    return rows, features, raw, columns, descriptors


_shipped_stationary, _shipped_length_mean = kernels._stationary, kernels._length_mean


def _length_mean(spec: KernelSpec, d: int) -> float:
    return _shipped_length_mean(spec, 1 if isinstance(spec, AdditiveSpec) else d)


def _stationary(spec: KernelSpec, lengths: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    scale = lengths[..., None, :]
    if isinstance(spec, ForestSpec):
        apart = (a / scale)[..., :, None, :] - (b / scale)[..., None, :, :]
        return torch.exp(-apart.abs().sum(-1) / math.sqrt(a.shape[-1]))
    if isinstance(spec, AdditiveSpec):
        apart = (a / scale)[..., :, None, :] - (b / scale)[..., None, :, :]
        return kernels._matern(spec, apart**2).mean(-1)
    if not isinstance(spec, ProductSpec):
        return _shipped_stationary(spec, lengths, a, b)
    rest = [i for i in range(a.shape[-1]) if i != LAYERS]
    parts = []
    for place, kept in enumerate((rest, [LAYERS])):
        own = lengths[..., None, place : place + 1]
        parts.append(kernels._matern(spec, kernels._squared_distance(a[..., kept] / own, b[..., kept] / own)))
    return parts[0] * parts[1]


def _own_credit(density: torch.Tensor, mask: torch.Tensor, *_: Any) -> torch.Tensor:
    return stacking_weights(density, mask)


def _equal(density: torch.Tensor, *_: Any) -> torch.Tensor:
    return torch.full(density.shape[:2], 1.0 / len(density), dtype=density.dtype)


def _student(spec: Any, folds: Folds, targets: Any = None, device: str = "cpu") -> Any:
    fitted = gaussian_process.fit_gaussian_processes(spec, folds, targets, device)
    for _ in range(2):
        mean, variance = fitted.leave_groups_out(torch.arange(len(folds.y)))
        surprise = (fitted.targets - mean) ** 2 / variance
        weight = ((STUDENT_FREEDOM + surprise) / (STUDENT_FREEDOM + 1.0)).clamp_min(1.0)
        own = fitted.nugget()[:, None] * folds.scaling.y_sd**2 + folds.noise_variance
        weighed = replace(folds, noise_variance=folds.noise_variance + (weight - 1.0) * own)
        fitted = gaussian_process.fit_gaussian_processes(spec, weighed, targets, device)
    return fitted


if __name__ == "__main__":
    main()
