"""Ten public tables that nobody here filled: races over them, and how well models learn small ones.

    pip install --no-deps olymp summit
    python -m benchmarks.races [--seeds 10] [--strategies spinscreen,botorch,forest,random] [--tables NAME,NAME]
    python -m benchmarks.races --further [--seeds 10] [--strategies ...]
    python -m benchmarks.races --order [--tables NAME,NAME]
    python -m benchmarks.races --small [--seeds 5] [--surrogates networks_ranked_processes,spinscreen,trees,gp]

The tables are files of the two packages, which are not imported. Of `summit` (MIT licence): cross-couplings of Reizman
et al., React. Chem. Eng. 1, 658 (2016), doi 10.1039/C6RE00153J, and Baumgartner et al., Org. Process Res. Dev. 23, 1594
(2019), doi 10.1021/acs.oprd.9b00236. Of `olymp` (MIT licence): Hase et al., Mach. Learn.: Sci. Technol. 2, 035021
(2021), doi 10.1088/2632-2153/abedc8. A race is five random rows, then batches of four, 41 evaluations; its regret is 0
for the best row, 1 for the median one, the mean from the last random row on. The same seed is the same start for all.
Ten races of chance are too few to be held against: luck moves their mean by a third. So chance is the mean of 1,000.
Small tables are those of 48 to 100 settings that are no other's twin: leaving out one setting, R2, the negative log
density and what 90% intervals hold, the target in its own standard deviations. The error in the better half is in units
of what a regret of 1 is, the step from the best row to the median one.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from importlib.metadata import files as files_of
from importlib.resources import files
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.backtest_pool import timed
from screening.backtest import STRATEGIES, FinishedTable, Schedule, mean_regret, replay
from screening.calibration import log_density
from screening.surrogates import TrainingRows
from screening.table_features import TableQuery
from screening.validation import Validation, cross_validate, paired

SCHEDULE = Schedule(n_start=5, batch_size=4, budget=41)
#: Files of `summit` by the names used here; each has a second heading, a row number and, some, another outcome.
COUPLINGS = {f"reizman {case}": f"reizman_suzuki_case_{case}.csv" for case in (1, 2, 3, 4)} | {
    "aniline": "baumgartner_aniline_cn_crosscoupling.csv",
    "benzamide": "baumgartenter_benzamide_cross_coupling.csv",
}
#: Data sets of `olymp`: two of reactions, two of compositions.
FLOWS = ("benzylation", "snar", "colors_n9", "colors_bob")
#: Its others; beside them the least band gap among the package's layered crystals, by their drawing and their spacer.
FURTHER, CRYSTALS = ("alkox", "fullerenes", "suzuki", "hplc", "photo_pce10", "photo_wf3"), "crystals"
#: Of 48 to 100 settings; of the four alike tables of Reizman the first.
SMALL = ("benzylation", "snar", "benzamide", "aniline", "reizman 1")


def public_tables() -> dict[str, FinishedTable]:
    """The ten tables by name."""
    found = {}
    for name, file in COUPLINGS.items():
        frame = pd.read_csv(_path("summit", file), skiprows=[1], encoding="utf-8-sig").iloc[:, 1:]
        frame["yld"] = frame["yld"].astype(str).str.strip("≥%").astype(float)  # a few of 90% and more
        found[name] = FinishedTable.from_frame(frame.drop(columns="ton", errors="ignore"), TableQuery("yld", False))
    return found | _of_olymp(FLOWS)


def further_tables() -> dict[str, FinishedTable]:
    """Seven others by name."""
    read = pd.read_csv(Path(str(files("screening"))) / "data" / "layered_crystals.csv", keep_default_na=False)
    columns = ["cage", "b_site", "halide", "n_layers", "stacking", *read.loc[:, "log_molar_mass":"tolerance_factor"]]
    gaps = read[read["band_gap_ev"] != ""]
    query = TableQuery("band_gap_ev", True, columns=tuple(columns))
    return _of_olymp(FURTHER) | {CRYSTALS: FinishedTable.from_frame(gaps, query)}


def _of_olymp(names: tuple[str, ...]) -> dict[str, FinishedTable]:
    found = {}
    for name in names:
        folder = f"dataset_{name}"
        about = json.loads(_path("olymp", "config.json", folder).read_text(encoding="utf-8"))
        heads = [part["name"] for part in about["parameters"] + about["measurements"]]
        frame = pd.read_csv(_path("olymp", "data.csv", folder), names=heads)
        found[name] = FinishedTable.from_frame(frame, TableQuery(heads[-1], about["default_goal"] == "minimize"))
    return found


def _path(package: str, name: str, folder: str = "data") -> Path:
    (file,) = (file for file in files_of(package) or () if file.name == name and file.parent.name == folder)
    return Path(str(file.locate()))


Races = dict[str, dict[str, list[float]]]


def race(tables: dict[str, FinishedTable], strategies: list[str], seeds: int, out: Path) -> None:
    """Run races, the regret of every seed that is not there yet added to a file: strategy, table, seeds."""
    for label, table in tables.items():
        for name in strategies:
            known: Races = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
            regrets, times = known.setdefault(name, {}).setdefault(label, []), list[float]()
            left = range(len(regrets), seeds)
            if not left:
                continue
            rows = [replay(table, timed(STRATEGIES[name], times), seed, SCHEDULE) for seed in left]
            regret = mean_regret(table.loss, np.array(rows), SCHEDULE.n_start)
            print(f"{label:12s} {name:12s} {regret.mean():.3f}  {np.median(times):.2f} CPU s a suggestion", flush=True)
            regrets += [round(float(value), 4) for value in regret]
            out.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


#: Races that the mean of chance is taken over.
OF_CHANCE = 1000


def show(races: Races, tables: dict[str, FinishedTable]) -> None:
    """Mean regret of each strategy on each table; behind it the difference to ours with its error over seeds. Beside
    them the mean of chance, and how much more than ours that is in errors of ours."""
    strategies = list(races)
    ours = {label: np.array(regret) for label, regret in races[strategies[0]].items() if label in tables}
    print(f"| table | seeds | {' | '.join(strategies)} | chance, {OF_CHANCE:,} races |")
    print(f"|---|---|{'---|' * len(strategies)}---|")
    all_means: dict[str, list[float]] = {name: [] for name in (*strategies, "chance")}
    for label, own in ours.items():
        cells, error = [f"{own.mean():.3f}"], own.std(ddof=1) / np.sqrt(len(own))
        all_means[strategies[0]].append(float(own.mean()))
        for name in strategies[1:]:
            other = np.array(races[name].get(label, []))
            most = min(len(own), len(other))
            more = other[:most] - own[:most]
            spread = f"{more.std(ddof=1) / np.sqrt(most):.3f}" if most > 1 else "?"
            cells.append(f"{other.mean():.3f} ({more.mean():+.3f} ± {spread})" if most else "")
            all_means[name] += [float(other.mean())] if most else []
        draws = [replay(tables[label], STRATEGIES["random"], seed, SCHEDULE) for seed in range(OF_CHANCE)]
        chance = float(mean_regret(tables[label].loss, np.array(draws), SCHEDULE.n_start).mean())
        all_means["chance"].append(chance)
        cells.append(f"{chance:.3f} ({chance - own.mean():+.3f} ± {error:.3f})")
        print(f"| {label} | {len(own)} | {' | '.join(cells)} |", flush=True)
    print(f"| mean | | {' | '.join(f'{np.mean(values):.3f}' for values in all_means.values())} |")
    for name, values in list(all_means.items())[1:]:
        if len(values) == len(ours):
            ahead = (np.array(all_means[strategies[0]]) < values).sum()
            print(f"ahead of {name} on {ahead} of {len(ours)} tables{_luck(ours, races.get(name, {}))}")


def _luck(ours: dict[str, np.ndarray], theirs: dict[str, list[float]]) -> str:
    """How the number of tables ahead is spread where each table's paired seeds are drawn again, 10,000 times."""
    rng, ahead = np.random.default_rng(0), np.zeros(10_000, dtype=int)
    for label, own in ours.items():
        if label not in theirs:
            return ""
        less = own[: len(theirs[label])] - np.array(theirs[label][: len(own)])
        ahead += less[rng.integers(0, len(less), (len(ahead), len(less)))].mean(axis=1) < 0.0
    low, high = np.quantile(ahead, [0.05, 0.95])
    most = round(0.8 * len(ours))
    return f" (seeds drawn again: {low:.0f} to {high:.0f} in 90%, {most} or more in {(ahead >= most).mean():.1%})"


