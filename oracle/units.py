"""Conversion factors between atomic units and the units of the descriptor columns (CODATA 2018)."""

from __future__ import annotations

__all__ = ["EV_PER_HARTREE"]

#: CODATA 2018, doi 10.1103/RevModPhys.93.025010.
ANGSTROM_PER_BOHR = 0.529177210903
EV_PER_HARTREE = 27.211386245988

#: e a0 = 8.4783536255e-30 C m (CODATA 2018) over 1 debye = 1e-21 / 299792458 C m (exact).
DEBYE_PER_E_BOHR = 8.4783536255e-30 * 299792458 / 1e-21

#: 1 kcal = 4184 J (exact), the hartree 4.3597447222071e-18 J and the Avogadro constant 6.02214076e23 (CODATA 2018).
HARTREE_PER_KCAL_MOL = 4184.0 / (4.3597447222071e-18 * 6.02214076e23)
