"""Speed and memory of chemspace: walking, formulas, libraries, virtual spacers. Prints one line a number.

    python -m benchmarks.chemspace_numbers [--repeat 3] [--spacers 1000000] [--workers 2]

CPU seconds (user + system, children included) and wall seconds are both printed, medians over the repeats: on a machine
that others use too, the CPU time is the steadier of the two, and neither is that of an idle machine.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TypeVar

from benchmarks.timing import cpu_seconds
from chemspace import Cation, CationLibrary, CompoundSpace, parse_formula
from chemspace.constraints import LayerLimits, OctahedralWindow, PriceLimit, ToleranceWindow
from chemspace.virtual import GenerationReport, VirtualSpacers

T = TypeVar("T")
SUBSTITUENTS = ("", "C", "CC", "F", "Cl", "Br", "OC", "C(F)(F)F", "C#N", "O", "SC", "CCC", "C(C)C", "N(C)C", "I", "CO")
HEADS = ("N", "CN", "CCN", "CCCN", "C(C)N", "CNC", "OCCN", "SCCN", "CCCCN", "C(=N)N", "C(N)CO", "CC(C)(C)N")


def main() -> None:
    """Print every number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--spacers", type=int, default=20_000, help="virtual spacers to make (once)")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    walking(args.repeat)
    formulas(args.repeat)
    reading(args.repeat)
    virtual(args.spacers, args.workers)


