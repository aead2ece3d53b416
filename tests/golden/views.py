"""What is pinned of a campaign: everything that can be read from its log, the old rounds again, and going on."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from tests.golden.commands import GOLDEN, Commands
from tests.golden.comparison import without_moments
from tests.golden.logs import write_inputs

__all__ = ["RELEASE", "copies", "goes_on", "read_views", "replays", "suggested_again"]

#: The release by which the logs of the folder of this name were written. They are never made anew.
RELEASE = "0.1.0"


def copies(to: Path) -> Path:
    """Copies of the campaigns that the release wrote, with the files one hands in and the store of descriptors.

    Returns:
        The store.
    """
    for folder in (GOLDEN / RELEASE).iterdir():
        if folder.is_dir():
            (to / folder.name).mkdir()
            shutil.copy(folder / "campaign.db", to / folder.name / "campaign.db")
    store = to / "oracle.db"
    shutil.copy(GOLDEN / "oracle.db", store)
    write_inputs(to)
    return store


def read_views(run: Commands, name: str) -> dict[str, Any]:
    """What the commands say that compute nothing, by the file it is kept in."""
    views: dict[str, Any] = {
        "status.txt": run("status", name).out,
        "status.json": run("status", name, "--json").json,
        "log.txt": run("log", name).out,
        "log.json": run("log", name, "--json").json,
    }
    raw = run.folder / f"{name}_raw"
    run("export", name, f"{name}.csv", "--raw", raw.name)
    views["measured.csv"] = (run.folder / f"{name}.csv").read_text(encoding="utf-8")
    files = [(sha256(path.read_bytes()).hexdigest(), path.name) for path in sorted(raw.iterdir())]
    views["raw_files.txt"] = "".join(f"{digest}  {file}\n" for digest, file in files)
    if views["status.json"]["properties"]:
        run("export", name, f"{name}_gaps.csv", "--property", "band_gap_ev")
        views["band_gaps.csv"] = (run.folder / f"{name}_gaps.csv").read_text(encoding="utf-8")
    return views


def replays(run: Commands, name: str) -> list[dict[str, Any]]:
    """Old rounds computed again, the last one and in the longest log some before; who computes it is left out."""
    rounds = (3, 5) if name == "lab" else (2,)
    return [without_moments(run("replay", name, number, "--json").json) for number in rounds]


def suggested_again(run: Commands, name: str) -> list[dict[str, Any]]:
    """What is suggested without a new result: the recorded list, and the log stays as it is."""
    known = run("log", name, "--json").json
    size, *seed = {"lead": "3", "lab": "2 --seed 7", "tradeoff": "1"}.get(name, "2").split()
    batch: list[dict[str, Any]] = run("suggest", name, "-q", size, *seed, "--json").json
    assert run("log", name, "--json").json == known
    return batch


def goes_on(run: Commands, name: str) -> dict[str, Any]:
    """What is said, in a further copy, of a new result, of one that is taken back, and of what to make next; and the
    ranking after the new result. By the file it is kept in."""
    copy = f"{name}_on"
    (run.folder / copy).mkdir()
    shutil.copy(GOLDEN / RELEASE / name / "campaign.db", run.folder / copy / "campaign.db")
    stages = run("status", copy, "--json").json["stages"]
    known = len(run("log", copy, "--json").json)
    awaited = next(formula for formula, stage in stages.items() if stage == "suggested")
    told: dict[str, Any] = {"accepted": run("accept", copy, awaited, "--json").json}
    told["ingested"] = run("ingest", copy, "further.csv", "--yes", "--suggest", "2", "--json").json
    ranking = _candidates(run, copy)
    told["again"] = run("ingest", copy, "further.csv", "--yes", "--json").json
    number = run("status", copy, "--json").json["record"][-1]["number"]
    told["retracted"] = run("retract", copy, number, "--reason", "wrong crystal", "--json").json
    if name in ("lab", "wishes", "tin"):  # the others take long to train or to choose
        told["suggested"] = run("suggest", copy, "-q", "1", "--json").json
    told["status"] = run("status", copy, "--json").json
    told["log"] = run("log", copy, "--json").json[known:]
    return {"goes_on.json": without_moments(told), "ranking.json": ranking}


def _candidates(run: Commands, name: str) -> list[dict[str, Any]]:
    """The fifty best candidates with every number there is of them."""
    run("suggest", name, "-q", "2", "--candidates", f"{name}.parquet")
    frame = pd.read_parquet(run.folder / f"{name}.parquet")
    best = frame.sort_values(["acquisition", "formula"], ascending=[False, True]).head(50)
    rows: list[dict[str, Any]] = json.loads(best.to_json(orient="records", double_precision=15))
    return rows
