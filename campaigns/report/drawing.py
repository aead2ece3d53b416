"""Cations drawn as SVG, formulas as HTML, idealised crystals as the browser draws them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from chemspace import Cation, Compound
from chemspace.errors import GeometryError

#: Colours of atoms by atomic number; carbon takes the colour of the text, so that a drawing suits light and dark.
_PALETTE = {
    -1: (0.0, 0.0, 0.0),
    6: (0.0, 0.0, 0.0),
    7: (0.0, 0.45, 0.70),
    8: (0.84, 0.37, 0.0),
    9: (0.0, 0.62, 0.45),
    16: (0.70, 0.50, 0.0),
    17: (0.0, 0.62, 0.45),
    35: (0.65, 0.30, 0.10),
    53: (0.55, 0.25, 0.60),
}

_TERM = re.compile(r"(?P<count>\d+(?:[./]\d+)? )?(?P<name>.+)")
#: A formula, and no name of a substance with digits of its own such as F4-PDMA.
_FORMULA = re.compile(r"(?:\([^)]*\)|[A-Z][a-z]?)(?:\([^)]*\)|[A-Z][a-z]?|\d+(?:\.\d+)?)*")
_GROUP_OR_NUMBER = re.compile(r"\([^)]*\)|\d+(?:\.\d+)?")


def molecule_svg(cation: Cation, width: int = 300, height: int = 150) -> str:
    """The structure of `cation` as an SVG element with a label for screen readers."""
    known_as = cation.names[-1] if cation.names else cation.smiles
    label = escape(f"structure of {cation.abbreviation} ({known_as})")
    return _svg(cation.smiles, width, height).replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


@lru_cache(maxsize=20_000)
def formula_html(formula: str) -> str:
    """`formula` with its stoichiometric numbers as subscripts; digits inside an abbreviation stay."""
    if escape(formula) == formula:  # nearly always: one pass, for pages of formulas that nobody has seen before
        return _GROUP_OR_NUMBER.sub(lambda found: found[0] if found[0][0] == "(" else f"<sub>{found[0]}</sub>", formula)
    parts = re.split(r"(\([^)]*\))", formula)
    return "".join(
        escape(part) if part.startswith("(") else re.sub(r"(\d+(?:\.\d+)?)", r"<sub>\1</sub>", escape(part))
        for part in parts
    )


#: A formula within a sentence.
_COMPOUND = re.compile(
    r"(?:\([^()\s]+\)(?:\d+(?:\.\d+)?)?)*[A-Z]{0,4}(?:Pb|Sn|Ge)\d*(?:(?:I|Br|Cl|\([^()\s]+\))(?:\d+(?:\.\d+)?)?)+"
)


def prose_html(text: str) -> str:
    """A sentence with subscripts in the formulas that it names."""
    marked, at = "", 0
    for found in _COMPOUND.finditer(text):
        marked, at = marked + escape(text[at : found.start()]) + formula_html(found[0]), found.end()
    return marked + escape(text[at:])


def equation_html(equation: str) -> str:
    """A balanced equation with subscripts in its formulas, an arrow, and no number torn from what it counts."""
    sides = []
    for side in equation.split(" -> "):
        terms = (_TERM.fullmatch(term) for term in side.split(" + "))
        told = [(found["count"] or "", found["name"]) for found in terms if found is not None]
        sides.append(
            " + ".join(f"{count.strip()}\u00a0{_named(name)}" if count else _named(name) for count, name in told)
        )
    return " → ".join(sides)


def _named(name: str) -> str:
    return formula_html(name) if _FORMULA.fullmatch(name) else escape(name)


@lru_cache(maxsize=2048)
def _svg(smiles: str, width: int, height: int) -> str:
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options = drawer.drawOptions()
    options.setAtomPalette(_PALETTE)
    options.clearBackground = False  # type: ignore[assignment]  # RDKit's stubs give every option one type
    options.bondLineWidth = 1.6  # type: ignore[assignment]  # as above
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, Chem.MolFromSmiles(smiles))
    drawer.FinishDrawing()
    text = drawer.GetDrawingText()
    text = re.sub(r"<rect[^>]*>\s*</rect>", "", text[text.index("<svg") :])
    text = re.sub(r"style='([^']*)'", _attributes, text)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    return text.replace("#000000", "currentColor").replace("xml:space='preserve'", "")


def _attributes(found: re.Match[str]) -> str:
    """Style declarations as attributes: a page that allows no inline styles shows those."""
    pairs = (pair.split(":", 1) for pair in found[1].split(";") if ":" in pair)
    return " ".join(f"{name.strip()}='{value.strip()}'" for name, value in pairs)


#: A hydrogen nearer to a carbon than this (angstrom) is bonded to it and left out, so that the head groups are seen.
_CH = 1.25
#: Contact (share of the van der Waals distance) down to which a spacer too wide for the ideal square is drawn in it.
_CROWDED = 0.4


def crystal_scene(compound: Compound, geometries: Mapping[str, NDArray[np.float64]] | None = None) -> dict[str, Any]:
    """What the browser draws, angstrom: two layers of two by two octahedra with what lies between them. `geometries`:
    of the cations, shape (atoms, 3) each, as `chemspace.crystal.build_structure` takes them. Keys: lattice (three
    vectors), reach (half the axis of an octahedron), centres of the octahedra of one layer, cages (repeated with every
    layer), above (what stands on a layer) and below (what hangs from the next one), molecules as lists of [symbol, x,
    y, z], `is_crowded` where the spacers stand closer than they can. Raises GeometryError for a mixture, or a cation
    too bulky."""
    from chemspace.crystal import build_parts

    try:
        parts, is_crowded = build_parts(compound, geometries), False
    except GeometryError:
        parts, is_crowded = build_parts(compound, geometries, closest=_CROWDED), True
    symbols, points = parts.inorganic
    centres = np.array([point for symbol, point in zip(symbols, points, strict=True) if symbol == compound.b_site])
    reach = float(np.linalg.norm(points - centres[0], axis=1)[np.array(symbols) != compound.b_site].min())
    middle = float(centres[:, 2].mean())
    above = [_molecule(atoms) for atoms in parts.spacers if atoms[1][:, 2].mean() > middle]
    below = [_molecule(atoms) for atoms in parts.spacers if atoms[1][:, 2].mean() <= middle]
    return {
        "is_crowded": is_crowded,
        "lattice": parts.lattice.round(2).tolist(),
        "reach": round(reach, 2),
        "centres": centres.round(2).tolist(),
        "cages": [_molecule(atoms) for atoms in parts.cages],
        "above": above,
        "below": below,
    }


def _molecule(atoms: tuple[Any, NDArray[np.float64]]) -> list[list[Any]]:
    symbols, points = np.array(atoms[0]), atoms[1]
    carbons = points[symbols == "C"]
    away = np.linalg.norm(points[:, None, :] - carbons[None, :, :], axis=2).min(axis=1, initial=np.inf)
    seen = (symbols != "H") | (away > _CH)
    return [[str(symbol), *point.round(2).tolist()] for symbol, point in zip(symbols[seen], points[seen], strict=True)]
