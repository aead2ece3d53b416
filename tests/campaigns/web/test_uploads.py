"""Files from people: names are never paths, and a server that dies while they come in leaves the campaign whole."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from campaigns import Campaign
from campaigns.errors import NotServedError, QueryError
from campaigns.kinetics.measurement import TraceSettings
from campaigns.web.registry import UPLOADS, CampaignRegistry
from campaigns.web.uploads import TableUpload, TraceUpload, Uploaded, Uploads, clean_name, fitted
from tests.campaigns.web.conftest import SLUG, Guarded, Prepared, Traces


@given(st.text(max_size=200))
def test_a_cleaned_name_is_a_plain_file_name(name: str) -> None:
    clean = clean_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._ -]*", clean)
    assert clean == Path(clean).name
    assert len(clean) <= 80
    assert clean_name(clean) == clean


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("SC 3.csv", "SC 3.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\lab\\cc.dat", "cc.dat"),
        ("..", "upload.txt"),
        ("/", "upload.txt"),
        (".ssh", "ssh"),
        ("a\0b.csv", "a_b.csv"),
    ],
)
def test_names_keep_what_people_recognise(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def files_of(traces: Traces) -> list[Uploaded]:
    return [Uploaded("sc", "SC.csv", traces.sc.read_bytes()), Uploaded("cc", "CC.csv", traces.cc.read_bytes())]


def test_an_upload_is_fitted_corrected_and_forgotten(tmp_path: Path, traces: Traces) -> None:
    uploads = Uploads(tmp_path)
    upload = uploads.traces("a", "(PEA)2PbI4", "", files_of(traces))
    assert upload.fit is not None
    assert upload.file_names == "SC.csv, CC.csv"
    assert all(str(tmp_path) not in note for note in upload.fit.trace.notes)
    settings = TraceSettings(irf_fwhm_ps=0.2, model="exponential")
    again = uploads.change(fitted(replace(upload, settings=settings, sample="7")))
    assert again.fit is not None
    assert (again.fit.irf_given_ps, again.fit.model, again.formula) == (0.2, "exponential", "(PEA)2PbI4")
    assert uploads.get(TraceUpload, "a", upload.id) is again
    with pytest.raises(NotServedError):
        uploads.get(TraceUpload, "another campaign", upload.id)
    with pytest.raises(NotServedError):
        uploads.get(TableUpload, "a", upload.id)
    uploads.drop(again)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NotServedError):
        uploads.get(TraceUpload, "a", upload.id)


def test_a_file_that_cannot_be_read_is_named_without_the_servers_paths(tmp_path: Path) -> None:
    draft = Uploads(tmp_path).traces("a", "", "", [Uploaded("trace", "mine.csv", b"delay_ps,sc,cc\n1,2,x\n2,3,4\n")])
    assert draft.fit is None
    assert draft.problem.startswith("mine.csv")
    assert str(tmp_path) not in draft.problem


@pytest.mark.parametrize("roles", [[], ["sc"], ["sc", "cc", "trace"], ["sc", "sc", "cc"], ["sc_map"], ["sc", "cc_map"]])
def test_files_that_make_no_measurement_are_refused(tmp_path: Path, roles: list[str]) -> None:
    with pytest.raises(QueryError):
        Uploads(tmp_path).traces("a", "", "", [Uploaded(role, "x.csv", b"1") for role in roles])
    assert list(tmp_path.iterdir()) == []


def test_several_scans_of_a_trace_are_fitted_together(tmp_path: Path, traces: Traces) -> None:
    once = Uploads(tmp_path).traces("a", "", "", files_of(traces))
    twice = Uploads(tmp_path).traces("a", "", "", files_of(traces) * 2)
    assert once.fit is not None
    assert twice.fit is not None
    assert len(twice.fit.trace) == 2 * len(once.fit.trace)
    assert twice.fit.lifetime_ps == pytest.approx(traces.lifetime_ps, rel=0.1)


def test_maps_are_cut_at_the_peak_or_at_a_chosen_window(tmp_path: Path, maps: Traces) -> None:
    files = [Uploaded("sc_map", "sc.csv", maps.sc.read_bytes()), Uploaded("cc_map", "cc.csv", maps.cc.read_bytes())]
    draft = Uploads(tmp_path).traces("a", "", "", files)
    assert draft.window is not None
    assert draft.window.peak_nm == pytest.approx(525.0, abs=6.0)
    assert draft.fit is not None
    assert draft.fit.lifetime_ps == pytest.approx(4.0, rel=0.15)
    empty = fitted(replace(draft, settings=TraceSettings(window_low_nm=710.0, window_high_nm=700.0)))
    assert empty.fit is None
    assert "no wavelength lies between" in empty.problem
    assert empty.maps is not None  # so that another window can be chosen


def test_the_page_refits_and_confirms_once(guarded: Guarded, traces: Traces) -> None:
    csrf = guarded.log_in("editor")
    here, headers = f"/c/{SLUG}/measure", {"x-csrf-token": csrf, "hx-request": "true"}
    client: TestClient = guarded.client
    files = {"sc": ("SC.csv", traces.sc.read_bytes()), "cc": ("CC.csv", traces.cc.read_bytes())}
    fitted = client.post(f"{here}/upload", files=files, data={"formula": "(PA)2PbI4"}, headers=headers)
    assert fitted.status_code == 200
    draft = re.findall(r"/measure/([\w-]+)/confirm", fitted.text)[0]
    wrong = client.post(f"{here}/{draft}/fit", data={"irf_fwhm_ps": "wide"}, headers=headers)
    assert wrong.status_code == 422
    assert "not a number" in wrong.text
    for expected in ("1 measurement taken in", "0 measurements taken in"):
        answer = client.post(f"{here}/{draft}/confirm", data={"formula": "(PA)2PbI4"}, headers=headers)
        assert expected in answer.text
    record = client.get(f"/api/campaigns/{SLUG}/measurements", headers=guarded.headers("viewer")).json()
    assert [row["actor"] for row in record] == ["Anna"]


def test_a_server_killed_in_the_middle_of_an_upload_leaves_the_campaign_whole(
    prepared: Prepared, tmp_path: Path
) -> None:
    settings = prepared.settings(tmp_path)
    folder = settings.folders[0]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = (
        "import sys; from pathlib import Path; from campaigns.web.app import run; "
        "from campaigns.web.settings import Settings; "
        "run(Settings((Path(sys.argv[1]),), prepare=False), int(sys.argv[2]), lambda told: print(told, flush=True))"
    )
    before = Campaign.open(folder).history()
    command = [sys.executable, "-c", code, str(folder), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert "http://127.0.0.1" in server.stdout.readline()
        with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
            body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="t.csv"\r\n\r\nformula,lifetime_ps\n'
            head = (
                f"POST /api/campaigns/{SLUG}/measurements/table HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
                f"content-type: multipart/form-data; boundary=b\r\ncontent-length: {len(body) + 10_000}\r\n\r\n"
            )
            line.sendall(head.encode() + body + b"(PA)2PbI4,0.4\n" * 20)
            server.kill()
            assert server.wait(60) == -signal.SIGKILL
    left = list(Path(tempfile.gettempdir()).glob(f"{UPLOADS}{server.pid}-*"))
    assert len(left) == 1
    CampaignRegistry(settings).stop()
    assert not left[0].exists()
    campaign = Campaign.open(folder, oracle_store=prepared.oracle_store)
    assert campaign.history() == before
    results = tmp_path / "t.csv"
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
    assert campaign.ingest(results).added == 1


def test_columns_that_are_not_said_are_asked_about_and_can_be_told(guarded: Guarded, traces: Traces) -> None:
    csrf = guarded.log_in("editor")
    here, headers = f"/c/{SLUG}/measure", {"x-csrf-token": csrf, "hx-request": "true"}
    client: TestClient = guarded.client
    parts = [path.read_text(encoding="utf-8").splitlines()[1:] for path in (traces.sc, traces.cc)]
    rows = [f"{same},{counter.split(',')[1]}" for same, counter in zip(*parts, strict=True)]
    files = {"trace": ("both.csv", "\n".join(["delay (ps),dA 1,dA 2", *rows]).encode())}
    asked = client.post(f"{here}/upload", files=files, data={"formula": "(PA)2PbI4"}, headers=headers)
    assert "Say so: sc=&#39;dA 1&#39; cc=&#39;dA 2&#39;, or the other way round" in asked.text
    draft = re.findall(r"/measure/([\w-]+)/fit", asked.text)[0]
    told = client.post(f"{here}/{draft}/fit", data={"columns": "sc=dA 1; cc=dA 2"}, headers=headers)
    assert "SC is &#39;dA 1&#39;, CC is &#39;dA 2&#39;" in told.text
    assert "<h3>How the files were read</h3>" in told.text
    wrong = client.post(f"{here}/{draft}/fit", data={"columns": "dA 1"}, headers=headers)
    assert wrong.status_code == 422
    data = {"formula": "(PA)2PbI4", "dry_run": "true", "columns": ["sc=dA 1", "cc=dA 2"]}
    answer = client.post(
        f"/api/campaigns/{SLUG}/measurements/trace", files=files, data=data, headers=guarded.headers("editor")
    ).json()
    assert answer["fit"]["lifetime_ps"] == pytest.approx(traces.lifetime_ps, rel=0.1)


def test_a_table_is_read_while_somebody_else_writes(
    client: TestClient, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = client.app.state.registry.service(SLUG)  # type: ignore[attr-defined]
    free: list[bool] = []

    def reading(paths: Sequence[Path], work: Callable[..., Any], *arguments: Any) -> Any:
        free.append(service._write_lock.acquire(blocking=False))
        service._write_lock.release()
        return work(*arguments)

    monkeypatch.setattr("campaigns.web.uploads.read_apart", reading)
    file = {"file": ("t.csv", b"formula,lifetime_ps\n(PA)2PbI4,0.4\n")}
    answer = client.post(f"/api/campaigns/{SLUG}/measurements/table", files=file, data={"learn": "false"})
    assert (answer.status_code, answer.json()["added"], free) == (201, 1, [True])
