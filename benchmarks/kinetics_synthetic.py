"""Bias, coverage, bounds and time of the trace fit on synthetic traces with known lifetimes.

    python -m benchmarks.kinetics_synthetic [--traces 2000] [--seed 20]

Response 0.15 ps, 200 to 400 delays, linear and logarithmic grids. Exits 1 where a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_trace
from campaigns.errors import KineticsError
from campaigns.kinetics import Trace, fit_trace

FWHM = 0.15


@dataclass
class Tally:
    """What came out of many traces."""

    ratio: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    bound: list[bool] = field(default_factory=list)
    wider: list[bool] = field(default_factory=list)
    truth: list[tuple[float, float]] = field(default_factory=list)
    model: list[str] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    refused: int = 0

    def add(self, trace: Trace, lifetime: float, fwhm: float | None, snr: float = 20.0) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            fit = fit_trace(trace, fwhm)
        except KineticsError:
            self.refused += 1
            return
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        self.covered.append(fit.lifetime_low_ps <= lifetime <= fit.lifetime_high_ps)
        self.bound.append(fit.is_upper_bound)
        low, high = fit.systematic_interval_ps or (np.inf, 0.0)
        self.wider.append(self.covered[-1] or low <= lifetime <= high)
        self.truth.append((lifetime, snr))
        self.model.append(fit.model)
        if not fit.is_upper_bound:
            self.ratio.append(fit.lifetime_ps / lifetime)

    def bias(self) -> float:
        return float(np.mean(self.ratio)) - 1.0

    def slices(self) -> str:
        """Coverage of the interval over lifetimes, and over the signal in units of the noise."""
        covered, truth = np.array(self.covered), np.array(self.truth)
        shown = []
        for at, (what, edges) in enumerate(
            (("ps", (0.05, 0.15, 0.5, 2.0, 8.0, 40.0)), ("SNR", (5.0, 10.0, 22.0, 50.0)))
        ):
            for low, high in pairwise(edges):
                part = covered[(truth[:, at] >= low) & (truth[:, at] <= high)]
                shown.append(f"{low:g} to {high:g} {what}: {part.mean():.3f} of {len(part)}" if len(part) else "")
        return "  held, " + "; ".join(filter(None, shown))

    def line(self, name: str) -> str:
        share = f"{self.bias():+.3f} | {np.median(self.ratio) - 1:+.3f}" if self.ratio else "- | -"
        held = " | ".join(f"{np.mean(each):.3f}" for each in (self.covered, self.wider, self.bound))
        return f"| {name} | {share} | {held} | {self.refused} |"


COLUMNS = ("traces", "mean bias", "median bias", "coverage of 95%", "with systematic", "bounds", "refused")
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def draws(
    rng: np.random.Generator, n: int, low: float, high: float, **extra: float
) -> Iterator[tuple[Trace, float, float]]:
    """Traces with lifetimes and SNR 5 to 50 even in logarithm, both grids in turn, time zero within 0.2 ps."""
    for at in range(n):
        lifetime, snr = np.exp(rng.uniform(np.log(low), np.log(high))), np.exp(rng.uniform(np.log(5), np.log(50)))
        yield one(rng, at, float(lifetime), float(snr), **extra), float(lifetime), float(snr)


def one(rng: np.random.Generator, at: int, lifetime: float, snr: float, **extra: float) -> Trace:
    delay = delay_grid(("linear", "log")[at % 2], int(rng.integers(200, 401)), lifetime)
    zero = float(rng.uniform(-0.2, 0.2))
    return synthetic_trace(
        rng, delay, Truth(lifetime_ps=lifetime, snr=snr, irf_fwhm_ps=FWHM, time_zero_ps=zero, **extra)
    )


def coverage(rng: np.random.Generator, n: int) -> list[tuple[str, bool]]:
    print(f"\n{n} traces a row, lifetimes 0.05 to 40 ps, SNR 5 to 50\n\n{HEAD}", flush=True)
    checks = []
    rows: list[tuple[str, float | None, dict[str, float]]] = [
        ("response given", FWHM, {}),
        ("response fitted", None, {}),
        ("given, offset 1%", FWHM, {"offset": 0.01}),
        ("given, offset 5%", FWHM, {"offset": 0.05}),
        ("given, plateau 10%", FWHM, {"plateau": 0.1}),
    ]
    for name, fwhm, extra in rows:
        tally = Tally()
        for trace, lifetime, snr in draws(rng, n if not extra else n // 4, 0.05, 40.0, **extra):
            tally.add(trace, lifetime, fwhm, snr)
        print(tally.line(name), flush=True)
        if not extra:
            print(tally.slices(), flush=True)
            checks.append((f"{name}: coverage within 0.94 to 0.96", 0.94 <= float(np.mean(tally.covered)) <= 0.96))
            checks.append((f"{name}: mean CPU time at most 50 ms", float(np.mean(tally.cpu)) <= 0.05))
            print_time(name, tally)
    return checks


def print_time(name: str, tally: Tally) -> None:
    for what, values in (("wall", tally.wall), ("CPU", tally.cpu)):
        ms = 1e3 * np.array(values)
        print(
            f"  {name}, {what} a trace: mean {ms.mean():.1f} ms, median {np.median(ms):.1f} ms, "
            f"95% {np.quantile(ms, 0.95):.1f} ms, largest {ms.max():.1f} ms; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
    plain = np.mean([model == "exponential" for model in tally.model])
    print(f"  {name}: plain exponential named in {plain:.3f} of the traces", flush=True)


def bias(rng: np.random.Generator, n: int) -> list[tuple[str, bool]]:
    print(f"\n{n} traces a row, SNR 20\n\n{HEAD}", flush=True)
    checks = []
    for lifetime in (0.12, 0.2, 0.5, 1.5, 5.0, 15.0, 40.0):
        for name, fwhm in (("given", FWHM), ("fitted", None)):
            tally = Tally()
            for at in range(n):
                tally.add(one(rng, at, lifetime, 20.0), lifetime, fwhm)
            print(tally.line(f"{lifetime} ps, response {name}"), flush=True)
            checks.append((f"{lifetime} ps, response {name}: bias under 5%", abs(tally.bias()) < 0.05))
    return checks


def bounds(rng: np.random.Generator, n: int) -> list[tuple[str, bool]]:
    print(f"\n{n} traces a row, lifetimes below a third of the response (0.005 to 0.05 ps), SNR 5 to 50\n\n{HEAD}")
    checks = []
    for name, fwhm in (("response given", FWHM), ("response fitted", None)):
        tally = Tally()
        for trace, lifetime, _ in draws(rng, n, 0.005, 0.05):
            tally.add(trace, lifetime, fwhm)
        print(tally.line(name), flush=True)
        checks.append((f"{name}: a bound in at least 95%", float(np.mean(tally.bound)) >= 0.95))
    for snr in (5.0, 20.0, 50.0):
        tally = Tally()
        for at in range(n // 2):
            tally.add(one(rng, at, FWHM / 3.0, snr), FWHM / 3.0, FWHM)
        print(tally.line(f"exactly a third, response given, SNR {snr:g}"), flush=True)
    return checks


def noise(rng: np.random.Generator, n: int) -> list[tuple[str, bool]]:
    tally = Tally()
    for at in range(n):
        delay = delay_grid(("linear", "log")[at % 2], int(rng.integers(200, 401)), float(rng.choice([0.1, 2.0, 40.0])))
        tally.add(Trace.of(delay, difference=rng.normal(size=len(delay))), 1.0, (FWHM, None)[at // 2 % 2])
    print(f"\npure noise: {len(tally.bound)} of {n} traces were given a lifetime", flush=True)
    return [("noise is refused in at least 99%", len(tally.bound) <= 0.01 * n)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    fit_trace(one(rng, 0, 1.0, 20.0), FWHM)
    checks = coverage(rng, options.traces) + bounds(rng, max(options.traces // 4, 20))
    checks += bias(rng, max(options.traces // 20, 20)) + noise(rng, max(options.traces // 4, 20))
    print()
    for name, passed in checks:
        print(f"{'ok  ' if passed else 'MISS'} {name}")
    return 0 if all(passed for _, passed in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
