"""What instruments write: files that are no table of text, as one (spectrometers' binary files, named arrays, matrices
with axes apart), and what the heading of a column says (delay, SC, CC, their difference, or no signal)."""

from __future__ import annotations

import io
import re
import struct
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chemspace.errors import TableError
from chemspace.tables.cells import to_number, unit_of
from chemspace.tables.grid import MAX_BYTES, decode_text, encoding_of, sheet_text, too_large
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
_MATLAB_PLAIN = re.compile(r"double|single|u?int\d+|char")
_GROUPED = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?")
_APART = re.compile(r"(?<![\w'])\d{1,3}(?:['\u2019\u202f]\d{3})+(?![\d'])")
_POWER = re.compile(
    r"(?<![^,;\t\n ])([-+\u2212]?\d+(?:[.,]\d+)?) ?[x\u00d7\u00b7*] ?10\^?\(?([-+\u2212\u207b]?\w{1,3})\)?"
    r"(?=[ ]*(?![^,;\t\n]))"
)
_POINTED = re.compile(r'(?<![^,;\t\n])"?[-+]?\d[\d,]*\.\d+"?(?![^,;\t\n])')
#: Three columns of so many rows or more are a map of one reading a row.
_LONG = 36
#: A trace has at most so many columns.
_COLUMNS = 8
#: Words of headings in scripts that older software writes in encodings of their own.
_FOREIGN = re.compile(
    r"时间|時間|延迟|延遲|遅延|시간|지연|время|задерж|[皮飞飛]秒|ピコ秒|フェムト秒|[同反逆][向圆円圓旋]"
)
_WAVELENGTH = re.compile(r"wave|^wl|^lambda|^λ|^nm$|(?<![a-z])nm(?![a-z])")


def text_of(name: str, raw: bytes) -> str:
    """The text of a trace or map, line ends made uniform; what is no text as the text that says the same. Read are
    Surface Xplorer's .ufs, NumPy's .npy, MATLAB's, NumPy's .npz and HDF5 files of named arrays, Excel workbooks,
    OPTIMUS' .ana, and raw spectra of a HARPIA. Raises NotTextError if it is empty, damaged, or nothing of the kind;
    TableError if it cannot be read."""
    if raw.startswith(_UFS):
        return _ufs_text(name, raw)
    if raw.startswith(_HDF5):
        return arrays_text(name, _hdf5_arrays(name, raw))
    if raw.startswith(b"\x93NUMPY"):
        return _npy_text(name, raw)
    if raw.startswith(b"MATLAB 5.0"):
        return arrays_text(name, _mat_arrays(name, raw))
    if raw.startswith(b"PK\x03\x04"):
        return arrays_text(name, arrays) if (arrays := _npz_arrays(name, raw)) else sheet_text(name, raw)
    text = _decoded(raw)
    if re.match(r"\s*%(?:FILENAME|TIMELIST)\b", text):
        return _ana_text(name, text)
    if _HARPIA.search(text):
        return _harpia_text(name, text)
    text = _spec_text(text) if _SPEC.search(text) else _scope_text(text)
    return _without_units(name, _plain_numbers(text))


def _decoded(raw: bytes) -> str:
    """The text of a file: in an old encoding of Asia or Russia where its words are known in that one."""
    text = decode_text(raw)
    if encoding_of(raw) in ("cp1252", "latin-1"):
        for encoding in ("gb18030", "shift_jis", "cp1251", "big5", "euc_kr"):
            with suppress(UnicodeDecodeError):
                if _FOREIGN.search(raw.decode(encoding).lower()):
                    return decode_text(raw.decode(encoding).encode())
    return text


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
    """Named arrays of numbers as text, a map or a trace, below those of text, which may name a unit. TableError if
    their names do not say which are the axes."""
    said = [
        f"# {key}: {'; '.join(map(str, array.ravel()))}" for key, array in arrays.items() if array.dtype.kind == "U"
    ]
    arrays = {key: array for key, array in arrays.items() if array.dtype.kind == "f"}
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
        return "\n".join([*said, f"{delays[0]}{text[1:]}"])  # the corner names the unit of the delays
    columns = {key: array for key, array in flat.items() if len(array) == len(delay)}
    return "\n".join([*said, "\t".join(columns), _lines(np.column_stack(list(columns.values())).tolist())])


