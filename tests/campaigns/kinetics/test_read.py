"""Trace files as laboratories have them, and files that are none."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from campaigns.errors import DelayMismatchError, KineticsError, TooFewDelaysError, TraceFileError, UnitError
from campaigns.kinetics import Trace, read_trace, read_traces

DELAY = np.round(np.linspace(-1.0, 8.0, 40), 4)
SC, CC = np.round(np.sin(DELAY), 5), np.round(np.cos(DELAY), 5)


def rows(separator: str = ",", decimal: str = ".", scale: float = 1.0) -> list[str]:
    lines = [separator.join(f"{value:.5f}" for value in row) for row in zip(DELAY * scale, SC, CC, strict=True)]
    return [line.replace(".", decimal) for line in lines] if decimal != "." else lines


def write(folder: Path, lines: list[str], encoding: str = "utf-8", end: str = "\n", name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def is_right(trace: Trace) -> bool:
    assert trace.sc is not None
    assert trace.cc is not None
    return bool(
        np.allclose(trace.delay_ps, DELAY, atol=1e-5)
        and np.allclose(trace.sc, SC, atol=1e-5)
        and np.allclose(trace.cc, CC, atol=1e-5)
        and np.allclose(trace.signal, SC - CC, atol=2e-5)
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    assert is_right(read_trace(write(tmp_path, ["delay_ps,sc,cc", *rows()], encoding, end)))


@pytest.mark.parametrize(
    ("separator", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ","), (" ", "."), ("  ", ",")]
)
@pytest.mark.parametrize("headings", [["delay_ps", "sc", "cc"], None])
def test_separators_and_decimal_marks(tmp_path: Path, separator: str, decimal: str, headings: list[str] | None) -> None:
    lines = ([separator.join(headings)] if headings else []) + rows(separator, decimal)
    assert is_right(read_trace(write(tmp_path, lines)))


@pytest.mark.parametrize(
    "above",
    [
        ["delay_ps,sc,cc"],
        ["Time (ps),dR SC,dR CC"],
        ["# written by hand", "# delay_ps, SC, CC"],
        ["sep=,", "Delay / ps,SC (mOD),CC (mOD)"],
        ["Sample: (PEA)2PbI4", "", "delay,same circular,counter circular"],
        ["Delay,SC,CC", "ps,mOD,mOD"],
        ['"delay_ps","σ+σ+","σ+σ-"'],
        ["delay_ps,sc,cc,,,"],
    ],
)
def test_headings_of_many_kinds(tmp_path: Path, above: list[str]) -> None:
    assert is_right(read_trace(write(tmp_path, [*above, *rows(), "", "exported by nobody"])))


@pytest.mark.parametrize(
    ("heading", "scale"), [("delay_fs", 1e3), ("Time (ns)", 1e-3), ("t [s]", 1e-12), ("t/fs", 1e3)]
)
def test_the_unit_in_the_heading_is_believed(tmp_path: Path, heading: str, scale: float) -> None:
    lines = [f"{d * scale:.9g},{s},{c}" for d, s, c in zip(DELAY, SC, CC, strict=True)]
    trace = read_trace(write(tmp_path, [f"{heading},sc,cc", *lines]))
    assert is_right(trace)
    assert "converted" in trace.notes[0]


def test_columns_may_stand_in_any_order_with_scans_and_strangers(tmp_path: Path) -> None:
    lines = ["comment,cc,sc_1,sc_2,delay_ps"]
    lines += [f"1,{c},{s - 0.1},{s + 0.1},{d}" for d, s, c in zip(DELAY, SC, CC, strict=True)]
    trace = read_trace(write(tmp_path, lines))
    assert is_right(trace)
    assert "averaged as scans of sc" in " ".join(trace.notes)
    assert "'comment'" in " ".join(trace.notes)


def test_time_of_the_laboratory_is_not_the_delay(tmp_path: Path) -> None:
    lines = [f"{2.5 * at},{row}" for at, row in enumerate(rows())]
    assert is_right(read_trace(write(tmp_path, ["Time (s),Delay (ps),SC,CC", *lines])))


def test_missing_cells_become_dropped_delays(tmp_path: Path) -> None:
    lines = rows()
    for at, cell in enumerate(["NaN", "", "#N/A", "-"]):
        lines[at + 5] = f"{DELAY[at + 5]},{cell},0.5"
    trace = read_trace(write(tmp_path, ["delay_ps,sc,cc", *lines]))
    assert len(trace) == len(DELAY) - 4


def test_delays_in_disorder_are_sorted_and_said(tmp_path: Path) -> None:
    trace = read_trace(write(tmp_path, ["delay_ps,sc,cc", *reversed(rows())]))
    assert is_right(trace)
    assert "sorted" in " ".join(trace.notes)


def test_two_files_make_one_trace(tmp_path: Path) -> None:
    sc = write(tmp_path, ["delay_ps,signal", *(f"{d},{s}" for d, s in zip(DELAY, SC, strict=True))], name="sc.csv")
    cc = write(tmp_path, [f"{d};{c}" for d, c in zip(DELAY, CC, strict=True)], name="cc.csv")
    trace = read_traces(sc, cc)
    assert is_right(trace)
    assert [source.path for source in trace.sources] == [str(sc), str(cc)]
    assert all(len(source.sha256) == 64 for source in trace.sources)


def test_a_difference_alone_is_a_trace_without_parts(tmp_path: Path) -> None:
    for heading in ("delay_ps,sc - cc", "delay_ps,signal"):
        lines = [heading, *(f"{d},{s - c}" for d, s, c in zip(DELAY, SC, CC, strict=True))]
        trace = read_trace(write(tmp_path, lines))
        assert trace.sc is None
        assert np.allclose(trace.signal, SC - CC, atol=1e-9)


def test_files_with_different_delays_are_refused_unless_they_share_enough(tmp_path: Path) -> None:
    sc = write(tmp_path, [f"{d},{s}" for d, s in zip(DELAY, SC, strict=True)], name="sc.csv")
    shorter = write(tmp_path, [f"{d},{c}" for d, c in zip(DELAY[:-4], CC, strict=False)], name="short.csv")
    shifted = write(tmp_path, [f"{d + 0.01},{c}" for d, c in zip(DELAY, CC, strict=True)], name="shifted.csv")
    trace = read_traces(sc, shorter)
    assert len(trace) == len(DELAY) - 4
    assert "36 delays shared" in " ".join(trace.notes)
    with pytest.raises(DelayMismatchError, match="share 0 of 40 and 40 delays"):
        read_traces(sc, shifted)


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [f"{d},{s}" for d, s in zip(DELAY, SC, strict=True)])
    with pytest.raises(KineticsError, match="same bytes"):
        read_traces(path, path)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe \r\n", "is empty"),
        (b"%PDF-1.7\n1 0 obj", "is a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b"\x00\x00\x00\x08Version2\x00\x00", r"\.ufs file"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"\x01\x02\x03 junk \x04\x05" * 9, "is binary"),
        (b"delay_ps,sc,cc\n", "no row of two or more numbers"),
        (b"I measured it on Tuesday, it was short.\n", "no row of two or more numbers"),
    ],
)
def test_files_that_are_no_table_are_refused_by_name(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes(raw)
    with pytest.raises(TraceFileError, match=message) as caught:
        read_trace(path)
    assert str(path) in str(caught.value)


def test_a_workbook_named_csv_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(TraceFileError, match=r"Excel workbook.*Export the data as CSV"):
        read_trace(path)


@pytest.mark.parametrize("cell", ["01. Mrz", "5-Jan", "Jan 05", "2026-01-05 00:00:00", "05.01.2026"])
def test_dates_made_by_a_spreadsheet_are_named_with_their_row(tmp_path: Path, cell: str) -> None:
    lines = ["delay_ps;sc;cc", *rows(";", ",")]
    lines[12] = f"{cell};0,1;0,2"
    with pytest.raises(TraceFileError, match=r"row 13: .* is a date.*spreadsheet") as caught:
        read_trace(write(tmp_path, lines))
    assert caught.value.row == 13


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0.5,abc,1", "'abc' is not a number"),
        ("0.5,#REF!,1", r"'#REF!' is a spreadsheet error \(column 2\)"),
        ("0.5,1,2,3", "4 cells where the rows above have 3"),
        ("0.5,1_000,2", "'1_000' is not a number"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    lines = ["delay_ps,sc,cc", *rows()]
    lines[20] = line
    with pytest.raises(TraceFileError, match=f"row 21: {message}"):
        read_trace(write(tmp_path, lines))


def test_a_thousand_or_one_and_a_quarter_is_not_guessed(tmp_path: Path) -> None:
    lines = ["delay_ps;sc;cc", *rows(";", ",")]
    lines[9] = "1,5;1.250;0,1"
    with pytest.raises(TraceFileError, match=r"row 10: '1\.250'"):
        read_trace(write(tmp_path, lines))
    lines[9] = "1,5;1.250,5;0,1"
    assert 1250.5 in read_trace(write(tmp_path, lines)).sc


def test_a_comma_for_both_is_explained(tmp_path: Path) -> None:
    lines = ["delay_ps,sc,cc", *(line.replace(".", ",") for line in rows())]
    with pytest.raises(TraceFileError, match=r"both separator and decimal mark.*semicolons"):
        read_trace(write(tmp_path, lines))


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        ("foo,bar,baz", "no delay column"),
        ("delay,time,sc", "several delay columns"),
        ("delay,sc,x", "no column for cc"),
    ],
)
def test_headings_that_do_not_say_enough_are_refused(tmp_path: Path, heading: str, message: str) -> None:
    with pytest.raises(TraceFileError, match=f"{message}.*delay_ps, sc, cc"):
        read_trace(write(tmp_path, [heading, *rows()]))


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        ("t (ps),ΔT/T σ⁺σ⁺ (10⁻³),ΔT/T σ⁺σ⁻ (10⁻⁴)", "its signals are in 10-3 and 10-4. Give all in one unit"),
        ("t (ps),SC (x1e-3),CC", "its signals are in x1e-3 and 1. Give all in one unit"),
        ("t (ps),SC (%),CC (‰)", "its signals are in % and ‰. Give all in one unit"),
        ("t (ps),SC 520 nm,CC 530 nm", "at several wavelengths. Take both at one"),
    ],
)
def test_signals_that_cannot_be_subtracted_are_refused(tmp_path: Path, heading: str, message: str) -> None:
    with pytest.raises(TraceFileError, match=message):
        read_trace(write(tmp_path, [heading, *rows()]))


def test_signals_with_powers_of_ten_in_two_files_are_compared(tmp_path: Path) -> None:
    files = [
        write(
            tmp_path, [f"t (ps),ΔT/T (10^-{power})", *(f"{d},{s}" for d, s in zip(DELAY, SC, strict=True))], name=name
        )
        for power, name in ((3, "sc.csv"), (4, "cc.csv"))
    ]
    with pytest.raises(TraceFileError, match="10-3 and 10-4"):
        read_traces(*files)


def test_a_column_of_delays_that_stands_twice_is_one_and_two_that_differ_are_explained(tmp_path: Path) -> None:
    twice = [",".join(np.array(row.split(","))[[0, 1, 0, 2]]) for row in rows()]
    assert is_right(read_trace(write(tmp_path, ["Delay (ps),SC,Delay (ps),CC", *twice])))
    moved = [row.replace(",", "1,", 1) for row in twice]
    with pytest.raises(TraceFileError, match=r"each with its own delays, into two files \(--sc, --cc\)"):
        read_trace(write(tmp_path, ["Delay (ps),SC,Delay (ps),CC", *moved]))


def test_columns_of_one_name_are_scans_only_where_noise_tells_them_apart(tmp_path: Path) -> None:
    rng, t = np.random.default_rng(4), np.linspace(-1.0, 12.0, 90)

    def crystal(lifetime: float) -> list[np.ndarray]:
        spin = np.where(t > 0.0, np.exp(-t / lifetime), 0.0)
        return [1.0 + sign * 0.25 * spin + rng.normal(scale=0.01, size=90) for sign in (1.0, -1.0)]

    for others, is_one in ((crystal(3.0), True), (crystal(9.0), False)):
        table = np.column_stack([t, *crystal(3.0), *others])
        lines = ["Delay (ps),SC,CC,SC,CC", *(",".join(f"{value:.5f}" for value in row) for row in table)]
        path = write(tmp_path, lines)
        if is_one:
            assert read_trace(path).sc == pytest.approx(table[:, [1, 3]].mean(axis=1), abs=1e-5)
        else:
            with pytest.raises(TraceFileError, match=r"differ by more than their noise.*--map sc=2.*call them sc_1"):
                read_trace(path)
            assert read_trace(path, columns={"sc": "2", "cc": "3"}).sc == pytest.approx(table[:, 1], abs=1e-5)


def test_a_scan_in_columns_that_was_ended_early_leaves_the_others(tmp_path: Path) -> None:
    lines = [f"{d},{s},{c},{s},{c}" for d, s, c in zip(DELAY, SC + 2.0, CC + 2.0, strict=True)]
    lines[30:] = [line.rsplit(",", 2)[0] + ",0,0" for line in lines[30:]]
    trace = read_trace(write(tmp_path, ["delay_ps,sc_1,cc_1,sc_2,cc_2", *lines]))
    assert trace.signal == pytest.approx(SC - CC, abs=1e-5)
    assert "A scan of sc in" in " ".join(trace.notes)


def test_tables_below_each_other_are_scans_of_one_trace_or_asked_about(tmp_path: Path) -> None:
    rng, t = np.random.default_rng(6), np.linspace(-1.0, 12.0, 90)

    def table(above: str, lifetime: float) -> list[str]:
        spin = np.where(t > 0.0, np.exp(-t / lifetime), 0.0) + rng.normal(scale=0.02, size=90)
        return [above, "Delay (ps),SC,CC", *(f"{d:.4f},{2 + s:.4f},2" for d, s in zip(t, spin, strict=True))]

    first, others = table("# T = 10 K", 3.0), {lifetime: table("# T = 77 K", lifetime) for lifetime in (3.0, 9.0)}
    assert len(read_trace(write(tmp_path, first + others[3.0]))) == 180
    with pytest.raises(TraceFileError, match=r"2 tables below each other that differ by more .*each as a file"):
        read_trace(write(tmp_path, first + others[9.0]))


@pytest.mark.parametrize(
    ("heading", "encoding", "scale"),
    [
        ("延迟 (ps),同圆,反圆", "gb18030", 1.0),
        ("时间(fs),同向,反向", "gb18030", 1e3),
        ("遅延時間 (fs),同円,逆円", "shift_jis", 1e3),
        ("Задержка (ps),SC,CC", "cp1251", 1.0),
        ("지연 (ps),SC,CC", "euc_kr", 1.0),
    ],
)
def test_headings_in_old_encodings_of_their_scripts_are_read(
    tmp_path: Path, heading: str, encoding: str, scale: float
) -> None:
    assert is_right(read_trace(write(tmp_path, [heading, *rows(scale=scale)], encoding)))


def test_a_unit_in_an_unknown_encoding_is_asked_about_where_the_delay_was_named(tmp_path: Path) -> None:
    lines = ["\u0395\u03c5 (\u03a6\u03a8),SC,CC", *rows(scale=1e3)]  # Greek, read as western text
    with pytest.raises(UnitError, match=r"no unit of a delay that is known: say which \(--delay-unit\)"):
        read_trace(write(tmp_path, lines, "cp1253"), columns={"delay": "1"})


def test_letters_of_columns_before_their_names_are_no_part_of_the_names(tmp_path: Path) -> None:
    above = ["A(X)\tB(Y)\tC(Y)", "Time\tσ+σ+\tσ+σ-", "fs\tmOD\tmOD"]
    trace = read_trace(write(tmp_path, [*above, *rows("\t", scale=1e3)]))
    assert is_right(trace)
    assert trace.unit == "mOD"


def test_many_columns_without_headings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match="4 columns and no headings"):
        read_trace(write(tmp_path, [line + ",1" for line in rows()]))


@pytest.mark.parametrize(("scale", "unit"), [(1e4, "fs"), (1e-3, "ns"), (1e-12, "s")])
def test_delays_that_cannot_be_ps_are_refused_until_their_unit_is_said(tmp_path: Path, scale: float, unit: str) -> None:
    lines = [f"{d * scale:.9g},{s},{c}" for d, s, c in zip(DELAY, SC, CC, strict=True)]
    path = write(tmp_path, ["delay_ps,sc,cc", *lines])
    with pytest.raises(UnitError, match=rf"--delay-unit\): .*\b{unit}\b"):
        read_trace(path)
    assert len(read_trace(path, delay_unit=unit)) == len(DELAY)


def test_a_short_scan_in_fs_without_a_unit_is_asked_about(tmp_path: Path) -> None:
    lines = ["delay,sc,cc", *rows(scale=20.0)]
    with pytest.raises(UnitError, match=r"finest step is 4\.614 ps, coarse .* nothing names their unit.*fs \(0\.18 ps"):
        read_trace(write(tmp_path, lines))
    assert len(read_trace(write(tmp_path, ["delay_ps,sc,cc", *rows(scale=20.0)]))) == len(DELAY)


def test_an_unknown_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnitError, match="use one of fs, ps"):
        read_trace(write(tmp_path, rows()), delay_unit="parsec")


def test_too_short_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooFewDelaysError, match="8 usable delays"):
        read_trace(write(tmp_path, rows()[:8]))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceFileError, match="cannot be read"):
        read_trace(tmp_path / "absent.csv")
    with pytest.raises(TraceFileError, match="cannot be read"):
        read_trace(tmp_path)


def test_a_million_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(
        "delay_ps,sc,cc\n" + "".join(f"{at / 1e4},2,{at % 7}\n" for at in range(1_000_000)), encoding="utf-8"
    )
    trace = read_trace(path)
    assert len(trace) == 1_000_000
    assert trace.signal[6] == -4.0


@given(raw=st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_a_trace_or_a_typed_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(raw)
    message = str(path)
    try:
        read_trace(path)
    except KineticsError as problem:
        message = str(problem)
    assert str(path) in message


@given(text=st.text(alphabet="0123456789.,;\t -+eENa\n\"'#d_scp", max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_near_table_gives_a_trace_or_a_typed_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "near.csv"
    path.write_text(text, encoding="utf-8")
    message = str(path)
    try:
        read_trace(path)
    except KineticsError as problem:
        message = str(problem)
    assert str(path) in message


@pytest.mark.parametrize(
    ("cell", "separator", "unit"),
    [("{:.5f} mV", ",", "mV"), ("{:.5f}%", ";", "%"), ("{:.5e} V", "\t", "V"), ("{:.5f} mOD", " ", "mOD")],
)
def test_signals_whose_cells_carry_their_unit_are_read_with_it(
    tmp_path: Path, cell: str, separator: str, unit: str
) -> None:
    table = [separator.join((f"{t} ps", cell.format(a), cell.format(b))) for t, a, b in zip(DELAY, SC, CC, strict=True)]
    trace = read_trace(write(tmp_path, [separator.join(("delay", "sc", "cc")), *table]))
    assert is_right(trace)
    assert trace.unit == unit
    if separator != " ":
        assert read_trace(write(tmp_path, [line.replace(".", ",") for line in table] if separator != "," else table))
    table[30] = table[30].removesuffix(cell.format(CC[30])) + f"{CC[30]:.5f} nV"
    with pytest.raises(TraceFileError, match=rf"row 32: '{CC[30]:.5f} nV' \(column 3\) is in nV.* are in {unit}"):
        read_trace(write(tmp_path, [separator.join(("delay", "sc", "cc")), *table]))
    table[30] = table[30].removesuffix(" nV")
    with pytest.raises(TraceFileError, match=r"\(column 3\) has no unit.*Give each column in one unit"):
        read_trace(write(tmp_path, [separator.join(("delay", "sc", "cc")), *table]))


def test_signals_whose_cells_are_in_two_units_are_refused(tmp_path: Path) -> None:
    table = [f"{t} ps,{a:.5f} mV,{b:.5f} V" for t, a, b in zip(DELAY, SC, CC, strict=True)]
    with pytest.raises(TraceFileError, match=r"its signals are in mV and V\. Give all in one unit"):
        read_trace(write(tmp_path, ["delay,sc,cc", *table]))
    with pytest.raises(TraceFileError, match=r"has columns in mV and V and no headings\. Head the columns"):
        read_trace(write(tmp_path, table))


@pytest.mark.parametrize("mark", ["'", "\u2019", "\u202f"])
def test_thousands_that_are_set_apart_are_no_end_of_the_table(tmp_path: Path, mark: str) -> None:
    table = [f"{1e3 * t:,.1f}".replace(",", mark) + f";{a};{b}" for t, a, b in zip(DELAY, SC, CC, strict=True)]
    trace = read_trace(write(tmp_path, ["delay (fs);sc;cc", *table]))
    assert np.allclose(trace.delay_ps, DELAY, atol=1e-4)


@pytest.mark.parametrize("power", ["x10^-3", " x 10^(-3)", "\u00b710\u207b\u00b3", "*10^\u22123"])
def test_powers_of_ten_in_cells_are_read(tmp_path: Path, power: str) -> None:
    table = [f"{t},{1e3 * a:.3f}{power},{1e3 * b:.3f}{power}" for t, a, b in zip(DELAY, SC, CC, strict=True)]
    trace = read_trace(write(tmp_path, ["delay_ps,sc,cc", *table]))
    assert np.allclose(trace.signal, SC - CC, atol=1e-5)


def test_a_first_row_with_a_remark_is_no_heading(tmp_path: Path) -> None:
    first, *others = rows("\t")
    with pytest.raises(TraceFileError, match=r"row 3: 'spike\?' is not a number \(column 5\)"):
        read_trace(write(tmp_path, ["delay\tSC\tCC", "ps\tmOD\tmOD", f"{first}\t\tspike?", *others]))


@pytest.mark.parametrize("shape", [(1, -1), (-1, 1)])
def test_a_matlab_file_of_named_arrays_is_read_and_a_damaged_one_refused(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    arrays = {"delay_ps": DELAY, "sc": SC, "cc": CC}
    savemat(path := tmp_path / "t.mat", {name: array.reshape(shape) for name, array in arrays.items()})
    assert is_right(read_trace(path))
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(TraceFileError, match="is a damaged MATLAB file"):
        read_trace(path)


@pytest.mark.parametrize("kind", ["npz", "h5", "mat"])
def test_arrays_that_unpack_to_more_than_a_file_may_hold_are_refused_before(tmp_path: Path, kind: str) -> None:
    path, many = tmp_path / f"t.{kind}", np.zeros(9_000_000)
    if kind == "npz":
        np.savez_compressed(path, delay_ps=DELAY, sc=many)
    elif kind == "mat":
        savemat(path, {"delay_ps": DELAY, "sc": many}, do_compression=True)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("delay_ps", data=DELAY)
            file.create_dataset("sc", data=many, compression="gzip")
    assert path.stat().st_size < 1_000_000
    with pytest.raises(TraceFileError, match="larger than 64 MB"):
        read_trace(path)
