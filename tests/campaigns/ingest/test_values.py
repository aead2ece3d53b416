"""Tables of a measured property's values as labs hand them in, good and bad."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from campaigns.errors import IngestError
from campaigns.ingest import ObservationTable, read_observations
from campaigns.targets import Target
from chemspace import CationLibrary
from tests.chemspace.tables.files import workbook

GAP = Target.of_property("band_gap_ev")


def read(path: Path, content: str | bytes, **how: object) -> ObservationTable:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    names = CationLibrary.builtin()
    return read_observations(path.name, path.read_bytes(), GAP, names, **how)  # type: ignore[arg-type]  # a test helper


def told(table: ObservationTable) -> list[tuple[str, float, float | None, str]]:
    return [(value.formula, value.value, value.stderr, value.sample) for value in table.observations]


def test_a_good_table_is_read_with_all_it_says(tmp_path: Path) -> None:
    content = (
        "\ufeffcompound,value,error,sample,source,note,shelf\r\n"
        "PEA2PbI4,2.38,0.02,K7,our lab,reflectance,top\r\n\r\n(BA)2(MA)Pb2I7,2.0,,,,,\r\n"
    )
    table = read(tmp_path / "g.csv", content)
    assert told(table) == [("(PEA)2PbI4", 2.38, 0.02, "K7"), ("(BA)2(MA)Pb2I7", 2.0, None, "")]
    assert (table.observations[0].source, table.observations[0].note) == ("our lab", "reflectance")
    assert [row.line for row in table.rows] == [2, 4]
    assert table.refused == ()
    assert table.warnings == ("column 'shelf' is not used",)


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ("formula,band_gap_ev\nPEA2PbI4,2.38\n", {}),
        ("formula;value\nPEA2PbI4;2,38\n", {}),
        ("Material\tEg\nPEA2PbI4\t2.38\n", {"columns": {"formula": "Material", "value": "Eg"}}),
        ('{"formula": "PEA2PbI4", "value": 2.38}\n', {}),
        ('[{"compound": "PEA2PbI4", "band_gap_ev": "2.38"}]', {}),
        (workbook(Gaps=[["compound", "value"], ["PEA2PbI4", 2.38]]), {}),
        (workbook(Gaps=[["compound", "value"], ["PEA2PbI4", 2.38]], Other=[["x"], [1]]), {"sheet": "Gaps"}),
    ],
    ids=["name", "decimal-comma", "mapped", "json-lines", "json", "excel", "sheet"],
)
def test_each_form_of_a_table_gives_the_same_value(
    tmp_path: Path, content: str | bytes, how: dict[str, object]
) -> None:
    assert told(read(tmp_path / "g.any", content, **how)) == [("(PEA)2PbI4", 2.38, None, "")]


@pytest.mark.parametrize(
    ("content", "how", "says"),
    [
        ("", {}, "it is empty"),
        ("compound,value\n", {}, "no rows"),
        ("formula,lifetime_ps\nPEA2PbI4,3\n", {}, "column 'value' or 'band_gap_ev' is missing .*--map value=COLUMN"),
        ("name,value\nPEA2PbI4,3\n", {}, "column 'compound' or 'formula' is missing .*--map formula=COLUMN"),
        ("compound,value,band_gap_ev\nPEA2PbI4,3,3\n", {}, "say which: --map value=value or --map value=band_gap_ev"),
        ("compound,value\nPEA2PbI4,3\n", {"columns": {"gap": "value"}}, "no field 'gap' to map; fields: formula"),
        ("compound,value\nPEA2PbI4,3\n", {"columns": {"value": "Eg"}}, "no column 'Eg' for value"),
        ("compound,value\nPEA2PbI4,3\n", {"sheet": "Gaps"}, "no workbook"),
        (workbook(A=[["compound"], [1]], B=[["compound"], [1]]), {}, "say which sheet, --sheet 'A' or another"),
        (b"%PDF-1.7\x00\x01", {}, "it needs a table"),
    ],
    ids=["empty", "header", "value", "formula", "two", "field", "column", "sheet", "sheets", "pdf"],
)
def test_what_is_no_table_of_values_is_refused_as_a_whole(
    tmp_path: Path, content: str | bytes, how: dict[str, object], says: str
) -> None:
    with pytest.raises(IngestError, match=says):
        read(tmp_path / "g.csv", content, **how)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("PEA2PbI4,wide,", "column value: 'wide' is not a number"),
        ("PEA2PbI4,nan,", "column value: 'nan' is not a number"),
        ("PEA2PbI4,inf,", "column value: 'inf' is not a number"),
        ("PEA2PbI4,,", "column value: the cell is empty; it needs a number"),
        ("PEA2PbI4,2.38 eV,", "column value: '2.38 eV' is not a number"),
        ("PEA2PbI4,3 ns,", "column value: '3 ns' is not a number"),
        ("PEA2PbI4,<2.4,", "column value: '<2.4' is not a number"),
        ("PEA2PbI4,#DIV/0!,", "column value: '#DIV/0!' is a spreadsheet error"),
        ("PEA2PbI4,2380,", "2380 is out of all range; .*electronvolts; 2380 meV are 2.38"),
        ("PEA2PbI4,-2.38,", "-2.38 is out of all range"),
        ("PEA2PbI4,2.38,-0.1", "column error: -0.1 is no standard error"),
        ("PEA2PbI4,2.38,some", "column error: 'some' is not a number or an empty cell"),
        ("(XYZ)2PbI4,2.38,", "column compound: .*no cation is called 'XYZ'"),
        ("(4AMPY)2MAPb3I10,2.38,", "neutral would be .*4AMPY..MA.2Pb3I10"),
        (",2.38,", "column compound: "),
        ('PEA2PbI4,"2,380",', "'2,380' may be 2380 or 2.380; write it without the comma"),
        ('PEA2PbI4,"2,38",', "'2,38' has a decimal comma; write 2.38"),
        ("PEA2PbI4,2,38", "column error: an error of 38 is out of all range"),
        ("PEA2PbI4,2,38,0.1", "more cells than the header"),
    ],
)
def test_a_row_that_cannot_be_is_refused_and_the_others_are_read(tmp_path: Path, row: str, says: str) -> None:
    table = read(tmp_path / "g.csv", f"compound,value,error\n(BA)2PbI4,2.4,0.01\n{row}\n")
    assert told(table) == [("(BA)2PbI4", 2.4, 0.01, "")]
    (refused,) = table.refused
    assert refused.line == 3
    assert re.search(says, refused.problem), refused.problem
