"""What the trace fit makes of faulty measurements: does the interval hold the truth, or is the fault said?

    python -m benchmarks.kinetics_faults [--traces 100] [--faultless 2000] [--seed 7] [--only WORD]
                                          [--response given|fitted] [--write PAGE]

Lifetimes even in logarithm from 0.5 to 20 ps, SNR 8 to 60, 180 delays from -2 ps to eight lifetimes (steps of 0.03 ps,
then even in logarithm), response 0.15 ps, population twice the difference with 200 to 1000 ps, unless a row says more.
"Holds": the interval (`TraceFit.interval_ps`, shown first and kept by a campaign) has the true lifetime, which answers
for an unseen drift, a tail of the response or a second lifetime too. "Kept error": the lifetime is within 1.96 of the
errors that a campaign keeps. "By noise alone": the 95% interval of the noise has it. "Said": a warning that names a
fault, or no single lifetime; in the first row it is a false alarm. "Silent": the interval misses and no warning names a
fault. --write puts the table, and what it comes to, into a page between its marks.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic_traces import exponential_response, oscillating_response
from campaigns.errors import KineticsError
from campaigns.kinetics import Trace, fit_trace
from campaigns.kinetics.model import FWHM_PER_SIGMA, RESPONSES

Array = NDArray[np.float64]
FWHM = 0.15
#: Decay of the response's tail, ps.
TAIL_PS = 0.3


@dataclass(frozen=True)
class Crystal:
    """One measurement without noise: a spin decay, a population, a response, and what the optics add."""

    lifetime_ps: float
    snr: float
    population_ps: float
    delay_ps: Array = field(repr=False)
    shape: str = "gaussian"
    tail: float = 0.0
    spin: Callable[[Crystal, Array], Array] | None = None
    cc_zero_ps: float = 0.0
    cc_share: float = 1.0
    mixed: float = 0.0
    in_sc: Callable[[Crystal, np.random.Generator], Array] | None = None
    zero_ps: float | Array = 0.0
    noise: Callable[[Crystal, np.random.Generator], Array] | None = None

    def decay(self, lifetime_ps: float, zero_ps: float = 0.0) -> Array:
        """An exponential through the response, shape (t,)."""
        at, parts = self.delay_ps - self.zero_ps, RESPONSES[self.shape]

        def gaussian(tau: float) -> Array:
            return np.sum([w * exponential_response(at, zero_ps, tau, s * FWHM) for w, s in parts], axis=0)

        if not self.tail:
            return gaussian(lifetime_ps)
        late = (lifetime_ps * gaussian(lifetime_ps) - TAIL_PS * gaussian(TAIL_PS)) / (lifetime_ps - TAIL_PS)
        return (1.0 - self.tail) * gaussian(lifetime_ps) + self.tail * late

    def difference(self, zero_ps: float = 0.0) -> Array:
        """The spin's part of SC - CC before any fault of the optics, shape (t,), about one high."""
        if self.spin is not None:
            return self.spin(self, self.delay_ps - zero_ps - self.zero_ps)
        return self.decay(self.lifetime_ps, zero_ps)

    def measure(self, rng: np.random.Generator) -> Trace:
        """SC and CC with noise."""
        sc = 2.0 * self.decay(self.population_ps) + 0.5 * self.difference()
        cc = 2.0 * self.decay(self.population_ps, self.cc_zero_ps) - 0.5 * self.difference(self.cc_zero_ps)
        sc, cc = (1.0 - self.mixed) * sc + self.mixed * cc, (1.0 - self.mixed) * cc + self.mixed * sc
        noise = rng.normal(scale=2.0**-0.5 / self.snr, size=(2, len(sc)))
        if self.noise is not None:
            noise = self.noise(self, rng) * 2.0**-0.5 / self.snr
        sc, cc = sc + noise[0], self.cc_share * cc + noise[1]
        return Trace.of(self.delay_ps, sc=sc if self.in_sc is None else sc + self.in_sc(self, rng), cc=cc)


def drawn(rng: np.random.Generator, low: float = 0.5, high: float = 20.0, snr: float = 8.0) -> Crystal:
    """A crystal without a fault."""
    lifetime, noise = (float(np.exp(rng.uniform(*np.log(limits)))) for limits in ((low, high), (snr, 60.0)))
    early = np.arange(-2.0, 0.7, 0.03)
    delay = np.concatenate([early, np.geomspace(0.7, max(4.0, 8.0 * lifetime), 180 - len(early))])
    return Crystal(lifetime, noise, float(rng.uniform(200.0, 1000.0)), delay)


Fault = Callable[[Crystal, np.random.Generator], Crystal]


def same(**changed: object) -> Fault:
    """Every crystal with these fields."""
    return lambda crystal, _: replace(crystal, **changed)  # type: ignore[arg-type]


