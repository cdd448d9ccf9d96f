"""Nobody searches the text of an error: what is decided by it is a field, a class or a sqlstate."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

import tmdb_assets

PACKAGE = Path(tmdb_assets.__file__).parent
METHODS = {"startswith", "endswith", "lower", "replace", "find", "count", "partition"}
PATTERNS = {"search", "match", "fullmatch"}
# PgBouncer (test_pooler provokes it), or a server without a free slot, refuses before there is a session: of that libpq
# passes on a sentence only.
ALLOWED = {f"warehouse/server/databases.py: {text} in str(error)" for text in ("POOLER_LACKS", "text")}


def is_text(node: ast.AST) -> bool:
    """Whether this is `str(error)`, or a text of a problem."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Attribute) and node.value.attr == "problem"
    is_str = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str"
    return is_str and isinstance(node.args[0], ast.Name)


def searches(code: ast.AST) -> Iterator[str]:
    """The expressions in which the text of something is searched."""
    for node in ast.walk(code):
        searched: list[ast.expr] = []
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
            searched = node.comparators
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            searched = [node.func.value] if node.func.attr in METHODS else []
            searched += node.args if node.func.attr in PATTERNS else []
        if any(is_text(text) for text in searched):
            yield ast.unparse(node)


def test_no_text_of_an_error_is_searched() -> None:
    modules = sorted(PACKAGE.rglob("*.py"))
    found = {
        f"{path.relative_to(PACKAGE)}: {text}" for path in modules for text in searches(ast.parse(path.read_text()))
    }
    assert found == ALLOWED


def test_one_that_is_searched_is_found() -> None:
    code = """
        "gone" in str(error)
        str(error).startswith("gone")
        error.problem.what.lower()
        re.search("gone", str(error))
        "gone" in codes
        str(error).splitlines()
        text.lower()
    """
    assert len(list(searches(ast.parse(textwrap.dedent(code))))) == 4
