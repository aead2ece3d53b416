"""Behaviour of compounds: phases, counts, masses, neutrality by construction; and what is weighed in for one."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from rdkit.Chem import MolFromSmiles, MolToInchiKey

from chemspace import CationLibrary, Compound, parse_formula
from chemspace.compound import Recipe, make_recipe
from chemspace.errors import ChargeError, FormulaError, RecipeError
from chemspace.tables.grid import package_table

LIBRARY = CationLibrary.builtin()
PEA, MA, FA, BDA = (LIBRARY[name] for name in ("PEA", "MA", "FA", "BDA"))


def test_charge_of_the_spacer_decides_the_phase() -> None:
    assert Compound.of(PEA, MA, 2).phase == "RP"
    assert Compound.of(BDA, MA, 2).phase == "DJ"
    assert Compound.of(None, MA).phase == "3D"


@pytest.mark.parametrize(("spacer", "cage", "n"), [(PEA, None, 1), (PEA, MA, 4), (BDA, FA, 3), (None, FA, None)])
def test_every_compound_is_neutral(spacer: object, cage: object, n: int | None) -> None:
    compound = Compound.of(spacer, cage, n)  # type: ignore[arg-type]  # parametrised values
    charge = sum(cation.charge * count for cation, count in compound.cation_counts)
    assert charge + 2 * compound.n_b_sites - compound.n_halides == 0


def test_counts_per_formula_unit() -> None:
    compound = Compound.of(PEA, {MA: 0.5, FA: 0.5}, 3)
    assert compound.cation_counts == ((PEA, Fraction(2)), (FA, Fraction(1)), (MA, Fraction(1)))
    assert (compound.n_b_sites, compound.n_halides) == (3, 10)


def test_composition_and_molar_mass() -> None:
    compound = Compound.of(PEA, None, 1)
    assert {element.symbol: n for element, n in compound.composition.items()} == {
        "C": 16,
        "H": 24,
        "N": 2,
        "Pb": 1,
        "I": 4,
    }
    # Pb 207.2 + 4 I 126.904 + 2 (C8H12N 122.19)
    assert compound.molar_mass_g_mol == pytest.approx(959.20, abs=0.02)
    assert float(compound.composition.weight) == pytest.approx(compound.molar_mass_g_mol, abs=0.02)


def test_mixtures_equal_whatever_the_order_of_their_parts() -> None:
    assert Compound.of(PEA, {MA: 0.25, FA: 0.75}, 2) == Compound.of(PEA, {FA: "3/4", MA: "1/4"}, 2)
    assert Compound.of(PEA, None, 1, halide={"I": 0.5, "Br": 0.5}) == Compound.of(
        PEA, None, 1, halide={"Br": 0.5, "I": 0.5}
    )


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"spacer": PEA, "cage": MA, "n_layers": 1}, "n = 1"),
        ({"spacer": PEA, "cage": None, "n_layers": 2}, "n = 1"),
        ({"spacer": PEA, "cage": MA, "n_layers": 0}, "starts at 1"),
        ({"spacer": PEA, "cage": MA}, "needs a spacer and n_layers"),
        ({"spacer": PEA, "cage": None, "n_layers": 1, "b_site": "Cu"}, "no B site"),
        ({"spacer": PEA, "cage": None, "n_layers": 1, "halide": "F"}, "no halide"),
        ({"spacer": PEA, "cage": {MA: 0.5, FA: 0.4}, "n_layers": 2}, "9/10"),
        ({"spacer": PEA, "cage": {MA: 1.5, FA: -0.5}, "n_layers": 2}, "above 0"),
        ({"spacer": PEA, "cage": {MA: "half"}, "n_layers": 2}, "no fraction"),
        ({"spacer": BDA, "cage": PEA, "n_layers": 2}, "PEA is a spacer"),
        ({"spacer": MA, "cage": LIBRARY["GA"], "n_layers": 3}, "MA is a cage cation"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(kwargs: dict[str, object], says: str) -> None:
    with pytest.raises(FormulaError, match=says):
        Compound.of(**kwargs)  # type: ignore[arg-type]  # wrong on purpose


def test_doubly_charged_cage_is_refused() -> None:
    with pytest.raises(ChargeError, match=r"\+2"):
        Compound.of(PEA, LIBRARY["EDA"], 2)


@pytest.mark.parametrize("amount", ["a half", "1/0", float("nan")])
def test_amount_that_is_no_fraction_is_refused_with_an_example(amount: str | float) -> None:
    with pytest.raises(FormulaError, match=r"as 0\.25 or 1/4"):
        Compound.of(PEA, {MA: amount, FA: 0.5}, 2)


def halide_brought(recipe: Recipe, metal_source: str, spacer_source: str) -> float:
    """Halide per formula unit from salts and acid."""
    compound = recipe.compound
    total = 0.0 if metal_source == "oxide" else 2.0 * compound.n_b_sites
    total += 0.0 if spacer_source == "amine" or compound.spacer is None else 2.0
    total += sum(p.per_formula for p in recipe.precursors if p.part == "cage")
    protons = 2 * compound.n_b_sites * (metal_source == "oxide")
    protons += 2 * (spacer_source == "amine" and compound.spacer is not None)
    return total + protons


@pytest.mark.parametrize("metal_source", ["oxide", "halide"])
@pytest.mark.parametrize("spacer_source", ["amine", "salt"])
@pytest.mark.parametrize(
    "formula", ["(PEA)2(MA)2Pb3I10", "(3AMP)(FA)Pb2I7", "(BA)2PbI4", "Cs0.1FA0.9PbI3", "(PEA)2PbI3Br"]
)
def test_every_recipe_is_balanced(formula: str, metal_source: str, spacer_source: str) -> None:
    compound = parse_formula(formula)
    recipe = make_recipe(compound, 1.0, metal_source=metal_source, spacer_source=spacer_source)
    assert recipe.amount_mmol == pytest.approx(1000 / compound.molar_mass_g_mol)
    metals = sum(p.per_formula for p in recipe.precursors if p.part == "metal")
    assert metals == pytest.approx(compound.n_b_sites)
    assert halide_brought(recipe, metal_source, spacer_source) == pytest.approx(compound.n_halides)
    for precursor in recipe.precursors:
        assert precursor.amount_mmol == pytest.approx(precursor.per_formula * recipe.amount_mmol)
        assert precursor.mass_g == pytest.approx(precursor.amount_mmol * precursor.molar_mass_g_mol / 1000)


def test_masses_for_a_gram_of_butylammonium_lead_iodide_with_methylammonium() -> None:
    recipe = make_recipe(parse_formula("(BA)2(MA)Pb2I7"), 1.0, metal_source="halide", spacer_source="salt")
    masses = {p.name: p.mass_g for p in recipe.precursors}
    # M = 1483.1; 1 g = 0.6743 mmol: 2 PbI2 (461.0), 2 BAI (201.05), 1 MAI (158.97)
    assert masses["PbI2"] == pytest.approx(0.6217, abs=0.001)
    assert masses["BAI"] == pytest.approx(0.2711, abs=0.001)
    assert masses["MAI"] == pytest.approx(0.1072, abs=0.001)
    assert sum(masses.values()) == pytest.approx(1.0, abs=1e-9)
    assert recipe.acid_ml == ()
    assert recipe.equation == "2 PbI2 + 2 BAI + MAI -> (BA)2(MA)Pb2I7"


def test_oxide_and_amine_need_acid_and_give_water() -> None:
    recipe = make_recipe(parse_formula("(BDA)PbI4"), 0.5)
    assert recipe.equation == "PbO + BDA free base + 4 HI -> (BDA)PbI4 + H2O"
    ((name, volume),) = recipe.acid_ml
    assert name == "HI 57%"
    # 7.58 mol/L
    assert volume == pytest.approx(4 * recipe.amount_mmol / 7.575, rel=0.005)
    base = next(p for p in recipe.precursors if p.part == "spacer")
    assert base.molar_mass_g_mol == pytest.approx(88.15, abs=0.01)
    assert "mmol" in str(recipe)


def test_excess_changes_its_precursor_only() -> None:
    compound = parse_formula("(PEA)2(MA)2Pb3I10")
    plain, lean = make_recipe(compound, 1.0), make_recipe(compound, 1.0, spacer_equivalents=0.7)
    for before, after in zip(plain.precursors, lean.precursors, strict=True):
        assert after.mass_g == pytest.approx(before.mass_g * (0.7 if before.part == "spacer" else 1.0))
    assert plain.equation == lean.equation


@pytest.mark.parametrize(
    ("formula", "kwargs", "says"),
    [
        ("(PEA)2PbI4", {"target_mass_g": 0.0}, "above 0"),
        ("(PEA)2PbI4", {"target_mass_g": float("nan")}, "above 0"),
        ("(PEA)2PbI4", {"metal_source": "nitrate"}, "nitrate"),
        ("(PEA)2PbI4", {"spacer_source": "acetate"}, "acetate"),
        ("(HTMA)2PbI4", {"spacer_source": "amine"}, "no free base"),
    ],
)
def test_recipe_that_cannot_be_written_says_why(formula: str, kwargs: dict[str, object], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        make_recipe(parse_formula(formula), **{"target_mass_g": 1.0, **kwargs})  # type: ignore[arg-type]  # wrong on purpose


def test_a_spacer_without_a_free_base_is_weighed_in_as_its_salt() -> None:
    recipe = make_recipe(parse_formula("(HTMA)2PbI4"), 1.0)
    assert [precursor.name for precursor in recipe.precursors] == ["PbO", "HTMAI"]
    assert [p.name for p in make_recipe(parse_formula("(PEA)2PbI4"), 1.0).precursors] == ["PbO", "PEA free base"]


def test_every_number_on_file_has_its_check_digit_its_source_and_the_molecule_of_its_cation() -> None:
    library, rows = CationLibrary.builtin(), package_table("cas.csv")
    assert len(rows) > 400
    assert len({row["cas"] for row in rows}) == len(rows)
    for row in rows:
        *digits, check = row["cas"].replace("-", "")
        # https://www.cas.org/support/documentation/chemical-substances/checkdig
        assert sum(place * int(digit) for place, digit in enumerate(reversed(digits), 1)) % 10 == int(check), row
        assert re.fullmatch(r"\d{2,7}-\d\d-\d", row["cas"])
        assert re.search(r"PubChem CID \d+|NOMAD .* row \d+", row["source"])
        if not row["inchikey"]:
            continue
        cation = library[row["of"]]
        assert cation.inchikey == row["inchikey"]
        # a proton more or less is the last letter of an InChIKey
        salt = cation.smiles + f".[{row['form']}-]" * cation.charge
        base = f"{cation.inchikey[:-1]}N"
        assert row["molecule"] == (base if row["form"] == "base" else MolToInchiKey(MolFromSmiles(salt))), row


def test_a_recipe_says_by_which_number_each_chemical_is_ordered() -> None:
    told = str(make_recipe(parse_formula("(PEA)2(FA)Pb2I7"), 1.0))
    for number in ("1317-36-8", "64-04-0", "879643-71-7", "10034-85-2"):
        assert f"CAS {number}" in told
    assert "2-phenylethanamine" in told
    assert "formamidinium iodide" in told
    assert "CAS 10101-63-0" in str(make_recipe(parse_formula("(BA)2PbI4"), 1.0, metal_source="halide"))


def test_a_cation_without_a_number_on_file_is_named_by_its_key() -> None:
    told = str(make_recipe(parse_formula("(A43)2PbI4"), 1.0))
    assert "no CAS on file, InChIKey of the cation UMALCRGDDRNCCM-UHFFFAOYSA-O" in told
    assert max(map(len, told.splitlines())) <= 80
