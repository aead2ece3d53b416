"""Things that a name stands for, and to which other packages can add: surrogates, strategies, engines, descriptors.

A package adds some by an entry point of the group `spinscreen.plugins` that names a module of its own:

    [project.entry-points."spinscreen.plugins"]
    stiffness = "our_group.stiffness"

The module is imported once, when a name is first asked for that spinscreen itself does not know, or when all names are.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Generic, TypeVar

from chemspace.errors import RegistryError, SpinscreenError

__all__ = ["Registry", "load_plugins", "nearest"]

#: Group of the entry points that are loaded.
PLUGIN_GROUP = "spinscreen.plugins"
#: Packages whose names come from spinscreen itself.
_OWN_PACKAGES = ("chemspace", "oracle", "screening", "campaigns")

T = TypeVar("T")

_loading: ContextVar[str] = ContextVar("loading", default="")


@dataclass(frozen=True)
class Registered(Generic[T]):
    """One name and what it stands for."""

    name: str  #: as a campaign's description writes it
    item: T  #: what it stands for
    source: str  #: distribution that brought it, with its version, or the module where there is none
    place: str  #: module and name of what was declared
    words: str  #: what it is, the first sentence of its docstring


@dataclass(frozen=True)
class PluginFailure:
    """An entry point that could not be loaded: its name, the distribution that declares it, and the reason."""

    name: str
    source: str
    reason: str


class Registry(Generic[T]):
    """Names of one kind, in the order they were added."""

    def __init__(self, kind: str, error: type[SpinscreenError]) -> None:
        """Start empty. `kind`: what has the names, as messages say it; `error`: raised for a name that nothing has."""
        self.kind = kind
        self._error = error
        self._entries: dict[str, Registered[T]] = {}

    def add(self, name: str, item: T, declared: object = None, words: str = "") -> None:
        """Give `item` a name. `name`: the name; letters, digits, "_" and "-"; `item`: what it stands for; `declared`:
        class or function whose docstring and module tell what it is and where it comes from; None takes the item's own;
        `words`: what it is, instead of the docstring. Raises RegistryError if the name is taken, or is not one that a
        description can hold."""
        declared = item if declared is None else declared
        if not name or not name.replace("_", "").replace("-", "").isalnum():
            raise RegistryError(f"{name!r} is not a name of a {self.kind}: letters, digits, _ and - only")
        source = _source(declared)
        if (taken := self._entries.get(name)) is not None:
            raise RegistryError(
                f"two {self.kind}s are called {name!r}, one from {taken.source} ({taken.place}) and one from "
                f"{source} ({_place(declared)}): give one of them another name"
            )
        self._entries[name] = Registered(name, item, source, _place(declared), words or _first_sentence(declared))

    @contextmanager
    def including(self, name: str, item: T) -> Iterator[None]:
        """`item` under this name for a while, as a benchmark or a notebook wants it; raises as `add`."""
        self.add(name, item)
        try:
            yield
        finally:
            del self._entries[name]

    def get(self, name: str) -> T:
        """What the name stands for. Raises SpinscreenError of this registry's kind, if nothing has it; the message
        names the nearest."""
        if name not in self._entries:
            failures = load_plugins()
            if name not in self._entries:
                lost = (f"; the plug-in {f.name} of {f.source} could not be loaded ({f.reason})" for f in failures)
                raise self._error(f"no {self.kind} {name!r}{nearest(name, self._entries)}{''.join(lost)}")
        return self._entries[name].item

    def entries(self) -> tuple[Registered[T], ...]:
        """Everything that has a name, that of other packages last."""
        load_plugins()
        return tuple(self._entries.values())

    def __iter__(self) -> Iterator[str]:
        """Every name."""
        return (entry.name for entry in self.entries())

    def __contains__(self, name: object) -> bool:
        """Whether something has this name."""
        return name in self._entries or name in tuple(self)


_failures: list[PluginFailure] | None = None


def load_plugins() -> tuple[PluginFailure, ...]:
    """Import the modules of all entry points of `PLUGIN_GROUP`, once. Returns those that could not be loaded; what is
    asked for by a name of theirs is then unknown."""
    from importlib import metadata  # takes longer to load than most commands' help

    global _failures
    if _failures is None:
        _failures = []  # before the loop: a plug-in that asks for a name must not load them all again
        for point in metadata.entry_points(group=PLUGIN_GROUP):
            source = "an unknown distribution" if point.dist is None else f"{point.dist.name} {point.dist.version}"
            token = _loading.set(source)
            try:
                point.load()
            except Exception as error:  # another package's import can fail in any way, and must not end what we do
                _failures.append(PluginFailure(point.name, source, f"{type(error).__name__}: {error}"))
            finally:
                _loading.reset(token)
    return tuple(_failures)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the names there are, the nearest ones where some are near."""
    known = tuple(known)
    near = get_close_matches(name, known, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else f"; there are {', '.join(known)}"


def _source(declared: object) -> str:
    module = str(getattr(declared, "__module__", ""))
    if module.split(".")[0] in _OWN_PACKAGES:
        return f"spinscreen {_own_version()}"
    return _loading.get() or module or "an unknown module"


@cache
def _own_version() -> str:
    from importlib import metadata

    try:
        return metadata.version("spinscreen")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _place(item: object) -> str:
    named = item if hasattr(item, "__qualname__") else type(item)
    return f"{named.__module__}.{getattr(named, '__qualname__', '')}"


def _first_sentence(declared: object) -> str:
    text = " ".join((inspect.getdoc(declared) or "").split("\n\n")[0].split())
    sentence = text.split(". ")[0]
    return sentence if not sentence or sentence.endswith(".") else f"{sentence}."
