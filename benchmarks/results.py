"""Results as JSON: every sample, stamped with versions, machine and seed; medians and ratios for the reader."""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.registry import CASES, OURS, Case, Outcome, Setting

__all__ = ["FOLDER", "SUMMARY", "publish", "record", "save", "summarise"]

#: Results of this machine, not under version control; and the summary that the README shows, which is.
FOLDER, SUMMARY = Path(__file__).parent / "results", Path(__file__).parent / "summary.json"
PACKAGES = (
    "spinscreen", "numpy", "scipy", "torch", "botorch", "scikit-learn", "rdkit", "tblite", "ase", "lmfit", "baybe",
    "ax-platform",
)  # fmt: skip


def stamp(setting: Setting, wall_s: float) -> dict[str, Any]:
    """Where, when, with what and how a case was run; nothing that names the machine or a person."""
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seed": setting.seed,
        "scale": setting.scale,
        "wall_s": round(wall_s, 1),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def record(case: Case, outcome: Outcome, setting: Setting, wall_s: float) -> dict[str, Any]:
    """Everything of one run of a case.

    Raises:
        ValueError: if ours has no samples: without them there is nothing to compare with.
    """
    if next(iter(outcome.samples), None) != OURS:
        raise ValueError(f"{case.name}: {OURS} has no samples; ended: {outcome.unfinished.get(OURS)}")
    return {
        "case": case.name,
        "question": case.question,
        "unit": case.unit,
        "item": case.item,
        "samples": outcome.samples,
        "absent": outcome.absent,
        "unfinished": {name: asdict(told) for name, told in outcome.unfinished.items()},
        "notes": outcome.notes,
        "summary": summarise(outcome.samples),
        "stamp": stamp(setting, wall_s),
    }


def summarise(samples: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float | int]]:
    """Median and quartiles of each contender, and of its ratio to ours, item by item where both have the item.

    A contender with another number of samples than ours is compared with the median of ours.

    Where ours is zero for an item (a campaign that began on the best row) the ratio is that of means, and its quartiles
    are those of 1,000 redraws of the items.
    """
    ours = next(iter(samples.values()))
    told: dict[str, dict[str, float | int]] = {}
    for name, values in samples.items():
        if len(values) != len(ours):
            ratios = [v / statistics.median(ours) for v in values]
        elif min(ours) > 0.0:
            ratios = [v / o for v, o in zip(values, ours, strict=True)]
        else:
            ratios = _redrawn(values, ours)
        low, middle, high = _quartiles(ratios)
        spread = _quartiles(values)
        told[name] = {
            "n": len(values), "median": spread[1], "q25": spread[0], "q75": spread[2],
            "ratio": middle, "ratio_q25": low, "ratio_q75": high,
        }  # fmt: skip
    return told


def _redrawn(values: Sequence[float], ours: Sequence[float], times: int = 1000) -> list[float]:
    """Ratios of means over the same items, drawn anew with replacement; draws in which ours is zero are passed over."""
    draw, found = random.Random(0), []
    for _ in range(times):
        items = draw.choices(range(len(ours)), k=len(ours))
        if total := sum(ours[i] for i in items):
            found.append(sum(values[i] for i in items) / total)
    return found


def save(result: Mapping[str, Any]) -> Path:
    """Write one result into `FOLDER`, the newest of its case."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{result['case']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return path


def publish() -> dict[str, Any]:
    """Bring the newest result of every case, without single samples, into `SUMMARY`; what it holds now."""
    told = json.loads(SUMMARY.read_text(encoding="utf-8")) if SUMMARY.exists() else {}
    for path in sorted(FOLDER.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        told[result["case"]] = {key: value for key, value in result.items() if key != "samples"}
    order = list(CASES)
    told = dict(sorted(told.items(), key=lambda item: order.index(item[0]) if item[0] in order else len(order)))
    SUMMARY.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return dict(told)


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
