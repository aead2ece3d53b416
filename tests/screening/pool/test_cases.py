"""Tables as labs hand them in, one peculiarity each: what is learnt, or what is asked, and never a silent loss.

Every table but the categorical ones is `clean_obs.csv` (12 yields over temp_C and equiv) with one thing changed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from chemspace.errors import SpinscreenError, TableError
from chemspace.tables.frame import read_frame
from screening.backtest import FinishedTable
from screening.errors import BacktestError, PoolError
from screening.pool import PoolTable
from screening.table_features import TableQuery

CASES = Path(__file__).with_name("cases")
BOTH = ("temp_C", "equiv")


def _table(case: str, **asked: object) -> PoolTable:
    pool = CASES / f"{case}_pool.csv"
    observed = CASES / f"{case}_obs.csv"
    frames = [
        read_frame(pool if pool.exists() else CASES / "clean_pool.csv"),
        read_frame(observed if observed.exists() else CASES / "clean_obs.csv"),
    ]
    return PoolTable.of(*frames, TableQuery("yield", minimize=False, **asked))  # type: ignore[arg-type]


@cache
def _clean() -> list[int]:
    rows: list[int] = _table("clean").suggest(3)["row"].tolist()
    return rows


@pytest.mark.parametrize("case", ["german", "order", "percent", "constcol", "date", "rounded", "merged"])
def test_a_peculiar_table_gives_the_suggestions_of_the_plain_one(case: str) -> None:
    table = _table(case)
    assert table.features.names == BOTH
    assert table.suggest(3)["row"].tolist() == _clean()


@pytest.mark.parametrize(
    ("case", "told"),
    [("constcol", "p_bar (the same in every row)"), ("date", "date (only in the observed table)")],
)
def test_what_such_a_table_has_too_is_told(case: str, told: str) -> None:
    assert told in _table(case).sentence


@pytest.mark.parametrize(
    ("case", "asked", "words"),
    [
        (
            "onebadcell",
            {},
            r"'equiv' holds numbers but for 1 of its cells \(row 26 of the pool: 'n\.d\.' is not a number",
        ),
        ("missx", {}, r"'equiv' holds numbers but for 1 of its cells \(row 4 of the observed table: the cell is empty"),
        ("bound", {}, r"row 3, column 'yield': '<0\.1' is a bound, not a number; write the number that stands for it"),
        ("inf", {}, r"row 1, column 'yield': a number below 1e\+305 is needed"),
        ("noiseneg", {"noise": "sd"}, "row 2, column 'sd': -1 is no standard deviation; it is 0 or more"),
    ],
)
def test_what_cannot_be_read_is_asked_about_with_its_place(case: str, asked: dict[str, object], words: str) -> None:
    with pytest.raises(PoolError, match=words):
        _table(case, **asked)


@pytest.mark.parametrize(
    ("case", "words"), [("dup", "column 'temp_C' stands twice in the header"), ("empty", "it is empty")]
)
def test_a_file_that_is_no_table_is_refused(case: str, words: str) -> None:
    with pytest.raises(TableError, match=words):
        read_frame(CASES / (f"{case}_obs.csv" if case == "dup" else f"{case}.csv"))


@pytest.mark.parametrize(
    ("case", "asked", "remark"),
    [
        ("missy", {}, "1 row without a result is taken as being measured"),
        ("noisenan", {"noise": "sd"}, "1 of the results without an error get the median of the others' errors"),
    ],
)
def test_what_is_missing_and_can_be_done_without_is_told(case: str, asked: dict[str, object], remark: str) -> None:
    table = _table(case, **asked)
    assert table.remarks == (remark,)
    assert table.spread_is_known


@pytest.mark.parametrize(
    ("case", "words"), [("onerow", "from 1 measured candidate"), ("const", "all 12 results are the same")]
)
def test_no_interval_is_made_up(case: str, words: str) -> None:
    table = _table(case)
    assert table.suggest(2)["low"].isna().all()
    assert words in table.why_no_spread


def test_huge_results_have_huge_numbers_and_no_nan() -> None:
    frame = _table("huge").suggest(3)
    assert frame["row"].tolist() == _clean()
    assert np.isfinite(frame[["mean", "sd", "low", "high"]].to_numpy()).all()


def test_a_table_of_headings_only_is_a_cold_start() -> None:
    assert _table("headeronly").suggest(3).columns.tolist() == ["row", *BOTH]


def test_of_six_candidates_with_two_measured_four_are_left() -> None:
    table = _table("cat")
    assert table.features.learnt == ("ligand (3 categories)", "temp")
    assert sorted(table.suggest(4)["row"]) == [2, 3, 4, 5]


def test_codes_of_a_solvent_are_categories() -> None:
    assert _table("intcat").features.learnt == (*BOTH, "solvent (4 codes, as categories)")


def test_a_table_of_one_column_is_learnt_from() -> None:
    assert _table("one").features.names == ("temp_C",)


def _written(case: str, folder: Path) -> bytes:
    """`clean_pool.csv` written in another way."""
    text = (CASES / "clean_pool.csv").read_text(encoding="utf-8")
    head, *rows = text.splitlines()
    match case:
        case "percentx":
            rows = [f"{row}%" for row in rows]
        case "space":
            head = "temp_C, equiv "
        case "thousands":
            rows = [f'"{int(row.split(",")[0]) * 1000:,}",{row.split(",")[1]}' for row in rows]
        case "latin":
            head = "temp_C,equiv,L\xf6semittel"
            rows = [f"{row},Th\xfcringen" for row in rows]
        case _:
            raise AssertionError(case)
    text = "\n".join([head, *rows])
    return text.encode("cp1252" if case == "latin" else "utf-8")


@pytest.mark.parametrize("case", ["percentx", "space", "thousands", "latin"])
def test_ways_to_write_the_same_pool_are_read(case: str, tmp_path: Path) -> None:
    (tmp_path / "pool.csv").write_bytes(_written(case, tmp_path))
    observed = read_frame(CASES / "clean_obs.csv")
    if case == "thousands":
        observed["temp_C"] *= 1000
    table = PoolTable.of(read_frame(tmp_path / "pool.csv"), observed, TableQuery("yield", minimize=False))
    assert table.features.names == BOTH
    assert table.suggest(3)["row"].tolist() == _clean()


def test_per_cent_signs_beside_shares_of_one_are_asked_about() -> None:
    pool = pd.DataFrame({"wet": ["10%", "20%", "40%"], "x": [1.0, 2.5, 3.5]})
    observed = pd.DataFrame({"wet": [0.1, 0.2], "x": [1.0, 2.5], "yield": [1.0, 2.0]})
    with pytest.raises(
        PoolError, match=r"'wet' holds per cent .row 1 of the pool. and shares of 1 .row 2 of the observed table."
    ):
        PoolTable.of(pool, observed, TableQuery("yield"))


def test_a_finished_table_of_texts_with_replicates_is_one_row_a_setting() -> None:
    frame = pd.read_csv(CASES / "cat_pool.csv")
    frame = pd.concat([frame.assign(rate=range(6)), frame.assign(rate=range(1, 7))], ignore_index=True)
    table = FinishedTable.from_frame(frame, TableQuery("rate"))
    assert table.y.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert "6 settings in 12 rows: each setting is one row, the mean of its results (--replicates)" in table.remarks
    assert len(FinishedTable.from_frame(frame, TableQuery("rate", replicates="rows")).y) == 12


def test_row_numbers_that_replicates_repeat_are_left_out() -> None:
    frame = pd.DataFrame({"entry": range(20), "x": np.random.default_rng(0).random(20), "rate": range(20)})
    table = FinishedTable.from_frame(pd.concat([frame, frame]), TableQuery("rate"))
    assert table.remarks[0] == "learning rate (small is good) from x; left out: entry (row numbers)"
    assert len(table.y) == 20


@pytest.mark.parametrize(
    ("cell", "words"),
    [("DATA", "row 1, column 'rate': 'DATA' is not a number"), ("PENDING", "row 1, column 'rate' holds no result")],
)
def test_a_second_header_or_a_pending_row_in_a_finished_table_is_named(cell: str, words: str) -> None:
    frame = pd.DataFrame({"x": ["1", "2", "3", "4"], "rate": [cell, "1", "2", "3"]})
    with pytest.raises(BacktestError, match=words):
        FinishedTable.from_frame(frame, TableQuery("rate"))


def test_every_case_is_answered_or_refused_in_a_sentence() -> None:
    for path in sorted(CASES.glob("*_obs.csv")):
        try:
            _table(path.stem.removesuffix("_obs")).suggest(1)
        except SpinscreenError as error:
            assert "\n" not in str(error)  # noqa: PT017  one sentence


#: A table with a text column, of which a third is measured.
POOL = pd.DataFrame({"ligand": list("AABBCC") * 4, "temp_C": np.repeat([80.0, 90.0, 100.0, 110.0], 6)})
MEASURED = [0, 3, 5, 8, 10, 13, 16, 23]
DISTINCT = POOL.assign(replicate=np.arange(24) % 2)


def _left(pool: str | bytes, observed: str | bytes, folder: Path) -> PoolTable:
    frames = []
    for name, content in (("pool.csv", pool), ("observed.csv", observed)):
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        frames.append(read_frame(folder / name))
    return PoolTable.of(*frames, TableQuery("yield", minimize=False))


def _csv(**columns: object) -> tuple[str, str]:
    """Pool and results, further columns in both: one value for all rows or a function of the row's number."""
    own = POOL.assign(**{name: [f(at) for at in range(24)] for name, f in columns.items() if callable(f)})
    own["replicate"] = np.arange(24) % 2
    return own.to_csv(index=False), own.iloc[MEASURED].assign(**{"yield": range(8)}).to_csv(index=False)


