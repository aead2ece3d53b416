"""Where the proton goes, and which molecules take none."""

from __future__ import annotations

import pytest
from rdkit import Chem
from rdkit.Chem.MolStandardize import rdMolStandardize

from chemspace import Cation, CationLibrary, StructureError
from chemspace.cation import cation_form, parse_smiles


def cation_of(smiles: str, dications: bool | None = False) -> str:
    return Chem.MolToSmiles(cation_form(parse_smiles(smiles), smiles, dications))


@pytest.mark.parametrize(
    ("amine", "cation"),
    [
        ("NCCc1ccccc1", "[NH3+]CCc1ccccc1"),
        ("NCCc1ccccc1.I", "[NH3+]CCc1ccccc1"),
        ("[NH3+]CCc1ccccc1.[I-]", "[NH3+]CCc1ccccc1"),
        ("NCCO.OC(=O)C(F)(F)F", "[NH3+]CCO"),
        ("CCN.CCN.OS(=O)(=O)O", "CC[NH3+]"),
        ("Nc1ccccc1", "[NH3+]c1ccccc1"),
        ("c1ccncc1", "c1cc[nH+]cc1"),
        ("Nc1ccncc1", "Nc1cc[nH+]cc1"),
        ("NCc1cccnc1", "[NH3+]Cc1cccnc1"),
        ("CC(=N)N", "CC(N)=[NH2+]"),
        ("NC(=N)N", "NC(N)=[NH2+]"),
        ("NC=N", "NC=[NH2+]"),
        ("c1c[nH]cn1", "c1c[nH+]c[nH]1"),
        ("NCC(=O)O", "[NH3+]CC(=O)O"),
        ("[NH3+]CC(=O)[O-]", "[NH3+]CC(=O)O"),
        ("NCC(=O)[O-].[Na+]", "[NH3+]CC(=O)O"),
        ("C[N+](C)(C)CC(=O)[O-]", "C[N+](C)(C)CC(=O)O"),
        ("O=[N+]([O-])c1ccc(CN)cc1", "[NH3+]Cc1ccc([N+](=O)[O-])cc1"),
        ("C[C@H](N)c1ccccc1", "C[C@H]([NH3+])c1ccccc1"),
        ("CNCCN", "CNCC[NH3+]"),
        ("NC(=O)CCN", "NC(=O)CC[NH3+]"),
        ("[NH4+].[Cl-]", "[NH4+]"),
        # one class beside the next less basic one
        ("NC(=N)NCCC(=N)N", "N=C(N)CCNC(N)=[NH2+]"),
        ("NCCC(=N)N", "NCCC(N)=[NH2+]"),
        ("NNCCN", "NNCC[NH3+]"),
        ("NCCc1c[nH]cn1", "[NH3+]CCc1c[nH]cn1"),
        ("c1ccnc(c1)-c1c[nH]cn1", "c1ccc(-c2c[nH]c[nH+]2)nc1"),
        ("NOCc1ccncc1", "[NH3+]OCc1ccncc1"),
        ("Nc1ccc(Cn2ccnc2)cc1", "Nc1ccc(Cn2cc[nH+]c2)cc1"),
    ],
)
def test_the_most_basic_nitrogen_takes_the_proton(amine: str, cation: str) -> None:
    assert cation_of(amine) == cation


@pytest.mark.parametrize(
    ("amine", "dication"),
    [
        ("NCCCCN", "[NH3+]CCCC[NH3+]"),
        ("NCc1cccnc1", "[NH3+]Cc1ccc[nH+]c1"),
        ("C1CNCCN1", "C1C[NH2+]CC[NH2+]1"),
        ("Nc1ccc(N)cc1", "[NH3+]c1ccc([NH3+])cc1"),
        ("NCC[NH3+].[I-]", "[NH3+]CC[NH3+]"),
        ("NCCc1ccccc1", "[NH3+]CCc1ccccc1"),
        ("CNN", "C[NH2+]N"),
        ("NCN", "NC[NH3+]"),
    ],
)
def test_diamines_give_the_dication_on_request(amine: str, dication: str) -> None:
    assert cation_of(amine, dications=True) == dication


@pytest.mark.parametrize(
    ("smiles", "says"),
    [
        ("CC(=O)N", "no nitrogen"),
        ("CC#N", "no nitrogen"),
        ("c1ccc2[nH]ccc2c1", "no nitrogen"),
        ("c1cnccn1", "no nitrogen"),
        ("Clc1ccccn1", "no nitrogen"),
        ("c1ccc(Nc2ccccc2)cc1", "no nitrogen"),
        ("CCO", "no nitrogen"),
        ("NCC.CCCN", "mixture of 2"),
        ("C[Fe]N", "Fe"),
        ("[CH2]CN", "radical"),
        ("[2H]CN", "isotope"),
        ("C" * 199 + "N", "200 heavy atoms"),
    ],
)
def test_what_takes_no_proton_is_refused_with_the_reason(smiles: str, says: str) -> None:
    with pytest.raises(StructureError, match=says):
        cation_of(smiles)


