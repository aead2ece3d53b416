"""Every public name says what it is: docstrings that give shapes of arrays and the errors raised."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("chemspace", "oracle", "screening", "campaigns")
FILES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
ARRAY = re.compile(r"NDArray|Tensor\b|\bArray\b|ndarray")
#: "shape (m,)", "(m, d)", "(k, t)", "batch_shape x q x d", "one a row": how a docstring tells the size of an array.
#: A scalar tensor has none; "As `Constraint`" sends the reader to the protocol that gives it.
SHAPE = re.compile(
    r"[Ss]hape|\([a-z0-9_]{1,12},\)|\(([a-z0-9_+. ]{1,12}, )+[a-z0-9_+ ]{1,12}\)| x q x |\bscalar\b|\bAs `[A-Z]\w+`"
)
#: Python's own errors of a programming mistake need no line: a caller who reads the signature does not meet them.
UNTOLD = {"AssertionError", "AttributeError", "KeyError", "IndexError", "StopIteration", "TypeError"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Public:
    """A public function, method or class: where it stands and its syntax."""

    where: str
    node: Function | ast.ClassDef

    @property
    def told(self) -> str:
        return ast.get_docstring(self.node) or ""


def exported(tree: ast.Module) -> list[str]:
    """The names of a module's `__all__`."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return list(ast.literal_eval(node.value))
    return []


def imported_names() -> dict[str, set[str]]:
    """Names that other files import, by the module they import them from."""
    names: dict[str, set[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                names.setdefault(node.module, set()).update(alias.name for alias in node.names)
    return names


IMPORTED = imported_names()


def offered(path: Path, tree: ast.Module) -> set[str]:
    """The names of a module that are for others: those in `__all__`, and those that another file imports."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return set(exported(tree)) | {name for name in IMPORTED.get(module, set()) if not name.startswith("_")}


def public(path: Path) -> Iterator[Public]:
    """Every function and class that a module offers, and the public methods of those classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = offered(path, tree)
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and node.name in names:
            where = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            yield Public(where, node)
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, Function) and not part.name.startswith("_"):
                        yield Public(f"{path.relative_to(ROOT)}:{part.lineno} {node.name}.{part.name}", part)


EVERYTHING = [each for path in FILES for each in public(path)]
FUNCTIONS = [each for each in EVERYTHING if isinstance(each.node, Function)]


def raised(node: Function) -> set[str]:
    """Names of the errors that the function's own body raises, those of nested functions left out."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        part = waiting.pop()
        if isinstance(part, Function | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(part, ast.Raise) and part.exc is not None:
            what = part.exc.func if isinstance(part.exc, ast.Call) else part.exc
            name = what.id if isinstance(what, ast.Name) else what.attr if isinstance(what, ast.Attribute) else ""
            if name.endswith("Error") and name not in UNTOLD:
                found.add(name)
        waiting.extend(ast.iter_child_nodes(part))
    return found


def arrays(node: Function) -> list[str]:
    """The array arguments of a function, and "return" where it gives arrays back."""
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    names = [a.arg for a in every if a.annotation is not None and ARRAY.search(ast.unparse(a.annotation))]
    if node.returns is not None and ARRAY.search(ast.unparse(node.returns)):
        names.append("return")
    return names


def overrides(each: Public) -> bool:
    """A method marked as an override is documented where it was promised."""
    return any(
        ast.unparse(mark).endswith("override") or ast.unparse(mark) == "overload" for mark in each.node.decorator_list
    )


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in FILES
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_every_name_in_all_is_defined_or_imported_by_its_module() -> None:
    missing = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        missing += [
            f"{path.relative_to(ROOT)}: {name}"
            for name in exported(ast.parse(text))
            if not re.search(
                rf"(def|class|import|as|,|\() *{name}\b|^ *{name}\b(:| =|,)|^{name} *:", text, re.MULTILINE
            )
        ]
    assert not missing


def test_every_public_function_method_and_class_has_a_docstring() -> None:
    assert len(EVERYTHING) > 400
    silent = [each.where for each in EVERYTHING if not each.told and not overrides(each)]
    assert not silent, "\n".join(["no docstring:", *silent])


def test_every_public_function_on_arrays_gives_their_shapes() -> None:
    shapeless = [
        f"{each.where} ({', '.join(names)})"
        for each in FUNCTIONS
        if isinstance(each.node, Function) and (names := arrays(each.node)) and not SHAPE.search(each.told)
    ]
    assert not shapeless, "\n".join(["arrays without a shape:", *shapeless])


def test_every_public_function_names_the_errors_that_it_raises() -> None:
    untold = [
        f"{each.where} ({', '.join(sorted(missing))})"
        for each in FUNCTIONS
        if isinstance(each.node, Function) and (missing := {n for n in raised(each.node) if n not in each.told})
    ]
    assert not untold, "\n".join(["errors not named:", *untold])


def test_every_public_constant_says_what_it_is() -> None:
    silent = []
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        lines, names = text.splitlines(), {name for name in offered(path, ast.parse(text)) if name.isupper()}
        for node in ast.parse(text).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            told = [t.id for t in targets if isinstance(t, ast.Name) and t.id in names]
            if told and not any(
                line.lstrip().startswith("#") for line in lines[max(node.lineno - 3, 0) : node.lineno - 1]
            ):
                silent.append(f"{path.relative_to(ROOT)}:{node.lineno} {', '.join(told)}")
    assert not silent, "\n".join(["constants without a `#:` line:", *silent])


@pytest.mark.parametrize("docstring", ["Frequencies, shape (m,).", "Of each row: (m, d).", "`batch_shape x q x d`"])
def test_a_shape_is_recognised(docstring: str) -> None:
    assert SHAPE.search(docstring)
