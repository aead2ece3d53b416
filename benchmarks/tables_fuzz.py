"""Files that no person would write, read until something breaks: tables, workbooks, descriptions, libraries, traces.

    python -m benchmarks.tables_fuzz [--tables 100000] [--yaml 1000] [--smiles 100000] [--traces 20000] [--fits 0.1]

Half of the tables go the way of `ingest` (`read_grid`), half that of pools (`read_frame`, `PoolTable`); a quarter are
workbooks. Each is a sound one with a few changes: bytes, cells, parts of the workbook, whole rows repeated. So are the
libraries, files of twenty rows of SMILES (`--smiles` counts rows), and the traces, of which `--fits` says the share
that is fitted too. Every reading ends in a result or in an error of ours; anything else, more than 2 s or more than
1 GB is printed with the seed that makes it again (`--first SEED --tables 1`), and the exit code is 1.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch  # noqa: F401  # two CPU seconds once in a process, which no table is to answer for
from openpyxl import Workbook

from benchmarks.synthetic_traces import Truth, delay_grid, synthetic_trace
from campaigns.description import read_description, template_names
from campaigns.kinetics import fit_trace, read_trace
from chemspace import CationLibrary
from chemspace.errors import SpinscreenError
from chemspace.tables.frame import read_frame
from chemspace.tables.grid import read_grid
from screening.pool import PoolTable
from screening.table_features import TableQuery

LIMIT_S, LIMIT_GB = 2.0, 1.0
ROWS_A_FILE = 20
_HEADINGS = ("formula", "lifetime_ps", "yield", "temp (C)", "ligand", "note", "", "index", "x", "=1", "lifetime (sec)")
_CELLS = (
    "", "1", "-2.5", "1e308", "-1e400", "inf", "nan", "n.d.", "12 %", "1,077", "1.234,5", "<0.1", "PENDING",
    "(PEA)2PbI4", "2024-03-01", "=1/0", "=A1", "#REF!", "'=x", "\u00b5", "\ud83d", "\x00", "\x1b[31m", "A" * 3000,
    "9" * 400,
    "true", "A", "B", "C", "\u202e", "0x1f", "1_000", "1d3", "\u0663", "--", "+", "1;2", '"', "'", "\t", "\r",
)  # fmt: skip
_PARTS = ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml", "[Content_Types].xml")


def rows_of(rng: random.Random) -> list[list[str]]:
    """A table of odd cells."""
    width, height = rng.choice((1, 2, 3, 5, 40)), rng.choice((0, 1, 3, 12, 60))
    header = [rng.choice(_HEADINGS) for _ in range(width)]
    if rng.random() < 0.7:
        header = [f"{name}{at}" if header.index(name) != at else name for at, name in enumerate(header)]
    body = [[f"{rng.random():.3g}" for _ in range(width)] for _ in range(height)]
    for _ in range(rng.randrange(0, 6)):
        if body:
            row = rng.choice(body)
            row[rng.randrange(len(row))] = rng.choice(_CELLS)
            if rng.random() < 0.2:
                row += [rng.choice(_CELLS)] * rng.randrange(1, 300)
    return [header, *body]


def text_of(rows: list[list[str]], rng: random.Random) -> bytes:
    """The table as text or JSON, in some encoding."""
    if rng.random() < 0.2:
        records = [dict(zip(rows[0], row, strict=False)) for row in rows[1:]]
        whole = json.dumps(records) if rng.random() < 0.5 else "\n".join(map(json.dumps, records))
        return whole.encode()
    separator = rng.choice(",;\t,")
    quote = rng.random() < 0.5
    lines = (separator.join(f'"{cell}"' if quote else cell for cell in row) for row in rows)
    text = rng.choice(("", "", "sep=;\n", "\n\n", "\ufeff")) + rng.choice("\n\n\r").join(lines)
    return text.encode(rng.choice(("utf-8", "utf-8", "utf-16", "cp1252")), errors="replace")


@cache
def _sound() -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.append(["formula", "lifetime_ps", "x", "note"])
    for at in range(20):
        sheet.append(["(PEA)2PbI4", 1.0 + at, at, f"K{at}"])
    sheet["B30"], sheet["D25"] = "=SUM(B2:B9)", "2024-03-01"
    book.create_sheet("notes")
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def workbook_of(rng: random.Random) -> bytes:
    """A workbook with a changed part, or changed bytes."""
    raw = _sound()
    if rng.random() < 0.6:
        part, stream = rng.choice(_PARTS), io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
            for item in old.infolist():
                content = old.read(item)
                if item.filename == part:
                    content = _changed(content, rng)
                    if rng.random() < 0.3:
                        far = rng.choice((b"XFD1048576", b"A1048576", b"ZZ9", b"A0", b"AAAA1"))
                        content = content.replace(b'r="D7"', b'r="' + far + b'"').replace(
                            b'<row r="7"', b'<row r="99999"'
                        )
                    if rng.random() < 0.05:
                        return b""
                new.writestr(item, content)
        return stream.getvalue()
    return raw[:4] + _changed(raw[4:], rng)


def _changed(content: bytes, rng: random.Random) -> bytes:
    raw = bytearray(content)
    for _ in range(rng.randrange(1, 9)):
        if not raw:
            break
        at = rng.randrange(len(raw))
        match rng.randrange(5):
            case 0:
                raw[at] = rng.randrange(256)
            case 1:
                del raw[at : at + rng.randrange(1, 40)]
            case 2:
                raw[at:at] = raw[at : at + rng.randrange(1, 200)] * rng.choice((1, 1, 50))
            case 3:
                raw[at:at] = rng.choice((b"9" * 30, b"<f>", b"&amp;", b"-", b"e", b"\xff", b"*a", b"&a ", b"<<: "))
            case 4:
                raw[at:at] = bytes(raw[rng.randrange(len(raw)) :][:20])
    return bytes(raw)


def table(seed: int, folder: Path) -> None:
    """Read one table, whatever becomes of it."""
    rng = random.Random(seed)
    content = workbook_of(rng) if rng.random() < 0.25 else text_of(rows_of(rng), rng)
    if rng.random() < 0.3:
        content = _changed(content, rng)
    if rng.random() < 0.5:
        read_grid("lab.csv", content)
        return
    path = folder / "table.csv"
    path.write_bytes(content)
    frame = read_frame(path)
    if not len(frame.columns):
        return
    target = str(rng.choice(list(frame.columns)))
    query = TableQuery(
        target, bool(rng.randrange(2)), replicates=rng.choice(("mean", "rows")), keep_going=rng.random() < 0.7
    )
    PoolTable.of(frame, frame.iloc[: len(frame) // 2], query).suggest(1)


def description(seed: int, folder: Path) -> None:
    """Read one description, whatever becomes of it."""
    rng = random.Random(seed)
    names = template_names()
    from importlib import resources

    text = resources.files("campaigns").joinpath("templates", f"{rng.choice(names)}.yaml").read_bytes()
    path = folder / "campaign.yaml"
    path.write_bytes(_changed(text, rng))
    read_description(path)


@cache
def _smiles() -> tuple[str, ...]:
    return tuple(cation.smiles for cation in CationLibrary.builtin())


def library(seed: int, folder: Path) -> None:
    """Read twenty rows of structures, whatever becomes of them."""
    rng, rows = random.Random(seed), []
    for number in range(ROWS_A_FILE):
        smiles = ".".join(rng.choices((*_smiles(), "[Br-]", "I", "O", "C1CC2", "c1cc[nH]c1"), k=rng.choice((1, 1, 2))))
        content = smiles.encode() if rng.random() < 0.2 else _changed(smiles.encode(), rng)
        if rng.random() < 0.02:
            content = rng.choice((b"C" * 4_000, b"(" * 900 + b"C", b"C1" * 300, b"[" * 50, b"[999C+99]", b"N" * 900))
        rows.append(content.replace(b"\n", b" ") + rng.choice((b"", b"\tK%d" % number, b"\t" + rng.randbytes(4))))
    path = folder / "library.smi"
    path.write_bytes(b"\n".join(rows))
    CationLibrary.read(path)


@cache
def _trace() -> bytes:
    delays = delay_grid("log", 80, 3.0)
    made = synthetic_trace(np.random.default_rng(0), delays, Truth(lifetime_ps=3.0, snr=30.0))
    lines = [f"{d:.4g},{sc:.5g},{cc:.5g}" for d, sc, cc in zip(delays, made.sc, made.cc, strict=True)]
    return "\n".join(["delay_ps,sc,cc", *lines]).encode()


def trace(seed: int, folder: Path, fits: float) -> None:
    """Read one trace, whatever becomes of it, and fit some."""
    rng, path = random.Random(seed), folder / "trace.csv"
    content = _trace()
    if rng.random() < 0.5:
        content = _changed(content, rng)
    else:
        cells = content.split(b",")
        for _ in range(rng.randrange(1, 5)):
            cells[rng.randrange(3, len(cells))] = rng.choice(_CELLS).encode(errors="replace")
        content = b",".join(cells)
    path.write_bytes(content)
    read = read_trace(path)
    if rng.random() < fits:
        fit_trace(read)


def run(what: Callable[[int, Path], None], seeds: range) -> bool:
    """Whether every reading ended as it should; the counts are printed."""
    name, ends = getattr(what, "func", what).__name__, Counter[str]()
    slowest, sound = 0.0, True
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            begun = time.process_time()
            try:
                what(seed, Path(folder))
                ends["read"] += 1
            except SpinscreenError as error:
                ends["refused"] += 1
                if not str(error).strip():
                    ends["refused without a word"] += 1
            except Exception:
                ends["raw exception"] += 1
                print(f"{name} {seed}:\n{traceback.format_exc(limit=-3)}", flush=True)
            took = time.process_time() - begun
            slowest = max(slowest, took)
            if took > LIMIT_S:
                ends["slow"] += 1
                print(f"{name} {seed}: {took:.1f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    told = ", ".join(f"{count:,} {name}" for name, count in ends.most_common())
    print(f"{name}: {len(seeds):,}: {told}; slowest {slowest:.2f} s, peak {peak:.2f} GB")
    sound &= not ends["raw exception"] and not ends["slow"] and not ends["refused without a word"] and peak <= LIMIT_GB
    return sound


def main() -> None:
    """Run all, exit 1 where one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=100_000)
    parser.add_argument("--yaml", type=int, default=1_000)
    parser.add_argument("--smiles", type=int, default=100_000)
    parser.add_argument("--traces", type=int, default=20_000)
    parser.add_argument("--fits", type=float, default=0.1)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    asked = parser.parse_args()
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    held = run(table, range(asked.first, asked.first + asked.tables))
    held &= run(description, range(asked.first, asked.first + asked.yaml))
    held &= run(library, range(asked.first, asked.first + -(-asked.smiles // ROWS_A_FILE)))
    held &= run(partial(trace, fits=asked.fits), range(asked.first, asked.first + asked.traces))
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
