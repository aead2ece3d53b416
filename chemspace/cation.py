"""One organic or alkali cation, known by the InChIKey of its charged form."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors

from chemspace.errors import StructureError
from chemspace.molecule import cation_form, check_cation, check_charges, parse_smiles
from chemspace.tables.decode import known_roles

__all__ = ["also_called", "under_own_name"]

#: What a cation does in a layered perovskite; "both" has been reported between the layers and in the cages.
ROLES = ("spacer", "cage", "both")
#: What may stand in a formula as a name.
ABBREVIATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9,.'+*/-]{0,39}")

#: An atom of a SMILES: its symbol inside brackets, or outside.
_ATOM = re.compile(r"\[\d*([A-Z][a-z]?|[a-z]{1,2})[^\]]*\]|(Cl|Br|[A-Za-z])")


@dataclass(frozen=True, slots=True, eq=False)
class Cation:
    """One cation; equality and hash are those of `inchikey`, never of the abbreviation.

    Build one with `from_smiles`, which checks it. The InChIKey does not tell sites of protonation apart: two
    protomers of one charge are one cation here.

    Example:
        >>> from chemspace import Cation
        >>> cation = Cation.from_smiles("[NH3+]CCc1ccccc1", abbreviation="PEA")
        >>> cation.charge, cation.inchikey
        (1, 'BHHGXPLMPWCGHP-UHFFFAOYSA-O')
    """

    smiles: str
    charge: int
    inchikey: str
    abbreviation: str
    names: tuple[str, ...] = ()
    role: str = "spacer"
    source: str = ""

    @classmethod
    def from_smiles(
        cls,
        smiles: str,
        *,
        abbreviation: str | None = None,
        names: Iterable[str] = (),
        role: str | None = None,
        source: str = "",
    ) -> Cation:
        """Cation of a SMILES drawn in its charged form, for example "[NH3+]CCc1ccccc1".

        Args:
            smiles: one molecule of charge +1 or +2.
            abbreviation: shown in formulas; without one, the first block of the InChIKey.
            names: aliases and full names.
            role: "spacer", "cage" or "both"; without one, that of the built-in library where it knows the cation, else
                "cage" for carbon-free cations and "spacer" for all others.
            source: where the cation was found.

        Raises:
            StructureError: if the SMILES is no single closed-shell cation, or a name or role cannot be used.
            ChargeError: if its charge is not +1 or +2.
        """
        mol = parse_smiles(smiles)
        charge = check_cation(mol, smiles)
        return cls.from_checked_mol(mol, charge, abbreviation, tuple(names), role, source)

    @classmethod
    def from_catalogue(
        cls,
        smiles: str,
        dications: bool | None = None,
        *,
        abbreviation: str | None = None,
        names: tuple[str, ...] = (),
        role: str | None = None,
        source: str = "",
    ) -> Cation:
        """As `from_smiles`, of a molecule as a catalogue writes it: an amine, a salt or the cation, made what it is in
        hydriodic acid by `chemspace.molecule`. `dications`: whether diamines take two protons; None: as they do there.
        Raises StructureError."""
        try:
            mol = cation_form(parse_smiles(smiles), smiles, dications)
            return cls.from_checked_mol(mol, check_charges(mol, smiles), abbreviation, names, role, source)
        except (ValueError, RuntimeError) as error:  # RDKit's own refusals
            raise StructureError(f"RDKit refuses {smiles[:80]!r}: {str(error).strip()[:200]}") from error

    @classmethod
    def from_checked_mol(
        cls,
        mol: Chem.Mol,
        charge: int,
        abbreviation: str | None = None,
        names: tuple[str, ...] = (),
        role: str | None = None,
        source: str = "",
        canonical: str | None = None,
    ) -> Cation:
        """Cation of a molecule `check_cation` has passed; `canonical`: its SMILES. StructureError as `from_smiles`."""
        with rdBase.BlockLogs():
            inchikey = str(Chem.MolToInchiKey(mol))  # type: ignore[no-untyped-call]  # RDKit's wrapper has no types
        canonical = readable_smiles(canonical or Chem.MolToSmiles(mol), mol)
        if not inchikey:
            raise StructureError(f"SMILES {canonical!r} has no InChI; check its valences")
        if role is None:
            organic = any(atom.GetAtomicNum() == 6 for atom in mol.GetAtoms())
            role = known_roles().get(inchikey, "spacer" if organic else "cage")
        role = role.strip().lower()
        if role not in ROLES:
            raise StructureError(f"role {role!r} of {canonical} is unknown; use one of {', '.join(ROLES)}")
        if abbreviation is None:
            abbreviation = default_abbreviation(inchikey, charge)
        elif not ABBREVIATION.fullmatch(abbreviation):
            raise StructureError(
                f"abbreviation {abbreviation!r} of {canonical} cannot stand in a formula; "
                "use letters, digits and , . ' + * / - (40 characters, no spaces or brackets)"
            )
        return cls(canonical, charge, inchikey, abbreviation, names, role, source)

    @property
    def mol(self) -> Chem.Mol:
        """RDKit molecule, built anew at every call, without explicit hydrogens."""
        return Chem.MolFromSmiles(self.smiles)

    @property
    def formula(self) -> str:
        """Hill formula with charge, for example "C8H12N+" or "C6H16N2+2"."""
        return str(rdMolDescriptors.CalcMolFormula(self.mol))

    @property
    def molar_mass_g_mol(self) -> float:
        """Molar mass, g/mol (RDKit's standard atomic weights; the missing electrons are not subtracted)."""
        return float(rdMolDescriptors._CalcMolWt(self.mol))

    @property
    def n_heavy_atoms(self) -> int:
        """Number of atoms other than hydrogen."""
        return int(self.mol.GetNumHeavyAtoms())

    @property
    def is_organic(self) -> bool:
        """Whether it holds carbon, told from the SMILES: a library of a million is asked, and building is slow."""
        return any((atom[1] or atom[2]) in ("C", "c") for atom in _ATOM.finditer(self.smiles))

    @property
    def elements(self) -> Counter[str]:
        """Number of atoms of each element, hydrogen included."""
        return Counter(atom.GetSymbol() for atom in Chem.AddHs(self.mol).GetAtoms())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Cation):
            return NotImplemented
        return self.inchikey == other.inchikey

    def __hash__(self) -> int:
        return hash(self.inchikey)

    def __str__(self) -> str:
        return self.abbreviation


