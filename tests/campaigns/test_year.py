"""A lab year of 120 steps: whatever a group does, what the campaign says is held against a notebook beside it."""

from __future__ import annotations

import re
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count as counts
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from campaigns import Campaign
from campaigns.cli.console import count, out
from campaigns.cli.show import show_status
from campaigns.errors import CampaignError, DependedOnError, LifecycleError
from campaigns.events import AWAITED, NEVER_AGAIN, EventKind, Stage
from campaigns.files import write_table
from campaigns.intake import outcome_rows
from campaigns.summary import Status
from screening import SpinDataset
from tests.campaigns.conftest import Launched, described

#: Years that the profile "search" plays; the others are the same year again and again.
YEARS, STEPS = 4, 120
#: Layers that the description may be amended to.
LAYERS: tuple[tuple[int, ...], ...] = ((1, 2), (2,), (1, 2, 3))
#: Compounds of the space that no published row holds, as the steps name them.
COMPOUNDS = [f"({spacer})2({cage})Pb2I7" for spacer in ("PA", "EOA", "CMA") for cage in ("MA", "FA")]
COMPOUNDS += [f"({spacer})({cage})Pb2I7" for spacer in ("BDA", "PDA") for cage in ("MA", "FA")]
WORDS = [stage.value for stage in Stage if stage not in (Stage.SUGGESTED, Stage.MEASURED)]
REASON = "a year"
#: What a group does, the more often the more it stands here.
ACTS = ["measure"] * 5 + ["step"] * 5 + ["suggest", "retract", "undo", "undo", "amend", "decline_cation"]


#: One of some things, drawn by Hypothesis.
Choose = Any


@dataclass
class Notebook:
    """What the group knows, kept by hand.

    Attributes:
        rows: (formula, lifetime in ps, whether it is a bound, sample, whether it stands, whether it is undone).
        stages: of every compound.
        declined: (place, cation) that are not used.
        batch_size, n_layers: of the description.
        rounds: each list of suggestions, as the number of rows before it and the 90% interval of each compound, ps.
    """

    rows: list[tuple[str, float, bool, str, bool, bool]] = field(default_factory=list)
    stages: dict[str, Stage] = field(default_factory=dict)
    declined: list[tuple[str, str]] = field(default_factory=list)
    batch_size: int = 2
    n_layers: tuple[int, ...] = (1, 2)
    rounds: list[tuple[int, dict[str, tuple[float, float]]]] = field(default_factory=list)

    def standing(self, formula: str = "") -> list[tuple[str, float, bool, str, bool, bool]]:
        return [row for row in self.rows if row[4] and formula in ("", row[0])]

    def best(self, published: tuple[str, float]) -> tuple[str, float]:
        """The slowest compound, of the lab's own the geometric mean of its crystals, bounds left out."""
        means = dict([published])
        for formula in {row[0] for row in self.standing() if not row[2]}:
            values = [row[1] for row in self.standing(formula) if not row[2]]
            means[formula] = float(np.exp(np.mean(np.log(values))))
        return max(means.items(), key=lambda pair: pair[1])

    def compared(self) -> list[tuple[str, bool | None, bool | None]]:
        """Of each compound that was suggested before its first standing row: whether that is slower than three quarters
        of what was known then, and whether it lies in its interval; None where a bound leaves that open."""
        found, seen = list[tuple[str, bool | None, bool | None]](), set[str]()
        data = SpinDataset.published().trainable(False)
        published = data.table["lifetime_ps"].to_numpy()[~data.censored].tolist()
        for place, (formula, value, bound, _, stands, _) in enumerate(self.rows):
            before = [one for one in self.rounds if one[0] <= place and formula in one[1]]
            if stands and before and formula not in seen:
                n_rows, intervals = before[-1]
                own = [row[1] for row in self.rows[:n_rows] if row[4] and not row[2]]
                is_slow, (low, high) = value > np.percentile([*published, *own], 75), intervals[formula]
                is_inside = None if bound and low <= value else bool(low <= value <= high)
                found.append((formula, None if bound and is_slow else bool(is_slow), is_inside))
            seen |= {formula} if stands else set()
        return found


