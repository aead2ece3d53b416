"""Workbooks and JSON lines are tables too, and what a spreadsheet damaged is seen."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import IngestError, UnconfirmedError
from campaigns.ingest import read_observations
from campaigns.targets import LIFETIME
from chemspace import CationLibrary
from chemspace.errors import TableError
from chemspace.tables.grid import read_grid
from tests.chemspace.tables.files import workbook

HEADER = ["formula", "lifetime_ps", "lifetime_stderr_ps", "sample", "note"]


def read(path: Path, content: bytes, **how: object) -> object:
    path.write_bytes(content)
    names = CationLibrary.builtin()
    return read_observations(path.name, path.read_bytes(), LIFETIME, names, **how)  # type: ignore[arg-type]  # a test helper


def test_a_workbook_is_read_with_its_rows_as_the_sheet_counts_them(tmp_path: Path) -> None:
    rows = [[], HEADER, ["(PEA)2PbI4", 0.1 + 0.2, 0.02, "K7", "first"], [], ["(BA)2PbI4", 2, None, 12, None]]
    table = read(tmp_path / "r.xlsx", workbook(Results=rows))
    first, second = table.observations
    assert [row.line for row in table.rows] == [3, 5]
    assert (first.value, first.stderr, first.sample, first.note) == (0.3, 0.02, "K7", "first")
    assert (second.value, second.stderr, second.sample) == (2.0, None, "12")


def test_dates_that_excel_made_of_numbers_are_refused_and_of_names_are_told(tmp_path: Path) -> None:
    rows = [
        HEADER,
        ["(PEA)2PbI4", datetime(2026, 5, 1), None, "a", None],  # typed 1.5 in a country of decimal commas
        ["(BA)2PbI4", 0.2, None, date(2026, 3, 1), None],  # typed 3-1
    ]
    table = read(tmp_path / "r.xlsx", workbook(Results=rows))
    (problem,) = table.problems
    assert problem.startswith("row 2, column lifetime_ps: '2026-05-01' is a date; a spreadsheet turned a number")
    assert "row 3, column sample: Excel keeps a date here (2026-03-01)" in table.warnings[0]


def test_a_formula_without_its_value_is_told(tmp_path: Path) -> None:
    table = read(tmp_path / "r.xlsx", workbook(Results=[HEADER, ["(PEA)2PbI4", "=A1*2", None, None, None]]))
    assert "'=A1*2' is a formula whose value the file does not keep" in table.problems[0]


def test_of_several_sheets_one_is_declared_or_confirmed(tmp_path: Path) -> None:
    content = workbook(
        Old=[HEADER, ["(PEA)2PbI4", 0.3]], New=[HEADER, ["(BA)2PbI4", 0.4], ["(PA)2PbI4", 0.5]], Empty=[]
    )
    with pytest.raises(UnconfirmedError, match=r"(?s)the table is on the sheet 'Old' \(others: 'New'\).*--sheet 'Old'"):
        read(tmp_path / "r.xlsx", content)
    assert len(read(tmp_path / "r.xlsx", content, sheet="New").observations) == 2
    assert len(read(tmp_path / "r.xlsx", content, accept_guesses=True).observations) == 1
    with pytest.raises(IngestError, match="no sheet 'Newer'; it has 'Old', 'New', 'Empty'"):
        read(tmp_path / "r.xlsx", content, sheet="Newer")


def test_a_workbook_by_another_name_is_read_and_told(tmp_path: Path) -> None:
    table = read(tmp_path / "r.csv", workbook(Results=[HEADER, ["(PEA)2PbI4", 0.3]]))
    assert table.warnings == ("r.csv is an Excel workbook by its content and was read as one",)


def test_an_empty_workbook_and_an_old_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="the workbook is empty"):
        read(tmp_path / "r.xlsx", workbook(Results=[]))
    with pytest.raises(IngestError, match="old Excel"):
        read(tmp_path / "r.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100)


@pytest.mark.parametrize("as_list", [False, True])
def test_json_lines_and_a_json_list_are_read(tmp_path: Path, as_list: bool) -> None:
    rows = [
        {"formula": "(PEA)2PbI4", "lifetime_ps": 0.3, "sample": "K7", "is_upper_bound": False},
        {"formula": "(BA)2PbI4", "lifetime_ps": 0.05, "is_upper_bound": True, "lifetime_stderr_ps": None},
    ]
    text = json.dumps(rows) if as_list else "\n".join(map(json.dumps, rows)) + "\n\n"
    table = read(tmp_path / "r.jsonl", text.encode())
    assert [(m.value, m.sample, m.is_bound) for m in table.observations] == [
        (0.3, "K7", False),
        (0.05, "", True),
    ]
    assert [row.line for row in table.rows] == [1, 2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"formula": "(PEA)2PbI4", "lifetime_ps": 0.3}\n{"formula": \n', "row 2: it is not one JSON object"),
        ('{"formula": "(PEA)2PbI4", "lifetime_ps": [0.3]}\n', "row 1: 'lifetime_ps' holds a list"),
        ('[{"formula": 1}, 2]', "row 2: it is not one JSON object"),
        ('{"formula": 1}\n{"x": 1, "x": 2}', "row 2: 'x' stands twice in one object"),
        ("sep=;", "it is empty"),
        ('[{"x": 1, "x": 2}]', "'x' stands twice in one object"),
        ("[1, 2", "it is no JSON"),
        ("{}\n", "column 'formula' is missing"),
        ("[" * 100_000, "lists within lists"),
        ('{"a":' * 100_000, "row 1: it is not one JSON object"),
    ],
)
def test_json_that_is_no_table_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(IngestError, match=says):
        read(tmp_path / "r.jsonl", text.encode())


@given(
    content=st.one_of(
        st.binary(max_size=300), st.text(alphabet='formula,lifetime_ps\n"{}[]:;\t0.3(PEA)2bI', max_size=300)
    )
)
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_table_or_a_typed_error(content: bytes | str) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    message, stray = "any.csv", set()
    try:
        grid = read_grid("any.csv", raw)
        stray = {column for row in grid.rows for column in row.cells} - set(grid.columns)
    except TableError as problem:
        message = str(problem)
    assert "any.csv" in message
    assert not stray


@given(
    rows=st.lists(
        st.tuples(st.floats(0.02, 900), st.one_of(st.none(), st.floats(1e-4, 0.1)), st.text("abc123-", max_size=6)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=25, deadline=None)
def test_a_workbook_csv_and_json_lines_of_the_same_rows_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, float | None, str]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    table = [["(PEA)2PbI4", value, stderr, f"s{sample}", None] for value, stderr, sample in rows]
    lines = [
        ",".join("" if cell is None else f"{cell:.15g}" if isinstance(cell, float) else cell for cell in row)
        for row in table
    ]
    records = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in table]
    found = [
        read(folder / "same.xlsx", workbook(Results=[HEADER, *table])),
        read(folder / "same.csv", "\n".join([",".join(HEADER), *lines]).encode()),
        read(folder / "same.jsonl", "\n".join(records).encode()),
    ]
    told = [[(m.value, m.stderr, m.sample) for m in each.observations] for each in found]
    for other in told[1:]:
        for mine, theirs in zip(told[0], other, strict=True):
            assert mine[0] == pytest.approx(theirs[0], rel=1e-14)
            assert mine[1] == (None if theirs[1] is None else pytest.approx(theirs[1], rel=1e-14))
            assert mine[2] == theirs[2]