def _validated(training: TrainingRows, name: str, seed: int, splits: tuple[str, ...]) -> Validation:
    return cross_validate(training, name, seed, splits=splits)


def learn(
    tables: dict[str, FinishedTable],
    surrogates: list[str],
    seeds: list[int],
    validated: Callable[[TrainingRows, str, int, tuple[str, ...]], Validation] = _validated,
) -> None:
    """R2, negative log density and coverage of each surrogate with one setting left out, means over seeds."""
    totals = {name: np.zeros(3) for name in surrogates}
    lost: dict[str, list[tuple[float, float]]] = {name: [] for name in surrogates}
    print("| table | rows | surrogate | R2 | NLPD | 90% holds | squared error saved | log density gained | CPU s |")
    print("|---|---|---|---|---|---|---|---|---|")
    for label in SMALL:
        table = tables[label]
        y = (table.y - table.y.mean()) / table.y.std()
        training, before = TrainingRows.of(table.x, y), np.zeros((2, 0))
        for name in surrogates:
            begin, cards, errors, densities = time.process_time(), [], [], []
            for seed in seeds:
                validation = validated(training, name, seed, ("leave_one_compound_out",))
                cards.append(validation.score_cards["leave_one_compound_out"])
                frame = validation.predictions.sort_values("row")
                error = (frame["y"] - frame["mean"]).to_numpy()
                errors.append(error**2)
                densities.append(log_density(error, frame["sd_calibrated"].to_numpy()))
            own = np.mean([errors, densities], axis=1)
            before = own if name == surrogates[0] else before
            figures = np.array([[card.r2_log, card.nlpd, card.coverage_90] for card in cards]).mean(axis=0)
            totals[name] += figures / len(SMALL)
            (saved, doubt), (less, spread) = (paired(more, training.groups) for more in own - before)
            lost[name].append((less, spread))
            worth = " | " if name == surrogates[0] else f"{saved:+.3f} ± {doubt:.3f} | {-less:+.3f} ± {spread:.3f}"
            spent = (time.process_time() - begin) / len(seeds)
            r2, nlpd, holds = figures
            print(
                f"| {label} | {len(y)} | {name} | {r2:.3f} | {nlpd:.3f} | {holds:.0%} | {worth} | {spent:.1f} |",
                flush=True,
            )
    for name, (r2, nlpd, holds) in totals.items():
        less, spread = np.array(lost[name]).T
        by_rows, by_tables = np.sqrt((spread**2).sum()) / len(SMALL), less.std(ddof=1) / np.sqrt(len(SMALL))
        gained = f"{-less.mean():+.3f} ± {by_rows:.3f} (over tables ± {by_tables:.3f})" if less.any() else ""
        print(f"| mean | | {name} | {r2:.3f} | {nlpd:.3f} | {holds:.0%} | | {gained} | |")


