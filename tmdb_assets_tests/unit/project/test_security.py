"""SECURITY.md: each threat has tests, and they exist."""

from __future__ import annotations

import ast
import re

from tmdb_assets.settings import PROJECT_ROOT

TEXT = (PROJECT_ROOT / "SECURITY.md").read_text(encoding="utf-8")


def threats(text: str) -> list[list[str]]:
    """The cells of each line of the table of threats."""
    table = text[text.index("| from | could |") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def written_tests() -> set[str]:
    tests = PROJECT_ROOT / "tmdb_assets_tests"
    paths = [*tests.rglob("test_*.py"), *tests.rglob("*in_containers.py")]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_threat_names_tests_that_exist() -> None:
    found, known = threats(TEXT), written_tests()
    assert len(found) > 12
    unproved = []
    for _, could, protection, proof in found:
        named = re.findall(r"`(test_\w+)`", proof)
        unproved += [could] if not named or not protection else []
        unproved += [name for name in named if name not in known]
    assert unproved == []


def test_a_test_that_is_gone_is_found() -> None:
    text = "| from | could |\n| - | - |\n| a | b | c | `test_of_nothing` |\n\nmore"
    assert threats(text) == [["a", "b", "c", "`test_of_nothing`"]]
    assert "test_of_nothing" not in written_tests()
    assert "test_a_test_that_is_gone_is_found" in written_tests()


def test_it_fits_on_a_page() -> None:
    assert len(TEXT.splitlines()) < 70