@pytest.mark.parametrize(
    "written",
    [
        lambda text: "Screen of June 2026,,\n\n" + text,
        lambda text: "# made by the robot\n" + text,
        lambda text: "Screen of June 2026\n" + text,
        lambda text: text + ",,\n,,\n",
        lambda text: "\n".join(f"{line},," for line in text.split()) + "\n",
        lambda text: text.replace("\n", "\n,,\n", 3),
        lambda text: text.replace(",", "|"),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace(",", "\t").replace("\n", "\r\n"),
    ],
)
def test_titles_and_lines_of_delimiters_are_no_part_of_a_table(written: object, tmp_path: Path) -> None:
    pool, observed = _csv()
    table = _left(written(pool), written(observed), tmp_path)  # type: ignore[operator]
    assert table.features.learnt == ("ligand (3 categories)", "temp_C", "replicate")
    assert np.flatnonzero(~table.problem.free).tolist() == MEASURED
    assert not table.features.left_out


@pytest.mark.parametrize(
    ("heading", "cells", "reason"),
    [
        ("made on", lambda at: f"{at % 3 + 1} Jan 2026", "dates or times"),
        ("made on", lambda at: f"0{at % 9 + 1}/02/2026 3:05 PM", "dates or times"),
        ("date", lambda at: 20260301 + at % 5, "dates or times"),
        ("Timestamp", lambda at: 1.7e9 + 3600.0 * at, "dates or times"),
        ("anneal", lambda at: f"0:{at % 3 + 1}0", "dates or times"),
        ("well", lambda at: 10 * at, "row numbers"),
        ("Sample No", lambda at: 7 * (at * 5 % 24) + 3, "row numbers"),
        ("Versuch", lambda at: at * 5 % 24 + 1, "numbers that count the rows; --columns takes it in"),
        ("label", lambda at: f"P{at}", "names: nearly every row has its own"),
    ],
)
def test_dates_and_numbers_of_samples_are_never_learnt_from(
    heading: str, cells: object, reason: str, tmp_path: Path
) -> None:
    table = _left(*_csv(**{heading: cells}), tmp_path)
    assert table.features.left_out == {heading: reason}
    assert np.flatnonzero(~table.problem.free).tolist() == MEASURED


