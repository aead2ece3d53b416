"""Measured spin lifetimes: the published ones as package data, and those of a campaign appended to them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chemspace.tables.grid import package_table
from oracle.descriptors import DESCRIPTOR_NAMES
from screening.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

    from chemspace import CationLibrary, Compound

__all__ = [
    "EXCLUDING_FLAGS",
    "UPPER_BOUND",
    "contradicting",
    "excluding_flags",
    "published_descriptors",
    "stated_conditions",
]


#: Flag of a row whose lifetime is only an upper bound: the response did not resolve it. Its rate is a lower bound, and
#: that is what the surrogates learn from it.
UPPER_BOUND = "upper_bound"

_FLAGS = package_table("flags.csv", "screening")
#: Every flag of the published table, with its meaning.
FLAGS = MappingProxyType({row["flag"]: row["meaning"] for row in _FLAGS})
#: Flags that keep a row out of training unless flagged rows are asked for, with the reason. None of them was set by
#: looking at what a model predicts for the row.
EXCLUDING_FLAGS = MappingProxyType({row["flag"]: row["meaning"] for row in _FLAGS if row["excludes"]})

#: Standard deviation of log10 rate given to rows with an excluding flag when they are asked for. Their conditions are
#: unknown, and temperature alone moves a lifetime by a decade (3 ps at room temperature, 32 ps cooled, in the source
#: that the paper's CsPbI3 most likely comes from): a decade is taken as two standard deviations.
DOUBTFUL_LOG10_SD = 0.5

#: Room temperature, K. Published rows state none and are taken to be of it.
ROOM_TEMPERATURE_K = (283.0, 308.0)
#: A decade around the 3.5 and 3.9 microjoules a square centimetre that published rows state; the others state none and
#: are taken to be of it.
USUAL_FLUENCE_UJ_CM2 = (0.37, 37.0)
#: Techniques whose lifetimes are not those of optically oriented carriers without a field.
_OTHER_TECHNIQUES = re.compile(r"hanle|spin noise|muon|\b(epr|esr|odmr|nmr)\b", re.IGNORECASE)
#: One carrier by itself, and a density, as a technique states them. Kirstein et al., arXiv 2212.02878, measure 190 ps
#: for resident electrons of (PEA)2PbI4.
_ONE_CARRIER = re.compile(r"\b(?:resident|carriers?:?) (electron|hole|trion)s?\b(?! and| or|/|\+|-)", re.IGNORECASE)
_DENSITY = re.compile(r"\bdensity ([\d.]+(?:e[-+]?\d+)?) cm-3", re.IGNORECASE)
#: Decades from its replicates, or in density from the other rows, beyond which a row is set apart.
CONTRADICTION = 1.0
#: Degrees of freedom of the published replicates' spread beside a campaign's own, and how many of its standard
#: deviations one replicate may count for at most: a bad crystal must not blur what is known of every compound.
PRIOR_FREEDOM, MOST_DEVIATIONS = 20.0, 2.0


def excluding_flags(flags: str) -> tuple[str, ...]:
    """Those of a row's flags (joined by semicolons) that keep it out of training."""
    return tuple(flag for flag in flags.split(";") if flag in EXCLUDING_FLAGS)


def stated_conditions(
    temperature_k: float | None, technique: str, fluence_uj_cm2: float | None = None
) -> tuple[str, ...]:
    """The excluding flags of a row that says how it was measured; none where it says nothing or what the others say."""

    def outside(value: float | None, window: tuple[float, float]) -> bool:
        return value is not None and bool(np.isfinite(value)) and not window[0] <= value <= window[1]

    told = {
        "other_temperature": outside(temperature_k, ROOM_TEMPERATURE_K),
        "other_fluence": outside(fluence_uj_cm2, USUAL_FLUENCE_UJ_CM2),
        "other_technique": _OTHER_TECHNIQUES.search(technique) is not None,
        "other_carrier": _ONE_CARRIER.search(technique) is not None,
    }
    return tuple(flag for flag, is_so in told.items() if is_so)


def stated_density(technique: str) -> list[float]:
    """log10 of the density, per cubic centimetre, that a technique states; empty where it states none."""
    return [math.log10(float(number)) for number in _DENSITY.findall(technique)[:1]]


