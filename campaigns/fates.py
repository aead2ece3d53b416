"""What becomes of each row that comes in, and whether a lifetime contradicts what is known of its compound."""

from __future__ import annotations

import re
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from itertools import chain
from math import hypot, isclose, log, log10
from typing import TypeAlias

from campaigns.ingest import ObservationTable, ReadRow
from campaigns.narrate import picoseconds
from campaigns.state import CampaignState
from campaigns.summary import Doubt, RowReport
from campaigns.targets import Observation, Recorded, Target
from chemspace import CationLibrary, Compound, CompoundSpace, parse_formula
from chemspace.spelling import normalise
from screening.dataset import (
    EXCLUDING_FLAGS,
    SpinDataset,
    contradicting,
    excluding_flags,
    stated_conditions,
    stated_density,
)

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
    """What contradicts a lifetime, or its upper bound (`is_bound`), which only contradicts what is longer; else None.
    Lifetimes of the compound's earlier crystals, ps, count more than what the model expects of it."""
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


#: What else two observations differ by that disagree, in their joint standard errors.
_SIGMAS = 2.0
#: Fields that a row may add to, or say otherwise than, what is recorded of its crystal; and what they are called.
_REST = {
    "sample": "sample",
    "stderr": "error",
    "temperature_k": "temperature",
    "fluence_uj_cm2": "fluence",
    "source": "source",
    "technique": "technique",
    "note": "note",
}
_OTHER = "; another crystal's lifetime differs in a digit more: write that"
_TWIN = "is the lifetime of {} too; it trains as a crystal of your own, so leave the row out if it is a copy"
_SAME = "is the value of crystal {} too ({}); if one crystal has two names now, retract one of the two"
_HINT = "; if it is another crystal, name it in a column 'sample'"
_UNDO = "; if it stands after all, undo the retraction"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a row that can be read."""

    report: RowReport  #: for people
    observation: Observation  #: what is recorded of it, where it is
    corrects: Recorded | None  #: what it corrects
    words: tuple[str, ...]  #: what to tell of it
    retracted: str = ""  #: why the file says that it was taken back, where that is new here
    doubt: Doubt | None = None  #: what contradicts it; None where nothing does

    @property
    def is_published(self) -> bool:
        """Whether it is the lab's copy of a published row."""
        return self.report.note.startswith("is the published row")


@dataclass(frozen=True, slots=True)
class Known:
    """An observation to hold another one against, and how messages call it."""

    observation: Observation
    name: str


def row_fates(
    table: ObservationTable,
    state: CampaignState,
    names: CationLibrary,
    space: CompoundSpace,
    *,
    tell_known: bool = False,
    expected: Expectation = lambda _: None,
) -> tuple[Fate, ...]:
    """What becomes of each row that can be read, in the order of the file."""
    before = _Before(table.target, state, names, space, expected)
    fates = [before.fate(row, tell_known=tell_known) for row in table.rows]
    dense = _contradicting(before.densities)
    return tuple(
        before.with_set_apart(fate, row.observation, dense) for fate, row in zip(fates, table.rows, strict=True)
    )


def recorded_of(state: CampaignState, compound: Compound) -> list[Known]:
    """The lifetimes of a compound that stand, the campaign's own and the published ones."""
    own = [Known(row.observation, row.name) for row in state.record if row.retracted is None]
    return [one for one in own if one.observation.formula == compound.formula] + _published(compound)


