"""Descriptors of compounds: ten that are always there, and those that other packages register.

A number of an organic cation is averaged over the organic cations of one formula unit with their stoichiometric
weights: (PEA)2(MA)Pb2I7 has (2 PEA + 1 MA) / 3. Cations without carbon (caesium, rubidium, ammonium) have no such
numbers and no part in the average. The tolerance factor is that of the averaged radius.

Source: the descriptor table of doi 10.1039/d5sc07406a, whose averages these rules reproduce.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from chemspace.geometry import tolerance_factor
from chemspace.registry import Registry
from chemspace.tables.grid import package_table
from oracle.errors import DescriptorError, InputError
from oracle.record import CationRecord

if TYPE_CHECKING:
    from chemspace.cation import Cation
    from chemspace.compound import Compound
    from chemspace.space import CompoundSpace, SpaceBlock

__all__ = ["DEFAULT_DESCRIPTORS", "DESCRIPTORS", "Descriptor", "DescriptorSet", "descriptor_set"]

#: How a descriptor enters as a feature: as it is, as its logarithm, as log(1 + it), as 1 / it; "" not at all.
Enters: TypeAlias = Literal["linear", "log", "log1p", "inverse", ""]
#: A number of one organic cation; None or NaN where it is not known.
CationNumber: TypeAlias = Callable[[CationRecord], float | None]


@dataclass(frozen=True)
class Descriptor:
    """One number that is known of a compound before it is made."""

    name: str  #: of its column
    label: str  #: in words
    unit: str = ""  #: as text, "" for a pure number; `scale` then may say whose
    scale: str = ""  #: name of the scale of a pure number
    enters: Enters = "linear"  #: how it enters as a feature
    feature: str = ""  #: name of that feature
    feature_label: str = ""  #: the feature in words
    #: From a finished record to the number; None for the two that belong to the framework.
    of_cation: CationNumber | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Name and label of the feature where they are not given."""
        prefix = {"linear": "", "": ""}.get(self.enters, f"{self.enters}_")
        object.__setattr__(self, "feature", self.feature or f"{prefix}{self.name}")
        object.__setattr__(self, "feature_label", self.feature_label or self.label)


#: Every descriptor by name.
DESCRIPTORS: Registry[Descriptor] = Registry("descriptor", DescriptorError)


def register_descriptor(
    name: str, *, label: str = "", unit: str = "", scale: str = "", enters: Enters = "linear", feature: str = ""
) -> Callable[[CationNumber], CationNumber]:
    """Decorate a function from the record of an organic cation (its geometry, SMILES, numbers) to a further number. A
    campaign whose description names it under `descriptors` learns from it: it is averaged over the organic cations of a
    compound as the others are, and stands in features, ranking, explanation and files. The first sentence of the
    function's docstring is what `spinscreen plugins` says of it. The function gives None or NaN where the number is not
    known of a cation; compounds with that cation are then not ranked. Arguments as `Descriptor`; without a label the
    name in words. Raises RegistryError if the name is taken."""

    def add(of_cation: CationNumber) -> CationNumber:
        described = Descriptor(name, label or name.replace("_", " "), unit, scale, enters, feature, of_cation=of_cation)
        DESCRIPTORS.add(name, described, declared=of_cation)
        return of_cation

    return add


#: The descriptors of every campaign that are of cations, as columns of a record, each with what it is. The reference
#: paper drops the gap and the radius because each has |r| > 0.9 with a descriptor that stays. One bohr^3 is one atomic
#: unit of polarizability.
_OWN = package_table("descriptors.csv", "oracle")
for _row in _OWN:
    _name, _enters = _row["name"], cast(Enters, _row["enters"])
    _own = Descriptor(_name, _row["label"], _row["unit"], _row["scale"], _enters, _row["feature"])
    DESCRIPTORS.add(_name, replace(_own, of_cation=attrgetter(_name)), declared=CationRecord, words=_row["words"])


def _n_layers(compound: Compound) -> float:
    """Number of octahedral layers between two spacer layers, infinite for a three-dimensional compound."""
    return np.inf if compound.n_layers is None else compound.n_layers


_FRAMEWORK = (
    Descriptor("tolerance_factor", "tolerance factor"),
    Descriptor("n_layers", "layers", enters="inverse", feature="inverse_n_layers", feature_label="number of layers"),
)
DESCRIPTORS.add("tolerance_factor", _FRAMEWORK[0], declared=tolerance_factor)
DESCRIPTORS.add("n_layers", _FRAMEWORK[1], declared=_n_layers)


