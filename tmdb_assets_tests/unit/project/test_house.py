"""The rules of the house: how large a room may be, what it may import, and which of Dagster's private names are left.

Every import counts, also one in a function or for a type: a circle that is only hidden until a call is still a circle.
Each rule is tried on a small made-up tree that breaks it, too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
PACKAGE = "tmdb_assets"
TREES = (PACKAGE, "tmdb_assets_tests", "benchmarks")
MOST_MODULES, MOST_LINES, MOST_LINES_OF_A_FUNCTION = 20, 300, 50
ROOT_FILES = {"__init__.py", "settings.py", "partitions.py", "definitions.py"}

# Which rooms and modules of the root a room may import. Each stands below those that it imports.
ROOMS: dict[str, set[str]] = {
    "errors": set(),
    "settings": {"errors"},
    "partitions": {"settings"},
    "transforms": set(),
    "tables": {"errors", "transforms"},
    "tmdb": {"errors", "settings"},  # for the folder of the sandbox's sample data
    "charts": {"settings"},
    "warehouse": {"errors", "settings", "tables", "transforms"},
    "fetch": {"errors", "partitions", "tmdb", "transforms", "warehouse"},
    "instance": {"settings", "warehouse"},
    "dashboard": {"charts", "settings"},
    "viz": {"charts", "errors", "settings", "warehouse"},
}
ROOMS["assets"] = {*ROOMS, "orchestration"} - {"viz"}
ROOMS["checks"] = {"assets", "partitions", "warehouse"}
ROOMS["orchestration"] = {"assets", "errors", "instance", "partitions", "settings", "warehouse"}
ROOMS["definitions"] = {*ROOMS} - {"viz"}
ROOMS["cli"] = {*ROOMS} - {"viz"}

SQL, HTTP, DAGSTER = {"sqlalchemy", "psycopg"}, {"requests", "urllib3"}, {"dagster"}
# Libraries that a room may not import.
BANNED: dict[str, set[str]] = {
    "errors": SQL | HTTP | DAGSTER,
    "tmdb": SQL | DAGSTER,
    "transforms": SQL | HTTP | DAGSTER,
    "charts": SQL | HTTP | DAGSTER,
    "dashboard": SQL | HTTP | DAGSTER,
    "warehouse": HTTP | DAGSTER,
    "fetch": SQL | HTTP,
    "viz": HTTP | DAGSTER,
    "assets": HTTP,
    "checks": HTTP,
}

# All that is used of Dagster beside what it exports: what an upgrade has to look at.
PRIVATE_NAME = re.compile(r"dagster\w*(?:\.\w+)*\._[\w.]+")
PRIVATE_NAMES_IN_YAML = {"dagster._core.run_coordinator", "dagster._core.storage.noop_compute_log_manager"}
PRIVATE_NAMES = {
    "tmdb_assets.instance.launcher": {
        "dagster._core.errors.DagsterUserCodeUnreachableError",
        "dagster._core.launcher.CheckRunHealthResult",
        "dagster._core.launcher.WorkerStatus",
        "dagster._grpc.client.DagsterGrpcClient",
        "dagster._grpc.types.GetCurrentRunsResult",
    },
    "tmdb_assets.instance.storage": {"dagster._serdes.ConfigurableClassData"},
    "tmdb_assets.instance.tags": {
        "dagster._core.storage.tags.AUTO_RETRY_RUN_ID_TAG",
        "dagster._core.storage.tags.GRPC_INFO_TAG",
        "dagster._core.storage.tags.PARTITION_NAME_TAG",
        "dagster._core.storage.tags.RUN_KEY_TAG",
        "dagster._core.storage.tags.SENSOR_NAME_TAG",
        "dagster._core.storage.tags.WILL_RETRY_TAG",
    },
    "tmdb_assets_tests.integration.instance.test_storage": {"dagster._core.instance.InstanceRef"},
    "tmdb_assets_tests.integration.orchestration.test_alerts": {"dagster._core.test_utils.create_run_for_test"},
    "tmdb_assets_tests.stage.gap_ticks": {"dagster._core.test_utils.create_run_for_test"},
    "tmdb_assets_tests.stage.memory_instance": {
        "dagster._core.instance.InstanceType",
        "dagster._core.launcher.sync_in_memory_run_launcher.SyncInMemoryRunLauncher",
        "dagster._core.run_coordinator.DefaultRunCoordinator",
        "dagster._core.storage.event_log.InMemoryEventLogStorage",
        "dagster._core.storage.noop_compute_log_manager.NoOpComputeLogManager",
        "dagster._core.storage.root.TemporaryLocalArtifactStorage",
        "dagster._core.storage.runs.InMemoryRunStorage",
    },
}


class Tree:
    """The modules of one package below `root`, with the full names of all that each imports."""

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
        """The module that a full name is, or is defined in."""
        return name if name in self.paths else name.rpartition(".")[0]

    def room_of(self, module: str) -> str:
        """The room that a module stands in, or the module of the root that it is."""
        return module.split(".")[1] if "." in module else "__init__"


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
    """One circle, as names of which each imports the one before it; empty when there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def find_strangers_at_the_root(tree: Tree) -> set[str]:
    return {path.name for path in tree.paths[tree.package].parent.iterdir() if path.is_file()} - ROOT_FILES