def contradicting(log10_rates: Sequence[float]) -> list[int]:
    """Rows of one compound, as they came, more than `CONTRADICTION` decades from most; of two the first is believed."""
    believed = log10_rates if len(log10_rates) % 2 else log10_rates[:-1]
    if not believed or max(log10_rates) - min(log10_rates) <= CONTRADICTION:
        return []
    centre = float(np.median(believed))
    return [row for row, rate in enumerate(log10_rates) if abs(rate - centre) > CONTRADICTION]


#: What a lifetime may be, and the factor to tau, the time constant of exp(-t/tau) fitted to the difference SC - CC.
DEFINITIONS = {"tau": 1.0, "half_life": 1.0 / math.log(2.0)}

#: Columns a measurement table may have beside formula and lifetime_ps, with their defaults.
MEASUREMENT_COLUMNS: dict[str, str | float] = {
    "material_id": "",
    "lifetime_stderr_ps": np.nan,
    "definition": "tau",
    "temperature_k": np.nan,
    "fluence_uj_cm2": np.nan,
    "technique": "",
    "form": "",
    "split": "campaign",
    "flags": "",
    "doi": "",
    "reference_in_paper": "",
    "note": "",
}

#: Lifetimes outside this range (ps) are refused as a likely error of unit. Pump and probe pulses of about 0.1 ps do
#: not resolve less than a fifth of that; the longest published here is 40 ps and a factor 1,000 turns the shortest
#: typical one (0.12 ps) into 120, so the upper bound leaves slow compounds a factor 25 of room.
PLAUSIBLE_LIFETIME_PS = (0.02, 1000.0)


def checked_measurements(rows: pd.DataFrame, *, convert: bool = False, confirm_range: bool = False) -> pd.DataFrame:
    """A copy of `rows` (`formula`, `lifetime_ps` and any of `MEASUREMENT_COLUMNS`) with every measurement column,
    lifetimes as tau in ps: other definitions of a lifetime are turned into it if asked, and those outside
    `PLAUSIBLE_LIFETIME_PS` taken if confirmed, else refused; a `DatasetError` names row and column."""
    for column in ("formula", "lifetime_ps"):
        if column not in rows.columns:
            raise DatasetError(f"the table has no column {column!r}; it has {', '.join(map(str, rows.columns))}")
    table = rows.reset_index(drop=True).copy()
    for column, default in MEASUREMENT_COLUMNS.items():
        table[column] = table[column].fillna(default) if column in table.columns else default
    _check_numbers(table, "lifetime_ps", low_is_allowed=False)
    _check_numbers(table.dropna(subset=["lifetime_stderr_ps"]), "lifetime_stderr_ps", low_is_allowed=True)
    factor = np.array([_definition_factor(i, str(d), convert) for i, d in table["definition"].items()])
    table["lifetime_ps"] = table["lifetime_ps"].astype(float) * factor
    table["lifetime_stderr_ps"] = table["lifetime_stderr_ps"].astype(float) * factor
    table["definition"] = "tau"
    if not confirm_range:
        low, high = PLAUSIBLE_LIFETIME_PS
        values = table["lifetime_ps"].to_numpy(dtype=float)
        outside = np.flatnonzero((values < low) | (values > high))
        if outside.size:
            at = int(outside[0])
            unit = "nanoseconds" if values[at] < low else "femtoseconds"
            raise DatasetError(
                f"row {at}, column 'lifetime_ps': {values[at]:g} ps lies outside {low:g} to {high:g} ps; was it filed "
                f"in {unit}? Confirm the range if it is right"
            )
    return table


def _check_numbers(table: pd.DataFrame, column: str, *, low_is_allowed: bool) -> None:
    import pandas as pd

    numbers = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float)
    good = np.isfinite(numbers) & ((numbers >= 0.0) if low_is_allowed else (numbers > 0.0))
    if not good.all():
        at = int(np.flatnonzero(~good)[0])
        raise DatasetError(
            f"row {table.index[at]}, column {column!r}: {table[column].iloc[at]!r} is no "
            f"{'non-negative' if low_is_allowed else 'positive'} number of picoseconds"
        )


def _definition_factor(row: object, definition: str, convert: bool) -> float:
    if definition not in DEFINITIONS:
        raise DatasetError(
            f"row {row}, column 'definition': {definition!r} is unknown; tau is the time constant of the difference "
            f"SC - CC, and {', '.join(DEFINITIONS)} can be read"
        )
    if definition != "tau" and not convert:
        raise DatasetError(
            f"row {row}, column 'definition': a {definition} is not tau; ask for conversion (times "
            f"{DEFINITIONS[definition]:.4f}) or give the time constant of the difference SC - CC"
        )
    return DEFINITIONS[definition]


