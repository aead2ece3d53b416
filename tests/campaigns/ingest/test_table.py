"""Results tables as labs hand them in, good and bad."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from campaigns.errors import IngestError, UnconfirmedError
from campaigns.ingest import ObservationTable, read_file, read_observations
from campaigns.targets import LIFETIME
from chemspace import CationLibrary


def read(path: Path, content: str | bytes, **how: object) -> ObservationTable:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    names = CationLibrary.builtin()
    return read_observations(path.name, path.read_bytes(), LIFETIME, names, **how)  # type: ignore[arg-type]  # a test helper


def test_a_good_table_is_read_with_all_it_says(tmp_path: Path) -> None:
    content = (
        "\ufeffformula,lifetime_ps,lifetime_stderr_ps,sample,temperature_k,shelf\r\n"
        "PEA2PbI4,0.31,0.02,K7,295,top\r\n\r\n(BA)2(MA)Pb2I7,3.2,,,,\r\n"
    )
    table = read(tmp_path / "r.csv", content)
    first, second = table.observations
    told = (first.formula, first.value, first.stderr, first.sample)
    assert told == ("(PEA)2PbI4", 0.31, 0.02, "K7")
    assert (second.stderr, second.temperature_k) == (None, None)
    assert [row.line for row in table.rows] == [2, 4]
    assert table.refused == ()
    assert "'shelf' is not used" in table.warnings[0]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it is empty"),
        ("formula,lifetime_ps\n", "no rows"),
        ("compound,value\n(PEA)2PbI4,0.3\n", "'lifetime_ps' is missing .*--map lifetime=COLUMN"),
        ("formula,lifetimes_ps\n(PEA)2PbI4,0.3\n", "if it is 'lifetimes_ps', say so: --map lifetime=lifetimes_ps"),
        ("formula,lifetime_ps,formula\n(PEA)2PbI4,0.3,a\n", "column 'formula' stands twice"),
        (b"%PDF-1.7 \xff\xfe", "it is a PDF document, not text; it needs a table"),
        (b"PK\x03\x04\x00\x01", "a zip archive or a damaged Excel workbook"),
        (b"\x01\x02\x03formula", "binary"),
    ],
)
def test_a_file_without_a_table_is_refused(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(IngestError, match=says):
        read(tmp_path / "r.csv", content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("formula,lifetime_ps\n(PEA)2PbI4,0,3\n", "the row has more cells"),
        ("formula,lifetime_ps\n(PEA)2PbI4,-0.3\n", "column lifetime_ps: -0.3 is not a lifetime"),
        ("formula,lifetime_ps\n(PEA)2PbI4,3.1 ns\n", "write 3100"),
        ("formula,lifetime_ps,lifetime_stderr_ps\n(PEA)2PbI4,0.3,20\n", "in another unit"),
        ("formula,lifetime_ps,lifetime_stderr_ps\n(PEA)2PbI4,<0.3,0.1\n", "an upper bound has no standard error"),
        ("formula,lifetime_ps\n(PEA)2PbI4,≤ 3 ps\n", "after '≤': '3 ps' carries a unit; this column is in ps, write 3"),
        ("formula,lifetime_ps\n(PEA)2PbI4,>3\n", "longer"),
        ("formula,lifetime_ps,is_upper_bound\n(PEA)2PbI4,3,perhaps\n", "neither yes nor no"),
        ("formula,lifetime_ps,convention\n(PEA)2PbI4,3,T2\n", "'T2' is no convention of a lifetime; write tau"),
        ("formula,lifetime_ps\n(PEA)2PbI4,05.01.2026\n", "is a date; a spreadsheet turned a number"),
        ("formula,lifetime_ps\n(PEA)2PbI4,#DIV/0!\n", "is a spreadsheet error"),
        ("formula,lifetime_ps\n0.3,(PEA)2PbI4\n", "column formula"),
        ("formula,lifetime_ps\n(XQZ)2PbI4,3\n", "no cation is called 'XQZ'"),
        ("formula,lifetime_ps\n(4AMPY)2MAPb3I10,3\n", "(4AMPY)(MA)2Pb3I10"),
    ],
)
def test_a_bad_row_is_refused_with_what_would_be_right(tmp_path: Path, content: str, says: str) -> None:
    (problem,) = read(tmp_path / "r.csv", content).problems
    assert problem.startswith("row 2, ")
    assert says in problem


@pytest.mark.parametrize(
    "content",
    [
        b"formula;lifetime_ps;lifetime_stderr_ps;note\r\n(PEA)2PbI4;0,31;0,02;a, b\r\n",
        b"sep=;\nformula;lifetime_ps;lifetime_stderr_ps;note\n(PEA)2PbI4;0,31;0,02;a, b\n",
        "formula\tlifetime_ps\tlifetime_stderr_ps\tnote\n(PEA)2PbI4\t0.31\t0.02\ta, b\n".encode("utf-16"),
        "formula\tlifetime_ps\tlifetime_stderr_ps\tnote\r\n(PEA)2PbI4\t0,31\t0,02\ta, b\r\n".encode("utf-16"),
        'formula,lifetime_ps,lifetime_stderr_ps,note\n(PEA)2PbI4,0.31,0.02,"a, b"\n'.encode("latin-1"),
    ],
)
def test_a_table_as_spreadsheets_of_other_countries_write_it_is_read(tmp_path: Path, content: bytes) -> None:
    (row,) = read(tmp_path / "r.csv", content).observations
    assert (row.value, row.stderr, row.note) == (0.31, 0.02, "a, b")


def test_a_thousand_or_one_and_a_quarter_is_not_guessed(tmp_path: Path) -> None:
    table = read(tmp_path / "r.csv", "formula;lifetime_ps\n(PEA)2PbI4;0,31\n(BA)2PbI4;1.250\n(PA)2PbI4;0.5\n")
    assert [m.value for m in table.observations] == [0.31, 0.5]
    assert table.problems == (
        "row 3, column lifetime_ps: '1.250' may be 1250 or 1.25, beside decimal commas; write it without the point",
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="no such file"):
        read_file(tmp_path / "absent.csv")


def test_every_bad_row_is_listed_and_the_good_ones_are_kept_apart(tmp_path: Path) -> None:
    table = read(tmp_path / "r.csv", "formula,lifetime_ps\n(PEA)2PbI4,x\n(PEA)2PbI4,0.3\n(PEA)2PbI4,-1\n")
    assert [row.line for row in table.refused] == [2, 4]
    assert [row.line for row in table.rows] == [3]
    assert table.refused[0].cells == {"formula": "(PEA)2PbI4", "lifetime_ps": "x"}


def test_another_table_is_refused_whole_and_soon(tmp_path: Path) -> None:
    rows = "".join(f"(UNKNOWN{number:040})2PbI4,1.2\n" for number in range(1_500))
    with pytest.raises(IngestError, match="more than 1,000 rows cannot be taken in, the first: row 2, column formula"):
        read(tmp_path / "r.csv", f"formula,lifetime_ps\n{rows}")
    with pytest.raises(IngestError, match=r"it has 501 rows of \(PEA\)2PbI4; at most 500 of one compound"):
        read(tmp_path / "r.csv", "formula,lifetime_ps\n" + "(PEA)2PbI4,0.3\n" * 501)


def test_a_cell_below_a_limit_is_an_upper_bound(tmp_path: Path) -> None:
    content = "formula,lifetime_ps,is_upper_bound\n(PEA)2PbI4,<0.05,\n(BA)2PbI4,0.06,yes\n(PA)2PbI4,0.07,no\n"
    rows = read(tmp_path / "r.csv", content).observations
    assert [(m.value, m.is_bound) for m in rows] == [(0.05, True), (0.06, True), (0.07, False)]
    rates = read(tmp_path / "r.csv", "formula,k\n(PEA)2PbI4,> 20\n", columns={"lifetime": "k"}, unit="ps^-1")
    assert [(m.value, m.is_bound) for m in rates.observations] == [(0.05, True)]


def test_other_conventions_become_tau_and_are_noted(tmp_path: Path) -> None:
    content = "formula,lifetime_ps,lifetime_stderr_ps,convention\n(PEA)2PbI4,0.7,0.07,half-life\n(BA)2PbI4,2,,flip\n"
    half, flip = read(tmp_path / "r.csv", content).observations
    assert half.value == pytest.approx(0.7 / 0.693147, rel=1e-5)
    assert half.stderr == pytest.approx(0.07 / 0.693147, rel=1e-5)
    assert half.note == "given as half-life"
    assert flip.value == 1.0


def test_rates_with_their_errors_become_lifetimes(tmp_path: Path) -> None:
    content = "formula,rate (1/ps),rate_err (1/ps)\n(PEA)2PbI4,4,0.4\n"
    (row,) = read(tmp_path / "r.csv", content, accept_guesses=True).observations
    assert (row.value, row.stderr) == (0.25, pytest.approx(0.025))


@pytest.mark.parametrize(
    ("unit", "cell", "stderr"),
    [("fs", "310", "20"), ("ps", "0.31", "0.02"), ("ns", "0.00031", "0.00002"), ("fs^-1", "0.0032258", "0.0002081")],
)
def test_a_declared_unit_is_believed(tmp_path: Path, unit: str, cell: str, stderr: str) -> None:
    content = f"formula,tau,error\n(PEA)2PbI4,{cell},{stderr}\n"
    columns = {"lifetime": "tau", "lifetime_stderr": "error"}
    (row,) = read(tmp_path / "r.csv", content, columns=columns, unit=unit).observations
    assert row.value == pytest.approx(0.31, rel=1e-4)
    assert row.stderr == pytest.approx(0.02, rel=1e-3)


def test_recognised_columns_and_units_need_a_yes(tmp_path: Path) -> None:
    content = "Compound,tau (fs),Crystal\n(PEA)2PbI4,310,K7\n"
    with pytest.raises(UnconfirmedError) as question:
        read(tmp_path / "r.csv", content)
    assert question.value.guesses == (
        "formula stands in the column 'Compound'",
        "lifetime stands in the column 'tau (fs)'",
        "sample stands in the column 'Crystal'",
        "'tau (fs)' is in fs, so 310 in row 2 is 0.31 ps",
    )
    assert "repeat the command with --yes, or declare it: --map formula=Compound" in str(question.value)
    (row,) = read(tmp_path / "r.csv", content, accept_guesses=True).observations
    assert (row.formula, row.value, row.sample) == ("(PEA)2PbI4", 0.31, "K7")


@pytest.mark.parametrize(
    "heading",
    [
        "Verbindung;Lebensdauer (ps);Fehler (ps);Probe;Temperatur (K);Fluenz (µJ/cm2)",
        "composé;durée de vie (ps);incertitude;échantillon;température (K);fluence",
        unicodedata.normalize("NFD", "Composé;Durée de vie (ps);écart-type;Échantillon;Température;fluence (uJ/cm²)"),
        "化合物;寿命（ps）;標準誤差;試料;温度 (K);フルエンス",
    ],
)
def test_headings_of_other_languages_are_recognised_and_asked_about(tmp_path: Path, heading: str) -> None:
    content = f"{heading}\n(PEA)2PbI4;0,31;0,02;K7;77;3,5\n"
    with pytest.raises(UnconfirmedError) as question:
        read(tmp_path / "r.csv", content)
    columns = heading.split(";")
    for name, column in zip(
        ("formula", "lifetime", "lifetime stderr", "sample", "temperature k"), columns, strict=False
    ):
        assert f"{name} stands in the column {column!r}" in question.value.guesses
    (row,) = read(tmp_path / "r.csv", content, accept_guesses=True).observations
    assert (row.formula, row.value, row.stderr, row.sample) == ("(PEA)2PbI4", 0.31, 0.02, "K7")
    assert (row.temperature_k, row.fluence_uj_cm2) == (77.0, 3.5)


def test_own_headings_in_other_signs_are_taken_and_a_temperature_in_its_unit(tmp_path: Path) -> None:
    content = "Formula,Lifetime (ps),Sample,Temperature (K),Technique\n(PEA)2PbI4,0.31,K7,4,Hanle\n"
    table = read(tmp_path / "r.csv", content)
    (row,) = table.observations
    assert (row.sample, row.temperature_k, row.technique, table.warnings) == ("K7", 4.0, "Hanle", ())
    content = "formula,lifetime_ps,Lifetime (ps),T (°C)\n(PEA)2PbI4,0.31,7,-196\n"
    (row,) = read(tmp_path / "r.csv", content, accept_guesses=True).observations
    assert (row.value, row.temperature_k) == (0.31, 77.15)


def test_what_the_question_proposes_declares_the_same(tmp_path: Path) -> None:
    content = "Compound,tau\n(PEA)2PbI4,310\n"
    columns = {"formula": "Compound", "lifetime": "tau"}
    (row,) = read(tmp_path / "r.csv", content, columns=columns, unit="fs").observations
    assert row.value == 0.31
    with pytest.raises(UnconfirmedError, match="'tau' names no unit: ps is assumed, so 310 in row 2 is 310 ps"):
        read(tmp_path / "r.csv", content, columns=columns)


def test_cells_that_name_their_units_are_read_by_them(tmp_path: Path) -> None:
    content = "formula,tau,sigma\n(PEA)2PbI4,310 fs,20 fs\n(BA)2PbI4,0.002 ns,\n(PA)2PbI4,4 ps^-1,\n"
    table = read(tmp_path / "r.csv", content, accept_guesses=True)
    assert [m.value for m in table.observations] == pytest.approx([0.31, 2.0, 0.25])
    assert table.observations[0].stderr == pytest.approx(0.02)


def test_a_field_can_be_left_out(tmp_path: Path) -> None:
    content = "formula,lifetime_ps,error\n(PEA)2PbI4,0.3,42\n"
    (row,) = read(tmp_path / "r.csv", content, columns={"lifetime_stderr": ""}).observations
    assert row.stderr is None


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"columns": {"tau": "lifetime_ps"}}, "there is no field 'tau' to map; fields: formula, lifetime"),
        ({"columns": {"lifetime": "tau"}}, r"there is no column 'tau' for lifetime \(found: formula, lifetime_ps\)"),
        ({"unit": "minutes"}, "there is no unit 'minutes'; units: fs, ps, ns"),
        ({"sheet": "Tabelle1"}, "it is no workbook"),
    ],
)
def test_a_declaration_that_fits_nothing_is_refused(tmp_path: Path, how: dict[str, object], says: str) -> None:
    with pytest.raises(IngestError, match=says):
        read(tmp_path / "r.csv", "formula,lifetime_ps\n(PEA)2PbI4,0.3\n", **how)


def test_two_columns_that_could_be_the_lifetime_are_a_question(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="say which: --map lifetime=tau or --map lifetime='decay time'"):
        read(tmp_path / "r.csv", "formula,tau,decay time\n(PEA)2PbI4,0.3,0.4\n")


def test_a_unit_that_overrules_the_heading_is_told(tmp_path: Path) -> None:
    table = read(tmp_path / "r.csv", "formula,lifetime_ps\n(PEA)2PbI4,310\n", unit="fs")
    assert table.observations[0].value == 0.31
    assert table.warnings == ("column 'lifetime_ps' is read in fs, as asked, not in the ps it names",)
