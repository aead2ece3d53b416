"""The benchmarks' bookkeeping: ratios of contenders, stamps, and tables that nobody typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import ranking_pool, results, table
from benchmarks.limited import Limits, run_limited
from benchmarks.registry import OURS, Case, Outcome, Setting, Unfinished, load

ROOT = Path(__file__).parent.parent
SUMMARY = json.loads(results.SUMMARY.read_text(encoding="utf-8"))


def test_every_case_says_what_it_compares() -> None:
    cases = load()
    assert len(cases) > 10
    assert all(each.question and each.unit and each.item and each.run.__doc__ for each in cases.values())


def test_listing_names_every_case_and_runs_none() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks", "--list"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(load())


def test_ratios_are_taken_item_by_item() -> None:
    told = results.summarise({"ours": [1.0, 10.0, 100.0], "theirs": [2.0, 20.0, 200.0]})
    assert told["theirs"]["ratio"] == told["theirs"]["ratio_q25"] == told["theirs"]["ratio_q75"] == 2.0
    assert told["ours"]["median"] == 10.0


def test_a_contender_with_fewer_repeats_is_compared_by_medians() -> None:
    told = results.summarise({"ours": [1.0, 2.0, 3.0], "theirs": [8.0]})
    assert told["theirs"]["ratio"] == 4.0
    assert told["theirs"]["n"] == 1


def test_the_spread_of_a_contender_with_fewer_repeats_is_kept() -> None:
    told = results.summarise({"ours": [1.0, 2.0, 3.0], "theirs": [8.0, 12.0]})
    assert (told["theirs"]["ratio_q25"], told["theirs"]["ratio"], told["theirs"]["ratio_q75"]) == (4.5, 5.0, 5.5)


def busy(size: int) -> float:
    """Work that takes a time in proportion to `size`."""
    return sum(float(number) for number in range(size))


def greedy(size: int) -> int:
    """Work that takes `size` bytes."""
    return len(bytearray(size))


def broken(size: int) -> float:
    """Work that only a small problem goes through."""
    return 1 / (1 - size)


def problem(size: int) -> tuple[int]:
    """The arguments of the work."""
    return (size,)


def test_a_contender_within_its_limits_is_timed_as_often_as_asked() -> None:
    run = run_limited(busy, problem, 1, 300_000, 3, Limits(cpu_s=60))
    assert len(run.samples) == 3
    assert min(run.samples) > 0
    assert 0.0 < run.peak_gb < 8.0
    assert (run.ended, run.at_least, run.missing) == ("", None, "")


def test_the_memory_of_a_contender_is_not_that_of_its_parent() -> None:
    ballast = b"x" * 600_000_000
    run = run_limited(busy, problem, 1, 1000, 1, Limits(cpu_s=60))
    assert 0.0 < run.peak_gb < len(ballast) / 1e9


def test_a_contender_that_takes_long_is_run_once() -> None:
    assert len(run_limited(busy, problem, 1, 300_000, 3, Limits(cpu_s=60, enough_s=0.0)).samples) == 1


def test_a_contender_that_outlasts_its_limit_is_ended_and_said_to_take_longer() -> None:
    run = run_limited(busy, problem, 1, 10**10, 1, Limits(cpu_s=2))
    assert run.samples == []
    assert run.at_least == 2.0
    assert run.ended == "not finished within 2 CPU s"


def test_a_contender_that_wants_too_much_memory_is_ended() -> None:
    run = run_limited(greedy, problem, 1, 3 * 10**9, 1, Limits(cpu_s=60, memory_gb=2.0))
    assert run.samples == []
    assert run.at_least is None
    assert run.ended == "out of memory at 2 GB"


def test_a_contender_that_fails_ends_the_case_with_its_own_words() -> None:
    with pytest.raises(RuntimeError, match=r"broken failed:(?s:.*)ZeroDivisionError"):
        run_limited(broken, problem, 2, 1, 1, Limits(cpu_s=60))


@pytest.mark.parametrize("name", ["spinscreen", "random forest", "BoTorch", "BoTorch after a screen"])
def test_a_way_to_choose_takes_four_different_good_candidates(name: str) -> None:
    pool, x, y = ranking_pool.problem(600)
    chosen: Any = ranking_pool.CONTENDERS[name](pool, x, y)
    rows = np.asarray(chosen[0] if isinstance(chosen, tuple) else pool[chosen])
    assert len(np.unique(rows, axis=0)) == 4
    assert all((pool == row).all(axis=1).any() for row in rows)
    truth = np.sin(5 * pool[:, 0]) + pool[:, 1] ** 2
    assert np.median(np.sin(5 * rows[:, 0]) + rows[:, 1] ** 2) < np.quantile(truth, 0.1)


def test_an_item_for_which_ours_needs_nothing_does_not_break_the_ratio() -> None:
    told = results.summarise({"ours": [0.0, 1.0, 3.0, 2.0], "theirs": [0.0, 2.0, 6.0, 4.0]})
    assert told["theirs"]["ratio"] == pytest.approx(2.0)


def test_a_result_is_stamped_with_versions_and_machine_and_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(results, "SUMMARY", tmp_path / "summary.json")
    outcome = Outcome(
        {OURS: [1.0, 2.0], "theirs": [3.0, 4.0]},
        {"absent": "not installed"},
        {"slow": Unfinished("not finished within 9 CPU s", 9.0)},
        ["a note"],
    )
    case = Case("try", "Trying", "s", "one try", lambda _: outcome)
    results.save(results.record(case, outcome, Setting(seed=3), 1.5))
    published = results.publish()["try"]
    assert published["stamp"]["seed"] == 3
    assert {"python", "versions", "processor", "cores", "load", "at"} <= published["stamp"].keys()
    assert published["stamp"]["versions"]["numpy"] != "absent"
    assert "samples" not in published
    assert published["absent"] == {"absent": "not installed"}
    assert published["unfinished"] == {"slow": {"why": "not finished within 9 CPU s", "at_least": 9.0}}


def test_a_result_without_ours_is_refused() -> None:
    outcome = Outcome({"theirs": [3.0]}, unfinished={OURS: Unfinished("out of memory at 8 GB")})
    case = Case("try", "Trying", "s", "one try", lambda _: outcome)
    with pytest.raises(ValueError, match=r"try: spinscreen has no samples.*out of memory"):
        results.record(case, outcome, Setting(), 1.5)


def test_fewer_repeats_are_made_at_a_smaller_scale_but_never_one() -> None:
    assert Setting(scale=0.1).times(50) == 5
    assert Setting(scale=0.01).times(50) == 2


def test_the_readmes_sentences_are_what_the_results_say() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.split(table.BEGIN)[1].split(table.END)[0] == table.sentences(SUMMARY)


def test_the_page_of_benchmarks_is_what_the_results_say() -> None:
    assert (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8") == table.page(SUMMARY)


@pytest.fixture
def ended() -> dict[str, Any]:
    """One result with a contender that was slow and one that was large."""
    told = json.loads(json.dumps(next(iter(SUMMARY.values()))))
    told["summary"] = results.summarise({"ours": [3.0], "theirs": [6.0]})
    told["unfinished"] = {
        "slow": {"why": "not finished within 90 CPU s", "at_least": 90.0},
        "large": {"why": "out of memory at 8 GB", "at_least": None},
    }
    return {"try": told}


def test_a_contender_that_a_limit_ended_stands_in_both_tables_with_the_limit(ended: dict[str, Any]) -> None:
    short = table.short_table(ended)
    assert (
        "theirs 2 (one run), slow more than 30 (not finished within 90 CPU s), large (out of memory at 8 GB)" in short
    )
    assert "| slow | 0: not finished within 90 CPU s | more than 90 | - | more than 30 | - |" in table.page(ended)
    assert "| large | 0: out of memory at 8 GB | - | - | - | - |" in table.page(ended)


def test_the_plot_has_a_row_for_a_contender_that_was_ended_with_a_known_bound(
    ended: dict[str, Any], tmp_path: Path
) -> None:
    table.plot(ended, tmp_path / "plot.svg")
    drawn = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert "<!-- try: slow -->" in drawn
    assert "<!-- try: large -->" not in drawn


def test_the_published_suggestions_have_every_contender_at_every_size() -> None:
    for size in ("1e3", "1e4", "1e5", "1e6"):
        told = SUMMARY[f"suggest-{size}"]
        every = {name for name in ranking_pool.CONTENDERS if size != "1e3" or not name.endswith("after a screen")}
        assert set(told["summary"]) | set(told["unfinished"]) == every
        assert next(iter(told["summary"])) == OURS
        assert told["absent"] == {}


def test_every_published_result_is_of_a_case_that_still_exists() -> None:
    assert set(SUMMARY) <= set(load())
    assert all(result["question"] == load()[name].question for name, result in SUMMARY.items())


def test_the_plot_shows_every_contender(tmp_path: Path) -> None:
    table.plot(SUMMARY, tmp_path / "plot.svg")
    assert "<svg" in (tmp_path / "plot.svg").read_text(encoding="utf-8")
