"""The ten descriptors of compounds, from the records of their organic cations.

Every per-cation number is averaged over the organic cations of one formula unit with their stoichiometric weights:
(PEA)2(MA)Pb2I7 has (2 PEA + 1 MA) / 3. Cations without carbon (caesium, rubidium, ammonium) have no such numbers and
no part in the average. The tolerance factor is that of the averaged radius.

Source: the descriptor table of doi 10.1039/d5sc07406a, whose averages these rules reproduce.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chemspace.geometry import tolerance_factor
from oracle.errors import InputError
from oracle.record import VALUE_NAMES, CationRecord

if TYPE_CHECKING:
    from chemspace.cation import Cation
    from chemspace.compound import Compound
    from chemspace.space import CompoundSpace, SpaceBlock

__all__ = ["DESCRIPTOR_NAMES", "CationTable", "compound_descriptors", "space_descriptors"]

#: Columns of every descriptor table, units in the names.
DESCRIPTOR_NAMES = (*VALUE_NAMES, "tolerance_factor", "n_layers")

_RADIUS = VALUE_NAMES.index("radius_angstrom")


@dataclass(frozen=True)
class CationTable:
    """Per-cation descriptors of c cations.

    Attributes:
        values: shape (c, 8), columns as in VALUE_NAMES; NaN rows where the cation failed or holds no carbon.
        organic: shape (c,), True where the cation holds carbon and so takes part in the averages.
    """

    values: NDArray[np.float64]
    organic: NDArray[np.bool_]

    @classmethod
    def from_records(cls, cations: Sequence[Cation], records: Sequence[CationRecord]) -> CationTable:
        """Table of `cations`, aligned with them.

        Args:
            cations: c cations.
            records: their records, in any order; others are passed over.

        Raises:
            InputError: if a carbon-bearing cation has no record.
        """
        by_key = {record.inchikey: record for record in records}
        organic = np.array([cation.is_organic for cation in cations], dtype=np.bool_)
        rows = [_values(cation, by_key) if held else _NOTHING for cation, held in zip(cations, organic, strict=True)]
        values = np.array(rows, dtype=np.float64).reshape(len(rows), len(VALUE_NAMES))
        return cls(values, organic)


def compound_descriptors(compounds: Sequence[Compound], table: Mapping[str, CationRecord]) -> NDArray[np.float64]:
    """Descriptors of k compounds, shape (k, 10), columns as in DESCRIPTOR_NAMES.

    n_layers is inf for a three-dimensional compound. A row is NaN but for n_layers where a needed cation failed or the
    compound has no organic cation. Mixed halides take the mean of the pure halides' tolerance factors.

    Args:
        compounds: k compounds.
        table: record of each organic cation by InChIKey.

    Raises:
        InputError: if an organic cation has no record in `table`.
    """
    out = np.full((len(compounds), len(DESCRIPTOR_NAMES)), np.nan)
    for row, compound in zip(out, compounds, strict=True):
        row[-1] = np.inf if compound.n_layers is None else compound.n_layers
        parts = [(cation, float(count)) for cation, count in compound.cation_counts if count and cation.is_organic]
        if not parts:
            continue
        weights = np.array([count for _, count in parts])
        values = np.array([_values(cation, table) for cation, _ in parts])
        # The same order of operations as in space_descriptors: the two agree to the last bit.
        row[:8] = (weights[:, None] * values).sum(0) / weights.sum()
        row[8] = sum(float(part) * tolerance_factor(row[_RADIUS], compound.b_site, x) for x, part in compound.halide)
    return out


def space_descriptors(
    space: CompoundSpace, block: SpaceBlock, spacer_table: CationTable, cage_table: CationTable
) -> NDArray[np.float64]:
    """Descriptors of the m compounds of a block, shape (m, 10); the numbers of `compound_descriptors`, vectorised.

    Args:
        space: the space of the block.
        block: m compounds by index.
        spacer_table: table of `space.spacers`.
        cage_table: table of `space.cage_cations`, those of mixtures included.
    """
    spacer_weight = _spacers_per_formula(space)[block.spacer] * spacer_table.organic[block.spacer]
    has_cage = block.cage >= 0
    option = np.where(has_cage, block.cage, 0)
    total = spacer_weight[:, None] * np.where(spacer_weight[:, None] > 0, spacer_table.values[block.spacer], 0.0)
    weight = spacer_weight.astype(np.float64)
    for places, fractions in _cage_parts(space):
        cage = places[option]
        cage_weight = np.where(has_cage, fractions[option] * (block.n_layers - 1.0), 0.0) * cage_table.organic[cage]
        total = total + cage_weight[:, None] * np.where(cage_weight[:, None] > 0, cage_table.values[cage], 0.0)
        weight = weight + cage_weight
    out = np.empty((len(block.index), len(DESCRIPTOR_NAMES)))
    with np.errstate(invalid="ignore"):
        out[:, :8] = total / weight[:, None]
    out[:, 8] = _tolerance(space, block, out[:, _RADIUS])
    out[:, 9] = block.n_layers
    return out


_NOTHING = (np.nan,) * len(VALUE_NAMES)


def _values(cation: Cation, table: Mapping[str, CationRecord]) -> tuple[float, ...]:
    record = table.get(cation.inchikey)
    if record is None:
        raise InputError(f"{cation.abbreviation} ({cation.inchikey}) has no record; describe it first")
    if not record.ok:
        return _NOTHING
    return tuple(getattr(record, name) for name in VALUE_NAMES)


def _spacers_per_formula(space: CompoundSpace) -> NDArray[np.float64]:
    """2 of a mono-cation (Ruddlesden-Popper), 1 of a dication (Dion-Jacobson)."""
    return np.array([2.0 / cation.charge for cation in space.spacers])


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
