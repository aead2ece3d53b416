"""Asking is not acting: a round stays as it is until results come in or further suggestions are asked for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html import escape
from pathlib import Path

import numpy as np

from campaigns import Campaign
from campaigns.artifacts import Artifacts
from campaigns.events import EventKind, Stage
from campaigns.report.view import model_view, report_view
from campaigns.round import kept
from tests.campaigns.cli.fingerprint import fingerprint
from tests.campaigns.cli.test_described import run
from tests.campaigns.cli.test_every_command import every_command
from tests.campaigns.conftest import Launched


def n_events(campaign: Campaign) -> int:
    return len(campaign.events())


def ingest(campaign: Campaign, path: Path, *rows: str) -> None:
    path.write_text("\n".join(["formula,lifetime_ps", *rows]) + "\n")
    campaign.ingest(path)


def test_whatever_becomes_of_its_suggestions_a_round_stays_the_same_list(campaign: Campaign) -> None:
    batch = campaign.suggest()
    accepted, declined, abandoned, stale, *_ = (s.formula for s in batch.suggestions)
    for formula, stage in (
        (accepted, Stage.ACCEPTED),
        (declined, Stage.DECLINED),
        (abandoned, Stage.ABANDONED),
        (stale, Stage.STALE),
    ):
        campaign.step(formula, stage, reason="a test")
        before = n_events(campaign)
        assert campaign.suggest() == batch
        assert n_events(campaign) == before


def test_more_is_beside_all_that_was_suggested_on_the_same_data_and_stays_then(campaign: Campaign) -> None:
    first = [s.formula for s in campaign.suggest().suggestions]
    campaign.step(first[0], Stage.ABANDONED, reason="a test")
    more = campaign.suggest(2, more=True)
    assert not {s.formula for s in more.suggestions} & set(first)
    assert campaign.suggest(2) == more
    assert [s.formula for s in campaign.suggest().suggestions] == first
    further = campaign.suggest(2, more=True)
    assert not {s.formula for s in further.suggestions} & {*first, *(s.formula for s in more.suggestions)}


def test_a_smaller_batch_is_the_first_of_the_round_and_a_larger_one_holds_none_of_it(campaign: Campaign) -> None:
    first = campaign.suggest()
    before = n_events(campaign)
    smaller = campaign.suggest(batch_size=3)
    assert (smaller.number, smaller.suggestions) == (first.number, first.suggestions[:3])
    assert n_events(campaign) == before
    larger = campaign.suggest(batch_size=7)
    assert larger.number == first.number + 1
    assert len(larger.suggestions) == 7
    assert not {s.formula for s in first.suggestions} & {s.formula for s in larger.suggestions}
    assert campaign.suggest(batch_size=7) == larger
    assert campaign.suggest() == first
    assert campaign.replay().same


def test_suggestions_that_nobody_took_up_expire_with_the_next_round(campaign: Campaign, results: Path) -> None:
    accepted, measured, *left = (s.formula for s in campaign.suggest().suggestions)
    campaign.step(accepted, Stage.ACCEPTED)
    ingest(campaign, results, f"{measured},0.5")
    assert campaign.state.pending == (accepted,)
    assert {campaign.state.stages[formula] for formula in left} == {Stage.SUGGESTED}
    second = {s.formula for s in campaign.suggest().suggestions}
    assert not {accepted, measured} & second
    for formula in left:
        assert campaign.state.stages[formula] is (Stage.SUGGESTED if formula in second else Stage.STALE)
    assert campaign.state.pending == (accepted,)
    assert all(campaign.replay(number).same for number in (1, 2))
    assert Campaign.open(campaign.folder).state == campaign.state


#: Verbs that only ask, each with what follows it: D a campaign, F a formula, T a table, O where a file goes.
ASKING = (
    "status D",
    "log D",
    "recipe D F",
    "explain D F",
    "report D",
    "export D O.csv",
    "export D O.csv --outcomes",
    "export D O.eln --format eln",
    "suggest D",
    "suggest D -q 2",
    "replay D 1",
    "check D",
    "backup D O.db",
    "amend D --show",
    "amend D --n-layers 1",
    "ingest D T --dry-run",
)
#: Verbs that record something, and those of no campaign.
ACTING = {"launch", "accept", "decline", "outcome", "retract", "undo"}
ELSEWHERE = {"serve", "tokens", "mcp", "fit-trace", "paper", "backtest", "plugins"}
#: Its test is where its score card is (`test_described`).
VALIDATE = {"validate"}


def test_no_verb_that_asks_changes_the_log_and_every_verb_is_one_of_the_lists(
    campaign: Campaign, launched: Launched, tmp_path: Path
) -> None:
    verbs = {path[0] for path, _ in every_command()} - {"library", "oracle"}
    assert {line.split()[0] for line in ASKING} | ACTING | ELSEWHERE | VALIDATE == verbs
    (tmp_path / "table.csv").write_text("formula,lifetime_ps\n(PA)2PbI4,0.5\n")
    formula = campaign.suggest().suggestions[2].formula
    before, ranking = fingerprint(campaign.folder), (campaign.folder / "ranking.csv").read_bytes()
    names = {"D": campaign.folder, "F": formula, "T": tmp_path / "table.csv"}
    for line in ASKING:
        told = [names.get(word, word.replace("O.", f"{tmp_path}/o.")) for word in line.split()]
        done = run(launched, *told)
        assert done.exit_code == (1 if line == "amend D --n-layers 1" else 0), (line, done.output)
        assert fingerprint(campaign.folder) == before, line
    assert (campaign.folder / "ranking.csv").read_bytes() == ranking


def test_looking_at_a_campaign_after_new_results_changes_nothing(campaign: Campaign, results: Path) -> None:
    ingest(campaign, results, "(PA)2PbI4,0.5")
    before, ranking = fingerprint(campaign.folder), (campaign.folder / "ranking.csv").read_bytes()
    for ask in (
        lambda: campaign.report(),
        lambda: campaign.status(),
        lambda: campaign.predict("(PA)2PbI4"),
        lambda: campaign.history(),
        lambda: campaign.table("suggestions"),
    ):
        ask()
        assert fingerprint(campaign.folder) == before
    assert (campaign.folder / "ranking.csv").read_bytes() == ranking


def test_a_report_after_new_results_shows_the_last_round_as_outdated(campaign: Campaign, results: Path) -> None:
    first, second, *_ = campaign.suggest().suggestions
    campaign.step(second.formula, Stage.DECLINED, reason="a test")
    html = campaign.report().read_text(encoding="utf-8")
    assert "Outdated" not in html
    assert "ruled out by a declined cation" not in html
    assert ">declined</span>" in html
    ingest(campaign, results, f"{first.formula},0.5")
    assert campaign.status().best_predicted is None
    html = campaign.report().read_text(encoding="utf-8")
    assert "Outdated: results have come in since" in html
    best = html.split("Best predicted, not measured")[1].split("</dd>")[0]
    assert re.search(r"[\d.]+ ps <small>", best), best  # of the model that the report shows
    campaign.decline_cation("BDA", "too expensive")
    html = campaign.report().read_text(encoding="utf-8")
    ranked, kept_out, barred = (
        int(re.findall(pattern, html)[0])
        for pattern in (
            r"</span> of (\d+) ranked",
            r"(\d+) compounds of the space are measured",
            r"(\d+) more are ruled",
        )
    )
    assert ranked + kept_out + barred == campaign.n_compounds


def test_open_suggestions_are_let_go_together(campaign: Campaign, launched: Launched) -> None:
    accepted, *open_ = (s.formula for s in campaign.suggest().suggestions)
    campaign.step(accepted, Stage.ACCEPTED)
    done = run(launched, "outcome", campaign.folder, "stale", "--all", "--reason", "new start")
    assert done.exit_code == 0, done.output
    campaign.refresh()
    assert {campaign.state.stages[formula] for formula in open_} == {Stage.STALE}
    assert campaign.state.stages[accepted] is Stage.ACCEPTED
    steps = [event.payload for event in campaign.events() if event.kind is EventKind.STEPPED][1:]
    assert {step["reason"] for step in steps} == {"new start"}
    assert "no suggestion is open" in run(launched, "outcome", campaign.folder, "stale", "--all").output
    assert run(launched, "outcome", campaign.folder, accepted, "stale", "--all").exit_code == 2
    assert run(launched, "outcome", campaign.folder, accepted).exit_code == 2


def test_stages_stand_beside_the_suggestions_and_the_recipe_of_any_is_one_command_away(
    campaign: Campaign, launched: Launched
) -> None:
    formula = campaign.suggest().suggestions[0].formula
    campaign.step(formula, Stage.ACCEPTED)
    told = json.loads(run(launched, "suggest", campaign.folder, "--json").stdout)
    assert [row["stage"] for row in told] == ["accepted", *["suggested"] * (len(told) - 1)]
    assert "%  accepted" in run(launched, "suggest", campaign.folder).stdout
    recipe = json.loads(run(launched, "recipe", campaign.folder, formula, "--mass", "0.5", "--json").stdout)
    assert recipe == json.loads(json.dumps(campaign.recipe(formula, 0.5).to_dict()))
    assert run(launched, "recipe", campaign.folder, "(PEA)2PbI4").stdout.strip() == str(campaign.recipe("(PEA)2PbI4"))


def test_a_report_of_what_was_kept_is_that_of_the_round_and_loads_no_torch(
    campaign: Campaign, launched: Launched
) -> None:
    fit, fitted = campaign.fit(), campaign.round()
    held = kept(fitted.inputs, Artifacts(campaign.folder))
    assert fit is not None
    assert held is not None
    drawn, expected = (model_view(one, fit) for one in (held, fitted))
    assert drawn["scores"] == expected["scores"]
    assert [name for name, *_ in drawn["importances"]] == [name for name, *_ in expected["importances"]]
    assert np.allclose(*([row[1:] for row in one["importances"]] for one in (drawn, expected)))
    code = (
        "import sys; from campaigns import Campaign; Campaign.open(sys.argv[1], oracle_store=sys.argv[2]).report();"
        "print([name for name in ('torch', 'scipy', 'sklearn') if name in sys.modules])"
    )
    words = [sys.executable, "-c", code, str(campaign.folder), str(launched.oracle_store)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "[]\n"
    first, second, *_ = (one.formula for one in campaign.suggest().suggestions)
    campaign.step(first, Stage.ACCEPTED)
    campaign.step(second, Stage.DECLINED, reason="too dear")
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "[]\n"
    by_then, since = kept(campaign.at_hand().inputs, Artifacts(campaign.folder)), campaign.round()
    assert by_then is not None
    pages = [
        report_view(one, fit, campaign.state.batches, campaign.status(), campaign.names) for one in (by_then, since)
    ]
    listed, ranked = ([row["formula"] for row in page["ranking"]] for page in pages)
    assert listed == ranked
    assert by_then.ranking.n_excluded == since.ranking.n_excluded == fitted.ranking.n_excluded + 2
    html = campaign.report().read_text(encoding="utf-8")
    assert f"ranked by: {escape(fitted.strategy.ranked_by)}" in html
