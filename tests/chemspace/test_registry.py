"""Names that other packages can add to."""

from __future__ import annotations

import pytest

from chemspace.errors import RegistryError, SpinscreenError
from chemspace.registry import Registry


class UnknownToolError(SpinscreenError):
    """No such tool."""


class Hammer:
    """Drives nails into
    wood. Not for screws.

    More about it.
    """


@pytest.fixture
def tools() -> Registry[type]:
    registry: Registry[type] = Registry("tool", UnknownToolError)
    registry.add("hammer", Hammer)
    return registry


def test_entry_tells_where_it_comes_from_and_in_a_sentence_what_it_is(tools: Registry[type]) -> None:
    (entry,) = tools.entries()
    assert (entry.name, entry.item, entry.words) == ("hammer", Hammer, "Drives nails into wood.")
    assert entry.source == __name__


def test_what_spinscreen_brings_says_so_with_its_version() -> None:
    registry: Registry[type] = Registry("error", UnknownToolError)
    registry.add("root", SpinscreenError)
    assert registry.entries()[0].source.startswith("spinscreen ")


def test_name_given_twice_is_refused_naming_both(tools: Registry[type]) -> None:
    with pytest.raises(RegistryError, match=r"two tools are called 'hammer', .*Hammer.* and .*UnknownToolError"):
        tools.add("hammer", UnknownToolError)
    assert tools.get("hammer") is Hammer


def test_unknown_name_is_answered_with_the_nearest(tools: Registry[type]) -> None:
    with pytest.raises(UnknownToolError, match=r"no tool 'hamer'; did you mean hammer\?"):
        tools.get("hamer")
    with pytest.raises(UnknownToolError, match="no tool 'saw'; there are hammer"):
        tools.get("saw")


@pytest.mark.parametrize("name", ["", "two words", "a:b"])
def test_name_that_no_description_can_hold_is_refused(tools: Registry[type], name: str) -> None:
    with pytest.raises(RegistryError, match="not a name of a tool"):
        tools.add(name, Hammer)


def test_names_are_listed_in_the_order_they_were_added(tools: Registry[type]) -> None:
    tools.add("error", UnknownToolError)
    assert tuple(tools) == ("hammer", "error")
    assert "error" in tools
    assert "saw" not in tools
