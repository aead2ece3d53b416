"""Names of cations as papers spell them: chiral, positional and iso prefixes, hyphens, full names, condensed formulas.

A spelling is brought to a key that its variants share ("4-F-PEA", "4F-PEA", "pFPEA"); what an exact name means is
never changed here, and a key that fits several cations has several readings. Formulas are brought to plain characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from rdkit import Chem, rdBase

from chemspace.cation import Cation
from chemspace.compound import B_SITES, HALIDES
from chemspace.errors import FormulaError

__all__: list[str] = []

#: Prefixes of a hand, and the one that the library writes; R,R- is kept apart as RR-.
_HANDS = {"RS": "rac-", "R,S": "rac-", "S,R": "rac-", "rac": "rac-", "+/-": "rac-", "±": "rac-"}
_HAND = re.compile(r"\(?(R,S|S,R|RS|rac|\d?R,\d?R|\d?S,\d?S|RR|SS|R|S|\+/-|±)\)?-(?:\([+-]\)-?)?")
_BRANCHES = {"n": "n", "iso": "i", "i": "i", "sec": "s", "s": "s", "tert": "t", "t": "t"}
_BRANCH = re.compile(r"(iso|sec|tert|n|i|s|t)-?(?=[A-Z])")
_POSITIONS = {"p": "4", "para": "4", "m": "3", "meta": "3", "o": "2", "ortho": "2"}
_POSITION = re.compile(r"(para|meta|ortho|p|m|o)-?(?=[A-Z])")
#: What a name may hold before it, as in n-PA, beta-MPEA, 1,4-BDA and p-PDMA, where the full name says it too.
_PLACES = {"n": "n-", "alpha": "alpha", "beta": "beta"} | {f"1{k}": f"1,{k}-" for k in range(2, 10)}
_PLACES |= {f"{k}": f"1,{k}-phenylene" for k in range(2, 5)}
_GREEK = str.maketrans({"α": "alpha", "β": "beta"})
#: D-BA is no spelling of DBA.
_OTHER_HAND = re.compile(r"[DL]-")
_INCHIKEY_NAME = re.compile(r"[A-Z]{14}(-|$)")
#: Symbols of the elements: no other name is read into them.
ELEMENTS = frozenset(Chem.GetPeriodicTable().GetElementSymbol(number) for number in range(1, 119))
_LONG = re.compile(r"\S.{6,}ium$", re.IGNORECASE)
#: What explains a full name, where it is no part of what the cation is.
_COMMENT = re.compile(r" \((?!.*(?:racemic|stereo|proton|ication))[^()]*\)$")
_BEHIND = re.compile(r"^(\w+ane)-(\d,\d)-(di\w+)$")
_LONG_PREFIX = re.compile(r"^(p|para|m|meta|o|ortho|t|s|i|iso|n)-")
_LONG_PREFIXES = {**_POSITIONS, "t": "tert", "s": "sec", "i": "iso", "iso": "iso", "n": ""}


def plain(name: str) -> str:
    """A name in plain letters: full-width ones and subscripts as usual, alpha and beta spelt out."""
    return unicodedata.normalize("NFKC", name).strip().translate(_GREEK)


def _hand_of(name: str) -> tuple[str, str]:
    """The hand that a name begins with, as the library writes it, and the rest."""
    rest = plain(name)
    match = _HAND.match(rest)
    if match is None:
        return "", rest
    return _HANDS.get(match[1], f"{re.sub('[^RS]', '', match[1])}-"), rest[match.end() :]


def spelling_key(name: str) -> str:
    """What spellings of a name share, case kept: "(R)-MBA" and "R-MBA", "i-BA" and "iso-BA", "pFPEA" and "4-F-PEA"."""
    hand, rest = _hand_of(name)
    if match := _BRANCH.match(rest):
        rest = _BRANCHES[match[1]] + rest[match.end() :]
    elif match := _POSITION.match(rest):
        rest = _POSITIONS[match[1]] + rest[match.end() :]
    return hand + (rest if _OTHER_HAND.match(rest) else re.sub("[-,]", "", rest))


def long_name_key(name: str) -> str:
    """What full names share, as "n-Butylammonium" and "butylammonium", or either way of 1,4-butanediammonium."""
    hand, rest = _hand_of(name)
    rest = _LONG_PREFIX.sub(lambda match: _LONG_PREFIXES[match[1]], rest).casefold()
    return hand + re.sub(r"[-() ]", "", _BEHIND.sub(r"\2-\1\3", rest))


class Spellings:
    """The spellings of a library's names. `names`: every name with its cation; `by_inchikey`: the cations by InChIKey,
    for condensed formulas."""

    def __init__(self, names: Mapping[str, Cation], by_inchikey: Mapping[str, Cation]) -> None:
        self._by_inchikey = by_inchikey
        self._keys: dict[str, dict[str, Cation]] = {}
        self._long: dict[str, dict[str, Cation]] = {}
        for name, cation in names.items():
            name = _COMMENT.sub("", name)
            if _LONG.match(name):
                self._long.setdefault(long_name_key(name), {})[cation.inchikey] = cation
            elif not _INCHIKEY_NAME.match(name):
                self._keys.setdefault(spelling_key(name), {})[cation.inchikey] = cation

    def readings(self, name: str) -> tuple[Cation, ...]:
        """Every cation that `name` may spell; () for none."""
        if _LONG.match(name):
            return tuple(self._long.get(long_name_key(name), {}).values())
        key = spelling_key(name)
        found = dict(self._keys.get(key, {})) or self._placed(key)
        if found and "-" not in name and not key[0].isdigit():  # FPMA says no position: F-PMA, 2F-PMA or 3F-PMA
            for position in "234":
                found |= self._keys.get(position + key, {})
        if not found and (smiles := condensed_smiles(name)):
            cation = self._by_inchikey.get(_inchikey(smiles))
            return () if cation is None else (cation,)
        return tuple(found.values())

    def _placed(self, key: str) -> dict[str, Cation]:
        """Cations called as `key` is without its place, whose full names have that place."""
        hand, rest = key[: key.find("-") + 1], key[key.find("-") + 1 :]
        place = next((place for place in _PLACES if rest.startswith(place)), "")
        said = _PLACES.get(place, "")
        if hand in ("RR-", "SS-"):
            hand, said = hand[1:], f"(1{hand[0]},2{hand[0]})"
        found = self._keys.get(hand + rest.removeprefix(place), {}) if said else {}
        return {key: cation for key, cation in found.items() if any(said in name for name in cation.names)}


_PIECE = re.compile(
    r"\(CH2\)(?P<chain>\d{1,2})|\(CH3\)(?P<branch>2CH|3C(?!H))|C(?P<carbons>\d{0,2})H(?P<hydrogens>\d{1,2})|"
    r"NH3|H3N|HO|OH|Cl|Br|I|F|O|S|CF3|Ph|Me|Et|Pr|Bu"
)
#: What ends a chain; CF3 and branches only begin one.
_ENDS = {"NH3": "[NH3+]", "H3N": "[NH3+]", "HO": "O", "OH": "O", "CF3": "FC(F)(F)", "Ph": "c1ccccc1"}
_ENDS |= {"Me": "C", "Et": "CC", "Pr": "CCC", "Bu": "CCCC", "2CH": "CC(C)", "3C": "CC(C)(C)"}
_ENDS |= {halogen: halogen for halogen in ("F", "Cl", "Br", "I")}
_BEGINS = ("CF3", "(CH3)2CH", "(CH3)3C")
_CONDENSED = re.compile(r"(n|iso|i|sec|s|tert|t|cyclo|c|para|p|meta|m|ortho|o|[234])(?=[A-Z(])")
#: Branched alkyls by what they are called and their carbon atoms.
_ALKYL = {"i3": "CC(C)", "i4": "CC(C)C", "i5": "CC(C)CC", "s4": "CCC(C)", "t4": "CC(C)(C)"}
_RINGS = {"4": "c1ccc(cc1)", "3": "c1cccc(c1)", "2": "c1ccccc1"}
#: Two to four alkyls on one nitrogen, on either side of it.
_ALKYLS = re.compile(r"(N|NH|NH2|H2N|)\((CH3|C2H5|C3H7|C4H9)\)([234])(N|NH|NH2|)")


def condensed_smiles(text: str) -> str | None:
    """SMILES of an ammonium ion in condensed notation, as C12H25NH3, NH3(CH2)4NH3, p-FC6H4C2H4NH3 or (CH3)2NH2; None
    for others. C6H5 is phenyl, C6H11 cyclohexyl, CnH2n+1 the straight chain; C6H4 needs its position."""
    if match := _ALKYLS.fullmatch(text.rstrip("+")):
        alkyl, number = "C" * int(match[2][1].replace("H", "1")), int(match[3])
        nitrogen = {"NH2": 2, "H2N": 2, "NH": 3, "N": 4}
        if bool(match[1]) == bool(match[4]) or nitrogen[match[1] or match[4]] != number:
            return None
        return alkyl + ("[NH2+]", "[NH+]", "[N+]")[number - 2] + f"({alkyl})" * (number - 2) + alkyl
    place, rest = "", text.replace("-", "").rstrip("+")
    if prefix := _CONDENSED.match(rest):
        place = _POSITIONS.get(prefix[1], _BRANCHES.get(prefix[1], prefix[1][0])).removeprefix("n")
        rest = rest[prefix.end() :]
    pieces: list[tuple[str, bool]] = []
    position = 0
    while position < len(rest):
        match = _PIECE.match(rest, position)
        piece = None if match is None or (position and match[0] in _BEGINS) else _piece(match, place)
        if match is None or piece is None:
            return None
        place = "" if not pieces and place in "istc" else "" if match[0] == "C6H4" else place
        pieces.append(piece)
        position = match.end()
    ends = [ends for _, ends in pieces]
    if place or len(pieces) < 2 or not ends[0] or not ends[-1] or any(ends[1:-1]):
        return None
    smiles = "".join(part for part, _ in pieces)
    return smiles if "[NH3+]" in smiles and not smiles.startswith("[NH3+][NH3+]") else None


def _piece(match: re.Match[str], place: str) -> tuple[str, bool] | None:
    """SMILES of one piece, its alkyl branched or ring bound as in `place`, and whether it ends a chain; or None."""
    text = match["branch"] or match[0]
    carbons, hydrogens = {"Pr": 3, "Bu": 4}.get(text, int(match["carbons"] or 1)), int(match["hydrogens"] or 0)
    if place and place in "ist":
        alkyl = text in ("Pr", "Bu") or hydrogens == 2 * carbons + 1
        return (_ALKYL[f"{place}{carbons}"], True) if alkyl and f"{place}{carbons}" in _ALKYL else None
    if place == "c" or (carbons, hydrogens) == (6, 11):
        return (f"C1{'C' * (carbons - 2)}C1", True) if carbons > 2 and hydrogens == 2 * carbons - 1 else None
    if match["chain"]:
        return "C" * int(match["chain"]), False
    if text in _ENDS:
        return _ENDS[text], True
    if text in ("O", "S"):
        return text, False
    if (carbons, hydrogens) in ((6, 5), (6, 4)):
        return (_ENDS["Ph"], True) if hydrogens == 5 else (_RINGS[place], False) if place in _RINGS else None
    excess = hydrogens - 2 * carbons
    return ("C" * carbons, excess == 1) if excess in (0, 1) else None


def _inchikey(smiles: str) -> str:
    with rdBase.BlockLogs():
        return str(Chem.MolToInchiKey(Chem.MolFromSmiles(smiles)))  # type: ignore[no-untyped-call]


#: Longer texts are refused unread.
MAX_LENGTH = 400
_SIGNS = str.maketrans("[]{}‐‑‒–—−", "()()------")
_SUBSCRIPT = re.compile(r"_\{([^{}]*)\}")
_MARKUP = re.compile(r"</?su[bp]>|&nbsp;|\\(?:mathrm|text|rm)\b", re.IGNORECASE)
_MHCHEM = re.compile(r"\\ce\{(.*)\}")
_NOISE = re.compile(r"[\s$_·•∙⋅]+")
_SOLVATE = re.compile(r"[·•∙⋅.*]\s*\d*\.?\d*\s*\(?(H2O|DMF|DMSO|CH3OH|MeOH|GBL|NMP)\)?$", re.IGNORECASE)
_UNITS = re.compile(r"[·•∙⋅]\s*(\d+(?:\.\d+)?)\s*\(?([A-Z][^·•∙⋅]*?)\)?$")
_HAND_WORDS = r"R|S|rac|R,S|S,R|RS|\d?R,\d?R|\d?S,\d?S|RR|SS|±|\+/-"
_BOTH_HANDS = re.compile(r"\bR\s*/\s*S\b|\bS\s*/\s*R\b")
_HAND_IN_BRACKETS = re.compile(rf"\(({_HAND_WORDS})\)-?(?=[A-Za-zαβ0-9(])|(?<![A-Za-z])(R|S)(?=-\([+-]\))")
_ROTATION = re.compile(r"(?<=[RS])-\([+-]\)-?")
_RACEMIC = re.compile(r"(?<![A-Za-z])(?:R,S|S,R|±)-")
_CLEAN = re.compile(r"[A-Za-z0-9().,/'+*-]*")
#: Charges as ions have them in SMILES and salts; n and x stand in open compositions.
_CHARGES = re.compile(r"[A-Za-mo-wz\d](?:\+\d?|-)[\])]|[\])]\+")
FRAMEWORK = re.compile(rf"(?:{'|'.join(B_SITES)})(?=[\d.]*(?:{'|'.join(HALIDES)}|\(|$))")


def check_length(text: str) -> None:
    """A FormulaError for a text that is too long to be read."""
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"the formula has {len(text)} characters; at most {MAX_LENGTH} are read")


def normalise(text: str) -> str:
    """`text` with plain digits, round brackets, hands as in R-MBA, "A·2B" as A(B)2, and no spaces, HTML or TeX. Raises
    FormulaError if the text is empty, too long, a solvate, or names both hands of a cation."""
    check_length(text)
    clean = text
    if _SOLVATE.search(text):
        raise FormulaError(f"{text!r} is a solvate; write the compound without its solvent")
    if _CHARGES.search(text):
        if FRAMEWORK.search(text):
            raise FormulaError(f"{text!r} writes charges; leave them out, as in (PEA)2PbI4")
        raise FormulaError(f"{text!r} holds ions as a SMILES does, and is no formula; write for example (PEA)2PbI4")
    if not _CLEAN.fullmatch(text):
        plain = _MHCHEM.sub(r"\1", _MARKUP.sub("", text))
        plain = _UNITS.sub(r"(\2)\1", unicodedata.normalize("NFKC", _SUBSCRIPT.sub(r"\1", plain)))
        clean = _NOISE.sub("", plain.translate(_SIGNS))
    if _BOTH_HANDS.search(clean):
        raise FormulaError(f"{text!r} names both hands of a cation; write R- or S- for one, rac- for the racemate")
    if "R" in clean or "S" in clean or "rac" in clean or "±" in clean or "+/-" in clean:
        clean = _ROTATION.sub("-", _RACEMIC.sub("rac-", _HAND_IN_BRACKETS.sub(_bracketed_hand, clean)))
    if not clean:
        raise FormulaError("the formula is empty; write for example (PEA)2(MA)2Pb3I10")
    return clean


def _bracketed_hand(match: re.Match[str]) -> str:
    hand = re.sub("[^A-Za-z]", "", match[1] or match[2])
    return (hand if hand in ("R", "S", "RR", "SS") else "rac") + ("-" if match[1] else "")
