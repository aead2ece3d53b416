"""Units a results table may be in: times, or rates, which are one over a lifetime."""

from __future__ import annotations

import re

from campaigns.kinetics.units import TIME_UNITS

__all__ = ["UNITS", "is_rate", "lifetime_in_ps", "split_heading", "stderr_in_ps", "unit_of"]

#: Every unit by the name it has in options and messages.
UNITS = (*TIME_UNITS, *(f"{time}^-1" for time in TIME_UNITS))

_TIME = "fs|ps|ns|us|µs|μs|s"
_UNIT = rf"1\s*/\s*(?:{_TIME})|per[ _](?:{_TIME})|(?:{_TIME})\s*(?:\^?\s*[-−]\s*1|⁻¹)?"
#: "tau (fs)", "lifetime_ns", "rate / ps^-1", "k in 1/ps": a name, something between, a unit.
_HEADING = re.compile(
    rf"(?P<name>.*?)(?P<between>[\s_]*[(\[/,|][\s]*|\s+in\s+|[\s_]+)(?P<unit>{_UNIT})\s*[)\]]?$", re.I
)


def unit_of(text: str) -> str | None:
    """The unit a text names ("ps", "1/ps", "ps⁻¹", "per_ps"), by its name in `UNITS`; None if it names none."""
    plain = re.sub(r"[\s_]", "", text).lower().replace("µ", "u").replace("μ", "u")
    time = re.sub(r"^(1/|per)|(\^?[-−]1|⁻¹)$", "", plain)
    if time not in TIME_UNITS:
        return None
    return time if time == plain else f"{time}^-1"


def split_heading(heading: str) -> tuple[str, str | None]:
    """Name and unit of a column's heading; a lone "_s" is an index (the spin's), not seconds."""
    found = _HEADING.fullmatch(heading.strip())
    if found is None or not found["name"].strip():
        return heading.strip(), None
    unit = unit_of(found["unit"])
    if unit == "s" and not found["between"].strip(" _"):
        return heading.strip(), None
    return found["name"].strip(" _"), unit


def is_rate(unit: str) -> bool:
    """Whether a unit is one over a time."""
    return unit.endswith("^-1")


def lifetime_in_ps(value: float, unit: str) -> float:
    """A lifetime in ps from a positive lifetime or rate in `unit`."""
    scale = TIME_UNITS[unit.removesuffix("^-1")]
    return scale / value if is_rate(unit) else scale * value


def stderr_in_ps(value: float, unit: str, lifetime_ps: float) -> float:
    """Standard error of the lifetime, ps; that of a rate, to first order, is sigma_tau = tau^2 sigma_k."""
    scale = TIME_UNITS[unit.removesuffix("^-1")]
    return lifetime_ps**2 * value / scale if is_rate(unit) else scale * value