@dataclass(frozen=True)
class DescriptorSet:
    """The descriptors of one campaign; c of them are of cations. `of_cations`: c descriptors that are averaged over
    organic cations, those of every campaign first."""

    of_cations: tuple[Descriptor, ...]

    @cached_property
    def columns(self) -> tuple[Descriptor, ...]:
        """All c + 2: those of cations, tolerance factor and number of layers."""
        return self.of_cations + _FRAMEWORK

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the c + 2 columns."""
        return tuple(descriptor.name for descriptor in self.columns)

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the d features, in the order of their columns."""
        return tuple(descriptor.feature for descriptor in self.columns if descriptor.enters)

    @property
    def further_sources(self) -> tuple[str, ...]:
        """Name and source of each descriptor that not every campaign has: what numbers that are kept depend on."""
        further = self.names[len(DEFAULT_DESCRIPTORS.of_cations) : -len(_FRAMEWORK)]
        return tuple(f"{entry.name} {entry.source}" for entry in DESCRIPTORS.entries() if entry.name in further)

    @cached_property
    def radius(self) -> int:
        """Column of the radius, of which the tolerance factor is made."""
        return self.names.index("radius_angstrom")

    def __len__(self) -> int:
        return len(self.columns)

    def of_record(self, cation: Cation, table: Mapping[str, CationRecord]) -> tuple[float, ...]:
        """The c numbers of a cation; all NaN where it failed. Raises InputError if the cation has no record in `table`;
        DescriptorError if a registered function fails."""
        record = table.get(cation.inchikey)
        if record is None:
            raise InputError(f"{cation.abbreviation} ({cation.inchikey}) has no record; describe it first")
        if not record.ok:
            return (np.nan,) * len(self.of_cations)
        return tuple(_number(descriptor, record) for descriptor in self.of_cations)


def _number(descriptor: Descriptor, record: CationRecord) -> float:
    assert descriptor.of_cation is not None
    try:
        value = descriptor.of_cation(record)
        return np.nan if value is None else float(value)
    except Exception as error:  # another package's function; what it was asked is worth more than where it stopped
        raise DescriptorError(
            f"the descriptor {descriptor.name} fails for {record.smiles}: {type(error).__name__}: {error}"
        ) from error


#: The ten descriptors of every campaign.
DEFAULT_DESCRIPTORS = DescriptorSet(tuple(DESCRIPTORS.get(row["name"]) for row in _OWN))
#: Their columns, units in the names.
DESCRIPTOR_NAMES = DEFAULT_DESCRIPTORS.names


def descriptor_set(further: Sequence[str] = ()) -> DescriptorSet:
    """The ten descriptors of every campaign and those registered under further names. Raises DescriptorError for a name
    that nothing has, or that is there anyway."""
    if not further:
        return DEFAULT_DESCRIPTORS
    if twice := [name for at, name in enumerate(further) if name in DESCRIPTOR_NAMES or name in further[:at]]:
        raise DescriptorError(f"the descriptor {twice[0]!r} is there already; name further ones only, each once")
    return DescriptorSet(DEFAULT_DESCRIPTORS.of_cations + tuple(DESCRIPTORS.get(name) for name in further))


@dataclass(frozen=True)
class CationTable:
    """Per-cation descriptors of m cations. `values`: shape (m, c), columns `descriptors.of_cations`; NaN rows where the
    cation failed or holds no carbon; `organic`: shape (m,), True where the cation holds carbon and so takes part in
    the averages; `descriptors`: of the columns."""

    values: NDArray[np.float64]
    organic: NDArray[np.bool_]
    descriptors: DescriptorSet = DEFAULT_DESCRIPTORS

    @classmethod
    def from_records(
        cls,
        cations: Sequence[Cation],
        records: Sequence[CationRecord],
        descriptors: DescriptorSet = DEFAULT_DESCRIPTORS,
    ) -> CationTable:
        """Table of `cations`, in their order, of their records. InputError if a carbon-bearing cation has none."""
        by_key = {record.inchikey: record for record in records}
        organic = np.array([cation.is_organic for cation in cations], dtype=np.bool_)
        values = np.full((len(cations), len(descriptors.of_cations)), np.nan)
        for row, cation in zip(values, cations, strict=True):
            if cation.is_organic:
                row[:] = descriptors.of_record(cation, by_key)
        return cls(values, organic, descriptors)