def order(tables: dict[str, FinishedTable]) -> None:
    """How well one process that knows all other rows orders the better half of each table, where a search ends."""
    print("| table | rows | places of the best three | rank correlation | in the better half | error there |")
    print("|---|---|---|---|---|---|")
    for label, table in tables.items():
        training = TrainingRows.of(table.x, (table.loss - table.loss.mean()) / table.loss.std())
        frame = cross_validate(training, "gp", splits=("leave_one_compound_out",)).predictions.sort_values("row")
        loss, told = frame["y"].to_numpy(), frame["mean"].to_numpy()
        places = ", ".join(str(place) for place in (told.argsort().argsort() + 1)[loss.argsort()[:3]])
        better = loss <= np.median(loss)
        error = np.sqrt(np.mean((told - loss)[better] ** 2)) / (np.median(loss) - loss.min())
        ranks = [spearmanr(told[rows], loss[rows])[0] for rows in (slice(None), better)]
        print(f"| {label} | {len(loss)} | {places} | {ranks[0]:.2f} | {ranks[1]:.2f} | {error:.2f} |", flush=True)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--strategies", default="spinscreen,botorch,forest,random")
    parser.add_argument("--tables", default="", help="only these, separated by commas")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("races.json"), help="the regret of every race, added to"
    )
    parser.add_argument("--small", action="store_true", help="learn small tables in place of races")
    parser.add_argument("--further", action="store_true", help="seven other tables in place of the ten")
    parser.add_argument("--order", action="store_true", help="what is learnt of the better half, in place of races")
    parser.add_argument("--surrogates", default="networks_ranked_processes,spinscreen,trees,gp")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    tables = further_tables() if asked.further else public_tables()
    if asked.small:
        learn(tables, asked.surrogates.split(","), [42, 1, 2, 3, 4][: asked.seeds])
        return
    tables = {name: tables[name] for name in (asked.tables.split(",") if asked.tables else tables)}
    if asked.order:
        order(tables)
        return
    race(tables, asked.strategies.split(","), asked.seeds, asked.out)
    show(json.loads(asked.out.read_text(encoding="utf-8")), tables)


if __name__ == "__main__":
    main()
