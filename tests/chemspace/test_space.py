"""The space as an index: lengths, random access, blocks, membership, and walking past constraints."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chemspace import Cation, CationLibrary, Compound, CompoundSpace, SpaceError, parse_formula
from chemspace.cation import CationColumns
from chemspace.constraints import (
    AllowedPairs,
    Constraint,
    ExcludedCations,
    ExcludedElements,
    HeavyAtomLimits,
    LayerLimits,
    OctahedralWindow,
    PriceLimit,
    ToleranceWindow,
)
from chemspace.errors import NotInSpaceError, StructureError

LIBRARY = CationLibrary.builtin()
PEA, BA, BDA, MA, FA, CS = (LIBRARY[name] for name in ("PEA", "BA", "BDA", "MA", "FA", "Cs"))
HALF = Fraction(1, 2)


def small(*constraints: Constraint) -> CompoundSpace:
    return CompoundSpace(
        spacers=(PEA, BDA, BA),
        cages=(MA, FA, CS),
        n_layers=(1, 2, 3),
        b_sites=("Pb", "Sn"),
        halides=("I", "Br"),
        cage_mixtures=(((MA, HALF), (FA, HALF)),),
        halide_mixtures=((("I", Fraction(3, 4)), ("Br", Fraction(1, 4))),),
        constraints=constraints,
    )


def columns(*spacers: Cation) -> CationColumns:
    keys = np.array([spacer.inchikey.encode() for spacer in spacers])
    return CationColumns([c.smiles for c in spacers], np.array([c.charge for c in spacers]), keys)


def test_length_is_spacers_times_metals_times_halides_times_slots() -> None:
    assert len(small()) == 3 * 2 * 3 * (1 + 2 * 4)


def test_every_index_names_one_compound_and_is_found_again() -> None:
    space = small()
    compounds = [space[i] for i in range(len(space))]
    assert len(set(compounds)) == len(space)
    assert [space.index(compound) for compound in compounds] == list(range(len(space)))
    assert all(parse_formula(compound.formula) == compound for compound in compounds)
    assert space[-1] == compounds[-1]


def test_blocks_hold_the_same_compounds_as_columns() -> None:
    space = small()
    for size in (1, 7, 27, 100, 10_000):
        blocks = list(space.blocks(size))
        assert all(0 < len(block) <= size for block in blocks)
        assert np.array_equal(np.concatenate([b.index for b in blocks]), np.arange(len(space)))
        for block in blocks[:3]:
            taken = space.take(block.index)
            for name in ("spacer", "cage", "n_layers", "b_site", "halide"):
                assert np.array_equal(getattr(block, name), getattr(taken, name))
    block = space.take(np.array([0, 5]))
    for place, position in enumerate(block.index):
        compound = space[int(position)]
        assert compound.spacer == space.spacers[block.spacer[place]]
        assert compound.n_layers == block.n_layers[place]
        assert compound.halide == space.halide_options[block.halide[place]]
        cage = int(block.cage[place])
        assert compound.cage == (() if cage < 0 else space.cage_options[cage])


def test_n_1_stands_there_once_per_spacer_without_cage() -> None:
    block = small().take(np.arange(len(small())))
    assert np.array_equal(block.n_layers == 1, block.cage == -1)
    assert int((block.n_layers == 1).sum()) == 3 * 2 * 3


def test_compound_outside_the_space_says_what_is_missing() -> None:
    space = small()
    for formula, missing in {
        "(PEA)2GeI4": "metal",
        "(BZA)2PbI4": "spacer",
        "(PEA)2(MA)3Pb4I13": "its n is",
        "(PEA)2(GA)Pb2I7": "cage",
        "(PEA)2PbCl4": "halide",
        "MAPbI3": "three-dimensional",
    }.items():
        compound = parse_formula(formula)
        assert compound not in space
        with pytest.raises(NotInSpaceError, match=missing):
            space.index(compound)
    assert "PEA" not in space


def test_index_beyond_the_end_is_refused() -> None:
    space = small()
    with pytest.raises(IndexError):
        space[len(space)]
    with pytest.raises(IndexError):
        space.take([len(space)])


PRICES = (
    (PEA.inchikey, 10.0),
    (BA.inchikey, 1.0),
    (BDA.inchikey, 30.0),
    (MA.inchikey, 1.0),
    (FA.inchikey, 20.0),
    (CS.inchikey, 3.0),
)

RULES: list[tuple[Constraint, object]] = [
    (
        LayerLimits(rp=(1, 2), dj=(2, 3)),
        lambda c: (1 <= c.n_layers <= 2) if c.phase == "RP" else (2 <= c.n_layers <= 3),
    ),
    (HeavyAtomLimits(most=6), lambda c: c.spacer.n_heavy_atoms <= 6),
    (HeavyAtomLimits(least=6), lambda c: c.spacer.n_heavy_atoms >= 6),
    (ExcludedElements(("Sn", "Br")), lambda c: not {"Sn", "Br"} & set(c.element_counts)),
    (ExcludedElements(("Cs",)), lambda c: "Cs" not in c.element_counts),
    (
        ExcludedCations((PEA.inchikey,), (FA.inchikey,)),
        lambda c: c.spacer != PEA and FA not in [a for a, _ in c.cage],
    ),
    (OctahedralWindow(least=0.51), lambda c: c.b_site == "Pb" or "Br" in dict(c.halide)),
    (
        AllowedPairs(((PEA.inchikey, FA.inchikey),)),
        lambda c: c.spacer != PEA or all(a == FA for a, _ in c.cage),
    ),
    (
        AllowedPairs(((PEA.inchikey, FA.inchikey), (BA.inchikey, MA.inchikey)), forbidden=True),
        lambda c: (
            (c.spacer, FA) not in [(PEA, a) for a, _ in c.cage] and (c.spacer, MA) not in [(BA, a) for a, _ in c.cage]
        ),
    ),
    (PriceLimit(25.0, PRICES), lambda c: sum(dict(PRICES)[a.inchikey] * float(k) for a, k in c.cation_counts) <= 25.0),
]


@pytest.mark.parametrize(("constraint", "rule"), RULES, ids=[str(c) for c, _ in RULES])
def test_constraint_leaves_exactly_what_its_rule_says(constraint: Constraint, rule: object) -> None:
    objects, full = small(constraint), small()
    wanted = [i for i in range(len(full)) if rule(full[i])]  # type: ignore[operator]  # rules are functions
    assert 0 < len(wanted) < len(full)
    for space in (objects, replace(objects, spacers=columns(*objects.spacers))):
        for size in (5, 1000):
            walked = [int(i) for block in space.blocks(size) for i in block.index]
            assert walked == wanted
        assert np.flatnonzero(space.allowed(np.arange(len(full)))).tolist() == wanted
        assert [full[i] in space for i in range(len(space))] == [i in set(wanted) for i in range(len(full))]
        assert [space[i] for i in range(len(space))] == list(full)


def test_tolerance_window_keeps_what_fits_the_cage() -> None:
    space = CompoundSpace((PEA,), (MA, FA, CS, LIBRARY["GA"], LIBRARY["AZR"]), (1, 2), constraints=(ToleranceWindow(),))
    kept = {compound.formula for compound in space}
    assert kept == {"(PEA)2PbI4", "(PEA)2(MA)Pb2I7", "(PEA)2(FA)Pb2I7", "(PEA)2(Cs)Pb2I7"}
    unknown = CompoundSpace((PEA,), (LIBRARY["AZR"],), (2,), constraints=(ToleranceWindow(keep_unknown=True),))
    assert len(list(unknown)) == 1


def test_a_mixture_is_as_large_as_the_mean_of_its_parts() -> None:
    ga = LIBRARY["GA"]
    mixtures = tuple(((MA, 1 - share), (ga, share)) for share in (HALF, Fraction(9, 10)))
    space = CompoundSpace((PEA,), (MA, ga), (2,), constraints=(ToleranceWindow(),), cage_mixtures=mixtures)
    # MA 0.91 and GA 1.04: half of each is 0.98, a tenth of MA 1.03
    assert [compound.formula for compound in space] == ["(PEA)2(MA)Pb2I7", "(PEA)2(GA0.5MA0.5)Pb2I7"]
    bromine = (("I", HALF), ("Br", HALF))
    window = ToleranceWindow(0.915, 0.925)  # MA in iodide 0.912, in bromide 0.927: half of each is 0.919
    mixed = CompoundSpace((PEA,), (MA,), (2,), ("Pb",), ("I", "Br"), halide_mixtures=(bromine,), constraints=(window,))
    assert [compound.halide for compound in mixed] == [bromine]


def test_a_cation_without_a_price_is_left_out_unless_asked_for() -> None:
    prices = ((PEA.inchikey, 1.0), (MA.inchikey, 1.0))
    kept = []
    for keep_unknown in (False, True):
        limit = PriceLimit(10.0, prices, keep_unknown)
        kept.append({c.formula for c in CompoundSpace((PEA, BA), (MA, FA), (1, 2), constraints=(limit,))})
    assert kept[0] == {"(PEA)2PbI4", "(PEA)2(MA)Pb2I7"}
    assert len(kept[1]) == 6


@given(st.lists(st.integers(0, 12), min_size=6, max_size=6), st.integers(1, 100), st.booleans())
def test_prices_add_up_as_if_each_compound_were_looked_at(tenths: list[int], most: int, keep_unknown: bool) -> None:
    """A sum of tenths is rounded otherwise than a difference: 0.2 + 0.1 > 0.3, and 0.1 <= 0.3 - 0.2 does not hold."""
    prices = tuple((key, tenth / 10.0) for (key, _), tenth in zip(PRICES, tenths, strict=True) if tenth != 12)
    known, limit = dict(prices), PriceLimit(most / 10.0, prices, keep_unknown)
    unknown = 0.0 if keep_unknown else float("inf")

    def affordable(c: Compound) -> bool:
        inside = sum(float(share) * known.get(cage.inchikey, unknown) for cage, share in c.cage)
        spacer = 2.0 / c.spacer.charge * known.get(c.spacer.inchikey, unknown)
        return spacer + max(1, c.n_layers - 1) * inside <= limit.most

    full = small()
    assert small(limit).allowed(np.arange(len(full))).tolist() == [affordable(compound) for compound in full]


def test_columns_tell_atoms_and_names_as_objects_do() -> None:
    odd = ("C[NH3+]", "C[Si](C)(C)CC[NH3+]", "[NH3+]CCc1c[nH]cn1", "C[NH2+]Sn1cccc1", "[NH3+]Cc1ccc[se]1", "ClCC[NH3+]",
           "[NH3+]C[C@@H](Br)F", "Oc1ccc(B(O)O)cc1C[NH3+]", "CC[P+](C)(C)C", "CC(C)[S+](C)I", "[NH3+]CC#N")  # fmt: skip
    cations = (*LIBRARY.spacers, *(replace(PEA, smiles=text, inchikey=f"{text}-B-C") for text in odd))
    known = columns(*cations)
    assert known.heavy_atoms.tolist() == [cation.n_heavy_atoms for cation in cations]
    for elements in ({"C"}, {"B"}, {"S"}, {"Si", "Se"}, {"Cl"}, {"Br", "F"}, {"N"}, {"H"}, {"Sn"}, {"I", "P"}, set()):
        assert known.hold(elements).tolist() == [not elements.isdisjoint(cation.elements) for cation in cations]
    twice = [PEA.inchikey, BA.inchikey, "none", PEA.inchikey]
    for space in (small(), replace(small(), spacers=columns(*small().spacers))):
        wanted = [max((i for i, key in enumerate(twice) if key == c.inchikey), default=-1) for c in space.spacers]
        assert space.axes.places(twice).tolist() == wanted


@settings(max_examples=40)
@given(st.lists(st.sampled_from([c for c, _ in RULES]), max_size=4, unique_by=str), st.integers(1, 200))
def test_constraints_together_are_their_intersection(constraints: list[Constraint], size: int) -> None:
    walked = [int(i) for block in small(*constraints).blocks(size) for i in block.index]
    passed = np.ones(len(small()), dtype=bool)
    for constraint in constraints:
        passed &= small(constraint).allowed(np.arange(len(small())))
    assert walked == np.flatnonzero(passed).tolist()


def test_what_constraints_leave_is_counted() -> None:
    for constraints in ((), (LayerLimits(rp=(1, 2)), ExcludedElements(("Sn",))), (PriceLimit(25.0, PRICES),)):
        space = small(*constraints)
        assert space.n_allowed == sum(len(block) for block in space.blocks(50))
    assert small().n_allowed == len(small())


def test_excluded_compound_says_what_excludes_it() -> None:
    space = small(ExcludedElements(("Sn",)))
    with pytest.raises(NotInSpaceError, match=r"ExcludedElements.*Sn"):
        space.index(parse_formula("(PEA)2SnI4"))


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("(BA)2PbI4", "its spacer is none of PEA"),
        ("(PEA)2GeI4", "its metal is none of Pb, Sn"),
        ("(PEA)2PbBr4", "its halide is none of I, I1/2Br1/2"),
        ("(PEA)2(FA)Pb2I7", "its cage is none of MA"),
        ("(PEA)2(MA)2Pb3I10", "its n is none of 1, 2"),
    ],
)
def test_compound_outside_the_space_is_told_what_the_space_holds_instead(formula: str, says: str) -> None:
    half = (("I", Fraction(1, 2)), ("Br", Fraction(1, 2)))
    space = CompoundSpace((PEA,), (MA,), (1, 2), ("Pb", "Sn"), halide_mixtures=(half,))
    with pytest.raises(NotInSpaceError, match=says):
        space.index(parse_formula(formula))


def test_space_of_a_billion_compounds_is_indexed_without_listing_them() -> None:
    number = np.arange(100_000)
    spacers = CationColumns(np.broadcast_to("", 100_000), 1 + (number % 3 == 0), np.char.mod(b"%d-UHFFFAOY-N", number))
    halides = tuple((("I", Fraction(k, 20)), ("Br", Fraction(20 - k, 20))) for k in range(1, 18))
    space = CompoundSpace(
        spacers,
        LIBRARY.cages,
        tuple(range(1, 10)),
        ("Pb", "Sn", "Ge"),
        ("I",),
        halide_mixtures=halides,
        constraints=(LayerLimits(),),
    )
    assert len(space) > 10**9
    last = space[len(space) - 1]
    assert space.index(last) == len(space) - 1
    assert last in space
    assert len(next(space.blocks(10_000))) == 10_000
    assert space.n_allowed == len(space)


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"spacers": ()}, "spacers is empty"),
        ({"n_layers": ()}, "n_layers is empty"),
        ({"n_layers": (0, 1)}, "starts at 1"),
        ({"n_layers": (2, 2)}, "twice"),
        ({"cages": ()}, "at least one cage"),
        ({"cages": (MA, BDA)}, r"\+2"),
        ({"cages": (MA, PEA)}, "PEA is a spacer"),
        ({"spacers": (PEA, MA)}, "MA is a cage cation"),
        ({"b_sites": ("Cu",)}, "no B site"),
        ({"halides": ("F",)}, "no halide"),
        ({"halides": ()}, "at least one halide"),
        ({"cage_mixtures": (((MA, Fraction(1)),),)}, "given twice"),
        ({"spacers": columns()}, "spacers is empty"),
        ({"spacers": columns(PEA, BA, PEA)}, "spacers holds an entry twice"),
    ],
)
def test_space_that_cannot_be_is_refused(kwargs: dict[str, object], says: str) -> None:
    axes: dict[str, object] = {"spacers": (PEA,), "cages": (MA,), "n_layers": (1, 2)}
    with pytest.raises(SpaceError, match=says):
        CompoundSpace(**{**axes, **kwargs})  # type: ignore[arg-type]  # wrong on purpose


def test_columns_of_cations_are_checked_and_make_the_cation_that_is_asked_for() -> None:
    spacers = columns(PEA, BDA)
    assert [(c.smiles, c.charge, c.role) for c in spacers] == [(c.smiles, c.charge, c.role) for c in (PEA, BDA)]
    assert spacers[:1] == (PEA,)
    assert [spacers.get(c) for c in (PEA, BDA, BA)] == [0, 1, None]
    with pytest.raises(StructureError, match="1 SMILES, 2 charges"):
        CationColumns(["C[NH3+]"], np.ones(2), np.array([b"A", b"B"]))
    with pytest.raises(StructureError, match="neither 1 nor 2"):
        CationColumns(["C[NH3+]"], np.array([3]), np.array([b"A"]))


def test_block_size_and_layer_limits_are_checked() -> None:
    with pytest.raises(SpaceError, match="at least 1"):
        small().blocks(0)
    with pytest.raises(SpaceError, match="holds no n"):
        LayerLimits(rp=(3, 2))


def test_own_cations_make_a_space() -> None:
    own = Cation.from_smiles("[NH3+]CCCCC1CCCCC1", abbreviation="CHBA")
    space = CompoundSpace((own,), (MA,), (1, 2))
    assert [compound.formula for compound in space] == ["(CHBA)2PbI4", "(CHBA)2(MA)Pb2I7"]
