"""Geometric rules of the perovskite layers: tolerance and octahedral factors, with the radii they need.

Radii in angstrom. None of these rules is applied unless a space asks for it. Rules of the spacer stand in
`chemspace.spacer_geometry`.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chemspace.builtin_table import package_table
from chemspace.errors import UnknownRadiusError

if TYPE_CHECKING:
    from chemspace.cation import Cation

__all__ = ["SHANNON_RADIUS", "cage_tolerance_factor", "tolerance_factor"]

#: Six-coordinate ionic radii (angstrom). Pb, Ge and the halides: Shannon, Acta Cryst. A32, 751 (1976), doi
#: 10.1107/S0567739476001551. Shannon has no six-coordinate Sn(II); 1.10 is what the table of measured lifetimes uses
#: (Chem. Sci. 2025, 16, 22071, doi 10.1039/d5sc07406a).
SHANNON_RADIUS = {"Pb": 1.19, "Sn": 1.10, "Ge": 0.73, "I": 2.20, "Br": 1.96, "Cl": 1.81}


def tolerance_factor(a_radius: ArrayLike, b_site: str, halide: str) -> NDArray[np.float64]:
    """Goldschmidt tolerance factor of each A-site radius in one B-X framework.

    t = (r_A + r_X) / (sqrt(2) (r_B + r_X))

    With r_A half the largest interatomic distance of the cations, averaged over the organic cations of the formula,
    this is the descriptor of the table of measured lifetimes (doi 10.1039/d5sc07406a, to 4e-4 there); it then runs to
    1.5 and above and says nothing about formation. For that use `cage_tolerance_factor`.

    Args:
        a_radius: radii of the A-site cations, any shape, angstrom.
        b_site: symbol of the B-site metal.
        halide: symbol of the halide.

    Returns:
        Tolerance factors, same shape, dimensionless.

    Raises:
        UnknownRadiusError: if the table has no radius for `b_site` or `halide`.

    Source: Goldschmidt, Naturwissenschaften 14, 477 (1926), doi 10.1007/BF01507527.
    """
    r_b, r_x = _radius(b_site), _radius(halide)
    radius = np.asarray(a_radius, dtype=np.float64)
    return np.asarray((radius + r_x) / (sqrt(2.0) * (r_b + r_x)), dtype=np.float64)


def cage_tolerance_factor(cation: Cation, b_site: str = "Pb", halide: str = "I") -> float:
    """Classical tolerance factor of the three-dimensional perovskite with this cage cation, dimensionless.

    Hybrid perovskites form for about 0.8 to 1.0 (Kieslich, Sun, Cheetham, Chem. Sci. 6, 3430 (2015), doi
    10.1039/c5sc00961h); lead iodides tolerate FA at 0.99 and, inside n = 2 and 3 layers, larger cations. Raises
    UnknownRadiusError if a radius is not tabulated.
    """
    return float(tolerance_factor(effective_radius(cation), b_site, halide))


def effective_radius(cation: Cation) -> float:
    """Effective radius of a cage cation, angstrom: how large it looks when it turns freely in its cage.

    Molecular cations: the distance from the centre of mass to the farthest non-hydrogen atom, plus that atom's ionic
    radius (Kieslich, Sun, Cheetham, Chem. Sci. 5, 4712 (2014), doi 10.1039/c4sc02211d); alkali ions: Shannon,
    twelve-coordinate. Tabulated for small cations only; long or flexible ones have no such radius. Raises
    UnknownRadiusError if the table has no radius for the cation.
    """
    table = _effective_radii()
    if cation.inchikey not in table:
        raise UnknownRadiusError(f"no effective radius for {cation.abbreviation}; the table holds {len(table)} cations")
    return table[cation.inchikey]


def octahedral_factor(b_site: str, halide: str) -> float:
    """Octahedral factor r_B / r_X, dimensionless.

    Six halides touch each other around the metal below sqrt(2) - 1 = 0.414; halide perovskites are found above about
    0.44 (Li et al., Acta Cryst. B64, 702 (2008), doi 10.1107/S0108768108032734). With Shannon radii: Pb-I 0.54, Sn-I
    0.50, Ge-I 0.33 (Ge-I distances are far from equal). Raises UnknownRadiusError if the table has no radius for
    `b_site` or `halide`.
    """
    return _radius(b_site) / _radius(halide)


def _radius(ion: str) -> float:
    try:
        return SHANNON_RADIUS[ion]
    except KeyError:
        raise UnknownRadiusError(f"no radius for {ion!r}; the table holds {', '.join(SHANNON_RADIUS)}") from None


@lru_cache(maxsize=1)
def _effective_radii() -> dict[str, float]:
    return {row["inchikey"]: float(row["radius_angstrom"]) for row in package_table("effective_radii.csv")}