def walking(repeat: int) -> None:
    """A space of 10^9 compounds, walked whole under constraints and, in part, without."""
    space = billion()
    print(f"space of {len(space):,} compounds, {space.n_allowed:,} allowed")
    for name, constraints, limit in (
        ("no constraint", (), 300_000_000),
        ("constraints", space.constraints, None),
        ("and a price limit", (*space.constraints, price_limit(space)), None),
    ):
        walked = CompoundSpace(
            space.spacers,
            space.cages,
            space.n_layers,
            space.b_sites,
            space.halides,
            halide_mixtures=space.halide_mixtures,
            constraints=constraints,
        )

        def walk(walked: CompoundSpace = walked, limit: int | None = limit) -> tuple[int, int]:
            kept = last = 0
            for block in walked.blocks(131_072):
                kept += len(block)
                last = int(block.index[-1])
                if limit is not None and last > limit:
                    break
            return kept, last + 1

        (kept, passed), cpu, wall = measured(walk, repeat)
        print(
            f"walk, {name}: {passed / cpu / 1e6:,.0f} M positions/s and {kept / cpu / 1e6:,.0f} M kept/s of CPU "
            f"({kept / wall / 1e6:,.0f} M kept/s wall; {kept:,} kept of {passed:,})"
        )
    print(f"peak memory so far: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def billion() -> CompoundSpace:
    """200,000 spacers x 5,016: made-up identities, since only their number and charge matter here."""
    spacers = tuple(Cation("", 1 + (i % 3 == 0), f"SPACER{i:08d}", f"X{i}", (), "spacer") for i in range(200_000))
    mixtures = tuple((("I", Fraction(k, 10)), ("Br", Fraction(10 - k, 10))) for k in range(1, 6))
    return CompoundSpace(
        spacers,
        CationLibrary.builtin().cages,
        tuple(range(1, 10)),
        ("Pb", "Sn", "Ge"),
        ("I", "Br", "Cl"),
        halide_mixtures=mixtures,
        constraints=(
            LayerLimits(rp=(1, 6), dj=(1, 4)),
            ToleranceWindow(0.8, 1.02),
            OctahedralWindow(),
        ),
    )


def price_limit(space: CompoundSpace) -> PriceLimit:
    """Prices that leave about half."""
    return PriceLimit(50.0, tuple((c.inchikey, float(i % 60)) for i, c in enumerate(space.spacers)), keep_unknown=True)


def formulas(repeat: int) -> None:
    """Distinct formulas over the built-in library, each spelling for itself and all together."""
    library = CationLibrary.builtin()
    draw = random.Random(0)
    spellings: dict[str, Callable[[str, str, int, int], str]] = {
        "(PEA)2(MA)2Pb3I10": lambda a, c, k, n: f"({a}){k}({c}){n - 1}Pb{n}I{3 * n + 1}",
        "PEA2MA2Pb3I10": lambda a, c, k, n: f"{a}{k}{c}{n - 1}Pb{n}I{3 * n + 1}",
        "PEA2PbI4(MAPbI3)2": lambda a, c, k, n: f"{a}{k}PbI4({c}PbI3){n - 1}",
        "(PEA)2(MA0.5FA0.5)2Pb3I10": lambda a, c, k, n: f"({a}){k}({c}0.5FA0.5){n - 1}Pb{n}I{3 * n + 1}",
        "(PEA)2(MA)2Pb3I7.5Br2.5": lambda a, c, k, n: f"({a}){k}({c}){n - 1}Pb{n}I{1.5 * n + 0.5}Br{1.5 * n + 0.5}",
    }
    plain = [c for c in library.spacers if c.abbreviation.isalpha()]
    cages = [c for c in library.cages if c.abbreviation.isalpha() and c.abbreviation != "FA"]
    everything: list[str] = []
    for name, write in spellings.items():
        texts = [
            write(a.abbreviation, c.abbreviation, 2 // a.charge, n).replace(")1", ")")
            for a in plain
            for c in cages
            for n in (3, 4, 5)
        ]
        texts = draw.sample(texts, min(4000, len(texts)))
        everything += texts
        rate(name, texts, repeat)
    draw.shuffle(everything)
    rate("all five, shuffled", everything, repeat)


def rate(name: str, texts: list[str], repeat: int) -> None:
    """Formulas parsed in a second of CPU; ambiguous ones are refused and count."""

    def parse() -> int:
        refused = 0
        for text in texts:
            try:
                parse_formula(text)
            except Exception:
                refused += 1
        return refused

    refused, cpu, wall = measured(parse, repeat)
    per_second = f"{len(texts) / cpu:,.0f}/s of CPU ({len(texts) / wall:,.0f}/s wall)"
    print(f"parse {name}: {per_second}, {len(texts)} distinct, {refused} refused")


def reading(repeat: int) -> None:
    """100,000 lines of neutral amines and salts: parsed, protonated, deduplicated."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "amines.smi"
        path.write_text("".join(f"{amine(draw)} m{i}\n" for i in range(100_000)))
        library, cpu, wall = measured(lambda: CationLibrary.read(path), repeat)
    print(f"read 100,000 rows: {cpu:.1f} s of CPU, {wall:.1f} s wall; {library.report}")


def amine(draw: random.Random) -> str:
    """A benzene or a chain with substituents and an amine, now and then as a salt."""
    one, two, three = (f"({s})" if s else "" for s in draw.choices(SUBSTITUENTS, k=3))
    head = draw.choice(HEADS)
    salt = draw.choice(("", "", "", ".I", ".Cl"))
    if draw.random() < 0.6:
        return f"c1{one}c{two}cc{three}c({head})c1{salt}"
    return f"C{one}C{two}CC{three}COC{head}{salt}"


def virtual(count: int, workers: int) -> None:
    """Distinct virtual spacers that pass the default filters."""
    report = GenerationReport()
    library = VirtualSpacers(seed=1)
    print(f"virtual library: {len(library):,} combinations")
    made, cpu, wall = measured(lambda: sum(1 for _ in library.generate(count, report, workers=workers)), 1)
    print(
        f"{made:,} virtual spacers with {workers} processes: {wall:.0f} s wall, {cpu:.0f} s of CPU, "
        f"{cpu / made * 1e6:.0f} us of CPU each; {report.n_tried:,} tried, {report.n_repeated:,} repeated"
    )
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def measured(work: Callable[[], T], repeat: int) -> tuple[T, float, float]:
    """Result, and the medians of CPU and wall seconds."""
    cpus, walls = [], []
    for _ in range(repeat):
        cpu, wall = cpu_seconds(), time.perf_counter()
        result = work()
        cpus.append(cpu_seconds() - cpu)
        walls.append(time.perf_counter() - wall)
    return result, statistics.median(cpus), statistics.median(walls)


if __name__ == "__main__":
    main()
