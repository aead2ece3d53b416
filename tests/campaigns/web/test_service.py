"""What takes minutes is worked out once for a data set, whoever serves it and however often."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from campaigns import artifacts
from campaigns.errors import NotReadyError, StoreError
from campaigns.report import view as deep_view
from campaigns.round import Known, Taught
from campaigns.web import service as services
from campaigns.web.jobs import JobQueue
from campaigns.web.service import Cache, CampaignService, dig
from campaigns.web.settings import Identity, Role
from chemspace import parse_formula
from chemspace.progress import silent
from screening.errors import UnknownSurrogateError
from tests.campaigns.conftest import Launched
from tests.campaigns.web.conftest import Prepared, wait_for

CLAIMS: list[dict[str, Any]] = [{"model": "mlp", "claimed": 0.99}]


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was worked out, in order."""
    done: list[str] = []

    def view(round: Any, tell: object) -> dict[str, str]:
        done.append(getattr(round, "key", "present"))
        return {"verdict": done[-1]}

    def repeat(tell: object) -> list[dict[str, Any]]:
        done.append("paper")
        return CLAIMS

    monkeypatch.setattr(deep_view, "deep_view", view)
    monkeypatch.setattr(deep_view, "paper_view", repeat)
    return done


def check(cache: Cache, key: str) -> None:
    told: Any = SimpleNamespace(key=key)
    cache.dig(key, told, lambda done, total, note: None)


def test_each_fit_is_checked_once_and_the_paper_once_for_all_campaigns(tmp_path: Path, worked: list[str]) -> None:
    first, second = (Cache(tmp_path / name, tmp_path / "shared" / "oracle.db") for name in ("a", "b"))
    assert first.paper() is None
    for cache, key in ((first, "one"), (first, "one"), (first, "two"), (second, "one"), (first, "one")):
        check(cache, key)
    assert worked == ["one", "paper", "two", "one"]
    restarted = Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db")
    check(restarted, "two")
    assert restarted.deep("two") == {"verdict": "two"}
    assert restarted.paper() == second.paper() == CLAIMS
    assert worked == ["one", "paper", "two", "one"]


