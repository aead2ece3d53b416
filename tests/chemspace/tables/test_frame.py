"""Pools and tables in every form that spreadsheets and instruments write; what is written runs in no spreadsheet."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chemspace.errors import TableError
from chemspace.tables.frame import guarded, read_frame, read_rows, write_csv
from chemspace.tables.grid import read_grid
from tests.chemspace.tables.files import workbook

ROWS = [["a", 105, 1.35, 77.5], ["b", 83, 2.73, None], ["c", 96, 0.5, 71.0]]
HEADER = ["ligand", "temp", "equiv", "yield"]
TEXT = "\n".join([",".join(HEADER), "a,105,1.35,77.5", "b,83,2.73,", "c,96,0.5,71.0"]) + "\n"
GOOD = workbook(Yields=[HEADER, *ROWS])
GERMAN = TEXT.replace(",", ";").replace(".", ",")


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", ",\n").replace("yield,", "yield").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace(",", ";").encode(),
        b"sep=;\n" + TEXT.replace(",", ";").encode(),
        TEXT.replace("yield", " yield ").encode(),
        GERMAN.encode(),
        GERMAN.encode("utf-16"),
        b"sep=;\r\n" + GERMAN.replace("\n", "\r\n").encode(),
        GERMAN.replace(";", "\t").encode("utf-16"),
        workbook(Yields=[HEADER, *ROWS]),
        workbook(Notes=[], Yields=[[], HEADER, *ROWS]),
        "\n".join(json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS).encode(),
        json.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS]).encode(),
    ],
)
def test_each_form_of_a_table_gives_the_same_frame(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    found = read_frame(tmp_path / "table.csv")
    pd.testing.assert_frame_equal(found, pd.DataFrame(ROWS, columns=HEADER), check_dtype=False)
    assert found.select_dtypes("number").columns.tolist() == ["temp", "equiv", "yield"]


def test_parquet_is_read_by_its_content(tmp_path: Path) -> None:
    frame = pd.DataFrame(ROWS, columns=HEADER)
    frame.to_parquet(tmp_path / "table.dat")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "table.dat"), frame)


def test_headings_of_blanks_are_none(tmp_path: Path) -> None:
    """Several of them with values were an AttributeError."""
    (tmp_path / "table.csv").write_text("a; ;\t;\t; \n1;2;3;4;\n5;6;7;8;\n", encoding="utf-8")
    assert list(read_frame(tmp_path / "table.csv")) == ["a", "Unnamed: 1", "Unnamed: 2", "Unnamed: 3"]


def test_letters_of_old_windows_text_survive(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes("Lösemittel,Ausbeute\nEthanol für 5 °C,3\n".encode("cp1252"))
    assert read_frame(tmp_path / "table.csv").to_dict("records") == [{"Lösemittel": "Ethanol für 5 °C", "Ausbeute": 3}]


def test_windows_letters_far_down_a_long_file_survive(tmp_path: Path) -> None:
    lines = ["name,x", *(f"a{at},{at}" for at in range(20_000)), "für,1"]
    (tmp_path / "table.csv").write_bytes("\n".join(lines).encode("cp1252"))
    frame = read_frame(tmp_path / "table.csv")
    assert (len(frame), frame["name"].iloc[-1]) == (20_001, "für")


def test_lines_of_delimiters_are_no_rows_of_a_table_with_decimal_commas(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x;y\n1,5;2\n;\n3,5;4\n;\n", encoding="utf-8")
    assert read_frame(tmp_path / "table.csv").to_numpy().tolist() == [[1.5, 2.0], [3.5, 4.0]]


def test_text_with_commas_beside_decimal_commas_stays_text(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("note;x;mixed\na, b;1,5;3,1\nc;2,5;none of it\n", encoding="utf-8")
    frame = read_frame(tmp_path / "table.csv")
    assert frame["note"].tolist() == ["a, b", "c"]
    assert frame["x"].tolist() == [1.5, 2.5]
    assert frame["mixed"].tolist() == ["3,1", "none of it"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty; a table is needed"),
        (b"%PDF-1.7", "it is a PDF document, not text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b"PK\x03\x04\x00\x01", "a zip archive or a damaged Excel workbook"),
        (b"PAR1 and no more", "cannot be read as a table"),
        (b"x,y\n1,2,7\n3,4,8\n", "rows have more cells than the header; is there a decimal comma"),
        (b"x,y\n1,2\n3,4\n5,6,7\n", "line 4 has 3 cells, those above 2; is there a comma in a cell without quotes"),
        (b"x\ty\n1\t2\t3\t4\n", "rows have more cells than the header"),
        (b"'=x;=x\n1;2\n", "column '=x' stands twice in the header"),
        (b"x;y\n1,5;1.250\n2,5;2\n", r"row 2: column y: '1\.250' may be 1250 or 1\.25"),
        (workbook(A=[["x"], [1]], B=[["x"], [1]]), "on the sheet 'A' .others: 'B'.: keep one sheet in the file"),
    ],
)
def test_what_is_no_table_is_refused_with_what_would_be_right(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(TableError, match=says):
        read_frame(tmp_path / "table.csv")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"absent\.csv: there is no such file"):
        read_frame(tmp_path / "absent.csv")


@given(
    changes=st.lists(st.tuples(st.integers(4, 4000), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.integers(100, 100_000),
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_workbook_is_read_or_refused_in_a_sentence(changes: list[tuple[int, int]], cut: int) -> None:
    raw = bytearray(GOOD[:cut])
    for at, byte in changes:
        raw[at % len(raw)] = byte
    raw[:4] = GOOD[:4]
    try:
        assert read_grid("lab.xlsx", bytes(raw))
    except TableError as error:
        assert error.name == "lab.xlsx"  # noqa: PT017  what is left may still be a workbook


FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(1+1)", "'=1", "-", "=", "\tx"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_is_a_formula_gets_a_quote(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["K1", "-1.5", "+3", "-2e-3", "it's", "'", "", "a=b", -1.5, None, True])
def test_numbers_and_other_texts_stay(cell: object) -> None:
    assert guarded(cell) is cell


_CELL = st.one_of(
    st.sampled_from([text for text in FORMULAS if text.strip() == text]),
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=6),
)


@given(cells=st.lists(_CELL, min_size=1, max_size=5), heading=st.sampled_from(["=note", "note", "@x", "+1+1"]))
@settings(max_examples=40, deadline=None)
def test_a_table_comes_back_unchanged(cells: list[str], heading: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t.csv"
        write_csv(pd.DataFrame({"formula": "(PEA)2PbI4", heading: cells, "lifetime_ps": -1.5}), path)
        grid = read_grid("t.csv", path.read_bytes())
        rows = list(read_rows(path, lambda names: {name: name for name in names}))
    assert grid.columns == ("formula", heading, "lifetime_ps")
    assert [row.cells[heading] for row in grid.rows] == cells
    assert [row.cells[heading.lower()] for row in rows] == cells
    assert {row.cells["lifetime_ps"] for row in grid.rows} == {"-1.5"}


def test_a_frame_comes_back_unchanged(tmp_path: Path) -> None:
    frame = pd.DataFrame({"=ligand": ["=A1", "+b c", "'@d"], "x": [-1.0, 2.0, 3.0]})
    write_csv(frame, tmp_path / "t.csv")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "t.csv"), frame, check_dtype=False)