@dataclass(slots=True)
class _Compound:
    """What is known of one compound, kept so that a row is held against few others however many there are."""

    of_crystal: dict[str, list[Known]] = field(default_factory=lambda: defaultdict(list))  #: by the crystal's name
    #: Least and greatest value by temperature, fluence, density and whether it is a bound; none is farther off.
    ends: dict[object, tuple[Known, Known]] = field(default_factory=dict)
    earlier_ps: list[float] = field(default_factory=list)  #: lifetimes of crystals that are no bounds, ascending
    #: Name and log10 rate of each that says whether one is set apart, in the order of the training table.
    rates: list[tuple[str, float]] = field(default_factory=list)
    was_apart: dict[str, bool] = field(default_factory=dict)  #: of those known before the table, by name
    apart: set[str] | None = None  #: names of those that are set apart, with the table
    #: Whether the space lacks it; None until that and its published lifetimes were looked up.
    is_outside: bool | None = None

    def add(self, one: Known) -> None:
        """Hold later rows against this one too."""
        what = one.observation
        if what.sample:
            self.of_crystal[_label(what)].append(one)
        kind = what.temperature_k, what.fluence_uj_cm2, *stated_density(what.technique), what.is_bound
        ends = (*self.ends.get(kind, ()), one)
        self.ends[kind] = min(ends, key=lambda end: end.observation.value), max(ends, key=lambda e: e.observation.value)
        if not what.is_bound:
            insort(self.earlier_ps, what.value)
            self.rates += [(one.name, rate) for rate in _rate(what)]

    def beside(self, what: Observation, name: str) -> list[Known]:
        """Those that disagree most with an observation, which is called `name` if it is one of them."""
        alike = self.of_crystal.get(_label(what), ())
        return [one for one in (*alike, *chain(*self.ends.values())) if one.name != name]


