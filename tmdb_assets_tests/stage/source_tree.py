"""The project's modules as syntax trees, and small made-up ones, for the tests of its rules."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = "tmdb_assets"
TREES = (PACKAGE, "tmdb_assets_tests", "benchmarks")


class Tree:
    """The parsed modules of one package below `root`, with the full names of everything that each imports."""

    def __init__(self, root: Path, package: str) -> None:
        self.package = package
        self.paths = {
            ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
            for path in sorted((root / package).rglob("*.py"))
        }
        self.code = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in self.paths.items()}
        self.imported = {name: set(self._imports(code)) for name, code in self.code.items()}

    def _imports(self, code: ast.Module) -> Iterator[str]:
        for node in ast.walk(code):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, "imports name the whole path"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)

    def edges(self) -> dict[str, set[str]]:
        """The modules of the package that each module imports."""
        return {
            name: {self.module_of(used) for used in imported if used.split(".")[0] == self.package} - {name}
            for name, imported in self.imported.items()
        }

    def module_of(self, name: str) -> str:
        """The module of a full name: itself, or the one that defines it."""
        return name if name in self.paths else name.rpartition(".")[0]

    def room_of(self, module: str) -> str:
        """The room of a module; for a module of the root, its own name."""
        return module.split(".")[1] if "." in module else "__init__"


@cache
def tree_of(package: str) -> Tree:
    """One of the project's packages."""
    return Tree(CHECKOUT, package)


def made_up(root: Path, files: Mapping[str, str]) -> Tree:
    for name, text in {"house/__init__.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Tree(root, "house")