@pytest.mark.parametrize("content", [b"PK", b"[1, 2]", b""])
def test_a_file_that_was_cut_short_or_damaged_is_made_again(tmp_path: Path, worked: list[str], content: bytes) -> None:
    check(Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db"), "one")
    for held in tmp_path.rglob("*.npz"):
        held.write_bytes(content)
    again = Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db")
    assert (again.paper(), again.deep("one")) == (None, None)
    check(again, "one")
    assert (again.paper(), again.deep("one")) == (CLAIMS, {"verdict": "one"})
    assert worked == ["one", "paper", "one", "paper"]


def test_the_checks_are_of_the_fit_that_is_the_present_one_when_they_run(
    launched: Launched, tmp_path: Path, worked: list[str]
) -> None:
    campaign = launched.copy(tmp_path / "a")
    store = tmp_path / "shared" / "oracle.db"
    store.parent.mkdir()
    store.write_bytes(launched.oracle_store.read_bytes())
    fit = campaign.fit()
    assert fit is not None
    dig(campaign.folder, store, silent)
    assert worked == ["present", "paper"]
    assert Cache(campaign.folder, store).deep(fit.data_key) == {"verdict": "present"}
    results = tmp_path / "results.csv"
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
    campaign.ingest(results)
    dig(campaign.folder, store, silent)  # the model has not learnt from that yet: nothing to check
    assert worked == ["present", "paper"]


def test_other_code_works_its_pages_out_anew(
    tmp_path: Path, worked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db"), "one")
    monkeypatch.setattr(artifacts, "_made_by", lambda: "another release")
    other = Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db")
    assert (other.deep("one"), other.paper()) == (None, None)


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, worked: list[str]) -> None:
    (tmp_path / "a").write_text("no folder")
    with pytest.raises(StoreError, match="cannot be written"):
        check(Cache(tmp_path / "a", tmp_path / "shared" / "oracle.db"), "one")
    assert worked == []


def test_where_no_arrays_are_kept_another_process_predicts_and_the_server_fits_nothing(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, queue = prepared.settings(tmp_path), JobQueue()
    for kept in settings.folders[0].glob("cache/frozen-*"):
        kept.unlink()
    monkeypatch.setattr("campaigns.round.fit_round", None)  # in this process
    service = CampaignService("small", *settings.folders, queue, settings)
    compound, asker = parse_formula("(PA)2PbI4"), Identity("anna", Role.VIEWER)
    queue.start()
    service.prepare("server")
    wait_for(lambda: not service.at_work("prepare"))
    assert type(service.fitted()) is Taught
    with pytest.raises(NotReadyError, match="in a process of its own; it takes seconds"):
        service.explained(compound, asker)
    wait_for(lambda: not service.at_work("predict"))
    told = service.explained(compound, asker)
    assert (told["formula"], len(told["contributions"]) > 3) == ("(PA)2PbI4", True)
    again = service.predict(asker, compound)  # that process has left arrays behind
    wait_for(lambda: queue.get(again.id).is_over)
    queue.stop()
    assert isinstance(service.fitted(), Known)
    assert (queue.get(again.id).result or {})["lifetime_ps"] == pytest.approx(told["lifetime_ps"])


def test_a_server_predicts_by_arrays_and_has_reports_written_apart(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, queue = prepared.settings(tmp_path), JobQueue()
    service = CampaignService("small", *settings.folders, queue, settings)
    with pytest.raises(NotReadyError, match="being prepared"):
        service.report()
    queue.start()
    wait_for(lambda: not service.at_work("prepare"))
    queue.stop()
    assert isinstance(service.fitted(), Known)  # and no round, whose models are torch's
    first = service.report()
    assert "<h1" in first.read_text(encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(services, "run_in_process", None)  # nothing is written anew
        assert service.report() == first
        results = tmp_path / "results.csv"
        results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
        with service.writing() as campaign:
            campaign.ingest(results)
        assert service.report() == first  # until that is learnt from
    first.unlink()
    with pytest.raises(NotReadyError, match="has not learnt from"):
        service.report()


def test_a_surrogate_that_only_the_servers_process_knows_is_told(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def learn_there(*_: object, **__: object) -> None:
        raise UnknownSurrogateError("no surrogate 'ours'")

    monkeypatch.setattr(services, "run_in_process", learn_there)
    settings, queue = prepared.settings(tmp_path), JobQueue()
    job = CampaignService("small", *settings.folders, queue, settings).learn("Anna")
    queue.start()
    wait_for(lambda: queue.get(job.id).is_over)
    queue.stop()
    assert queue.get(job.id).problem.endswith("what learns knows what entry points of spinscreen.plugins name")


def test_while_a_write_is_worked_out_readers_have_the_snapshot_before_and_then_see_it(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = prepared.settings(tmp_path)
    service = CampaignService("small", *settings.folders, JobQueue(), settings)
    campaign, fit, before = service.campaign, service.campaign.fit, service.snapshot()
    formulas = iter([one.formula for one in before.state.batches[0].suggestions])
    seen, versions = list[Any](), list[Any]()

    def fit_while_others_read_and_write() -> Any:
        if not seen:
            versions.append(service.version())
            reader = Thread(target=lambda: seen.append(service.snapshot()))
            reader.start()
            reader.join(20)
            campaign.step(next(formulas), "accepted")
        return fit()

    with monkeypatch.context() as patched:
        patched.setattr(campaign, "fit", fit_while_others_read_and_write)
        with service.writing() as written:
            written.step(next(formulas), "accepted")
            asked = written.state.last_event
    assert seen == [before]  # and did not wait
    assert [version[0] for version in versions if version] == [before.state.last_event]  # kept answers are of that
    assert service.version() is None  # the other write is not seen yet
    assert service.snapshot().state.last_event == asked + 1  # whoever asks after a write sees it
    assert service.snapshot().state is campaign.state
