"""Files that are no table of text, as one: spectrometers' binary files, named arrays, matrices with axes apart."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.kinetics.headings import plain, role_of
from chemspace.errors import TableError
from chemspace.tables.cells import to_number, unit_of
from chemspace.tables.grid import MAX_BYTES, decode_text, sheet_text, too_large
from chemspace.tables.numbers import Dialect, parse_numbers, split_line

Array = NDArray[np.float64]

_UFS = b"\x00\x00\x00\x08Version"
_HDF5 = b"\x89HDF\r\n\x1a\n"
#: So many cells with a unit in the first characters of a file are no headings.
_MANY, _HEAD = 10, 50_000
_CELL_WITH_UNIT = re.compile(
    r"(?<![\w.])([-+]?(?:\d[\d.,]*|\.\d+)(?:[eE][-+]?\d+)?)[ \t]?(fs|ps|ns|us|[\u00b5\u03bc]s|nm|[u\u00b5\u03bc]m|mm|"
    r"[mnu\u00b5\u03bc]?(?:OD|V|A)|%|\u2030|m?deg|a\.?u\.?|arb\. ?u\.?)(?=[ \t]*(?:$|[,;\t\"]| [-+.\d]))",
    re.MULTILINE,
)
_HARPIA = re.compile(r"^(Measurement|Background), scan (\d+), Delay ([-+.\deE]+).*\n(?:Pump=.*\n)?", re.MULTILINE)
_SPEC = re.compile(r"^#S \d[\s\S]*^#L ", re.MULTILINE)
_SCOPE = re.compile(
    r"\A(?:(?:Model,|LECROY|\"?Record Length|Segments)[\s\S]*?^(?:time|in s)|x-axis)"
    r",(?P<channels>[^\n]*)\n(?:second,.*\n)?",
    re.MULTILINE | re.IGNORECASE,
)
_MATLAB_NUMBER = re.compile(r"double|single|u?int\d+")
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")
_APART = re.compile(r"(?<![\w'])\d{1,3}(?:['\u2019\u202f]\d{3})+(?![\d'])")
_POWER = re.compile(
    r"(?<![^,;\t\n ])([-+\u2212]?\d+(?:[.,]\d+)?) ?[x\u00d7\u00b7*] ?10\^?\(?([-+\u2212\u207b]?\w{1,3})\)?"
    r"(?=[ ]*(?![^,;\t\n]))"
)
_POINTED = re.compile(r'(?<![^,;\t\n])"?[-+]?\d[\d,]*\.\d+"?(?![^,;\t\n])')
#: Three columns of so many rows or more are a map of one reading a row.
_LONG = 36
_WAVELENGTH = re.compile(r"wave|^wl|^lambda|^λ|^nm$|(?<![a-z])nm(?![a-z])")


def text_of(name: str, raw: bytes) -> str:
    """The text of a trace or map, line ends made uniform; what is no text as the text that says the same. Read are
    Surface Xplorer's .ufs, NumPy's .npz and HDF5 files of named arrays, Excel workbooks, OPTIMUS' .ana, and raw spectra
    of a HARPIA. Raises NotTextError if it is empty, damaged, or nothing of the kind; TableError if it cannot be
    read."""
    if raw.startswith(_UFS):
        return _ufs_text(name, raw)
    if raw.startswith(_HDF5):
        return arrays_text(name, _hdf5_arrays(name, raw))
    if raw.startswith(b"MATLAB 5.0"):
        return arrays_text(name, _mat_arrays(name, raw))
    if raw.startswith(b"PK\x03\x04"):
        return arrays_text(name, arrays) if (arrays := _npz_arrays(name, raw)) else sheet_text(name, raw)
    text = decode_text(raw)
    if re.match(r"\s*%(?:FILENAME|TIMELIST)\b", text):
        return _ana_text(name, text)
    if _HARPIA.search(text):
        return _harpia_text(name, text)
    text = _spec_text(text) if _SPEC.search(text) else _scope_text(text)
    return _without_units(name, _plain_numbers(text))


def _spec_text(text: str) -> str:
    """Scans of SPEC: the headings after #L stand two blanks apart, the numbers one."""
    lines = text.split("\n")
    apart = (re.split(r"\s{2,}", line[3:].strip()) if line.startswith("#L ") else line.split() for line in lines)
    return "\n".join(
        line if re.match(r"#(?!L )", line) else "\t".join(cells) for line, cells in zip(lines, apart, strict=True)
    )


