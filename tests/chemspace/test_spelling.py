"""Names and formulas as papers spell them: read as the right cation, or refused; never another molecule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.spellings_fuzz import formula_fates, structure_fates
from chemspace import CationLibrary, ChemspaceError, parse_formula
from chemspace.errors import AmbiguousNameError, FormulaError, NotNeutralError, UnknownCationError
from chemspace.spelling import condensed_smiles

LIBRARY = CationLibrary.builtin()
#: Names without brackets or blanks that can stand in a formula, with their cations.
NAMES = sorted((name, cation) for name, cation in LIBRARY.names.items() if name.replace("-", "").isalnum())


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("(iso-BA)2(MA)3Pb4I13", "(iBA)2(MA)3Pb4I13"),
        ("(isoBA)2PbI4", "(iBA)2PbI4"),
        ("(ISOBA)2PbI4", "(iBA)2PbI4"),
        ("(i-BA)2PbI4", "(iBA)2PbI4"),
        ("(t-BA)2PbI4", "(tBA)2PbI4"),
        ("(sec-BA)2PbI4", "(sBA)2PbI4"),
        ("(BuA)2PbI4", "(BA)2PbI4"),
        ("((R)-MBA)2PbI4", "(R-MBA)2PbI4"),
        ("(R)-MBA2PbI4", "(R-MBA)2PbI4"),
        ("(R-(+)-MBA)2PbI4", "(R-MBA)2PbI4"),
        ("((S)-(-)-MBA)2PbI4", "(S-MBA)2PbI4"),
        ("(R-\N{GREEK SMALL LETTER BETA}-MPEA)2PbI4", "(R-MPEA)2PbI4"),
        ("(R-beta-MPEA)2PbI4", "(R-MPEA)2PbI4"),
        ("(R,S-MBA)2PbI4", "(rac-MBA)2PbI4"),
        ("(rac)-MBA2PbI4", "(rac-MBA)2PbI4"),
        ("(4-FPEA)2PbI4", "(F-PEA)2PbI4"),
        ("(4-F-PEA)2PbI4", "(F-PEA)2PbI4"),
        ("(pF-PEA)2PbI4", "(F-PEA)2PbI4"),
        ("(m-F-PEA)2PbI4", "(3F-PEA)2PbI4"),
        ("(o-FPEA)2PbI4", "(2F-PEA)2PbI4"),
        ("(4Br-PEA)2PbI4", "(Br-PEA)2PbI4"),
        ("(4Cl-PEA)2PbI4", "(Cl-PEA)2PbI4"),
        ("(3FBA)2MA3Pb4I13", "(3F-PMA)2(MA)3Pb4I13"),
        ("(C12H25NH3)2PbI4", "(DodA)2PbI4"),
        ("(n-C4H9NH3)2PbI4", "(BA)2PbI4"),
        ("[NH3(CH2)4NH3]PbI4", "(BDA)PbI4"),
        ("(C6H11NH3)2PbI4", "(CHA)2PbI4"),
        ("(IC2H4NH3)2PbI4", "(EIA)2PbI4"),
        ("(C6H5C2H4NH3)2PbCl4", "(PEA)2PbCl4"),
        ("(phenethylammonium)2PbI4", "(PEA)2PbI4"),
        ("(butylammonium)2PbI4", "(BA)2PbI4"),
        ("(PEA)<sub>2</sub>PbI<sub>4</sub>", "(PEA)2PbI4"),
        (r"\ce{(PEA)2PbI4}", "(PEA)2PbI4"),
        ("\N{FULLWIDTH LEFT PARENTHESIS}PEA\N{FULLWIDTH RIGHT PARENTHESIS}2PbI4", "(PEA)2PbI4"),
        ("PEA2PbI4\N{MIDDLE DOT}2MAPbI3", "(PEA)2(MA)2Pb3I10"),
        ("MA0.93Gu0.07PbI3", "GA0.07MA0.93PbI3"),
        ("(NH2)2CHPbI3", "FAPbI3"),
        ("(R-(+)-\N{GREEK SMALL LETTER ALPHA}-PEA)2PbI4", "(R-MBA)2PbI4"),
        ("((S)-(-)-\N{GREEK SMALL LETTER ALPHA}-methylbenzylammonium)2PbI4", "(S-MBA)2PbI4"),
        ("((1R,2R)-CHD)PbI4", "(R-CHD)PbI4"),
        ("(1,4-BDA)PbI4", "(BDA)PbI4"),
        ("(1,2-PDA)PbI4", "(12PDA)PbI4"),
        ("(p-PDMA)PbI4", "(PDMA)PbI4"),
        ("(butane-1,4-diammonium)PbI4", "(BDA)PbI4"),
        ("((4-fluorophenethyl)ammonium)2PbI4", "(F-PEA)2PbI4"),
        ("(sec-butylammonium)2PbI4", "(sBA)2PbI4"),
        ("(i-C4H9NH3)2PbI4", "(iBA)2PbI4"),
        ("((CH3)2CHCH2NH3)2PbI4", "(iBA)2PbI4"),
        ("(p-FC6H4C2H4NH3)2PbI4", "(F-PEA)2PbI4"),
        ("((CH3)2NH2)PbI3", "DMAPbI3"),
        ("(BA)2(MA)Pb2I7 (n = 2)", "(BA)2(MA)Pb2I7"),
    ],
)
def test_a_usual_spelling_is_read(written: str, canonical: str) -> None:
    assert parse_formula(written).formula == canonical


@pytest.mark.parametrize(
    ("written", "readings"),
    [
        ("(AA)2(MA)4Pb5I16", ("PeA", "ALA", "ACE")),
        ("(ClPEA)2PbI4", ("Cl-PEA", "2Cl-PEA")),
        ("(BrPEA)2PbI4", ("Br-PEA", "2Br-PEA")),
        ("(FPEA)2PbI4", ("F-PEA", "2F-PEA", "3F-PEA")),
        ("(FPMA)2PbI4", ("F-PMA", "2F-PMA", "3F-PMA")),
        ("(IPEA)2PbI4", ("iPeA",)),
        ("(pPD)PbI4", ("pPDA", "PIPZ")),
        ("(PhEA)2PbI4", ("PEA", "rac-MBA")),
        ("(PhPA)2PbI4", ("PPA", "rac-MPEA")),
        ("(ThPEA)2PbI4", ("TEA", "ThMA")),
        ("(\N{GREEK SMALL LETTER ALPHA}-PEA)2PbI4", ("rac-MBA", "R-MBA", "S-MBA")),
        ("(FC6H4C2H4NH3)2PbI4", ("F-PEA", "2F-PEA", "3F-PEA")),
    ],
)
def test_an_abbreviation_with_several_meanings_is_refused_with_them(written: str, readings: tuple[str, ...]) -> None:
    with pytest.raises(AmbiguousNameError) as caught:
        parse_formula(written)
    assert all(f"{reading} (" in str(caught.value) for reading in readings)


@pytest.mark.parametrize(
    ("written", "error", "says"),
    [
        ("(DFPEA)2PbI4", UnknownCationError, "'DFPEA'"),
        ("(Na)PbI3", UnknownCationError, "'Na'"),
        ("(3ABA)2PbI4", UnknownCationError, "'3ABA'"),
        ("(S-9NEA)2PbBr4", UnknownCationError, "'S-9NEA'"),
        ("(CyDMA)MA3Pb4I13", UnknownCationError, "'CyDMA'"),
        ("(GlyA)2PbI4", UnknownCationError, "'GlyA'"),
        ("(\N{GREEK SMALL LETTER ALPHA}-BA)2PbI4", UnknownCationError, "-BA'"),
        ("(R-\N{GREEK SMALL LETTER ALPHA}-MPEA)2PbI4", UnknownCationError, "-MPEA'"),
        ("(R,R-MBA)2PbI4", UnknownCationError, "'R,R-MBA'"),
        ("(1,3-BDA)PbI4", UnknownCationError, "'1,3-BDA'"),
        ("(D-BA)2PbI4", UnknownCationError, "'D-BA'"),
        ("(nBBA)2PbI4", UnknownCationError, "'nBBA'"),
        ("(C8H12N)2PbI4", UnknownCationError, "sum formula .*rac-MBA, R-MBA, S-MBA, PEA"),
        ("C16H24N2PbI4", FormulaError, "sum formula"),
        ("(BA)2(MA)Pb2I7 (n = 3)", FormulaError, r"n = 3, but \(BA\)2\(MA\)Pb2I7 has n = 2"),
        ("(R/S-MBA)2PbI4", FormulaError, "both hands"),
        ("(GA)(MA)PbI4", FormulaError, "ACI"),
        ("(GA)(MA)3Pb3I10", FormulaError, "ACI"),
        ("Cs[C(NH2)3]PbI4", FormulaError, "ACI"),
        ("(PEA)2CuCl4", FormulaError, "Cu, a metal that is not read"),
        ("(BA)4AgBiBr8", FormulaError, "Ag, a metal that is not read"),
        ("Pb(SCN)2", FormulaError, "SCN, an anion that is not read"),
        ("(PEA)2PbX4", FormulaError, "halide open"),
        ("(BA)2(MA)n-1PbnI3n+1", FormulaError, "n open"),
        ("(BA)2(MA,FA)3Pb4I13", FormulaError, "composition open"),
        ("CsxFA1-xPbI3", FormulaError, "composition open"),
        ("(PEA)2PbI4\N{MIDDLE DOT}0.5H2O", FormulaError, "solvate"),
        ("(FAPbI3)0.992(MAPbBr3)0.08", FormulaError, "shares do not add up"),
        ("(DDA)2PbI4", NotNeutralError, "DDA is 1,10-decanediammonium"),
        ("Cs2SnI6", NotNeutralError, r"Sn\(IV\)"),
    ],
)
def test_what_is_not_read_says_the_true_reason(written: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        parse_formula(written)


def variants(name: str) -> list[str]:
    """Other ways to write a name: hyphens, brackets around the hand, case, full width."""
    halves = [name[:k] + "-" + name[k:] for k in range(1, len(name))]
    hand = [f"({name[0]}){name[1:]}"] if name[:2] in ("R-", "S-") else []
    wide = "".join(chr(ord(sign) + 0xFEE0) if sign.isalnum() else sign for sign in name)
    return [name, name.replace("-", ""), name.upper(), name.lower(), name.capitalize(), wide, *halves, *hand]


@given(st.sampled_from(NAMES), st.data())
def test_no_spelling_of_a_name_is_read_as_a_name_that_is_not_spelled_so(
    pair: tuple[str, object], data: st.DataObject
) -> None:
    written = data.draw(st.sampled_from(variants(pair[0])))
    try:
        found = LIBRARY[written]
    except ChemspaceError:
        return
    bare = written.translate({ord(sign): None for sign in "()-"}).casefold()
    names = {alias.replace("-", "").casefold() for alias in (found.abbreviation, *found.names)}
    assert found == pair[1] or bare in names


def test_letters_alone_in_brackets_are_never_two_cations() -> None:
    for first in ("FA", "MA", "EA", "BA"):
        for second in ("PEA", "MPA", "EA"):
            word = first + second
            if word not in LIBRARY.names:
                with pytest.raises(ChemspaceError, match=word):
                    parse_formula(f"({word})2PbI4")


@pytest.mark.parametrize(
    ("text", "smiles"),
    [
        ("C4H9NH3", "CCCC[NH3+]"),
        ("NH3(CH2)6NH3+", "[NH3+]CCCCCC[NH3+]"),
        ("HOC2H4NH3", "OCC[NH3+]"),
        ("C6H5CH2NH3", "c1ccccc1C[NH3+]"),
        ("C4H7NH3", None),
        ("c-C4H7NH3", "C1CCC1[NH3+]"),
        ("t-C4H9NH3", "CC(C)(C)[NH3+]"),
        ("(C2H5)3NH", "CC[NH+](CC)CC"),
        ("(CH3)2NH", None),
        ("m-NH3CH2C6H4CH2NH3", "[NH3+]Cc1cccc(c1)C[NH3+]"),
        ("NH3CH2C6H4CH2NH3", None),
        ("NH3CH2CF3", None),
        ("NH3NH3", None),
        ("C4H9", None),
        ("PEA", None),
    ],
)
def test_a_condensed_formula_is_a_linear_ion_or_nothing(text: str, smiles: str | None) -> None:
    assert condensed_smiles(text) == smiles


@pytest.mark.parametrize("fates", [formula_fates, structure_fates])
def test_generated_spellings_are_read_rightly_or_refused_with_a_reason(
    fates: Callable[[int, int], tuple[Counter[str], list[str]]],
) -> None:
    told, wrong = fates(300, 18)
    assert wrong == []
    assert told["read"] > 150
