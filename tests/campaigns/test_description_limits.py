"""Descriptions that say too much, hold themselves or never end are refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.description import read_description
from campaigns.errors import ConfigError

_NINE = "[" + ",".join(['"x"'] * 9) + "]"
LAUGHS = f"library: builtin\na: &a {_NINE}\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS + "prices: *h\n", "says more than 20,000 values, its aliases written out"),
        ("".join(f"k{n}: 1\n" for n in range(100_000)), "says more than 20,000 values; put tables into files"),
        ('library: "\\ud83d.csv"\n', "a text in it holds half a character"),
        ('"a\\e[31m": 1\n', "a text in it holds the control character"),
        ("a: &a [*a]\n", "there is no such section|says more than"),
        ("space: {n_layers: 1-1000000000}\n", "line 1, space.n_layers: '1-1000000000' names more layers"),
        ("library: builtin\nseed: 99999999999999999999999\n", "line 2, seed: a number of 77 bits will not do"),
        ("seed: " + "9" * 5000 + "\n", "no YAML that can be read"),
        (
            "budget: {batch_size: 1000000000}\n",
            "line 1, budget.batch_size: 1000000000 will not do; give 100000 or less",
        ),
        ("a: " + "[" * 3000 + "]" * 3000, "lists within lists"),
        ("library: !foo\n  bar: 1\nspace: !!set {a, b}\n", "describes no campaign"),
        ("space: {constraints: [null]}\n", "give fields, as {name: value}"),
        ("#" + "x" * 2_000_001, "larger than 2 MB"),
    ],
    ids=[
        "laughs",
        "many",
        "half a character",
        "escape",
        "itself",
        "layers",
        "seed",
        "long number",
        "batch",
        "deep",
        "tags",
        "nothing",
        "long",
    ],
)
def test_a_description_that_says_too_much_is_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_description(tmp_path / "c.yaml")


def test_merged_mappings_are_ordinary_yaml(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("library: builtin\nspace: {<<: {n_layers: 1-2}}\n", encoding="utf-8")
    assert read_description(tmp_path / "c.yaml").config.space.n_layers == (1, 2)


def test_a_description_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="zero: it is larger than 2 MB"):
        read_description("/dev/zero")
