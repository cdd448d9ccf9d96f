"""movie_features: what was known of each film on a day, and nothing of a later one."""

from __future__ import annotations

import datetime as dt
import random
import re
import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import PROJECT_ROOT, Settings
from tmdb_assets.warehouse.schema.ddl import ensure_schema, function_file
from tmdb_assets.warehouse.schema.roles import apply_roles
from tmdb_assets.warehouse.schema.views import FUNCTIONS, ViewColumn, function_columns
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.film_answers import FIRST, GONE, know, load_answers
from tmdb_assets_tests.cases.small_star import load_day, load_facts
from tmdb_assets_tests.cases.sound_rows import rows_of
from tmdb_assets_tests.oracle.compare import copied_warehouse

HOW_TO = PROJECT_ROOT / "docs" / "howto" / "join_a_past_day.md"
ONE_DAY = dt.timedelta(days=1)
FILMS = (1, 2, 3)
MEASURES = (
    "popularity, popularity_1d_ago, popularity_7d_ago, popularity_28d_ago, popularity_mean_7d, popularity_stddev_7d, "
    "n_days_7d, vote_average, vote_count, votes_per_day"
)
Fact = tuple[float, float | None, int | None]


def features(warehouse: Warehouse, first: dt.date, last: dt.date, columns: str = "*") -> list[tuple[Any, ...]]:
    query = f"select {columns} from movie_features(:first, :last) order by date_id, movie_id"
    return rows_of(warehouse, query, first=first, last=last)


def test_a_later_day_changes_nothing_and_an_older_one_only_what_was_known_then(warehouse: Warehouse) -> None:
    know(warehouse, *FILMS)
    day, before, after = FIRST, FIRST - ONE_DAY, FIRST + ONE_DAY
    load_answers(warehouse, day, {1: "a", 2: "b"})
    load_day(warehouse, day, {1: (2.0, 6.0, 10), 2: (1.0, None, 0), 3: (1.0, None, 0)})
    known = features(warehouse, day, day)
    load_answers(warehouse, after, {1: "ab", 2: GONE, 3: "c"})
    load_day(warehouse, after, {1: (9.0, 7.0, 99), 3: (5.0, 5.0, 5)})
    assert features(warehouse, day, day) == known
    said = "movie_id, genre_ids, is_removed"
    assert features(warehouse, day, day, said) == [(1, [97], False), (2, [98], False), (3, None, None)]
    assert features(warehouse, after, after, said) == [(1, [97, 98], False), (3, [99], False)]

    load_answers(warehouse, before, {1: "z", 3: "c"})
    load_day(warehouse, before, {1: (1.5, 6.0, 7)})
    assert features(warehouse, day, day, said) == [(1, [97], False), (2, [98], False), (3, [99], False)]
    lags = "movie_id, popularity_1d_ago, votes_per_day, popularity_mean_7d"
    assert features(warehouse, day, day, lags) == [(1, 1.5, 3.0, 1.75), (2, None, None, 1.0), (3, None, None, 1.0)]
    load_answers(warehouse, after, {1: "abc"})
    assert features(warehouse, before, before, said) == [(1, [122], False)]


def test_days_since_release_are_counted_from_the_date_known_then(warehouse: Warehouse) -> None:
    know(warehouse, 1)
    release_dates = ("2026-08-05", "2026-07-30", "")
    for number, released in enumerate(release_dates):
        day = FIRST + number * ONE_DAY
        load_answers(warehouse, day, {1: "a"}, release_date=released)
        load_day(warehouse, day, {1: (1.0, None, 0)})
    assert features(warehouse, FIRST, FIRST + 2 * ONE_DAY, "days_since_release, release_date") == [
        (-7, dt.date(2026, 8, 5)),
        (0, dt.date(2026, 7, 30)),
        (None, None),
    ]


DAYS = [FIRST + number * ONE_DAY for number in range(45)]
STATE = (
    "status, release_date, runtime_minutes, budget_usd, revenue_usd, original_language, collection_id, genre_ids, "
    "company_ids, country_codes, language_codes, is_removed"
)
WEEKLY_FILM, WEEKLY = 4, (DAYS[0], DAYS[7], DAYS[15], DAYS[36], DAYS[43])  # votes after 7 days, and after more
ATTRIBUTES = STATE.count(",")
COLUMNS = f"date_id, movie_id, {MEASURES}, days_since_release, source, {STATE}"
State = tuple[Any, ...]


