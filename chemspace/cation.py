"""One organic or alkali cation, known by the InChIKey of its charged form.

A neutral amine or its salt is read as the cation it forms in concentrated hydriodic acid: counter-ions and solvent are
stripped, charges that a proton or its loss cancels are cancelled (an amino acid loses its zwitterion and keeps COOH),
and protons go to the nitrogens that the acid reaches: to one, or to two that stand at least three bonds apart
(N-C-C-N), since the 57% acid (pH below 0) protonates the second nitrogen of every such diamine (ethylenediamine pKa 6.8
and 9.9, piperazine 5.3 and 9.7, 1,4-phenylenediamine 2.7 and 6.2, histamine 6.0 and 9.8, 4,4'-bipyridine 3.2 and 4.9).
A salt carries as many protons as acid was stripped from it. The classes and typical pKa of their conjugate acids in
water at 25 C, most basic first: guanidine 13.6, amidine 12.4, aliphatic amine 9 to 11, alkylhydrazine 8, imidazole 7.0,
alkylhydroxylamine 6, pyridine 5.2, aniline 4.6 (D. D. Perrin, "Dissociation Constants of Organic Bases in Aqueous
Solution", Butterworths, London, 1965, as tabulated in the CRC Handbook of Chemistry and Physics, "Dissociation
Constants of Organic Acids and Bases"). Nitrogens below about 3 (amides, nitriles, diazines, azoles other than
imidazole, xanthines, diarylamines, nitro-, cyano- and 2,6-dihalo-anilines, amino groups of pyridines, 2-halopyridines)
are not protonated: such a molecule is rejected unless it is drawn charged. Two pyridine nitrogens that share one proton
(2,2'-bipyridine, 1,10-phenanthroline; second pKa below 0) take one. Within a class the least substituted nitrogen is
chosen, since the ammonium head has to enter the square of four terminal halides; where that leaves several, RDKit's
canonical rank decides.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdMolDescriptors
from rdkit.Chem.MolStandardize import rdMolStandardize

from chemspace.errors import ChargeError, StructureError
from chemspace.tables.grid import known_roles, package_table

__all__ = ["CationColumns", "also_called", "cation_form", "check_charges", "parse_smiles", "under_own_name"]


#: Monatomic cage cations that are accepted.
ALKALI = frozenset({"Na", "K", "Rb", "Cs"})
#: Elements an organic cation may hold; all have tblite GFN2-xTB parameters.
ORGANIC_ELEMENTS = frozenset({"H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I"})
#: The largest built-in spacer has 31 heavy atoms; more than twice that is no spacer any more.
MAX_HEAVY_ATOMS = 80
#: A longer line is refused before RDKit sees it.
MAX_SMILES_LENGTH = 2000


def parse_smiles(smiles: str) -> Chem.Mol:
    """RDKit molecule of one SMILES, atom maps removed; RDKit's own log stays silent. Raises StructureError if the text
    is no SMILES that RDKit can sanitise."""
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
    """Charge of `mol` once every check has passed. Raises StructureError for a mixture, radical, isotope label, dummy
    atom, metal, anion site, or too many atoms; ChargeError for a total charge other than +1 or +2."""
    if len(Chem.GetMolFrags(mol)) > 1:
        raise StructureError(
            f"{_shown(smiles)} is a mixture of several molecules; give the cation alone, without counter-ion"
        )
    check_atoms(mol, smiles)
    return check_charges(mol, smiles)


def check_charges(mol: Chem.Mol, smiles: str) -> int:
    """Charge of a molecule whose atoms are already checked. Raises StructureError for an anion site;
    ChargeError for a total charge other than +1 or +2."""
    charge: int = Chem.GetFormalCharge(mol)
    for atom in mol.GetAtoms() if "-" in smiles else ():
        if atom.GetFormalCharge() < 0 and not any(n.GetFormalCharge() > 0 for n in atom.GetNeighbors()):
            symbol = atom.GetSymbol()
            raise StructureError(f"{_shown(smiles)} has an anionic {symbol}; in acid it is protonated, draw it so")
    for atom in mol.GetAtoms() if "+" in smiles else ():
        if atom.GetFormalCharge() > 0 and not _may_be_positive(atom, mol):
            raise StructureError(
                f"{_shown(smiles)} has its charge on {_kind_of_site(atom)}; "
                "an ammonium, phosphonium, sulfonium or alkali cation is needed"
            )
    if charge not in (1, 2):
        has = f"has charge {charge:+d}" if charge else "is neutral"
        hint = "; protonate the amine, for example [NH3+]CCc1ccccc1" if charge <= 0 else ""
        raise ChargeError(f"{_shown(smiles)} {has}; a cation needs +1 or +2{hint}")
    return charge


def _may_be_positive(atom: Chem.Atom, mol: Chem.Mol) -> bool:
    """Whether a positive atom belongs to a cation that iodide in acid leaves alone."""
    if any(neighbour.GetFormalCharge() < 0 for neighbour in atom.GetNeighbors()):
        return True  # one half of a nitro group or an N-oxide
    if atom.GetSymbol() in ALKALI:
        return mol.GetNumAtoms() == 1
    if atom.GetSymbol() not in ("N", "P", "S", "Se"):
        return False
    orders = [bond.GetBondTypeAsDouble() for bond in atom.GetBonds()]
    return max(orders, default=1.0) < 3 and orders.count(2.0) < 2


def _kind_of_site(atom: Chem.Atom) -> str:
    if atom.GetSymbol() == "H":
        return "a bare proton"
    if atom.GetSymbol() == "C":
        return "carbon (a carbocation)"
    return f"{atom.GetSymbol()} (an oxonium, diazonium or nitronium ion)"


def check_atoms(mol: Chem.Mol, smiles: str) -> None:
    """Refuse a radical, isotope label, dummy atom, metal, or too many atoms, by a StructureError."""
    shown = _shown(smiles)
    if mol.GetNumHeavyAtoms() > MAX_HEAVY_ATOMS:
        raise StructureError(f"{shown} has {mol.GetNumHeavyAtoms()} heavy atoms; at most {MAX_HEAVY_ATOMS} fit a layer")
    if "[" not in smiles and "*" not in smiles:
        return  # SMILES writes metals, radicals and isotopes in brackets only
    for atom in mol.GetAtoms():
        check_atom(atom, mol, shown)


def check_atom(atom: Chem.Atom, mol: Chem.Mol, shown: str) -> None:
    """Refuse one atom; `shown` names the molecule in the message. Raises StructureError as `check_atoms`."""
    symbol = atom.GetSymbol()
    if atom.GetAtomicNum() == 0:
        raise StructureError(f"{shown} holds a dummy atom (*); draw every atom")
    if symbol not in ORGANIC_ELEMENTS and not (symbol in ALKALI and mol.GetNumAtoms() == 1):
        raise StructureError(f"{shown} holds {symbol}; a spacer is organic, a monatomic cage is Na, K, Rb or Cs")
    if atom.GetNumRadicalElectrons():
        raise StructureError(f"{shown} is a radical at {symbol}{atom.GetIdx() + 1}; give the closed-shell cation")
    if atom.GetIsotope():
        raise StructureError(f"{shown} carries an isotope label at {symbol}; give it unlabelled")


def _shown(text: str) -> str:
    return f"SMILES {text if len(text) <= 80 else text[:77] + '...'!r}"


_HYDROGEN_HALIDES = frozenset(form.format(x) for x in ("F", "Cl", "Br", "I") for form in ("{}", "[H]{}", "[{}H]"))


def cation_form(mol: Chem.Mol, smiles: str, dications: bool | None = None) -> Chem.Mol:
    """The cation of a molecule as a catalogue writes it: salt stripped, neutralised where it can be, protonated; `mol`
    is not changed, `smiles` is for messages, `dications` as in `protonate`, but a salt gives the protons of its acid.
    Raises StructureError if nothing or several molecules are left, an atom is not allowed, or no nitrogen is basic."""
    if "." in smiles:
        acids = acids_of(smiles)
        with rdBase.BlockLogs():
            rest = _remover().remove(mol)
            left: dict[str, Chem.Mol] = {
                Chem.MolToSmiles(piece): piece for piece in Chem.GetMolFrags(rest, asMols=True)
            }
        if len(left) > 1 and rest.GetNumAtoms() == mol.GetNumAtoms():
            left = {text: piece for text, piece in left.items() if Chem.GetFormalCharge(piece) > 0} or left
        if len(left) != 1:
            raise StructureError(
                f"{smiles!r} is a mixture of {len(left)} molecules beside its counter-ions; give one a row"
            )
        mol = next(iter(left.values()))
        if dications is None and acids:
            dications = acids > 1
    check_atoms(mol, smiles)
    if "-" in smiles and any(atom.GetFormalCharge() < 0 for atom in mol.GetAtoms()):
        with rdBase.BlockLogs():
            mol = rdMolStandardize.Uncharger(True, True).uncharge(mol)
    return protonate(mol, smiles, dications)


def protonate(mol: Chem.Mol, smiles: str, dications: bool | None = None) -> Chem.Mol:
    """`mol` with protons added until it is +1, or +2 where two sites allow it. `dications`: True: two where two fit;
    False: one; None: as hydriodic acid does. What is drawn with a charge stays so unless this is True. Raises
    StructureError if a neutral molecule has no basic nitrogen, or more than two protons would go on."""
    charge = Chem.GetFormalCharge(mol)
    if charge >= (2 if dications else 1):
        return mol
    asked, dications = dications, dications is not False
    sites = basic_sites(mol) if dications else basic_sites(mol, first_class=True)
    if charge < 1 and not sites:
        raise StructureError(
            f"{smiles!r} has no nitrogen that hydriodic acid protonates; draw the cation if it has one"
        )
    if not dications:
        return _with_protons(mol, sites[: 1 - charge])
    charged = [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetFormalCharge() > 0]
    together = _sites_apart(mol, sites, charged, shared=asked is None)
    if charge + len(together) > 2:
        raise StructureError(f"{smiles!r} takes {charge + len(together)} protons; draw the cation you mean")
    return _with_protons(mol, together)


def _sites_apart(mol: Chem.Mol, sites: list[int], charged: list[int], *, shared: bool) -> list[int]:
    """The sites that can be charged together, three bonds apart (N-C-C-N) or more; `shared`: chelates count as one."""
    if len(sites) + len(charged) < 2:
        return sites
    distance = Chem.GetDistanceMatrix(mol)
    pairs = mol.GetSubstructMatches(_patterns()[-1][1]) if shared else ()
    chelates = {frozenset((match[0], match[-1])) for match in pairs}
    kept: list[int] = []
    for site in sites:
        if all(distance[site, other] >= 3 and {site, other} not in chelates for other in (*kept, *charged)):
            kept.append(site)
    return kept


def _with_protons(mol: Chem.Mol, sites: list[int]) -> Chem.Mol:
    grown = Chem.RWMol(mol)
    for site in sites:
        atom = grown.GetAtomWithIdx(site)
        hydrogens = atom.GetTotalNumHs()
        atom.SetFormalCharge(atom.GetFormalCharge() + 1)
        atom.SetNoImplicit(True)
        atom.SetNumExplicitHs(hydrogens + 1)
    with rdBase.BlockLogs():
        Chem.SanitizeMol(grown)
    return grown.GetMol()


def acids_of(smiles: str) -> int:
    """Molecules of hydrogen halide that a SMILES names beside the molecule, as the two of NCCN.I.I."""
    return sum(part in _HYDROGEN_HALIDES for part in smiles.split("."))


@lru_cache(maxsize=1)
def _remover() -> rdMolStandardize.FragmentRemover:
    """Strips counter-ions, acids and solvents where another molecule stands beside them, of any charge."""
    ions = [row["smarts"] for row in package_table("smarts.csv") if row["kind"] == "counter-ion"]
    lines = "\n".join(f"{number}\t{smarts}" for number, smarts in enumerate(ions))
    return rdMolStandardize.FragmentRemoverFromData(lines, leave_last=True, skip_if_all_match=True)


def basic_sites(mol: Chem.Mol, first_class: bool = False) -> list[int]:
    """Atoms that take a proton, most basic class (`first_class`: it alone), least substituted, lowest rank first."""
    taken: dict[int, int] = {}
    blocked: set[int] = set()
    for rank, (name, pattern) in enumerate(_patterns()[:-1]):
        for match in mol.GetSubstructMatches(pattern):
            if match[0] not in blocked:
                taken.setdefault(match[0], rank)
            if name in ("guanidine", "amidine"):  # the other nitrogens of the group share its one proton
                blocked.update(match)
        if taken and first_class:
            break
    if len(taken) < 2:
        return list(taken)
    ranks = list(Chem.CanonicalRankAtoms(mol, breakTies=True))
    return sorted(taken, key=lambda atom: (taken[atom], mol.GetAtomWithIdx(atom).GetDegree(), ranks[atom]))


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, Chem.Mol], ...]:
    """The base classes, most basic first, each by a pattern whose first atom takes the proton; last the ring nitrogens
    that share one."""
    rows = [row for row in package_table("smarts.csv") if row["kind"] != "counter-ion"]
    return tuple((row["name"], Chem.MolFromSmarts(row["smarts"])) for row in rows)


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
        hydriodic acid by `chemspace.cation`. `dications`: whether diamines take two protons; None: as they do there.
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


#: Odd numbers that mix the four words of a key into one: of different keys few get the same.
_MIXED = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], dtype=np.uint64)
#: SMILES of `CationColumns` that are looked through at once.
_SMILES_AT_ONCE = 65_536


def mixed_keys(keys: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """A number for each InChIKey, shape (c,), the same for equal ones and next to never for others."""
    words = keys.astype("S32").view(np.uint64).reshape(-1, len(_MIXED))
    return np.asarray(sum(word * factor for word, factor in zip(words.T, _MIXED, strict=True)))


class CationColumns(Sequence[Cation]):
    """Spacers as columns, for libraries of millions: an object is made of the cation that is asked for alone.

    Args:
        smiles: of each, an array of texts or bytes (NumPy's, Arrow's), shape (c,); not checked.
        charges: 1 or 2, shape (c,).
        inchikeys: of the charged forms, as ASCII, shape (c,).

    Raises:
        StructureError: if lengths differ, or a charge is neither 1 nor 2.

    Example:
        >>> import numpy as np
        >>> keys = np.array([b"BHHGXPLMPWCGHP-UHFFFAOYSA-O", b"HQABUPZFAYXKJW-UHFFFAOYSA-O"])
        >>> spacers = CationColumns(["[NH3+]CCc1ccccc1", "CCCC[NH3+]"], np.ones(2), keys)
        >>> len(spacers), str(spacers[1]), spacers.get(spacers[1])
        (2, 'HQABUPZFAYXKJW', 1)
    """

    def __init__(self, smiles: Any, charges: NDArray[Any], inchikeys: NDArray[Any]) -> None:
        self._smiles, self.keys = smiles, np.asarray(inchikeys).astype("S27", copy=False)
        self.charges: NDArray[np.int8] = np.asarray(charges).astype(np.int8)
        if not len(smiles) == len(self.charges) == len(self.keys):
            raise StructureError(f"{len(smiles)} SMILES, {len(self.charges)} charges, {len(self.keys)} InChIKeys")
        if not np.isin(self.charges, (1, 2)).all():
            raise StructureError("a charge is neither 1 nor 2; a cation needs +1 or +2")

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, place: int) -> Cation: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Cation, ...]: ...
    def __getitem__(self, place: int | slice) -> Cation | tuple[Cation, ...]:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(len(self))[place])
        smiles, key, charge = self._smiles[place], self.keys[place].decode(), int(self.charges[place])
        smiles = smiles.as_py() if hasattr(smiles, "as_py") else smiles
        text = smiles.decode() if isinstance(smiles, bytes) else str(smiles)
        return Cation(text, charge, key, default_abbreviation(key, charge))

    def __iter__(self) -> Iterator[Cation]:
        return map(self.__getitem__, range(len(self)))

    def get(self, cation: Cation) -> int | None:
        """Position of a cation; None if it is not among them."""
        found = np.flatnonzero(self.keys == cation.inchikey.encode())
        return int(found[0]) if found.size else None

    @cached_property
    def n_distinct(self) -> int:
        """How many there are, each counted once."""
        mixed = mixed_keys(self.keys)
        ordered = np.sort(mixed)
        alike = np.isin(mixed, ordered[1:][ordered[1:] == ordered[:-1]])
        return len(self) - int(alike.sum()) + len(np.unique(self.keys[alike]))

    @cached_property
    def heavy_atoms(self) -> NDArray[np.int64]:
        """Number of atoms other than hydrogen of each, shape (c,), told from the SMILES."""
        return self._counted(lambda symbols: symbols != ord("H"))

    def hold(self, elements: Collection[str]) -> NDArray[np.bool_]:
        """Which of them hold an atom of some elements, shape (c,), told from the SMILES."""
        if "H" in elements:  # most are not written
            return np.array([not cation.elements.keys().isdisjoint(elements) for cation in self], dtype=np.bool_)
        codes = [sum(ord(letter) << 8 * place for place, letter in enumerate(element)) for element in elements]
        return self._counted(lambda symbols: np.isin(symbols, codes)) > 0

    def _counted(self, wanted: Callable[[NDArray[np.uint16]], NDArray[np.bool_]]) -> NDArray[np.int64]:
        """How many atoms of each are `wanted`, shape (c,), by their symbols as numbers, the first letter the lowest."""
        counts = [np.empty(0, np.int64)]
        for start in range(0, len(self), _SMILES_AT_ONCE):
            some = self._smiles[start : start + _SMILES_AT_ONCE]
            texts = some.to_pylist() if hasattr(some, "to_pylist") else np.asarray(some).tolist()
            joined = b"\n".join(text if isinstance(text, bytes) else text.encode() for text in texts)
            byte = np.frombuffer(b"\n" + joined + b"\n\n", dtype=np.uint8)
            before, here, after = byte[:-2], byte[1:-1], byte[2:]
            place = np.arange(len(here))
            opened = np.maximum.accumulate(np.where(here == ord("["), place, -1))
            inside = opened > np.maximum.accumulate(np.where((here == ord("]")) | (here == ord("\n")), place, -1))
            letter = ((here | 32) >= ord("a")) & ((here | 32) <= ord("z"))
            first = (before == ord("[")) | ((before >= ord("0")) & (before <= ord("9")))
            second = ((here == ord("l")) & (before == ord("C"))) | ((here == ord("r")) & (before == ord("B")))
            atoms = np.flatnonzero(letter & np.where(inside, first, ~second))
            own, beside = here[atoms].astype(np.uint16), after[atoms].astype(np.uint16)
            is_long = (beside >= ord("a")) & (beside <= ord("z")) & inside[atoms]
            is_long |= ((own == ord("C")) & (beside == ord("l"))) | ((own == ord("B")) & (beside == ord("r")))
            atoms = atoms[wanted((own & 0xDF) + (beside << 8) * is_long)]
            lines = np.searchsorted(np.flatnonzero(here == ord("\n")), atoms)
            counts.append(np.bincount(lines, minlength=len(texts)).astype(np.int64))
        return np.concatenate(counts)


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
