"""`spinscreen explain`: what a prediction is made of, and what textbooks would make of it."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from campaigns.cli.app import app
from screening.features import mechanisms
from tests.campaigns.conftest import Launched


def test_mechanisms_stand_beside_an_explanation_as_hypotheses(launched: Launched) -> None:
    asked = ["explain", str(launched.folder), "(PEA)2PbI4", "--oracle-store", str(launched.oracle_store)]
    text = CliRunner().invoke(app, asked).stdout
    assert "hypotheses about such compounds, no results of the model" in text
    assert all(one.name in text for one in mechanisms())
    told = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert len(told["contributions"]) == 8
    assert [one["source"] for one in told["hypotheses"]] == [one.source for one in mechanisms()]
