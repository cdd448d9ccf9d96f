"""The docstring of a public function names the errors that it raises."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

import tmdb_assets

PACKAGE = Path(tmdb_assets.__file__).parent
ENDS_THE_PROCESS = {"SystemExit"}  # how a command sets its exit code
INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def undocumented(code: ast.AST, owner: str = "") -> Iterator[str]:
    """Public functions, each with an error that it raises and its docstring does not name."""
    for node in ast.iter_child_nodes(code):
        if isinstance(node, ast.ClassDef):
            if not node.name.startswith("_"):
                yield from undocumented(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            text = ast.get_docstring(node) or ""
            for error in sorted(raised(node) - ENDS_THE_PROCESS):
                # An error from a variable or function has no name here: any "raises" in the docstring counts.
                is_named = error.split(".")[-1].endswith("Error")
                if ("aise" not in text) or (is_named and error.split(".")[-1] not in text):
                    yield f"{owner}{node.name}: {error}"


def raised(function: ast.FunctionDef) -> set[str]:
    """What the function's own statements raise, apart from a bare `raise`."""
    found, nodes = set(), list[ast.AST](function.body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, INNER):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            found.add(ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc))
        nodes += ast.iter_child_nodes(node)
    return found


def test_every_public_function_documents_its_errors() -> None:
    modules = sorted(PACKAGE.rglob("*.py"))
    found = [
        f"{path.relative_to(PACKAGE)}: {line}" for path in modules for line in undocumented(ast.parse(path.read_text()))
    ]
    assert len(modules) > 100
    assert found == []


def test_one_that_does_not_is_found() -> None:
    code = '''
        def silent(): raise ValueError("x")
        def vague():
            """Raises an error."""
            raise errors.LookupError
        def open():
            """Open it. Raises `ValueError`."""
            def inner(): raise TypeError
            raise ValueError
        def passed_on():
            """Raises what came."""
            raise came
        def _private(): raise ValueError
        class Reader:
            def read(self): raise came
        class _Private:
            def read(self): raise came
    '''
    assert list(undocumented(ast.parse(textwrap.dedent(code)))) == [
        "silent: ValueError",
        "vague: errors.LookupError",
        "Reader.read: came",
    ]