def test_remarks_on_results_hide_no_measured_candidate(tmp_path: Path) -> None:
    pool, observed = _csv(note=lambda at: f"plan {at}")
    table = _left(pool, observed.replace("plan", "looks fine"), tmp_path)
    assert np.flatnonzero(~table.problem.free).tolist() == MEASURED


def test_codes_that_begin_with_a_zero_are_categories(tmp_path: Path) -> None:
    table = _left(*_csv(solvent=lambda at: f"{at % 3 * 5:03d}"), tmp_path)
    assert "solvent (3 categories)" in table.features.learnt


@pytest.mark.parametrize(
    ("own", "other"),
    [
        (("A", "B"), ("a", "b")),
        (("yes", "no"), ("No", "Yes")),
        (("TRUE", "FALSE"), ("1", "0")),
        (("1", "0"), ("y", "n")),
        (("x", ""), ("yes", "no")),
        (("ja", "nein"), ("\u2713", "")),
        (("oui", "non"), ("WAHR", "FALSCH")),
        (("\u00d6l", "2-ME"), ("O\u0308l", "2\u2011ME")),
    ],
)
def test_capitals_and_ways_to_write_yes_make_no_new_category(
    own: tuple[str, str], other: tuple[str, str], tmp_path: Path
) -> None:
    pool, observed = _csv(dry=lambda at: own[at % 2])
    if own == ("yes", "no"):
        other = other[::-1]
    for before, after in zip(own, other, strict=True):
        observed = observed.replace(f",{before},", f",{after},")
    table = _left(pool, observed, tmp_path)
    assert np.flatnonzero(~table.problem.free).tolist() == MEASURED
    assert any("read as the pool writes it" in remark for remark in table.remarks) == (own[0] != "1")