class Known(NamedTuple):
    """What is loaded: the facts, and by film the first day and the attributes of each state, with a connection."""

    facts: dict[tuple[dt.date, int], Fact]
    states: dict[int, dict[dt.date, State]]
    connection: sa.Connection

    def read(self, first: dt.date, last: dt.date) -> list[tuple[Any, ...]]:
        """Every column of the function in its file, in the order of COLUMNS."""
        query = sa.text(f"select {COLUMNS} from movie_features(:first, :last) order by date_id, movie_id")
        with self.connection.begin() as transaction:
            self.connection.exec_driver_sql(function_file("movie_features").read_text(encoding="utf-8"))
            rows = [tuple(row) for row in self.connection.execute(query, {"first": first, "last": last})]
            transaction.rollback()
        return rows


def drawn_states(chance: random.Random) -> dict[dt.date, State]:
    """States that begin on some days; one of them is a removal, which has no attributes."""
    states: dict[dt.date, State] = {}
    for number, day in enumerate(sorted(chance.sample(DAYS, 6))):
        released = FIRST + chance.randrange(-20, 60) * ONE_DAY
        numbers, codes = [chance.randrange(1, 99)], [chance.choice(["FR", "US"])]
        state = (
            "Released",
            released,
            *(chance.randrange(1, 9) for _ in range(3)),
            "en",
            5,
            numbers,
            [number],
            codes,
            ["x"],
        )
        states[day] = (*((None,) * ATTRIBUTES if number == 3 else state), number == 3)
    return states


@pytest.fixture(scope="module")
def known(server: Server) -> Iterator[Known]:
    """Films with gaps between their days, days without votes, and states; the third became known late."""
    chance = random.Random(15)
    facts: dict[tuple[dt.date, int], Fact] = {}
    with copied_warehouse(server) as warehouse:
        know(warehouse, *FILMS, WEEKLY_FILM)
        for day in DAYS:
            films = {
                film: (chance.random() * 9, *((7.0, chance.randrange(99)) if chance.random() < 0.5 else (None, None)))
                for film in FILMS
                if chance.random() < 0.7
            }
            if day in WEEKLY:
                films[WEEKLY_FILM] = (1.5, 6.0, chance.randrange(99))
            facts |= {(day, film): fact for film, fact in films.items()}
            measures = [(film, *fact, "export" if fact[2] is None else "discover") for film, fact in films.items()]
            load_facts(warehouse, day, measures)
        states = {film: drawn_states(chance) for film in (*FILMS, WEEKLY_FILM)}
        names = f"movie_id, valid_from, valid_to, confirmed_dates, {STATE}"
        with warehouse.begin() as connection:
            connection.exec_driver_sql("insert into dim_language (iso_639_1, as_of_date) values ('en', '2026-07-29')")
            for film, of_film in states.items():
                begun = sorted(of_film)
                for day, until in zip(begun, [*begun[1:], None], strict=True):
                    values = (film, day, until, [day], *of_film[day])
                    places = ", ".join(["%s"] * len(values))
                    connection.exec_driver_sql(f"insert into movie_history ({names}) values ({places})", values)
        with warehouse.engine.connect() as connection:
            yield Known(facts, states, connection)


def expected(known: Known, day: dt.date, film: int) -> tuple[Any, ...]:
    """A film's row on a day, computed value by value, in the order of COLUMNS."""

    def popularity(back: int) -> float | None:
        fact = known.facts.get((day - back * ONE_DAY, film))
        return fact[0] if fact else None

    week = [value for back in range(7) if (value := popularity(back)) is not None]
    fact = known.facts[day, film]
    gains = (
        (fact[2] - earlier[2]) / back
        for back in range(1, 8)
        if (earlier := known.facts.get((day - back * ONE_DAY, film))) and earlier[2] is not None and fact[2] is not None
    )
    spread = pytest.approx(statistics.stdev(week)) if len(week) > 1 else None
    lags = (popularity(1), popularity(7), popularity(28))
    begun = [begin for begin in known.states[film] if begin <= day]
    state = known.states[film][max(begun)] if begun else (None,) * (ATTRIBUTES + 1)
    released = state[1]
    return (
        day, film, fact[0], *lags, pytest.approx(statistics.mean(week)), spread, len(week), *fact[1:],
        next(gains, None), (day - released).days if released else None, "export" if fact[2] is None else "discover",
        *state,
    )  # fmt: skip