#: Columns of a data set's table; units stand in the names.
DATASET_COLUMNS = (
    "material_id",
    "formula",
    "lifetime_ps",
    "lifetime_stderr_ps",
    "rate_per_ps",
    "log10_rate",
    "log10_rate_stderr",
    "group",
    "phase",
    "n_layers",
    *(name for name in MEASUREMENT_COLUMNS if name not in ("material_id", "lifetime_stderr_ps")),
)


@dataclass(frozen=True)
class SpinDataset:
    """Rows of measured lifetimes, replicates kept as rows.

    Attributes:
        table: one row a measurement, columns `DATASET_COLUMNS`. `log10_rate_stderr` is the row's own standard error
            where it is known, else the pooled standard deviation of replicates; half a decade for rows with an
            excluding flag. `group` is the spacer's InChIKey, or "3D". Do not change it in place: `rows` hands out
            copies.
        parts: what a compound is built from, one entry a row: a `Compound`, the published columns of one still to be
            built, or None where the composition is unknown.

    Example:
        >>> from screening import SpinDataset
        >>> published = SpinDataset.published()
        >>> len(published.table)
        52
    """

    table: pd.DataFrame
    parts: tuple[object, ...]

    @classmethod
    @cache
    def published(cls) -> SpinDataset:
        """The 52 measurements of the reference paper (doi 10.1039/d5sc07406a; its public table, MIT licence,
        github.com/DogofKristin-hue/SRR), formulas and spacers corrected, doubtful rows flagged (`screening.dataset`).
        """
        import pandas as pd

        filed = _read_csv("published_lifetimes.csv")
        table = filed.drop(columns=["rate_per_ps"]).assign(
            lifetime_ps=1.0 / filed["rate_per_ps"].astype(float),
            group=filed["spacer_inchikey"].replace("", "3D"),
            n_layers=filed["n_layers"].astype(float),
            lifetime_stderr_ps=pd.to_numeric(filed["lifetime_stderr_ps"]),
            temperature_k=pd.to_numeric(filed["temperature_k"]),
            fluence_uj_cm2=pd.to_numeric(filed["fluence_uj_cm2"]),
        )
        columns = filed[["spacer_inchikey", "spacer_smiles", "spacer", "cage", "b_site", "halide", "n_layers"]]
        rows = columns.itertuples(index=False, name=None)
        parts = tuple(None if "/" in row[3] or "/" in row[5] else row for row in rows)
        return cls(_with_rates(table), parts)

    @classmethod
    def alone(cls, rows: pd.DataFrame, library: CationLibrary | None = None) -> SpinDataset:
        """Measurements of another task (metal, halide, technique, laboratory): none is set apart, and rows without an
        error have that of the published replicates. Arguments and errors as for `append`, of any size."""
        published = cls.published()
        spread = _replicate_sd(published.table, robust=False)
        both = published.append(rows, library, confirm_range=True, robust=False)
        own = both.subset(np.arange(len(both)) >= len(published))
        errors = own.table["lifetime_stderr_ps"].astype(float) / (own.table["lifetime_ps"] * np.log(10.0))
        return cls(own.table.assign(log10_rate_stderr=errors.fillna(spread)), own.parts)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def rows(self) -> pd.DataFrame:
        """A copy of the table."""
        return self.table.copy()

    @cached_property
    def compounds(self) -> tuple[Compound | None, ...]:
        """One compound a row; None where the composition is unknown."""
        return tuple(_build(part) for part in self.parts)

    def called_by(self, library: CationLibrary) -> SpinDataset:
        """The same rows, their compounds by the names that `library` gives the cations."""
        called = tuple(None if compound is None else _called(compound, library) for compound in self.compounds)
        if all(new is old for new, old in zip(called, self.compounds, strict=True)):
            return self
        formulas = [
            filed if new is old or new is None else new.formula
            for filed, new, old in zip(self.table["formula"], called, self.compounds, strict=True)
        ]
        return SpinDataset(self.table.assign(formula=formulas), called)

    @property
    def log10_rate(self) -> NDArray[np.float64]:
        """Targets, log10 of the rate in 1/ps, shape (k,)."""
        return self.table["log10_rate"].to_numpy(dtype=np.float64)

    @property
    def noise(self) -> NDArray[np.float64]:
        """Standard deviation of each target in log10 units, shape (k,)."""
        return self.table["log10_rate_stderr"].to_numpy(dtype=np.float64)

    @property
    def censored(self) -> NDArray[np.bool_]:
        """Rows whose lifetime is only an upper bound, so that `log10_rate` is a lower one, shape (k,)."""
        return _is_bound(self.table)

    @property
    def groups(self) -> tuple[str, ...]:
        """Spacer of each row, or "3D"; enantiomers and their racemate share the first block of the InChIKey."""
        return tuple(group.split("-")[0] for group in self.table["group"])

    def trainable(self, include_flagged: bool = False) -> SpinDataset:
        """The rows a model trains on: those without an excluding flag, or all of them if asked."""
        if include_flagged:
            return self
        return self.subset(np.array([not excluding_flags(flags) for flags in self.table["flags"]]))

    def subset(self, keep: NDArray[np.bool_]) -> SpinDataset:
        """The rows where `keep`, shape (k,), is true; their errors stay as they are."""
        chosen = self.table[keep].reset_index(drop=True)
        return SpinDataset(chosen, tuple(p for p, k in zip(self.parts, keep, strict=True) if k))

    def append(
        self,
        rows: pd.DataFrame,
        library: CationLibrary | None = None,
        *,
        convert: bool = False,
        confirm_range: bool = False,
        robust: bool = True,
    ) -> SpinDataset:
        """The data set with further measurements.

        Args:
            rows: needs `formula` and `lifetime_ps`, may have the columns of `MEASUREMENT_COLUMNS`; the flag
                `upper_bound` says that a lifetime is only that.
            library: where the formulas' abbreviations are looked up, by default the built-in one.
            convert: turn other definitions of a lifetime into tau instead of refusing them.
            confirm_range: accept lifetimes of an implausible size.
            robust: set rows apart that were measured otherwise or contradict their replicates by more than a decade,
                and hold the error of rows without one near the published replicates' spread. Release 0.1.0 did
                neither.

        Raises:
            DatasetError: naming row and column.
            ChemspaceError: for a formula that cannot be read.
        """
        import pandas as pd

        from chemspace import parse_formula  # RDKit loads only when formulas are read

        checked = checked_measurements(rows, convert=convert, confirm_range=confirm_range)
        texts = checked["formula"].astype(str)
        read = {text: parse_formula(text, library) for text in texts.unique()}
        compounds = tuple(read[text] for text in texts)
        checked = checked.assign(
            group=["3D" if c.spacer is None else c.spacer.inchikey for c in compounds],
            phase=[c.phase for c in compounds],
            n_layers=[np.inf if c.n_layers is None else float(c.n_layers) for c in compounds],
        )
        own = self.table.drop(columns=["log10_rate_stderr"])
        full = pd.concat([own, checked], ignore_index=True)
        if robust:
            full = full.assign(flags=_set_apart(full))
        return SpinDataset(_with_rates(full, robust=robust), (*self.parts, *compounds))