class _Before:
    """What a row is held against: the record of its target, the published rows, and the rows before it."""

    def __init__(
        self, target: Target, state: CampaignState, names: CationLibrary, space: CompoundSpace, expected: Expectation
    ) -> None:
        self.target, self.space, self.expected = target, space, expected
        self.sets_apart = target.of_campaign and state.config.defaults.sets_apart
        self.standing: dict[object, list[tuple[Recorded, Observation]]] = defaultdict(list)
        self.gone: dict[object, list[Recorded]] = defaultdict(list)
        self.seen: dict[object, int] = {}
        self.claimed: set[int] = set()  # numbers of the observations in the record that a row is
        self.compounds: dict[str, _Compound] = {}
        self.densities: list[tuple[str, float]] = []
        self.held: dict[int, str] = {}  # by line, how a row that trains is called
        for row in state.records.get(target.name, ()):
            what = row.observation
            if row.of_launch:  # its table writes formulas as it likes
                what = what.model_copy(update={"formula": parse_formula(what.formula, names).formula})
            if row.retracted is None:
                for key in (*_names(what), *([_renamed(what)] if what.sample else [])):
                    self.standing[key].append((row, what))
                self.compounds.setdefault(what.formula, _Compound()).add(Known(what, row.name))
                self.densities += [(row.name, density) for density in stated_density(what.technique)]
            elif not row.is_undone:
                for key in _names(what):
                    self.gone[key].append(row)

    def fate(self, row: ReadRow, *, tell_known: bool) -> Fate:
        """What becomes of a row; later rows are held against it too."""
        what = row.observation
        action, note, recorded, merged = self._action(row)
        told = self.target.tell(what.formula, what.value, is_bound=what.is_bound)
        words = [f"row {row.line}: {told} {note}"] if action != "add" else []
        if action in ("known", "retracted") and not row.retracted and not note.endswith(_OTHER):
            words[0] += _UNDO if what.sample and action == "retracted" else _HINT
        again = tell_known and action == "known" and recorded is not None
        doubted = None
        if action == "add" or again:
            known, name = self._known(row), "" if recorded is None else recorded.name
            words += [f"row {row.line}: {w}" for w in disagreements(what, self.target, known.beside(what, name))]
            words += [
                f"row {row.line}: crystal {what.sample} stands with this value as {other.formula} in {earlier.name}; "
                "if its formula was corrected, retract that one"
                for earlier, other in self.standing.get(_renamed(what), ())
                if what.sample and other.formula != what.formula
            ]
            words += [
                f"row {row.line}: {told} {_SAME.format(other.sample, one.name)}" for one, other in self._twins(what)
            ]
            self.held[row.line] = name or f"row {row.line}"
            if action == "add":
                if self.target.of_campaign:
                    doubted = lifetime_doubt(what, known.earlier_ps, self.expected, row.compound)
                    merged = warned(merged, doubted)
                    if (twin := _published_twin(row)) is not None:
                        words.append(f"row {row.line}: {told} {_TWIN.format(twin.name)}")
                known.add(Known(what, f"row {row.line}"))
                self.densities += [(f"row {row.line}", density) for density in stated_density(what.technique)]
        if (action in ("add", "correct") or again) and (
            read := _read_as(row.formula, row.compound.formula, row.compound)
        ):
            words.append(f"row {row.line}: {read}")
        if action == "add" and known.is_outside:
            note = "outside the campaign's space"
        report = RowReport(row.line, action, what.formula, what.value, what.stderr, what.is_bound, what.sample, note)
        is_new = bool(row.retracted) and (action == "correct" or note.startswith("is retracted"))
        corrects = recorded if action == "correct" else None
        return Fate(report, merged, corrects, tuple(words), row.retracted if is_new else "", doubted)

    def _known(self, row: ReadRow) -> _Compound:
        """What is known of its compound; the published lifetimes too, for the target that has some."""
        known = self.compounds.setdefault(row.observation.formula, _Compound())
        if known.is_outside is None:
            known.is_outside = not self.target.task and row.compound not in self.space
            own, known.rates = known.rates, []
            for one in _published(row.compound) if self.target.of_campaign else ():
                known.add(one)
            known.rates += own
            apart = _contradicting(known.rates)
            known.was_apart = {name: name in apart for name, _ in known.rates}
        return known

    def with_set_apart(self, fate: Fate, what: Observation, dense: set[str]) -> Fate:
        """The fate with which lifetimes do not train by the whole table, earlier ones too; `dense`: by density."""
        line, known = fate.report.line, self.compounds.get(what.formula)
        if not self.sets_apart or line not in self.held or known is None:
            return fate
        words, flags = [], stated_conditions(what.temperature_k, what.technique, what.fluence_uj_cm2)
        if known.apart is None:
            known.apart = _contradicting(known.rates)
            moved = [name for name, was in known.was_apart.items() if was != (name in known.apart)]
            now = {True: "is set apart now and does not train", False: "trains now"}
            words = [f"{name} of {what.formula} {now[name in known.apart]}" for name in moved]
        if self.held[line] in dense:
            flags = (*flags, "other_density")
        elif self.held[line] in known.apart:
            flags = ("other_conditions",)
        if flags:
            why = "; ".join(EXCLUDING_FLAGS[flag] for flag in flags)
            words.append(
                f"{what.formula} is set apart and does not train ({why}); 'include_flagged: true' in a description "
                "trains on such rows with an error of half a decade"
            )
        return replace(fate, words=(*fate.words, *(f"row {line}: {word}" for word in words)))

    def _action(self, row: ReadRow) -> tuple[str, str, Recorded | None, Observation]:
        """Action and note of its report, what it is known as or corrects, and what is recorded."""
        what = row.observation
        crystal = _crystal(what)
        if row.retracted:
            return self._taken_back(row)
        if (same := self._standing(what)) is not None:
            recorded, known = same
            merged, changes = _merged(known, what)
            if changes:
                return "correct", f"corrects {recorded.name}: {', '.join(changes)}", recorded, merged
            return "known", f"is in the campaign already ({recorded.name}) and was left out", recorded, what
        if (gone := self._gone(what)) is not None:
            return "retracted", f"was retracted ({gone.name}: {gone.retracted}) and was left out", None, what
        if (earlier := self.seen.setdefault((crystal, what.temperature_k, what.fluence_uj_cm2), row.line)) != row.line:
            return "known", f"stands in row {earlier} already and was left out", None, what
        if self.target.of_campaign and (copy := _published_copy(row)) is not None:
            use = "is known" if excluding_flags(copy.observation.technique) else "trains"
            note = f"is {copy.name}, which {use} already, and was left out"
            if what.sample not in ("", copy.observation.sample):
                note += _OTHER
            return "known", note, None, what
        return "add", "", None, what

    def _standing(self, what: Observation) -> tuple[Recorded, Observation] | None:
        """The observation in the record that is the same, that at the same temperature first. One whose crystal had no
        name is that of one row with a name only; those of the launch's table are of no crystal of the lab's."""
        for key in _asked(what):
            same = [pair for pair in self.standing.get(key, ()) if not _other_conditions(what, pair[1])]
            if what.sample:
                same = [(row, known) for row, known in same if known.sample or not self._is_taken(row)]
            if same:
                found = min(same, key=lambda pair: pair[1].temperature_k != what.temperature_k)
                self.claimed |= {found[0].number} if what.sample else set()
                return found
        return None

    def _twins(self, what: Observation) -> list[tuple[Recorded, Observation]]:
        """What stands with this value, of three digits or more, as another named crystal of the compound."""
        if not (self.target.of_campaign and what.sample) or float(f"{what.value:.2g}") == what.value:
            return []
        alike = self.standing.get(("named", _crystal(what, sample="")), ())
        others = [(row, one) for row, one in alike if _label(one) != _label(what)]
        return [(row, one) for row, one in others if not _other_conditions(what, one)][:1]

    def _is_taken(self, row: Recorded) -> bool:
        return row.of_launch or row.number in self.claimed

    def _gone(self, what: Observation) -> Recorded | None:
        """The observation that is the same and was retracted; an error that one of them lacks is no difference."""
        same = (row for key in _asked(what) for row in self.gone.get(key, ()))
        return next((row for row in same if what.stderr is None or row.observation.stderr in (None, what.stderr)), None)

    def _taken_back(self, row: ReadRow) -> tuple[str, str, Recorded | None, Observation]:
        """`_action` of a row that the file says was taken back: so it stands in the record, and trains nothing."""
        what = row.observation
        crystal = _crystal(what)
        if (gone := self._gone(what)) is not None:
            return "retracted", f"was retracted ({gone.name}: {gone.retracted}) and was left out", None, what
        if (same := self._standing(what)) is not None:
            return "correct", f"takes back {same[0].name}: {row.retracted}", *same
        if (earlier := self.seen.setdefault((crystal, what.stderr, "retracted"), row.line)) != row.line:
            return "known", f"stands in row {earlier} already and was left out", None, what
        return "retracted", f"is retracted in the file ({row.retracted}) and trains nothing", None, what


