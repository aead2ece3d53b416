"""Commands outside the loop of a campaign, and refusals, say what they said."""

from __future__ import annotations

import pytest

from tests.golden.asked import ASKED, answer_to, write_asked
from tests.golden.commands import GOLDEN, Commands
from tests.golden.comparison import assert_same


@pytest.mark.parametrize("name", ASKED)
def test_a_command_answers_or_refuses_in_the_same_words(run: Commands, name: str) -> None:
    write_asked(run.folder)
    assert_same(GOLDEN / "asked" / f"{name}.json", answer_to(run, name))