def _scope_text(text: str) -> str:
    """An oscilloscope's file (Tektronix, LeCroy, Keysight) without what stands above or before its columns; its times
    are in s."""
    if re.match(r'"?Record Length"?,[^,\n]*,[^,\n]*,', text):
        return "time (s),signal\n" + "\n".join(",".join(line.split(",")[3:5]) for line in text.split("\n"))
    found = _SCOPE.search(text)
    return text if found is None else f"time (s),{found['channels']}\n{text[found.end() :]}"


def _plain_numbers(text: str) -> str:
    """Text without what sets thousands apart (1'000, or quoted "1,234.5" where points are the decimal marks), and with
    powers of ten (1.2 x 10^-3) as instruments write them."""
    text = _APART.sub(lambda cell: re.sub("['\u2019\u202f]", "", cell[0]), text)
    text = _POWER.sub(lambda cell: f"{cell[1]}e{plain(cell[2])}", text)
    quoted = re.findall(r'"([-+]?\d[\d,]*,[\d,]*(?:\.\d*)?)"', text)
    if not quoted or not all(map(_GROUPED.fullmatch, quoted)) or len(_POINTED.findall(text[:_HEAD])) < _MANY:
        return text
    return re.sub(r'"[-+]?\d[\d,.]*"', lambda cell: cell[0].replace(",", ""), text)


