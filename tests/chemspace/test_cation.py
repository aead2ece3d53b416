"""Behaviour of one cation: identity, checks, and the refusals a user meets."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from chemspace import Cation, CationLibrary, StructureError
from chemspace.errors import ChargeError


def test_two_spellings_of_one_cation_are_equal_and_hash_alike() -> None:
    one, other = Cation.from_smiles("[NH3+]CCc1ccccc1"), Cation.from_smiles("c1ccccc1CC[NH3+]", abbreviation="PEA")
    assert one == other
    assert len({one, other}) == 1
    assert one.smiles == other.smiles


def test_enantiomers_are_different_cations() -> None:
    assert Cation.from_smiles("C[C@@H]([NH3+])c1ccccc1") != Cation.from_smiles("C[C@H]([NH3+])c1ccccc1")


def test_piperidinium_and_pyridinium_of_nearly_one_name_are_different() -> None:
    assert Cation.from_smiles("[NH3+]CC1CCC[NH2+]C1") != Cation.from_smiles("[NH3+]Cc1ccc[nH+]c1")


def test_numbers_of_phenethylammonium() -> None:
    pea = Cation.from_smiles("[NH3+]CCc1ccccc1", abbreviation="PEA", names=("phenethylammonium",))
    assert pea.charge == 1
    assert pea.formula == "C8H12N+"
    assert pea.molar_mass_g_mol == pytest.approx(122.19, abs=0.01)
    assert pea.n_heavy_atoms == 9
    assert pea.elements == {"C": 8, "H": 12, "N": 1}
    assert pea.is_organic
    assert str(pea) == "PEA"


def test_role_is_that_of_the_built_in_library_where_it_knows_the_cation() -> None:
    assert Cation.from_smiles("C[NH3+]").role == "cage"
    assert Cation.from_smiles("CC[NH3+]").role == "both"
    assert Cation.from_smiles("[NH3+]CCCCC1CCCCC1").role == "spacer"
    assert Cation.from_smiles("[Na+]").role == "cage"


def test_default_abbreviation_tells_charge_and_stereo_apart() -> None:
    names = {
        Cation.from_smiles(smiles).abbreviation
        for smiles in ("CC(C)[NH3+]", "C[C@@H]([NH3+])CC", "C[C@H]([NH3+])CC", "[NH3+]CC[NH3+]", "NCC[NH3+]")
    }
    assert len(names) == 5


def test_cation_survives_pickling() -> None:
    cation = Cation.from_smiles("CCCC[NH3+]", abbreviation="BA", names=("n-butylammonium",))
    again = pickle.loads(pickle.dumps(cation))
    assert again == cation
    assert again.names == cation.names


@pytest.mark.parametrize(
    ("smiles", "error", "says"),
    [
        ("CCN", ChargeError, "is neutral"),
        ("[NH3+]CC(C[NH3+])C[NH3+]", ChargeError, r"charge \+3"),
        ("[CH2]C[NH3+]", StructureError, "radical"),
        ("CC[NH2+]", StructureError, "radical"),
        ("C[NH3+].[I-]", StructureError, "mixture"),
        ("not a smiles", StructureError, "cannot be read"),
        ("C1CC[NH3+]", StructureError, "cannot be read"),
        ("", StructureError, "empty"),
        ("[Fe+2]", StructureError, "Fe"),
        ("C[Hg+]", StructureError, "Hg"),
        ("[2H]C[NH3+]", StructureError, "isotope"),
        ("[13CH3][NH3+]", StructureError, "isotope"),
        ("[NH3+]CC(=O)[O-]", StructureError, "anionic O"),
        ("*C[NH3+]", StructureError, "dummy"),
        ("C" * 199 + "[NH3+]", StructureError, "200 heavy atoms"),
        ("C" * 5000, StructureError, "characters"),
        ("Cé[NH3+]", StructureError, "cannot be read"),
    ],
)
def test_what_is_no_cation_is_refused_with_the_reason(smiles: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        Cation.from_smiles(smiles)


def test_nitro_group_is_no_anion() -> None:
    assert Cation.from_smiles("[NH3+]Cc1ccc([N+](=O)[O-])cc1").charge == 1


def test_abbreviation_that_cannot_stand_in_a_formula_is_refused() -> None:
    with pytest.raises(StructureError, match="formula"):
        Cation.from_smiles("C[NH3+]", abbreviation="M A")


def test_unknown_role_is_refused() -> None:
    with pytest.raises(StructureError, match="spacer, cage, both"):
        Cation.from_smiles("C[NH3+]", role="filler")


def test_atom_maps_do_not_matter() -> None:
    assert Cation.from_smiles("[CH3:1][NH3+:2]") == Cation.from_smiles("C[NH3+]")


def test_protonated_carbanion_whose_aromatic_smiles_cannot_be_read_is_kept_in_kekule_form(tmp_path: Path) -> None:
    # a phenalenide pyridinium of PubChem: protonated, RDKit writes an aromatic SMILES that it cannot read itself
    path = tmp_path / "dyes.smi"
    path.write_text("C1=CC=C(C=C1)C2=C3C4=CC=CC5=CC=CC(=C3C(=C2[N+]6=CC=CC=C6)C7=CC=CC=C7)[C-]54 dye\n")
    for cation in CationLibrary.read(path):
        assert cation.is_organic
        assert Cation.from_smiles(cation.smiles) == cation
    assert len(CationLibrary.read(path)) == 1
