"""The documents: links resolve, commands exist, both READMEs have the same structure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from tmdb_assets.cli.main import main
from tmdb_assets.settings import PROJECT_ROOT
from tmdb_assets_tests.stage.compose_file import made_env, read_compose

PAGES = sorted(
    page
    for pattern in ("*.md", "docs/**/*.md", "data/**/*.md")
    for page in PROJECT_ROOT.glob(pattern)
    if "node_modules" not in page.parts
)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
# A file or folder of the project, as code: `assets/raw.py`, `sql/views/`.
FILE = re.compile(r"(?<!`)`([a-z_][a-z0-9_/-]*(?:/|\.(?:py|sql|csv)))`")
MADE_BY_THE_READER = "tmdb_assets/tables/collections.py"
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?:\.venv/bin/)?tmdb-assets$")
COMPOSE_OPTIONS = {"--profile", "--since", "-v", "-f"}  # used in the documents with a value
# Which words after a subcommand are services.
COMPOSE_SUBCOMMANDS: dict[str, Callable[[list[str]], list[str]]] = {
    **dict.fromkeys(("up", "stop", "down", "ps", "logs"), lambda words: words),
    **dict.fromkeys(("run", "exec"), lambda words: words[:1]),
    "cp": lambda words: [word.partition(":")[0] for word in words if ":" in word],
}


def relative(page: Path) -> str:
    return str(page.relative_to(PROJECT_ROOT))


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them: lower case, words joined by hyphens."""
    headings = re.findall(r"^#+ (.*)$", without_code(page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_resolve_to_files_and_headings(page: Path) -> None:
    broken = []
    for target in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_files_that_are_named_are_there() -> None:
    roots = [PROJECT_ROOT / name for name in ("tmdb_assets", "tmdb_assets_tests", "benchmarks", "docs", "sql", "data")]
    paths = [*PROJECT_ROOT.glob("*"), *(path for root in roots for path in root.rglob("*"))]
    tree = [f"/{path.relative_to(PROJECT_ROOT)}{'/' if path.is_dir() else ''}" for path in paths]
    missing = []
    for page in [*PAGES, *(PROJECT_ROOT / "tmdb_assets").rglob("*.py")]:
        if page.parent.name == "decisions":  # each tells of its own time
            continue
        named = set(FILE.findall(without_code(page.read_text(encoding="utf-8")))) - {MADE_BY_THE_READER}
        missing += [
            f"{relative(page)}: {name}" for name in sorted(named) if not any(path.endswith(f"/{name}") for path in tree)
        ]
    assert missing == []


def shell_commands(page: Path) -> Iterator[list[str]]:
    """The words of each command in a page's shell blocks, without comments and leading variables."""
    for block in SHELL.findall(page.read_text(encoding="utf-8")):
        for line in re.sub(r"\$\([^)]*\)", "X", block).splitlines():
            if re.match(r"[\d*]+ [\d*]+ ", line):
                line = line.split(" ", 5)[5]  # a line of a crontab
            for part in re.split(r"&&|\|\||;", line) if "'" not in line and '"' not in line else [line]:
                words = shlex.split(part, comments=True)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words = words[1:]
                if words:
                    yield words


@pytest.mark.parametrize("page", [page for page in PAGES if SHELL.search(page.read_text("utf-8"))], ids=relative)
def test_commands_in_the_documents_exist(page: Path) -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    unknown = []
    for words in shell_commands(page):
        if words[0] == "make":
            unknown += [f"make {word}" for word in words[1:] if "=" not in word and word not in targets]
        for place, word in enumerate(words):
            if COMMAND.fullmatch(word):
                fault = fault_of(words[place + 1 :])
                unknown += [f"{' '.join(words)}: {fault}"] if fault else []
                break
    assert unknown == []


def fault_of(arguments: list[str]) -> str | None:
    """The command's error message for these arguments, None if they are valid."""
    if not arguments:
        return "no command"
    made = main.commands.get(arguments[0])
    if made is None:
        return "no such command"
    try:
        made.make_context(arguments[0], arguments[1:])
    except click.exceptions.Exit:
        return None  # --help
    except click.ClickException as error:
        return error.format_message()
    return None


def test_a_wrong_command_is_found() -> None:
    assert fault_of(["run", "--date", "2026-11-25"]) is None
    assert fault_of(["runs"]) == "no such command"
    assert "--dat" in (fault_of(["run", "--dat", "2026-11-25"]) or "")
    assert "--to" in (fault_of(["backfill", "--from", "2026-11-25"]) or "")


def test_compose_commands_use_existing_services_and_profiles() -> None:
    found = {
        (relative(page), command): compose_fault(shlex.split(command))
        for page in PAGES
        for command in re.findall(r"docker compose ([^`#\n]+)", page.read_text(encoding="utf-8"))
    }
    assert len(found) > 15
    assert {command: fault for command, fault in found.items() if fault} == {}


def compose_fault(words: list[str]) -> str | None:
    """The subcommand, profile or service of a command that does not exist; None if all do."""
    services = read_compose(made_env())["services"]
    profiles = {profile for service in services.values() for profile in service.get("profiles", [])}
    given = iter(words)
    plain = []
    for word in given:
        if word in COMPOSE_OPTIONS:
            value = next(given, None)
            if word == "--profile" and value not in profiles:
                return f"no profile {value}"
        elif not word.startswith("-"):
            plain.append(word)
    if not plain or plain[0] not in COMPOSE_SUBCOMMANDS:
        return f"no subcommand in {words}"
    named = COMPOSE_SUBCOMMANDS[plain[0]](plain[1:])
    return next((f"no service {name}" for name in named if name not in services), None)


def test_a_wrong_compose_command_is_found() -> None:
    assert compose_fault(["up", "-d", "--force-recreate", "pgadmin"]) is None
    assert compose_fault(["up", "-d", "pgadmn"]) == "no service pgadmn"
    assert compose_fault(["--profile", "elt", "up"]) == "no profile elt"
    assert compose_fault(["run", "--rm", "-v", "x:/y", "tmdb-assets", "doctor"]) == "no service tmdb-assets"
    assert compose_fault(["cp", "cod:/app/x", "."]) == "no service cod"
    assert "no subcommand" in (compose_fault(["upp"]) or "")


def test_both_readmes_have_the_same_structure() -> None:
    english, french = ((PROJECT_ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.fr.md"))

    def skeleton(text: str) -> dict[str, object]:
        links = [target for target in LINK.findall(text) if not target.startswith("README")]
        code = [re.sub(r"\s+#.*", "", block) for block in re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE)]
        headings = [len(marks) for marks in re.findall(r"^(#+) ", without_code(text), flags=re.MULTILINE)]
        rows = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
        return {"links": sorted(links), "code": code, "headings": headings, "rows": rows}

    assert skeleton(english) == skeleton(french)


def test_the_readme_names_every_command() -> None:
    text = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("| command | what it does |") :].split("\n\n")[0]
    assert set(re.findall(r"`(?:tmdb-assets )?([a-z]+) ?[^`]*`", table)) >= set(main.commands)
