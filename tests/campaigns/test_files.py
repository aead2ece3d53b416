"""Files appear whole or not at all, and what a killed process left is taken away."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from campaigns.errors import StoreError
from campaigns.files import file_name, read_ranking, write_files, write_whole


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("(PEA)2(MA)Pb2I7", "PEA2-MA-Pb2I7.cif"),
        ("(4AMP)PbI3.5Br0.5", "4AMP-PbI3.5Br0.5.cif"),
        ("(a/b)2PbI4", "a_b2-PbI4.cif"),
    ],
)
def test_a_formula_becomes_a_file_name_that_tells_it(formula: str, name: str) -> None:
    assert file_name(formula, ".cif") == name


def test_a_write_that_fails_leaves_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("before")

    def half(target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match=r"report\.html: cannot be written \(No space left on device\)"):
        write_whole(path, half)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_no_disk_takes_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="File name too long"):
        write_whole(tmp_path / ("x" * 300), lambda target: target.write_text("new"))


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    left, fresh, other = (tmp_path / name for name in (".a.csv.x1y2z3w4", ".a.csv.abcd1234", ".b.csv.x1y2z3w4"))
    for path in (left, fresh, other):
        path.touch()
    for path in (left, other):
        os.utime(path, (time.time() - 7200,) * 2)
    write_whole(tmp_path / "a.csv", lambda target: target.write_text("new"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([fresh.name, other.name, "a.csv"])


def test_files_are_written_into_their_folder_alone(tmp_path: Path) -> None:
    (path,) = write_files(tmp_path / "raw", [("../../escape.csv", b"x")])
    assert path == tmp_path / "raw" / "escape.csv"
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot create the folder"):
        write_files(tmp_path / "file" / "raw", [])


def test_a_ranking_without_an_end_is_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "ranking.parquet").symlink_to("/dev/zero")
    assert read_ranking(tmp_path) is None
