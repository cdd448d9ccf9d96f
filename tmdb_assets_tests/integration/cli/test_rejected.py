"""`tmdb-assets rejected`: the rows that broke their contract are listed, and loaded again after a fix."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json

import pytest
from dagster import AssetKey
from rich.console import Console

from tmdb_assets import partitions
from tmdb_assets.assets import reports
from tmdb_assets.cli import rejected as command
from tmdb_assets.cli.in_process import Platform as OpenPlatform
from tmdb_assets.errors.problem import plain
from tmdb_assets.fetch import discover
from tmdb_assets.transforms.conform import CASTS
from tmdb_assets.warehouse.loading import rejected
from tmdb_assets.warehouse.loading.load import KEPT_OF_ANSWERS
from tmdb_assets.warehouse.loading.rejected import Choice, find_submissions, submit_again
from tmdb_assets_tests.cases.awkward import DAYS, GALLERY, catalogue, film, sound_films
from tmdb_assets_tests.fakes.replay_catalogue import discover_item
from tmdb_assets_tests.oracle.compare import copied_warehouse, state_of
from tmdb_assets_tests.stage.command import command_environment, refusals
from tmdb_assets_tests.stage.platform import checks_of, evaluations_of, failures_of, platform

DAY, NEXT = DAYS[0], DAYS[1]
CASE = GALLERY["wrong_types"]().days[DAY]
REJECTED = "select * from rejected_row order by id"
NAMED = "select table_name, payload ->> 'movie_id', reasons -> 0 ->> 'rule' from rejected_row order by 1, 2, 3"
# A page that never came, and an answer that was stored cut: neither can be submitted.
UNSUBMITTABLE = (
    ("page 9", {"page": 9}, "page is readable"),
    (
        "page 8",
        {"snapshot_date": str(DAY), "movie_id": 5, "payload": "x" * KEPT_OF_ANSWERS + "…"},
        "popularity not null",
    ),
)
INSERT = """
insert into rejected_row (id, table_name, snapshot_date, part, payload, reasons)
values (
    gen_random_uuid(), 'raw_discover', :day, :part, :payload,
    jsonb_build_array(jsonb_build_object('rule', cast(:rule as text)))
)
"""


def fix(monkeypatch):
    """The code after a fix: it reads the words that two of the films have for numbers."""
    number, integer = CASTS["number"], CASTS["integer"]
    monkeypatch.setitem(CASTS, "number", lambda value: 9.5 if value == "high" else number(value))
    monkeypatch.setitem(CASTS, "integer", lambda value: 90 if value == "ninety" else integer(value))


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr(reports, "draw", lambda *_: {})


BEHIND = """
select asset_name from check_result
where check_name = 'run' and not is_passed and asset_name <> all(array['raw_discover', 'raw_details']) order by 1
"""


@pytest.fixture
def broken(warehouse, monkeypatch):
    """A day with rejected rows in raw and derived tables, loaded; the next day is loaded too."""
    with platform(warehouse, CASE, monkeypatch) as made:
        assert failures_of(made.run(DAY, charts=False)) == []
        for part, payload, rule in UNSUBMITTABLE:
            made.execute(INSERT, day=DAY, part=part, payload=json.dumps(payload), rule=rule)
        made.reported = []
        monkeypatch.setattr(made.instance, "report_runless_asset_event", made.reported.append)
        monkeypatch.setattr(partitions, "today", lambda: NEXT)
        made.replay.reset()
        yield made


def retry(made, choice=None):
    opened = OpenPlatform(made.instance, made.definitions, made.source, made.warehouse)
    return command.retry_rejected(opened, Console(file=io.StringIO()), choice or Choice())


def test_rows_are_loaded_again_after_a_fix_as_if_they_had_never_been_rejected(broken, server, monkeypatch, capsys):
    before, tables = broken.rows(REJECTED), state_of(broken)
    assert retry(broken) == 0
    count = len(before)
    assert f"{count} rejected rows submitted again: 0 have left the list, {count} stay." in capsys.readouterr().out
    assert (broken.rows(REJECTED), state_of(broken)) == (before, tables), "without a fix nothing changes"

    fix(monkeypatch)
    # Killed between the answers' load and that of their day: nothing is lost, and the next retry goes through.
    with monkeypatch.context() as killed:
        killed.setattr(command, "_load_days", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            retry(broken)
    assert broken.rows(REJECTED) == before
    assert broken.column("select movie_id from raw_discover where movie_id = 106") == [106]
    assert broken.column("select movie_id from fact_movie_daily where movie_id = 106") == []
    assert broken.column(BEHIND) == ["dim_language", "dim_movie", "fact_movie_daily"]
    assert retry(broken) == 0
    assert broken.column(BEHIND) == []
    assert " rejected rows submitted again: 3 have left the list" in capsys.readouterr().out
    facts = broken.rows("select popularity, source from fact_movie_daily where movie_id = 106")
    assert facts == [(9.5, "discover")]
    assert broken.column("select runtime_minutes from dim_movie where movie_id = 101") == [90]
    with copied_warehouse(server) as other, platform(other, CASE, monkeypatch) as fresh:
        assert failures_of(fresh.run(DAY, charts=False)) == []
        # The film's details were never requested, as discover did not bring it.
        late = {name: [row for row in rows if 106 not in row] for name, rows in state_of(broken).items()}
        right = {name: [row for row in rows if 106 not in row] for name, rows in state_of(fresh).items()}
        assert {name: late[name] for name in ("fact_movie_daily", "dim_movie", "bridge_movie_genre")} == {
            name: right[name] for name in ("fact_movie_daily", "dim_movie", "bridge_movie_genre")
        }
        assert [row for row in broken.rows(NAMED) if "page" not in row[2] and row[1] != "5"] == fresh.rows(NAMED)
    after = broken.rows(REJECTED)
    assert retry(broken) == 0
    assert broken.rows(REJECTED) == after, "again changes nothing"
    assert broken.replay.paths == [], "no request is sent"
    reported = [event for event in broken.reported if event.asset_key == AssetKey("raw_discover")]
    assert {(event.check_name, event.partition, event.passed) for event in reported} == {("contract", str(DAY), False)}
    assert reported[-1].description.endswith("2 rows are left. To see them: tmdb-assets rejected --table raw_discover.")


def test_what_left_the_list_and_what_is_new_in_it_are_counted_apart(capsys):
    command.print_changes({"a"}, {"a", "b"}, {"b", "c", "d", "e", "f"})
    command.print_changes({"a", "b"}, {"a", "b"}, {"a", "b"})
    assert capsys.readouterr().out.splitlines() == [
        "1 rejected row submitted again: 1 have left the list, 0 stay. New in the list, or there for other reasons: 4.",
        "2 rejected rows submitted again: 0 have left the list, 2 stay.",
    ]


def test_a_choice_selects_by_day_table_and_rule(broken, monkeypatch):
    with broken.warehouse.begin() as connection:
        count = rejected.count_rejected
        assert count(connection, Choice()) == len(broken.rows(REJECTED))
        assert count(connection, Choice(day=NEXT)) == 0
        assert count(connection, Choice(table_name="raw_discover")) == 3
        assert count(connection, Choice(rule="IS OF KIND number")) == 1
        assert count(connection, Choice(DAY, "dim_movie", "budget")) == 1
        assert count(connection, Choice(rule="%")) == count(connection, Choice(rule="'; drop table dim_movie")) == 0
    # Only what is chosen is submitted: another table's rows come again with their day, without being lost.
    fix(monkeypatch)
    monkeypatch.setattr(command, "_assets_of", lambda *_: ["dim_movie"])
    assert retry(broken, Choice(table_name="dim_movie", rule="runtime")) == 0
    left = {(row[0], row[2]) for row in broken.rows(NAMED)}
    assert ("raw_discover", "popularity is of kind number") in left
    assert ("dim_movie", "runtime_minutes is of kind integer") not in left


def test_an_answer_that_came_later_stays(broken, monkeypatch):
    fix(monkeypatch)
    with broken.warehouse.begin() as connection:
        (submission,) = find_submissions(connection, Choice(table_name="raw_discover"))
    # Meanwhile a refresh brought the film; it removed its rejected row in the same transaction.
    broken.fetch_day(DAY, catalogue([*sound_films(), film(106, popularity=7.5)]), refresh=True, charts=False)
    with broken.warehouse.begin() as connection:
        assert submit_again(connection, submission, is_final=True).received == 0
    assert broken.value("select popularity from raw_discover where movie_id = 106") == 7.5


def test_details_of_another_film_stay_rejected(warehouse, monkeypatch):
    case = GALLERY["details_without_id"]()
    with platform(warehouse, case.days[DAY], monkeypatch) as made:
        made.run(DAY, charts=False)
        before = made.rows(REJECTED)
        assert len(before) == 2
        with made.warehouse.begin() as connection:
            for submission in find_submissions(connection, Choice()):
                assert submit_again(connection, submission, is_final=True).kept == 0
        assert made.rows(REJECTED) == before
        assert made.column("select movie_id from raw_details where movie_id < 200") == []


def test_a_refused_load_names_its_rules_and_their_share(warehouse, monkeypatch):
    films = [*sound_films(20), *(film(number, vote_count=-number) for number in range(1, 5))]
    with platform(warehouse, catalogue(films), monkeypatch) as made:
        result = made.run(DAY, charts=False)
        rules = "vote_count at least 0 (4 rows, 16.7%)"
        (failure,) = {text for text in failures_of(result) if "broke" in text}
        assert f"4 of 24 rows of raw_discover (16.7%) broke their contract, over the 5% allowed: {rules}." in failure
        text = evaluations_of(result)["raw_discover.contract"].description
        assert text.startswith("4 of 24 rows (16.7%) broke the contract of raw_discover, over the 5% allowed: ")
        assert f"allowed: {rules}." in text
        assert not checks_of(result)["raw_discover.contract"]


def test_a_day_that_was_refused_or_never_loaded_is_left(warehouse, monkeypatch, capsys):
    """Otherwise a retry would publish the part of it that is stored, as the whole day."""
    monkeypatch.setattr(discover, "PAGES_A_BATCH", 1)
    films = [film(101, vote_count=-1), *sound_films(19), *(film(number, vote_count=-1) for number in range(200, 220))]
    listing = [discover_item(each["id"], each) for each in films]
    never, earlier = DAY - dt.timedelta(days=30), DAY - dt.timedelta(days=1)
    with platform(warehouse, catalogue(films, listing=listing), monkeypatch) as made:
        (failure,) = {text for text in failures_of(made.run(DAY, charts=False)) if "broke" in text}
        assert "Nothing was written" in failure
        made.execute(INSERT, day=never, part=None, payload="{}", rule="popularity not null")
        before = made.rows(REJECTED)
        assert [len(before), made.value("select count(*) from raw_discover")] == [2, 19]
        fix(monkeypatch)
        assert retry(made) == 1
        assert " ".join(capsys.readouterr().out.split()) == (
            f"Not loaded yet: {never}, {DAY}. Left in the list as before: 2 rejected rows. Load first: "
            f"tmdb-assets backfill --from {never} --to {never}, tmdb-assets run. Then: tmdb-assets rejected --retry."
        )
        monkeypatch.setattr(partitions, "today", lambda: NEXT)
        assert retry(made, Choice(DAY)) == 1, "nor when it is over"
        assert f"backfill --from {DAY} --to {DAY}. Then" in capsys.readouterr().out
        assert (made.rows(REJECTED), made.rows("select * from load_day")) == (before, [])
        # Without any answer a day is refused, not loaded with nothing.
        (failure,) = failures_of(made.run(earlier, today=NEXT, only={"fact_movie_daily"}))
        assert f"{earlier} cannot be loaded: neither discover nor the id export of that day brought" in failure
        assert made.rows("select * from load_day") == []
        # What is stored whole is loaded, also if it was not loaded before.
        made.execute("update fetch_log set finished_at = now() where kind = 'discover'")
        assert retry(made, Choice(DAY)) == 0
        assert made.rows("select date_id, discover_count from load_day") == [(DAY, 19)]


HOSTILE = "=cmd|'/C calc'!A0\x1b[2J\u202e<script>"


def test_rows_are_printed_for_people_and_programs(server, broken):
    broken.execute(INSERT, day=DAY, part=HOSTILE, payload=json.dumps({"movie_id": HOSTILE}), rule=f"+{HOSTILE}")
    commands = {
        "all": ("rejected",),
        "few": ("rejected", "--table", "raw_discover"),
        "json": ("rejected", "--json"),
        "csv": ("rejected", "--csv", "--rule", "cmd"),
        "none": ("rejected", "--day", "2020-01-01"),
        "no table": ("rejected", "--table", "films"),
        "no text": ("rejected", "--rule", "\udcff"),
        "both": ("rejected", "--retry", "--csv"),
        "two forms": ("rejected", "--json", "--csv"),
    }
    printed = refusals(commands, command_environment(broken.warehouse.url, broken.replay))
    count = len(broken.rows(REJECTED))
    assert printed["all"].returncode == 0
    assert printed["all"].stdout.startswith(f"{count} rejected rows, by table and rule:")
    assert f"1  raw_discover: popularity is of kind number ({DAY}), for example high" in printed["all"].stdout
    lines = printed["few"].stdout.splitlines()
    assert f"{DAY}  raw_discover  page 11, movie_id 106  popularity is of kind number: high" in lines
    assert not any(character in printed["few"].stdout + printed["all"].stdout for character in "\x1b\u202e")
    rows = [json.loads(line) for line in printed["json"].stdout.splitlines()]
    assert len(rows) == count
    assert {"id", "table", "day", "part", "rejected_at", "reasons", "row"} == rows[0].keys()
    assert printed["json"].stdout.isascii()
    head, row = csv.reader(io.StringIO(printed["csv"].stdout))
    assert head == [*command.COLUMNS]
    assert row[2:4] == [f"'{plain(HOSTILE)}", f"'+{plain(HOSTILE)}"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)
    assert (printed["none"].returncode, printed["none"].stdout) == (0, "No rejected rows.\n")
    assert (printed["no table"].returncode, printed["both"].returncode) == (2, 2)
    assert (printed["no text"].returncode, printed["two forms"].returncode) == (2, 2)
    assert printed["two forms"].stderr.startswith("--json and --csv are two forms")
    assert r"'\udcff' is not text in UTF-8." in printed["no text"].stderr
    assert printed["no table"].stderr.startswith("There is no table films;")