def test_capitals_within_one_table_are_told() -> None:
    pool = POOL.replace({"ligand": {"C": "a"}}).assign(smiles=["CC(C)O", "CCCO"] * 12)
    table = PoolTable.of(pool, None, TableQuery())
    assert table.remarks == ("ligand: 'A' and 'a' are two categories; if they are one, write them alike",)


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [
        ("{:g}\u00b0C", "{:g}", None),
        ("{:.2g} \u00b0C", "{:.2g} degC", None),
        (
            "{:g} \u00b0C",
            "{:g} K",
            r"'temp_C' holds \u00b0C .row 1 of the pool. and K .row 1 of the observed table.: write",
        ),
        ("{:g}", "{:g} K", r"'temp_C' holds K .row 1 of the observed table. and \u00b0C .by a heading."),
        ("{:g}\u2076", "{:g}", None),
    ],
)
def test_units_in_cells_are_read_and_two_of_them_asked_about(own: str, other: str, words: str | None) -> None:
    pool = DISTINCT.assign(temp_C=[own.format(value) for value in DISTINCT["temp_C"]])
    observed = DISTINCT.assign(temp_C=[other.format(value) for value in DISTINCT["temp_C"]]).iloc[MEASURED]
    asked = pool, observed.assign(**{"yield": range(8)}), TableQuery("yield")
    if words is not None:
        with pytest.raises(PoolError, match=words):
            PoolTable.of(*asked)
        return
    table = PoolTable.of(*asked)
    assert np.flatnonzero(~table.problem.free).tolist() == ([] if "\u2076" in own else MEASURED)


def test_powers_of_ten_are_read_as_printed_and_solvents_as_codes() -> None:
    pool = pd.DataFrame(
        {"dose": ["10\u2075", "2\u00b710^5", "3.5 \u00d7 10\u207b\u00b2"] * 4, "solvent": [1, 2, 5] * 4, "u": range(12)}
    )
    table = PoolTable.of(pool, None, TableQuery())
    assert table.features.learnt == ("dose", "solvent (3 codes, as categories)", "u")
    assert table.features.x[0][:3, 0].tolist() == [1.0e5, 2.0e5, 0.035]
    french = pool.assign(dose=["1 077,5", "2\u202f500,25", "3,5"] * 4)
    assert PoolTable.of(french, None, TableQuery()).features.x[0][:3, 0].tolist() == [1077.5, 2500.25, 3.5]


def test_ratios_are_no_times_and_sodium_is_no_empty_cell() -> None:
    pool = DISTINCT.assign(mix=["80:20", "50:50", "20:80"] * 8, ratio=["1:10", "1:20"] * 12, salt=["Na", "K", ""] * 8)
    learnt = PoolTable.of(pool, None, TableQuery()).features.learnt
    assert learnt[3:] == ("mix (3 categories)", "ratio (2 categories)", "salt (3 categories)")


@pytest.mark.parametrize("heading", ["thickness_nm", "speed_rpm", "cycles"])
def test_counted_numbers_with_a_unit_are_learnt_from(heading: str, tmp_path: Path) -> None:
    assert heading in _left(*_csv(**{heading: lambda at: at * 5 % 24 + 1}), tmp_path).features.names


def test_the_only_column_is_learnt_from_unless_it_is_headed_as_row_numbers() -> None:
    assert PoolTable.of(pd.DataFrame({"A": range(20)}), None, TableQuery()).features.names == ("A",)
    with pytest.raises(PoolError, match="no column to learn from; Run: row numbers"):
        PoolTable.of(pd.DataFrame({"Run": range(20)}), None, TableQuery())


