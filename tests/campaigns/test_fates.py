"""What becomes of each row of a results table."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns import Campaign
from campaigns.fates import MANY, Known, disagreements, doubt, row_fates
from campaigns.ingest import read_observations
from campaigns.state import CampaignState
from campaigns.targets import LIFETIME, Observation, Recorded
from tests.campaigns.small import created

#: A compound without published lifetimes.
FORMULA = "(EOA)2(FA)Pb2I7"
HEAD = "formula,lifetime_ps,lifetime_stderr_ps,temperature_k,sample\n"
ROWS = st.tuples(
    st.floats(0.05, 20.0).map("{:.3f}".format),
    st.sampled_from(["", "0.01", "<"]),
    st.sampled_from(["", "77", "295"]),
    st.sampled_from(["", "k1", "k2"]),
)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    return created(tmp_path_factory.mktemp("fates") / "small")


@settings(max_examples=40)
@given(rows=st.lists(ROWS, min_size=2, max_size=12))
def test_a_row_is_held_against_every_row_before_it_though_few_are_looked_at(
    campaign: Campaign, rows: list[tuple[str, ...]]
) -> None:
    lines = [f"{FORMULA},{'<' * (e == '<')}{v},{e.strip('<')},{t},{sample}" for v, e, t, sample in rows]
    table = read_observations("lab.csv", (HEAD + "\n".join(lines)).encode(), LIFETIME, campaign.names)
    known = list[Known]()
    for row, fate in zip(table.rows, row_fates(table, campaign.state, campaign.names, campaign.space), strict=True):
        if fate.report.action == "add":
            told = [f"row {row.line}: {word}" for word in disagreements(row.observation, LIFETIME, known)]
            assert [word for word in fate.words if "is set apart" not in word] == told
            known.append(Known(row.observation, f"row {row.line}"))


def test_the_row_that_is_set_apart_is_named_by_the_whole_table_and_what_moved_in_the_record(campaign: Campaign) -> None:
    def apart(state: CampaignState, *lines: str) -> list[str]:
        table = read_observations("lab.csv", (HEAD + "\n".join(lines)).encode(), LIFETIME, campaign.names)
        fates = row_fates(table, state, campaign.names, campaign.space)
        return [word.split(" (the same")[0] for fate in fates for word in fate.words if " train" in word]

    lucky, rest = f"{FORMULA},40,30,,k1", [f"{FORMULA},{value},0.1,,k{value}" for value in (1.2, 1.1, 1.3)]
    does_not = f"{FORMULA} is set apart and does not train"
    assert apart(campaign.state, lucky, *rest) == [f"row 2: {does_not}"]
    assert apart(campaign.state, lucky, rest[0]) == [f"row 3: {does_not}"]
    recorded = Recorded(
        1, Observation(formula=FORMULA, value=40.0, stderr=30.0, sample="k1"), "a.csv", campaign.state.created_at, "me"
    )
    known = replace(campaign.state, records=MappingProxyType({LIFETIME.name: (recorded,)}))
    moved = f"measurement 1 of {FORMULA} is set apart now and does not train"
    assert apart(known, *rest) == [f"row 2: {moved}"]


def test_each_of_a_few_earlier_lifetimes_is_named_and_of_many_the_ends() -> None:
    few, many = doubt(310.0, [0.3, 0.5], None), doubt(310.0, [0.3, 0.5] * MANY, None)
    assert few is not None
    assert "earlier crystals of this compound gave 0.30, 0.50 ps" in few.sentence
    assert many is not None
    assert "24 earlier crystals of this compound gave 0.30 to 0.50 ps" in many.sentence
