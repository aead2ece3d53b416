"""Files that are too large, endless or damaged end in one sentence, before anything is made of them."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from chemspace.errors import TableError
from chemspace.tables.frame import read_frame, read_rows
from chemspace.tables.grid import (
    MAX_BYTES,
    MAX_CELLS,
    MAX_CHARACTERS,
    MAX_COLUMNS,
    MAX_LINES,
    MAX_ROWS,
    content_of,
    read_grid,
)
from tests.chemspace.tables.files import workbook

CASES = Path(__file__).with_name("cases")
TABLE = [["formula", "lifetime_ps"], ["(PEA)2PbI4", 1.5]]


def _with_sheet(raw: bytes, change: bytes, to: bytes) -> bytes:
    """A workbook whose parts say something else."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, old.read(part).replace(change, to))
    return stream.getvalue()


@pytest.mark.parametrize("name", ["damaged_NotImplementedError", "damaged_ParseError", "damaged_XMLSyntaxError"])
def test_a_damaged_workbook_is_one_sentence(name: str) -> None:
    with pytest.raises(TableError, match="a damaged Excel workbook") as caught:
        read_grid("lab.xlsx", (CASES / f"{name}.xlsx").read_bytes())
    assert "\n" not in str(caught.value)


def test_a_cell_far_below_the_table_is_left_out_and_told() -> None:
    grid = read_grid("lab.xlsx", (CASES / "farcell_row.xlsx").read_bytes())
    assert (len(grid.columns), len(grid.rows)) == (2, 1)
    assert grid.warnings == ("1 cell far from the table left out",)


def test_cells_far_to_the_right_are_left_out_and_told() -> None:
    raw = workbook(A=[[*TABLE[0], *[None] * 500, "x"], [*TABLE[1], *[None] * 500, "y"]])
    grid = read_grid("lab.xlsx", raw)
    assert grid.columns == ("formula", "lifetime_ps")
    assert grid.rows[0].cells == {"formula": "(PEA)2PbI4", "lifetime_ps": "1.5"}
    assert grid.warnings == ("2 cells far from the table left out",)


def test_a_cell_merged_over_rows_counts_for_each_of_them() -> None:
    book = Workbook()
    for row in (["compounds made in May"], *TABLE[:1], *TABLE[1:2], [None, 1.7], ["(BA)2PbI4", 0.4], [None, 0.5]):
        book.active.append(row)
    book.active.merge_cells("A1:B1")
    book.active.merge_cells("A3:A4")
    stream = io.BytesIO()
    book.save(stream)
    grid = read_grid("lab.xlsx", stream.getvalue())
    assert [row.cells.get("formula") for row in grid.rows] == ["(PEA)2PbI4", "(PEA)2PbI4", "(BA)2PbI4", None]
    assert [row.cells["lifetime_ps"] for row in grid.rows] == ["1.5", "1.7", "0.4", "0.5"]
    assert grid.warnings == ("1 merged cell counts for every row spanned",)


def test_a_cell_beside_the_table_is_still_one_too_many() -> None:
    assert read_grid("lab.xlsx", workbook(A=[TABLE[0], [*TABLE[1], "x"]])).rows[0].surplus


def test_formulas_are_read_by_their_kept_value_and_shown_where_there_is_none() -> None:
    grid = read_grid("lab.xlsx", workbook(A=[*TABLE, ["(BA)2PbI4", "=1+1"], [None, "=2+2"]]))
    assert [row.cells for row in grid.rows[1:]] == [
        {"formula": "(BA)2PbI4", "lifetime_ps": "=1+1"},
        {"lifetime_ps": "=2+2"},
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.decompress((CASES / "wide_rows.csv.gz").read_bytes()), "it has 5,002 columns; at most 1,000 are read"),
        (
            "\n".join(json.dumps({f"key{at}": 1}) for at in range(MAX_COLUMNS + 1)).encode(),
            "it has 1,001 columns; at most 1,000 are read",
        ),
        (b"a,b\n" + b"1,2\n" * (MAX_ROWS + 2), "it has more than 100,000 rows: hand it in in parts"),
        (b"a,b\n" + b"\n" * (MAX_LINES + 1), "it has more than 1,000,000 lines"),
        (b"a,b\n1," + b"x" * (MAX_CHARACTERS + 1), r"row 2: cell 2 holds 2,001 characters \('xxx"),
        (b"a" * (MAX_CHARACTERS + 1) + b",b\n1,2\n", "a heading has 2,001 characters"),
        (b"a,b\n" + b"x" * 200_000, "row 2.*(field larger than field limit|200,000 characters)"),
        (json.dumps([{"note": "x" * 3000}]).encode(), "row 1: cell 1 holds 3,000 characters"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "row 1: it is not one JSON object"),
        (b"[" * 100_000, "lists within lists"),
        (_with_sheet(workbook(A=TABLE), b"<sheetData>", b"<sheetData>" + b" " * MAX_BYTES), "unpacked: it is larger"),
        (_with_sheet(workbook(A=TABLE), b"<worksheet", b"<!DOCTYPE x><worksheet"), "it defines entities"),
    ],
    ids=[
        "columns", "json keys", "rows", "lines", "cell", "heading", "line", "json cell", "json number", "json depth",
        "zip bomb", "entities",
    ],
)  # fmt: skip
def test_what_is_too_large_is_refused_with_the_limit(content: bytes, words: str) -> None:
    with pytest.raises(TableError, match=words):
        read_grid("lab.csv", content)


