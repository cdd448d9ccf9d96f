"""Mutants of Python code: one comparison, operator, constant, condition or statement changed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from tmdb_assets_tests.mutants.sql_text import is_sql, sql_mutants

_COMPARISONS: dict[type, type] = {ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt}
_COMPARISONS |= {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn}
_COMPARISONS |= {ast.NotIn: ast.In}
_OPERATORS: dict[type, type] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
_OPERATORS |= {ast.FloorDiv: ast.Mult, ast.Mod: ast.Add, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr}
# What is said to people, and what only type checkers read, is not mutated.
_SILENT = ("Problem", "Error", "warn", "info", "debug", "log", "echo", "cast", "Field")


def python_mutants(text: str) -> Iterator[tuple[int, str, str]]:
    """The mutants of a module: the line, what is changed, and the whole module changed."""
    tree = ast.parse(text)
    places = [*_places(tree, [])]
    lines = text.splitlines()
    for path, number in places:
        original = _at(tree, path)
        for what, _ in _changes(original, number):
            mutated = copy.deepcopy(tree)
            node = _at(mutated, path)
            made = next(new for name, new in _changes(node, number) if name == what)
            _replace(mutated, path, made)
            line = getattr(original, "lineno", 1)
            yield line, f"{what} in `{lines[line - 1].strip()}`", ast.unparse(ast.fix_missing_locations(mutated))


_Path = list[tuple[str, int | None]]


def _at(tree: ast.AST, path: _Path) -> ast.AST:
    node = tree
    for name, index in path:
        value = getattr(node, name)
        node = value if index is None else value[index]
    return node


def _replace(tree: ast.AST, path: _Path, new: ast.AST) -> None:
    parent = _at(tree, path[:-1])
    name, index = path[-1]
    if index is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[index] = new


def _places(node: ast.AST, path: _Path) -> Iterator[tuple[_Path, int]]:
    """The paths of all nodes that are mutated; annotations, docstrings and what is said are not."""
    yield path, 0
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_comment", "keywords"} and name != "keywords":
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _is_silent(child):
                yield from _places(child, [*path, (name, index)])


def _is_silent(node: ast.AST) -> bool:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.AnnAssign) and not isinstance(
        node, ast.AnnAssign
    ):
        return True
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return any(word in name for word in _SILENT)
    return False


def _changes(node: ast.AST, _number: int) -> Iterator[tuple[str, ast.AST]]:
    """What can be changed about one node, by name."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        new = _COMPARISONS[type(node.ops[0])]
        yield f"{type(node.ops[0]).__name__} -> {new.__name__}", _with(node, ops=[new(), *node.ops[1:]])
    elif isinstance(node, ast.BoolOp):
        yield "and <-> or", _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        new = _OPERATORS[type(node.op)]
        yield f"{type(node.op).__name__} -> {new.__name__}", _with(node, op=new())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not -> nothing", node.operand
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "condition -> its opposite", _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "statement -> pass", ast.Pass()
    elif isinstance(node, ast.Raise):
        yield "raise -> pass", ast.Pass()
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "return value -> None", ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Constant):
        yield from _changed_constant(node)


def _changed_constant(node: ast.Constant) -> Iterator[tuple[str, ast.AST]]:
    value = node.value
    if isinstance(value, bool):
        yield f"{value} -> {not value}", ast.Constant(not value)
    elif isinstance(value, int | float):
        yield f"{value} -> {value + 1}", ast.Constant(value + 1)
    elif isinstance(value, str) and is_sql(value):
        for line, what, text in sql_mutants(value):
            yield f"line {line}: {what}", ast.Constant(text)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _with(node: ast.AST, **fields: object) -> ast.AST:
    made = copy.copy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    return made