def _lines(rows: Iterable[Sequence[float]]) -> str:
    return "\n".join("\t".join(f"{value:.12g}" for value in row) for row in rows)


def _npy_text(name: str, raw: bytes) -> str:
    """Named columns, or a table whose few columns may also be rows."""
    try:
        held = np.load(io.BytesIO(raw), allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        raise TableError(name, f"is a damaged .npy file ({error})") from None
    if held.dtype.names:
        return arrays_text(name, _plain_arrays({key: held[key] for key in held.dtype.names}))
    if held.ndim != 2 or held.dtype.kind not in "iuf":
        raise TableError(name, f"holds one array of shape {held.shape}", right="Save the delays beside the signals.")
    return _lines((held.T if len(held) <= _COLUMNS < held.shape[1] else held).tolist())


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
    return _plain_arrays(found)


def _mat_arrays(name: str, raw: bytes) -> dict[str, Array]:
    """Arrays of numbers of a MATLAB file of version 5 to 7 (later ones are HDF5)."""
    from scipy.io import loadmat, whosmat  # few traces come so

    file: Any = io.BytesIO(raw)  # they take open files too
    try:
        shapes = {key: shape for key, shape, kind in whosmat(file) if _MATLAB_PLAIN.fullmatch(kind)}
        _check_size(name, sum(8 * prod(shape) for shape in shapes.values()))
        held = loadmat(file, variable_names=[*shapes]) if shapes else {}
        found = {key: np.asarray(held[key]) for key in shapes}
    except TableError:
        raise
    except Exception as error:  # a damaged file raises whatever its bytes lead to
        raise TableError(name, f"is a damaged MATLAB file ({error})") from None
    return _plain_arrays(found)


def _plain_arrays(arrays: Mapping[str, Array]) -> dict[str, Any]:
    """The arrays that are numbers, as floats, and those of text."""
    kinds = {"i": np.float64, "u": np.float64, "f": np.float64, "U": np.str_, "S": np.str_}
    return {key: array.astype(kinds[array.dtype.kind]) for key, array in arrays.items() if array.dtype.kind in kinds}


def _check_size(name: str, n_bytes: int) -> None:
    """TableError for arrays that take more than a file may, unpacked."""
    if n_bytes > MAX_BYTES:
        raise too_large(name, MAX_BYTES)


def _hdf5_arrays(name: str, raw: bytes) -> dict[str, Array]:
    """Arrays of numbers of an HDF5 file by their names, with their unit where an attribute says it, and units that
    stand elsewhere."""
    try:
        import h5py  # type: ignore[import-untyped]  # not everybody has it, and few traces come so
    except ImportError:
        raise TableError(name, "is an HDF5 file", right="Install h5py to read it, or export it as CSV.") from None
    found: dict[str, Array] = {}

    def keep(path: str, item: Any) -> None:
        units = {key: np.array(value).astype(str) for key, value in item.attrs.items() if "unit" in key.lower()}
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf" and item.ndim in (1, 2):
            _check_size(name, sum(array.nbytes for array in found.values()) + 8 * item.size)
            unit = " ".join(" ".join(each.ravel()) for each in units.values())
            found[path + (f" ({unit})" if unit else "")] = np.asarray(item[()], dtype=np.float64)
        elif isinstance(item, h5py.Dataset) and "unit" in path.lower() and item.size == 1:
            found[path] = np.array(item.asstr()[()])
        else:
            found.update({f"{path}/{key}": value for key, value in units.items()})

    try:
        with h5py.File(io.BytesIO(raw), "r") as file:
            keep("", file)
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
    marked = {at: line for at, row in enumerate(lines) if (line := _CELL_WITH_UNIT.sub("\\1\0\\2", row)) != row}
    dialect = _dialect_beside_units([*marked.values()][len(marked) // 2])
    rows = {at: [cell.partition("\0")[::2] for cell in split_line(line, dialect)] for at, line in marked.items()}
    units = _units_of_columns(name, rows)
    times = sorted({time for unit in units if (time := unit_of(unit))})
    if len(times) > 1:
        raise TableError(name, f"has delays in {' and '.join(times)}", right="Give all in one unit.")
    lines = [_CELL_WITH_UNIT.sub(r"\1", line) for line in lines]
    signals = ["" if unit == "nm" or unit_of(unit) else unit for unit in units]
    above = min(marked) - 1
    heads = split_line(lines[above].lstrip("#% "), dialect) if above >= 0 else []
    if len(heads) == len(units) and not any(to_number(head, ".") for head in heads):
        quote = '"' * ('"' in lines[above])
        named = (f"{head} ({unit})" if unit else head for head, unit in zip(heads, signals, strict=True))
        lines[above] = dialect.separator.join(f"{quote}{head}{quote}" for head in named)
    elif len(several := dict.fromkeys(filter(None, signals))) > 1:
        raise TableError(
            name,
            f"has columns in {' and '.join(several)} and no headings",
            right="Head the columns (delay, SC, CC) and give both signals in one unit.",
        )
    return "\n".join([*lines, *(f"# time unit: {time}" for time in times)])


def _dialect_beside_units(line: str) -> Dialect:
    """Separator and decimal mark of a line whose numbers are marked off from their units."""
    apart = re.sub(r"[\d.,]+\0[^,;\t]*", "", line)
    blank = "," if "," in line and "." in line else " "
    return Dialect(next((mark for mark in "\t;," if mark in apart), blank), ".")


def _units_of_columns(name: str, rows: Mapping[int, list[tuple[str, str]]]) -> list[str]:
    """The usual unit of each column, "" for none, from the cells of lines, each a number and its unit. Raises
    TableError for a number in another one, unless it is zero."""
    units = []
    for column in range(max(map(len, rows.values()))):
        cells = {line: row[column] for line, row in rows.items() if column < len(row)}
        usual = Counter(unit for _, unit in cells.values()).most_common(1)[0][0]
        units.append(usual)
        for line, (value, unit) in cells.items():
            if usual and unit != usual and to_number(value, "." if "." in value else ","):
                is_in = f"is in {unit}" if unit else "has no unit"
                raise TableError(
                    name,
                    f"{f'{value} {unit}'.strip()!r} (column {column + 1}) {is_in}, other cells of that column are in "
                    f"{usual}",
                    right="Give each column in one unit.",
                    row=line + 1,
                )
    return units


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


#: What a column can be declared to be (`--map`).
MAPPED = ("delay", "sc", "cc", "difference", "signal")

# Not preceded or followed by a letter: "_" and digits separate words in headings.
_START, _END = r"(?<![^\W\d_])", r"(?![^\W\d_])"
_ERROR = re.compile(
    rf"{_START}(?:std\w*|sd|sem|se|err(?:or)?s?|stderr|rms|unc(?:ertainty)?|var(?:iance)?|noise|fehler\w*|rauschen|erreur"
    rf"|incert\w+|errore|error\w*|sigma|σ){_END}(?!\s*_?(?:[+-]|plus|minus|[pm]\b))|err(?:or)?$|±"
)
_DELAY = re.compile(
    r"delay|^time(?![\s_]*stamp)|^t\b(?!\s*[(\[/]\s*k\b)|^t_|^zeit|verz[oö]e?g|^temps|retard|d[ée]lai|tiempo|retraso|^tempo|ritardo|atraso"
    r"|时间|時間|延迟|延遲|遅延|시간|지연|врем|задерж|czas|op[oó][zź]n|zpo[zž]d|^[cč]as\b|x_value"
    r"|vertrag|f[oö]rdr[oö]j|forsink|viive|k[eé]sleltet|gecikme|[iî]nt[aâ]rz|ka[sš]njenj|oneskor|καθυστ|χρ[οό]ν|затрим"
)
#: Headings that are the delay where no other is: "dt" in small letters (dT is a signal), a stage, an abscissa.
_PERHAPS_DELAY = re.compile(r"^(?:tau|τ|[δd]t|x)$|^[δd]t\s*[(\[,_/](?!\s*t)|stage|position")
_SIGNAL = re.compile(
    rf"signal|{_START}d[art]{_END}|^d[art]|{_START}δ|delta|dr/r|dt/t|(?:^|[._])[xy]{_END}|amplitude|intensity|absorb|reflect|transm|\bod\b|kerr|faraday|ellipt|volt"
)
_SUM = re.compile(rf"{_START}(?:sum|summe|somme|suma|somma|total|population|isotropic|magic[\s_-]*angle){_END}")
_RATIO = re.compile(
    rf"{_START}(?:degree|dcp|dop|anisotropy|ratio){_END}|^(?:(?:spin|circular)[\s_-]*)?polari[sz]ation\s*(?:$|[(\[])"
    r"|^(?:ρ|rho|p(?:_?c(?:irc\w*)?)?)\s*(?:$|[(\[])"
)
_DIFFERENCE = re.compile(r"diff(?!erential)")
_SCANS = re.compile(rf"{_START}(?:scans?|runs?|sweeps?|repeats?|rep|durchgang|mesure|messung){_END}")

_SAME_WORD = (
    r"scp?|same(?:[\s_-]*circ\w*)?|co(?:[\s_-]*(?:circ\w*|pol\w*|rot\w*))?|parallel|gleich\w*|m[êe]mes?|同\w*|iso\w*"
)
_COUNTER_WORD = (
    r"cc|ocp?|counter(?:[\s_-]*(?:circ\w*|pol\w*|rot\w*))?|oppos\w*(?:[\s_-]*circ\w*)?"
    r"|cross(?:ed)?(?:[\s_-]*(?:circ\w*|pol\w*))?|contra|anti[\s_-]*parallel|(?:ent)?gegen\w*|[逆反]\w*|hetero\w*"
)
_WORD = re.compile(rf"{_START}(?:(?P<counter>{_COUNTER_WORD})|(?P<same>{_SAME_WORD})){_END}")
_PLUS = r"(?:σ|sigma|s)\s*_?\s*(?:\+|plus|p)|lhcp?|lcp|left"
_MINUS = r"(?:σ|sigma|s)\s*_?\s*(?:-|minus|m)|rhcp?|rcp|right"
_BETWEEN = r"(?:[\s_,/;:|]|pump|probe|pol\w*|circ\w*|(?<=t)-(?=[lr]))*"
#: Helicities of pump and probe, or their signs: "RCP/LCP", "σ+σ-", "LL", "+-".
_PAIR = re.compile(
    rf"{_START}(?:(?P<a>{_PLUS})|{_MINUS}){_BETWEEN}(?:(?P<b>{_PLUS})|{_MINUS})(?!\w)"
    r"|(?<![^\W_])(?<!/)(?P<l1>[lr])[\s_,/]?(?P<l2>[lr])(?![^\W_])"
    r"|(?<![\w)+-])(?P<s1>[+-])[\s,]*(?P<s2>[+-])(?![\w(+-])"
)

_OF_LOCK_IN = r"(?:r|mag(?:n\w*)?|modulus|betrag|abs|theta|θ|phase|phi|φ)"
#: A magnitude or an angle of a lock-in amplifier: "R (mV)", or "R(SC)", "SC_R" of one polarisation.
_MAGNITUDE = re.compile(rf"^{_OF_LOCK_IN}(?=$|[\s_]*[(\[]?[mµun]?v\b)")
_BESIDE = re.compile(
    rf"^{_OF_LOCK_IN}[\s_(\[]+(?P<before>.+)|^(?P<after>.*?[^\s_])[\s_]+{_OF_LOCK_IN}(?:\s*[(\[].*)?$|^\|(?P<inside>.+)\|"
)

#: What the heading of one signal says beside its number.
_NAME = re.compile(
    rf"{_WORD.pattern}|{_PAIR.pattern}|signal|{_START}[dδ][art](?:/[rt])?{_END}|[(\[](?:m?od|[mµun]?[va]|a\.?u\.?|%|‰)[)\]]"
)
_NUMBERED = re.compile(r"[\W_]*(\d{1,3})[\W_]*")


def plain(heading: str) -> str:
    """A heading in small letters and plain signs: "σ⁺σ⁻" is "σ+σ-"."""
    text = unicodedata.normalize("NFKC", heading).strip()
    text = re.sub("[\u2212\u2013\u2014\u2010\u2011]", "-", text)
    return re.sub("[\u0394\u2206]", "δ", text).lower()


def role_of(heading: str) -> str | None:
    """What a column is by its heading alone. Returns "delay", "perhaps delay", "sc", "cc", "difference" (SC - CC),
    "signal", or what no lifetime is fitted to: "error", "sum", "ratio" (a degree of polarisation), "quadrature" (a
    magnitude or an angle); None where the heading says none of these."""
    text = plain(heading)
    if _ERROR.search(text):
        return "error"
    if _DELAY.search(text):
        return "delay"
    if _PERHAPS_DELAY.search(text) and not re.match(r"\s*[dΔ∆]T(?![a-z])", heading):
        return "perhaps delay"
    if _RATIO.search(text):
        return "ratio"
    if _DIFFERENCE.search(text):
        return "difference"
    if _MAGNITUDE.search(text):
        return "quadrature"
    if polarised := _polarisation(text):
        beside = _BESIDE.search(text)
        return "quadrature" if beside and any(map(_polarisation, filter(None, beside.groups()))) else polarised
    if _SUM.search(text):
        return "sum"
    return "signal" if _SIGNAL.search(text) or (_SCANS.search(text) and re.search(r"\d", text)) else None


def error_of(heading: str) -> str | None:
    """The role of what a column holds the errors of, by the rest of its heading: "sc" for "SC std"."""
    return role_of(_ERROR.sub("", plain(heading)).strip(" _-()[]"))


def _polarisation(text: str) -> str | None:
    """ "sc", "cc", what is made of both, or None."""
    named = [(found.span(), "sc" if found["same"] else "cc") for found in _WORD.finditer(text)]
    for found in _PAIR.finditer(text):
        same = (
            (found["a"] is None) == (found["b"] is None) and found["l1"] == found["l2"] and found["s1"] == found["s2"]
        )
        named.append((found.span(), "sc" if same else "cc"))
    kinds = {kind for _, kind in named}
    if len(kinds) < 2:
        return next(iter(kinds), None)
    if len(named) > 2:
        return "ratio"
    (first, _), (second, _) = sorted(named)
    between = text[first[1] : second[0]]
    for sign, kind in (("/", "ratio"), ("+", "sum"), ("plus", "sum"), ("-", "difference"), ("minus", "difference")):
        if sign in between:
            return kind
    return "difference" if "_" in between else None


def quadratures(headings: Sequence[str]) -> list[int]:
    """Columns of a lock-in amplifier that are not its X: Y, R and theta beside an X of the same name."""
    words = [re.findall(r"[^\W_]+", plain(heading)) for heading in headings]
    found = []
    for at, mine in enumerate(words):
        for place, word in enumerate(mine):
            as_x = [*mine[:place], "x", *mine[place + 1 :]]
            if word in ("y", "r", "theta", "θ", "phase", "phi", "φ") and as_x in (w for w in words if w is not mine):
                found.append(at)
                break
    return found


def are_scans(headings: Sequence[str], *, by_number: bool) -> bool:
    """Whether headings of one role say that they are repetitions: a word such as scan, or the same name for all.
    `headings`: of the columns; `by_number`: whether one name with the next numbers says so too, as sc_1 and sc_2 do and
    "dA 1" and "dA 2", "SC 10 K" and "SC 77 K" or "SC spot 1" and "SC spot 2" do not."""
    said = [plain(heading) for heading in headings]
    if all(_SCANS.search(text) for text in said):
        return len({re.sub(rf"{_SCANS.pattern}\W*\w*", "#", text) for text in said}) == 1
    if not by_number or len(set(said)) == 1:
        return by_number
    numbers = sorted(int(found[1]) for text in said if (found := _NUMBERED.fullmatch(_NAME.sub("", text))))
    stems = {re.sub(r"\d+", "", text) for text in said}
    return len(stems) == 1 and numbers == list(range(numbers[0], numbers[0] + len(said))) if numbers else False


def is_mean(heading: str) -> bool:
    """Whether a column is the mean of scans beside it."""
    return (
        re.search(rf"{_START}(?:mean|average|avg|mittelwert|moyenne|promedio|media){_END}", plain(heading)) is not None
    )


def wavelength_of(heading: str) -> float | None:
    """The wavelength (nm) that a heading names: "520", "520 nm", "SC 520.1 nm"; None if it names none."""
    text = plain(heading)
    found = re.fullmatch(r"(\d{3,5}(?:[.,]\d+)?)", text) or re.search(r"(\d{3,5}(?:[.,]\d+)?)\s*nm\b", text)
    return float(found[1].replace(",", ".")) if found else None
