"""The rules of the house: how large a room may be, and what it may import.

Every import counts, including those in functions and for types: a circle that only appears in a call is still a circle.
Each rule is also tested on a small made-up tree that breaks it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tmdb_assets_tests.stage.source_tree import CHECKOUT, PACKAGE, TREES, Tree, made_up, tree_of

MOST_MODULES, MOST_LINES, MOST_LINES_OF_A_FUNCTION = 20, 300, 50
VAGUE_NAMES = {"utils", "util", "helpers", "common", "misc"}
ROOT_FILES = {"__init__.py", "partitions.py", "definitions.py"}

# Folders of tests that are not named after a room or module: they test other parts of the project, or all of it.
OTHER_FOLDERS_OF_TESTS = {"project", "benchmarks", "fakes", "oracle", "days", "interruption"}

# Which rooms and modules of the root a room may import. Each is listed after those that it imports.
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "language": set(),
    "settings": {"errors", "language", "transforms"},  # for what is requested with details
    "partitions": set(),
    "transforms": set(),
    "tables": {"errors", "transforms"},
    "tmdb": {"errors", "settings"},  # for the folder of the sandbox's sample data
    "charts": {"language", "settings"},
    "warehouse": {"errors", "settings", "tables", "transforms"},
    "fetch": {"errors", "partitions", "tmdb", "transforms", "warehouse"},
    "instance": {"errors", "settings", "warehouse"},
    "dashboard": {"charts", "language", "settings"},
    "viz": {"charts", "errors", "language", "settings", "warehouse"},
}
ROOMS["assets"] = {*ROOMS} - {"viz"}
ROOMS["checks"] = {"assets", "errors", "partitions", "settings", "warehouse"}
ROOMS["orchestration"] = {"assets", "errors", "instance", "partitions", "settings", "tmdb", "warehouse"}
ROOMS["definitions"] = {*ROOMS} - {"viz"}
ROOMS["cli"] = {*ROOMS} - {"viz"}

SQL, DAGSTER = {"sqlalchemy", "psycopg", "psycopg2"}, {"dagster"}
HTTP = {"requests", "urllib3", "urllib.request", "http", "socket", "httpx", "aiohttp"}
# Libraries, or modules of one, that a room may not import.
BANNED: dict[str, set[str]] = {
    "errors": SQL | HTTP | DAGSTER,
    "tmdb": SQL | DAGSTER,
    "transforms": SQL | HTTP | DAGSTER,
    "charts": SQL | HTTP | DAGSTER,
    "language": SQL | HTTP | DAGSTER,
    "dashboard": SQL | HTTP | DAGSTER,
    "warehouse": HTTP | DAGSTER,
    "fetch": SQL | HTTP,
    "viz": HTTP | DAGSTER,
    "assets": HTTP,
    "checks": HTTP,
}


def find_crowded_folders(tree: Tree) -> list[str]:
    modules: dict[Path, int] = {}
    for path in tree.paths.values():
        modules[path.parent] = modules.get(path.parent, 0) + (path.name != "__init__.py")
    return [f"{folder.name} has {count} modules" for folder, count in modules.items() if count > MOST_MODULES]


def find_long_files(tree: Tree) -> list[str]:
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in tree.paths.items()}
    return [f"{name} has {count} lines" for name, count in lines.items() if count > MOST_LINES]


def find_long_functions(tree: Tree) -> list[str]:
    found = []
    for name, code in tree.code.items():
        for node in ast.walk(code):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = (node.end_lineno or 0) - node.lineno + 1
                if count > MOST_LINES_OF_A_FUNCTION:
                    found.append(f"{name}.{node.name} has {count} lines")
    return found


def find_circle(edges: Mapping[str, set[str]]) -> Sequence[str]:
    """One circle of names, each importing the one before it; empty when there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def find_stray_files_of_the_root(tree: Tree) -> set[str]:
    return {path.name for path in tree.paths[tree.package].parent.iterdir() if path.is_file()} - ROOT_FILES


def find_vague_names(tree: Tree) -> list[str]:
    return [name for name in tree.paths if VAGUE_NAMES & {*name.split(".")}]


def find_forbidden_imports(tree: Tree, rooms: Mapping[str, set[str]]) -> list[str]:
    found = []
    for name, used in tree.edges().items():
        room = tree.room_of(name)
        allowed = rooms.get(room, set()) | {room}
        found += [f"{name} imports {other}" for other in sorted(used) if tree.room_of(other) not in allowed]
    return found


def find_banned_libraries(tree: Tree, banned: Mapping[str, set[str]]) -> list[str]:
    found = []
    for name, used in tree.imported.items():
        found += [
            f"{name} imports {library}"
            for library in sorted(banned.get(tree.room_of(name), set()))
            if any(f"{other}.".startswith(f"{library}.") for other in used)
        ]
    return found


every_tree = pytest.mark.parametrize("package", TREES)


@every_tree
def test_folders_files_and_functions_are_small(package: str) -> None:
    tree = tree_of(package)
    assert [*find_crowded_folders(tree), *find_long_files(tree), *find_long_functions(tree)] == []


