"""The tables and the plot that the README and the documentation show, written from `benchmarks/summary.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.results import SUMMARY

__all__ = ["insert", "page", "plot", "sentences", "short_table"]

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- benchmarks: begin -->\n", "<!-- benchmarks: end -->\n"


def short_table(summary: Mapping[str, Any]) -> str:
    """One line a case: what is compared, ours, and how many times as much the others need."""
    lines = ["| compared | ours | others, as a multiple of ours (middle half of the runs) |", "|---|---|---|"]
    for result in summary.values():
        ours, *others = result["summary"].items()
        told = ", ".join(
            [f"{name} {_ratio(values)}" for name, values in others]
            + [f"{name} {_bound(ended, ours[1]['median'])}" for name, ended in result["unfinished"].items()]
        )
        lines.append(f"| {result['question']} | {ours[1]['median']:.3g} {result['unit']} | {told} |")
    stamps = [result["stamp"] for result in summary.values()]
    return "\n".join([*lines, "", _where(stamps), ""])


def sentences(summary: Mapping[str, Any]) -> str:
    """Three sentences for the README: the oracle, a suggestion, and what campaigns and trace fits come to."""

    def times(case: str, contender: str) -> str:
        return f"{summary[case]['summary'][contender]['ratio']:.2g}"

    oracle, suggest, replay, fit = "oracle-optimise", "suggest-1e5", "backtest-public", "trace-time"
    optimisers = [name for name in summary[oracle]["summary"] if name.startswith("ASE")]
    fastest = min(float(times(oracle, name)) for name in optimisers)
    ours = summary[suggest]["summary"]["spinscreen"]["median"]
    longer = 1.0 / summary[fit]["summary"]["SciPy, with the response"]["ratio"]
    return (
        f"A cation is optimised in {times(oracle, 'xtb --opt tight')} times less processor time than by `xtb --opt "
        f"tight`, and in {fastest:.2g} times less than by the fastest optimiser of ASE. "
        f"Four of 100,000 candidates are chosen in {ours:.2g} s; BayBE needs {times(suggest, 'BayBE')}, Ax "
        f"{times(suggest, 'Ax')} and BoTorch {times(suggest, 'BoTorch')} times as much, a random forest "
        f"{times(suggest, 'random forest')}. "
        f"On public tables BayBE's regret is {times(replay, 'BayBE')} times ours and chance's "
        f"{times(replay, 'chance')} times; a fit of traces takes {longer:.2g} "
        "times as long as SciPy's, since it compares models.\n"
    )


def page(summary: Mapping[str, Any]) -> str:
    """The page of the documentation: every contender, with medians and spreads."""
    parts = ["# Benchmarks\n", INTRODUCTION, "![Every contender as a multiple of ours](images/benchmarks.svg)\n"]
    parts.append(short_table(summary))
    for name, result in summary.items():
        parts.append(f"## {name}\n\n{result['question']}. One sample is {result['item']}; smaller is better.\n")
        unit = result["unit"]
        parts.append(f"| contender | samples | median ({unit}) | middle half | multiple of ours | middle half |")
        parts.append("|---|---|---|---|---|---|")
        for contender, v in result["summary"].items():
            parts.append(
                f"| {contender} | {v['n']} | {v['median']:.3g} | {_half(v, 'q25', 'q75')} "
                f"| {v['ratio']:.3g} | {_half(v, 'ratio_q25', 'ratio_q75')} |"
            )
        ours = next(iter(result["summary"].values()))["median"]
        for contender, ended in result["unfinished"].items():
            least, times = ended["at_least"], _times(ended, ours)
            bounds = ("-", "-") if times is None else (f"more than {least:.3g}", f"more than {times:.3g}")
            parts.append(f"| {contender} | 0: {ended['why']} | {bounds[0]} | - | {bounds[1]} | - |")
        parts += ["", *(f"- {note}" for note in result["notes"])]
        parts += [f"- {contender} did not take part: {why}" for contender, why in result["absent"].items()]
        parts += [f"\n{_where([result['stamp']])}\n"]
    return "\n".join(parts)


def insert(readme: Path, summary: Mapping[str, Any]) -> None:
    """Put the sentences between the markers of a page."""
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(f"{before}{BEGIN}{sentences(summary)}{END}{after}", encoding="utf-8")


def plot(summary: Mapping[str, Any], path: Path) -> None:
    """Every contender's multiple of ours with its middle half, on a logarithmic axis, as SVG.

    An arrow begins at the least multiple of a contender that did not come to its end.
    """
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "spinscreen"
    from matplotlib import pyplot

    rows = [(f"{name}: {each.contender}", each) for name, result in summary.items() for each in _spans(result)]
    figure, axes = pyplot.subplots(figsize=(8, 1 + 0.28 * len(rows)), layout="constrained")
    axes.margins(y=0.01)
    axes.axvline(1.0, color="#888", linewidth=1)
    for at, (_, span) in enumerate(rows):
        if span.ended:
            further = (2.2 * span.middle, at)  # an annotation does not widen the axis, the line's end does
            axes.annotate("", further, (span.middle, at), arrowprops={"arrowstyle": "->", "color": "#3949ab"})
            axes.plot([span.middle, further[0]], [at, at], "|", color="#3949ab", markevery=[0])
        else:
            axes.plot([span.low, span.high], [at, at], color="#3949ab", linewidth=3)
            axes.plot([span.middle], [at], "o", color="#1a237e")
    axes.set(yticks=range(len(rows)), yticklabels=[row[0] for row in rows], xscale="log")
    axes.set_xlabel("multiple of ours (right of the line: ours needs less)\narrow: ended by a limit where it begins")
    axes.invert_yaxis()
    figure.savefig(path, metadata={"Date": None})


def write_all() -> None:
    """README, page and plot from the committed summary."""
    summary = json.loads(SUMMARY.read_text(encoding="utf-8"))
    insert(ROOT / "README.md", summary)
    (ROOT / "docs/benchmarks.md").write_text(page(summary), encoding="utf-8")
    plot(summary, ROOT / "docs/images/benchmarks.svg")


INTRODUCTION = """Written by `make bench` from `benchmarks/summary.json`; no figure here is typed.

