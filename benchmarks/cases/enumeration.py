"""Enumeration: walking an indexed space against building every combination in Python."""

from __future__ import annotations

from itertools import product

from benchmarks.registry import Outcome, Setting, case
from benchmarks.timing import in_turn
from chemspace import Cation, CationLibrary, CompoundSpace, GeometryError
from chemspace.constraints import LayerLimits, ToleranceWindow
from chemspace.geometry import cage_tolerance_factor


@case("enumerate", "Walking a space under layer limits and a tolerance window", "CPU s", "one walk of the whole space")
def enumerate_space(setting: Setting) -> Outcome:
    """Ours in blocks, and `itertools.product` with the same rules, the same compounds counted."""
    library = CationLibrary.builtin()
    layers, halides = (1, 2, 3, 4, 5), ("I", "Br", "Cl")
    window, limits = ToleranceWindow(0.8, 1.02), LayerLimits(rp=(1, 5), dj=(1, 4))
    space = CompoundSpace(library.spacers, library.cages, layers, ("Pb", "Sn"), halides, constraints=(limits, window))
    counts: dict[str, int] = {}

    def ours() -> None:
        counts["spinscreen"] = sum(len(block) for block in space.blocks(131_072))

    def plain() -> None:
        inner = product(space.cages, space.b_sites, halides)
        passes = {(cage.inchikey, b, x): _inside(cage, b, x, window) for cage, b, x in inner}
        found = []
        for spacer, n, b, x in product(space.spacers, layers, space.b_sites, halides):
            if n > (5 if spacer.charge == 1 else 4):
                continue
            if n == 1:
                found.append((spacer, None, n, b, x))
            else:
                found += [(spacer, cage, n, b, x) for cage in space.cages if passes[cage.inchikey, b, x]]
        counts["itertools.product"] = len(found)

    samples = in_turn({"spinscreen": ours, "itertools.product": plain}, setting.times(7))
    return Outcome(samples, notes=[f"compounds kept: {', '.join(f'{n:,} by {who}' for who, n in counts.items())}"])


def _inside(cage: Cation, b_site: str, halide: str, window: ToleranceWindow) -> bool:
    try:
        return window.least <= cage_tolerance_factor(cage, b_site, halide) <= window.most
    except GeometryError:
        return window.keep_unknown
