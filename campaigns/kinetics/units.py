"""Units of delays: read from headings, given by hand, and refused where they cannot be right."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.errors import UnitError

__all__ = ["TIME_UNITS", "delay_unit_in", "to_ps"]

#: Picoseconds in one of each unit of time.
TIME_UNITS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6, "s": 1e12}
_UNIT = re.compile(r"(?:[\s_(\[/,]|\bin\s)\s*(fs|ps|ns|us|µs|μs|s|sec|seconds?)\s*[)\]]?\s*$", re.IGNORECASE)

#: Light passes a delay stage there and back: 20 ns is 3 m of stage, longer than any. Less than 0.1 ps in all, about the
#: length of a pulse, holds no rise and no decay.
LONGEST_PS, SHORTEST_PS = 20_000.0, 0.1


def delay_unit_in(heading: str) -> str | None:
    """The unit a heading names ("delay_fs", "Time (ps)", "t / ns"), or None."""
    found = _UNIT.search(heading)
    if found is None:
        return None
    unit = found[1].lower().replace("µ", "u").replace("μ", "u")
    return "s" if unit.startswith("s") else unit


def to_ps(
    delay: NDArray[np.float64], name: str, heading_unit: str | None, given_unit: str | None
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Delays in ps, and notes on how.

    Args:
        delay: as the file has them, shape (t,).
        name: the file, for messages.
        heading_unit: what the heading says, or None (then ps).
        given_unit: what the user says; it overrules the heading and is believed.

    Raises:
        UnitError: for an unknown unit, or a span no delay line has, where the user did not say so.
    """
    if given_unit is not None and given_unit not in TIME_UNITS:
        raise UnitError(f"no delay unit {given_unit!r}: use one of {', '.join(TIME_UNITS)}")
    unit = given_unit or heading_unit or "ps"
    in_ps = delay * TIME_UNITS[unit]
    finite = in_ps[np.isfinite(in_ps)]
    span = float(np.ptp(finite)) if finite.size else 0.0
    if given_unit is None and finite.size > 1 and not SHORTEST_PS <= span <= LONGEST_PS:
        raise UnitError(_implausible(name, unit, finite, span))
    notes = () if unit == "ps" else (f"Delays of {name} were converted from {unit} to ps.",)
    return in_ps, notes


def _implausible(name: str, unit: str, in_ps: NDArray[np.float64], span: float) -> str:
    fitting = [
        f"{other} ({span / TIME_UNITS[unit] * factor:.4g} ps)"
        for other, factor in TIME_UNITS.items()
        if SHORTEST_PS <= span / TIME_UNITS[unit] * factor <= LONGEST_PS
    ]
    why = "longer than any delay line" if span > LONGEST_PS else "shorter than a rise and a decay"
    return (
        f"{name}: delays in {unit} span {span:.4g} ps ({in_ps.min():.4g} to {in_ps.max():.4g} ps), {why}. "
        f"If they are in another unit, say so (delay_unit, --delay-unit): {' or '.join(fitting) or 'none fits'}; "
        f"to keep {unit}, say that"
    )