def long_map_text(name: str, text: str) -> str:
    """A map of one reading a row (delay, wavelength and signal in three columns) as a matrix; another text as it is.
    Raises TableError where it has not one reading of each wavelength at each delay."""
    lines = [line.split() for line in re.sub("[,;]", " ", text).split("\n") if line.strip()]
    if len(lines) < _LONG or any(len(line) != 3 for line in lines[len(lines) // 2 : -1]):
        return text
    table = parse_numbers(name, text)
    heads, axes = table.headings or ("", "", ""), table.values[:, :2]
    waves = [at for at in (0, 1) if _WAVELENGTH.search(plain(heads[at]))]
    waves = waves or [at for at in (0, 1) if not heads[at] and 100.0 <= axes[:, at].min() <= axes[:, at].max() <= 2e4]
    if table.values.shape[1] != 3 or len(waves) != 1:
        return text
    (wave, at_wave), (delay, at_delay) = (
        np.unique(axes[:, at], return_inverse=True) for at in (waves[0], 1 - waves[0])
    )
    signal = np.full((len(wave), len(delay)), np.nan)
    signal[at_wave, at_delay] = table.values[:, 2]
    if signal.size != len(axes) or np.isnan(wave).any() or np.isnan(delay).any():
        raise TableError(
            name,
            f"holds {len(axes)} readings at {len(wave)} wavelengths and {len(delay)} delays",
            right="A map has one reading of each wavelength at each delay; give scans as files of their own.",
        )
    matrix = matrix_text(name, signal.tolist(), delay.tolist(), wave.tolist())
    return "\n".join((*table.around, f"{heads[1 - waves[0]] or 0}{matrix[1:]}"))


def matrix_text(name: str, rows: Iterable[Sequence[float]], delay: Sequence[float], wavelength: Sequence[float]) -> str:
    """A map with axes (one row a wavelength, one column a delay, or turned) as text. TableError if they do not fit."""
    signal = np.array(list(rows), dtype=np.float64)
    if signal.shape == (len(delay), len(wavelength)) and len(delay) != len(wavelength):
        signal = signal.T
    if signal.shape != (len(wavelength), len(delay)):
        raise TableError(
            name,
            f"holds {' x '.join(map(str, signal.shape))} numbers, and its axes {len(wavelength)} wavelengths and "
            f"{len(delay)} delays",
        )
    return _lines([[0.0, *delay], *([at, *row] for at, row in zip(wavelength, signal.tolist(), strict=True))])


def arrays_text(name: str, arrays: Mapping[str, Array]) -> str:
    """Named arrays as text, a map or a trace. TableError if their names do not say which are the axes."""
    arrays = {key: array.ravel() if array.size in array.shape else array for key, array in arrays.items()}  # MATLAB's
    shown = ", ".join(f"{key} {'x'.join(map(str, array.shape))}" for key, array in arrays.items()) or "none"
    flat = {key: array for key, array in arrays.items() if array.ndim == 1}
    maps = {key: array for key, array in arrays.items() if array.ndim == 2}
    delays = [key for key in flat if role_of(key) == "delay"] or [
        key for key in flat if role_of(key) == "perhaps delay"
    ]
    waves = [key for key in flat if _WAVELENGTH.search(plain(key)) and key not in delays]
    if len(delays) != 1 or len(maps) > 1 or len(waves) != len(maps):
        raise TableError(
            name,
            f"does not say which of its arrays is what ({shown})",
            right="Name them delay_ps, sc, cc; or delay_ps, wavelength_nm and one matrix.",
        )
    delay = flat[delays[0]]
    if maps:
        (signal,) = maps.values()
        text = matrix_text(name, signal, delay.tolist(), flat[waves[0]].tolist())
        return f"{delays[0]}{text[1:]}"  # the corner names the unit of the delays
    columns = {key: array for key, array in flat.items() if len(array) == len(delay)}
    return "\t".join(columns) + "\n" + _lines(np.column_stack(list(columns.values())).tolist())


def _lines(rows: Iterable[Sequence[float]]) -> str:
    return "\n".join("\t".join(f"{value:.12g}" for value in row) for row in rows)


def _npz_arrays(name: str, raw: bytes) -> dict[str, Array]:
    """Arrays of numbers of a .npz file; {} if it is another zip archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if not any(member.endswith(".npy") for member in archive.namelist()):
                return {}
            _check_size(name, sum(member.file_size for member in archive.infolist()))
        with np.load(io.BytesIO(raw), allow_pickle=False) as held:
            found = {key: held[key] for key in held.files}
    except (zipfile.BadZipFile, NotImplementedError):
        return {}  # said as of a workbook
    except (ValueError, OSError, EOFError, MemoryError, zlib.error) as error:
        raise TableError(name, f"is a damaged .npz file ({error})") from None
    return {key: array.astype(np.float64) for key, array in found.items() if array.dtype.kind in "iuf"}


def _mat_arrays(name: str, raw: bytes) -> dict[str, Array]:
    """Arrays of numbers of a MATLAB file of version 5 to 7 (later ones are HDF5)."""
    from scipy.io import loadmat, whosmat  # few traces come so

    file: Any = io.BytesIO(raw)  # they take open files too
    try:
        shapes = {key: shape for key, shape, kind in whosmat(file) if _MATLAB_NUMBER.fullmatch(kind)}
        _check_size(name, sum(8 * prod(shape) for shape in shapes.values()))
        held = loadmat(file, variable_names=[*shapes]) if shapes else {}
        found = {key: np.asarray(held[key]) for key in shapes}
    except TableError:
        raise
    except Exception as error:  # a damaged file raises whatever its bytes lead to
        raise TableError(name, f"is a damaged MATLAB file ({error})") from None
    return {key: array.astype(np.float64) for key, array in found.items() if array.dtype.kind in "iuf"}


def _check_size(name: str, n_bytes: int) -> None:
    """TableError for arrays that take more than a file may, unpacked."""
    if n_bytes > MAX_BYTES:
        raise too_large(name, MAX_BYTES)


def _hdf5_arrays(name: str, raw: bytes) -> dict[str, Array]:
    """Arrays of numbers of an HDF5 file by their names, with their unit where an attribute says it."""
    try:
        import h5py  # type: ignore[import-untyped]  # not everybody has it, and few traces come so
    except ImportError:
        raise TableError(name, "is an HDF5 file", right="Install h5py to read it, or export it as CSV.") from None
    found: dict[str, Array] = {}

    def keep(path: str, item: object) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf" and item.ndim in (1, 2):
            _check_size(name, sum(array.nbytes for array in found.values()) + 8 * item.size)
            unit = item.attrs.get("units", item.attrs.get("unit", ""))
            unit = unit.decode() if isinstance(unit, bytes) else str(unit)
            found[path + (f" ({unit})" if unit else "")] = np.asarray(item[()], dtype=np.float64)

    try:
        with h5py.File(io.BytesIO(raw), "r") as file:
            file.visititems(keep)
    except (OSError, RuntimeError, ValueError) as error:
        raise TableError(name, f"is a damaged HDF5 file ({error})") from None
    short = {path.rsplit("/", 1)[-1]: array for path, array in found.items()}
    return short if len(short) == len(found) else found  # groups with arrays of one name must not hide each other


def _without_units(name: str, text: str) -> str:
    """Text whose cells carry units ("0.5 ps", "520 nm", "1.2 mV") without them: the unit of time in a line of its own,
    units of signals in their headings. Raises TableError for a column of several."""
    if sum(1 for _ in _CELL_WITH_UNIT.finditer(text[:_HEAD])) < _MANY:
        return text
    lines = text.replace("\u03bc", "\u00b5").split("\n")
    marked = [_CELL_WITH_UNIT.sub("\\1\0\\2", line) for line in lines]
    filled = [number for number, line in enumerate(marked) if "\0" in line]
    usual_line = marked[filled[len(filled) // 2]]
    apart = re.sub(r"[\d.,]+\0[^,;\t]*", "", usual_line)
    blank = "," if "," in usual_line and "." in usual_line else " "
    dialect = Dialect(next((mark for mark in "\t;," if mark in apart), blank), ".")
    rows = {number: [cell.partition("\0") for cell in split_line(marked[number], dialect)] for number in filled}
    units = {}
    for column in range(max(map(len, rows.values()))):
        found = Counter(cells[column][2] for cells in rows.values() if column < len(cells))
        units[column] = found.most_common(1)[0][0]
        for number, cells in rows.items():
            value, _, unit = cells[column] if column < len(cells) else ("", "", "")
            if units[column] and unit != units[column] and to_number(value, "." if "." in value else ","):
                is_in = f"is in {unit}" if unit else "has no unit"
                raise TableError(
                    name,
                    f"{f'{value} {unit}'.strip()!r} (column {column + 1}) {is_in}, other cells of that column are in "
                    f"{units[column]}",
                    right="Give each column in one unit.",
                    row=number + 1,
                )
    times = {unit_of(found[2]) for found in _CELL_WITH_UNIT.finditer(text)} - {None}
    if len(times) > 1:
        raise TableError(name, f"has delays in {' and '.join(sorted(map(str, times)))}", right="Give all in one unit.")
    lines = [_CELL_WITH_UNIT.sub(r"\1", line) for line in lines]
    others = {column: unit for column, unit in units.items() if unit and unit != "nm" and unit_of(unit) is None}
    heads = split_line(lines[filled[0] - 1].lstrip("#% "), dialect) if filled[0] else []
    if len(heads) == len(units) and not any(to_number(head, ".") for head in heads):
        quote = '"' * ('"' in lines[filled[0] - 1])
        named = [f"{head} ({others[at]})" if at in others else head for at, head in enumerate(heads)]
        lines[filled[0] - 1] = dialect.separator.join(f"{quote}{head}{quote}" for head in named)
    elif len(set(others.values())) > 1:
        raise TableError(
            name,
            f"has columns in {' and '.join(dict.fromkeys(others.values()))} and no headings",
            right="Head the columns (delay, SC, CC) and give both signals in one unit.",
        )
    return "\n".join(lines) + (f"\n# time unit: {times.pop()}" if times else "")


class _Ufs:
    """A .ufs file from its begin on: big-endian numbers, texts and lists behind their length."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    def count(self) -> int:
        self._at += 4
        return int(struct.unpack_from(">I", self._raw, self._at - 4)[0])

    def words(self) -> str:
        begin = self._at + 4
        self._at = begin + self.count()
        return self._raw[begin : self._at].decode("utf-8", "replace")

    def numbers(self, count: int) -> list[float]:
        if self._at + 8 * count > len(self._raw):
            raise ValueError("it ends too early")
        self._at += 8 * count
        return list(struct.unpack_from(f">{count}d", self._raw, self._at - 8 * count))


def _ufs_text(name: str, raw: bytes) -> str:
    """A map as Ultrafast Systems' spectrometers write it: version; label, unit and numbers of the wavelengths; the same
    of the delays; label of the data, three sizes, numbers; remarks. The layout is that of public converters (ufs2csv by
    P. Tapping, SXConverter by K. Kohzuki)."""
    file = _Ufs(raw)
    try:
        file.words()
        first, second = ((file.words(), file.words(), file.numbers(file.count())) for _ in range(2))
        file.words()
        sets, n_rows, n_columns = file.count(), file.count(), file.count()
        rows = [file.numbers(n_columns) for _ in range(n_rows)] if sets in (0, 1) else []
    except (struct.error, ValueError) as error:
        raise TableError(name, f"is a damaged .ufs file ({error})") from None
    if not rows:
        raise TableError(name, f"is a .ufs file of {sets} data sets", right="Export the one you mean as CSV.")
    (_, _, wavelength), (label, unit, delay) = (first, second) if role_of(first[0]) != "delay" else (second, first)
    return f"# {label} units: {unit}\n" + matrix_text(name, rows, delay, wavelength)


def _ana_text(name: str, text: str) -> str:
    """OPTIMUS' layout: %TIMESCALE, %TIMELIST, %WAVELENGTHLIST and %INTENSITYMATRIX, a row a delay."""
    parts = dict(re.findall(r"%(\w+)\s*=([^%]*)", text))
    lists = [
        [to_number(cell, ".") for cell in parts.get(key, "").split()]
        for key in ("TIMELIST", "WAVELENGTHLIST", "INTENSITYMATRIX")
    ]
    known = [[cell for cell in numbers if cell is not None] for numbers in lists]
    if not all(known) or known != lists:
        raise TableError(name, "is an OPTIMUS file without its TIMELIST, WAVELENGTHLIST or INTENSITYMATRIX in numbers")
    delay, wavelength, signal = known
    rows = [signal[at : at + len(wavelength)] for at in range(0, len(signal), len(wavelength))]
    if len(rows) != len(delay) or len(rows[-1]) != len(wavelength):
        raise TableError(name, f"holds {len(signal)} numbers for {len(delay)} delays and {len(wavelength)} wavelengths")
    unit = parts.get("TIMESCALE", "").strip()
    columns = [list(column) for column in zip(*rows, strict=True)]
    return (f"# time unit: {unit}\n" if unit else "") + matrix_text(name, columns, delay, wavelength)


def _harpia_text(name: str, text: str) -> str:
    """The change of absorbance (mOD) of each scan in raw spectra of Light Conversion's HARPIA: after the wavelengths a
    background of each scan and a block for each delay (ps), of sample and reference pumped, sample and reference not
    pumped. The layout is that of a public reader (pymorgan)."""
    head, *blocks = _HARPIA.split(text)
    waves = next((line.split(":", 1)[1] for line in head.split("\n") if line.startswith("Wavelength:")), "")
    wavelength, dark = _floats(waves), {}
    scans: dict[str, dict[float, Array]] = {}
    for kind, scan, delay, rest in zip(*(iter(blocks),) * 4, strict=True):
        spectra = [_floats(line) for line in rest.strip("\n").split("\n")]
        if len(spectra) != 4 or any(len(row) != len(wavelength) for row in spectra) or not wavelength:
            raise TableError(
                name, f"is a HARPIA file whose {kind} at {delay} is not four spectra of {len(wavelength)} wavelengths"
            )
        if kind == "Background":
            dark[scan] = np.array(spectra)
        else:
            scans.setdefault(scan, {})[float(delay)] = np.array(spectra) - dark.get(scan, 0.0)
    found = []
    for seen in scans.values():
        pumped, reference, plain, other = np.array(list(seen.values())).transpose(1, 2, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = plain / pumped if "Not referenced" in head else plain / other * (reference / pumped)
            signal = np.where(ratio > 0.0, 1e3 * np.log10(ratio), np.nan)
        found.append(matrix_text(name, signal.tolist(), list(seen), wavelength))
    return "# time unit: ps\n" + "\n\n".join(found)


def _floats(line: str) -> list[float]:
    numbers = [to_number(cell, ".") for cell in line.split()]
    return [np.nan if value is None else value for value in numbers]