def test_a_parquet_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    zeros = pa.DictionaryArray.from_arrays(pa.array([0] * 500_000, pa.int32()), pa.array(["x"]))
    pq.write_table(pa.table({f"c{at}": zeros for at in range(MAX_CELLS // 500_000 + 1)}), tmp_path / "t.parquet")
    with pytest.raises(TableError, match="more than 3,000,000 cells"):
        read_grid("t.parquet", (tmp_path / "t.parquet").read_bytes())


@pytest.mark.parametrize("read", [content_of, read_frame, lambda path: list(read_rows(path, lambda names: {}))])
def test_a_file_without_an_end_is_refused(read: object) -> None:
    with pytest.raises(TableError, match="zero: it is larger than 64 MB"):
        read(Path("/dev/zero"))  # type: ignore[operator]


@pytest.mark.parametrize("end", ["", '(BA)2PbI4,1.3,"K2"\n', "(BA)2PbI4,1.3,"])
def test_a_quotation_mark_without_its_second_one_loses_no_rows(tmp_path: Path, end: str) -> None:
    text = f'formula,lifetime_ps,note\n(PEA)2PbI4,1.2,"K1\n(MA)2PbI4,1.4,K3\n{end}'
    with pytest.raises(TableError, match="row 2 cannot be read"):
        read_grid("lab.csv", text.encode())
    (tmp_path / "cations.csv").write_text(text)
    rows = list(read_rows(tmp_path / "cations.csv", lambda names: {name: name for name in names}))
    assert (rows[0].number, rows[0].cells) == (2, {})
    assert "a quotation mark has no second one" in rows[0].problem


@pytest.mark.parametrize("head", ["", "abbreviation,smiles,role\n"])
def test_endless_empty_lines_end(tmp_path: Path, head: str) -> None:
    path = tmp_path / "cations.csv.gz"
    path.write_bytes(gzip.compress(head.encode() + b"\n" * (MAX_LINES + 10)))
    with pytest.raises(TableError, match="empty lines"):
        list(read_rows(path, lambda names: {name: name for name in names}))


def test_a_note_of_several_lines_is_one_cell() -> None:
    grid = read_grid("lab.csv", b'formula,lifetime_ps,note\n(PEA)2PbI4,1.2,"5"" wide,\nred\n, shiny"\n(MA)2PbI4,1,x\n')
    assert [row.cells["note"] for row in grid.rows] == ['5" wide,\nred\n, shiny', "x"]


def test_a_row_beyond_the_last_of_any_sheet_is_refused() -> None:
    raw = _with_sheet(workbook(A=[*TABLE, ["(BA)2PbI4", 2.5]]), b'<row r="3"', b'<row r="99999999999999999999"')
    with pytest.raises(TableError, match="beyond row 1,048,576, the last of a sheet"):
        read_grid("lab.xlsx", raw)


@pytest.mark.parametrize("part", [b"<cellXfs", b"<sheetData>"])
def test_a_workbook_of_nothing_a_million_times_over_is_refused(part: bytes) -> None:
    many = {b"<cellXfs": b"<xf/>" * 400_000, b"<sheetData>": b"<c/>" * 8_100_000}[part]
    with pytest.raises(TableError, match="millions of empty cells or styles"):
        read_grid("lab.xlsx", _with_sheet(workbook(A=TABLE), part, many + part))
