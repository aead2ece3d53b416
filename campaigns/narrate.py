"""Sentences: what happened, and why a compound is suggested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import NamedTuple

from campaigns.config import upcast
from campaigns.events import LIFETIME_PS, Event, EventKind
from campaigns.summary import SpacerRound
from campaigns.targets import task_of


def sentence(event: Event) -> str:
    """What happened, in one line."""
    payload = event.payload
    match event.kind:
        case EventKind.CREATED:
            known = f" with what {payload['carried']['campaign']} knew" if "carried" in payload else ""
            return f"created over the library {upcast(payload['config'])['libraries'][0]['name']}{known}"
        case EventKind.AMENDED:
            why = f" ({payload['reason']})" if payload["reason"] else ""
            return f"amended: {'; '.join(payload['changes'])}{why}"
        case EventKind.RULED_OUT:
            return f"declined {payload['name']} as {payload['place']}: {payload['reason']}"
        case EventKind.OBSERVED:
            formulas = ", ".join(dict.fromkeys(row["formula"] for row in payload["rows"]))
            what = "measured" if payload["target"] == LIFETIME_PS else f"values of {payload['target']}"
            if task := task_of(payload["target"]):
                what = f"measured of the related task {task}"
            fresh = [f"{len(payload['rows'])} {what} ({formulas})"] if payload["rows"] else []
            changed = [f"{row['formula']} (number {row['number']})" for row in payload.get("corrections", ())]
            corrected = [f"corrected {', '.join(changed)}"] if changed else []
            gone = [str(row["number"]) for row in payload.get("retractions", ())]
            taken_back = [f"took back {', '.join(gone)}"] if gone else []
            return f"ingested {payload['name']}: {'; '.join(fresh + corrected + taken_back)}"
        case EventKind.FITTED:
            learnt = payload.get("properties", {}).items()
            more = "".join(f"; {name} from {told['n_rows']} values: {told['grade']}" for name, told in learnt)
            more += "".join(f"; {told['sentence']}" for told in payload.get("related", {}).values())
            return f"trained on {payload['n_train']} of {payload['n_measured']} rows: {payload['grade']}{more}"
        case EventKind.SUGGESTED:
            formulas = ", ".join(suggestion["formula"] for suggestion in payload["suggestions"])
            return f"suggested, round {payload['number']}: {formulas}"
        case EventKind.DESCRIBED:
            told = SpacerRound(**payload)
            if not told.spacers:
                why = "the list is stable" if told.is_stable else "no calculation is left"
                return f"learned oracle: {why}; {told.outlook}"
            far = f", {told.n_far} far outside the others" if told.n_far else ""
            known = f", {told.n_known} known to the store" if told.n_known else ""
            spacers = f"{len(told.spacers):,} spacer{'' if len(told.spacers) == 1 else 's'}"
            return f"learned oracle, round {told.number}: {spacers}{known}{far}; {told.outlook}"
        case EventKind.STEPPED:
            made = f", made {payload['made']}" if payload["made"] else ""
            why = f": {payload['reason']}" if payload["reason"] else ""
            return f"{payload['formula']} {payload['stage']}{made}{why}"
        case EventKind.RETRACTED:
            number, target = payload["number"], payload["target"]
            what = f"measurement {number}" if target == LIFETIME_PS else f"value {number} of {target}"
            if task := task_of(target):
                what = f"row {number} of the related task {task}"
            return f"retracted {what}: {payload['reason']}"
        case EventKind.VOIDED:
            return f"undid event {payload['event']}: {payload['reason']}"


#: What the clause of a reason that compares with it calls it.
BEST = "the best measured in this space"
#: Contributions smaller than this (log10 rate) are not worth a word: a factor of 1.12 in the lifetime.
_WORTH_SAYING = 0.05


class Driver(NamedTuple):
    """A feature of a compound: its name, its Shapley value (log10 rate), its value, and what it is on average."""

    name: str
    share: float
    value: float
    usual: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a reason is given of."""

    lifetime_ps: float  #: predicted median lifetime, ps
    lifetime_high_ps: float  #: upper end of its 90% interval, ps
    best_lifetime_ps: float  #: longest lifetime measured inside the space, ps
    feasibility: float  #: probability that it forms
    in_domain: bool  #: whether it lies within the usual distance of a measured compound
    unseen: Sequence[str] = ()  #: metals and halides of it that no measured layered compound holds
    drawn: bool = False  #: whether it was drawn at random
    teaches: bool = True  #: whether it is tagged as what teaches most
    #: What counted beside the lifetime, by column, where wishes or a tradeoff rank; None where nothing did.
    weighed: Mapping[str, float] | None = None


def reason(drivers: Sequence[Driver], candidate: Candidate) -> str:
    """One line that says why a compound is suggested; what others of its round are likely to share comes last."""
    parts = [_slower(drivers)]
    if candidate.weighed:
        told = (f"{name.replace('_', ' ')} {value:.3g}" for name, value in candidate.weighed.items())
        parts.append(f"weighed with {', '.join(told)}")
    if not candidate.in_domain:
        parts.append("far from everything measured, so it also teaches")
    if candidate.unseen:
        ions = " or ".join(candidate.unseen)
        parts.append(f"no measured layered compound holds {ions}, so what that changes is not known")
    if candidate.feasibility < 0.5:
        parts.append("may well not form")
    return "; ".join((*parts, "drawn at random" if candidate.drawn else _aim(candidate)))


def told_apart(reasons: Sequence[str]) -> tuple[str, list[str]]:
    """What all reasons of a list say alike ("" for less than two), and each without it."""
    clauses = [each.split("; ") for each in reasons]
    alike = [one for one in clauses[0] if all(one in each for each in clauses)] if len(clauses) > 1 else []
    return "; ".join(alike), ["; ".join(one for one in each if one not in alike) for each in clauses]


def picoseconds(value: float) -> str:
    """A lifetime in ps with two significant digits and no exponent: 0.0082, 6.1, 110."""
    rounded = float(f"{value:.1e}")
    return f"{rounded:.{max(0, 1 - floor(log10(rounded)))}f}"


def with_error(value: float, stderr: float | None) -> str:
    """A number with the digits that its standard error leaves it: 3.20 ± 0.03, 3.207 ± 0.012."""
    if stderr is None or not stderr > 0.0:
        return f"{value:.3g}"
    rounded = float(f"{stderr:.0e}")
    digits = -floor(log10(rounded)) + (f"{stderr:e}"[0] == "1" and rounded < 2.0 * 10.0 ** floor(log10(stderr)))
    return f"{value:.{max(digits, 0)}f} ± {stderr:.{max(digits, 0)}f}"


def _aim(candidate: Candidate) -> str:
    best = f"{BEST} ({picoseconds(candidate.best_lifetime_ps)} ps)"
    if candidate.lifetime_ps >= candidate.best_lifetime_ps:
        return f"predicted slower than {best}"
    if candidate.lifetime_high_ps >= candidate.best_lifetime_ps:
        return f"may beat {best} within its interval"
    otherwise = "for what it teaches" if candidate.teaches else "as one of the slowest left"
    return f"unlikely to beat {best}, chosen {otherwise if candidate.weighed is None else 'as a compromise'}"


def _slower(drivers: Sequence[Driver]) -> str:
    slow = sorted((each for each in drivers if each.share < -_WORTH_SAYING), key=lambda each: (each.share, each.name))
    if not slow:
        return "no single descriptor stands out"
    from screening.features import feature_words

    told = (f"{feature_words(one.name, one.value, one.usual)} (lifetime x{10**-one.share:.2g})" for one in slow[:2])
    return "slower: " + ", ".join(told)
