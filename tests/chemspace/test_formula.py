"""Formulas in the ways people write them, and the refusals of those that cannot be."""

from __future__ import annotations

from fractions import Fraction
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chemspace import Cation, CationLibrary, ChemspaceError, Compound, parse_formula
from chemspace.errors import AmbiguousNameError, FormulaError, NotNeutralError, UnknownCationError

LIBRARY = CationLibrary.builtin()


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("(PEA)2(MA)2Pb3I10", "(PEA)2(MA)2Pb3I10"),
        ("PEA2MA2Pb3I10", "(PEA)2(MA)2Pb3I10"),
        ("(BA)2(FA)Pb2I7", "(BA)2(FA)Pb2I7"),
        ("BA2FAPb2I7", "(BA)2(FA)Pb2I7"),
        ("PEA2PbI4(MAPbI3)2", "(PEA)2(MA)2Pb3I10"),
        ("PEA2PbI4(MAPbI3)1", "(PEA)2(MA)Pb2I7"),
        ("(EOA)2(FA)3Pb4I13", "(EOA)2(FA)3Pb4I13"),
        ("MAPbI3", "MAPbI3"),
        ("(MA)PbI3", "MAPbI3"),
        ("CH3NH3PbI3", "MAPbI3"),
        ("HC(NH2)2PbI3", "FAPbI3"),
        ("(C6H5CH2CH2NH3)2PbI4", "(PEA)2PbI4"),
        ("(CH3(CH2)3NH3)2(CH3NH3)Pb2I7", "(BA)2(MA)Pb2I7"),
        ("(PEA)₂(MA)₂Pb₃I₁₀", "(PEA)2(MA)2Pb3I10"),
        ("(PEA)$_2$PbI$_{4}$", "(PEA)2PbI4"),
        (" (EIA)2 (MA) Pb2 I7 ", "(EIA)2(MA)Pb2I7"),
        ("[PEA]2[PbI4]", "(PEA)2PbI4"),
        ("(PEA)2PbI4·(MAPbI3)", "(PEA)2(MA)Pb2I7"),
        ("(nBA)2PbI4", "(BA)2PbI4"),
        ("(PMA)2PbI4", "(BZA)2PbI4"),
        ("(3ampy)PbI4", "(3AMPY)PbI4"),
        ("Cs0.1FA0.9PbI3", "Cs0.1FA0.9PbI3"),
        ("FA.9Cs.1PbI3", "Cs0.1FA0.9PbI3"),
        ("(BA)2(MA0.5FA0.5)Pb2I7", "(BA)2(FA0.5MA0.5)Pb2I7"),
        ("(BA)2(MA)(FA)2Pb4I13", "(BA)2(FA2/3MA1/3)3Pb4I13"),
        ("Cs0.05(FA0.83MA0.17)0.95Pb(I0.83Br0.17)3", "Cs0.05FA0.7885MA0.1615Pb(I0.83Br0.17)3"),
        ("PEA2PbI2Br2", "(PEA)2Pb(I0.5Br0.5)4"),
        ("(PEA)2Pb(I,I)4", None),
        ("PEA2(MA)Sn2I7", "(PEA)2(MA)Sn2I7"),
        ("BA2GeBr4", "(BA)2GeBr4"),
        ("(PEA)2PbCl4", "(PEA)2PbCl4"),
        ("(PEA)4Pb2I8", "(PEA)2PbI4"),
        ("EA4Pb3Br10", "(EA)2(EA)2Pb3Br10"),
        ("(MA)2(PEA)2Pb3I10", "(PEA)2(MA)2Pb3I10"),
        ("BDAMAPb2I7", "(BDA)(MA)Pb2I7"),
        ("ODAPbI4", "(ODA)PbI4"),
    ],
)
def test_formula_in_any_spelling_is_the_same_compound(written: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(FormulaError):
            parse_formula(written)
        return
    compound = parse_formula(written)
    assert compound.formula == canonical
    assert parse_formula(canonical) == compound


def test_formula_that_is_not_neutral_is_refused_with_the_neutral_one() -> None:
    with pytest.raises(NotNeutralError, match=r"neutral would be \(4AMPY\)\(MA\)2Pb3I10") as caught:
        parse_formula("(4AMPY)2MAPb3I10")
    assert caught.value.suggestions[0] == "(4AMPY)(MA)2Pb3I10"


@pytest.mark.parametrize(
    ("written", "neutral"),
    [
        ("BA2FAPbI7", "(BA)2(FA)Pb2I7"),
        ("(PEA)2(MA)Pb3I10", "(PEA)2(MA)2Pb3I10"),
        ("(PEA)2(MA)3Pb3I10", "(PEA)2(MA)2Pb3I10"),
        ("(PEA)2(MA)2Pb2I10", "(PEA)2(MA)2Pb3I10"),
        ("(PEA)2(MA)2Pb3I9", "(PEA)2(MA)2Pb3I10"),
        ("(PEA)(MA)2Pb3I10", "(PEA)2(MA)2Pb3I10"),
        ("(BA)2(MA0.5FA0.5)Pb3I10", "(BA)2(FA0.5MA0.5)2Pb3I10"),
        ("MA2PbI3", "MAPbI3"),
        ("(PEA)PbI4", "(PEA)2PbI4"),
        ("(PEA)2PbI3", "(PEA)2PbI4"),
        ("(BDA)2PbI4", "(BDA)PbI4"),
        ("(BA)2(MA0.5FA0.4)Pb2I7", "(BA)2(FA4/9MA5/9)Pb2I7"),
    ],
)
def test_neutral_neighbour_is_offered(written: str, neutral: str) -> None:
    with pytest.raises(NotNeutralError) as caught:
        parse_formula(written)
    assert neutral in caught.value.suggestions


@pytest.mark.parametrize(
    ("written", "error", "says"),
    [
        ("", FormulaError, "empty"),
        ("   ", FormulaError, "empty"),
        ("(((", FormulaError, "not closed"),
        ("(PEA)2PbI4)", FormulaError, "never opened"),
        ("((((((PEA))))))2PbI4", FormulaError, "deep"),
        ("PEA2Pb", FormulaError, "needs one metal"),
        ("PbI2", FormulaError, "a cation"),
        ("(PEA)2PbSnI4", FormulaError, "needs one metal"),
        ("MAPb(Cl,I)3", FormulaError, "how much"),
        ("CsxFA1-xPb(Br,I)3", FormulaError, "composition open"),
        ("MAPbI3-xClx", FormulaError, "composition open"),
        ("Cs₀FAPbI3", FormulaError, "zero times"),
        ("(GA)(MA)2Pb2I7", FormulaError, "ACI"),
        ("(BA)1(PEA)1PbI4", FormulaError, "one kind of spacer"),
        ("MA1/0PbI3", FormulaError, "zero"),
        ("(BDA)(MA)3PbI7", FormulaError, "no n"),
        ("x" * 1000, FormulaError, "characters"),
        ("(" * 200_000, FormulaError, "characters"),
        ("(n=2)" * 20_000, FormulaError, "characters"),
        ("(PEE)2PbI4", UnknownCationError, "PEA"),
        ("PEE2PbI4", UnknownCationError, "PEA"),
        ("(MBA)2PbI4", AmbiguousNameError, "R-MBA"),
        ("MBA2PbI4", AmbiguousNameError, "R-MBA"),
        ("TMAEAPYR2Pb3I10", AmbiguousNameError, "can be read as"),
    ],
)
def test_what_is_no_compound_is_refused_with_the_reason(written: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        parse_formula(written)


@pytest.mark.parametrize(
    "written",
    ["TMAEA" * 60 + "q", "TMAEA" * 60 + "PbIMA", "TMAEA2" * 40 + "q", "a" * 390 + ".", "(TMAEATMAEA)" * 30 + "PbI3"],
)
def test_many_ways_to_cut_a_text_do_not_hang_the_parser(written: str) -> None:
    before = process_time()  # not the clock: a busy machine is no hang
    with pytest.raises(ChemspaceError):
        parse_formula(written)
    assert process_time() - before < 10


def test_names_come_from_the_library_given() -> None:
    own = CationLibrary([Cation.from_smiles("[NH3+]CCCCC1CCCCC1", abbreviation="X-1")])
    compound = parse_formula("(X-1)2PbI4", own)
    assert parse_formula(compound.formula, own) == compound
    with pytest.raises(UnknownCationError):
        parse_formula("(X-1)2PbI4")


def _mixture(parts: list[object], weights: list[int]) -> dict[object, Fraction]:
    weights = weights[: len(parts)]
    return {part: Fraction(weight, sum(weights)) for part, weight in zip(parts, weights, strict=True)}


@st.composite
def compounds(draw: st.DrawFn) -> Compound:
    weights = st.lists(st.integers(1, 20), min_size=3, max_size=3)
    halides = draw(st.lists(st.sampled_from(["I", "Br", "Cl"]), min_size=1, max_size=3, unique=True))
    cages = draw(st.lists(st.sampled_from(LIBRARY.cages), min_size=1, max_size=3, unique=True))
    n = draw(st.one_of(st.none(), st.integers(1, 12)))
    spacer = None if n is None else draw(st.sampled_from(LIBRARY.spacers))
    return Compound.of(
        spacer,
        None if n == 1 else _mixture(list(cages), draw(weights)),  # type: ignore[arg-type]  # keys are cations
        n,
        draw(st.sampled_from(["Pb", "Sn", "Ge"])),
        _mixture(list(halides), draw(weights)),  # type: ignore[arg-type]  # keys are symbols
    )


@given(compounds())
def test_printing_then_parsing_returns_the_same_compound(compound: Compound) -> None:
    assert parse_formula(compound.formula) == compound


@given(compounds())
def test_writing_without_brackets_is_read_the_same_or_refused(compound: Compound) -> None:
    try:
        again = parse_formula(compound.formula.replace("(", "").replace(")", ""))
    except ChemspaceError:
        return
    assert sum(c.charge * k for c, k in again.cation_counts) + 2 * again.n_b_sites == again.n_halides


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[K+].[I-]", "holds ions as a SMILES does"),
        ("CCCC[NH3+].[I-]", "holds ions as a SMILES does"),
        ("[Pb+2].[I-].[I-]", "holds ions as a SMILES does"),
        ("[PEA+]2PbI4", "writes charges; leave them out"),
        ("[CH3NH3]+[PbI3]-", "writes charges; leave them out"),
    ],
)
def test_charges_in_a_formula_are_refused_as_such(text: str, reason: str) -> None:
    with pytest.raises(FormulaError, match=reason):
        parse_formula(text)


@pytest.mark.parametrize("text", ["((+/-)-MBA)2PbI4", "(+/-)-MBA2PbI4", "(±)-MBA2PbI4"])
def test_a_racemate_may_be_written_by_its_signs(text: str) -> None:
    assert parse_formula(text) == parse_formula("(rac-MBA)2PbI4")