class Year(RuleBasedStateMachine):
    """One campaign and the notebook beside it."""

    def __init__(self, root: Path, launched: Launched, done: Counter[str]) -> None:
        """Launch it; the events that it comes to are counted in `done`."""
        super().__init__()
        self.root, self.launched, self.done = root, launched, done
        self.campaign = self.create("year")
        self.book = Notebook()
        self.published = {layers: self.create(f"{layers}", layers).status() for layers in LAYERS}
        self.n_drawn = 0
        #: The notebook as it was before each event of the group, by the event's number.
        self.before: dict[int, Notebook] = {}
        self.undone: set[int] = set()

    def create(self, name: str, n_layers: tuple[int, ...] = LAYERS[0], known: Campaign | None = None) -> Campaign:
        """A campaign beside the others."""
        config, made = described(space={"n_layers": n_layers}), self.launched
        folder = self.root / name
        return Campaign.create(folder, config, libraries=[made.library], oracle_store=made.oracle_store, known=known)

    def noted(self, earlier: Notebook) -> bool:
        """Whether the campaign recorded something; the notebook of before is kept."""
        last = self.campaign.state.last_event
        is_new = last not in self.before and self.campaign.events()[-1].kind is not EventKind.FITTED
        self.before[last] = earlier
        self.done[self.campaign.events()[-1].kind] += 1
        return is_new

    @rule(data=st.data())
    def act(self, data: st.DataObject) -> None:
        """One of the things that a group does. One rule: of several, Hypothesis leaves some out of a whole year."""

        def choose(*of: Any) -> Any:
            # Hypothesis begins with the year in which the first of all is chosen each time: it gets as varied as any.
            self.n_drawn += 1
            return Random(self.n_drawn).sample(of, len(of))[data.draw(st.integers(0, len(of) - 1))]

        getattr(self, choose(*ACTS))(choose)

    def measure(self, choose: Choose) -> None:
        formula, sample, bound = choose(*COMPOUNDS), choose(*"abc"), choose(*4 * [False], True)
        # Crystals of one compound agree: those that contradict each other are set apart, and are another test's.
        value = round((2.0 + 1.5 * COMPOUNDS.index(formula)) * choose(1.0, 0.9, 1.1), 2)
        earlier = deepcopy(self.book)
        same = [row for row in self.book.rows if row[:4] == (formula, value, bound, sample) and not row[5]]
        row = {"formula": formula, "lifetime_ps": value, "sample": sample, "is_upper_bound": bound}
        result = self.campaign.observe([row])
        assert (result.added, result.skipped) == ((0, 1) if same else (1, 0))
        if not same:
            self.book.rows.append((formula, value, bound, sample, True, False))
            self.book.stages[formula] = Stage.MEASURED
            self.noted(earlier)

    def step(self, choose: Choose) -> None:
        formula, word = choose(*COMPOUNDS), choose(*WORDS)
        earlier, last = deepcopy(self.book), self.campaign.state.last_event
        try:
            self.campaign.step(formula, word, reason=REASON)
        except LifecycleError as problem:
            assert str(self.book.stages.get(formula, "never")).split()[0] in str(problem)  # noqa: PT017
            assert self.campaign.state.last_event == last
            return
        if self.campaign.state.last_event == last:  # said already
            return
        stage = Stage(word)
        still = stage in (Stage.DECLINED, Stage.ABANDONED, Stage.STALE, Stage.NOT_MEASURABLE)
        self.book.stages[formula] = Stage.MEASURED if still and self.book.standing(formula) else stage
        self.noted(earlier)

    def retract(self, choose: Choose) -> None:
        earlier = deepcopy(self.book)
        numbers = [place for place, row in enumerate(self.book.rows) if row[4]]
        if not numbers:
            return
        place = choose(*numbers)
        formula, *rest = self.book.rows[place]
        self.campaign.retract(place + 1, REASON)
        self.book.rows[place] = (formula, rest[0], rest[1], rest[2], False, False)
        # Where it stands now follows from what came before; the campaign's own word is checked by its counts alone.
        self.follow(formula)
        self.noted(earlier)

    def follow(self, formula: str) -> None:
        """Take over where a compound stands, if that can be."""
        stage = self.campaign.state.stages.get(formula)
        assert (stage is Stage.MEASURED) <= bool(self.book.standing(formula))
        self.book.stages.pop(formula, None)
        if stage is not None:
            self.book.stages[formula] = stage

    def suggest(self, choose: Choose) -> None:
        more, earlier, state = choose(False, False, True), deepcopy(self.book), self.campaign.state
        batch = self.campaign.suggest(more=more)
        is_new = self.campaign.state.n_rounds > state.n_rounds
        assert bool(batch.shortfall) == (len(batch.suggestions) < self.book.batch_size)
        if not is_new:
            return
        assert self.campaign.suggest() == batch
        for suggestion in batch.suggestions:
            stage = self.book.stages.get(suggestion.formula)
            assert stage not in AWAITED | NEVER_AGAIN | {Stage.MEASURED}
            assert not self.book.standing(suggestion.formula)
            assert suggestion.n_layers in self.book.n_layers
            assert ("spacer", suggestion.spacer) not in self.book.declined
            assert ("cage", suggestion.cage) not in self.book.declined
        intervals = {one.formula: (one.lifetime_low_ps, one.lifetime_high_ps) for one in batch}
        self.book.rounds.append((len(self.book.rows), intervals))
        for formula, stage in self.campaign.state.stages.items():
            assert (stage in (Stage.SUGGESTED, Stage.STALE)) or stage == self.book.stages[formula]
            self.book.stages[formula] = stage
        self.noted(earlier)

    def decline_cation(self, choose: Choose) -> None:
        place = choose(("spacer", "4AMP"), ("spacer", "PEA"), ("cage", "FA"))
        earlier = deepcopy(self.book)
        if place in self.book.declined:
            with pytest.raises(LifecycleError, match=r"is declined as a .* already"):
                self.campaign.decline_cation(place[1], REASON, place=place[0])  # type: ignore[arg-type]
            return
        self.campaign.decline_cation(place[1], REASON, place=place[0])  # type: ignore[arg-type]
        self.book.declined.append(place)
        for formula in [formula for formula, stage in self.book.stages.items() if stage is Stage.SUGGESTED]:
            is_first = formula.startswith(f"({place[1]})")
            if f"({place[1]})" in formula and is_first == (place[0] == "spacer"):
                self.book.stages[formula] = Stage.DECLINED
        self.noted(earlier)

    def amend(self, choose: Choose) -> None:
        size, n_layers = choose(1, 2, 3), choose(*LAYERS)
        earlier = deepcopy(self.book)
        config = described(space={"n_layers": n_layers}, budget={"batch_size": size})
        same = (size, n_layers) == (self.book.batch_size, self.book.n_layers)
        assert bool(self.campaign.amend(config, confirmed=True).changes) != same
        if not same:
            self.book.batch_size, self.book.n_layers = size, n_layers
            self.noted(earlier)

    def undo(self, _: Choose) -> None:
        """Undo the last thing that the group did, if nothing was learnt on it."""
        last = self.campaign.state.last_event
        if last not in self.before or last in self.undone:
            return
        n_rows = len(self.book.rows)
        try:
            self.campaign.undo(last, REASON)
        except DependedOnError:
            return
        self.undone.add(last)
        self.done["undone"] += 1
        rows = self.book.rows
        self.book = deepcopy(self.before[last])
        self.book.rows += [(*row[:4], False, True) for row in rows[len(self.book.rows) : n_rows]]

    @invariant()
    def what_it_says_is_true(self) -> None:
        campaign, book = self.campaign, self.book
        status, standing, published = campaign.status(), book.standing(), self.published[book.n_layers]
        assert (status.n_ingested, len(status.record)) == (len(standing), len(book.rows))
        assert (status.n_compounds, status.rounds) == (published.n_compounds, len(book.rounds))
        assert status.n_measured == published.n_measured + len(standing)
        told = [(row["formula"], row["lifetime_ps"], row["is_upper_bound"]) for row in status.record]
        assert told == [row[:3] for row in book.rows]
        assert [row["retracted"] is None for row in status.record] == [row[4] for row in book.rows]
        awaited = {formula for formula, stage in book.stages.items() if stage in AWAITED}
        assert status.stages == {formula: stage.value for formula, stage in book.stages.items()}
        assert set(status.pending) == awaited
        assert [(one.place, one.name) for one in campaign.state.ruled_out] == book.declined
        assert (campaign.config.budget.batch_size, campaign.config.space.n_layers) == (book.batch_size, book.n_layers)
        assert published.best_observed is not None
        best = book.best(published.best_observed)
        assert status.best_observed == (best[0], pytest.approx(best[1]))
        record = campaign.track_record()
        assert record == status.track_record
        assert book.compared() == [
            (one.formula, one.is_hit, one.is_inside) for one in (record.compared if record else ())
        ]
        self.what_is_left_is_true(status)
        assert {row["id"] for row in campaign.history() if row["is_undone"]} == self.undone
        assert Campaign.open(campaign.folder).state == campaign.state
        with out.capture() as printed:
            show_status(status)
        bounds = sum(row[2] for row in standing)
        for sentence in (
            f"{status.n_measured} lifetimes measured, {len(standing)} of them ours"
            + (f" ({count(bounds, 'upper bound')})" if bounds else "\n"),
            f"best observed:  {best[0]}  {status.best_observed[1]:.3g} ps",
            f"{count(len(book.rounds), 'round')} of suggestions, {count(len(awaited), 'result')} awaited",
            *(f"not used:             {name} as {place} ({REASON})" for place, name in book.declined),
            status.nothing_left or "",
            record.sentence if record else "",
        ):
            assert sentence in printed.get()
        for stage in set(book.stages.values()):
            (line,) = [line for line in printed.get().splitlines() if line.startswith(f"  {stage.value + ':':22s}")]
            listed = [formula for formula, now in book.stages.items() if now is stage]
            also = [" (measured)" * (stage is not Stage.MEASURED and bool(book.standing(one))) for one in listed]
            assert sorted(line[24:].split(", ")) == sorted(map("".join, zip(listed, also, strict=True)))

    def what_is_left_is_true(self, status: Status) -> None:
        """The best predicted compound can be suggested, unless it is said why not; where nothing is left, every
        compound is counted once."""
        if status.best_predicted is not None and not status.best_predicted_is:
            formula = status.best_predicted[0]
            assert not self.book.standing(formula)
            assert self.book.stages.get(formula, Stage.SUGGESTED) in (Stage.SUGGESTED, Stage.STALE)
            declined = [name for _, name in self.book.declined if f"({name})" in formula]
            assert not declined
        if status.nothing_left is not None:
            total, *parts = map(int, re.findall(r"\b\d+\b", status.nothing_left.split(". To go on")[0]))
            assert (total, sum(parts)) == (status.n_compounds, status.n_compounds)

    def teardown(self) -> None:
        """At the end of the year all of it goes into another campaign, by tables and as a whole; then the last round
        is computed again."""
        campaign, state, other = self.campaign, self.campaign.state, self.create("tables")
        if state.record:
            write_table(self.root / "rows.csv", [row.to_dict() for row in state.record if not row.is_undone])
            other.ingest(self.root / "rows.csv")
        write_table(self.root / "steps.csv", outcome_rows(state))
        if state.steps or state.ruled_out:
            other.ingest_outcomes(self.root / "steps.csv")
        assert sorted(row.observation.to_dict().items() for row in other.state.record if not row.retracted) == sorted(
            row.observation.to_dict().items() for row in state.record if not row.retracted
        )
        assert set(other.state.outcomes) == set(state.outcomes)
        assert {one.inchikey for one in other.state.ruled_out} == {one.inchikey for one in state.ruled_out}
        try:
            known = self.create("whole", known=campaign)
        except CampaignError as problem:
            assert "there is nothing to carry over" in str(problem)  # noqa: PT017
        else:
            assert known.state.measurements == state.measurements
            assert (known.state.outcomes, known.state.pending) == (state.outcomes, state.pending)
        if state.batches:
            assert campaign.replay().same
        report, bounds = campaign.report().read_text(encoding="utf-8"), sum(row[2] for row in self.book.standing())
        told = f"{len(self.book.standing())} of them ingested here" + (
            f" ({count(bounds, 'upper bound')})" * bool(bounds)
        )
        assert f"{told};" in report
        assert (record := campaign.track_record()) is None or record.sentence in report


def test_a_year_of_a_campaign_holds_every_statement_it_makes(launched: Launched, tmp_path: Path) -> None:
    done, years, again = Counter[str](), counts(), settings.default.derandomize  # type: ignore[union-attr]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        lambda: Year(tmp_path / str(next(years)), launched, done),
        # Nothing is made smaller: a year trains many times.
        settings=settings(
            max_examples=1 if again else YEARS, stateful_step_count=STEPS, phases=[Phase.generate], deadline=None
        ),
    )
    assert min(done[kind] for kind in ("observed", "stepped", "suggested", "amended", "taken_back", "undone")) >= 4, (
        done
    )
