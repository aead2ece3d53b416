"""What a campaign predicted of what it suggested, beside what was measured of it then."""

from __future__ import annotations

import numpy as np
import pytest

from campaigns import Campaign
from screening import SpinDataset
from tests.campaigns.cli.test_described import run
from tests.campaigns.conftest import Launched


def measured(campaign: Campaign, *lifetimes_ps: float | str) -> list[str]:
    """Measure the suggestions of the last round in their order; their formulas."""
    formulas = [s.formula for s in campaign.suggest().suggestions]
    rows = [{"formula": f, "lifetime_ps": t} for f, t in zip(formulas, lifetimes_ps, strict=False)]
    campaign.observe(rows)
    return formulas


def test_there_is_no_record_before_a_suggestion_is_measured(year: Campaign) -> None:
    year.retract(1, "wrong crystal")
    assert (year.track_record(), year.status().track_record) == (None, None)


def test_hits_intervals_and_chance_are_counted(year: Campaign) -> None:
    year.retract(1, "it was in round 1")
    batch = year.suggest()
    low, high = batch.suggestions[0].lifetime_low_ps, batch.suggestions[0].lifetime_high_ps
    published = SpinDataset.published().trainable(False).table["lifetime_ps"].to_numpy()
    slow = float(np.quantile(published, 0.75))
    slowest = 2 * max(high, slow)
    formulas = measured(year, slowest, f"<{low / 2:.3g}")
    record = year.track_record()
    assert record is not None
    assert [one.formula for one in record.compared] == formulas
    assert record.compared[0].slow_ps == pytest.approx(slow)
    assert [(one.is_hit, one.is_inside) for one in record.compared] == [(True, False), (False, False)]
    assert (record.n_hits, record.hit_rate, record.coverage) == (1, 0.5, 0.0)
    assert record.p_chance == pytest.approx(1 - 0.75**2)
    assert not record.beats_chance
    assert year.status().to_dict()["track_record"]["sentence"] == record.sentence
    year.retract(3, "wrong crystal")
    fewer = year.track_record()
    assert fewer is not None
    assert [one.formula for one in fewer.compared] == formulas[1:]


def test_what_was_measured_before_or_again_does_not_count(year: Campaign) -> None:
    formula, _ = measured(year, 3.0)
    year.observe([{"formula": formula, "lifetime_ps": 0.1, "sample": "second"}])
    record = year.track_record()
    assert record is not None
    assert [(one.formula, one.measured_ps, one.round) for one in record.compared] == [
        ("(BDA)PbI4", 0.7, 1),
        (formula, 3.0, 2),
    ]


def test_status_and_report_tell_it(year: Campaign, launched: Launched) -> None:
    measured(year, 3.0)
    record = year.track_record()
    assert record is not None
    assert record.sentence in run(launched, "status", year.folder).stdout
    assert record.sentence.split(":")[0] in year.report().read_text(encoding="utf-8")
