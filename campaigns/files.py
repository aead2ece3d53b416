"""Files a campaign leaves in its folder: written whole or not at all."""

from __future__ import annotations

import glob
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.errors import StoreError
from chemspace.errors import TableError
from chemspace.tables.cells import printable
from chemspace.tables.frame import write_csv
from chemspace.tables.grid import bytes_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXPORTS", "file_name", "write_files", "write_frame", "write_table", "write_whole"]

#: Folder of the pages of traces in a campaign's folder; it can be deleted, the data are in the store.
TRACES = "traces"
#: The ranking in a campaign's folder: to be read again, and for people.
RANKING = ("ranking.parquet", "ranking.csv")


def title_of(folder: Path) -> str:
    """What people call the campaign in a folder: the folder's name, with U+FFFD for what no text can hold."""
    return str(printable(folder.resolve().name))


#: A draft that nobody has touched for so long (seconds) is nobody's.
_ABANDONED_S = 3600.0

#: How a table is written, by the ending of its name.
EXPORTS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    ".csv": write_csv,
    ".jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True, force_ascii=False),
    ".parquet": lambda frame, path: path.write_bytes(frame.to_parquet(index=False)),
}


def file_name(formula: str, suffix: str) -> str:
    """A file name that every system takes: (PEA)2(MA)Pb2I7 becomes PEA2-MA-Pb2I7 and `suffix`."""
    plain = re.sub(r"\(([^)]*)\)([\d.]*)", r"\1\2-", formula)
    return "".join(sign if sign.isalnum() or sign in "-.,+" else "_" for sign in plain).strip("-") + suffix


def write_whole(path: Path, write: Callable[[Path], object], mode: int = 0o644) -> None:
    """Let `write` fill a temporary file beside `path`, then put it in place in one step, safe from a power cut too.
    Raises StoreError if the folder cannot be written or the disk is full, or something that is no file stands there;
    `path` is then as it was."""
    try:
        if path.exists() and not path.is_file():
            raise StoreError(f"{path} is no ordinary file and stays as it is; name another one")
        sweep(path.parent, f".{glob.escape(path.name)}.????????")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            temporary.chmod(mode)  # mkstemp makes it private, a report is for the group
            sync(temporary)  # else the new name may point to nothing after a power cut
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise StoreError(f"{path}: cannot be written ({why}); what stood there is untouched") from error


def sync(path: Path) -> None:
    """Have what was written to a file, or into a folder, on disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folder
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(folder: Path, drafts: str) -> None:
    """Take away what processes left in a folder that were killed while writing; `drafts` matches its names."""
    for draft in folder.glob(drafts):
        with suppress(OSError):  # another process may be as tidy
            if time.time() - draft.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(draft) if draft.is_dir() else draft.unlink()


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as the table that the ending of `path` names, one of `EXPORTS`. Raises StoreError as `write_whole`."""
    import pandas as pd

    write_frame(path, pd.DataFrame(list(rows)))


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """As `write_table`, of a frame."""
    write_whole(path, lambda target: EXPORTS[path.suffix](frame, target))


def write_files(folder: Path, files: Iterable[tuple[str, bytes]]) -> list[Path]:
    """Write (name, content) of each file into `folder`, made if missing. Raises StoreError as `write_whole`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot create the folder ({error.strerror})") from error
    written = []
    for name, content in files:
        path = folder / Path(name).name
        write_whole(path, partial(Path.write_bytes, data=content))
        written.append(path)
    return written


def read_ranking(folder: Path) -> pd.DataFrame | None:
    """The ranking that stands in `folder`, None where there is none yet, or a damaged one."""
    import pandas as pd

    with suppress(OSError, ValueError, TableError):  # a device that stands there has no end
        return pd.read_parquet(BytesIO(bytes_of(folder / RANKING[0])))
    return None


def write_ranking(folder: Path, frame: pd.DataFrame) -> tuple[Path, Path]:
    """Write `frame` as ranking.parquet and ranking.csv. Returns the two paths."""
    parquet, table = (folder / name for name in RANKING)
    write_whole(parquet, lambda path: EXPORTS[".parquet"](frame, path))
    write_whole(table, lambda path: write_csv(frame, path, float_format="%.6g"))
    return parquet, table
