"""Puts a mutant into a module that is loaded already, and says which lines and which function it concerns."""

from __future__ import annotations

import ast
import functools
import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import NamedTuple

_IS_FUNCTION = 0x1
"""Of the flags of a code object: it has local variables, as a module or the body of a class has not."""


class Place(NamedTuple):
    """The lines of the statement with a mutant, of a compound one its head, and the function with it, if any."""

    lines: range
    function: str


def place_of(text: str, line: int) -> Place:
    """The place of a line of a module."""
    lines, function = range(line, line + 1), ""
    nodes: list[ast.AST] = [ast.parse(text)]
    for node in nodes:  # grows
        kinds = (ast.stmt, ast.excepthandler, ast.match_case)
        nodes.extend(child for child in ast.iter_child_nodes(node) if isinstance(child, kinds))
        if not isinstance(node, ast.stmt) or not node.lineno <= line <= (node.end_lineno or line):
            continue
        body = getattr(node, "body", None)
        if isinstance(node, ast.FunctionDef) and line >= node.body[0].lineno:
            function = function or node.name
        elif not body or line < body[0].lineno:
            lines = range(node.lineno, body[0].lineno if body else (node.end_lineno or line) + 1)
    return Place(lines, function)


class Loaded:
    """A loaded module with its functions, which are found once: that takes as long as a quick test."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.path = module, str(module.__file__)
        plain = ast.unparse(ast.parse(Path(self.path).read_text(encoding="utf-8")))  # as the text of a mutant is made
        self.codes = self._codes_of(plain)
        functions = [thing for thing in gc.get_objects() if isinstance(thing, FunctionType)]
        self.functions = [made for made in functions if made.__code__.co_filename == self.path]

    def _codes_of(self, text: str) -> dict[str, CodeType]:
        return {code.co_qualname: code for code in _codes(compile(text, self.path, "exec"))}

    def put_in(self, text: str, function: str) -> bool:
        """Give the functions, or the constants, those of a mutant; False if only a new import can.

        That is where the mutated statement runs at import and is no plain `NAME = "text"`: a default, a class's.
        """
        forget_results(self.module)
        return self._new_code(text) if function else self._new_constant(text)

    def _new_code(self, text: str) -> bool:
        codes = self._codes_of(text)
        changed = {name for name, code in codes.items() if code != self.codes.get(name)}
        own = [made for made in self.functions if made.__code__.co_qualname in changed]
        found = {made.__code__.co_qualname for made in own}
        for made in own:
            made.__code__ = codes[made.__code__.co_qualname]
        return bool(changed) and found == changed

    def _new_constant(self, text: str) -> bool:
        """Give a constant its new value in every module that has it."""
        constants = [(name, value) for name, value in _constants(text) if vars(self.module)[name] != value]
        for name, value in constants:
            old = vars(self.module)[name]
            for other in [*sys.modules.values()]:
                if getattr(other, "__dict__", {}).get(name) is old:
                    setattr(other, name, value)
        return bool(constants)


def forget_results(module: ModuleType) -> None:
    """Empty the caches of a module's functions: another code, or another test, computes again."""
    for value in vars(module).values():
        if isinstance(value, functools._lru_cache_wrapper):
            value.cache_clear()


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The functions of a module and of its classes, not those inside functions, which belong to these."""
    for found in code.co_consts:
        if isinstance(found, CodeType) and found.co_flags & _IS_FUNCTION:
            yield found
        elif isinstance(found, CodeType):
            yield from _codes(found)


def _constants(text: str) -> Iterator[tuple[str, object]]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            yield from ((name.id, node.value.value) for name in node.targets if isinstance(name, ast.Name))
