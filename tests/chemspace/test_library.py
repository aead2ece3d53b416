"""Behaviour of cation libraries: the built-in table and names."""

from __future__ import annotations

import pytest

from chemspace import Cation, CationLibrary, LibraryError
from chemspace.errors import AmbiguousNameError, UnknownCationError


def test_built_in_table_holds_at_least_300_cations_that_check_out() -> None:
    library = CationLibrary.builtin()
    assert len(library) >= 300
    for cation in library:
        again = Cation.from_smiles(cation.smiles, abbreviation=cation.abbreviation)
        assert (again.inchikey, again.smiles, again.charge) == (cation.inchikey, cation.smiles, cation.charge)
        assert cation.source
        assert cation.names


@pytest.mark.parametrize(
    ("alias", "name"), [("BZA", "PMA"), ("nBA", "BA"), ("F-BZA", "F-PMA"), ("DFPD", "4,4-DFPD"), ("CH3NH3", "MA")]
)
def test_aliases_name_the_same_cation(alias: str, name: str) -> None:
    library = CationLibrary.builtin()
    assert library[alias] == library[name]


def test_case_decides_between_pentyl_and_phenethyl() -> None:
    library = CationLibrary.builtin()
    assert library["PEA"] != library["PeA"]
    with pytest.raises(AmbiguousNameError, match=r"PeA.*PEA|PEA.*PeA"):
        library["pea"]


def test_case_does_not_matter_where_it_is_unique() -> None:
    library = CationLibrary.builtin()
    assert library["3ampy"] == library["3AMPY"]


def test_unknown_name_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(UnknownCationError, match="3AMPY"):
        CationLibrary.builtin()["3AMPZ"]


def test_ambiguous_name_lists_its_readings() -> None:
    with pytest.raises(AmbiguousNameError, match=r"rac-MBA.*R-MBA.*S-MBA"):
        CationLibrary.builtin()["MBA"]


def test_3_amp_with_a_hyphen_may_be_either_ring() -> None:
    with pytest.raises(AmbiguousNameError, match=r"3AMP .*3AMPY "):
        CationLibrary.builtin()["3-AMP"]


def test_spacers_and_cages_overlap_only_in_both() -> None:
    library = CationLibrary.builtin()
    assert {c.role for c in set(library.spacers) & set(library.cages)} == {"both"}
    assert all(c.charge == 1 for c in library.cages)
    assert len(library.spacers) >= 300


def test_content_hash_changes_with_the_content_only() -> None:
    library = CationLibrary.builtin()
    assert CationLibrary(library).content_hash == library.content_hash
    assert CationLibrary(list(library)[1:]).content_hash != library.content_hash


def test_one_cation_twice_is_refused() -> None:
    with pytest.raises(LibraryError, match="one cation"):
        CationLibrary([Cation.from_smiles("C[NH3+]", abbreviation=name) for name in ("MA", "MeA")])


def test_one_name_for_two_cations_is_refused() -> None:
    with pytest.raises(LibraryError, match="two cations are called X"):
        CationLibrary([Cation.from_smiles(smiles, abbreviation="X") for smiles in ("C[NH3+]", "CC[NH3+]")])


def test_an_alias_of_two_cations_is_ambiguous() -> None:
    pair = [Cation.from_smiles(s, abbreviation=a, names=("X",)) for s, a in (("C[NH3+]", "A1"), ("CC[NH3+]", "A2"))]
    with pytest.raises(AmbiguousNameError, match=r"A1.*A2"):
        CationLibrary(pair)["X"]