def lifetime_doubt(
    what: Observation, earlier_ps: Sequence[float], expected: Expectation, compound: Compound
) -> Doubt | None:
    """What contradicts a lifetime: other crystals of its compound, or else what is expected of it."""
    return doubt(what.value, earlier_ps, None if earlier_ps else expected(compound), is_bound=what.is_bound)


def warned(what: Observation, doubted: Doubt | None) -> Observation:
    """The observation with what contradicts it."""
    if doubted is None:
        return what
    return what.model_copy(update={"warned": " ".join(filter(None, (what.warned, doubted.sentence)))})


def _rate(what: Observation) -> list[float]:
    """log10 of its rate, where others are held against that; else nothing."""
    flags = stated_conditions(what.temperature_k, what.technique, what.fluence_uj_cm2)
    return [] if what.is_bound or flags else [-log10(what.value)]


def _contradicting(named: Sequence[tuple[str, float]]) -> set[str]:
    """Names of the numbers that contradict most of them."""
    return {named[place][0] for place in contradicting([number for _, number in named])}


def disagreements(what: Observation, target: Target, others: Sequence[Known]) -> Iterator[str]:
    """Sentences on how an observation disagrees with others of its compound; two of a crystal always do."""
    alike = [one for one in others if what.sample and _label(one.observation) == _label(what)]
    if (same := next((one for one in alike if not _other_conditions(what, one.observation)), None)) is not None:
        yield (
            f"{what.formula} is {_figures(what, target)} here and {_figures(same.observation, target)} in {same.name}, "
            f"of one crystal, {what.sample}; if the one corrects the other, retract the wrong one"
        )
        return
    worst = max(others, key=lambda one: _apart(what, one.observation, target)[0], default=None)
    if worst is None:
        return
    apart, sigma = _apart(what, worst.observation, target)
    if apart <= _SIGMAS * sigma or apart <= (REPLICATE_DECADES[1] if target.scale == "log10" else 0.0):
        return
    if target.scale == "linear" and not sigma:  # nothing says how far apart replicates are
        return
    figures = f"{_figures(what, target)} here and {_figures(worst.observation, target)} in {worst.name}"
    times = f", {apart / sigma:.1f} standard errors" if sigma else ""
    if target.scale == "log10":
        low, high = REPLICATE_DECADES
        size = f"they differ by {apart:.2f} decades{times}; published replicates differ by {low:g} to {high:g}"
    else:
        size = f"they differ by {apart:.3g}{times}"
    yield f"{what.formula} is {figures}: {size}"


