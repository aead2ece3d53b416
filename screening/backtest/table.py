"""A finished table: descriptors and the result of every row, read from a file or a frame and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from screening.errors import BacktestError

__all__ = ["FinishedTable", "read_table"]


@dataclass(frozen=True)
class FinishedTable:
    """Descriptors `x` (m, d), results `y` (m,), the columns' names, the target's name, and whether small is good."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    columns: tuple[str, ...]
    target: str
    minimize: bool

    @property
    def loss(self) -> NDArray[np.float64]:
        """Results to be minimised, shape (m,)."""
        return self.y if self.minimize else -self.y

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, target: str, minimize: bool = True, columns: Sequence[str] | None = None
    ) -> FinishedTable:
        """Table of a frame; without `columns` every numeric column but the target is a descriptor.

        Raises:
            BacktestError: if the target or a column is missing, holds text or NaN, or too few rows are left.
        """
        if target not in frame.columns:
            raise BacktestError(f"no column {target!r} to learn; the table has {', '.join(map(str, frame.columns))}")
        numeric = [str(name) for name in frame.select_dtypes("number").columns if name != target]
        names = numeric if columns is None else list(columns)
        absent = [name for name in names if name not in numeric]
        if absent or not names:
            what = f"column {absent[0]!r} is not there or not numeric" if absent else "no numeric column is left"
            raise BacktestError(f"{what}; numeric columns besides {target!r}: {', '.join(numeric) or 'none'}")
        values = frame[[*names, target]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
        bad = np.argwhere(~np.isfinite(values))
        if bad.size:
            row, column = bad[0]
            raise BacktestError(
                f"row {row + 1}, column {[*names, target][column]!r} is empty, text or infinite ({len(bad)} such): "
                "a finished table has a number everywhere; drop those rows or columns first"
            )
        if len(values) < 3:
            raise BacktestError(f"{len(values)} rows: a campaign needs at least 3 to choose from")
        return cls(values[:, :-1], values[:, -1], tuple(names), target, minimize)


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as a frame.

    Raises:
        BacktestError: if the file is missing, of another kind or unreadable.
    """
    if not path.is_file():
        raise BacktestError(f"there is no file {path}")
    kind = path.suffix.lower()
    if kind not in {".csv", ".parquet"}:
        raise BacktestError(f"{path.name}: a .csv or .parquet file is needed")
    try:
        return pd.read_csv(path) if kind == ".csv" else pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise BacktestError(f"{path.name} cannot be read as {kind[1:]}: {error}") from error
