"""What a molecule must be to count as one cation: the checks shared by hand-given SMILES and library rows."""

from __future__ import annotations

from rdkit import Chem, rdBase

from chemspace.errors import ChargeError, StructureError

__all__ = [
    "ALKALI",
    "MAX_HEAVY_ATOMS",
    "ORGANIC_ELEMENTS",
    "check_atom",
    "check_atoms",
    "check_cation",
    "check_charges",
    "parse_smiles",
]

#: Monatomic cage cations that are accepted.
ALKALI = frozenset({"Na", "K", "Rb", "Cs"})
#: Elements an organic cation may hold; all have tblite GFN2-xTB parameters.
ORGANIC_ELEMENTS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"})
#: The largest built-in spacer has 31 heavy atoms; more than twice that is no spacer any more.
MAX_HEAVY_ATOMS = 80
#: A longer line is refused before RDKit sees it.
MAX_SMILES_LENGTH = 2000


def parse_smiles(smiles: str) -> Chem.Mol:
    """RDKit molecule of one SMILES, atom maps removed; RDKit's own log stays silent.

    Raises:
        StructureError: if the text is no SMILES that RDKit can sanitise.
    """
    text = smiles.strip()
    if not text:
        raise StructureError("the SMILES is empty; write the ammonium form, for example [NH3+]CCc1ccccc1")
    if len(text) > MAX_SMILES_LENGTH:
        raise StructureError(f"the SMILES has {len(text)} characters; at most {MAX_SMILES_LENGTH} are read")
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(text) if text.isascii() and text.isprintable() and " " not in text else None
    if mol is None or mol.GetNumAtoms() == 0:
        raise StructureError(f"{_shown(text)} cannot be read as a SMILES; write for example [NH3+]CCc1ccccc1")
    if ":" in text:
        for atom in mol.GetAtoms():
            atom.SetAtomMapNum(0)
    return mol


def check_cation(mol: Chem.Mol, smiles: str) -> int:
    """Charge of `mol` once every check has passed.

    Raises:
        StructureError: a mixture, radical, isotope label, dummy atom, metal, anion site, or too many atoms.
        ChargeError: a total charge other than +1 or +2.
    """
    if len(Chem.GetMolFrags(mol)) > 1:
        raise StructureError(
            f"{_shown(smiles)} is a mixture of several molecules; give the cation alone, without counter-ion"
        )
    check_atoms(mol, smiles)
    return check_charges(mol, smiles)


def check_charges(mol: Chem.Mol, smiles: str) -> int:
    """Charge of a molecule whose atoms are already checked.

    Raises:
        StructureError: an anion site.
        ChargeError: a total charge other than +1 or +2.
    """
    charge: int = Chem.GetFormalCharge(mol)
    for atom in mol.GetAtoms() if "-" in smiles else ():
        if atom.GetFormalCharge() < 0 and not any(n.GetFormalCharge() > 0 for n in atom.GetNeighbors()):
            symbol = atom.GetSymbol()
            raise StructureError(f"{_shown(smiles)} has an anionic {symbol}; in acid it is protonated, draw it so")
    if charge not in (1, 2):
        has = f"has charge {charge:+d}" if charge else "is neutral"
        raise ChargeError(f"{_shown(smiles)} {has}; a cation needs +1 or +2{_hint(charge)}")
    return charge


def check_atoms(mol: Chem.Mol, smiles: str) -> None:
    """Refuse what no organic cation holds, whatever its charge.

    Raises:
        StructureError: a radical, isotope label, dummy atom, metal, or too many atoms.
    """
    shown = _shown(smiles)
    if mol.GetNumHeavyAtoms() > MAX_HEAVY_ATOMS:
        raise StructureError(f"{shown} has {mol.GetNumHeavyAtoms()} heavy atoms; at most {MAX_HEAVY_ATOMS} fit a layer")
    if "[" not in smiles and "*" not in smiles:
        return  # SMILES writes metals, radicals and isotopes in brackets only
    for atom in mol.GetAtoms():
        check_atom(atom, mol, shown)


def check_atom(atom: Chem.Atom, mol: Chem.Mol, shown: str) -> None:
    """Refuse one atom; `shown` names the molecule in the message.

    Raises:
        StructureError: as `check_atoms`.
    """
    symbol = atom.GetSymbol()
    if atom.GetAtomicNum() == 0:
        raise StructureError(f"{shown} holds a dummy atom (*); draw every atom")
    if symbol not in ORGANIC_ELEMENTS and not (symbol in ALKALI and mol.GetNumAtoms() == 1):
        raise StructureError(f"{shown} holds {symbol}; a spacer is organic, a monatomic cage is Na, K, Rb or Cs")
    if atom.GetNumRadicalElectrons():
        raise StructureError(f"{shown} is a radical at {symbol}{atom.GetIdx() + 1}; give the closed-shell cation")
    if atom.GetIsotope():
        raise StructureError(f"{shown} carries an isotope label at {symbol}; give it unlabelled")


def _hint(charge: int) -> str:
    return "; protonate the amine, for example [NH3+]CCc1ccccc1" if charge <= 0 else ""


def _shown(text: str) -> str:
    return f"SMILES {text if len(text) <= 80 else text[:77] + '...'!r}"