def find_wrong_doors(tree: Tree, rooms: Mapping[str, set[str]]) -> list[str]:
    found = []
    for name, used in tree.edges().items():
        room = tree.room_of(name)
        allowed = rooms.get(room, set()) | {room}
        found += [f"{name} imports {other}" for other in sorted(used) if tree.room_of(other) not in allowed]
    return found


def find_banned_libraries(tree: Tree, banned: Mapping[str, set[str]]) -> list[str]:
    found = []
    for name, used in tree.imported.items():
        libraries = {other.split(".")[0] for other in used} & banned.get(tree.room_of(name), set())
        found += [f"{name} imports {library}" for library in sorted(libraries)]
    return found


def find_private_names(tree: Tree) -> dict[str, set[str]]:
    """What each module imports of Dagster's private modules, or names in a string."""
    found = {}
    for name, code in tree.code.items():
        texts = {
            node.value for node in ast.walk(code) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        found[name] = {text for text in tree.imported[name] | texts if PRIVATE_NAME.fullmatch(text)}
    return {name: private for name, private in found.items() if private}


@cache
def tree_of(package: str) -> Tree:
    return Tree(CHECKOUT, package)


@pytest.fixture
def house() -> Tree:
    return tree_of(PACKAGE)


every_tree = pytest.mark.parametrize("package", TREES)


@every_tree
def test_folders_files_and_functions_are_small(package: str) -> None:
    tree = tree_of(package)
    assert [*find_crowded_folders(tree), *find_long_files(tree), *find_long_functions(tree)] == []


@every_tree
def test_no_imports_go_in_a_circle(package: str) -> None:
    assert find_circle(tree_of(package).edges()) == []


def test_the_root_holds_rooms_and_little_else(house: Tree) -> None:
    assert find_strangers_at_the_root(house) == set()


def test_a_room_imports_only_what_it_may(house: Tree) -> None:
    assert {house.room_of(name) for name in house.paths} - {"__init__"} == ROOMS.keys(), "a new room needs its line"
    assert find_wrong_doors(house, ROOMS) == []
    assert find_banned_libraries(house, BANNED) == []


def test_the_private_names_of_dagster_are_these() -> None:
    found: dict[str, set[str]] = {}
    for package in TREES:
        found |= find_private_names(tree_of(package))
    del found[__name__]  # the list itself
    assert found == PRIVATE_NAMES
    assert {name.rpartition(".")[0] for name in found if name.startswith(f"{PACKAGE}.")} == {"tmdb_assets.instance"}
    assert set(PRIVATE_NAME.findall((CHECKOUT / "dagster.yaml").read_text())) == PRIVATE_NAMES_IN_YAML


def made_up(root: Path, files: Mapping[str, str]) -> Tree:
    for name, text in {"house/__init__.py": "", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Tree(root, "house")


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
def test_a_circle_is_found_wherever_the_import_stands(form: str, tmp_path: Path) -> None:
    tree = made_up(
        tmp_path, {"house/a.py": form, "house/b.py": "from house.c import x", "house/c.py": "import house.a"}
    )
    assert {"house.a", "house.b", "house.c"} <= set(find_circle(tree.edges()))
    assert find_circle(made_up(tmp_path, {"house/c.py": "import json"}).edges()) == []


def test_a_file_that_is_in_no_room_is_found(tmp_path: Path) -> None:
    files = {"house/settings.py": "", "house/misc.py": "", "house/notes.yaml": "", "house/room/a.py": ""}
    assert find_strangers_at_the_root(made_up(tmp_path, files)) == {"misc.py", "notes.yaml"}


def test_what_a_room_may_not_import_is_found(tmp_path: Path) -> None:
    text = "import json\nimport sqlalchemy as sa\nfrom house.cellar.wine import red\nfrom house.attic import dust\n"
    tree = made_up(tmp_path, {"house/attic/a.py": text, "house/attic/dust.py": "", "house/cellar/wine.py": ""})
    assert find_wrong_doors(tree, {"attic": set()}) == ["house.attic.a imports house.cellar.wine"]
    assert find_wrong_doors(tree, {"attic": {"cellar"}}) == []
    assert find_banned_libraries(tree, {"attic": SQL}) == ["house.attic.a imports sqlalchemy"]


def test_a_private_name_is_found(tmp_path: Path) -> None:
    text = "from dagster import asset\n\n\ndef later():\n    from dagster._core.launcher import WorkerStatus\n"
    patch = "import dagster\nmonkeypatch.setattr('dagster._core.launcher', None)"
    tree = made_up(tmp_path, {"house/a.py": text, "house/b.py": "from dagster import Failure", "house/c.py": patch})
    assert find_private_names(tree) == {
        "house.a": {"dagster._core.launcher.WorkerStatus"},
        "house.c": {"dagster._core.launcher"},
    }
