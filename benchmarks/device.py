"""Whether a CUDA device gives the processor's numbers: largest differences, what is allowed, and times.

    python -m benchmarks.device [--device cuda] [--repeats 2]

For a person with a GPU and a torch built for it; `--device pretend` is the emulated one of the tests, whose seconds say
nothing. Everything that takes a device runs on the processor and there: Gaussian processes (with lifetimes that are
bounds as well) and the network ensemble by leave-one-out, the default of networks and processes by
leave-one-spacer-out, the single-precision pass, and rankings by it. On the processor a ranking leaves out what its
bounds exclude, on a device it predicts everything, and either may begin with a sketch; the lists are compared with that
of double precision. Differences are in log10 of the rate. The exit status is 1 if one is larger than allowed or a list
differs, 2 if the device is not there.

What is allowed is far above what rounding does. With the terms of every matrix product added up in the opposite order
(`tests/pretend_device.py`) the processes move by 1e-10 and the networks by 1e-7; with starting weights moved by 1e-6
of themselves the networks move by 1e-5; single precision moves the default by 3e-6.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from unittest import mock

import numpy as np
import torch

from benchmarks.ranking_space import space_of
from screening.dataset import SpinDataset, published_descriptors
from screening.devices import usable_device
from screening.errors import DeviceError
from screening.features import to_features
from screening.ranking import Candidates, PassSettings, rank
from screening.ranking.candidates import SinglePrecision
from screening.surrogate import Surrogate, fit_surrogate
from screening.surrogates import TrainingRows
from screening.surrogates.registry import get_recipe
from screening.validation import cross_validate

__all__ = ["Check", "main"]

#: Largest difference allowed in double precision, of networks, and of single precision, log10 of the rate.
DOUBLE, NETWORKS, SINGLE = 1e-6, 1e-3, 1e-4
#: Rows that the single-precision pass predicts, and compounds of the ranked space.
PASS_ROWS, COMPOUNDS = 20_000, 20_000

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Check:
    """One comparison.

    Attributes:
        name: of what ran.
        here, there: seconds on the processor and on the device, the best of the repeats.
        mean, sd: largest absolute difference of the means and of the standard deviations, log10 of the rate.
        allowed: of either.
    """

    name: str
    here: float
    there: float
    mean: float
    sd: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether both differences are numbers and within what is allowed."""
        return self.mean <= self.allowed and self.sd <= self.allowed

    def __str__(self) -> str:
        verdict = "ok" if self.holds else "TOO FAR"
        return (
            f"{self.name:34s} {self.mean:9.1e} {self.sd:9.1e} {self.allowed:9.0e}  {verdict:7s} "
            f"{self.here:8.2f} {self.there:8.2f}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.device", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", help="cuda (the default), cuda:1, pretend, or cpu to try it out")
    parser.add_argument("--rows", type=int, default=1000, help="published rows to learn from, all of them by default")
    parser.add_argument("--repeats", type=int, default=2, help="runs of each, of which the quickest counts")
    asked = parser.parse_args(arguments)
    with ExitStack() as stack:
        if asked.device == "pretend":
            from tests.pretend_device import pretend_device

            stack.enter_context(pretend_device())
            stack.enter_context(mock.patch.object(torch.cuda, "get_device_name", return_value="a pretend device"))
            asked.device = "cuda"
        return _run(asked)


def _run(asked: argparse.Namespace) -> int:
    try:
        device = usable_device(asked.device)
    except DeviceError as error:
        print(error, file=sys.stderr)
        return 2
    card = torch.cuda.get_device_name(device) if device != "cpu" else "the processor itself"
    print(f"torch {torch.__version__}, {device}: {card}")
    print(f"{'':34s} {'mean':>9s} {'sd':>9s} {'allowed':>9s}  {'':7s} {'cpu / s':>8s} {device + ' / s':>8s}")
    problem = _published(asked.rows)
    surrogate = fit_surrogate(problem)
    told = []
    for name, allowed, work in _jobs(problem, surrogate):
        told.append(_compare(name, allowed, work, device, asked.repeats))
        print(told[-1], flush=True)
    same = [_same_ranking(surrogate, float(problem.y.min()), device, sketched) for sketched in (False, True)]
    return 0 if all(same) and all(check.holds for check in told) else 1


def _jobs(problem: TrainingRows, surrogate: Surrogate) -> list[tuple[str, float, Callable[[str], Pair]]]:
    """What is compared: a name, what is allowed, and the work on a device."""
    folds = ~np.eye(problem.n_rows, dtype=bool)
    bounds = TrainingRows.of(problem.x, problem.y, censored=np.arange(problem.n_rows) % 7 == 3)
    points = np.random.default_rng(0).normal(problem.x.mean(0), problem.x.std(0), (PASS_ROWS, problem.x.shape[1]))

    def fitted(name: str, own: TrainingRows) -> Callable[[str], Pair]:
        def work(device: str) -> Pair:
            mean, variance = get_recipe(name, device).fit(own, folds, 0).predict(own.x)
            return mean, np.sqrt(variance)

        return work

    def validated(device: str) -> Pair:
        told = cross_validate(problem, splits=("leave_one_spacer_out",), device=device).predictions
        return told["mean"].to_numpy(), told["sd_calibrated"].to_numpy()

    return [
        ("process, one length scale", DOUBLE, fitted("gp", problem)),
        ("process, Matern 1/2", DOUBLE, fitted("gp_rough", problem)),
        ("process, a length scale a feature", DOUBLE, fitted("gp_ard", problem)),
        ("process, a seventh of rows bounds", DOUBLE, fitted("gp", bounds)),
        ("network ensemble", NETWORKS, fitted("ensemble", problem)),
        ("the default, spacers left out", NETWORKS, validated),
        ("single-precision pass", SINGLE, lambda device: SinglePrecision(surrogate, device).predict(points)),
    ]


def _compare(name: str, allowed: float, work: Callable[[str], Pair], device: str, repeats: int) -> Check:
    here, here_s = _best(work, "cpu", repeats)
    there, there_s = _best(work, device, repeats)
    mean, sd = (float(np.abs(a - b).max()) for a, b in zip(here, there, strict=True))
    return Check(name, here_s, there_s, mean, sd, allowed)


def _best(work: Callable[[str], Pair], device: str, repeats: int) -> tuple[Pair, float]:
    """Result of the work, and the wall seconds of its quickest run; results come back to the processor within it."""
    spent = []
    for _ in range(max(1, repeats)):
        begin = time.perf_counter()
        told = work(device)
        spent.append(time.perf_counter() - begin)
    return told, min(spent)


def _same_ranking(surrogate: Surrogate, best: float, device: str, sketched: bool) -> bool:
    """Whether the top 100 by the pass on the processor and on the device are those of double precision."""
    candidates = Candidates(*space_of(COMPOUNDS), surrogate, best)
    wanted, lists, spent = rank(candidates, 100).frame["index"].tolist(), [], []
    for place in ("cpu", device):
        begin = time.perf_counter()
        settings = PassSettings(workers=1, single_precision=True, device=place, sketched=sketched)
        lists.append(rank(candidates, 100, settings).frame["index"].tolist())
        spent.append(f"{time.perf_counter() - begin:8.2f}")
    told = "the same list" if lists == [wanted, wanted] else "ANOTHER LIST"
    name = f"{COMPOUNDS:,} compounds{', sketched' if sketched else ', bounds'}"
    print(f"{name:34s} {told:39s} {' '.join(spent)}", flush=True)
    return lists == [wanted, wanted]


def _published(most: int) -> TrainingRows:
    """The published rows that train, at most so many, evenly spaced, grouped by spacer."""
    data = SpinDataset.published().trainable()
    names, descriptors = published_descriptors()
    x = to_features(descriptors[np.isin(names, data.rows["material_id"])])
    keep = np.linspace(0, len(x) - 1, min(most, len(x))).round().astype(int)
    labels = [data.groups[i] for i in keep]
    return TrainingRows.of(x[keep], data.log10_rate[keep], data.noise[keep], labels)


if __name__ == "__main__":
    sys.exit(main())