def published_descriptors(*, as_filed: bool = False) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The ten published descriptors of the 52 rows: material identifiers and an array (52, 10), columns
    `DESCRIPTOR_NAMES`, NaN where a value is a placeholder. `as_filed`: not corrected, errors included (zeros for the
    orbitals of Cs)."""
    table = _read_csv("published_descriptors.csv")
    columns = [name if not as_filed or name == "n_layers" else f"{name}_filed" for name in DESCRIPTOR_NAMES]
    return tuple(table["material_id"]), table[columns].replace("", "nan").astype(float).to_numpy()


def _read_csv(name: str) -> pd.DataFrame:
    import pandas as pd

    with resources.files("screening").joinpath("data", name).open(encoding="utf-8") as stream:
        return pd.read_csv(stream, dtype=str, keep_default_na=False)


def _set_apart(table: pd.DataFrame) -> list[str]:
    """Flags of each row, those of other conditions among them where a campaign's row has them."""
    flags, techniques, splits = (list(map(str, table[name])) for name in ("flags", "technique", "split"))

    def flag(row: int, *further: str) -> None:
        flags[row] = ";".join(dict.fromkeys(word for word in (*flags[row].split(";"), *further) if word))

    temperatures, fluences = (table[name].astype(float).tolist() for name in ("temperature_k", "fluence_uj_cm2"))
    for row in (row for row, split in enumerate(splits) if split == "campaign"):
        flag(row, *stated_conditions(temperatures[row], techniques[row], fluences[row]))
    known = [(row, value) for row, text in enumerate(techniques) for value in stated_density(text)]
    for place in contradicting([value for _, value in known]):
        flag(known[place][0], "other_density")
    is_bound, rates = _is_bound(table), (-np.log10(table["lifetime_ps"].astype(float))).tolist()
    for _, rows in table.groupby("formula").groups.items():
        sound = [row for row in rows if not excluding_flags(flags[row]) and not is_bound[row]]
        if any(splits[row] == "campaign" for row in sound):
            for place in contradicting([rates[row] for row in sound]):
                flag(sound[place], "other_conditions")
    return flags


