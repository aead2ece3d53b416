"""Tables of lifetimes: shown row by row, read in another way where that is wrong, stored when somebody says so."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from campaigns.errors import NotServedError, QueryError
from campaigns.web.jobs import JobQueue
from campaigns.web.uploads import KEPT, TableUpload, Uploaded, Uploads, for_people
from tests.campaigns.web.conftest import SLUG, Guarded

PAGE, HERE = f"/c/{SLUG}/measure/table", f"/api/campaigns/{SLUG}"
HEADER = ("Compound", "tau (fs)", "err", "Crystal")


@pytest.fixture(autouse=True)
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are queued and never run: what is tested is what is stored."""
    monkeypatch.setattr(JobQueue, "start", lambda self: None)


def workbook(*rows: Sequence[object], **more: Sequence[Sequence[object]]) -> bytes:
    book = Workbook()
    for title, table in {"Results": rows, **more}.items():
        sheet = book.create_sheet(title)
        for row in table:
            sheet.append(list(row))
    del book["Sheet"]
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


class Lab:
    """Somebody at the page."""

    def __init__(self, guarded: Guarded) -> None:
        self.client, self.known = guarded.client, guarded.headers("editor")
        self.headers = {"x-csrf-token": guarded.log_in("editor"), "hx-request": "true"}

    def send(self, path: str, status: int = 200, **how: Any) -> str:
        answer = self.client.post(f"{PAGE}{path}", headers=self.headers, **how)
        assert answer.status_code == status, answer.text
        return answer.text

    def upload(self, name: str, content: bytes | str) -> tuple[str, str]:
        """What is shown, and the name of the draft."""
        shown = self.send("", files={"file": (name, content)})
        return shown, re.findall(r"/table/([\w-]+)/", shown)[0]

    @property
    def record(self) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.client.get(f"{HERE}/measurements", headers=self.known).json()
        return told


@pytest.fixture
def lab(guarded: Guarded) -> Lab:
    return Lab(guarded)


def test_a_workbook_with_headings_of_its_own_is_stored_only_when_confirmed(lab: Lab) -> None:
    content = workbook(HEADER, ["(PA)2PbI4", 310, 20, "K1"], ["BA2PbI4", 650, None, "K2"])
    shown, draft = lab.upload("C:\\lab\\week 12.xlsx", content)
    assert "week 12.xlsx: 2 of 2 rows would be taken in" in shown
    assert "Is this right?" in shown
    assert "lifetime stands in the column &#39;tau (fs)&#39;" in shown
    assert "so 310 in row 2 is 0.31 ps" in shown
    assert "0.31 ± 0.02" in shown
    assert "This is right: take in 2 measurements" in shown
    assert lab.record == []
    assert "2 measurements taken in" in lab.send(f"/{draft}/confirm")
    told = [(row["formula"], row["lifetime_ps"], row["sample"], row["actor"]) for row in lab.record]
    assert told == [("(PA)2PbI4", 0.31, "K1", "Anna"), ("(BA)2PbI4", 0.65, "K2", "Anna")]
    assert "0 measurements taken in, 2 already known" in lab.send(f"/{draft}/confirm")
    again, _ = lab.upload("week 13.xlsx", content)
    assert "known already" in again
    assert "There is nothing to take in" in again


def test_a_table_as_spinscreen_names_it_asks_nothing(lab: Lab) -> None:
    for name, content in (
        ("t.csv", "formula,lifetime_ps\n(PA)2PbI4,0.4\n"),
        ("t.jsonl", '{"formula": "(PA)2PbI4", "lifetime_ps": 0.4}\n'),
    ):
        shown, _ = lab.upload(name, content)
        assert "Is this right?" not in shown
        assert "Take in 1 measurement<" in shown
    assert lab.record == []


def test_what_was_recognised_wrongly_is_corrected(lab: Lab) -> None:
    shown, draft = lab.upload("t.csv", "Compound;tau;decay time\n(PA)2PbI4;400;3\n")
    assert "could both be the lifetime; choose below" in shown
    assert "nothing can be taken in" in shown
    shown = lab.send(f"/{draft}/look", data={"lifetime": "tau", "unit": "fs"})
    assert "1 of 1 row would be taken in" in shown
    assert ">0.4</td>" in shown
    assert "<option selected>tau</option>" in shown
    lab.send(f"/{draft}/look", 422, data={"unit": "weeks"})
    lab.send(f"/{draft}/confirm")
    assert [row["lifetime_ps"] for row in lab.record] == [0.4]


def test_another_sheet_is_looked_at_with_its_own_columns(lab: Lab) -> None:
    content = workbook(HEADER, ["(PA)2PbI4", 310, 20, "K1"], New=[["formula", "lifetime_ps"], ["(BA)2PbI4", 2.0]])
    shown, draft = lab.upload("t.xlsx", content)
    assert "the table is on the sheet &#39;Results&#39;" in shown
    shown = lab.send(f"/{draft}/look", data={"formula": "Compound", "lifetime": "tau (fs)", "sheet": "New"})
    assert "Is this right?" not in shown
    lab.send(f"/{draft}/confirm")
    assert [(row["formula"], row["lifetime_ps"]) for row in lab.record] == [("(BA)2PbI4", 2.0)]


