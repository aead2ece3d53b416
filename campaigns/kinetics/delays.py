"""Delays in ps: units of time, positions of a stage, values that no delay line has, two readings of one stage."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.errors import UnitError
from campaigns.kinetics.headings import role_of
from chemspace.tables.cells import LENGTH_UNITS, TIME_UNITS, length_of, split_heading, unit_of, unit_text

Array = NDArray[np.float64]

#: What `--delay-unit` takes.
DELAY_UNITS = (*TIME_UNITS, *LENGTH_UNITS)
#: Times that light passes along the travel of a stage: there and back.
DOUBLE_PASS = 2
#: Picoseconds that light takes for a millimetre of vacuum; c = 299,792,458 m/s by definition of the metre.
_PS_PER_MM = 1e9 / 299_792_458.0
#: Light passes a delay stage there and back: 20 ns is 3 m of stage, longer than any. Less than 0.1 ps in all, about the
#: length of a pulse, holds no rise and no decay.
LONGEST_PS, SHORTEST_PS = 20_000.0, 0.1
#: Delays that name no unit and whose finest step (ps) is the first or more may be in fs: hardly a scan of a femtosecond
#: laser is so coarse. None resolves a pulse with steps of the second.
_COARSE_PS, _COARSEST_PS = 1.0, 5.0
#: Two delay stages agree to this (ps): 0.1 fs is 15 nm of stage, finer than any encoder.
SAME_DELAY_PS = 1e-4
#: Read-back positions scatter by up to this share of the finest step; their mean differs by less than the second.
_JITTER, _BIAS = 0.1, 0.02

#: A step of a delay line is chosen to two significant digits, to this precision.
_ROUND = 2e-4
_METADATA = re.compile(
    r"^[#%/!\s\"']*(?:time|delay|zeit|temps|tiempo|tempo)[^:=;,\t\d]{0,15}?(?:units?|einheit|unit[ée]s?|unidad\w*|unit[àa])"
    r"[\"']?\s*[:=;,\t]\s*[\"']?\s*([^\s\"';,\t][^\"';,\t]*)",
    re.IGNORECASE,
)
#: A line without numbers that says a unit of delays in other words: "Delays in fs", "x axis: fs", "Units: fs; mOD".
_LOOSE = re.compile(
    r"(?=\D*$)(?=.*(?i:time|delay|zeit|verz[oö]|temps|d[ée]lai|retard|tiempo|tempo|\bx\b|ax[ie]s|achse|units?\b|einheit"
    r"|unit[àaé]|unidad|単位|单位|時間|时间|遅延|延迟))(?!.*(?i:integr|expos|const|dwell|acqui|puls|dura|wait|sett|elapsed"
    r"|total|start|stop|end\b|lifetime|tau|resol|respon|fwhm|jitter|step|sampl|repet|gate))"
    r".*?(?:^|[\s(\[/:=;,.])(fs|ps|ns|[uµ]s|(?<=[(\[/:=;])s|(?<=[:=] )s|(?i:(?:femto|pi[ck]o|nano|mi[ck]ro)se[ck]\w*))"
    r"(?=[\s)\];,.\"']|$)"
)
#: A unit of time where no unit stands ("fs delay", "delayfs", "Delay <fs>"), and a multiple of one.
_ANYWHERE = re.compile(r"(?:(?<![^\W_])|(?<=delay)|(?<=time))(fs|ps|ns)(?![^\W_])", re.IGNORECASE)
_MULTIPLE = re.compile(r"[(\[/,]\s*[x\u00d7*]?\s*[\d.]+(?:\s*\^?\s*-?\s*\d+)?\s*(?:fs|ps|ns)(?![^\W_])", re.IGNORECASE)
#: A factor beside a unit: "Delay x10^3 (fs)", "Delay (fs) * 1e-3", "10\u00b3 Delay (fs)".
_FACTOR = re.compile(
    r"(?<![^\W_])[x\u00d7\u00b7*]\s*1(?:0|e)|10\s*(?:\^|\*\*|[\u207b\u2070\u00b9\u00b2\u00b3\u2074-\u2079])",
    re.IGNORECASE,
)
#: Words in the place of a unit that are none.
_NO_UNIT = re.compile(
    r"corr\w*|t0[\s\w-]*|rel\w*|pump[\s-]*probe|stage|shift\w*|delay|nominal|set|actual|read\w*|raw|time|probe|axis|x|t",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DelayUnit:
    """What is known of the unit of a file's delays: what the user says, of `DELAY_UNITS` (None takes the file's), and
    how many times light passes along the travel of the stage, for units of length."""

    given: str | None = None
    passes: int = DOUBLE_PASS

    def __post_init__(self) -> None:
        if self.given is not None and self.given not in DELAY_UNITS:
            raise UnitError(f"no delay unit {self.given!r}: use one of {', '.join(DELAY_UNITS)}")
        if self.passes < 1:
            raise UnitError(f"{self.passes} passes: light passes along the stage once or more (2 there and back)")

    def to_ps(
        self, delay: Array, name: str, heading: str, metadata: Iterable[str] = ()
    ) -> tuple[Array, tuple[str, ...]]:
        """Delays in ps, shape (t,), from those under a heading and lines of text around the numbers; and notes on how.
        Raises UnitError for a unit that is not understood or of a length, and for delays that no pulsed laser has,
        where the user did not say the unit."""
        named = None if self.given is not None else _named(name, heading, metadata)
        unit = self.given or named or "ps"
        if unit in LENGTH_UNITS:
            per_unit = self.passes * _PS_PER_MM * LENGTH_UNITS[unit]
            note = (
                f"Positions of {name} in {unit} became delays of {per_unit:.6g} ps per {unit} ({self.passes} passes)."
            )
            return delay * per_unit, (note,)
        in_ps = delay * TIME_UNITS[unit]
        if self.given is None:
            _require_plausible(name, unit, in_ps, named is not None)
        return in_ps, () if unit == "ps" else (f"Delays of {name} were converted from {unit} to ps.",)


def _named(name: str, heading: str, metadata: Iterable[str]) -> str | None:
    """The unit that the heading or a line around the numbers names."""
    unit = split_heading(heading)[1]
    where = f"{name}: the delays are headed {heading.strip()!r}"
    if re.match(r"\W*(?:log|lg|ln)\d*\b", heading, re.IGNORECASE):
        raise UnitError(f"{where}, a logarithm: give the delays themselves")
    if unit is None and role_of(heading) in ("delay", "perhaps delay", None):
        text = unit_text(heading)
        if text is not None and length_of(text) and "wavelength" not in heading.lower():
            length = length_of(text)
            raise UnitError(
                f"{where}, a length: say --delay-unit {length} if they are positions of the stage "
                f"({DOUBLE_PASS * _PS_PER_MM * LENGTH_UNITS[length or 'mm']:.4g} ps per {length}, light goes there and "
                "back; --passes says how often it passes along the stage), or the unit they are in"
            )
        is_delay = (role_of(heading) is not None and "wavel" not in heading.lower()) or not (text or "").isascii()
        if text is not None and is_delay and not _NO_UNIT.fullmatch(text):
            raise UnitError(
                f"{where}, and {text!r} is no unit of a delay that is known: say which (--delay-unit): "
                f"{', '.join(DELAY_UNITS)}"
            )
    if unit is not None and unit not in TIME_UNITS:
        raise UnitError(f"{where}, a rate: say which unit they are in (--delay-unit): {', '.join(DELAY_UNITS)}")
    if _MULTIPLE.search(heading) or _FACTOR.search(split_heading(heading)[0]):
        raise UnitError(f"{where}, a multiple of a unit: give them in one of {', '.join(DELAY_UNITS)}, and say which")
    if unit is None and len(shown := {found.lower() for found in _ANYWHERE.findall(heading)}) == 1:
        unit = shown.pop()
    lines = list(metadata)
    for line in lines:
        found = _METADATA.match(line)
        if found is None:
            continue
        said = unit_of(found[1].strip("()[] "))
        if said not in TIME_UNITS:
            raise UnitError(
                f"{name}: {line.strip()[:60]!r} names no unit of a delay that is known: say which (--delay-unit): "
                f"{', '.join(DELAY_UNITS)}"
            )
        if unit is not None and said != unit:
            raise UnitError(f"{where}, but {line.strip()[:60]!r} says {said}: say which is right (--delay-unit)")
        unit = said
    loose = {unit_of(found[1]): line.strip() for line in lines if unit is None and (found := _LOOSE.match(line))}
    if len(loose) > 1:
        raise UnitError(
            f"{name}: {' and '.join(repr(line[:60]) for line in loose.values())} name several units: say which is that "
            f"of the delays (--delay-unit): {', '.join(DELAY_UNITS)}"
        )
    return unit or next(iter(loose), None)


def _require_plausible(name: str, unit: str, in_ps: Array, named: bool) -> None:
    finite = np.unique(in_ps[np.isfinite(in_ps)])
    if finite.size < 2:
        return
    span, finest = float(np.ptp(finite)), float(np.diff(finite).min())
    if SHORTEST_PS <= span <= LONGEST_PS and (named or finest < _COARSE_PS):
        if not named and (length := _length_in_disguise(finite)):
            raise UnitError(
                f"{name}: nothing names the unit of its delays ({finite[0]:.4g} to {finite[-1]:.4g}), and {length}. "
                f"Say which (delay_unit, --delay-unit): {', '.join(DELAY_UNITS)}"
            )
        return
    per_unit = TIME_UNITS[unit]
    fitting = [
        f"{other} ({span / per_unit * factor:.4g} ps)"
        for other, factor in TIME_UNITS.items()
        if other != unit
        and SHORTEST_PS <= span / per_unit * factor <= LONGEST_PS
        and finest / per_unit * factor < _COARSEST_PS
    ]
    why = "longer than any delay line" if span > LONGEST_PS else "shorter than a rise and a decay"
    if SHORTEST_PS <= span <= LONGEST_PS:
        why = f"their finest step is {finest:.4g} ps, coarse for a pulsed laser, and nothing names their unit"
    raise UnitError(
        f"{name}: delays in {unit} span {span:.4g} ps ({finite[0]:.4g} to {finite[-1]:.4g} ps), {why}. "
        f"If they are in another unit, say so (delay_unit, --delay-unit): {' or '.join(fitting) or 'none fits'}; "
        f"to keep {unit}, say that"
    )


def _length_in_disguise(values: Array) -> str:
    """Why values (t,), ascending, in no named unit may be positions of a stage, "" if they need not be."""
    steps = np.diff(values)
    alike = steps[np.abs(steps - np.median(steps[steps < 1.5 * steps.min()])) < 0.02 * steps.min()]
    step = float(alike.mean()) if len(alike) >= 8 else 0.0  # the mean, as positions are rounded
    if step > 0.0 and not _is_round(step):
        for unit, scale in LENGTH_UNITS.items():
            per_unit = DOUBLE_PASS * _PS_PER_MM * scale
            if _is_round(step * per_unit) and SHORTEST_PS <= float(np.ptp(values)) * per_unit <= LONGEST_PS:
                return f"its finest step is a round number of ps if they are positions of a stage in {unit}"
    if values[0] > float(np.ptp(values)):
        return "they are far from zero, as positions of a stage are"
    return ""


def _is_round(step: float) -> bool:
    digits = step / 10.0 ** (np.floor(np.log10(step)) - 1.0)
    return bool(abs(digits - round(digits)) < _ROUND * digits)


def finest_step(delay: Array) -> float:
    """Smallest difference between different delays, shape (t,), in their unit; 0 where all are alike."""
    steps = np.diff(np.unique(delay[np.isfinite(delay)]))
    steps = steps[steps > SAME_DELAY_PS]
    return float(steps.min()) if steps.size else 0.0


def are_same(first: Array, second: Array) -> bool:
    """Whether two lists of delays (t,), ps, are one, read back from the stage: apart by no more than its jitter."""
    if first.shape != second.shape:
        return False
    both = np.isfinite(first) & np.isfinite(second)
    if not np.array_equal(np.isfinite(first), np.isfinite(second)) or not both.any():
        return False
    apart, step = first[both] - second[both], min(finest_step(first), finest_step(second))
    bias = max(SAME_DELAY_PS, _BIAS * step, 3.0 * float(apart.std()) / np.sqrt(apart.size))
    return bool(np.abs(apart).max() <= max(SAME_DELAY_PS, _JITTER * step) and abs(float(apart.mean())) <= bias)


def shared_delays(first: Array, second: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the delays that two ascending lists (t,), (u,), ps, share, (s,): within the stage's jitter."""
    if not first.size or not second.size:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    after = np.clip(np.searchsorted(second, first), 1, max(len(second) - 1, 1))
    before = after - 1
    nearest = np.where(
        np.abs(second[np.minimum(after, len(second) - 1)] - first) < np.abs(second[before] - first),
        np.minimum(after, len(second) - 1),
        before,
    )
    step = min(finest_step(first), finest_step(second))
    apart = np.abs(second[nearest] - first)
    at = np.flatnonzero(apart <= max(SAME_DELAY_PS, _JITTER * step))
    if at.size and not are_same(first[at], second[nearest[at]]):
        at = np.flatnonzero(apart <= SAME_DELAY_PS)
    places, kept = np.unique(nearest[at], return_index=True)
    return at[kept], places


def run_backwards(delay: Array, signal: Array) -> bool:
    """Whether a signal (t,) over delays (t,) rises slowly, falls at once and stays: its time runs backwards."""
    if len(delay) < 12:
        return False
    padded = np.concatenate([signal[:1], signal, signal[-1:]])
    smooth = np.median(np.stack([padded[:-2], signal, padded[2:]]), axis=0)
    last = max(5, len(smooth) // 20)
    size = np.abs(smooth - np.median(smooth[-last:]))
    peak = int(size.argmax())
    if size[-last:].max() > 0.15 * size[peak] or peak < len(size) // 4:
        return False
    fall = delay[min(peak + int(np.argmax(size[peak:] < 0.2 * size[peak])), len(delay) - 1)] - delay[peak]
    below = np.flatnonzero(size[: peak + 1] < 0.2 * size[peak])
    rise = delay[peak] - delay[int(below[-1]) if below.size else 0]
    return bool(rise > 4.0 * fall and (below.size == 0 or below[-1] + 1 < peak - 3))
