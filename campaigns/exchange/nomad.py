"""Compounds as perovskite compositions of NOMAD, one archive a compound.

Schema: Perovskite_composition (github.com/Jesperkemist/Perovskite_composition) and NOMAD's class
perovskite_solar_cell_database.composition.PerovskiteComposition, which reads the archives.
"""

from __future__ import annotations

import json
import zipfile
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from campaigns.events import Stage
from campaigns.files import file_name, write_whole
from chemspace import parse_formula

if TYPE_CHECKING:
    from campaigns.campaign import Campaign
    from chemspace import Compound

#: NOMAD's class of the archives.
CLASS = "perovskite_solar_cell_database.composition.PerovskiteComposition"
#: The measured property that NOMAD calls band_gap, eV.
GAP = "band_gap_ev"
_MADE = frozenset({Stage.FORMED, Stage.MEASURED, Stage.NOT_MEASURABLE})
_CHARGES = {"Pb": "+2", "Sn": "+2", "Ge": "+2", "I": "-", "Br": "-", "Cl": "-"}


def composition(compound: Compound) -> dict[str, Any]:
    """A compound as NOMAD describes it: short and long form, dimensionality, and the ions of each site.

    The forms list the ions of each site in the order of the alphabet, names of three letters or more in parentheses.

    Example:
        >>> from chemspace import CationLibrary, parse_formula
        >>> told = composition(parse_formula("(PEA)2(MA)2Pb3I10", CationLibrary.builtin()))
        >>> told["long_form"], told["short_form"], told["dimensionality"]
        ('MA2(PEA)2Pb3I10', 'MA(PEA)PbI', '2D')
    """
    a_site = [
        {
            "abbreviation": cation.abbreviation,
            "coefficient": _number(count),
            "molecular_formula": cation.formula,
            "smiles": cation.smiles,
        }
        for cation, count in sorted(compound.cation_counts, key=lambda pair: pair[0].abbreviation)
    ]
    b_site = [_element(compound.b_site, Fraction(compound.n_b_sites))]
    x_site = [_element(symbol, share * compound.n_halides) for symbol, share in sorted(compound.halide)]
    ions = [*a_site, *b_site, *x_site]
    return {
        "long_form": "".join(_named(ion) + ("" if ion["coefficient"] == "1" else ion["coefficient"]) for ion in ions),
        "short_form": "".join(map(_named, ions)),
        "dimensionality": "3D" if compound.spacer is None else "2D",
        "ions_a_site": a_site,
        "ions_b_site": b_site,
        "ions_x_site": x_site,
    }


def write_nomad(campaign: Campaign, path: Path) -> int:
    """Write what was suggested, tried or measured into a zip that NOMAD takes; returns the number of compounds."""
    stages = campaign.state.stages
    gaps: dict[str, list[float]] = {}
    for row in campaign.state.records.get(GAP, ()):
        if row.retracted is None:
            compound = parse_formula(row.observation.formula, campaign.names)
            gaps.setdefault(compound.formula, []).append(row.observation.value)

    def write(target: Path) -> None:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for formula, stage in stages.items():
                made = "Estimated from precursor solutions" if stage in _MADE else "Hypothetical compound"
                data = {"m_def": CLASS, **composition(parse_formula(formula, campaign.names))}
                data["composition_estimate"] = made
                if formula in gaps:
                    data["band_gap"] = fmean(gaps[formula])
                text = json.dumps({"data": data}, indent=2, ensure_ascii=False)
                archive.writestr(file_name(formula, ".archive.json"), text)

    write_whole(path, write)
    return len(stages)


def _element(symbol: str, count: Fraction) -> dict[str, str]:
    charge = _CHARGES[symbol]
    return {
        "abbreviation": symbol,
        "coefficient": _number(count),
        "molecular_formula": f"{symbol}{charge}",
        "smiles": f"[{symbol}{charge}]",
    }


def _named(ion: dict[str, str]) -> str:
    name = ion["abbreviation"]
    return f"({name})" if len(name) > 2 else name


def _number(count: Fraction) -> str:
    return f"{float(count):.6g}"