@pytest.mark.parametrize(
    ("salt", "cation"),
    [
        ("[K+].[I-]", "[K+]"),
        ("[Na+].CC(=O)[O-]", "[Na+]"),
        ("CC[NH3+].[S-]C#N", "CC[NH3+]"),
        ("CCN.SC#N", "CC[NH3+]"),
        ("CC[NH3+].I[I-]I", "CC[NH3+]"),
        ("CC[NH3+].[N-](S(=O)(=O)C(F)(F)F)S(=O)(=O)C(F)(F)F", "CC[NH3+]"),
    ],
)
def test_an_alkali_salt_is_its_alkali_and_rare_anions_are_counter_ions(salt: str, cation: str) -> None:
    assert cation_of(salt) == cation


def test_three_protons_are_refused_where_the_dication_is_asked() -> None:
    with pytest.raises(StructureError, match="takes 3 protons"):
        cation_of("NCCCNCCCCN", dications=True)


def test_deprotonated_built_in_cations_come_back() -> None:
    """Weak bases and a triamine aside, the rule finds the charged form that the literature reports."""
    missed = []
    for cation in CationLibrary.builtin():
        neutral = rdMolStandardize.Uncharger().uncharge(cation.mol)
        if Chem.GetFormalCharge(neutral):
            continue  # quaternary
        smiles = Chem.MolToSmiles(neutral)
        try:
            found = cation_of(smiles, dications=cation.charge == 2)
        except StructureError:
            missed.append(cation.abbreviation)
            continue
        assert Chem.MolToInchiKey(Chem.MolFromSmiles(found)) == cation.inchikey, cation.abbreviation  # type: ignore[no-untyped-call]  # RDKit's wrapper has no types
    assert set(missed) <= {"TAZ", "THZ", "DiPhA", "APz", "AEPZ", "MLA", "Tu"}


@pytest.mark.parametrize(
    ("written", "cation"),
    [
        ("NCCCCN", "[NH3+]CCCC[NH3+]"),
        ("NCCc1c[nH]cn1", "[NH3+]CCc1c[nH]c[nH+]1"),
        ("NCc1ccncc1", "[NH3+]Cc1cc[nH+]cc1"),
        ("c1cc(-c2ccncc2)ccn1", "c1cc(-c2cc[nH+]cc2)cc[nH+]1"),
        ("c1ccc(-c2ccccn2)nc1", "c1ccc(-c2cccc[nH+]2)nc1"),
        ("c1cnc2c(c1)ccc1cccnc12", "c1cnc2c(c1)ccc1ccc[nH+]c12"),
        ("Nc1ccncc1", "Nc1cc[nH+]cc1"),
        ("NCCN.I.I", "[NH3+]CC[NH3+]"),
        ("NCCCCN.Br.Br", "[NH3+]CCCC[NH3+]"),
        ("NCCN.Cl", "NCC[NH3+]"),
        ("NCC[NH3+].[I-]", "NCC[NH3+]"),
        ("NNc1ccccc1", "[NH3+]Nc1ccccc1"),
    ],
)
def test_without_a_word_protons_go_on_as_in_hydriodic_acid(written: str, cation: str) -> None:
    smiles = Chem.MolToSmiles(cation_form(parse_smiles(written), written))
    assert smiles == cation


@pytest.mark.parametrize(
    "smiles",
    [
        "Nc1c(F)c(F)c(F)c(F)c1F",
        "Nc1ccc([N+](=O)[O-])cc1[N+](=O)[O-]",
        "Nc1ccc([N+](=O)[O-])cc1",
        "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
        "c1cnccn1",
    ],
)
def test_a_base_below_three_is_refused(smiles: str) -> None:
    with pytest.raises(StructureError, match="no nitrogen that hydriodic acid protonates"):
        cation_form(parse_smiles(smiles), smiles)


def test_a_triamine_is_asked_for_the_cation_that_is_meant() -> None:
    with pytest.raises(StructureError, match="takes 3 protons"):
        cation_form(parse_smiles("NCCNCCN"), "NCCNCCN")


@pytest.mark.parametrize(
    ("smiles", "says"),
    [
        ("[H+]", "bare proton"),
        ("C[CH2+]", "carbocation"),
        ("c1cccc[cH+]c1", "carbocation"),
        ("[OH3+]", "oxonium"),
        ("O=[N+]=O", "nitronium"),
        ("N#[N+]c1ccccc1", "diazonium"),
    ],
)
def test_what_is_no_cation_of_a_crystal_is_refused(smiles: str, says: str) -> None:
    with pytest.raises(StructureError, match=says):
        Cation.from_smiles(smiles)


@pytest.mark.parametrize(
    "smiles", ["C[N+](C)(C)C", "C[S+](C)C", "C[P+](C)(C)C", "[Cs+]", "O=[N+]([O-])c1ccc(C[NH3+])cc1"]
)
def test_onium_and_alkali_ions_and_nitro_groups_are_accepted(smiles: str) -> None:
    assert Cation.from_smiles(smiles).charge == 1
