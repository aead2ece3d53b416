"""Back-testing: a finished table replayed as a campaign, strategies compared, and a future campaign planned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from chemspace.progress import Progress
from screening.batch import teaching_places
from screening.devices import check_seed, one_thread
from screening.errors import BacktestError
from screening.pool import check_pool, choose_rows, merge_replicates, row_codes
from screening.strategies.acquisitions import joint_moments
from screening.table_features import NamedTable, TableQuery, read_features, read_results
from screening.table_model import fit_input_scale

__all__ = ["FinishedTable", "backtest", "figure_html", "plan_campaign"]


@dataclass(frozen=True)
class FinishedTable:
    """Descriptors and results."""

    x: NDArray[np.float64]  #: features, shape (m, d)
    y: NDArray[np.float64]  #: results, shape (m,)
    columns: tuple[str, ...]  #: names of the descriptors
    target: str  #: name of the results
    minimize: bool  #: whether small results are good
    remarks: tuple[str, ...] = ()  #: what was made of the file's columns and rows, as sentences

    @property
    def loss(self) -> NDArray[np.float64]:
        """Results to be minimised, shape (m,)."""
        return self.y if self.minimize else -self.y

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, query: TableQuery) -> FinishedTable:
        """Table of a frame; texts are categories, replicates are one row unless they are asked for one by one.

        Raises:
            BacktestError: if the target or a column is missing, a cell is no number where one is needed, too few rows
                are left, or all results are the same.
        """
        table, candidates = cls.with_candidates(frame, query)
        if len(candidates) and query.keep_going:
            table = replace(table, remarks=(*table.remarks, f"rows without a result, left out: {len(candidates):,}"))
        elif len(candidates):
            row = int(np.flatnonzero(~np.isfinite(read_results(NamedTable("the table", frame), query).y))[0])
            raise BacktestError(
                f"row {row + 1}, column {query.target!r} holds no result ({len(candidates)} such): a finished table "
                "has a number everywhere; drop those rows first, or replay the others (--keep-going)"
            )
        if len(table.y) < 3:
            raise BacktestError(f"{len(table.y)} rows: a campaign needs at least 3 to choose from")
        if not np.ptp(table.y) > 0.0:
            raise BacktestError(f"all results are {table.y[0]:g}: there is nothing to find")
        return table

    @classmethod
    def with_candidates(cls, frame: pd.DataFrame, query: TableQuery) -> tuple[FinishedTable, NDArray[np.float64]]:
        """Table of the rows with a result, and the features of the rows without, shape (c, d); a `BacktestError` as
        `from_frame`, but for the number of rows and what they hold."""
        named = NamedTable("the table", frame)
        results = read_results(named, query, BacktestError)
        features = read_features([named], query, BacktestError)
        (x,), (identity,), (rows,) = features.x, features.identity, features.rows
        values = results.y[rows]
        noise = None if results.noise is None else results.noise[rows]
        known = np.isfinite(values)
        found = replace(results, y=values[known], noise=None if noise is None else noise[known])
        measured = merge_replicates(x[known], identity[known], found, query.replicates)
        told = [features.sentence(query), *results.remarks, *features.remarks]
        if measured.replicated:
            settings = len(np.unique(measured.repeats))
            how = "each setting is one row, the mean of its results" if query.replicates == "mean" else "each is a row"
            told.append(f"{settings:,} settings in {int(known.sum()):,} rows: {how} (--replicates)")
        table = cls(measured.x, measured.y, features.names, str(query.target), query.minimize, tuple(told))
        return table, x[~known & ~results.unread[rows]]


Array = NDArray[np.float64]


def best_so_far(loss: Array, rows: NDArray[np.int64]) -> Array:
    """Lowest loss found after each experiment, shape like `rows` (r, t)."""
    result: Array = np.minimum.accumulate(loss[rows], axis=-1)
    return result


def top_found(loss: Array, rows: NDArray[np.int64], k: int) -> Array:
    """Share of the k best rows of the table found after each experiment, shape like `rows`."""
    # rows that tie with the k-th best count as well, but never beyond a share of 1
    hits = np.cumsum(loss[rows] <= np.sort(loss)[min(k, len(loss)) - 1], axis=-1)
    return np.minimum(hits / min(k, len(loss)), 1.0)


def mean_regret(loss: Array, rows: NDArray[np.int64], n_start: int) -> Array:
    """Mean normalised simple regret (0 the best row, 1 the median) after the random rows, one a replay, (r,)."""
    span = float(np.median(loss) - loss.min())
    regret = (best_so_far(loss, rows) - loss.min()) / (span if span > 0.0 else 1.0)
    result: Array = regret[:, n_start - 1 :].mean(axis=1)
    return result


def experiments_needed(curve: Array, goal: float) -> Array:
    """Experiments until a rising curve (r, t) reaches `goal`, per replay; infinite where it never does."""
    reached = curve >= goal - 1e-12
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def acceleration(curve: Array, random: Array, goal: float) -> float:
    """Experiments that chance needs for a goal over those that the strategy needs (medians over replays; rising curves,
    shape (r, t)): Rohr et al., Chem. Sci. 11, 2696 (2020), doi 10.1039/c9sc05999g. NaN where the strategy's median
    replay does not get there; where only chance does not, it counts as one experiment beyond the last, so the factor is
    at least that."""
    ours, theirs = float(np.median(experiments_needed(curve, goal))), float(np.median(experiments_needed(random, goal)))
    return min(theirs, random.shape[1] + 1.0) / ours if np.isfinite(ours) else float("nan")


def enhancement(curve: Array, random: Array) -> Array:
    """Mean of the strategy's curve over that of chance, (t,), NaN while chance found nothing. As `acceleration`."""
    ours, theirs = curve.mean(axis=0), random.mean(axis=0)
    factor: Array = np.divide(ours, theirs, out=np.full_like(ours, np.nan), where=theirs > 0.0)
    return factor