@every_tree
def test_names_say_what_a_room_or_module_is_for(package: str) -> None:
    assert find_vague_names(tree_of(package)) == []


@every_tree
def test_no_imports_go_in_a_circle(package: str) -> None:
    assert find_circle(tree_of(package).edges()) == []


def test_the_root_has_no_other_files() -> None:
    assert find_stray_files_of_the_root(tree_of(PACKAGE)) == set()


def test_a_room_imports_only_what_it_may() -> None:
    house = tree_of(PACKAGE)
    assert {house.room_of(name) for name in house.paths} - {"__init__"} == ROOMS.keys(), "a new room needs its line"
    assert find_circle(ROOMS) == []
    assert find_forbidden_imports(house, ROOMS) == []
    assert find_banned_libraries(house, BANNED) == []


def test_engines_are_made_in_one_place() -> None:
    """Others would call functions by bare names when they connect, see `make_engine`."""
    makers = [
        name
        for name, code in tree_of(PACKAGE).code.items()
        for node in ast.walk(code)
        if "create_engine" in (getattr(node, "attr", None), getattr(node, "id", None), getattr(node, "name", None))
    ]
    assert makers == [f"{PACKAGE}.warehouse.server.engine"]


def test_the_tests_mirror_the_package() -> None:
    for kind in ("unit", "graph", "integration"):
        root = CHECKOUT / "tmdb_assets_tests" / kind
        folders = {path.parent.relative_to(root) for path in root.rglob("test_*.py")}
        mirrored = {path.relative_to(CHECKOUT / PACKAGE).with_suffix("") for path in (CHECKOUT / PACKAGE).rglob("*")}
        assert {str(folder) for folder in folders - mirrored} <= {".", *OTHER_FOLDERS_OF_TESTS}


def test_what_is_too_large_is_found(tmp_path: Path) -> None:
    body = "    pass\n"
    tree = made_up(
        tmp_path,
        {
            **{f"house/full/m{number}.py": "" for number in range(21)},
            **{f"house/fits/m{number}.py": "" for number in range(20)},
            "house/long.py": "x = 1\n" * 301,
            "house/short.py": "x = 1\n" * 300,
            "house/work.py": f"class Made:\n  def long(self):\n{body * 50}\n\nasync def short():\n{body * 49}",
        },
    )
    assert find_crowded_folders(tree) == ["full has 21 modules"]
    assert find_long_files(tree) == ["house.long has 301 lines"]
    assert find_long_functions(tree) == ["house.work.long has 51 lines"]


@pytest.mark.parametrize(
    "form", ["from house import b", "def later():\n    import house.b", "from house.b import name"]
)
def test_a_circle_is_found_wherever_the_import_is(form: str, tmp_path: Path) -> None:
    tree = made_up(
        tmp_path, {"house/a.py": form, "house/b.py": "from house.c import x", "house/c.py": "import house.a"}
    )
    assert {"house.a", "house.b", "house.c"} <= set(find_circle(tree.edges()))
    assert find_circle(made_up(tmp_path, {"house/c.py": "import json"}).edges()) == []


def test_a_stray_file_of_the_root_is_found(tmp_path: Path) -> None:
    files = {"house/partitions.py": "", "house/misc.py": "", "house/notes.yaml": "", "house/room/a.py": ""}
    assert find_stray_files_of_the_root(made_up(tmp_path, files)) == {"misc.py", "notes.yaml"}


def test_what_a_room_may_not_import_is_found(tmp_path: Path) -> None:
    text = "import json\nimport sqlalchemy as sa\nfrom house.cellar.wine import red\nfrom house.attic import dust\n"
    tree = made_up(tmp_path, {"house/attic/a.py": text, "house/attic/dust.py": "", "house/cellar/wine.py": ""})
    assert find_forbidden_imports(tree, {"attic": set()}) == ["house.attic.a imports house.cellar.wine"]
    assert find_forbidden_imports(tree, {"attic": {"cellar"}}) == []
    assert find_banned_libraries(tree, {"attic": SQL}) == ["house.attic.a imports sqlalchemy"]


@pytest.mark.parametrize(
    ("text", "library"),
    [
        ("import http.client", "http"),
        ("from http import client", "http"),
        ("from urllib.request import urlopen", "urllib.request"),
        ("from urllib import request", "urllib.request"),
        ("import socket", "socket"),
        ("from urllib.parse import quote\nimport https", None),
    ],
)
def test_every_way_to_the_network_is_found(text: str, library: str | None, tmp_path: Path) -> None:
    tree = made_up(tmp_path, {"house/attic/a.py": text})
    assert find_banned_libraries(tree, {"attic": HTTP}) == ([f"house.attic.a imports {library}"] if library else [])


def test_a_vague_name_is_found(tmp_path: Path) -> None:
    tree = made_up(tmp_path, {"house/utils/a.py": "", "house/room/helpers.py": "", "house/room/uncommon.py": ""})
    assert find_vague_names(tree) == ["house.room.helpers", "house.utils.a"]
