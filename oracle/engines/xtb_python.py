"""xtb-python (distribution `xtb`): the older binding, kept for those who ask for it. Only ever in a worker process.

On input that it cannot handle the library may end the whole process, so the engine refuses to start anywhere else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.engines.base import SinglePoint
from oracle.engines.tblite import TbliteSession
from oracle.errors import EngineMissingError, ProtocolError

__all__ = ["WORKER_MARK"]

#: Environment variable that a worker process carries.
WORKER_MARK = "SPINSCREEN_WORKER"


@dataclass(frozen=True)
class XtbPythonEngine:
    """GFN2-xTB or GFN1-xTB by the xtb-python binding, gas phase only (it knows no ALPB). See TbliteEngine. Raises
    ProtocolError outside a worker process."""

    method: str = "GFN2-xTB"
    accuracy: float = 0.01
    step_accuracy: float = 1.0

    def __post_init__(self) -> None:
        if WORKER_MARK not in os.environ:
            raise ProtocolError(
                "xtb-python can end its process; use describe or isolated_single_point, which shield it"
            )

    def session(self, numbers: NDArray[np.int64], charge: int) -> XtbPythonSession:
        """Starts work on the molecule of these atomic `numbers`, shape (n,)."""
        return XtbPythonSession(self, numbers, charge)

    def single_point(self, numbers: NDArray[np.int64], positions: NDArray[np.float64], charge: int) -> SinglePoint:
        """One calculation from a fresh guess: `numbers` (n,), `positions` (n, 3) in bohr; errors as `PointEngine`."""
        return self.session(numbers, charge).single_point(positions)


class XtbPythonSession(TbliteSession):
    """Calculations on one molecule; each starts from the wavefunction of the one before."""

    program = "xtb-python"

    def _read(self, name: str) -> Any:
        """One quantity of the last result, by tblite's name."""
        own = {"orbital-energies": "orbital_eigenvalues", "orbital-occupations": "orbital_occupations"}
        return getattr(self._result, f"get_{own.get(name, name)}")()

    def _set_accuracy(self, accuracy: float) -> None:
        self._calculator.set_accuracy(accuracy)

    def _start(self, interface: ModuleType, positions: NDArray[np.float64]) -> Any:
        parameters = {"GFN2-xTB": interface.Param.GFN2xTB, "GFN1-xTB": interface.Param.GFN1xTB}
        calculator = interface.Calculator(
            parameters[self._engine.method], self._numbers, positions, charge=float(self._charge)
        )
        calculator.set_verbosity("muted")
        return calculator

    def _interface(self) -> ModuleType:
        try:
            import xtb.interface as interface
        except ImportError as error:
            raise EngineMissingError(
                f"xtb-python cannot be loaded ({error}); pip install 'spinscreen[xtb-python]' "
                "(Python 3.10 or 3.11 only)"
            ) from error
        return interface  # type: ignore[no-any-return]  # xtb ships no types