def over_scan(crystal: Crystal) -> Array:
    """How much of the scan is over at each delay, 0 to 1."""
    return np.linspace(0.0, 1.0, len(crystal.delay_ps))


def louder(factor: Callable[[Crystal], Array]) -> Fault:
    """Noise so many times as strong at each delay."""
    return same(noise=lambda crystal, rng: rng.normal(size=(2, len(crystal.delay_ps))) * factor(crystal))


def two(share: float, ratio: float) -> Fault:
    """A second exponential: its share of the height, its lifetime over the first's."""

    def spin(crystal: Crystal, at: Array) -> Array:
        sigma = FWHM / FWHM_PER_SIGMA
        fast = exponential_response(at, 0.0, crystal.lifetime_ps, sigma)
        return (1.0 - abs(share)) * fast + share * exponential_response(at, 0.0, ratio * crystal.lifetime_ps, sigma)

    return lambda crystal, _: replace(crystal, spin=spin)


def rise(crystal: Crystal, _: np.random.Generator) -> Crystal:
    """Half of the signal rises with a fifth of the lifetime."""

    def spin(crystal: Crystal, at: Array) -> Array:
        sigma = FWHM / FWHM_PER_SIGMA
        late = exponential_response(at, 0.0, 0.2 * crystal.lifetime_ps, sigma)
        return exponential_response(at, 0.0, crystal.lifetime_ps, sigma) - 0.5 * late

    return replace(crystal, spin=spin)


def beat(periods: float) -> Fault:
    """A damped cosine with a period of so many lifetimes."""

    def spin(crystal: Crystal, at: Array) -> Array:
        tau = crystal.lifetime_ps
        return oscillating_response(at, 0.0, tau, periods * tau, FWHM / FWHM_PER_SIGMA)[0]

    return lambda crystal, _: replace(crystal, spin=spin)


def spike(height: float, derivative: bool = False) -> Fault:
    """A coherent artefact of the response's width in SC, in units of the difference."""

    def added(crystal: Crystal, _: np.random.Generator) -> Array:
        x = crystal.delay_ps / (FWHM / FWHM_PER_SIGMA)
        return height * np.exp(-0.5 * x * x) * (1.0 - x * x if derivative else 1.0)

    return lambda crystal, _: replace(crystal, in_sc=added)


def glitches(size: float, number: int = 1) -> Fault:
    """Single bad points in SC, at random delays."""

    def added(crystal: Crystal, rng: np.random.Generator) -> Array:
        bad = np.zeros(len(crystal.delay_ps))
        bad[rng.choice(len(bad), number, replace=False)] = size * rng.choice([-1.0, 1.0], number)
        return bad

    return lambda crystal, _: replace(crystal, in_sc=added)