def compound_descriptors(
    compounds: Sequence[Compound], table: Mapping[str, CationRecord], descriptors: DescriptorSet = DEFAULT_DESCRIPTORS
) -> NDArray[np.float64]:
    """Descriptors of k compounds, shape (k, c + 2), columns as in `descriptors`.

    n_layers is inf for a three-dimensional compound. A row is NaN but for n_layers where a needed cation failed or the
    compound has no organic cation. Mixed halides take the mean of the pure halides' tolerance factors.

    Args:
        compounds: k compounds.
        table: record of each organic cation by InChIKey.
        descriptors: of the columns.

    Raises:
        InputError: if an organic cation has no record in `table`.

    Example:
        >>> from chemspace import CationLibrary, parse_formula
        >>> from oracle import compound_descriptors, describe
        >>> (record,) = describe([CationLibrary.builtin()["MA"]], workers=1)
        >>> compound_descriptors([parse_formula("MAPbI3")], {record.inchikey: record}).shape
        (1, 10)
    """
    c, out = len(descriptors.of_cations), np.full((len(compounds), len(descriptors)), np.nan)
    for row, compound in zip(out, compounds, strict=True):
        row[-1] = _n_layers(compound)
        parts = [(cation, float(count)) for cation, count in compound.cation_counts if count and cation.is_organic]
        if not parts:
            continue
        weights = np.array([count for _, count in parts])
        values = np.array([descriptors.of_record(cation, table) for cation, _ in parts])
        # The same order of operations as in space_descriptors: the two agree to the last bit.
        row[:c] = (weights[:, None] * values).sum(0) / weights.sum()
        radius = row[descriptors.radius]
        row[c] = sum(float(part) * tolerance_factor(radius, compound.b_site, x) for x, part in compound.halide)
    return out


def space_descriptors(
    space: CompoundSpace, block: SpaceBlock, spacer_table: CationTable, cage_table: CationTable
) -> NDArray[np.float64]:
    """Descriptors of the m compounds of a `block` of `space`, shape (m, c + 2), as `compound_descriptors`;
    `spacer_table` is of `space.spacers`, `cage_table` of `space.cage_cations`."""
    spacer_weight = 2.0 / space.charges[block.spacer] * spacer_table.organic[block.spacer]
    has_cage = block.cage >= 0
    option = np.where(has_cage, block.cage, 0)
    total = spacer_weight[:, None] * np.where(spacer_weight[:, None] > 0, spacer_table.values[block.spacer], 0.0)
    weight = spacer_weight.astype(np.float64)
    for places, fractions in _cage_parts(space):
        cage = places[option]
        cage_weight = np.where(has_cage, fractions[option] * (block.n_layers - 1.0), 0.0) * cage_table.organic[cage]
        total = total + cage_weight[:, None] * np.where(cage_weight[:, None] > 0, cage_table.values[cage], 0.0)
        weight = weight + cage_weight
    descriptors = spacer_table.descriptors
    c, out = len(descriptors.of_cations), np.empty((len(block.index), len(descriptors)))
    with np.errstate(invalid="ignore"):
        out[:, :c] = total / weight[:, None]
    out[:, c] = _tolerance(space, block, out[:, descriptors.radius])
    out[:, c + 1] = block.n_layers
    return out


def _cage_parts(space: CompoundSpace) -> list[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """First, second, ... part of every cage option: its place in `space.cage_cations` and its fraction, 0 for none."""
    place = {cation: number for number, cation in enumerate(space.cage_cations)}
    parts = []
    for which in range(max(map(len, space.cage_options), default=0)):
        held = [option[which] if which < len(option) else None for option in space.cage_options]
        places = np.array([0 if part is None else place[part[0]] for part in held], dtype=np.intp)
        parts.append((places, np.array([0.0 if part is None else float(part[1]) for part in held])))
    return parts


def _tolerance(space: CompoundSpace, block: SpaceBlock, radius: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.empty(len(radius))
    frame = block.b_site * len(space.halide_options) + block.halide
    for code in np.unique(frame):
        b_site, halide = divmod(int(code), len(space.halide_options))
        chosen = frame == code
        parts = space.halide_options[halide]
        metal = space.b_sites[b_site]
        out[chosen] = sum(float(part) * tolerance_factor(radius[chosen], metal, symbol) for symbol, part in parts)
    return out
