"""Help texts, the OpenAPI document and the server's answers: what people typed and programs asked keeps working."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.golden.commands import GOLDEN, Commands
from tests.golden.comparison import assert_same
from tests.golden.interface import help_texts, openapi, resolved, rest_answers, served
from tests.golden.views import copies


def test_every_command_explains_itself_in_the_same_words(run: Commands) -> None:
    texts = help_texts(run)
    assert sorted(texts) == sorted(path.name for path in (GOLDEN / "help").iterdir())
    for name, text in texts.items():
        assert_same(GOLDEN / "help" / name, text)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server over copies of two campaigns."""
    folder = tmp_path_factory.mktemp("served")
    with served(folder, copies(folder), ("lab", "tin")) as made:
        yield made


def test_the_server_has_the_same_routes_with_the_same_fields(client: httpx.Client) -> None:
    assert_same(GOLDEN / "rest" / "openapi.json", openapi(client), reading=resolved)


def test_the_openapi_document_is_word_for_word_the_same(client: httpx.Client) -> None:
    assert_same(GOLDEN / "rest" / "openapi.json", openapi(client))


def test_the_server_says_the_same_of_an_old_campaign(client: httpx.Client) -> None:
    assert_same(GOLDEN / "rest" / "answers.json", rest_answers(client))
