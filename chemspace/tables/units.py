"""Units of time and of rates, in headings and beside numbers: one parser for every file."""

from __future__ import annotations

import re

__all__ = [
    "LENGTH_UNITS",
    "TIME_UNITS",
    "UNITS",
    "is_rate",
    "length_of",
    "lifetime_in_ps",
    "split_heading",
    "stderr_in_ps",
    "unit_of",
    "unit_text",
]

#: Picoseconds in one of each unit of time.
TIME_UNITS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "us": 1e6, "s": 1e12}
#: Every unit by the name it has in options and messages.
UNITS = (*TIME_UNITS, *(f"{time}^-1" for time in TIME_UNITS))

#: Units of length that a position of a delay stage is given in, in mm.
LENGTH_UNITS = {"um": 1e-3, "mm": 1.0}
_LENGTH = {"mm": r"mm|milli-?met(?:er|re)s?", "um": r"[u\u00b5\u03bc]m|microns?|mi[ck]romet(?:er|re)s?"}
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
#: Units that are none of a time or a rate, as last words of headings.
_OTHER = (
    rf"{_LENGTH['mm']}|{_LENGTH['um']}|nm|cm|m|in(?:ch)?|met(?:er|re)s?|ms|msec|min|h|as|milliseconds?|steps?|counts?|"
    r"points?|pulses?|deg|degrees?|rad|[kmu\u00b5]?v|volts?|hz|[kmgt]hz|cm-1|cm\^-1|ev|mev|pixels?"
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


def length_of(text: str) -> str | None:
    """The unit of length a text names ("mm", "micron"), by its name in `LENGTH_UNITS`; None if it names none."""
    return next((name for name, words in _LENGTH.items() if re.fullmatch(words, text.strip().lower())), None)


def unit_text(heading: str) -> str | None:
    """What stands in a heading where a unit stands: in brackets at its end, behind "/" or ",", or as a last word that
    is a unit elsewhere; None where nothing does."""
    text = heading.strip()
    if found := re.search(r"[(\[]\s*([^()\[\]]*?)\s*[)\]]$", text):
        return found[1] or None
    if found := re.search(r"[^\s/,]\s*[/,]\s*([^\s/,][^/,]*)$", text):
        return found[1]
    found = re.search(rf"(?:^|[\s_])({_OTHER})$", text, re.IGNORECASE)
    return found[1] if found else None


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