def test_rows_that_are_wrong_are_left_out_only_if_one_says_so(lab: Lab) -> None:
    shown, draft = lab.upload(
        "t.csv", "formula,lifetime_ps\n(PA)2PbI4,0.4\n(4AMPY)2MAPb3I10,1\n(BA)2PbI4,-3\n(BA)2PbI4,1e9\n"
    )
    assert "1 of 4 rows would be taken in" in shown
    assert "neutral would be (4AMPY)(MA)2Pb3I10" in shown
    assert "if it is right, say so below" in shown
    assert "Take in 1, leave 3 out" in shown
    assert "nothing was written" in lab.send(f"/{draft}/confirm", 422)
    assert lab.record == []
    assert "3 rows left out" in lab.send(f"/{draft}/confirm", data={"keep_going": "true"})
    assert [row["formula"] for row in lab.record] == ["(PA)2PbI4"]


def test_lifetimes_far_from_any_before_are_taken_where_one_says_that_they_are_right(lab: Lab) -> None:
    shown, draft = lab.upload("t.csv", "formula,lifetime_ps\n(PA)2PbI4,90000000\n")
    assert "nothing can be taken in" in shown
    shown = lab.send(f"/{draft}/look", data={"accept_extreme": "true"})
    assert "1 of 1 row would be taken in" in shown
    lab.send(f"/{draft}/confirm")
    assert [row["lifetime_ps"] for row in lab.record] == [9e7]


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.4", b"formula,lifetime_ps\n", b"a,b\n1,2\n", b"PK\x03\x04 no workbook", b"\x00\xff\x00", b"formula\nx\n"],
    ids=["pdf", "no rows", "no columns", "no workbook", "no text", "one column"],
)
def test_what_is_no_table_is_told_in_words_of_the_page(lab: Lab, content: bytes) -> None:
    shown = lab.send("", files={"file": ("t.csv", content)})
    assert "nothing can be taken in" in shown
    assert 'role="alert"' in shown
    assert "--" not in re.sub(r"<[^>]*>", "", shown)  # its words; an address may hold any letters
    assert "spinscreen-uploads" not in shown


def test_options_of_the_command_line_become_words_of_the_page() -> None:
    told = "column 'lifetime_ps' is missing (found: formula, life); if it is 'life', say so: --map lifetime=life"
    assert for_people(told).endswith("(found: formula, life); if it is 'life', choose it below")
    told = "column 'formula' is missing (found: a); name it: --map formula=COLUMN"
    assert for_people(told).endswith("(found: a); choose it below")
    assert for_people("row 3 is empty") == "row 3 is empty"


def test_an_empty_upload_and_a_draft_of_another_campaign_are_refused(lab: Lab, tmp_path: Path) -> None:
    lab.send("", 422, files={"file": ("t.csv", b"")})
    lab.send("/none/confirm", 404)
    lab.send("/none/look", 404)
    uploads = Uploads(tmp_path / "waiting")
    table = Uploaded("table", "t.csv", b"x")
    draft = uploads.table("a", table)
    with pytest.raises(NotServedError):
        uploads.get(TableUpload, "b", draft.id)
    with pytest.raises(QueryError):
        uploads.table("a", Uploaded("table", "t.csv", b""))
    for _ in range(KEPT):
        uploads.table("a", table)
    with pytest.raises(NotServedError):
        uploads.get(TableUpload, "a", draft.id)
    assert len(list((tmp_path / "waiting").iterdir())) == KEPT


def test_a_viewer_uploads_no_table(guarded: Guarded) -> None:
    headers = {"x-csrf-token": guarded.log_in("viewer"), "hx-request": "true"}
    for path in ("", "/x/look", "/x/confirm"):
        sent = guarded.client.post(f"{PAGE}{path}", headers=headers, files={"file": ("t.csv", b"x")})
        assert sent.status_code == 403


def test_programs_declare_or_accept_what_was_recognised(guarded: Guarded) -> None:
    client, headers = guarded.client, guarded.headers("editor")
    content = b"Compound,tau\n(PA)2PbI4,310\n(BA)2PbI4,420\n"

    def send(status: int, **data: object) -> dict[str, Any]:
        files = {"file": ("t.csv", content)}
        answer = client.post(
            f"{HERE}/measurements/table", files=files, data={"learn": "false", **data}, headers=headers
        )
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()
        return told

    refused = send(422)
    assert refused["title"].endswith("say whether this is right")
    assert "lifetime stands in the column 'tau'" in refused["problems"]
    assert "accept_guesses=true" in refused["problems"][-1]
    dry = send(201, accept_guesses="true", dry_run="true")
    assert [(row["line"], row["action"], row["lifetime_ps"]) for row in dry["rows"]] == [
        (2, "add", 310.0),
        (3, "add", 420.0),
    ]
    assert "write FIELD=COLUMN" in send(422, columns=["tau"])["title"]
    declared = send(201, columns=["formula=Compound", "lifetime=tau"], unit="fs")
    assert (declared["added"], declared["rows"][0]["lifetime_ps"]) == (2, 0.31)


def test_looking_at_a_table_waits_for_no_write(lab: Lab) -> None:
    app: Any = lab.client.app
    with app.state.registry.service(SLUG).writing():
        shown, _ = lab.upload("t.csv", "formula,lifetime_ps\n(PA)2PbI4,0.4\n")
        assert "1 of 1 row would be taken in" in shown
        files = {"file": ("t.csv", b"formula,lifetime_ps\n(PA)2PbI4,0.4\n")}
        dry = lab.client.post(f"{HERE}/measurements/table", files=files, data={"dry_run": "true"}, headers=lab.known)
        assert dry.json()["added"] == 1