def _apart(one: Observation, other: Observation, target: Target) -> tuple[float, float]:
    """How far apart two observations are, and its standard error (0: not known); a bound only from what is above it."""
    high, low = (one, other) if one.value >= other.value else (other, one)
    if high.is_bound or _other_conditions(one, other):
        return 0.0, 0.0
    if target.scale == "linear":
        return high.value - low.value, hypot(high.stderr or 0.0, low.stderr or 0.0)
    errors = [(each.stderr or 0.0) / each.value / log(10.0) for each in (high, low)]
    return log10(high.value / low.value), hypot(*errors)


def _figures(what: Observation, target: Target) -> str:
    error = "" if what.stderr is None else f" ± {what.stderr:.2g}"
    return (
        f"{'below ' if what.is_bound else ''}{what.value:.4g}{error}{f' {target.unit}' if target.is_lifetime else ''}"
    )


def _crystal(what: Observation, n_digits: int = 9, sample: str | None = None) -> object:
    """What a row is the same by: compound, crystal and value, which another unit may change in the last digits."""
    sample = _label(what) if sample is None else sample
    return what.formula, sample, float(f"{what.value:.{n_digits}g}"), what.is_bound


def _label(what: Observation) -> str:
    """The name of a crystal but for capitals and blanks, which people write now so and now so."""
    return "".join(what.sample.split()).casefold()


def _renamed(what: Observation) -> object:
    """What an observation is the same by whose formula was corrected."""
    return "crystal", _label(what), float(f"{what.value:.9g}"), what.is_bound


def _rounded(what: Observation) -> list[object]:
    """What a row of a crystal with a name is the same by if somebody rounds its value, to three digits at least."""
    keys = dict.fromkeys(_crystal(what, n_digits) for n_digits in range(6, 2, -1) if what.sample)
    return [key for key in keys if key != _crystal(what)]


def _names(what: Observation) -> list[object]:
    """What an observation in the record is found by: as it is, rounded, and without the name of its crystal."""
    rounded = [("rounded", key) for key in _rounded(what)]
    return [_crystal(what), *rounded, *([("named", _crystal(what, sample=""))] if what.sample else [])]


def _asked(what: Observation) -> list[object]:
    """What a row is looked for by, in this order."""
    exact = _crystal(what)
    return [exact, ("rounded", exact), *_rounded(what), _crystal(what, sample="") if what.sample else ("named", exact)]


