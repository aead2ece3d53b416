"""What is written for people runs in no spreadsheet, and is read back as it was."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chemspace.tables.frame import guarded, read_frame, read_rows, write_csv
from chemspace.tables.grid import read_grid

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
