"""A learned oracle in a campaign: which spacers are computed, in rounds, whatever stops it and whatever is granted."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from campaigns import Campaign, CampaignConfig
from campaigns.cli.app import app
from campaigns.errors import CampaignError, ConfigError
from campaigns.narrate import sentence
from campaigns.plan import plan_launch
from campaigns.space import gather
from chemspace import Cation, CationLibrary
from oracle import CationRecord, OracleStore, Protocol
from screening.dataset import SpinDataset
from screening.learned_oracle import far_spacers, spacer_features

LIBRARY = CationLibrary.builtin()
MEASURED = {c.inchikey for compound in SpinDataset.published().compounds if compound for c, _ in compound.cation_counts}
UNMEASURED = tuple(c for c in LIBRARY.spacers if c.inchikey not in MEASURED)


def made_up(cation: Cation, protocol: Protocol, ok: bool = True) -> CationRecord:
    """A record whose numbers follow size and charge, with noise drawn from the InChIKey."""
    if not ok:
        return CationRecord(cation.inchikey, cation.smiles, cation.charge, "failed", "", protocol.key, error="no")
    noise = np.random.default_rng(int.from_bytes(cation.inchikey[:7].encode(), "big")).normal(size=3)
    heavy, mass = cation.n_heavy_atoms, cation.molar_mass_g_mol
    homo = -15.0 + 0.02 * mass - 4.0 * (cation.charge - 1) + 0.1 * noise[0]
    return CationRecord(
        cation.inchikey, cation.smiles, cation.charge, "ok", protocol.label, protocol.key,
        molar_mass_g_mol=mass, electronegativity=2.4, polarizability_bohr3=12.0 * heavy,
        dipole_debye=abs(2.0 + 0.8 * heavy + noise[1]), homo_ev=homo, lumo_ev=homo + 9.0, gap_ev=9.0,
        radius_angstrom=1.5 + 0.25 * heavy, seconds=0.1,
    )  # fmt: skip


@dataclass
class PretendOracle:
    """Answers as `oracle.describe` does, at once; counts what it computed, and is stopped after some, or where start
    geometries are asked for once more than so often."""

    computed: Counter[str] = field(default_factory=Counter)
    stop_after: int = 10**9
    shapes_left: int = 10**9
    seconds: float = 0.1
    fails: frozenset[str] = frozenset()

    def describe(
        self, cations: Sequence[Cation], protocol: Protocol, store: OracleStore, **_: Any
    ) -> list[CationRecord]:
        held = store.get_many([cation.inchikey for cation in cations], protocol)
        for cation in cations:
            if cation.inchikey not in held or held[cation.inchikey].retry:
                if sum(self.computed.values()) >= self.stop_after:
                    raise KeyboardInterrupt
                self.computed[cation.inchikey] += 1
                held[cation.inchikey] = made_up(cation, protocol, cation.inchikey not in self.fails)
                store.put(held[cation.inchikey])
        return [held[cation.inchikey] for cation in cations]

    def plan(self, cations: Sequence[Cation], protocol: Protocol, *_: Any, **__: Any) -> list[CationRecord]:
        """For a plan, which keeps nothing."""
        return [replace(made_up(cation, protocol), seconds=self.seconds) for cation in cations]

    def shapes(self, smiles: Sequence[str]) -> NDArray[np.float64]:
        """In place of start geometries."""
        self.shapes_left -= 1
        if self.shapes_left < 0:
            raise KeyboardInterrupt
        return np.zeros((len(smiles), 4))


def pretended(patch: pytest.MonkeyPatch) -> PretendOracle:
    """Neither the oracle nor its start geometries are real."""
    oracle = PretendOracle()
    patch.setattr("campaigns.records.describe", oracle.describe)
    patch.setattr("campaigns.plan.describe", oracle.plan)
    patch.setattr("screening.learned_oracle.StartShapes.__call__", lambda _, smiles: oracle.shapes(smiles))
    return oracle


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> PretendOracle:
    return pretended(monkeypatch)


def campaign_of(
    folder: Path, calculations: int, spacers: int = 90, of: Sequence[Cation] = UNMEASURED, **more: Any
) -> Campaign:
    """Over the first unmeasured spacers of the built-in library, or others, n = 1, with a cheap surrogate."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "spacers.smi"
    library.write_text("\n".join(c.smiles for c in of[:spacers]) + "\n", encoding="utf-8")
    values = {"space": {"n_layers": [1]}, "surrogate": "mean", "budget": {"calculations": calculations}, **more}
    return Campaign.create(
        folder / "campaign", CampaignConfig.parse(values), libraries=[library], oracle_store=folder / "oracle.db"
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a campaign whose search has ended and that has suggested three compounds, and its store."""
    folder = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        oracle = pretended(patch)
        with campaign_of(folder, 40, surrogate="linear") as campaign:
            campaign.suggest(3)
    assert max(oracle.computed.values()) == 1
    return folder


@pytest.fixture
def campaign(searched: Path, pretend: PretendOracle, tmp_path: Path) -> Iterator[Campaign]:
    """A copy of it."""
    shutil.copytree(searched, tmp_path, dirs_exist_ok=True)
    with Campaign.open(tmp_path / "campaign", oracle_store=tmp_path / "oracle.db") as opened:
        yield opened


def spent(campaign: Campaign) -> int:
    return sum(len(one.spacers) - one.n_known for one in campaign.state.spacer_rounds)


def test_the_budget_holds_and_only_computed_spacers_are_ranked(campaign: Campaign) -> None:
    rounds, chosen = campaign.state.spacer_rounds, campaign.state.chosen_spacers
    assert spent(campaign) == 40
    assert [len(one.spacers) for one in rounds] == [32, 4, 4, 0]
    assert chosen is not None
    ranked = {campaign.space.spacers[int(place)].inchikey for place in campaign.round().ranking.spacer}
    assert ranked <= chosen
    names = {spacer.abbreviation for spacer in campaign.space.spacers if spacer.inchikey in chosen}
    assert {suggestion.spacer for suggestion in campaign.state.batches[0].suggestions} <= names


def test_the_record_says_which_spacers_are_computed_and_what_is_open(campaign: Campaign) -> None:
    told = campaign.status().spacers
    assert told is not None
    assert (told["n_computed"], told["n_predicted"], told["calculations_left"]) == (40, 50, 0)
    assert 0.0 < told["last_round"]["open_places"] <= 90.0
    assert "homo_ev" in told["last_round"]["scores"]
    assert dict(campaign.table("spacers")["descriptors"].value_counts()) == {"predicted": 50, "computed": 40}
    words = [sentence(event) for event in campaign.events() if event.kind == "described"]
    assert words[0] == "learned oracle, round 1: 32 spacers; nothing is predicted yet"
    assert words[-1].startswith("learned oracle: no calculation is left; spacers that are not computed are expected")


def test_a_search_that_is_stopped_anywhere_goes_on_and_computes_nothing_twice(
    pretend: PretendOracle, tmp_path: Path
) -> None:
    with campaign_of(tmp_path / "whole", 40) as whole:
        whole.describe()
        wanted = [one.spacers for one in whole.state.spacer_rounds]
    pretend.computed.clear()
    every = 10**9
    # Among the measured cations, in the first round, twice while the second is chosen, in a later one.
    for stop, shapes in ((0, every), (10, every), (50, every), (every, 0), (every, 1), (68, every), (every, every)):
        pretend.stop_after, pretend.shapes_left = stop, shapes
        with campaign_of(tmp_path / "stopped", 40) as stopped:
            try:
                stopped.describe()
            except KeyboardInterrupt:
                continue
            assert [one.spacers for one in stopped.state.spacer_rounds] == wanted
    assert max(pretend.computed.values()) == 1
    assert set(pretend.computed) - MEASURED == {key for keys in wanted for key in keys}


def test_more_calculations_than_spacers_compute_every_spacer(pretend: PretendOracle, tmp_path: Path) -> None:
    with campaign_of(tmp_path, 91, spacers=90) as campaign:
        campaign.describe()
        told = campaign.status().spacers
        assert told is not None
        assert (told["n_computed"], told["n_predicted"]) == (90, 0)
        assert [len(one.spacers) for one in campaign.state.spacer_rounds] == [90, 0]
        assert told["last_round"]["is_stable"]
        assert told["outlook"] == "no place of the list is open"


def test_one_spacer_is_computed_and_suggested(pretend: PretendOracle, tmp_path: Path) -> None:
    with campaign_of(tmp_path, 1, spacers=1) as campaign:
        assert len(campaign.suggest(1).suggestions) == 1


def test_the_ranking_of_a_vast_space_is_sketched_and_says_what_may_be_missing(
    pretend: PretendOracle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.round.VAST", 1)
    told = list[str]()
    with campaign_of(tmp_path, 5, spacers=5) as campaign:
        campaign.describe()
        campaign.suggest(1, progress=lambda _, __, note: told.append(note))
    assert "values sketched, 5 of 5 compounds predicted: 0.000 of the top 1000 may be expected to be missing" in told


def test_a_budget_of_nothing_ranks_what_the_store_holds_and_asks_where_it_holds_nothing(
    pretend: PretendOracle, tmp_path: Path
) -> None:
    with campaign_of(tmp_path, 0, spacers=30) as campaign:
        with pytest.raises(CampaignError, match=r"a budget of 0 calculations computes no spacer.*grant some"):
            campaign.describe()
        with OracleStore(tmp_path / "oracle.db") as store:
            store.put_many(made_up(c, campaign.config.protocol) for c in campaign.space.spacers[:12])
        pretend.computed.clear()
        campaign.describe()
        assert campaign.state.spacer_rounds[0].n_known == 12
        assert not set(pretend.computed) & {c.inchikey for c in campaign.space.spacers}
        assert len(campaign.suggest(2).suggestions) == 2


def test_failures_count_as_computed_and_are_never_suggested(pretend: PretendOracle, tmp_path: Path) -> None:
    with campaign_of(tmp_path, 50, spacers=90) as campaign:
        own = {cation.inchikey for cation in campaign.space.spacers}
        pretend.fails = frozenset(sorted(own)[::2])
        described = campaign.describe()
        assert described.failures
        assert spent(campaign) == 50
        ranked = {campaign.space.spacers[int(place)].inchikey for place in campaign.round().ranking.spacer}
        assert ranked
        assert not ranked & pretend.fails
        assert "failed" in set(campaign.table("spacers")["descriptors"])


def test_failures_that_the_store_holds_cost_nothing_and_are_not_computed_again(
    pretend: PretendOracle, tmp_path: Path
) -> None:
    with campaign_of(tmp_path, 40) as campaign:
        failed = campaign.space.spacers[:30]
        with OracleStore(tmp_path / "oracle.db") as store:
            store.put_many(made_up(c, campaign.config.protocol, ok=False) for c in failed)
        campaign.describe()
        assert not set(pretend.computed) & {c.inchikey for c in failed}
        assert spent(campaign) == 40
        assert {c.inchikey for c in failed} <= set(campaign.state.spacer_rounds[0].spacers)


def test_failures_that_may_not_come_again_are_computed_again_and_cost(pretend: PretendOracle, tmp_path: Path) -> None:
    with campaign_of(tmp_path, 40) as campaign:
        stopped = [made_up(c, campaign.config.protocol, ok=False) for c in campaign.space.spacers[:30]]
        with OracleStore(tmp_path / "oracle.db") as store:
            store.put_many(replace(one, retry=True) for one in stopped)
        assert not campaign.describe().failures
        first, *_ = campaign.state.spacer_rounds
        assert (first.n_known, spent(campaign)) == (0, 40)
        assert {one.inchikey for one in stopped} & set(pretend.computed) & set(first.spacers)


def test_spacers_with_one_fingerprint_are_told_apart(pretend: PretendOracle, tmp_path: Path) -> None:
    pairs = [
        (Cation.from_smiles(f"C[C@H]({tail})C[NH3+]"), Cation.from_smiles(f"C[C@@H]({tail})C[NH3+]"))
        for tail in ("CC" + "C" * n for n in range(25))
    ]
    twins = [cation for pair in pairs for cation in pair]
    with campaign_of(tmp_path, 40, of=twins) as campaign:
        campaign.describe()
        assert len(campaign.space.spacers) == 50
        assert spent(campaign) == 40
        assert max(pretend.computed.values()) == 1


def test_constraints_that_no_spacer_passes_are_refused_before_anything_is_computed(
    pretend: PretendOracle, tmp_path: Path
) -> None:
    rule = {"layer_limits": {"rp": [3, 5], "dj": [3, 5]}}
    with pytest.raises(ConfigError, match=r"they leave none of [\d,]+ compounds; loosen one"):
        campaign_of(tmp_path, 40, space={"n_layers": [2], "constraints": [rule]})
    assert not pretend.computed


def test_a_library_of_cage_cations_alone_is_refused_as_that(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"libraries: they hold cage cations alone; give a spacer"):
        campaign_of(tmp_path, 40, of=[LIBRARY["MA"], LIBRARY["FA"]])


def test_where_all_fail_others_are_tried_until_the_budget_ends(pretend: PretendOracle, tmp_path: Path) -> None:
    with campaign_of(tmp_path, 45) as campaign:
        pretend.fails = frozenset(cation.inchikey for cation in campaign.space.spacers)
        campaign.describe()
        assert spent(campaign) == 45
        assert not campaign.state.spacer_rounds[-1].is_stable


def test_new_measurements_are_searched_for_anew_within_what_is_left(campaign: Campaign) -> None:
    before = campaign.state.spacer_rounds
    campaign.observe([{"formula": campaign.space[0].formula, "lifetime_ps": 9.0}])
    campaign.describe()
    (after,) = campaign.state.spacer_rounds[len(before) :]
    assert after.spacers == ()
    assert after.data_key != before[0].data_key


def test_an_amendment_that_says_xtb_has_every_spacer_computed(campaign: Campaign, tmp_path: Path) -> None:
    campaign.close()
    places = {"SPINSCREEN_ORACLE_STORE": str(tmp_path / "oracle.db"), "COLUMNS": "400"}
    told = CliRunner().invoke(app, ["amend", str(tmp_path / "campaign"), "--oracle", "xtb", "--yes"], env=places)
    assert "calculations: 40 becomes none" in told.stdout
    with Campaign.open(tmp_path / "campaign", oracle_store=tmp_path / "oracle.db") as amended:
        assert amended.status().spacers is None
        amended.describe()
        assert amended.table("spacers")["descriptors"].tolist() == ["computed"] * 90


def test_a_round_comes_out_the_same_after_the_store_has_grown(campaign: Campaign, tmp_path: Path) -> None:
    with OracleStore(tmp_path / "oracle.db") as store:
        store.put_many(made_up(c, campaign.config.protocol) for c in campaign.space.spacers)
    assert campaign.replay().same


def test_the_plan_says_what_a_search_costs_at_most_at_the_speed_of_now(pretend: PretendOracle, tmp_path: Path) -> None:
    with campaign_of(tmp_path, 40) as campaign:
        with OracleStore(tmp_path / "oracle.db") as store:
            known = [c for c in LIBRARY if c.inchikey in MEASURED and c.is_organic]
            store.put_many(made_up(c, campaign.config.protocol) for c in known)
        read = gather([tmp_path / "spacers.smi"])
        told = plan_launch(campaign.config, read, tmp_path / "oracle.db")
        assert 40 <= told.n_to_compute < 60  # and the cage cations that are measured
        assert told.n_rounds == 3
        assert told.oracle_core_hours == pytest.approx(told.oracle_seconds * 2 / 3600.0, abs=1e-3)
        pretend.seconds = 30.0
        busy = plan_launch(campaign.config, read, tmp_path / "oracle.db")
        assert busy.oracle_seconds == pytest.approx(300.0 * told.oracle_seconds, rel=0.05)


def test_spacers_far_outside_what_is_computed_are_computed_first(campaign: Campaign) -> None:
    first, second, *_ = campaign.state.spacer_rounds
    features = spacer_features([spacer.smiles for spacer in campaign.space.spacers])
    computed = np.array([spacer.inchikey in first.spacers for spacer in campaign.space.spacers])
    far = {campaign.space.spacers[int(place)].inchikey for place in far_spacers(features, computed, 1)}
    assert (second.n_far, set(second.spacers[:1])) == (1, far)
