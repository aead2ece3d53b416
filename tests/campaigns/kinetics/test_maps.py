"""Wavelength x delay maps as transient-absorption software exports them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import AxisError, KineticsError, TraceFileError, UnitError
from campaigns.kinetics import TransientMap, read_map, read_trace

DELAY = np.round(np.linspace(-1.0, 8.0, 14), 3)
WAVELENGTH = np.round(np.linspace(480.0, 560.0, 9), 2)
SIGNAL = np.round(np.outer(np.sin(WAVELENGTH), np.cos(DELAY)), 6)


def block(
    corner: str = "0", separator: str = ",", decimal: str = ".", delay: np.ndarray = DELAY, shift: float = 0.0
) -> list[str]:
    table = [[corner, *map(repr, map(float, delay))]]
    table += [[str(w), *(f"{v:.6E}" for v in row)] for w, row in zip(WAVELENGTH.tolist(), SIGNAL + shift, strict=True)]
    lines = [separator.join(row) for row in table]
    return [line.replace(".", decimal) for line in lines] if decimal != "." else lines


def write(folder: Path, lines: list[str], end: str = "\n", name: str = "map.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes((end.join(lines) + end).encode(encoding))
    return path


def is_right(found: TransientMap) -> bool:
    return (
        np.allclose(found.delay_ps, DELAY)
        and np.allclose(found.wavelength_nm, WAVELENGTH)
        and np.allclose(found.signal, SIGNAL, atol=1e-6)
    )


@pytest.mark.parametrize("corner", ["0", "", "NaN", "0.000000E+0", "Wavelength (nm)\\Delay (ps)"])
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), ("\t", ".")])
def test_corners_separators_and_decimal_marks(tmp_path: Path, corner: str, separator: str, decimal: str) -> None:
    assert is_right(read_map(write(tmp_path, block(corner, separator, decimal))))


def test_carriage_returns_and_the_text_below_the_numbers(tmp_path: Path) -> None:
    footer = ["file info", "Sample: (PEA)2PbI4", "Averaging time: 2 s", "Pump energy (uJ): 0.1, 0.2"]
    assert is_right(read_map(write(tmp_path, ["Exported map", *block(), *footer], "\r")))


def test_utf16_is_read(tmp_path: Path) -> None:
    assert is_right(read_map(write(tmp_path, block(), encoding="utf-16")))


def test_scans_in_one_file_or_in_many_are_averaged(tmp_path: Path) -> None:
    stacked = read_map(write(tmp_path, [*block(shift=0.1), "", "scan 2", *block(shift=-0.1)]))
    files = [write(tmp_path, block(shift=s), name=f"{s}.csv") for s in (0.1, -0.1)]
    apart = read_map(files)
    assert is_right(stacked)
    assert is_right(apart)
    assert stacked.n_scans == apart.n_scans == 2
    assert len(apart.sources) == 2


def test_scans_stacked_without_a_line_between_them(tmp_path: Path) -> None:
    assert read_map(write(tmp_path, block(shift=0.1) + block(shift=-0.1))).n_scans == 2


def test_nans_are_left_out_of_the_mean_and_stay_where_all_are_nan(tmp_path: Path) -> None:
    first, second = block(), block()
    first[1] = ",".join(["480.0", *["NaN"] * len(DELAY)])
    first[2] = second[2] = ",".join(["490.0", *["NaN"] * len(DELAY)])
    found = read_map([write(tmp_path, first, name="1.csv"), write(tmp_path, second, name="2.csv")])
    assert np.allclose(found.signal[0], SIGNAL[0], atol=1e-6)
    assert np.isnan(found.signal[1]).all()


def test_an_aborted_scan_loses_the_delays_it_never_measured(tmp_path: Path) -> None:
    lines = block()
    lines[0] += ",NaN,NaN"
    lines[1:] = [line + ",NaN,NaN" for line in lines[1:]]
    assert is_right(read_map(write(tmp_path, lines)))


def test_a_map_the_other_way_round_is_turned(tmp_path: Path) -> None:
    table = [["0", *map(str, WAVELENGTH)]]
    table += [[str(d), *(f"{v:.6E}" for v in row)] for d, row in zip(DELAY, SIGNAL.T, strict=True)]
    found = read_map(write(tmp_path, [",".join(row) for row in table]))
    assert is_right(found)
    assert "turned" in found.notes[0]


def test_axes_out_of_order_are_sorted(tmp_path: Path) -> None:
    head, *rest = block()
    assert is_right(read_map(write(tmp_path, [head, *reversed(rest)])))


@pytest.mark.parametrize("given_by", ["corner", "argument"])
def test_delays_in_another_unit(tmp_path: Path, given_by: str) -> None:
    corner = "Wavelength\\Delay (fs)" if given_by == "corner" else "0"
    path = write(tmp_path, block(corner, delay=DELAY * 1e3))
    assert is_right(read_map(path, delay_unit=None if given_by == "corner" else "fs"))


def test_scans_on_different_axes_are_refused_with_the_place(tmp_path: Path) -> None:
    moved = DELAY.copy()
    moved[4] += 0.5
    files = [write(tmp_path, block(delay=d), name=f"{at}.csv") for at, d in enumerate((DELAY, moved))]
    with pytest.raises(AxisError, match=r"differ in their delays .* at position 5"):
        read_map(files)


def test_photon_energies_are_refused_with_the_conversion(tmp_path: Path) -> None:
    head, *rest = block()
    energies = [f"{1239.84 / w:.4f},{line.split(',', 1)[1]}" for w, line in zip(WAVELENGTH, rest, strict=True)]
    with pytest.raises(UnitError, match=r"photon energies in eV\? nm = 1239.84 / eV"):
        read_map(write(tmp_path, [head, *energies]))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("500.0,1,2,oops" + ",0" * 11, r"row 4: 'oops' is not a number \(column 4\)"),
        ("500.0,1,2", "row 4: 3 cells where the delay row has 15"),
        ("500.0,1,5-Jan" + ",0" * 12, "row 4: '5-Jan' is a date"),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    lines = block()
    lines[3] = row
    with pytest.raises(TraceFileError, match=message):
        read_map(write(tmp_path, lines))


def test_a_repeated_wavelength_is_refused(tmp_path: Path) -> None:
    lines = block()
    lines[3] = lines[2]
    with pytest.raises(AxisError, match="stands twice"):
        read_map(write(tmp_path, lines))


def test_a_trace_is_no_map_and_a_map_is_no_trace(tmp_path: Path) -> None:
    trace = write(tmp_path, ["delay_ps,sc,cc", *(f"{d},1,2" for d in DELAY)], name="trace.csv")
    with pytest.raises(TraceFileError, match="holds no map"):
        read_map(trace)
    with pytest.raises(TraceFileError, match="columns"):
        read_trace(write(tmp_path, block()))


def test_no_file_is_refused() -> None:
    with pytest.raises(AxisError, match="no map file"):
        read_map([])


@given(text=st.text(alphabet="0123456789.,\n-eENa", max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_near_map_gives_a_map_or_a_typed_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "near_map.csv"
    path.write_text("0,1,2,3,4\n500,1,2,3,4\n510,1,2,3,4\n" + text, encoding="utf-8")
    message = str(path)
    try:
        read_map(path)
    except KineticsError as problem:
        message = str(problem)
    assert str(path) in message