def _with_rates(table: pd.DataFrame, *, robust: bool = False) -> pd.DataFrame:
    """Rates, their logarithms and errors; columns in the order of DATASET_COLUMNS."""
    lifetime = table["lifetime_ps"].astype(float)
    full = table.assign(lifetime_ps=lifetime, rate_per_ps=1.0 / lifetime, log10_rate=-np.log10(lifetime))
    own = full["lifetime_stderr_ps"].astype(float) / (lifetime * np.log(10.0))
    doubtful = [bool(excluding_flags(flags)) for flags in full["flags"]]
    full["log10_rate_stderr"] = own.fillna(_replicate_sd(full, robust=robust)).mask(doubtful, DOUBTFUL_LOG10_SD)
    return full.loc[:, list(DATASET_COLUMNS)]


def _replicate_sd(table: pd.DataFrame, *, robust: bool) -> float:
    """Pooled standard deviation of log10 rate within materials, flagged rows left out: robust, the published rows' the
    prior of `PRIOR_FREEDOM`. A `DatasetError` if no material is measured twice."""
    sound = table[[not excluding_flags(flags) for flags in table["flags"]] & ~_is_bound(table)]
    squares, freedom = _within(sound)
    if int(freedom.sum()) == 0:
        raise DatasetError("no standard errors and no replicates: give lifetime_stderr_ps or keep the published rows")
    before, known = _within(sound[sound["split"] != "campaign"])
    if not robust or not known.sum():
        return float(np.sqrt(squares.sum() / freedom.sum()))
    prior = float(before.sum() / known.sum())
    added = freedom.sub(known, fill_value=0.0)
    own = squares.sub(before, fill_value=0.0).clip(0.0, added * MOST_DEVIATIONS**2 * prior)
    return float(np.sqrt((PRIOR_FREEDOM * prior + own.sum()) / (PRIOR_FREEDOM + added.sum())))


def _within(rows: pd.DataFrame) -> tuple[pd.Series[float], pd.Series[float]]:
    """Sum of squares around the mean and degrees of freedom of log10 rate, of each material measured twice or more."""
    within = rows.groupby("formula")["log10_rate"]
    freedom = (within.count() - 1).astype(float)
    return (within.var(ddof=1) * freedom).fillna(0.0), freedom


def _called(compound: Compound, library: CationLibrary) -> Compound:
    """A compound whose cations are called as in a library; itself where they are. Their roles stay: it was made."""
    known = ((cation, library.get_by_inchikey(cation.inchikey)) for cation, _ in compound.cation_counts)
    names = {
        old: replace(old, abbreviation=new.abbreviation, names=new.names)
        for old, new in known
        if new is not None and new.abbreviation != old.abbreviation
    }
    if not names:
        return compound
    cage = tuple((names.get(cation, cation), share) for cation, share in compound.cage)
    spacer = None if compound.spacer is None else names.get(compound.spacer, compound.spacer)
    return replace(compound, spacer=spacer, cage=cage)


def _is_bound(table: pd.DataFrame) -> NDArray[np.bool_]:
    return np.array([UPPER_BOUND in str(flags).split(";") for flags in table["flags"]], dtype=bool)


def _build(part: object) -> Compound | None:
    from chemspace import Compound

    if isinstance(part, tuple):
        return _published_compound(part)
    return part if isinstance(part, Compound) else None


@lru_cache(maxsize=256)  # asked for by every state of a campaign; a compound equals one with other names, so no part is
def _published_compound(part: tuple[str, ...]) -> Compound:
    from chemspace import Cation, CationLibrary, Compound

    inchikey, smiles, abbreviation, cage, b_site, halide, n_layers = part
    library = CationLibrary.builtin()
    spacer = library.get_by_inchikey(inchikey)
    if smiles and spacer is None:
        spacer = Cation.from_smiles(smiles, abbreviation=abbreviation)
    return Compound.of(
        spacer,
        library[cage] if cage else None,
        n_layers=None if n_layers == "inf" else int(n_layers),
        b_site=b_site,
        halide=halide,
    )