def _other_conditions(one: Observation, other: Observation) -> bool:
    densities = stated_density(one.technique) or None, stated_density(other.technique) or None
    pairs = ((one.temperature_k, other.temperature_k), (one.fluence_uj_cm2, other.fluence_uj_cm2), densities)
    return any(None not in pair and pair[0] != pair[1] for pair in pairs)


def _merged(known: Observation, told: Observation) -> tuple[Observation, list[str]]:
    """What is known with what is told of it now, and the changes in words. An empty cell says nothing."""
    changes, words = dict[str, object](), []
    for name, word in _REST.items():
        before, after = getattr(known, name), getattr(told, name)
        if after not in ("", None) and after != before and (name != "sample" or _label(told) != _label(known)):
            changes[name] = after
            words.append(f"{word} {after!r}" if before in ("", None) else f"{word} {before!r} becomes {after!r}")
    return known.model_copy(update=changes), words


@cache
def _published_rows() -> dict[Compound, tuple[Known, ...]]:
    """The published lifetimes by compound; those of doubtful composition have none."""
    data = SpinDataset.published()
    found: dict[Compound, tuple[Known, ...]] = {}
    for compound, row in zip(data.compounds, data.table.to_dict("records"), strict=True):
        if compound is not None:
            what = Observation(
                formula=compound.formula,
                value=row["lifetime_ps"],
                sample=row["material_id"],
                source=row["doi"],
                technique=row["flags"],
            )
            name = f"the published row {row['material_id']} (doi {row['doi']})"
            found[compound] = (*found.get(compound, ()), Known(what, name))
    return found


def _published(compound: Compound) -> list[Known]:
    """The published lifetimes of a compound that were measured as others are, under the name it has here."""
    doubtful = ("other_conditions", "conflict", "unknown")
    rows = _published_rows().get(compound, ())
    return [
        replace(one, observation=one.observation.model_copy(update={"formula": compound.formula}))
        for one in rows
        if not any(word in one.observation.technique for word in doubtful)
    ]


def _published_copy(row: ReadRow) -> Known | None:
    """The published row that a row is a copy of: compound and lifetime, maybe rounded. A crystal with a name of the
    lab's own is none but to three digits, in which two crystals hardly ever agree, or where its source is the row's."""
    what = row.observation
    n_digits = len(f"{what.value:.12g}".replace(".", "").strip("0"))
    one = _published_twin(row)
    if one is None or what.sample in ("", one.observation.sample) or n_digits >= 3:
        return one
    return one if one.observation.source.lower() in what.source.lower() else None


def _published_twin(row: ReadRow) -> Known | None:
    """The published row of the same compound and lifetime, maybe rounded."""
    what = row.observation
    for one in () if what.is_bound else _published_rows().get(row.compound, ()):
        exact = one.observation.value
        same = isclose(exact, what.value, rel_tol=1e-6) or any(
            isclose(float(f"{exact:.{digits}g}"), what.value, rel_tol=1e-9) for digits in range(2, 7)
        )
        if same:
            return one
    return None


@lru_cache(maxsize=4096)
def _read_as(formula: str, shown: str, compound: Compound) -> str:
    """Which names of cations in a formula were read as others; "" where none was. Compounds are equal whatever a
    library calls their cations, so `shown` tells them apart."""
    text = normalise(formula)
    inside = re.findall(r"\(([^()]*)\)", text)
    outside = re.sub(r"\([^()]*\)", " ", text)
    changed = []
    for cation, _ in compound.cation_counts:
        name = re.escape(cation.abbreviation)
        if cation.is_organic and not (
            any(re.search(rf"(?<![^\d.]){name}(?![^\d.])", part) for part in inside) or re.search(name, outside)
        ):
            full = next((f", {word}" for word in cation.names if word.endswith(("ium", "amine"))), "")
            changed.append(f"{cation.abbreviation}{full}")
    return f"{formula} is read as {shown} ({'; '.join(changed)})" if changed else ""
