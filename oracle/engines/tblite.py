"""The default engine: tblite, in process, with the wavefunction kept warm between the calls of a session.

tblite reads OMP_NUM_THREADS when it is first imported, so the import waits for the first session.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oracle.engines.base import SinglePoint, validate_geometry
from oracle.errors import ConvergenceError, EngineError, EngineMissingError


@dataclass(frozen=True)
class TbliteEngine:
    """GFN2-xTB (doi 10.1021/acs.jctc.8b01176) or GFN1-xTB (doi 10.1021/acs.jctc.7b00118) by the tblite library."""

    method: str = "GFN2-xTB"
    solvent: str | None = None  #: name of an ALPB solvent (doi 10.1021/acs.jctc.1c00471), or None for the gas phase
    accuracy: float = 0.01  #: numerical accuracy of single points; 1 is the program's default, smaller is tighter
    step_accuracy: float = 10.0  #: that of the energies and gradients on the way of an optimisation

    def session(self, numbers: NDArray[np.int64], charge: int) -> TbliteSession:
        """Starts work on the molecule of these atomic `numbers`, shape (n,)."""
        return TbliteSession(self, numbers, charge)

    def single_point(
        self,
        numbers: NDArray[np.int64],
        positions: NDArray[np.float64],
        charge: int,
        field: NDArray[np.float64] | None = None,
    ) -> SinglePoint:
        """One calculation from a fresh guess (see Engine), in a uniform `field`, shape (3,), hartree/(e bohr)."""
        return TbliteSession(self, numbers, charge, field).single_point(positions)


class TbliteSession:
    """Calculations on one molecule; each starts from the wavefunction of the one before."""

    program = "tblite"

    def __init__(
        self, engine: Any, numbers: NDArray[np.int64], charge: int, field: NDArray[np.float64] | None = None
    ) -> None:
        self._field = field
        self._engine = engine
        self._numbers = numbers
        self._charge = charge
        self._calculator: Any = None
        self._result: Any = None
        self._accuracy = 0.0

    def energy_gradient(
        self, positions: NDArray[np.float64], *, tight: bool = False
    ) -> tuple[float, NDArray[np.float64]]:
        """Energy and gradient, shape (a, 3) as positions, at the accuracy of optimisation steps (see Session)."""
        self._solve(positions, self._engine.accuracy if tight else self._engine.step_accuracy)
        return float(self._read("energy")), np.asarray(self._read("gradient"))

    def single_point(self, positions: NDArray[np.float64]) -> SinglePoint:
        """The converged solution for positions, shape (a, 3), at the engine's accuracy (see Session)."""
        self._solve(positions, self._engine.accuracy)
        names = ("gradient", "orbital-energies", "orbital-occupations", "dipole", "charges")
        return SinglePoint(float(self._read("energy")), *(np.asarray(self._read(name)) for name in names))

    def _read(self, name: str) -> Any:
        """One quantity of the last result."""
        return self._result.get(name)

    def close(self) -> None:
        """Forgets the wavefunction."""
        self._calculator = self._result = None

    def _solve(self, positions: NDArray[np.float64], accuracy: float) -> None:
        validate_geometry(self._numbers, positions, self._charge)
        interface = self._interface()
        try:
            if self._calculator is None:
                self._calculator, self._accuracy = self._start(interface, positions), 0.0
            else:
                self._calculator.update(positions)
            if accuracy != self._accuracy:
                self._set_accuracy(accuracy)
                self._accuracy = accuracy
            self._result = self._calculator.singlepoint(self._result)
        except (RuntimeError, getattr(interface, "XTBException", RuntimeError)) as error:
            # After a failed cycle the result still holds an energy: nothing of it may be used again.
            self.close()
            message = str(error).strip()
            kind = ConvergenceError if "converge" in message.lower() else EngineError
            raise kind(f"{self.program}: {message} ({self._engine.method}, {len(self._numbers)} atoms)") from error

    def _set_accuracy(self, accuracy: float) -> None:
        self._calculator.set("accuracy", accuracy)

    def _start(self, interface: ModuleType, positions: NDArray[np.float64]) -> Any:
        calculator = interface.Calculator(
            self._engine.method, self._numbers, positions, charge=float(self._charge), color=False, logger=_silence
        )
        calculator.set("verbosity", 0)
        if self._engine.solvent is not None:
            calculator.add("alpb-solvation", self._engine.solvent)
        if self._field is not None:
            # The container wants a C pointer, and it copies what stands there.
            pointer = interface.library.ffi.from_buffer("double[]", np.array(self._field, dtype=np.float64))
            calculator.add("electric-field", pointer)
        return calculator

    def _interface(self) -> ModuleType:
        try:
            import tblite.interface as interface
        except ImportError as error:
            gomp = "install the OpenMP runtime (Debian: apt install libgomp1)"
            hint = gomp if "gomp" in str(error) else "pip install tblite"
            raise EngineMissingError(f"tblite cannot be loaded ({error}); {hint}") from error
        return interface


def _silence(_text: str) -> None:
    """Takes the library's log lines."""
