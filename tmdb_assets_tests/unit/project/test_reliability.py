"""docs/reliability.md is what its results say; the trials and mutants behind it are counted correctly."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from tmdb_assets_tests.chaos.__main__ import main as try_trials
from tmdb_assets_tests.chaos.catalogue import FILMS, catalogue_on, changed_on, is_gone
from tmdb_assets_tests.chaos.content import differences
from tmdb_assets_tests.chaos.kinds import KINDS, TWICE, kind_of
from tmdb_assets_tests.chaos.report import PAGE, render
from tmdb_assets_tests.chaos.results import COLUMNS, FILE, Results
from tmdb_assets_tests.chaos.trial import Outcome
from tmdb_assets_tests.mutants import survivors
from tmdb_assets_tests.mutants.__main__ import main as try_mutants
from tmdb_assets_tests.mutants.__main__ import mutants_of
from tmdb_assets_tests.mutants.python_code import python_mutants
from tmdb_assets_tests.mutants.sql_text import sql_mutants
from tmdb_assets_tests.mutants.targets import TARGETS
from tmdb_assets_tests.stage.many_days import ONE_DAY
from tmdb_assets_tests.stage.source_tree import CHECKOUT

ROUND = len(KINDS) + len(TWICE)


def test_the_page_says_what_the_results_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(Results(FILE, 0).data)


def test_nothing_was_lost_doubled_half_seen_or_stuck() -> None:
    results = Results(FILE, 0)
    assert {name: results.total(name) for name in COLUMNS} == dict.fromkeys(COLUMNS, 0)
    assert results.total("trials") > 0


def test_a_kind_or_file_that_does_not_exist_is_refused() -> None:
    assert CliRunner().invoke(try_trials, ["--only", "TYPO", "--minutes", "0"]).exit_code == 2
    assert CliRunner().invoke(try_mutants, ["--file", "TYPO"]).exit_code == 2


def test_a_round_has_every_kind_and_each_says_what_it_is() -> None:
    expected = Counter([*KINDS, *TWICE])
    for turn in range(3):
        assert Counter(kind_of(turn * ROUND + place, 16) for place in range(ROUND)) == expected
    assert [name for name, fault in KINDS.items() if not fault.__doc__] == []
    assert len(set(KINDS.values())) == len(KINDS)


def test_results_add_up_over_several_runs(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    first = Results(file, 7)
    assert [first.take_number(), first.take_number()] == [0, 1]
    first.add(Outcome(0, "midnight", faults=1, looks=5, seconds=2.0), "abc")
    first.add(Outcome(1, "midnight", lost=["dim_movie: 1"], faults=1), "abc")
    assert not first.is_clean
    second = Results(file, 8)
    assert (second.seed, second.take_number()) == (7, 2)
    second.add(Outcome(2, "disk full", skipped="no root"), "def")
    second.add(Outcome(3, "disk full", error="OSError: no"), "def")
    second.add(Outcome(4, "disk full", stuck=["no end"], tracebacks=["Traceback"]), "def")
    counts = {name: second.total(name) for name in ("trials", "faults", "looks", *COLUMNS)}
    assert counts == {
        "trials": 3,
        "faults": 2,
        "looks": 5,
        "lost": 1,
        "doubled": 0,
        "half_seen": 0,
        "stuck": 1,
        "tracebacks": 1,
    }
    page = render(second.data)
    assert "Trials by commit: abc (2), def (1)." in page
    assert "| midnight | 2 | 2 | 1 | 0 | 0 | 0 | 0 |" in page
    assert "| **all** | 3 | 2 | 1 | 0 | 0 | 1 | 1 |" in page
    assert "- Skipped here: disk full: no root." in page
    assert "- Trial 1 (midnight): dim_movie: 1" in page
    assert "- The harness failed in trial 3 (disk full)." in page


def test_differences_are_missing_and_surplus_rows() -> None:
    wanted = {"a": Counter({"1": 1, "2": 1}), "b": Counter({"x": 1})}
    assert differences(wanted, wanted) == ({}, {})
    found = {"a": Counter({"1": 2}), "b": Counter({"y": 1})}
    assert differences(wanted, found) == ({"a": ["2"], "b": ["x"]}, {"a": ["1"], "b": ["y"]})


def test_the_catalogue_lives() -> None:
    from tmdb_assets_tests.chaos.ground import DAY

    before, today = catalogue_on(DAY - ONE_DAY), catalogue_on(DAY)
    left, came = before.films.keys() - today.films.keys(), today.films.keys() - before.films.keys()
    both = before.films.keys() & today.films.keys()
    edited = {film for film in both if before.films[film]["title"] != today.films[film]["title"]}
    assert {*left, *came, *edited} <= {*changed_on(DAY)}
    assert len(both) > FILMS / 2
    assert edited
    assert any(is_gone(film, DAY) for film in range(1, FILMS + 1))
    assert all(before.films[film]["popularity"] != today.films[film]["popularity"] for film in both)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("select max(a) from t where b >= 2", ["max( -> min(", ">= -> >", "2 -> 3"]),
        ("select a from t left join u on t.a = u.a", ["left join -> inner join", "= -> <>"]),
        (
            "select a - 1 from t order by a desc nulls last",
            ["- -> +", "1 -> 2", "desc -> asc", "nulls last -> nulls f"],
        ),
        ("select '= 1' from t -- where 1 = 1", []),
        ("select * from t where not exists (select 1 from u)", ["not exists -> exists"]),
    ],
)
def test_sql_is_mutated_outside_its_texts(text: str, changes: list[str]) -> None:
    made = [*sql_mutants(text)]
    assert [what[: len(change)] for (_, what, _), change in zip(made, changes, strict=True)] == changes
    assert all(changed != text for _, _, changed in made)


def test_python_is_mutated_and_its_statements_too() -> None:
    text = 'A = "select max(a) from t where b"\n'
    text += 'def f(x):\n    "Text."\n    if x > 1 and x:\n        g(x)\n    return not x\n'
    made = [what.partition(" in `")[0] for _, what, _ in python_mutants(text)]
    assert made == [
        "line 1: max( -> min(",
        "condition -> its opposite",
        "and <-> or",
        "Gt -> GtE",
        "1 -> 2",
        "statement -> pass",
        "return value -> None",
        "not -> nothing",
    ]


def test_mutated_files_and_their_tests_exist() -> None:
    assert [file for file in TARGETS if not (CHECKOUT / file).is_file()] == []
    tests = {name.partition("::")[0] for names in TARGETS.values() for name in names}
    assert [name for name in sorted(tests) if not (CHECKOUT / "tmdb_assets_tests" / name).is_file()] == []
    assert {path.name for path in (CHECKOUT / "sql" / "views").glob("*.sql")} <= {Path(file).name for file in TARGETS}


def test_a_reason_is_of_a_mutant() -> None:
    files = {start.partition(": ")[0] for start in survivors.REASONS}
    names = [mutant.name for file in files for mutant in mutants_of(file)]
    assert [start for start in survivors.REASONS if not any(name.startswith(start) for name in names)] == []
