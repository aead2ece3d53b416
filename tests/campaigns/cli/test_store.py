"""`spinscreen launch --store`: a campaign in a database."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from campaigns.cli import main


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("mysql://lab@host/db", "a file or PostgreSQL, not mysql"),
        ("postgresql://lab:secret@/postgres?host=/nowhere", "the database cannot be reached"),
    ],
)
def test_an_address_that_leads_nowhere_ends_with_one_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str, says: str
) -> None:
    folder = tmp_path / "new"
    monkeypatch.setattr(sys, "argv", ["spinscreen", "launch", str(folder), "--n-layers", "1", "--store", address])
    with pytest.raises(SystemExit) as end:
        main()
    told = capsys.readouterr()
    assert end.value.code == 1
    assert says in told.err
    assert "secret" not in told.err
    assert not folder.exists()
