"""Files as instruments and programs write them, with the lifetime that they hold or the question that they raise.

The truth is a spin lifetime of 3 ps, where nothing else is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from campaigns.errors import DelayMismatchError, KineticsError, TraceFileError, UnitError
from campaigns.kinetics import MeasuredFiles, Trace, fit_trace, read_map, read_trace, read_traces
from tests.chemspace.tables.files import workbook

CASES = Path(__file__).parent / "cases"
DELAY = np.round(np.concatenate([np.arange(-1.0, 2.0, 0.1), np.geomspace(2.0, 30.0, 20)]), 4)
#: An instrument's rise at zero, then a slow and a fast decay.
RISE = 1.0 / (1.0 + np.exp(-DELAY / 0.05))
SC, CC = RISE * (1.0 + 0.2 * np.exp(-DELAY / 3.0)), RISE * (1.0 - 0.2 * np.exp(-DELAY / 3.0))


def lifetime_ps(files: MeasuredFiles, **how: object) -> float:
    return fit_trace(files.read(**how).trace).lifetime_ps  # type: ignore[arg-type]  # a test helper


def write(path: Path, headings: str, *columns: np.ndarray, separator: str = ",") -> Path:
    rows = [separator.join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([*([headings] if headings else []), *rows]) + "\n", encoding="utf-8")
    return path


def is_right(trace: Trace) -> bool:
    assert trace.sc is not None
    assert trace.cc is not None
    return bool(np.allclose(trace.sc, SC, atol=1e-4) and np.allclose(trace.cc, CC, atol=1e-4))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("two_signal_columns.csv", {}),
        ("delay_mm.csv", {"delay_unit": "mm"}),
        ("error_columns.csv", {}),
        ("sum_column.csv", {}),
        ("quoted_decimal_commas.csv", {}),
        ("heading_es.csv", {}),
        ("heading_fr.csv", {}),
        ("polarisation_LLLR.csv", {}),
        ("polarisation_sup.csv", {}),
        ("time_reversed.csv", {}),
        ("overflow_sentinel.csv", {}),
        ("scans_each_with_heading.txt", {}),
        ("femtik_fs_lockin.dat", {"delay_unit": "fs"}),
    ],
)
def test_a_file_with_both_traces_gives_its_lifetime(name: str, how: Mapping[str, object]) -> None:
    assert lifetime_ps(MeasuredFiles(trace=CASES / name), **how) == pytest.approx(3.0, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "sc", "cc", "how", "right"),
    [
        ("traces", "readback_SC.csv", "readback_CC.csv", {}, 3.0),
        ("traces", "SC_3col_no_heading.csv", "CC_3col_no_heading.csv", {"columns": {"signal": "2"}}, 3.0),
        ("traces", "two_wavelengths_SC.csv", "two_wavelengths_CC.csv", {"columns": {"signal": "520"}}, 3.0),
        ("maps", "time_explicit_SC.ascii", "time_explicit_CC.ascii", {}, 3.0),
        ("maps", "footer_fs_SC.csv", "footer_fs_CC.csv", {}, 0.8),
    ],
)
def test_a_pair_of_files_gives_its_lifetime(
    kind: str, sc: str, cc: str, how: Mapping[str, object], right: float
) -> None:
    same, counter = CASES / sc, CASES / cc
    files = MeasuredFiles(same, counter) if kind == "traces" else MeasuredFiles(sc_map=[same], cc_map=[counter])
    assert lifetime_ps(files, **how) == pytest.approx(right, rel=0.03)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (("delay_mm.csv",), r"headed 'Delay \(mm\)', a length: say --delay-unit mm .*6\.671 ps per mm"),
        (("fs_no_unit.csv",), r"finest step is 100 ps, coarse .*--delay-unit\): fs \(7 ps\)"),
        (("SC_3col_no_heading.csv", "CC_3col_no_heading.csv"), "3 columns without headings .*--map signal=2"),
        (("two_wavelengths_SC.csv", "two_wavelengths_CC.csv"), r"wavelengths \(520, 530\).*--map signal=520"),
        (("femtik_fs_lockin.dat",), r"--delay-unit\): fs \(31\.5 ps\)"),
    ],
)
def test_a_file_that_leaves_something_open_is_asked_about(files: tuple[str, ...], says: str) -> None:
    paths = [CASES / name for name in files]
    with pytest.raises(KineticsError, match=says):
        (MeasuredFiles(*paths) if len(paths) == 2 else MeasuredFiles(trace=paths[0])).read()


@pytest.mark.parametrize(
    ("headings", "question"),
    [
        ("Delay (ps),dA 1,dA 2", "--map sc='dA 1' --map cc='dA 2', or the other way round"),
        ("Delay (ps),signal,signal", "--map sc="),
        ("Delay (ps),dR σ+,dR σ-", "--map sc="),
        ("Delay (ps),SC 520 nm,SC 530 nm", "--map sc='SC 520 nm'"),
        ("Delay (ps),SC 10 K,SC 77 K", "--map sc='SC 10 K'"),
        ("Delay (ps),P,T (K)", "--map difference=HEADING for SC - CC"),
        ("Delay (ps),R(SC),R(CC)", "it has 'R(SC)', 'R(CC)'"),
        ("Delay (ps),SC spot 1,SC spot 2", "--map sc='SC spot 1'"),
        ("Delay (ps),SC scan 1 (1 mW),SC scan 1 (2 mW)", "--map sc='SC scan 1 (1 mW)'"),
        ("delay,time,sc", "--map delay='delay' or --map delay='time'"),
        ("foo,bar,baz", "--map delay=HEADING"),
        ("Delay (ps),(SC-CC)/(SC+CC),foo", "--map sc=HEADING"),
        ("Delay (ps),spin polarization (%),foo", "--map sc=HEADING"),
    ],
)
def test_columns_that_are_not_said_are_asked_about(tmp_path: Path, headings: str, question: str) -> None:
    path = write(tmp_path / "t.csv", headings, DELAY, SC, CC)
    with pytest.raises(TraceFileError, match=re.escape(question)):
        read_trace(path)
    names = headings.split(",")
    if len(set(names)) == 3:
        assert is_right(read_trace(path, columns={"delay": names[0], "sc": names[1], "cc": names[2]}, delay_unit="ps"))


def test_scans_that_are_called_so_are_averaged(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "delay_ps,scan 1,scan 2", DELAY, SC - CC - 0.1, SC - CC + 0.1)
    assert np.allclose(read_trace(path).signal, SC - CC, atol=1e-4)


def test_columns_of_one_heading_or_one_that_cannot_be_read_are_named_by_their_number(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "\u9045\u5ef6 (ps),signal,signal", DELAY, SC, CC)
    with pytest.raises(TraceFileError, match="--map sc=2 --map cc=3, or the other way round"):
        read_trace(path)
    assert is_right(read_trace(path, columns={"sc": "2", "cc": "3"}))
    path.write_bytes(path.read_bytes().decode().encode("gbk"))
    assert is_right(read_trace(path, columns={"delay": "1", "sc": "2", "cc": "3"}))
    with pytest.raises(TraceFileError, match="no column '4' for cc"):
        read_trace(path, columns={"delay": "1", "sc": "2", "cc": "4"})


def test_tables_of_one_signal_below_each_other_are_asked_about(tmp_path: Path) -> None:
    twice = [np.tile(DELAY, 2), np.concatenate([SC, CC])]
    with pytest.raises(TraceFileError, match=r"whether they are SC and CC or scans\. Say --map difference=HEADING"):
        read_trace(write(tmp_path / "t.csv", "delay_ps,signal", *twice))
    assert len(read_trace(tmp_path / "t.csv", columns={"difference": "signal"})) == 2 * len(DELAY)


def test_a_column_that_is_not_there_cannot_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "delay_ps,a,b", DELAY, SC, CC)
    with pytest.raises(TraceFileError, match=r"no column 'SC' for sc \(found: delay_ps, a, b\)"):
        read_trace(path, columns={"sc": "SC", "cc": "b"})
    with pytest.raises(TraceFileError, match="no field 'same' to map; fields: delay, sc, cc"):
        read_trace(path, columns={"same": "a"})


def test_the_wrong_file_for_a_polarisation_is_seen(tmp_path: Path) -> None:
    same = write(tmp_path / "a.csv", "delay_ps,SC", DELAY, SC)
    counter = write(tmp_path / "b.csv", "delay_ps,CC", DELAY, CC)
    assert is_right(read_traces(same, counter))
    with pytest.raises(TraceFileError, match=r"given as SC, and its signal is headed as CC\. Swap the files"):
        read_traces(counter, same)


@pytest.mark.parametrize("lines", [(), ("Scan 2",), ("", "Measurement 2 of 2")])
def test_columns_of_text_titles_and_footers_are_left_out(tmp_path: Path, lines: tuple[str, ...]) -> None:
    path = write(tmp_path / "t.csv", "delay_ps,SC,CC", DELAY, SC, CC)
    body = path.read_text(encoding="utf-8")
    path.write_text("1,2\n3,4\n" + "\n".join(["", body, *lines, body]) + "\n\npump power,0.5,0.7\n", encoding="utf-8")
    trace = read_trace(path)
    assert len(trace) == 2 * len(DELAY)
    stamped = tmp_path / "stamped.csv"
    head, *rows = body.splitlines()
    stamped.write_text("\n".join([f"timestamp,{head}", *(f"2026-05-01 12:00,{row}" for row in rows)]), encoding="utf-8")
    assert is_right(read_trace(stamped))


@pytest.mark.parametrize(
    "above",
    ["Delay,SC,CC\nps,mOD,mOD\nsample 7,,", "Delay,a,b\nps,,\n,SC,CC", "Time, ps,SC,CC", '"Time, ps",SC,CC'],
)
def test_three_rows_of_headings_and_a_comma_before_the_unit_are_read(tmp_path: Path, above: str) -> None:
    assert is_right(read_trace(write(tmp_path / "t.csv", above, DELAY, SC, CC)))


@pytest.mark.parametrize("cell", ["*****", "1.#IND", "-1.#INF", "9.91E+37", "-9.9E37", "-9999", "overload"])
def test_what_stands_for_no_reading_is_left_out(tmp_path: Path, cell: str) -> None:
    path = write(tmp_path / "t.csv", "delay_ps,SC,CC", DELAY, SC, CC)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[9] = f"{DELAY[8]},{cell},0.5"
    path.write_text("\n".join(lines), encoding="utf-8")
    trace = read_trace(path)
    assert len(trace) == len(DELAY) - 1
    assert np.abs(trace.signal).max() < 1.0


@pytest.mark.parametrize("separator", [",", "\t"])
def test_cells_that_carry_their_unit_are_read_in_it(tmp_path: Path, separator: str) -> None:
    rows = [
        separator.join((f"{1e3 * d:.6g} fs", f"{s:.6g}", f"{c:.6g}")) for d, s, c in zip(DELAY, SC, CC, strict=True)
    ]
    (tmp_path / "t.csv").write_text("\n".join([separator.join(("Delay", "SC", "CC")), *rows]), encoding="utf-8")
    trace = read_trace(tmp_path / "t.csv")
    assert is_right(trace)
    assert np.allclose(trace.delay_ps, DELAY, atol=1e-4)
    (tmp_path / "t.csv").write_text(
        "\n".join([separator.join(("Delay", "SC", "CC")), *rows, separator.join(("30 ns", "1", "1"))]), encoding="utf-8"
    )
    with pytest.raises(TraceFileError, match=r"row 52: '30 ns' \(column 1\) is in ns, other cells of that column"):
        read_trace(tmp_path / "t.csv")


def test_exponents_of_fortran_are_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "delay_ps,SC,CC", DELAY, SC, CC)
    lines = [",".join(f"{float(cell):.8E}".replace("E", "D") for cell in row.split(",")) for row in
             path.read_text(encoding="utf-8").splitlines()[1:]]  # fmt: skip
    path.write_text("\n".join(["delay_ps,SC,CC", *lines]), encoding="utf-8")
    assert is_right(read_trace(path))


@pytest.mark.parametrize(
    ("heading", "line", "says"),
    [
        ("Delay (mm)", "", "a length: say --delay-unit mm"),
        ("delay_um", "", "a length: say --delay-unit um"),
        ("Delay (foo)", "", "'foo' is no unit of a delay that is known"),
        ("Delay (10^-3 ps)", "", "a multiple of a unit"),
        ("Delay x10^3 (fs)", "", "a multiple of a unit"),
        ("10\u00b3 Delay (fs)", "", "a multiple of a unit"),
        ("Delay (fs) \u00b7 1e-3", "", "a multiple of a unit"),
        ("Delay", "Delays in fs\nAll times in ns", "'Delays in fs' and 'All times in ns' name several units"),
        ("time_ms", "", "'ms' is no unit of a delay"),
        ("Delay", "Time units: minutes", "'Time units: minutes' names no unit of a delay"),
        ("Delay (ps)", "Time units: fs", "says fs: say which is right"),
    ],
)
def test_a_unit_that_is_not_understood_is_asked_about(tmp_path: Path, heading: str, line: str, says: str) -> None:
    path = write(tmp_path / "t.csv", f"{heading},SC,CC", DELAY, SC, CC)
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(UnitError, match=re.escape(says)):
        read_trace(path)
    assert is_right(read_trace(path, delay_unit="ps"))


@pytest.mark.parametrize(
    ("heading", "line", "per_ps"),
    [
        ("Delay (femtoseconds)", "", 1e3),
        ("t [10^-12 s]", "", 1.0),
        ("Delay (corrected)", "", 1.0),
        ("Delay", "Time units: fs", 1e3),
        ("Delay", '"Delay unit","fs"', 1e3),
        ("Δt", "# time unit = ns", 1e-3),
        ("fs delay", "", 1e3),
        ("delayfs", "", 1e3),
        ("Delay {fs}", "", 1e3),
        *(
            ("Delay", line, 1e3)
            for line in (
                "Delays in fs",
                "x axis: femtoseconds",
                "Units: fs; mOD; mOD",
                "Einheit der Zeit: fs",
                "time/fs",
            )
        ),
        *(
            ("Delay", line, 1e3)
            for line in (
                "Unité de temps : fs",
                "Unit (time): fs",
                "単位: fs",
                "# Delay (fs) against dR/R",
                "delay.unit fs",
            )
        ),
        ("Delay (ps)", "Axis of time: fs", 1.0),
        *(("Delay", line, 1.0) for line in ("Integration time (s)", "Pulse length in fs", "Delay step: 4 fs")),
    ],
)
def test_a_unit_in_words_or_below_the_numbers_counts(tmp_path: Path, heading: str, line: str, per_ps: float) -> None:
    path = write(tmp_path / "t.csv", f"{heading},SC,CC", DELAY * per_ps, SC, CC)
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    trace = read_trace(path)
    assert is_right(trace)
    assert np.allclose(trace.delay_ps, DELAY, atol=1e-4)


def test_positions_of_a_stage_become_delays_by_the_way_of_the_light(tmp_path: Path) -> None:
    for unit, passes, mm_per_ps in (("mm", 2, 0.149896229), ("um", 2, 149.896229), ("mm", 4, 0.0749481145)):
        path = write(tmp_path / "t.csv", "position,SC,CC", DELAY * mm_per_ps, SC, CC)
        trace = read_trace(path, delay_unit=unit, passes=passes)
        assert np.allclose(trace.delay_ps, DELAY, atol=1e-4)
    with pytest.raises(UnitError, match="0 passes"):
        read_trace(path, delay_unit="mm", passes=0)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (DELAY * 0.149896229, "round number of ps if they are positions of a stage in mm"),
        (50.0 + DELAY, "far from zero, as positions of a stage are"),
    ],
)
def test_numbers_without_a_unit_that_may_be_a_stage_s_are_asked_about(
    tmp_path: Path, values: np.ndarray, says: str
) -> None:
    path = write(tmp_path / "t.csv", "", values, SC, CC)
    with pytest.raises(UnitError, match=says):
        read_trace(path)
    assert is_right(read_trace(path, delay_unit="mm"))
    assert is_right(read_trace(write(path, "delay_ps,sc,cc", values, SC, CC)))


def test_a_workbook_is_read_as_the_text_in_it(tmp_path: Path) -> None:
    rows = [["Sample 7"], [], ["Delay (ps)", "SC", "CC"], *np.column_stack([DELAY, SC, CC]).tolist()]
    (tmp_path / "t.xlsx").write_bytes(workbook(Scan=rows))
    assert is_right(read_trace(tmp_path / "t.xlsx"))
    bare = [["Delay", "SC", "CC"], *np.column_stack([DELAY * 1e3, SC, CC]).tolist()]
    for sheets in (
        {"Notes": [["Sample 7"], ["Delays in fs"]], "Scan": bare},
        {"Scan": [bare[0], ["fs"], *bare[1:]]},
    ):
        (tmp_path / "t.xlsx").write_bytes(workbook(**sheets))
        assert np.allclose(read_trace(tmp_path / "t.xlsx").delay_ps, DELAY, atol=1e-4)
    (tmp_path / "t.xlsx").write_bytes(workbook(One=rows, Two=rows))
    with pytest.raises(TraceFileError, match="several sheets hold something"):
        read_trace(tmp_path / "t.xlsx")


def test_a_mean_beside_its_scans_stands_for_them(tmp_path: Path) -> None:
    headings = "delay_ps,SC scan 1,SC scan 2,SC mean,CC scan 1,CC scan 2,CC mean"
    path = write(tmp_path / "t.csv", headings, DELAY, SC - 1, SC - 2, SC, CC - 1, CC - 2, CC)
    assert is_right(read_trace(path))


def test_wavelengths_above_columns_are_no_delay(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "0,520.1,531.4", DELAY, SC, CC)
    with pytest.raises(TraceFileError, match=r"first row reads like wavelengths \(520\.1, 531\.4\)"):
        read_trace(path)
    assert is_right(read_trace(path, columns={"sc": "2", "cc": "3"}))


def test_the_x_of_a_lock_in_amplifier_is_the_signal(tmp_path: Path) -> None:
    headings = "Delay (ps),X_V,Y_V,R_V,theta"
    same = write(tmp_path / "sc.csv", headings, DELAY, SC, 0 * SC, abs(SC), SC * 90)
    counter = write(tmp_path / "cc.csv", headings, DELAY, CC, 0 * CC, abs(CC), CC * 90)
    assert is_right(read_traces(same, counter))


def test_words_and_numbers_below_a_table_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "delay_ps,SC,CC", DELAY, SC, CC)
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\nPump,1,2\n7,8,9\n")
    assert is_right(read_trace(path))


def test_delays_apart_by_jitter_are_one_and_by_more_are_not(tmp_path: Path) -> None:
    jitter = np.random.default_rng(1).normal(0.0, 0.002, len(DELAY))
    same = write(tmp_path / "sc.csv", "", DELAY, SC)
    trace = read_traces(same, write(tmp_path / "cc.csv", "", DELAY + jitter, CC))
    assert len(trace) == len(DELAY)
    assert "read back" in " ".join(trace.notes)
    shorter = read_traces(same, write(tmp_path / "cc.csv", "", (DELAY + jitter)[:-4], CC[:-4]))
    assert len(shorter) == len(DELAY) - 4
    with pytest.raises(DelayMismatchError, match="share 0 of 50 and 50"):
        read_traces(same, write(tmp_path / "cc.csv", "", DELAY + 0.005, CC))


def test_a_trace_that_starts_after_its_rise_is_not_turned(tmp_path: Path) -> None:
    late = DELAY > 0.3
    decay = np.exp(-DELAY / 2.0)
    path = write(tmp_path / "t.csv", "delay_ps,difference", DELAY[late], decay[late])
    assert np.allclose(read_trace(path).delay_ps, DELAY[late], atol=1e-4)


def test_scans_in_files_of_their_own_are_fitted_together(tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{name}{at}.csv", "delay_ps,signal", DELAY, signal + at)
        for at in range(2)
        for name, signal in (("sc", SC), ("cc", CC))
    ]
    trace = MeasuredFiles(sc=files[::2], cc=files[1::2]).read().trace
    assert len(trace) == 2 * len(DELAY)
    assert trace.signal[::2] == pytest.approx(SC - CC, abs=1e-4)
    assert len(trace.sources) == 4
    assert "as many scans of SC as of CC" in str(MeasuredFiles(sc=files[::2], cc=files[1]).problem())


def test_signals_in_two_units_are_not_subtracted_nor_joined(tmp_path: Path) -> None:
    both = write(tmp_path / "both.csv", "delay_ps,SC (mOD),CC (OD)", DELAY, 1e3 * SC, CC)
    with pytest.raises(TraceFileError, match=r"its signals are in mOD and OD\. Give all in one unit"):
        read_trace(both)
    small = write(tmp_path / "small.csv", "delay_ps,signal_mV", DELAY, 1e3 * SC)
    with pytest.raises(TraceFileError, match="its signals are in mV and V"):
        read_traces(small, write(tmp_path / "large.csv", "delay_ps,signal (V)", DELAY, CC))
    scans = [
        write(tmp_path / f"{unit}.csv", f"delay_ps,SC ({unit}),CC ({unit})", DELAY, SC, CC) for unit in ("mV", "V")
    ]
    with pytest.raises(TraceFileError, match="its signals are in mV and V"):
        MeasuredFiles(trace=scans).read()


def test_zeros_that_fill_up_a_scan_that_was_ended_early_are_not_measured(tmp_path: Path) -> None:
    done = np.arange(len(DELAY)) < 40
    trace = read_trace(write(tmp_path / "t.csv", "delay_ps,SC,CC", DELAY, SC * done, CC * done))
    assert len(trace) == 40
    assert "10 delays of" in " ".join(trace.notes)
    quiet = SC - CC > 0.05
    assert len(read_trace(write(tmp_path / "q.csv", "delay_ps,difference", DELAY, (SC - CC) * quiet))) == len(DELAY)
    rows = [["0", *map(str, DELAY)], *([str(wave), *map(str, SC * done)] for wave in (510.0, 520.0, 530.0))]
    (tmp_path / "m.csv").write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    assert read_map(tmp_path / "m.csv").delay_ps == pytest.approx(DELAY[done])


MAP_WAVES = np.round(np.linspace(500.0, 540.0, 9), 1)


def explicit(axis: np.ndarray, other: np.ndarray, signal: np.ndarray, per_line: int = 10_000) -> list[str]:
    """Rows of a file without a corner cell, wrapped after `per_line` numbers."""
    rows = [[f"{value:.6g}" for value in axis]]
    rows += [[f"{start:.6g}", *(f"{v:.6g}" for v in row)] for start, row in zip(other, signal, strict=True)]
    return [" ".join(row[at : at + per_line]) for row in rows for at in range(0, len(row), per_line)]


@pytest.mark.parametrize(
    ("kind", "per_line"), [("Time", 10_000), ("Wavelength", 10_000), ("", 10_000), ("Time", 12), ("Wavelength", 5)]
)
def test_files_without_a_corner_cell_are_read(tmp_path: Path, kind: str, per_line: int) -> None:
    signal = np.outer(np.sin(MAP_WAVES), SC)
    axes = (MAP_WAVES, DELAY, signal.T) if kind == "Wavelength" else (DELAY, MAP_WAVES, signal)
    head = [f"{kind} explicit", f"Intervalnr {len(axes[0])}"] if kind else []
    (tmp_path / "m.ascii").write_text("\n".join(["title", "", *head, *explicit(*axes, per_line)]), encoding="utf-8")
    found = read_map(tmp_path / "m.ascii")
    assert np.allclose(found.delay_ps, DELAY, atol=1e-4)
    assert np.allclose(found.wavelength_nm, MAP_WAVES)
    assert np.allclose(found.signal, signal, atol=1e-4)


def test_rows_wrapped_without_their_length_are_refused(tmp_path: Path) -> None:
    lines = explicit(MAP_WAVES, DELAY, np.outer(SC, np.sin(MAP_WAVES)), 8)
    (tmp_path / "m.ascii").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(TraceFileError, match=r"row 4: 2 cells where the delay row has 8"):
        read_map(tmp_path / "m.ascii")


def test_wavenumbers_that_are_called_so_become_wavelengths(tmp_path: Path) -> None:
    numbers = 1e7 / MAP_WAVES
    rows = [["1/cm", *map(str, DELAY)], *([str(n), *map(str, SC)] for n in numbers)]
    (tmp_path / "m.csv").write_text("\n".join(",".join(row) for row in rows), encoding="utf-8")
    found = read_map(tmp_path / "m.csv")
    assert np.allclose(found.wavelength_nm, MAP_WAVES)
    assert "became wavelengths" in " ".join(found.notes)
    (tmp_path / "m.csv").write_text("\n".join(",".join(["0", *row[1:]] if row[0] == "1/cm" else row) for row in rows))
    with pytest.raises(UnitError, match=r"wavenumbers\? Write cm-1 into the corner cell"):
        read_map(tmp_path / "m.csv")


def test_an_aborted_map_counts_at_the_delays_it_has(tmp_path: Path) -> None:
    def rows(n: int, signal: np.ndarray) -> str:
        table = [["0", *map(str, DELAY[:n])], *([str(w), *map(str, signal[:n])] for w in MAP_WAVES)]
        return "\n".join(",".join(row) for row in table)

    for name, n, signal in (("sc", 50, SC), ("cc", 47, CC), ("again", 40, SC + 0.2)):
        (tmp_path / f"{name}.csv").write_text(rows(n, signal), encoding="utf-8")
    measured = MeasuredFiles(sc_map=[tmp_path / "sc.csv"], cc_map=[tmp_path / "cc.csv"]).read(window_nm=(500, 540))
    assert len(measured.trace) == 47
    assert np.allclose(measured.trace.signal, (SC - CC)[:47], atol=1e-4)
    averaged = read_map([tmp_path / "sc.csv", tmp_path / "again.csv"]).signal[0]
    assert np.allclose(averaged, np.where(np.arange(50) < 40, SC + 0.1, SC), atol=1e-4)