def test_own_columns_that_are_headed_as_the_numbers_of_a_suggestion_stay() -> None:
    pool = DISTINCT.rename(columns={"temp_C": "distance"})
    table = PoolTable.of(pool, pool.iloc[MEASURED].assign(**{"yield": range(8)}), TableQuery("yield"))
    chosen = table.suggest(2)
    assert chosen["distance in the pool"].tolist() == pool["distance"].iloc[chosen["row"]].tolist()


def test_cells_below_a_value_that_stands_once_are_asked_for() -> None:
    assert PoolTable.of(DISTINCT.assign(ligand=["A", *[""] * 11, "B", *[""] * 11]), None, TableQuery()).remarks == (
        "ligand: empty cells are a value of their own (fill those that stand for the cell above)",
    )


def test_one_table_holds_candidates_and_results() -> None:
    master = DISTINCT.assign(**{"yield": np.nan, "grain_nm": np.nan, "status": ""})
    master.loc[MEASURED, ["yield", "grain_nm", "status"]] = 5.0, 7.0, "done"
    for observed, said in (
        (master, ("one table for both: its 16 rows without a result are the candidates",)),
        (master.iloc[MEASURED], ()),
    ):
        table = PoolTable.of(master, observed, TableQuery("yield"))
        assert np.flatnonzero(~table.problem.free).tolist() == MEASURED
        assert table.remarks == said
        assert {*table.features.left_out.values()} == {"another outcome: empty where nothing is measured"}


def test_a_result_that_is_no_number_is_left_out_only_when_that_is_said() -> None:
    observed = DISTINCT.iloc[MEASURED].assign(**{"yield": ["1", "2", ">99", "4", "5", "6", "7", "pending"]})
    with pytest.raises(
        PoolError, match=r"row 3, column 'yield': '>99' is a bound.*learn without such rows .--keep-going."
    ):
        PoolTable.of(DISTINCT, observed, TableQuery("yield"))
    for wrong, words in (
        ("1.9 \u00b1 0.2", "a number and its error.*--noise"),
        ("formed", "results are numbers, such as 1"),
    ):
        with pytest.raises(PoolError, match=words):
            PoolTable.of(DISTINCT, observed.assign(**{"yield": wrong}), TableQuery("yield"))
    table = PoolTable.of(DISTINCT, observed, TableQuery("yield", keep_going=True))
    assert len(table.measured.y) == 6
    assert np.flatnonzero(~table.problem.free).tolist() == MEASURED
    assert table.remarks[0].endswith("(1 such): measured, and not learnt from")
    assert table.remarks[1:] == ("1 row without a result is taken as being measured",)
    finished = FinishedTable.from_frame(observed, TableQuery("yield", keep_going=True))
    assert finished.y.tolist() == [1.0, 2.0, 4.0, 5.0, 6.0, 7.0]
    assert finished.remarks[-1] == "rows without a result, left out: 1"


def test_a_column_that_orders_rows_as_their_results_do_is_told() -> None:
    frame = DISTINCT.assign(rate=np.random.default_rng(0).permutation(24) + 1.0)
    table = FinishedTable.from_frame(
        frame.assign(tau=1.0 / frame["rate"], again=frame["rate"] // 2), TableQuery("rate")
    )
    assert [remark.split(" orders")[0] for remark in table.remarks[1:]] == ["tau"]


def test_formulas_without_values_are_named_as_that() -> None:
    pool = DISTINCT.assign(dose=[f"=B{row}*2" for row in range(24)])
    table = PoolTable.of(pool, None, TableQuery())
    assert table.features.left_out["dose"].startswith("formulas whose values the file does not keep")
    with pytest.raises(PoolError, match=r"'yield': '=1\+1' is a formula whose value .* keep; open it in a spreadsheet"):
        PoolTable.of(pool, pool.assign(**{"yield": "=1+1"}), TableQuery("yield"))


def test_the_same_quantity_in_two_units_is_asked_about(tmp_path: Path) -> None:
    pool, observed = _csv()
    for heading in ("temp_K", "temp (K)"):
        with pytest.raises(PoolError, match="the same unit is needed in both"):
            _left(pool.replace("temp_C", heading), observed, tmp_path)


def test_a_result_far_better_than_all_others_is_told(tmp_path: Path) -> None:
    pool, observed = _csv()
    table = _left(pool, observed.replace(",7\n", ",1000000\n"), tmp_path)
    assert any(remark.startswith("far better than all others: row 8: 1e+06") for remark in table.remarks)
