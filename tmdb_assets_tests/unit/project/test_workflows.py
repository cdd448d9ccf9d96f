"""The workflows: pins, permissions and versions. actionlint checks their syntax (`make lint`)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]


def matrix(job: str) -> dict[str, list[str]]:
    return jobs(ROOT / ".github/workflows/ci.yml")[job]["strategy"]["matrix"]


@every_file
def test_actions_are_pinned_to_commits_and_name_the_release(path: Path) -> None:
    used = re.findall(r"^ *(?:- )?uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+|\./\.github/workflows/ci\.yml", action)


@every_file
def test_jobs_have_a_timeout_and_may_only_read_unless_they_publish(path: Path) -> None:
    whole = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert whole["permissions"] == {"contents": "read"}
    assert whole["concurrency"]["group"]
    for name, job in whole["jobs"].items():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 60, name
        writes = {right for right, level in job.get("permissions", {}).items() if level == "write"}
        assert not writes or (path.stem == "release" and job["needs"] == "ci"), name


def test_a_release_does_not_wait_for_itself() -> None:
    def group(name: str, caller: str) -> str:
        text = yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))["concurrency"]["group"]
        # In a called workflow `github.workflow` is the caller's name; names of groups differ by more than case.
        return text.replace("${{ github.workflow }}", caller).lower()

    caller = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))["name"]
    assert group("ci.yml", caller) != group("release.yml", caller)


def test_versions_and_locks_are_those_of_the_project() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert all(version in SpecifierSet(declared) for version in matrix("tests")["python"])
    assert set(matrix("dependencies")["lock"]) == {path.name for path in ROOT.glob("requirements*.lock")}


def test_a_package_that_cannot_be_audited_fails_the_audit() -> None:
    """Without --strict, pip-audit skips it and succeeds, even if every package was skipped."""
    steps = [step.get("run", "") for path in FILES for job in jobs(path).values() for step in job.get("steps", [])]
    (audit,) = [step for step in steps if "pip-audit" in step]
    options = set(audit.partition("pip-audit")[2].split())
    assert {"--strict", "--require-hashes", "--disable-pip"} <= options
    assert not options & {"--dry-run", "--ignore-vuln"}
    assert "||" not in audit


def test_the_newest_dagster_is_tried_every_week() -> None:
    """All of Dagster's packages, none with an upper bound; a failed step fails the run."""
    text = (ROOT / ".github/workflows/newest-dagster.yml").read_text(encoding="utf-8")
    whole = yaml.safe_load(text)
    (cron,) = (when["cron"] for when in whole[True]["schedule"])  # YAML reads `on` as true
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", cron)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    packages = {wanted.partition("==")[0] for wanted in project["dependencies"] if wanted.startswith("dagster")}
    upgraded = set(re.findall(r"dagster(?:-\w+)?(?=[\s\"=])", text.partition("--upgrade ")[2]))
    assert (len(packages), packages - upgraded) == (4, set())
    assert "continue-on-error" not in text
    assert not re.search(r"dagster[\w-]*(?:[<~]=?|==\d)", text)
    assert whole["jobs"]["tests"]["steps"][-1]["run"].startswith("make test")


def test_the_workflows_are_linted() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "actionlint .github/workflows/*.yml" in makefile.partition("\nlint:")[2].partition("\n\n")[0]