Every case runs its contenders on the same inputs, in turn, each with one thread. Times are CPU time, which on a shared
machine is the steadier measure. A contender that a limit ended stands there with that limit; an arrow in the plot
begins where it was ended. "Multiple of ours" is taken item by item, then the median: 3 means three times as much
as spinscreen needs, below 1 means that the contender needs less. `python -m benchmarks --list` names the cases,
`python -m benchmarks NAME` runs one; `make bench-env` installs BayBE, Ax and lmfit beside.
"""


def _half(values: Mapping[str, float], low: str, high: str) -> str:
    """Quartiles, where there is more than one sample."""
    return f"{values[low]:.3g} to {values[high]:.3g}" if values["n"] > 1 else "-"


def _ratio(values: Mapping[str, float]) -> str:
    if values["n"] == 1:
        return f"{_two(values['ratio'])} (one run)"
    return f"{_two(values['ratio'])} ({_two(values['ratio_q25'])} to {_two(values['ratio_q75'])})"


def _times(ended: Mapping[str, Any], ours: float) -> float | None:
    """Least multiple of ours of a contender that a limit ended, where it is known."""
    return None if ended["at_least"] is None else ended["at_least"] / ours


def _bound(ended: Mapping[str, Any], ours: float) -> str:
    times = _times(ended, ours)
    return f"({ended['why']})" if times is None else f"more than {_two(times)} ({ended['why']})"


@dataclass(frozen=True)
class _Span:
    """Median and quartiles of a contender's multiple of ours; the least multiple three times where a limit ended it."""

    contender: str
    low: float
    middle: float
    high: float
    ended: bool = False


def _spans(result: Mapping[str, Any]) -> Iterator[_Span]:
    ours, *others = result["summary"].items()
    for name, values in others:
        yield _Span(name, values["ratio_q25"], values["ratio"], values["ratio_q75"])
    for name, ended in result["unfinished"].items():
        times = _times(ended, ours[1]["median"])
        if times is not None:
            yield _Span(name, times, times, times, ended=True)


def _two(value: float) -> str:
    """Two significant digits, without an exponent."""
    return f"{float(f'{value:.2g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def _where(stamps: list[dict[str, Any]]) -> str:
    places = sorted({f"{s['processor']}, {s['cores']} cores" for s in stamps})
    loads = [s["load"] for s in stamps]
    load = f"{min(loads):g}" if min(loads) == max(loads) else f"{min(loads):g} to {max(loads):g}"
    versions = stamps[-1]["versions"]
    named = ", ".join(f"{name} {number}" for name, number in versions.items() if number != "absent")
    days = sorted({s["at"][:10] for s in stamps})
    scales = sorted({s["scale"] for s in stamps} - {1.0})
    fewer = f", with {' or '.join(f'{scale:g}' for scale in scales)} of the registered repeats" if scales else ""
    return f"Measured {' and '.join(days)} on {'; '.join(places)}, load average {load}{fewer}; {named}."
