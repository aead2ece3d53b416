"""Behaviour of compounds: phases, counts, masses, neutrality by construction."""

from __future__ import annotations

from fractions import Fraction

import pytest

from chemspace import CationLibrary, Compound
from chemspace.errors import ChargeError, FormulaError

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
