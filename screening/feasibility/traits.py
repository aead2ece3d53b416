"""What the feasibility model reads off every spacer of a space: worked out once, and kept in a file where that pays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chemspace.cation import Cation
from screening.feasibility.latent import spacer_mol
from screening.feasibility.shape import SHAPE_NAMES, cation_shape, fingerprints

__all__ = ["SpacerTraits"]


@dataclass(frozen=True)
class SpacerTraits:
    """Shapes, shape (c, 5), and fingerprints of c spacers, as `screening.feasibility.shape` makes them."""

    shapes: NDArray[np.float64]
    prints: Sequence[Any]

    @classmethod
    def of(cls, spacers: Sequence[Cation]) -> SpacerTraits:
        """Work them out; half a second for a thousand spacers."""
        mols = [spacer_mol(spacer) for spacer in spacers]
        shapes = np.array([cation_shape(mol) for mol in mols]).reshape(len(mols), len(SHAPE_NAMES))
        return cls(shapes, fingerprints(mols))

    def save(self, path: Path, key: str) -> None:
        """Write them to a .npz file under `key`, which says what they are of.

        Raises:
            OSError: if the file cannot be written.
        """
        bits = [print_.ToBinary() for print_ in self.prints]
        lengths = np.array([len(row) for row in bits], dtype=np.int64)
        flat = np.frombuffer(b"".join(bits), dtype=np.uint8)
        with path.open("wb") as stream:
            np.savez(stream, key=np.array(key), shapes=self.shapes, prints=flat, lengths=lengths)

    @classmethod
    def load(cls, path: Path, key: str) -> SpacerTraits | None:
        """What `save` wrote under the same key; None where there is no such file, or a damaged one."""
        from zipfile import BadZipFile

        try:
            with path.open("rb") as stream, np.load(stream) as kept:
                if str(kept["key"]) != key:
                    return None
                shapes, flat, lengths = kept["shapes"], kept["prints"].tobytes(), kept["lengths"]
        except (OSError, EOFError, ValueError, KeyError, BadZipFile):
            return None
        return cls(shapes, _Packed(flat, np.cumsum([0, *lengths])))


class _Packed(Sequence[Any]):
    """Fingerprints as bytes, unpacked one at a time: most rounds have no outcome to compare them with."""

    def __init__(self, flat: bytes, edges: NDArray[np.int64]) -> None:
        self._flat, self._edges = flat, edges

    def __len__(self) -> int:
        return len(self._edges) - 1

    def __getitem__(self, place: Any) -> Any:
        from rdkit import DataStructs

        if not 0 <= place < len(self):
            raise IndexError(place)
        part: Any = self._flat[self._edges[place] : self._edges[place + 1]]
        return DataStructs.ExplicitBitVect(part)
