"""Names of cations as papers spell them: chiral, positional and iso prefixes, hyphens, full names, condensed formulas.

A spelling is brought to a key that its variants share ("4-F-PEA", "4F-PEA", "pFPEA"); what an exact name means is
never changed here, and a key that fits several cations has several readings.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from rdkit import Chem, rdBase

from chemspace.cation import Cation

__all__: list[str] = []

#: Prefixes of a hand, and the one that the library writes.
_HANDS = {"R": "R-", "S": "S-", "rac": "rac-", "R,S": "rac-", "RS": "rac-", "S,R": "rac-", "+/-": "rac-", "±": "rac-"}
_HAND = re.compile(r"\(?(R,S|S,R|RS|rac|R|S|\+/-|±)\)?-(?:\([+-]\)-?)?")
_BRANCHES = {"n": "", "iso": "i", "i": "i", "sec": "s", "s": "s", "tert": "t", "t": "t"}
_BRANCH = re.compile(r"(iso|sec|tert|n|i|s|t)-?(?=[A-Z])")
_POSITIONS = {"p": "4", "para": "4", "m": "3", "meta": "3", "o": "2", "ortho": "2"}
_POSITION = re.compile(r"(para|meta|ortho|p|m|o)-?(?=[A-Z])")
_CARBON = re.compile(r"(alpha|beta|[αβ])-")
_INCHIKEY_NAME = re.compile(r"[A-Z]{14}(-|$)")
#: Symbols of the elements: no other name is read into them.
ELEMENTS = frozenset(Chem.GetPeriodicTable().GetElementSymbol(number) for number in range(1, 119))
_LONG = re.compile(r"[a-z].{6,}ium$", re.IGNORECASE)

_PIECE = re.compile(r"\(CH2\)(\d{1,2})|C(\d{0,2})H(\d{1,2})|NH3|H3N|HO|OH|Cl|Br|I|F|O|S")
_PHENYL, _CYCLOHEXYL = "c1ccccc1", "C1CCCCC1"


def spelling_key(name: str) -> str:
    """What the spellings of a name share, case kept: "(R)-MBA", "R-MBA"; "iso-BA", "i-BA"; "4-F-PEA", "pFPEA"."""
    rest = unicodedata.normalize("NFKC", name).strip()
    hand = ""
    if match := _HAND.match(rest):
        hand, rest = _HANDS[match[1]], rest[match.end() :]
    rest = _CARBON.sub("", rest)
    if match := _BRANCH.match(rest):
        rest = _BRANCHES[match[1]] + rest[match.end() :]
    elif match := _POSITION.match(rest):
        rest = _POSITIONS[match[1]] + rest[match.end() :]
    return hand + rest.replace("-", "")


def long_name_key(name: str) -> str:
    """A full name without case, "n-", and what stands in brackets: "n-Butylammonium" and "butylammonium" share it."""
    return re.sub(r"\([^()]*\)", "", name.casefold()).strip().removeprefix("n-").replace(" ", "")


class Spellings:
    """The spellings of a library's names. `names`: every name with its cation; `by_inchikey`: the cations by InChIKey,
    for condensed formulas."""

    def __init__(self, names: Mapping[str, Cation], by_inchikey: Mapping[str, Cation]) -> None:
        self._by_inchikey = by_inchikey
        self._keys: dict[str, dict[str, Cation]] = {}
        self._long: dict[str, dict[str, Cation]] = {}
        for name, cation in names.items():
            if _LONG.match(name):
                self._long.setdefault(long_name_key(name), {})[cation.inchikey] = cation
            elif not _INCHIKEY_NAME.match(name):
                self._keys.setdefault(spelling_key(name), {})[cation.inchikey] = cation

    def readings(self, name: str) -> tuple[Cation, ...]:
        """Every cation that `name` may spell; () for none."""
        if _LONG.match(name):
            return tuple(self._long.get(long_name_key(name), {}).values())
        key = spelling_key(name)
        found = dict(self._keys.get(key, {}))
        if found and "-" not in name and not key[0].isdigit():  # FPMA says no position: F-PMA, 2F-PMA or 3F-PMA
            for position in "234":
                found |= self._keys.get(position + key, {})
        if not found and (smiles := condensed_smiles(name)):
            cation = self._by_inchikey.get(_inchikey(smiles))
            return () if cation is None else (cation,)
        return tuple(found.values())


def condensed_smiles(text: str) -> str | None:
    """SMILES of a linear ammonium ion in condensed notation, as C12H25NH3, NH3(CH2)4NH3, IC2H4NH3; None for others.

    C6H5 is phenyl and C6H11 cyclohexyl. CnH2n+1 is the straight chain; a ring or a double bond is read from nothing
    else.
    """
    text = text.removeprefix("n-").rstrip("+")
    pieces: list[tuple[str, bool]] = []
    position = 0
    while position < len(text):
        match = _PIECE.match(text, position)
        piece = None if match is None else _piece(match)
        if match is None or piece is None:
            return None
        pieces.append(piece)
        position = match.end()
    ends = [ends for _, ends in pieces]
    if len(pieces) < 2 or not ends[0] or not ends[-1] or any(ends[1:-1]):
        return None
    smiles = "".join(part for part, _ in pieces)
    return smiles if "[NH3+]" in smiles and not smiles.startswith("[NH3+][NH3+]") else None


def _piece(match: re.Match[str]) -> tuple[str, bool] | None:
    """SMILES of one piece, and whether it ends a chain; None for a composition that names no one group."""
    text = match[0]
    if match[1]:
        return "C" * int(match[1]), False
    if match[3]:
        carbons, hydrogens = int(match[2] or 1), int(match[3])
        if (carbons, hydrogens) == (6, 5):
            return _PHENYL, True
        if (carbons, hydrogens) == (6, 11):
            return _CYCLOHEXYL, True
        excess = hydrogens - 2 * carbons
        return ("C" * carbons, excess == 1) if excess in (0, 1) else None
    named = {"NH3": "[NH3+]", "H3N": "[NH3+]", "HO": "O", "OH": "O"}
    return named.get(text, text), text not in ("O", "S")


def _inchikey(smiles: str) -> str:
    with rdBase.BlockLogs():
        return str(Chem.MolToInchiKey(Chem.MolFromSmiles(smiles)))  # type: ignore[no-untyped-call]
