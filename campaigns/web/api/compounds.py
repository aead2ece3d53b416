"""One compound on the server: what is known of it, and how somebody may name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from campaigns.errors import NotReadyError, QueryError
from campaigns.events import Stage
from campaigns.records import geometries, starting_structure
from campaigns.state import CampaignState
from campaigns.summary import Step
from campaigns.web.api.models import PredictionIn
from campaigns.web.service import CampaignService
from chemspace import Cation, CationLibrary, Compound, parse_formula
from chemspace.geometry import mmff_geometry


def cation_xyz(service: CampaignService, cation: Cation) -> str:
    """An XYZ block, angstrom: the oracle's conformer, or an MMFF94 one. Raises GeometryError if there is neither."""
    record = service.records([cation]).get(cation.inchikey)
    if record is not None and record.geometry:
        return record.geometry
    mol, positions = mmff_geometry(cation)
    lines = [
        f"{atom.GetSymbol()} {x:.5f} {y:.5f} {z:.5f}" for atom, (x, y, z) in zip(mol.GetAtoms(), positions, strict=True)
    ]
    return f"{len(lines)}\n{cation.abbreviation}, MMFF94\n" + "\n".join(lines) + "\n"


def structure_cif(service: CampaignService, compound: Compound, tilted: bool) -> str:
    """An idealised crystal as CIF, cations by xTB. GeometryError as `campaigns.records.starting_structure`."""
    records = service.records([cation for cation, _ in compound.cation_counts])
    text: str = starting_structure(compound, records, tilted).to(fmt="cif")
    return text


def structure_scene(service: CampaignService, compound: Compound) -> dict[str, Any]:
    """The same as the browser draws it. Raises as `structure_cif`."""
    from campaigns.report.drawing import crystal_scene

    records = service.records([cation for cation, _ in compound.cation_counts])
    return crystal_scene(compound, geometries(compound, records))


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a compound; index and numbers are None outside the space, `stage` where nobody mentioned it."""

    compound: Compound
    index: int | None
    stage: Stage | None
    numbers: dict[str, Any] | None
    measured_ps: tuple[float, ...]
    bounds_ps: tuple[float, ...]
    rounds: tuple[int, ...]
    values: tuple[tuple[str, tuple[float, ...]], ...] = ()


def compound_of(service: CampaignService, formula: str) -> About:
    """What is known of the compound that `formula` names. Raises ChemspaceError for a formula that cannot be read."""
    compound = parse_formula(formula, service.campaign.names)
    snapshot, space = service.snapshot(), service.campaign.space
    index = space.index(compound) if compound in space else None
    try:
        numbers = None if index is None else service.searcher().index.row(index)
    except NotReadyError:
        numbers = None
    name = compound.formula
    state = snapshot.state
    values = service.kept(("values", state.last_event), lambda: _values(state, service.campaign.names))
    return About(
        compound=compound,
        index=index,
        stage=snapshot.stages.get(name),
        numbers=numbers,
        measured_ps=snapshot.measured.get(name, ()),
        bounds_ps=snapshot.bounds.get(name, ()),
        rounds=tuple(b.number for b in snapshot.state.batches if any(s.formula == name for s in b.suggestions)),
        values=tuple(values.get(name, ())),
    )


def history_of(service: CampaignService, formula: str) -> tuple[Step, ...]:
    """The steps in the life of one compound, oldest first."""
    return tuple(step for step in service.snapshot().state.steps if formula in (step.formula, step.made))


def _values(state: CampaignState, names: CationLibrary) -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    """Of each compound, its values of each further property; tables of the launch write its formula as they like."""
    found: dict[str, list[tuple[str, tuple[float, ...]]]] = {}
    for name in state.config.properties:
        values: dict[str, tuple[float, ...]] = {}
        for row in state.records[name]:
            if row.retracted is None:
                formula = parse_formula(row.observation.formula, names).formula
                values[formula] = (*values.get(formula, ()), row.observation.value)
        for formula, told in values.items():
            found.setdefault(formula, []).append((name, told))
    return found


def asked_compound(service: CampaignService, asked: PredictionIn) -> Compound:
    """The compound of a formula, or of a spacer's SMILES. QueryError for both or neither, ChemspaceError."""
    names = service.campaign.names
    if (asked.formula is None) == (asked.smiles is None):
        raise QueryError("give a formula, or the SMILES of a spacer")
    if asked.formula is not None:
        return parse_formula(asked.formula, names)
    assert asked.smiles is not None
    cation = Cation.from_catalogue(asked.smiles, abbreviation=asked.abbreviation or None)
    spacer = names.get_by_inchikey(cation.inchikey) or cation  # by the name it has here, where it is known
    if asked.n_layers > 1 and not asked.cage:
        raise QueryError(f"n = {asked.n_layers} needs a cage cation, such as MA")
    cage = names[asked.cage] if asked.cage and asked.n_layers > 1 else None
    return Compound.of(spacer, cage, asked.n_layers, asked.b_site, asked.halide)