def test_every_column_is_of_the_days_before_and_gaps_stay_gaps(known: Known) -> None:
    last = DAYS[-12]
    assert known.read(last, DAYS[-1]) == [expected(known, *key) for key in sorted(known.facts) if key[0] >= last]
    assert known.read(DAYS[0], DAYS[-1]) == [expected(known, *key) for key in sorted(known.facts)]
    for day in (DAYS[0], DAYS[30]):  # whatever the range
        assert known.read(day, day) == [expected(known, *key) for key in sorted(known.facts) if key[0] == day]


def test_a_filter_on_a_film_reads_only_this_film(warehouse: Warehouse) -> None:
    """Also in a warehouse that had the function when it was not part of the query."""
    with warehouse.begin() as connection:
        former = connection.exec_driver_sql("select pg_get_functiondef('movie_features'::regproc)").scalar_one()
        head = former.split("BEGIN ATOMIC")[0]
        connection.exec_driver_sql("drop function movie_features(date, date); drop table computed_table")
        body = "select " + ", ".join(f"null::{col.type}" for col in function_columns(FUNCTIONS[0]))
        connection.exec_driver_sql(f"{head} set search_path = pg_catalog, public, pg_temp as $${body}$$")
        for name in ("raw_discover", "raw_export", "fact_movie_daily"):
            connection.exec_driver_sql(f"alter table {name} drop constraint ck_{name}_popularity_at_most")
        connection.exec_driver_sql("update schema_version set version_num = '0008'")
        connection.exec_driver_sql("update applied_sql set sha256 = 'of the release before' where name = 'schema'")
    ensure_schema(warehouse.engine)
    know(warehouse, *FILMS)
    load_day(warehouse, FIRST, dict.fromkeys(FILMS, (1.0, 7.0, 9)))
    query = f"select * from movie_features('{FIRST}', '{FIRST}') where movie_id = 2"
    plan = "\n".join(row[0] for row in rows_of(warehouse, f"explain (costs off) {query}"))
    assert "Function Scan" not in plan
    # The fact by day, its three lags, and the history.
    assert len(re.findall(r"Cond: .*movie_id = .*2|Filter: .*movie_id = .*2", plan)) == 5, plan
    assert [row[:2] for row in rows_of(warehouse, query)] == [(FIRST, 2)]


def test_the_queries_of_the_how_to_run_as_written(warehouse: Warehouse) -> None:
    """The second film became known on the second day, and its popularity of the first came later, from the export."""
    know(warehouse, 550, 551)
    load_answers(warehouse, FIRST, {550: "a"})
    load_answers(warehouse, FIRST + ONE_DAY, {550: "ab", 551: "a"})
    for day in (FIRST, FIRST + ONE_DAY):
        load_day(warehouse, day, {550: (1.0, 7.0, 9), 551: (1.0, None, None)})
    queries = re.findall(r"```sql\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    states, joined, computed, known = (rows_of(warehouse, query) for query in queries)
    assert [(row[0], row[5]) for row in states] == [(FIRST, [97]), (FIRST + ONE_DAY, [97, 98])]
    second = FIRST + ONE_DAY
    assert sorted((row[1], row[0], row[3]) for row in joined) == [
        (550, FIRST, [97]),
        (550, second, [97, 98]),
        (551, FIRST, None),
        (551, second, [97]),
    ]
    assert [row[:2] for row in computed] == [(FIRST, 550), (second, 550), (FIRST, 551), (second, 551)]
    assert sorted(row[:2] for row in known) == [(FIRST, 550), (second, 550), (second, 551)]


def test_a_reader_may_call_it_and_its_columns_are_those_of_the_dictionary(warehouse: Warehouse) -> None:
    apply_roles(warehouse.engine, Settings.load(), is_embedded=True)
    (function,) = FUNCTIONS
    columns = function_columns(function)
    assert len(columns) == 26
    with warehouse.begin() as connection:
        connection.exec_driver_sql("set local role tmdb_reader")
        result = connection.exec_driver_sql("select * from movie_features('2026-07-01', '2026-07-31')")
        assert (list(result.keys()), result.all()) == ([col.name for col in columns], [])
        stored = sa.text(
            "select proargnames[3:], array(select format_type(t, null) from unnest(proallargtypes[3:]) as t), "
            "prosecdef, provolatile::text from pg_proc where proname = 'movie_features'"
        )
        names, types, is_definer, volatility = connection.execute(stored).one()
    assert [ViewColumn(*pair, None) for pair in zip(names, types, strict=True)] == [
        ViewColumn(col.name, col.type, None) for col in columns
    ]
    assert (is_definer, volatility) == (False, "s")
