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
from oracle.errors import ConvergenceError, EngineError, EngineMissingError, ProtocolError
from oracle.validate import validate_geometry

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


class XtbPythonSession:
    """Calculations on one molecule; each starts from the wavefunction of the one before."""

    def __init__(self, engine: XtbPythonEngine, numbers: NDArray[np.int64], charge: int) -> None:
        self._engine = engine
        self._numbers = numbers
        self._charge = charge
        self._calculator: Any = None
        self._result: Any = None

    def energy_gradient(
        self, positions: NDArray[np.float64], *, tight: bool = False
    ) -> tuple[float, NDArray[np.float64]]:
        """Energy and gradient at the accuracy of optimisation steps (see Session)."""
        result = self._solve(positions, self._engine.accuracy if tight else self._engine.step_accuracy)
        return float(result.get_energy()), result.get_gradient()

    def single_point(self, positions: NDArray[np.float64]) -> SinglePoint:
        """The converged solution at the engine's accuracy (see Session)."""
        result = self._solve(positions, self._engine.accuracy)
        return SinglePoint(
            energy=float(result.get_energy()),
            gradient=result.get_gradient(),
            orbital_energies=result.get_orbital_eigenvalues(),
            occupations=result.get_orbital_occupations(),
            dipole=result.get_dipole(),
            charges=result.get_charges(),
        )

    def close(self) -> None:
        """Forgets the wavefunction."""
        self._calculator = self._result = None

    def _solve(self, positions: NDArray[np.float64], accuracy: float) -> Any:
        validate_geometry(self._numbers, positions, self._charge)
        interface = _interface()
        try:
            if self._calculator is None:
                self._calculator = self._start(interface, positions)
            else:
                self._calculator.update(positions)
            self._calculator.set_accuracy(accuracy)
            self._result = self._calculator.singlepoint(self._result)
        except interface.XTBException as error:
            self.close()
            message = str(error).strip()
            kind = ConvergenceError if "converge" in message.lower() else EngineError
            raise kind(f"xtb-python: {message} ({self._engine.method}, {len(self._numbers)} atoms)") from error
        return self._result

    def _start(self, interface: ModuleType, positions: NDArray[np.float64]) -> Any:
        parameters = {"GFN2-xTB": interface.Param.GFN2xTB, "GFN1-xTB": interface.Param.GFN1xTB}
        calculator = interface.Calculator(
            parameters[self._engine.method], self._numbers, positions, charge=float(self._charge)
        )
        calculator.set_verbosity("muted")
        return calculator


def _interface() -> ModuleType:
    try:
        import xtb.interface as interface
    except ImportError as error:
        raise EngineMissingError(
            f"xtb-python cannot be loaded ({error}); pip install 'spinscreen[xtb-python]' (Python 3.10 or 3.11 only)"
        ) from error
    return interface  # type: ignore[no-any-return]  # xtb ships no types
