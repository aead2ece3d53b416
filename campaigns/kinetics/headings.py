"""What the heading of a trace's column says: delay, SC, CC, their difference, or something that is no signal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

#: What a column can be declared to be (`--map`).
MAPPED = ("delay", "sc", "cc", "difference", "signal")

# Not preceded or followed by a letter: "_" and digits separate words in headings.
_START, _END = r"(?<![^\W\d_])", r"(?![^\W\d_])"
_ERROR = re.compile(
    rf"{_START}(?:std\w*|sd|sem|se|err(?:or)?s?|stderr|rms|unc(?:ertainty)?|var(?:iance)?|noise|fehler\w*|rauschen|erreur"
    rf"|incert\w+|errore|error\w*|sigma|σ){_END}(?!\s*_?(?:[+-]|plus|minus|[pm]\b))|err(?:or)?$|±"
)
_DELAY = re.compile(
    r"delay|^time(?![\s_]*stamp)|^t\b(?!\s*[(\[/]\s*k\b)|^t_|^zeit|verz[oö]e?g|^temps|retard|d[ée]lai|tiempo|retraso|^tempo|ritardo|atraso"
    r"|时间|時間|延迟|延遲|遅延|시간|지연|врем|задерж|czas|op[oó][zź]n|zpo[zž]d|^[cč]as\b|x_value"
    r"|vertrag|f[oö]rdr[oö]j|forsink|viive|k[eé]sleltet|gecikme|[iî]nt[aâ]rz|ka[sš]njenj|oneskor|καθυστ|χρ[οό]ν|затрим"
)
#: Headings that are the delay where no other is: "dt" in small letters (dT is a signal), a stage, an abscissa.
_PERHAPS_DELAY = re.compile(r"^(?:tau|τ|[δd]t|x)$|^[δd]t\s*[(\[,_/](?!\s*t)|stage|position")
_SIGNAL = re.compile(
    rf"signal|{_START}d[art]{_END}|^d[art]|{_START}δ|delta|dr/r|dt/t|(?:^|[._])[xy]{_END}|amplitude|intensity|absorb|reflect|transm|\bod\b|kerr|faraday|ellipt|volt"
)
_SUM = re.compile(rf"{_START}(?:sum|summe|somme|suma|somma|total|population|isotropic|magic[\s_-]*angle){_END}")
_RATIO = re.compile(
    rf"{_START}(?:degree|dcp|dop|anisotropy|ratio){_END}|^(?:(?:spin|circular)[\s_-]*)?polari[sz]ation\s*(?:$|[(\[])"
    r"|^(?:ρ|rho|p(?:_?c(?:irc\w*)?)?)\s*(?:$|[(\[])"
)
_DIFFERENCE = re.compile(r"diff(?!erential)")
_SCANS = re.compile(rf"{_START}(?:scans?|runs?|sweeps?|repeats?|rep|durchgang|mesure|messung){_END}")

_SAME_WORD = (
    r"scp?|same(?:[\s_-]*circ\w*)?|co(?:[\s_-]*(?:circ\w*|pol\w*|rot\w*))?|parallel|gleich\w*|m[êe]mes?|同\w*|iso\w*"
)
_COUNTER_WORD = (
    r"cc|ocp?|counter(?:[\s_-]*(?:circ\w*|pol\w*|rot\w*))?|oppos\w*(?:[\s_-]*circ\w*)?"
    r"|cross(?:ed)?(?:[\s_-]*(?:circ\w*|pol\w*))?|contra|anti[\s_-]*parallel|(?:ent)?gegen\w*|[逆反]\w*|hetero\w*"
)
_WORD = re.compile(rf"{_START}(?:(?P<counter>{_COUNTER_WORD})|(?P<same>{_SAME_WORD})){_END}")
_PLUS = r"(?:σ|sigma|s)\s*_?\s*(?:\+|plus|p)|lhcp?|lcp|left"
_MINUS = r"(?:σ|sigma|s)\s*_?\s*(?:-|minus|m)|rhcp?|rcp|right"
_BETWEEN = r"(?:[\s_,/;:|]|pump|probe|pol\w*|circ\w*|(?<=t)-(?=[lr]))*"
#: Helicities of pump and probe, or their signs: "RCP/LCP", "σ+σ-", "LL", "+-".
_PAIR = re.compile(
    rf"{_START}(?:(?P<a>{_PLUS})|{_MINUS}){_BETWEEN}(?:(?P<b>{_PLUS})|{_MINUS})(?!\w)"
    r"|(?<![^\W_])(?<!/)(?P<l1>[lr])[\s_,/]?(?P<l2>[lr])(?![^\W_])"
    r"|(?<![\w)+-])(?P<s1>[+-])[\s,]*(?P<s2>[+-])(?![\w(+-])"
)

_OF_LOCK_IN = r"(?:r|mag(?:n\w*)?|modulus|betrag|abs|theta|θ|phase|phi|φ)"
#: A magnitude or an angle of a lock-in amplifier: "R (mV)", or "R(SC)", "SC_R" of one polarisation.
_MAGNITUDE = re.compile(rf"^{_OF_LOCK_IN}(?=$|[\s_]*[(\[]?[mµun]?v\b)")
_BESIDE = re.compile(
    rf"^{_OF_LOCK_IN}[\s_(\[]+(?P<before>.+)|^(?P<after>.*?[^\s_])[\s_]+{_OF_LOCK_IN}(?:\s*[(\[].*)?$|^\|(?P<inside>.+)\|"
)

#: What the heading of one signal says beside its number.
_NAME = re.compile(
    rf"{_WORD.pattern}|{_PAIR.pattern}|signal|{_START}[dδ][art](?:/[rt])?{_END}|[(\[](?:m?od|[mµun]?[va]|a\.?u\.?|%|‰)[)\]]"
)
_NUMBERED = re.compile(r"[\W_]*(\d{1,3})[\W_]*")


def plain(heading: str) -> str:
    """A heading in small letters and plain signs: "σ⁺σ⁻" is "σ+σ-"."""
    text = unicodedata.normalize("NFKC", heading).strip()
    text = re.sub("[\u2212\u2013\u2014\u2010\u2011]", "-", text)
    return re.sub("[\u0394\u2206]", "δ", text).lower()


def role_of(heading: str) -> str | None:
    """What a column is by its heading alone. Returns "delay", "perhaps delay", "sc", "cc", "difference" (SC - CC),
    "signal", or what no lifetime is fitted to: "error", "sum", "ratio" (a degree of polarisation), "quadrature" (a
    magnitude or an angle); None where the heading says none of these."""
    text = plain(heading)
    if _ERROR.search(text):
        return "error"
    if _DELAY.search(text):
        return "delay"
    if _PERHAPS_DELAY.search(text) and not re.match(r"\s*[dΔ∆]T(?![a-z])", heading):
        return "perhaps delay"
    if _RATIO.search(text):
        return "ratio"
    if _DIFFERENCE.search(text):
        return "difference"
    if _MAGNITUDE.search(text):
        return "quadrature"
    if polarised := _polarisation(text):
        beside = _BESIDE.search(text)
        return "quadrature" if beside and any(map(_polarisation, filter(None, beside.groups()))) else polarised
    if _SUM.search(text):
        return "sum"
    return "signal" if _SIGNAL.search(text) or (_SCANS.search(text) and re.search(r"\d", text)) else None


def error_of(heading: str) -> str | None:
    """The role of what a column holds the errors of, by the rest of its heading: "sc" for "SC std"."""
    return role_of(_ERROR.sub("", plain(heading)).strip(" _-()[]"))


def _polarisation(text: str) -> str | None:
    """ "sc", "cc", what is made of both, or None."""
    named = [(found.span(), "sc" if found["same"] else "cc") for found in _WORD.finditer(text)]
    for found in _PAIR.finditer(text):
        same = (
            (found["a"] is None) == (found["b"] is None) and found["l1"] == found["l2"] and found["s1"] == found["s2"]
        )
        named.append((found.span(), "sc" if same else "cc"))
    kinds = {kind for _, kind in named}
    if len(kinds) < 2:
        return next(iter(kinds), None)
    if len(named) > 2:
        return "ratio"
    (first, _), (second, _) = sorted(named)
    between = text[first[1] : second[0]]
    for sign, kind in (("/", "ratio"), ("+", "sum"), ("plus", "sum"), ("-", "difference"), ("minus", "difference")):
        if sign in between:
            return kind
    return "difference" if "_" in between else None


def quadratures(headings: Sequence[str]) -> list[int]:
    """Columns of a lock-in amplifier that are not its X: Y, R and theta beside an X of the same name."""
    words = [re.findall(r"[^\W_]+", plain(heading)) for heading in headings]
    found = []
    for at, mine in enumerate(words):
        for place, word in enumerate(mine):
            as_x = [*mine[:place], "x", *mine[place + 1 :]]
            if word in ("y", "r", "theta", "θ", "phase", "phi", "φ") and as_x in (w for w in words if w is not mine):
                found.append(at)
                break
    return found


def are_scans(headings: Sequence[str], *, by_number: bool) -> bool:
    """Whether headings of one role say that they are repetitions: a word such as scan, or the same name for all.
    `headings`: of the columns; `by_number`: whether one name with the next numbers says so too, as sc_1 and sc_2 do and
    "dA 1" and "dA 2", "SC 10 K" and "SC 77 K" or "SC spot 1" and "SC spot 2" do not."""
    said = [plain(heading) for heading in headings]
    if all(_SCANS.search(text) for text in said):
        return len({re.sub(rf"{_SCANS.pattern}\W*\w*", "#", text) for text in said}) == 1
    if not by_number or len(set(said)) == 1:
        return by_number
    numbers = sorted(int(found[1]) for text in said if (found := _NUMBERED.fullmatch(_NAME.sub("", text))))
    stems = {re.sub(r"\d+", "", text) for text in said}
    return len(stems) == 1 and numbers == list(range(numbers[0], numbers[0] + len(said))) if numbers else False


def is_mean(heading: str) -> bool:
    """Whether a column is the mean of scans beside it."""
    return (
        re.search(rf"{_START}(?:mean|average|avg|mittelwert|moyenne|promedio|media){_END}", plain(heading)) is not None
    )


def wavelength_of(heading: str) -> float | None:
    """The wavelength (nm) that a heading names: "520", "520 nm", "SC 520.1 nm"; None if it names none."""
    text = plain(heading)
    found = re.fullmatch(r"(\d{3,5}(?:[.,]\d+)?)", text) or re.search(r"(\d{3,5}(?:[.,]\d+)?)\s*nm\b", text)
    return float(found[1].replace(",", ".")) if found else None