#: (pool (m, d), rows measured (k,), their losses (k,), batch size, seed) -> rows to measure next.
Chooser = Callable[[Array, NDArray[np.int64], Array, int, int], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A name, one line about it, and the function that chooses rows never measured before."""

    name: str
    words: str
    choose: Chooser


def get_strategy(name: str) -> Strategy:
    """The strategy of a name; a `BacktestError` that lists the names for one that is not known."""
    try:
        return STRATEGIES[name]
    except KeyError:
        raise BacktestError(f"unknown strategy {name!r}; known: {', '.join(STRATEGIES)}") from None


def _spinscreen(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
    fresh, copies = _fresh_and_copies(pool, seen)
    if len(fresh) < q:
        return np.concatenate([fresh, copies])[:q]
    return fresh[_choose(pool[fresh], pool[seen], loss, q, seed)]


def _choose(pool: Array, x: Array, loss: Array, q: int, seed: int, share: float = 0.0) -> NDArray[np.int64]:
    return choose_rows(check_pool(pool, x, loss, q, True, None, None), q, seed, teaching_places(q, share))


def _fresh_and_copies(pool: Array, seen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows left that were never measured, and those that repeat a measured one: a table may hold replicates."""
    free = np.setdiff1d(np.arange(len(pool)), seen)
    codes = row_codes(pool)
    copies = np.isin(codes[free], codes[seen])
    return free[~copies], free[copies]


def _random(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
    free = np.setdiff1d(np.arange(len(pool)), seen)
    return np.random.default_rng([seed, len(seen)]).permutation(free)[:q]


def _forest(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
    from sklearn.ensemble import RandomForestRegressor

    free = np.setdiff1d(np.arange(len(pool)), seen)
    model = RandomForestRegressor(n_estimators=100, random_state=seed).fit(pool[seen], loss)
    order: NDArray[np.int64] = np.argsort(np.asarray(model.predict(pool[free])), kind="stable")
    return free[order[:q]]


def _botorch(pool: Array, seen: NDArray[np.int64], loss: Array, q: int, seed: int) -> NDArray[np.int64]:
    import torch
    from botorch.acquisition.logei import qLogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.models.transforms.input import Normalize
    from botorch.sampling.normal import SobolQMCNormalSampler
    from gpytorch.mlls import ExactMarginalLogLikelihood

    from screening.strategies.acquisitions import choose_with

    free = np.setdiff1d(np.arange(len(pool)), seen)
    bounds = torch.as_tensor(np.stack([pool.min(axis=0), pool.max(axis=0)]))
    bounds[1] = torch.where(bounds[1] > bounds[0], bounds[1], bounds[0] + 1.0)
    model = SingleTaskGP(
        torch.as_tensor(pool[seen]),
        torch.as_tensor(-loss)[:, None],
        input_transform=Normalize(pool.shape[1], bounds=bounds),
    )
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    sampler = SobolQMCNormalSampler(torch.Size([512]), seed=seed)
    acquisition = qLogExpectedImprovement(model, best_f=float((-loss).max()), sampler=sampler)
    return free[choose_with(acquisition, pool[free], q)]


_ALL = (
    Strategy("spinscreen", "this engine: networks and processes, joint expected improvement", _spinscreen),
    Strategy("surrogate", "the same, by the name that it had where tables had another engine", _spinscreen),
    Strategy("random", "chance", _random),
    Strategy("botorch", "BoTorch's SingleTaskGP with qLogEI over the whole table", _botorch),
    Strategy("forest", "scikit-learn's random forest, best predicted rows first", _forest),
)
#: Every strategy by name.
STRATEGIES = {item.name: item for item in _ALL}


@dataclass(frozen=True)
class Schedule:
    """How a campaign goes: random experiments first, then batches until the budget is spent."""

    n_start: int = 5  #: random experiments
    batch_size: int = 1  #: experiments a round
    budget: int = 40  #: experiments in all; of a planned campaign, new ones
    teaching: float = 0.0  #: share of a planned campaign's batches for what teaches most, 0 leaves it to the strategy

    def __post_init__(self) -> None:
        """Checks that each is at least 1; else a `BacktestError`."""
        if min(self.n_start, self.batch_size, self.budget) < 1:
            raise BacktestError(
                f"start {self.n_start}, batch size {self.batch_size}, budget {self.budget}: at least 1 each"
            )


def replay(table: FinishedTable, strategy: Strategy, seed: int, schedule: Schedule = Schedule()) -> NDArray[np.int64]:
    """Rows of a table in the order in which a campaign would have measured them, shape (budget,) or the whole table.
    The same seed gives every strategy the same random start and the rows in the same random order: files are often
    sorted by their results. A `BacktestError` for a budget below the start, a start that leaves nothing to choose, or a
    strategy that repeats itself."""
    n_start, batch_size, budget = schedule.n_start, schedule.batch_size, schedule.budget
    if budget < n_start:
        raise BacktestError(f"a budget of {budget} experiments is less than the {n_start} random ones at the start")
    seed, m = check_seed(seed, BacktestError), len(table.y)
    if n_start >= m:
        raise BacktestError(f"{n_start} random experiments at the start of {m} rows: nothing is left to choose")
    order = np.random.default_rng(seed).permutation(m).astype(np.int64)
    x, loss = table.x[order], table.loss[order]
    seen = np.arange(n_start)
    while len(seen) < min(budget, m):
        q = min(batch_size, min(budget, m) - len(seen))
        rows = strategy.choose(x, seen, loss[seen], q, seed)
        if len(rows) != q or len(np.union1d(seen, rows)) != len(seen) + q:
            raise BacktestError(
                f"strategy {strategy.name!r} returned {rows.tolist()}: {q} rows never measured are needed"
            )
        seen = np.concatenate([seen, rows])
    return order[seen]


@dataclass(frozen=True)
class Backtest:
    """Replayed campaigns."""

    table: FinishedTable  #: what was replayed
    #: Per strategy the rows in order of measurement, shape (r, t) for r seeds and t experiments.
    rows: dict[str, NDArray[np.int64]]
    schedule: Schedule  #: as asked for
    top_k: int  #: rows counted as the top

    def curves(self) -> pd.DataFrame:
        """One row a strategy and number of experiments: best so far, regret, share of the top; means and 80% bands."""
        parts = []
        sign = 1.0 if self.table.minimize else -1.0
        for name, rows in self.rows.items():
            best = sign * best_so_far(self.table.loss, rows)
            top = top_found(self.table.loss, rows, self.top_k)
            regret = np.abs(best - sign * self.table.loss.min())
            frame = pd.DataFrame({"strategy": name, "experiments": np.arange(1, rows.shape[1] + 1)})
            for what, values in (("best", best), ("regret", regret), ("top_found", top)):
                frame[what] = values.mean(axis=0)
                frame[f"{what}_low"], frame[f"{what}_high"] = np.quantile(values, [0.1, 0.9], axis=0)
            parts.append(frame)
        return pd.concat(parts, ignore_index=True)

    def summary(self) -> pd.DataFrame:
        """One row a strategy: mean normalised regret with its standard error, experiments to the goals, factors.

        `experiments_to_half_top` and `experiments_to_top` are medians over seeds until half or all of the top are
        found, NaN where the median campaign does not get there; `acceleration` is for half of the top and, like
        `enhancement` (at the end), against the strategy "random", NaN where that was not run or nothing was found.
        `notes` says why a number is NaN.
        """
        rows = []
        random = self._top("random") if "random" in self.rows else None
        for name, order in self.rows.items():
            top, regret = self._top(name), self._regret(name)
            numbers = {
                "mean_regret": float(regret.mean()),
                "mean_regret_se": _standard_error(regret),
                "experiments_to_half_top": _median(experiments_needed(top, 0.5)),
                "experiments_to_top": _median(experiments_needed(top, 1.0)),
                "acceleration": np.nan if random is None else acceleration(top, random, 0.5),
                "enhancement": np.nan if random is None else float(enhancement(top, random)[-1]),
            }
            rows.append({"strategy": name, **numbers, "notes": self._notes(numbers, random, order.shape[1])})
        return pd.DataFrame(rows)

    def _notes(self, numbers: dict[str, float], random: Array | None, experiments: int) -> str:
        """Why numbers are missing, and where chance is only bounded."""
        missing = {name for name, value in numbers.items() if np.isnan(value)}
        said = []
        if "mean_regret_se" in missing:
            said.append("one seed has no standard error")
        if "experiments_to_top" in missing:
            which = "half of the best" if "experiments_to_half_top" in missing else "all of the best"
            said.append(f"{which} were not found within {experiments} experiments")
        if random is None:
            said.append("factors against chance need the strategy random")
        else:
            if not np.isfinite(np.median(experiments_needed(random, 0.5))) and "acceleration" not in missing:
                said.append("chance did not find half of the best: the acceleration is at least this")
            if "enhancement" in missing:
                said.append("chance found none of the best")
        return "; ".join(said)

    def comparisons(self) -> pd.DataFrame:
        """The first strategy against each other one: difference of the mean regrets over the same seeds.

        Columns `strategy` and `against`, `difference` (below 0: the first is better) with its standard error, and `p`:
        the share of sign changes of the paired differences whose mean is as far from 0 (all of them up to twelve seeds,
        10,000 random ones beyond); NaN for one seed.
        """
        names = list(self.rows)
        rows = []
        for other in names[1:]:
            difference = self._regret(names[0]) - self._regret(other)
            row = {"strategy": names[0], "against": other, "difference": float(difference.mean())}
            rows.append({**row, "standard_error": _standard_error(difference), "p": _paired_p(difference)})
        return pd.DataFrame(rows, columns=["strategy", "against", "difference", "standard_error", "p"])

    def _regret(self, name: str) -> Array:
        return mean_regret(self.table.loss, self.rows[name], self.schedule.n_start)

    def _top(self, name: str) -> NDArray[np.float64]:
        return top_found(self.table.loss, self.rows[name], self.top_k)


def _median(experiments: Array) -> float:
    middle = float(np.median(experiments))
    return middle if np.isfinite(middle) else float("nan")


def _standard_error(values: Array) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


#: Seeds up to which all changes of signs are tried, and how many random ones beyond.
_ALL_SIGNS, _RANDOM_SIGNS = 12, 10_000


def _paired_p(difference: Array) -> float:
    """Two-sided p of a mean difference (r,) of 0 by sign changes (Fisher, The Design of Experiments, 1935, 21)."""
    r = len(difference)
    if r < 2:
        return float("nan")
    if r <= _ALL_SIGNS:
        signs = 1.0 - 2.0 * ((np.arange(2**r)[:, None] >> np.arange(r)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(_RANDOM_SIGNS, r))
        signs[0] = 1.0
    means = np.abs(signs @ difference)
    return float(np.mean(means >= means[0] * (1.0 - 1e-9)))


def backtest(
    table: FinishedTable,
    strategies: Sequence[str] = ("spinscreen", "random"),
    schedule: Schedule = Schedule(),
    *,
    seeds: Sequence[int] = range(10),
    top_k: int = 5,
    progress: Progress | None = None,
) -> Backtest:
    """Replay a finished table as campaigns by several strategies; a seed gives all of them the same random start.

    Raises:
        BacktestError: for unknown strategies, no seeds, or numbers that make no campaign.
    """
    chosen = [get_strategy(name) for name in dict.fromkeys(strategies)]
    seeds = list(seeds)
    if not chosen or not seeds or top_k < 1:
        raise BacktestError(
            f"{len(chosen)} strategies, {len(seeds)} seeds, top {top_k}: at least one of each is needed"
        )
    if top_k > len(table.y):
        raise BacktestError(f"the best {top_k} of {len(table.y)} rows: count fewer as found")
    total, done, rows = len(chosen) * len(seeds), 0, {}
    for strategy in chosen:
        runs = []
        for seed in seeds:
            runs.append(replay(table, strategy, seed, schedule))
            done += 1
            if progress is not None:
                progress(done, total, f"{strategy.name}, seed {seed}")
        rows[strategy.name] = np.array(runs)
    return Backtest(table, rows, schedule, top_k)


#: Candidates a function is drawn over; larger pools are thinned, the draw costs the cube of this.
_LARGEST_DRAW = 1000


@dataclass(frozen=True)
class CampaignPlan:
    """Experiments needed until the goal in each simulated campaign, shape (s,); infinite where the budget ran out.

    `possible` says in how many of the drawn worlds any candidate at all meets the goal.
    """

    needed: Array
    goal: float
    budget: int
    possible: float

    def experiments_for(self, probability: float) -> float:
        """Experiments after which the goal is met with a probability, or infinite. `BacktestError` outside (0, 1]."""
        if not 0.0 < probability <= 1.0:
            raise BacktestError(f"probability {probability}: give a number between 0 and 1")
        return float(np.sort(self.needed)[int(np.ceil(probability * len(self.needed))) - 1])

    def probability_within(self, experiments: int) -> float:
        """Probability that the goal is met within so many experiments."""
        return float(np.mean(self.needed <= experiments))

    @property
    def within_budget(self) -> float:
        """Probability that the goal is met within the budget."""
        return self.probability_within(self.budget)


def plan_campaign(
    observed: FinishedTable,
    pool: Array,
    goal: float,
    schedule: Schedule = Schedule(batch_size=4),
    *,
    draws: int = 20,
    seed: int = 42,
    progress: Progress | None = None,
) -> CampaignPlan:
    """Simulate future campaigns on functions drawn from the surrogate fitted to what has been observed.

    Each draw is one possible world: a function over the candidates from the posterior, with the learnt noise on each
    simulated measurement. The plan is as good as the surrogate: where that knows little, worlds differ widely.

    Args:
        observed: what has been measured, two rows or more.
        pool: candidates, shape (m, d), in the columns of `observed`.
        goal: the true value that a measured candidate must reach.
        schedule: of the simulated campaign; its budget counts new experiments only, nothing is measured at random.
        draws: worlds simulated.
        seed: of all random numbers.
        progress: called after every world.

    Raises:
        BacktestError: for fewer than two observations or no draws. PoolError: as for the pool.
    """
    import torch  # a CPU second that a replay by chance does not take

    if len(observed.y) < 2 or draws < 1:
        raise BacktestError(
            f"{len(observed.y)} rows with a result, {draws} simulated worlds: a plan needs 2 and 1 at least"
        )
    if not len(pool):
        raise BacktestError(
            "every row has a result: the rows without one are the candidates of a plan, and none is left"
        )
    rng = np.random.default_rng(seed := check_seed(seed, BacktestError))
    problem = check_pool(pool, observed.x, observed.y, schedule.batch_size, observed.minimize, None, None)
    rows = np.flatnonzero(problem.free)
    rows = np.sort(rng.choice(rows, min(len(rows), _LARGEST_DRAW), replace=False))
    scale = fit_input_scale(problem.pool, problem.x)
    with threadpool_limits(1), one_thread():
        model, unit = problem.model(scale), problem.target_scale
        mean, covariance = joint_moments(model.model, torch.from_numpy(scale(problem.pool[rows])))
        values, vectors = np.linalg.eigh(covariance)
    target = goal if observed.minimize else -goal
    needed, possible = np.full(draws, np.inf), 0
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])  # the same worlds for every schedule
        world = mean + vectors @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(len(mean)))
        simulated = _World(problem.pool[rows], unit.original(world), unit.unit * np.sqrt(model.noise), target)
        possible += int(simulated.meets_goal.any())
        needed[draw] = simulated.experiments_needed(problem.x, problem.y, schedule, rng)
        if progress is not None:
            progress(draw + 1, draws, "worlds simulated")
    return CampaignPlan(needed, goal, schedule.budget, possible / draws)


@dataclass(frozen=True)
class _World:
    """A possible truth: candidates (m, d), their true values (m,), the noise of a measurement, and the goal."""

    pool: Array
    truth: Array
    noise: float
    goal: float

    @property
    def meets_goal(self) -> NDArray[np.bool_]:
        """Which candidates' true values meet the goal, shape (m,)."""
        return self.truth <= self.goal

    def experiments_needed(self, x: Array, y: Array, schedule: Schedule, rng: np.random.Generator) -> float:
        """New experiments beyond x (k, d), y (k,) until a candidate's true value meets the goal; `rng` draws noise."""
        left, done = np.arange(len(self.pool)), 0
        while done < schedule.budget and left.size:
            size = min(schedule.batch_size, schedule.budget - done, len(left))
            picks = left[_choose(self.pool[left], x, y, size, int(rng.integers(2**31)), schedule.teaching)]
            met = np.flatnonzero(self.meets_goal[picks])
            if met.size:
                return float(done + met[0] + 1)
            x = np.vstack([x, self.pool[picks]])
            y = np.append(y, self.truth[picks] + self.noise * rng.standard_normal(len(picks)))
            left = np.setdiff1d(left, picks)
            done += size
        return float("inf")


#: Okabe and Ito's palette, told apart by colour-blind readers too.
_COLOURS = ("#0072B2", "#999999", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_PANELS = (("best", "best so far"), ("regret", "simple regret"), ("top_found", "share of the top found"))


def figure_html(result: Backtest, title: str = "Back-test") -> str:
    """A self-contained HTML page; lines are means over seeds, bands hold 80% of the campaigns."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    frame = result.curves()
    figure = make_subplots(rows=1, cols=3, subplot_titles=[words for _, words in _PANELS])
    for number, (name, part) in enumerate(frame.groupby("strategy", sort=False)):
        colour = _COLOURS[number % len(_COLOURS)]
        x = part["experiments"].tolist()
        for column, (what, _) in enumerate(_PANELS, start=1):
            band = part[f"{what}_low"].tolist() + part[f"{what}_high"].tolist()[::-1]
            outline = go.Scatter(
                x=x + x[::-1],
                y=band,
                fill="toself",
                fillcolor=colour,
                opacity=0.15,
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
                legendgroup=str(name),
            )
            line = go.Scatter(
                x=x,
                y=part[what].tolist(),
                name=str(name),
                legendgroup=str(name),
                line={"color": colour},
                showlegend=column == 1,
            )
            figure.add_trace(outline, row=1, col=column)
            figure.add_trace(line, row=1, col=column)
    seeds = len(next(iter(result.rows.values())))
    figure.update_layout(
        title=f"{title}: {len(result.table.y)} rows, {result.schedule.n_start} random first, "
        f"batches of {result.schedule.batch_size}, "
        f"{seeds} seeds; bands hold 80% of the campaigns",
        template="simple_white",
    )
    figure.update_xaxes(title_text="experiments")
    figure.update_yaxes(title_text=result.table.target, row=1, col=1)
    html: str = figure.to_html(full_html=True, include_plotlyjs=True)
    return html
