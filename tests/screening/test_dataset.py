"""The published measurements and what may be appended to them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from chemspace.errors import NotNeutralError
from oracle.descriptors import DESCRIPTOR_NAMES
from screening.dataset import EXCLUDING_FLAGS, FLAGS, SpinDataset, contradicting, published_descriptors
from screening.errors import DatasetError


@pytest.fixture(scope="module")
def published() -> SpinDataset:
    return SpinDataset.published()


def test_there_are_52_rows_of_which_14_were_synthesised(published: SpinDataset) -> None:
    assert len(published) == 52
    assert (published.rows["split"] == "synthesised").sum() == 14


def test_every_row_has_a_source_and_known_flags(published: SpinDataset) -> None:
    rows = published.rows
    assert (rows["doi"] != "").all()
    assert {flag for flags in rows["flags"] for flag in flags.split(";") if flag} <= set(FLAGS)


def test_the_doubtful_rows_do_not_train_unless_asked_for(published: SpinDataset) -> None:
    kept = set(published.trainable().rows["material_id"])
    assert set(published.rows["material_id"]) - kept == {"S16", "S21", "S36", "S37", "S38"}
    assert len(published.trainable(include_flagged=True)) == 52
    assert all(EXCLUDING_FLAGS.values())


def test_doubtful_rows_carry_half_a_decade_of_error(published: SpinDataset) -> None:
    rows = published.rows.set_index("material_id")
    assert rows.loc["S16", "log10_rate_stderr"] == 0.5
    assert rows.loc["S43", "log10_rate_stderr"] == pytest.approx(0.03 * 8.3 / np.log(10), rel=1e-6)
    assert 0.08 < rows.loc["S02", "log10_rate_stderr"] < 0.12


def test_replicates_stay_rows_of_one_compound(published: SpinDataset) -> None:
    rows = published.rows
    again = rows[rows["formula"] == "(BA)2(MA)Pb2I7"]
    assert len(again) == 2
    assert again["log10_rate"].nunique() == 2


def test_compounds_print_the_formula_of_the_table(published: SpinDataset) -> None:
    for text, compound in zip(published.rows["formula"], published.compounds, strict=True):
        assert compound is None or str(compound) == text
    assert [str(m) for m in published.rows["material_id"][[c is None for c in published.compounds]]] == ["S21", "S38"]


def test_groups_are_spacers(published: SpinDataset) -> None:
    for group, compound in zip(published.groups, published.compounds, strict=True):
        if compound is not None:
            assert group == ("3D" if compound.spacer is None else compound.spacer.inchikey.split("-")[0])  # no hand


def test_rows_hands_out_copies(published: SpinDataset) -> None:
    rows = published.rows
    rows["lifetime_ps"] = 0.0
    assert (published.rows["lifetime_ps"] > 0.0).all()


def test_appended_rows_get_rates_groups_and_the_replicate_error(published: SpinDataset) -> None:
    longer = published.append(pd.DataFrame({"formula": ["(PEA)2PbI4"], "lifetime_ps": [0.4]}))
    last = longer.rows.iloc[-1]
    assert len(longer) == 53
    assert last["rate_per_ps"] == pytest.approx(2.5)
    assert last["group"].split("-")[0] == published.groups[13]
    assert last["log10_rate_stderr"] > 0.0
    assert str(longer.compounds[-1]) == "(PEA)2PbI4"


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("lifetime_ps", -1.0, "positive"),
        ("lifetime_ps", float("nan"), "positive"),
        ("lifetime_ps", "fast", "positive"),
        ("lifetime_ps", 0.003, "nanoseconds"),
        ("lifetime_ps", 3000.0, "femtoseconds"),
        ("lifetime_stderr_ps", -0.1, "non-negative"),
        ("definition", "t90", "unknown"),
        ("definition", "half_life", "conversion"),
    ],
)
def test_a_measurement_that_cannot_be_is_refused_with_its_row(
    published: SpinDataset, column: str, value: object, says: str
) -> None:
    row = {"formula": "(PEA)2PbI4", "lifetime_ps": 1.0} | {column: value}
    with pytest.raises(DatasetError, match=says) as caught:
        published.append(pd.DataFrame([row]))
    assert "row 0" in str(caught.value)


def test_a_half_life_is_converted_when_asked(published: SpinDataset) -> None:
    rows = pd.DataFrame({"formula": ["(PEA)2PbI4"], "lifetime_ps": [np.log(2.0)], "definition": ["half_life"]})
    assert published.append(rows, convert=True).rows["lifetime_ps"].iloc[-1] == pytest.approx(1.0)


def test_the_error_of_a_half_life_is_converted_with_it(published: SpinDataset) -> None:
    half = {"lifetime_ps": [np.log(2.0)], "lifetime_stderr_ps": [0.1 * np.log(2.0)], "definition": ["half_life"]}
    last = published.append(pd.DataFrame({"formula": ["(PEA)2PbI4"], **half}), convert=True).rows.iloc[-1]
    assert last["lifetime_stderr_ps"] == pytest.approx(0.1)
    assert last["log10_rate_stderr"] == pytest.approx(0.1 / np.log(10.0))


def test_a_missing_column_is_named(published: SpinDataset) -> None:
    with pytest.raises(DatasetError, match="lifetime_ps"):
        published.append(pd.DataFrame({"formula": ["(PEA)2PbI4"]}))


def test_a_formula_that_is_not_neutral_is_refused(published: SpinDataset) -> None:
    with pytest.raises(NotNeutralError):
        published.append(pd.DataFrame({"formula": ["(4AMPY)2MAPb3I10"], "lifetime_ps": [1.0]}))


def test_an_average_that_contradicts_its_own_cations_is_corrected_and_flagged(published: SpinDataset) -> None:
    names, table = published_descriptors()
    column = table[:, DESCRIPTOR_NAMES.index("polarizability_bohr3")]
    at = {name: column[names.index(name)] for name in ("S09", "S10", "S22")}
    filed = published_descriptors(as_filed=True)[1][names.index("S09"), DESCRIPTOR_NAMES.index("polarizability_bohr3")]
    assert at["S09"] == pytest.approx(0.5 * (at["S10"] + at["S22"]), abs=1e-4)
    assert filed == 43.998
    assert "corrected_descriptors" in published.rows.set_index("material_id").loc["S09", "flags"]


def test_both_hands_of_a_spacer_and_their_racemate_are_left_out_together(published: SpinDataset) -> None:
    rows = [{"formula": f"({hand}-MBA)2PbI4", "lifetime_ps": 1.0 + at} for at, hand in enumerate(("R", "S", "rac"))]
    longer = published.append(pd.DataFrame(rows))
    assert len(set(longer.rows["group"].tolist()[-3:])) == 3
    assert len(set(list(longer.groups)[-3:])) == 1


@pytest.mark.parametrize(
    ("told", "flag"),
    [
        ({"lifetime_ps": 300.0}, "other_conditions"),
        ({"lifetime_ps": 300.0, "temperature_k": 4.0, "technique": "TRFR"}, "other_temperature"),
        ({"lifetime_ps": 0.3, "technique": "Hanle effect"}, "other_technique"),
        ({"lifetime_ps": 190.0, "technique": "TRKR, resident electrons"}, "other_carrier"),
    ],
)
def test_a_row_of_other_conditions_is_set_apart_and_blurs_no_other_row(
    published: SpinDataset, told: dict[str, object], flag: str
) -> None:
    longer = published.append(pd.DataFrame([{"formula": "(PEA)2PbI4", **told}]))
    assert longer.rows["flags"].iloc[-1] == flag
    assert len(longer.trainable()) == len(published.trainable())
    assert longer.noise[:52] == pytest.approx(published.noise, abs=1e-12)


@pytest.mark.parametrize("factor", [2.0, 5.0, 9.5])
def test_one_bad_crystal_moves_the_error_of_all_others_by_less_than_a_tenth(
    published: SpinDataset, factor: float
) -> None:
    known = published.rows.set_index("material_id").loc["S14", "lifetime_ps"]
    row = pd.DataFrame({"formula": ["(PEA)2PbI4"], "lifetime_ps": [factor * known]})
    longer, pooled = (published.append(row, robust=robust) for robust in (True, False))
    assert len(longer.trainable()) == len(published.trainable()) + 1
    assert published.noise[13] < longer.noise[13] < 1.1 * published.noise[13]
    assert pooled.noise[13] > longer.noise[13]


@pytest.mark.parametrize(
    ("rates", "wrong"),
    [([], []), ([0.0], []), ([0.0, 2.0], [1]), ([0.0, 2.0, 2.1], [0]), ([0.0, 0.9], []), ([0.0, 0.1, -3.0, 0.2], [2])],
)
def test_of_replicates_the_few_that_contradict_the_many_are_wrong_and_of_two_the_later(
    rates: list[float], wrong: list[int]
) -> None:
    assert contradicting(rates) == wrong


def test_an_upper_bound_is_a_row_but_no_replicate(published: SpinDataset) -> None:
    bound = pd.DataFrame({"formula": ["(PEA)2PbI4"], "lifetime_ps": [0.05], "flags": ["upper_bound"]})
    longer = published.append(bound)
    assert longer.censored.tolist() == [False] * 52 + [True]
    assert longer.rows["log10_rate_stderr"].iloc[13] == published.rows["log10_rate_stderr"].iloc[13]
    assert longer.trainable().censored.sum() == 1


def test_corrected_descriptors_obey_the_rules_of_the_table() -> None:
    names, table = published_descriptors()
    column = {name: table[:, i] for i, name in enumerate(DESCRIPTOR_NAMES)}
    bromide = np.isin(names, ["S23", "S37"])
    tin = np.array(names) == "S19"
    b, x = np.where(tin, 1.10, 1.19), np.where(bromide, 1.96, 2.20)
    expected = (column["radius_angstrom"] + x) / (np.sqrt(2.0) * (b + x))
    known = np.array(names) != "S38"
    assert np.abs(expected - column["tolerance_factor"])[known].max() < 6e-4


def test_filed_descriptors_stand_beside_the_corrected_ones() -> None:
    names, corrected = published_descriptors()
    _, filed = published_descriptors(as_filed=True)
    changed = {n for n, a, b in zip(names, corrected, filed, strict=True) if not np.array_equal(a, b)}
    flags = SpinDataset.published().rows.set_index("material_id")["flags"]
    assert {n for n in changed if "corrected_descriptors" not in flags[n]} <= {"S36"}
    assert np.isnan(corrected[names.index("S36")]).sum() == 3
    assert filed[names.index("S36"), DESCRIPTOR_NAMES.index("homo_ev")] == 0.0
