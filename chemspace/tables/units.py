"""Units of time and of rates, in headings and beside numbers: one parser for every file."""

from __future__ import annotations

import re

__all__ = ["TIME_UNITS", "UNITS", "is_rate", "lifetime_in_ps", "split_heading", "stderr_in_ps", "unit_of"]

#: Picoseconds in one of each unit of time.
TIME_UNITS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6, "s": 1e12}
#: Every unit by the name it has in options and messages.
UNITS = (*TIME_UNITS, *(f"{time}^-1" for time in TIME_UNITS))

_PREFIX = {
    "f": "f",
    "femto": "f",
    "p": "p",
    "pico": "p",
    "piko": "p",
    "n": "n",
    "nano": "n",
    "micro": "u",
    "mikro": "u",
}
_EXPONENT = {"15": "fs", "12": "ps", "9": "ns", "6": "us"}
_SECOND = r"(?:secs?|seconds?|sek|sekunden?|secondes?|segundos?|secondi|s)"
_POWER = r"(?:10\s*\^?|1e)\s*[-\u2212](?:15|12|9|6)\s*s"
_TIME = rf"(?:{_POWER}|(?:femto|pi[ck]o|nano|mi[ck]ro|[fpnu\u00b5\u03bc])?{_SECOND})"
_UNIT = rf"1\s*/\s*{_TIME}|per[ _]{_TIME}|{_TIME}\s*(?:\^?\s*[-\u2212]\s*1|\u207b\u00b9)?"
#: "tau (fs)", "lifetime_ns", "rate / ps^-1", "k in 1/ps": a name, something between, a unit.
_HEADING = re.compile(
    rf"(?P<name>.*?)(?P<between>[\s_]*[(\[/,|][\s]*|\s+in\s+|[\s_]+)(?P<unit>{_UNIT})\s*[)\]]?", re.IGNORECASE
)
#: Symbols whose "_s" is an index (the spin's), not seconds.
_INDEXED = re.compile(r"(?:^|[\W_])(?:tau|\u03c4|k|gamma|\u03b3|sigma|\u03c3)$", re.IGNORECASE)


def unit_of(text: str) -> str | None:
    """The unit a text names ("ps", "1/ps", "ps^-1", "per_ps", "picoseconds"), by its name in `UNITS`; None if none."""
    plain = re.sub(r"[\s_]", "", text).lower()
    time = re.sub(r"^(?:1/|per)|(?:(?<!10)\^?[-\u2212]1|\u207b\u00b9)$", "", plain)
    if not re.fullmatch(_TIME, time):
        return None
    if power := re.fullmatch(r"1.*[-\u2212](\d+)s", time):
        name = _EXPONENT[power[1]]
    else:
        prefix = re.sub(rf"{_SECOND}$", "", time)
        name = f"{_PREFIX.get(prefix, 'u' if prefix else '')}s"
    return name if time == plain else f"{name}^-1"


def split_heading(heading: str) -> tuple[str, str | None]:
    """Name and unit of a column's heading: ("tau", "fs") for "tau (fs)", ("ps", "ps") where it is only a unit.

    A lone "_s" behind the symbol of a lifetime or a rate (tau_s, k_s) is an index, not seconds.
    """
    text = heading.strip()
    if alone := unit_of(text.strip("()[] ")):
        return text, alone
    found = _HEADING.fullmatch(text)
    if found is None or not found["name"].strip():
        return text, None
    unit = unit_of(found["unit"])
    if unit == "s" and not found["between"].strip(" _") and _INDEXED.search(found["name"].rstrip(" _")):
        return text, None
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