def drift(crystal: Crystal, rng: np.random.Generator) -> Array:
    """1/f noise as strong as the white one."""
    n = len(crystal.delay_ps)
    spectrum = np.fft.rfft(rng.normal(size=n)) / np.sqrt(np.maximum(np.arange(n // 2 + 1), 1.0))
    noise = np.fft.irfft(spectrum, n)
    return noise / noise.std() / crystal.snr


def unequal(share: float, population_ps: float | None = None) -> Fault:
    """CC measured with another pump power, and a population of that lifetime."""
    return lambda crystal, _: replace(
        crystal, cc_share=share, population_ps=population_ps or crystal.population_ps, cc_zero_ps=0.0
    )


FAULTS: dict[str, Fault] = {
    "none": lambda crystal, _: crystal,
    "polarisation mixed 10%": same(mixed=0.1),
    "time zero 0.3 ps later": same(zero_ps=0.3),
    "time zero drifts by 0.05 ps": lambda crystal, _: replace(crystal, zero_ps=0.05 * over_scan(crystal)),
    "time zero drifts by 0.3 ps": lambda crystal, _: replace(crystal, zero_ps=0.3 * over_scan(crystal)),
    "baseline drifts by 10%": same(in_sc=lambda crystal, _: 0.1 * over_scan(crystal)),
    "baseline drifts by 30%": same(in_sc=lambda crystal, _: 0.3 * over_scan(crystal)),
    "noise grows with the signal": louder(lambda crystal: 1.0 + 3.0 * crystal.difference()),
    "noise x 4 early": louder(lambda crystal: np.where(over_scan(crystal) < 0.5, 4.0, 1.0)),
    "noise x 4 late": louder(lambda crystal: np.where(over_scan(crystal) < 0.5, 1.0, 4.0)),
    "Student noise, 2.5 degrees": same(
        noise=lambda crystal, rng: rng.standard_t(2.5, size=(2, len(crystal.delay_ps))) / 5.0**0.5
    ),
    "plateau 10%": same(in_sc=lambda crystal, _: 0.1 * crystal.decay(1e9)),
    "offset 5%": same(in_sc=lambda crystal, _: np.full(len(crystal.delay_ps), 0.05)),
    "20% of the response in a tail of 0.3 ps": same(tail=0.2),
    "one bad point, 2x": glitches(2.0),
    "one bad point, 5x": glitches(5.0),
    "one bad point, 10x": glitches(10.0),
    "one bad point, 20x": glitches(20.0),
    "three bad points, 1.5x": glitches(1.5, 3),
    "CC x 0.97, population 500 ps": unequal(0.97, 500.0),
    "CC x 0.9, population 500 ps": unequal(0.9, 500.0),
    "CC x 1.1, population 500 ps": unequal(1.1, 500.0),
    "CC x 0.9, population 50 ps": unequal(0.9, 50.0),
    "CC x 1.1, population 50 ps": unequal(1.1, 50.0),
    "CC x 0.9, population 20 ps": unequal(0.9, 20.0),
    "beat, period 4 lifetimes": beat(4.0),
    "beat, period 2 lifetimes": beat(2.0),
    "beat, period 1 lifetime": beat(1.0),
    "beat, period 0.5 lifetimes": beat(0.5),
    "sech2 response": same(shape="sech2"),
    "delayed rise": rise,
    "spike +0.5": spike(0.5),
    "spike +2": spike(2.0),
    "spike -2": spike(-2.0),
    "spike with side lobes, 1": spike(1.0, derivative=True),
    "biexponential, 20% at 5 lifetimes": two(0.2, 5.0),
    "biexponential, 50% at 3 lifetimes": two(0.5, 3.0),
    "biexponential, 50% at 10 lifetimes": two(0.5, 10.0),
    "1/f noise": lambda crystal, _: replace(crystal, in_sc=drift),
    "zero of CC 0.02 ps later": same(cc_zero_ps=0.02),
    "zero of CC 0.05 ps later": same(cc_zero_ps=0.05),
    "zero of CC 0.1 ps later": same(cc_zero_ps=0.1),
    "zero of CC 0.3 ps later": same(cc_zero_ps=0.3),
}
#: Near the response: given so many times as wide as it is, and what else is wrong.
NEAR: dict[str, tuple[float, Fault]] = {
    "0.06 to 0.12 ps, response right": (1.0, same()),
    "0.06 to 0.12 ps, response 10% too narrow": (0.9, same()),
    "0.06 to 0.12 ps, response 10% too wide": (1.1, same()),
    "0.06 to 0.12 ps, response 20% too narrow": (0.8, same()),
    "0.06 to 0.12 ps, sech2": (1.0, same(shape="sech2")),
    "0.06 to 0.12 ps, zero of CC 0.01 ps later": (1.0, same(cc_zero_ps=0.01)),
    "0.06 to 0.12 ps, zero of CC 0.02 ps later": (1.0, same(cc_zero_ps=0.02)),
    "0.06 to 0.12 ps, spike +0.3": (1.0, spike(0.3)),
}


@dataclass
class Tally:
    """What came of one row."""

    error: list[float] = field(default_factory=list)
    holds: list[bool] = field(default_factory=list)
    kept: list[bool] = field(default_factory=list)
    alone: list[bool] = field(default_factory=list)
    said: list[bool] = field(default_factory=list)
    bound: list[bool] = field(default_factory=list)
    width: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, trace: Trace, lifetime: float, fwhm: float | None) -> None:
        start = time.process_time()
        try:
            fit = fit_trace(trace, fwhm)
        except KineticsError:
            for column, is_so in zip((self.holds, self.kept, self.alone, self.said, self.bound), _REFUSED, strict=True):
                column.append(is_so)
            return
        finally:
            self.cpu.append(time.process_time() - start)
        low, high = fit.interval_ps
        holds, off = low <= lifetime <= high, float(np.log(fit.lifetime_ps / lifetime))
        self.holds.append(holds)
        self.kept.append(holds if fit.error_ps is None else abs(off) <= 1.96 * fit.error_ps / fit.lifetime_ps)
        self.alone.append(fit.lifetime_low_ps <= lifetime <= fit.lifetime_high_ps)
        self.said.append(bool(fit.warnings))
        self.bound.append(fit.is_upper_bound and not holds)
        if not fit.is_upper_bound:
            self.error.append(fit.lifetime_ps / lifetime - 1.0)
            self.width.append(float(np.log(high / low)))

    def shares(self) -> dict[str, float]:
        """Percentages of the columns of the table."""
        holds, kept, alone, said = (np.array(each) for each in (self.holds, self.kept, self.alone, self.said))
        parts = (holds, holds | said, kept, alone, ~holds & ~said, said, np.array(self.bound))
        return dict(zip(SHARES, (100.0 * float(np.mean(part)) for part in parts), strict=True))

    def line(self) -> str:
        """The cells of a row."""
        bias = f"{100 * np.median(self.error):+.1f}" if self.error else "-"
        width = f"{100 * np.median(self.width):.1f}" if self.width else "-"
        shares = " | ".join(f"{share:.3g}" for share in self.shares().values())
        return f"{bias} | {shares} | {width} | {1e3 * np.mean(self.cpu):.0f}"


#: A refused trace: nothing holds, its fault is said, and it is no false bound.
_REFUSED = (False, False, False, True, False)
SHARES = ("holds %", "holds or said %", "kept error %", "by noise alone %", "silent %", "said %", "false bounds %")
COLUMNS = ("fault", "response", "median bias %", *SHARES, "width of the interval %", "CPU ms")


def what_it_comes_to(tallies: dict[tuple[str, str], Tally], seed: int) -> str:
    """The table in words: how many rows reach what the trace fit is held to."""
    shares = {row: tally.shares() for row, tally in tallies.items()}
    whole, n = [share for (name, _), share in shares.items() if not name.startswith("beat")], len(shares)
    single = sum(share["holds %"] >= 90.0 for share in whole)
    kept = sum(share["kept error %"] >= 90.0 for share in whole)
    reached = sum(share["holds or said %"] >= 90.0 for share in shares.values())
    few = [row for row, share in shares.items() if share["holds or said %"] < 90.0]
    lacking = f" (not in {'; '.join(f'{name}, {response}' for name, response in few)})" if few else ""
    silent, bounds = (
        sum(share[column] <= most for share in shares.values())
        for column, most in (("silent %", 5.0), ("false bounds %", 2.0))
    )
    right = [share for (name, _), share in shares.items() if name == "none"]
    alarms = " and ".join(
        f"{share['by noise alone %']:.1f}% held by the 95% interval of the noise, {share['holds %']:.1f}% by the one "
        f"shown, {share['said %']:.1f}% said something of"
        for share in right
    )
    sizes = sorted({len(tally.holds) for tally in tallies.values()})
    run = f"{' or '.join(map(str, sizes))} traces a row of seed {seed}, load {os.getloadavg()[0]:.0f} at the end."
    return (
        f"{run} The interval that is shown and kept has the lifetime, or a fault is said, in at least 90% of the "
        f"traces of {reached} of {n} rows{lacking}. Alone, whatever is said, it has it in at least 90% in {single} of "
        f"the {len(whole)} rows with a lifetime, the error that a campaign keeps in {kept}. At most 5% are silent in "
        f"{silent} of {n} rows, at most 2% are false bounds in {bounds}. Traces without a fault, response given and "
        f"fitted: {alarms or 'not run'}."
    )


def rows(only: str) -> Iterator[tuple[str, Fault, float, bool]]:
    """Name, fault, factor of the given width and whether the lifetimes are near the response."""
    for name, fault in FAULTS.items():
        if only in name:
            yield name, fault, 1.0, False
    for name, (factor, fault) in NEAR.items():
        if only in name:
            yield name, fault, factor, True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=100)
    parser.add_argument("--faultless", type=int, default=2000, help="traces of the rows without a fault")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--response", choices=("given", "fitted"))
    parser.add_argument("--write", type=Path, metavar="PAGE")
    options = parser.parse_args()
    head = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"
    print(head)
    tallies: dict[tuple[str, str], Tally] = {}
    for name, fault, factor, near in rows(options.only):
        for response in (options.response,) if options.response else ("given", "fitted"):
            rng, tally = np.random.default_rng(options.seed), Tally()
            for _ in range(options.faultless if name == "none" else options.traces):
                crystal = fault(drawn(rng, 0.06, 0.12, 15.0) if near else drawn(rng), rng)
                tally.add(crystal.measure(rng), crystal.lifetime_ps, factor * FWHM if response == "given" else None)
            tallies[name, response] = tally
            print(f"| {name} | {response} | {tally.line()} |", flush=True)
    words = what_it_comes_to(tallies, options.seed)
    print(f"\n{words}")
    if options.write is not None:
        table = "\n".join([head, *(f"| {' | '.join(row)} | {tally.line()} |" for row, tally in tallies.items())])
        before, mark, rest = options.write.read_text(encoding="utf-8").partition("<!-- faults -->\n")
        after = rest.partition("<!-- /faults -->")[1:]
        options.write.write_text(f"{before}{mark}{words}\n\n{table}\n{''.join(after)}", encoding="utf-8")


if __name__ == "__main__":
    main()
