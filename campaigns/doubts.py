"""Whether a lifetime contradicts what is known of its compound: asked about before a campaign takes it in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from campaigns.narrate import picoseconds
from campaigns.summary import Doubt

if TYPE_CHECKING:
    from chemspace import Compound

#: Replicates among the published lifetimes differ by 0.05 to 0.19 decades (screening/data/published_lifetimes.csv, rows
#: with the flag "replicate", measured alike).
REPLICATE_DECADES = (0.05, 0.19)
#: Decades between crystals of one compound that nobody takes for scatter: three times what published replicates reach.
APART_DECADES = 3.0 * REPLICATE_DECADES[1]
#: An outcome outside this central interval of the model is asked about.
DOUBT_LEVEL = 0.999
#: So many earlier lifetimes are named each.
MANY = 12
#: Slips of a unit: what was meant for each ps that was written, and how that is said.
_SLIPS = ((1e-3, "fs"), (1e3, "ns"))


@dataclass(frozen=True, slots=True)
class Expected:
    """What the model predicts of a compound: median and calibrated 90% interval of its lifetime, ps."""

    lifetime_ps: float
    low_ps: float
    high_ps: float

    def reach(self, level: float) -> tuple[float, float]:
        """Ends of the central interval that holds the outcome with probability `level`, ps."""
        from screening.calibration import LEVEL, half_width  # imports SciPy, which a status needs not

        size = float((self.high_ps / self.lifetime_ps) ** (half_width(level) / half_width(LEVEL)))
        return self.lifetime_ps / size, self.lifetime_ps * size


#: What is expected of a compound; None where nothing is.
Expectation: TypeAlias = "Callable[[Compound], Expected | None]"


def doubt(
    lifetime_ps: float, earlier_ps: Sequence[float], expected: Expected | None, *, is_bound: bool = False
) -> Doubt | None:
    """What contradicts a lifetime; None where nothing does.

    Args:
        lifetime_ps: the lifetime, or its upper bound, ps.
        earlier_ps: lifetimes of the compound's earlier crystals, ps; they count more than the model.
        expected: what the model predicts of it; None where it predicts nothing.
        is_bound: whether it is an upper bound, which only contradicts what is longer.
    """
    low, high, known = _known(earlier_ps, expected)
    if low <= lifetime_ps and (is_bound or lifetime_ps <= high):
        return None
    sentence = f"{'< ' if is_bound else ''}{picoseconds(lifetime_ps)} ps, and {known}"
    for factor, unit in _SLIPS:
        meant = factor * lifetime_ps
        if low <= meant <= high:
            asked = f"did you mean {picoseconds(meant)} ps ({picoseconds(lifetime_ps)} {unit})?"
            return Doubt(f"{sentence}: {asked}", meant, unit)
    return Doubt(f"{sentence}. Is it this compound, and is the unit right?")


def _known(earlier_ps: Sequence[float], expected: Expected | None) -> tuple[float, float, str]:
    """Lower and upper end of what contradicts nothing, ps, and what is known in words: each value, of many the ends."""
    if earlier_ps:
        apart, low, high = 10.0**APART_DECADES, min(earlier_ps), max(earlier_ps)
        if len(earlier_ps) > MANY:
            who, gave = f"{len(earlier_ps)} earlier crystals", f"{picoseconds(low)} to {picoseconds(high)}"
        else:
            who, gave = "earlier crystals", ", ".join(map(picoseconds, sorted(earlier_ps)))
        return low / apart, high * apart, f"{who} of this compound gave {gave} ps"
    if expected is None:
        return 0.0, float("inf"), ""
    low, high = expected.reach(DOUBT_LEVEL)
    words = f"the model expects {picoseconds(low)} to {picoseconds(high)} ps ({DOUBT_LEVEL:.1%} interval)"
    return low, high, words
