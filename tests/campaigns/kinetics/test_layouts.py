"""Files that are no table of text: spectrometers' files, named arrays, matrices with axes apart; and headings."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from campaigns.errors import KineticsError, TraceFileError, UnitError
from campaigns.kinetics import MeasuredFiles, TransientMap, read_map, read_trace
from campaigns.kinetics.layouts import MAPPED, quadratures, role_of, text_of
from chemspace.errors import TableError
from tests.chemspace.tables.files import workbook

DELAY = np.round(np.concatenate([np.arange(-1.0, 2.0, 0.1), np.geomspace(2.0, 30.0, 20)]), 4)
WAVES = np.round(np.linspace(500.0, 540.0, 9), 1)
SIGNAL = np.round(np.outer(np.cos(WAVES), np.sin(DELAY)), 6)


def is_right(found: TransientMap) -> bool:
    return (
        np.allclose(found.delay_ps, DELAY, atol=1e-6)
        and np.allclose(found.wavelength_nm, WAVES)
        and np.allclose(found.signal, SIGNAL, atol=1e-6)
    )


def words(text: str) -> bytes:
    return struct.pack(">I", len(text)) + text.encode()


def numbers(values: np.ndarray) -> bytes:
    return struct.pack(f">{values.size}d", *values.ravel())


def ufs(unit: str = "ps", per_ps: float = 1.0, sets: int = 0) -> bytes:
    axes = words("Wavelength") + words("nm") + struct.pack(">I", len(WAVES)) + numbers(WAVES)
    axes += words("Time") + words(unit) + struct.pack(">I", len(DELAY)) + numbers(DELAY * per_ps)
    sizes = struct.pack(">III", sets, len(WAVES), len(DELAY))
    return words("Version2") + axes + words("DA") + sizes + numbers(SIGNAL) + words("Pump: 2, 3\nNotes")


@pytest.mark.parametrize("unit", ["ps", "fs"])
def test_a_binary_file_of_the_spectrometer_is_read_in_its_unit(tmp_path: Path, unit: str) -> None:
    (tmp_path / "m.ufs").write_bytes(ufs(unit, 1e3 if unit == "fs" else 1.0))
    assert is_right(read_map(tmp_path / "m.ufs"))


def test_a_binary_file_of_several_sets_or_an_unknown_unit_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "m.ufs").write_bytes(ufs(sets=3))
    with pytest.raises(TraceFileError, match=r"\.ufs file of 3 data sets\. Export the one you mean"):
        read_map(tmp_path / "m.ufs")
    (tmp_path / "m.ufs").write_bytes(ufs("ticks"))
    with pytest.raises(UnitError, match=r"ticks.*names no unit of a delay"):
        read_map(tmp_path / "m.ufs")


GOOD = {"m.ufs": ufs(), "t.xlsx": workbook(A=[["delay_ps", "sc", "cc"], [1, 2, 3], [4, 5, 6]])}


@pytest.mark.parametrize("name", GOOD)
@given(changes=st.lists(st.tuples(st.integers(12, 4000), st.integers(0, 255)), max_size=8), cut=st.integers(100, 9000))
@settings(max_examples=80, deadline=None)
def test_a_damaged_file_is_refused_in_a_sentence(name: str, changes: list[tuple[int, int]], cut: int) -> None:
    raw = bytearray(GOOD[name][:cut])
    for at, byte in changes:
        raw[12 + at % (len(raw) - 12)] = byte
    try:
        assert text_of(name, bytes(raw))
    except TableError as error:
        assert error.name == name  # noqa: PT017  what is left may still be a file


@pytest.mark.parametrize("kind", ["npz", "hdf5"])
@pytest.mark.parametrize(
    ("names", "per_ps"),
    [(("delay_ps", "wavelength", "data"), 1.0), (("t (fs)", "wl", "dA"), 1e3), (("tau", "nm", "z"), 1)],
)
@pytest.mark.parametrize("turned", [False, True])
def test_named_arrays_are_a_map(
    tmp_path: Path, kind: str, names: tuple[str, str, str], per_ps: float, turned: bool
) -> None:
    arrays = dict(zip(names, (DELAY * per_ps, WAVES, SIGNAL.T if turned else SIGNAL), strict=True))
    path = tmp_path / f"m.{kind}"
    if kind == "npz":
        np.savez(path, **arrays)
    else:
        with h5py.File(path, "w") as file:
            for key, array in arrays.items():
                file.create_dataset(f"scan/{key}", data=array)
    assert is_right(read_map(path))


def test_named_arrays_are_a_trace_and_an_attribute_may_hold_the_unit(tmp_path: Path) -> None:
    same, counter = np.cos(DELAY), np.sin(DELAY)
    np.savez(tmp_path / "t.npz", delay_ps=DELAY, LL=same, LR=counter, remark=np.array(["x"]))
    trace = read_trace(tmp_path / "t.npz")
    assert trace.sc == pytest.approx(same)
    assert trace.cc == pytest.approx(counter)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file.create_dataset("delay", data=DELAY * 1e3).attrs["units"] = "fs"
        file.create_dataset("sc", data=same)
        file.create_dataset("cc", data=counter)
    assert read_trace(tmp_path / "t.h5").delay_ps == pytest.approx(DELAY)


@pytest.mark.parametrize("where", ["delay.Units", "file.time_unit", "dataset", "npz", "mat"])
def test_a_unit_that_stands_beside_named_arrays_counts(tmp_path: Path, where: str) -> None:
    arrays = {"delay": DELAY * 1e3, "sc": np.cos(DELAY), "cc": np.sin(DELAY)}
    path = tmp_path / "t.any"
    if where in ("npz", "mat"):
        with path.open("wb") as stream:
            (np.savez if where == "npz" else lambda to, **held: savemat(to, held))(stream, **arrays, delay_unit="fs")
    else:
        with h5py.File(path, "w") as file:
            for key, array in arrays.items():
                file[key] = array
            if where == "dataset":
                file["delay_unit"] = "fs"
            else:
                owner, attribute = where.split(".")
                (file["delay"] if owner == "delay" else file).attrs[attribute] = "fs"
    assert read_trace(path).delay_ps == pytest.approx(DELAY)


def test_one_array_of_numpy_is_a_table_in_either_direction(tmp_path: Path) -> None:
    columns = np.column_stack([DELAY, np.cos(DELAY), np.sin(DELAY)])
    named = np.array([tuple(row) for row in columns], dtype=[("delay_ps", float), ("cc", float), ("sc", float)])
    for table, place in ((columns, 1), (columns.T, 1), (named, 2)):
        np.save(tmp_path / "t.npy", table)
        trace = read_trace(tmp_path / "t.npy")
        assert trace.delay_ps == pytest.approx(DELAY)
        assert trace.sc == pytest.approx(columns[:, place])
    np.save(tmp_path / "m.npy", np.vstack([[0.0, *DELAY], np.column_stack([WAVES, SIGNAL])]))
    assert is_right(read_map(tmp_path / "m.npy"))
    for wrong, says in ((DELAY, r"one array of shape \(50,\)"), (np.array([{}]), r"damaged \.npy file")):
        np.save(tmp_path / "w.npy", wrong)
        with pytest.raises(TraceFileError, match=says):
            read_trace(tmp_path / "w.npy")


def test_groups_with_arrays_of_one_name_do_not_hide_each_other(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        for group, signal in (("sc", np.cos(DELAY)), ("cc", np.sin(DELAY))):
            file[f"{group}/delay"], file[f"{group}/signal"] = DELAY, signal
    with pytest.raises(TraceFileError, match=r"\(cc/delay 50, cc/signal 50, sc/delay 50, sc/signal 50\)"):
        read_trace(tmp_path / "t.h5")


def test_arrays_whose_names_say_nothing_are_asked_about(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", DELAY, SIGNAL)
    with pytest.raises(
        TraceFileError, match=r"which of its arrays is what \(arr_0 50, arr_1 9x50\)\. Name them delay_ps"
    ):
        read_map(tmp_path / "t.npz")
    np.savez(tmp_path / "o.npz", delay=np.array([{}], dtype=object))
    with pytest.raises(KineticsError, match=r"damaged \.npz file"):
        read_map(tmp_path / "o.npz")


def test_the_layout_of_optimus_is_read(tmp_path: Path) -> None:
    rows = ["%FILENAME=x", "%DATATYPE=TAVIS", "%TIMESCALE=fs", "%TIMELIST=" + " ".join(map(str, DELAY * 1e3))]
    rows += ["%WAVELENGTHLIST=" + " ".join(map(str, WAVES)), "%INTENSITYMATRIX="]
    rows += [" ".join(map(str, row)) for row in SIGNAL.T]
    (tmp_path / "m.ana").write_bytes("\r".join(rows).encode())
    assert is_right(read_map(tmp_path / "m.ana"))
    (tmp_path / "m.ana").write_bytes("\r".join(rows[:-1]).encode())
    with pytest.raises(TraceFileError, match="holds 441 numbers for 50 delays and 9 wavelengths"):
        read_map(tmp_path / "m.ana")


@pytest.mark.parametrize("turned", [False, True])
def test_a_matrix_whose_axes_stand_in_other_files_is_read(tmp_path: Path, turned: bool) -> None:
    np.savetxt(tmp_path / "sc.txt", SIGNAL.T if turned else SIGNAL, delimiter="\t")
    np.savetxt(tmp_path / "cc.txt", 2 * SIGNAL, delimiter=",")
    np.savetxt(tmp_path / "time_delay.txt", DELAY)
    np.savetxt(tmp_path / "wavelength.txt", WAVES[None, :], header="nm")
    files = MeasuredFiles(sc_map=[tmp_path / "sc.txt"], cc_map=[tmp_path / "cc.txt"])
    axes = {"delay": "time_delay.txt", "wavelength": "wavelength.txt"}
    maps = files.read(columns=axes, window_nm=(500, 540)).maps
    assert maps is not None
    assert is_right(maps[0])
    with pytest.raises(KineticsError, match="--map delay=FILE --map wavelength=FILE"):
        files.read()
    with pytest.raises(TraceFileError, match="beside the map"):
        files.read(columns={"delay": "../time_delay.txt", "wavelength": "wavelength.txt"})
    with pytest.raises(TraceFileError, match="its axes 50 wavelengths and 50 delays"):
        files.read(columns={"delay": "time_delay.txt", "wavelength": "time_delay.txt"})
    with pytest.raises(TraceFileError, match="no field 'sc' to map; fields: delay, wavelength"):
        files.read(columns={"sc": "x"})


def lines(*rows: str, end: str = "\n") -> str:
    return end.join([*rows, ""])


def table(corner: str, separator: str, *, turned: bool = False, waves: np.ndarray = WAVES) -> list[str]:
    """Rows of a map; with `turned` the delays stand in the first column."""
    down, across, signal = (DELAY, waves, SIGNAL.T) if turned else (waves, DELAY, SIGNAL)
    rows = [[corner, *map(str, across)], *([str(at), *map(str, row)] for at, row in zip(down, signal, strict=True))]
    return [separator.join(row) for row in rows]


def no_corner(axis: str, *, width: int = 10_000, tab: str = "", above: str = "made for a test") -> list[str]:
    """A file of TIMP: two lines of text, which axis is across and how long it is, numbers wrapped at `width`."""
    rows = [row.split(" ") for row in table("", " ", turned=axis == "Wavelength")]
    head = [above, "", f"{axis} explicit", f"Intervalnr {len(rows[0]) - 1}"]
    rows[0] = rows[0][1:]
    wrapped = [" ".join(row[at : at + width]) for row in rows for at in range(0, len(row), width)]
    return [*head, tab + wrapped[0], *wrapped[1:]]


FOOTER = ["Fecha: 12/03/2024 10:15", "Number of scans: 3", "Time units: ps", "Z axis title: DA"]
#: Layouts of the eleven maps and of the ten files of TIMP and Glotaran on which the reader was tried, in own numbers.
LAYOUTS = {
    "delays down, unit in the corner": lines(*table("Time in ps", "\t", turned=True)),
    "delays down, empty corner": lines(*table("", "\t", turned=True)),
    "carriage returns, zero in the corner": lines(*table("0.000", "\t", turned=True), end="\r"),
    "time explicit behind a tab": lines(*no_corner("Time", tab="\t")),
    "Surface Xplorer": lines(*table("", ",")),
    "wavenumbers": lines(*table("cm-1", ",", waves=np.round(1e7 / WAVES, 6))),
    "zero in the corner": lines(*table("0", ",")),
    "zero in the corner, Windows": lines(*table("0.0000", ","), end="\r\n"),
    "footer": lines(*table("0.00000", ","), *FOOTER),
    "longer footer": lines(*table("0.00000", ","), *FOOTER, "Pump power (mW): 0,5", "Comments:", "a, b", "", *FOOTER),
    "blanks, Windows": lines(*table("0", "  "), end="\r\n"),
    "time explicit": lines(*no_corner("Time")),
    "time explicit, text above": lines(*no_corner("Time", above="simulated, 2 components, 400 nm")),
    "time explicit, long text above": lines("# x", *no_corner("Time", above="12.5 ps; 3 scans")),
    "wavelength explicit": lines(*no_corner("Wavelength")),
    "wavelength explicit, Windows": lines(*no_corner("Wavelength"), end="\r\n"),
    "wavelength explicit, text above": lines(*no_corner("Wavelength", above="polarised, 77 K")),
    "wavelength explicit, carriage returns": lines(*no_corner("Wavelength"), end="\r"),
    "wavelength explicit, wrapped": lines(*no_corner("Wavelength", width=4)),
    "time explicit, wrapped": lines(*no_corner("Time", width=8)),
    "time explicit, delays wrapped at another width": lines(*no_corner("Time", width=17, above="PCP")),
}


def test_three_wavelengths_without_a_corner_cell_are_a_map(tmp_path: Path) -> None:
    rows = [" ".join(map(str, row)) for row in np.column_stack([DELAY, SIGNAL[:3].T])]
    text = lines("CA", "", "Wavelength explicit", "Intervalnr 3", " ".join(map(str, WAVES[:3])), *rows)
    (tmp_path / "m.ascii").write_text(text)
    assert read_map(tmp_path / "m.ascii").signal == pytest.approx(SIGNAL[:3])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_map_in_the_layout_of_another_program_is_read(tmp_path: Path, layout: str) -> None:
    (tmp_path / "m.txt").write_bytes(LAYOUTS[layout].encode())
    found = read_map(tmp_path / "m.txt")
    assert is_right(found)


def harpia(head: str = "Pump-probe, Not referenced, 1000 Hz", cut: int | None = None) -> str:
    """Raw spectra of two scans: sample and reference, pumped and not, above a background."""
    rows = [head, "Background, 100 shots", "Measurement, 100 shots", "Wavelength:\t" + "\t".join(map(str, WAVES))]
    for scan in (1, 2):
        blocks = [("Background", DELAY[0], np.full((4, len(WAVES)), 0.1 * scan))]
        for delay, absorbed in zip(DELAY, SIGNAL.T, strict=True):
            lamp = 1.0 + 0.2 * np.sin(WAVES) + 0.05 * scan * np.cos(delay)
            seen = np.array([lamp * 10.0 ** (-absorbed / 1e3), lamp, lamp, lamp])
            blocks.append(("Measurement", delay, seen + 0.1 * scan))
        for kind, delay, spectra in blocks:
            rows += [f"{kind}, scan {scan}, Delay {delay:.4f} ps", "Pump=1.0"]
            rows += ["\t".join(f"{value:.12g}" for value in row) for row in spectra[:cut]]
    return "\n".join(rows)


@pytest.mark.parametrize("head", ["Pump-probe, Not referenced, 1000 Hz", "Pump-probe, Referenced, 1000 Hz"])
def test_raw_spectra_of_harpia_become_the_change_of_absorbance(tmp_path: Path, head: str) -> None:
    (tmp_path / "m.dat").write_text(harpia(head), encoding="utf-8")
    found = read_map(tmp_path / "m.dat")
    assert is_right(found)
    assert found.n_scans == 2


def test_spectra_of_harpia_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.dat").write_text(harpia(cut=3), encoding="utf-8")
    with pytest.raises(TraceFileError, match=r"HARPIA file.*four spectra of 9 wavelengths"):
        read_map(tmp_path / "m.dat")


#: A trace as rows of delay, SC and CC.
ROWS = [(float(at), round(float(np.exp(-max(at, 0.0))), 6), round(0.5 * float(at > 0.0), 6)) for at in DELAY]
SCOPES = {
    "tektronix": "Model,MSO54\nHorizontal Units,s\nRecord Length,50\n\nTIME,CH1\n{rows}",
    "lecroy": "LECROYWR64Xi,1,Waveform\nSegments,1,SegmentSize,50\nSegment,TrigTime\n#1,28-Nov,0\nTime,Ampl\n{rows}",
    "keysight": "x-axis,1\nsecond,Volt\n{rows}",
}


@pytest.mark.parametrize("maker", SCOPES)
def test_the_file_of_an_oscilloscope_is_read_in_seconds(tmp_path: Path, maker: str) -> None:
    rows = "\n".join(f"{at * 1e-12:.6e},{same:.6f}" for at, same, _ in ROWS)
    (tmp_path / "s.csv").write_text(SCOPES[maker].format(rows=rows) + "\n")
    trace = read_trace(tmp_path / "s.csv")
    assert np.allclose(trace.delay_ps, DELAY)
    assert np.allclose(trace.signal, [same for _, same, _ in ROWS])


def test_an_oscilloscope_that_writes_its_record_beside_the_numbers_and_one_of_two_channels(tmp_path: Path) -> None:
    said = ["Record Length,5.0e1,", "Sample Interval,1.0e-13,", "Trigger Point,2.5e1,"] + [",,"] * len(ROWS)
    rows = "\n".join(f"{words},{at * 1e-12:.6e},{same:.6f}," for words, (at, same, _) in zip(said, ROWS, strict=False))
    (tmp_path / "t.csv").write_text(rows + "\n")
    assert np.allclose(read_trace(tmp_path / "t.csv").delay_ps, DELAY)
    two = "\n".join(f"{at * 1e-12:.6e},{same},{counter}" for at, same, counter in ROWS)
    (tmp_path / "two.csv").write_text(f"x-axis,1,2\nsecond,Volt,Volt\n{two}\n")
    with pytest.raises(TraceFileError, match=r"no column for sc and cc \(it has '1', '2'\).*--map sc=HEADING"):
        read_trace(tmp_path / "two.csv")


def test_scans_of_spec_are_read_by_their_headings_of_several_words(tmp_path: Path) -> None:
    rows = "\n".join(f"{at} 1 {same} {counter}" for at, same, counter in ROWS)
    scan = f"#D Mon\n#N 4\n#L Delay (ps)  Seconds  dR SC  dR CC\n{rows}\n"
    (tmp_path / "s.dat").write_text(f"#F run\n\n#S 1  ascan  delay -1 30 49 1\n{scan}")
    trace = read_trace(tmp_path / "s.dat")
    assert trace.sc is not None
    assert np.allclose(trace.delay_ps, DELAY)
    assert np.allclose(trace.sc, [same for _, same, _ in ROWS])


def long_rows(order: tuple[int, int, int]) -> str:
    """Every reading of the map in a row of delay, wavelength and signal, in that order of columns."""
    readings = [(at, nm, SIGNAL[i, j]) for j, at in enumerate(DELAY) for i, nm in enumerate(WAVES)]
    return "\n".join(
        ",".join(f"{row[column]:g}" if column < 2 else f"{row[column]:.6f}" for column in order) for row in readings
    )


@pytest.mark.parametrize(
    ("headings", "order"),
    [("delay_ps,wavelength_nm,signal\n", (0, 1, 2)), ("Wavelength (nm),Delay (ps),dA\n", (1, 0, 2)), ("", (0, 1, 2))],
)
def test_a_map_of_one_reading_a_row_is_read(tmp_path: Path, headings: str, order: tuple[int, int, int]) -> None:
    (tmp_path / "m.csv").write_text(f"# dA\n{headings}{long_rows(order)}\n")
    assert is_right(read_map(tmp_path / "m.csv"))


def test_a_map_of_one_reading_a_row_that_lacks_one_or_its_headings_is_refused(tmp_path: Path) -> None:
    short = long_rows((0, 1, 2)).split("\n", 1)[1]
    (tmp_path / "m.csv").write_text(f"delay_ps,wavelength_nm,signal\n{short}\n")
    with pytest.raises(TraceFileError, match=r"449 readings at 9 wavelengths and 50 delays. A map has one reading"):
        read_map(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text(f"a,b,c\n{short}\n")
    with pytest.raises(TraceFileError, match=r"holds no map.*Or one reading a row, headed delay_ps"):
        read_map(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text(f"delay_ps,wavelength_nm,signal\n{short}\n")
    with pytest.raises(
        TraceFileError, match=r"a column of several wavelengths, 'wavelength_nm'\. Keep the rows of one, or"
    ):
        read_trace(tmp_path / "m.csv")


def test_digits_that_quoted_cells_group_are_read_where_the_comma_can_be_no_decimal_one(tmp_path: Path) -> None:
    rows = "\n".join(f'"{1e3 * at:,.0f}",{same},"{1e4 * counter + 5e4:,.1f}"' for at, same, counter in ROWS)
    (tmp_path / "q.csv").write_text(f"Delay (fs),sc,cc\n{rows}\n")
    trace = read_trace(tmp_path / "q.csv")
    assert trace.cc is not None
    assert np.allclose(trace.delay_ps, DELAY, atol=1e-3)
    assert np.allclose(trace.cc, [1e4 * counter + 5e4 for _, _, counter in ROWS])


def test_quoted_cells_with_three_decimals_behind_a_comma_are_not_taken_for_thousands(tmp_path: Path) -> None:
    rows = "\n".join(
        ",".join(f'"{value:.3f}"'.replace(".", ",") for value in (2.0 + at, 1.5, 3.25)) for at, _, _ in ROWS
    )
    (tmp_path / "d.csv").write_text(f"Version 2.1\nDelay (ps),sc,cc\n{rows}\n")
    assert np.allclose(read_trace(tmp_path / "d.csv").delay_ps, 2.0 + DELAY, atol=1e-3)


@pytest.mark.parametrize(
    ("sc", "cc", "units"),
    [
        ("# dA in units of 10^-3", "# dA x 1e-4", "10-3 and 10-4"),
        ("# Signal unit: mOD", "# Signal unit: OD", "mOD and OD"),
    ],
)
def test_units_that_only_a_line_above_the_numbers_says_are_compared(
    tmp_path: Path, sc: str, cc: str, units: str
) -> None:
    maps, traces = {}, {}
    for which, said in (("sc", sc), ("cc", cc)):
        table = "\n".join(
            f"{nm}," + ",".join(f"{value}" for value in row) for nm, row in zip(WAVES, SIGNAL, strict=True)
        )
        (tmp_path / f"{which}_map.csv").write_text(f"{said}\n0,{','.join(map(str, DELAY))}\n{table}\n")
        (tmp_path / f"{which}.csv").write_text(
            f"{said}\ndelay_ps,signal\n" + "\n".join(f"{at},{one + len(which + said)}" for at, one, _ in ROWS)
        )
        maps[f"{which}_map"], traces[which] = [tmp_path / f"{which}_map.csv"], tmp_path / f"{which}.csv"
    (tmp_path / "cc_map.csv").write_text((tmp_path / "cc_map.csv").read_text() + "\n")
    for files in (maps, traces):
        with pytest.raises(TraceFileError, match=f"its signals are in {units}. Give all in one unit"):
            MeasuredFiles(**files).read(window_nm=(510.0, 530.0) if files is maps else None)


def test_a_date_or_the_noise_of_a_signal_is_no_unit_of_it(tmp_path: Path) -> None:
    for which, said in (
        ("sc", "# signal of 2023-10-13 with noise 1e-4"),
        ("cc", "# signal of 2023-10-14 with noise 1e-5"),
    ):
        (tmp_path / f"{which}.csv").write_text(
            f"{said}\ndelay_ps,signal\n" + "\n".join(f"{at},{one}" for at, one, _ in ROWS)
        )
    assert MeasuredFiles(sc=tmp_path / "sc.csv", cc=tmp_path / "cc.csv").read().trace.unit == ""


def test_a_logarithm_of_the_delay_is_no_delay(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(
        "log10 delay,sc,cc\n" + "\n".join(f"{at},{same},{counter}" for at, same, counter in ROWS)
    )
    with pytest.raises(UnitError, match="a logarithm: give the delays themselves"):
        read_trace(tmp_path / "l.csv")


SPELLINGS = {
    "delay": (
        "delay|Delay (ps)|Time|t|t_ps|Temps|Retard|Délai|Tiempo|Tempo|Ritardo|时间|延迟|遅延時間|Задержка"
        "|Opóźnienie|Zpoždění|X_Value|Zeit|Verzögerung (ps)|time_delay|Delay / fs|T"
        "|Vertraging [ps]|Fördröjning (fs)|Forsinkelse|Viive|Késleltetés|Gecikme|Întârziere (ps)|Kašnjenje|Καθυστέρηση"
    ),
    "perhaps delay": "tau|τ|Δt|dt|x|Stage (ps)|Position|Δt (ps)|dt/ps|stage",
    "sc": (
        "SC|sc_1|dR SC|same circular|SC (mOD)|σ+σ+|σ⁺σ⁺|LL|RR|RCP/RCP|dR/R LL|ΔR/R (RCP/RCP)|signal ++|SCP|co|co-pol"
        "|co-circular|parallel|s+s+|sigma+sigma+|ΔT/T (σ+,σ+)|same|(++)|left-left|pump RCP, probe RCP|--|Co-polarized"
        "|gleich zirkular|même polarisation|同円偏光|iso-helicity"
        "|right right|LCP LCP|σ-σ-|sigma_plus sigma_plus|dR_LL|++"
    ),
    "cc": (
        "CC|counter circular|σ+σ-|σ⁺σ⁻|LR|RL|RCP/LCP|ΔR/R (RCP/LCP)|OCP|OC|cross|cross-pol|antiparallel|anti-parallel"
        "|opposite|s+s-|sigma+sigma-|+-|signal +-|σ+ / σ−|left-right|dT/T LR|counter|pump RCP, probe LCP|ΔT/T (σ+,σ-)"
        "|gegen zirkular|polarisation opposée|逆円偏光|hetero-helicity|-+|Cross-polarized|oppositely circular|σ-σ+"
    ),
    "difference": "SC - CC|sc-cc|sc_cc|diff|difference|SC minus CC|σ+σ+ - σ+σ-|LL-LR|co - cross",
    "sum": "SC+CC|sum|total|SC + CC|(SC+CC)/2",
    "ratio": "(SC-CC)/(SC+CC)|DCP|SC/CC|spin polarization (%)|Polarisation|P|P (%)|Pc|P_circ (%)|ρ",
    "quadrature": "R|R_V|R (mV)|theta|R(SC)|R (σ+σ-)|R_CC|SC R (V)|SC_R|LL mag|phase_SC|θ (CC)|abs(SC)",
    "error": "sc_err|cc_err|dA_err|Signal error|SC std|error|std|sigma|SC ±|yerr|stderr|σ|sd_sc|uncertainty",
    "signal": "dA 1|dT_1|Amplitude A|ΔT/T|dR/R|ΔR/R|signal|dT|dA|Y|X_V|mean dA|Differential transmission|dR σ+"
    "|scan 2|demod0.x",
}


@pytest.mark.parametrize(
    ("heading", "role"), [(heading, role) for role, headings in SPELLINGS.items() for heading in headings.split("|")]
)
def test_a_heading_says_what_its_column_holds(heading: str, role: str) -> None:
    assert role_of(heading) == role


@pytest.mark.parametrize("heading", ["foo", "520", "520.1", "comment", "timestamp", "time_stamp", "T (K)", "index", ""])
def test_a_heading_that_says_nothing_says_nothing(heading: str) -> None:
    assert role_of(heading) is None


@given(st.text(max_size=40))
def test_any_heading_has_a_role_or_none(heading: str) -> None:
    assert role_of(heading) in (*MAPPED, "perhaps delay", "error", "sum", "ratio", "quadrature", None)


def test_a_magnitude_between_bars_is_no_signal_and_reflectivity_is_one() -> None:
    assert [role_of(heading) for heading in ("|SC|", "|CC| (V)")] == ["quadrature"] * 2
    assert [role_of(heading) for heading in ("dR/R SC", "ΔR_SC", "dR (CC)", "R/R0 SC", "RR", "R L")] == [
        "sc", "sc", "cc", "sc", "sc", "cc",
    ]  # fmt: skip


def test_y_r_and_theta_beside_an_x_of_the_same_name_are_no_signals() -> None:
    assert quadratures(["Delay", "X", "Y", "R", "Y"]) == [2, 3, 4]
    assert quadratures(["t", "SC X (V)", "SC Y (V)", "CC X (V)", "CC Y (V)"]) == [2, 4]
    assert quadratures(["delay", "dR/R", "y"]) == []
