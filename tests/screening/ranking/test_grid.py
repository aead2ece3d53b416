"""Features of a block worked out once a cation are those of the oracle's descriptors, to the last bit."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from chemspace.cation import Cation
from chemspace.constraints import LayerLimits, ToleranceWindow
from chemspace.space import CompoundSpace
from oracle.descriptors import CationTable
from screening.ranking import space_features
from screening.ranking.candidates import BlockFeatures
from tests.screening.ranking.test_rank import CAGES, SPACERS, _table

MA, FA, CS, _ = CAGES
MIXED = ((MA, Fraction(1, 4)), (FA, Fraction(1, 4)), (CS, Fraction(1, 2)))
SPACES = {
    "plain": CompoundSpace(SPACERS, CAGES, (1, 2, 3)),
    "one layer": CompoundSpace(SPACERS, (), (1,)),
    "mixtures": CompoundSpace(
        SPACERS,
        CAGES,
        (1, 2, 4),
        ("Pb", "Sn"),
        ("I", "Br"),
        cage_mixtures=(MIXED,),
        halide_mixtures=((("I", Fraction(1, 2)), ("Cl", Fraction(1, 2))),),
    ),
    "limits by phase": CompoundSpace(SPACERS, CAGES, (1, 2, 3), constraints=(LayerLimits(rp=(2, 3), dj=(1, 2)),)),
    "compound by compound": CompoundSpace(
        SPACERS, CAGES, (1, 2, 3), ("Pb", "Ge"), constraints=(ToleranceWindow(0.9, 1.0),)
    ),
}


@pytest.mark.parametrize("block_size", [1, 10, 40, 10_000])
@pytest.mark.parametrize("name", list(SPACES))
def test_every_compound_has_the_features_of_the_oracle(name: str, block_size: int) -> None:
    space = SPACES[name]
    tables = _table(space.spacers, 0), _table(space.cage_cations, 1)
    tables[0].values[4] = np.nan
    features, seen = BlockFeatures(space, *tables), 0
    for block in space.blocks(block_size):
        rows = features.rows(block)
        places, source = rows.places(np.arange(len(rows.x)))
        assert sorted(places.tolist()) == list(range(len(block)))
        expected = space_features(space, block.index, *tables)
        assert np.array_equal(rows.x[source], expected[places], equal_nan=True)
        seen += len(block)
    assert seen == space.n_allowed


def test_compounds_that_share_their_features_share_a_row() -> None:
    rubidium = Cation.from_smiles("[Rb+]", role="cage")
    space = CompoundSpace(SPACERS, (*CAGES, rubidium), (1, 2))
    table = CationTable(np.full((5, 8), np.nan), np.array([cage.is_organic for cage in space.cages]))
    table.values[:] = np.where(table.organic[:, None], 5.0 + np.arange(5)[:, None], np.nan)
    block = next(space.blocks(1000))
    rows = BlockFeatures(space, _table(SPACERS, 0), table).rows(block)
    assert len(block) == 6 * len(SPACERS)
    assert len(rows.x) == 5 * len(SPACERS)
