"""The benchmarks' bookkeeping: ratios of contenders, stamps, and tables that nobody typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import results, table
from benchmarks.registry import Case, Outcome, Setting, load

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


def test_an_item_for_which_ours_needs_nothing_does_not_break_the_ratio() -> None:
    told = results.summarise({"ours": [0.0, 1.0, 3.0, 2.0], "theirs": [0.0, 2.0, 6.0, 4.0]})
    assert told["theirs"]["ratio"] == pytest.approx(2.0)


def test_a_result_is_stamped_with_versions_and_machine_and_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(results, "SUMMARY", tmp_path / "summary.json")
    outcome = Outcome({"ours": [1.0, 2.0], "theirs": [3.0, 4.0]}, {"absent": "not installed"}, ["a note"])
    case = Case("try", "Trying", "s", "one try", lambda _: outcome)
    results.save(results.record(case, outcome, Setting(seed=3), 1.5))
    published = results.publish()["try"]
    assert published["stamp"]["seed"] == 3
    assert {"python", "versions", "processor", "cores", "load", "at"} <= published["stamp"].keys()
    assert published["stamp"]["versions"]["numpy"] != "absent"
    assert "samples" not in published
    assert published["absent"] == {"absent": "not installed"}


def test_fewer_repeats_are_made_at_a_smaller_scale_but_never_one() -> None:
    assert Setting(scale=0.1).times(50) == 5
    assert Setting(scale=0.01).times(50) == 2


def test_the_readmes_table_is_what_the_results_say() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.split(table.BEGIN)[1].split(table.END)[0] == table.short_table(SUMMARY)


def test_the_page_of_benchmarks_is_what_the_results_say() -> None:
    assert (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8") == table.page(SUMMARY)


def test_every_published_result_is_of_a_case_that_still_exists() -> None:
    assert set(SUMMARY) <= set(load())
    assert all(result["question"] == load()[name].question for name, result in SUMMARY.items())


def test_the_plot_shows_every_contender(tmp_path: Path) -> None:
    table.plot(SUMMARY, tmp_path / "plot.svg")
    assert "<svg" in (tmp_path / "plot.svg").read_text(encoding="utf-8")