def readable_smiles(canonical: str, mol: Chem.Mol) -> str:
    """The canonical SMILES, or the Kekule form that RDKit reads back. Raises StructureError if it reads neither."""
    with rdBase.BlockLogs():
        if Chem.MolFromSmiles(canonical) is not None:
            return canonical
        with_bonds = Chem.Mol(mol)
        try:
            Chem.Kekulize(with_bonds, clearAromaticFlags=True)
        except Chem.KekulizeException as error:
            raise StructureError(f"SMILES {canonical!r} cannot be written with single and double bonds") from error
        spelled = str(Chem.MolToSmiles(with_bonds, kekuleSmiles=True))
        if Chem.MolFromSmiles(spelled) is None:
            raise StructureError(f"SMILES {canonical!r} cannot be read back; its aromatic bonds are ambiguous")
        return spelled


def default_abbreviation(inchikey: str, charge: int) -> str:
    """Name made from the InChIKey: its skeleton block, its stereo block where there is one, "-2" for +2."""
    skeleton, layers, _ = inchikey.split("-")
    stereo = "" if layers.startswith("UHFFFAOY") else f"-{layers[:8]}"
    return f"{skeleton}{stereo}{'-2' if charge == 2 else ''}"


def under_own_name(cation: Cation) -> Cation:
    """`cation` called by its InChIKey, where another one has its abbreviation already; that stays as an alias."""
    own = default_abbreviation(cation.inchikey, cation.charge)
    return replace(cation, abbreviation=own, names=(*cation.names, cation.abbreviation))


def also_called(first: Cation, second: Cation) -> Cation:
    """`first` with the names of another entry of the same cation as further aliases."""
    known = (first.abbreviation, *first.names, default_abbreviation(second.inchikey, second.charge))
    further = [name for name in dict.fromkeys((second.abbreviation, *second.names)) if name not in known]
    return replace(first, names=(*first.names, *further)) if further else first
