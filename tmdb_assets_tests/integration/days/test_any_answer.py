"""Any JSON anywhere in TMDb's answers: no load fails, and each film is loaded or in `rejected_row`."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tmdb_assets.assets.dimensions import merge_countries
from tmdb_assets.assets.fact import MEASURES
from tmdb_assets.tmdb.payload import read_answer
from tmdb_assets.transforms.appended import Wanted, trim
from tmdb_assets.transforms.conform import conform
from tmdb_assets.transforms.details import DETAIL_TABLES, film_part, parse_answer, parse_details
from tmdb_assets.transforms.discover import fact_rows, first_movie_rows, language_rows, page_of, parse_page
from tmdb_assets.transforms.reference import parse_reference
from tmdb_assets.warehouse.loading.history import merge_history
from tmdb_assets.warehouse.loading.load import Loaded, as_frame, load
from tmdb_assets.warehouse.loading.merge import replace_links
from tmdb_assets.warehouse.schema.ddl import ensure_partition
from tmdb_assets.warehouse.schema.fact import fact_movie_daily
from tmdb_assets.warehouse.schema.raw import raw_details, raw_discover, raw_reference
from tmdb_assets.warehouse.schema.vocabulary import frame_columns, key_columns, metadata
from tmdb_assets_tests.cases.any_json import Breaker, encoded
from tmdb_assets_tests.cases.appended import FULL, actor, in_country, release, worker
from tmdb_assets_tests.cases.awkward import GENRE_NAMES, catalogue, film, genres, sound_films
from tmdb_assets_tests.fakes.replay_catalogue import discover_item
from tmdb_assets_tests.oracle.compare import copied_warehouse
from tmdb_assets_tests.stage.platform import failures_of, platform

DAY = dt.date(2026, 7, 29)
AT = dt.datetime.combine(DAY, dt.time(9), dt.UTC)
NOW = {"day": DAY}
FILMS = 40
SEEDS = st.integers(0, 2**32)
SLOW = settings(
    phases=[Phase.generate],  # each example costs a second: the first fault is reported as it is
    suppress_health_check=[*HealthCheck],
)
QUICK = settings(SLOW, max_examples=3)
DEEP = settings(SLOW, max_examples=60)
NOT_JUDGED = 10**9  # rows received before: the share of rejected rows is another test's


@pytest.fixture(scope="module")
def warehouse(server):
    with copied_warehouse(server) as made:
        for table in (raw_discover, raw_details, fact_movie_daily):  # in transactions of their own
            ensure_partition(made.engine, table, DAY)
        yield made


def take(connection, name, rows, **options):
    """Load rows as an asset does, without judging their share; all of them are accounted for."""
    table = metadata.tables[name]
    conformed = conform(rows, frame_columns(table), key=tuple(key_columns(table)))
    loaded = load(connection, table, [conformed], day=DAY, earlier=Loaded(table, NOT_JUDGED), **options)
    assert loaded.received == len(rows)
    return loaded


def take_details(connection, bodies):
    """Load films' answers, as raw rows and from there as all tables; return the films whose answer is no JSON."""
    rows, refused, unreadable = [], [], set()
    for movie_id, body in bodies.items():
        try:
            payload = read_answer(f"/movie/{movie_id}", 200, body, AT).payload
        except ValueError:
            unreadable.add(movie_id)
            continue
        row, rejected = parse_answer(movie_id, 200, trim(payload, Wanted())[0], AT, DAY)
        if rejected:
            refused.append(rejected)
        else:
            rows.append(row | {"crawl_number": 1})
    conformed = as_frame(raw_details, rows, film_part)
    conformed.rejected += refused
    conformed.received += len(refused)
    load(connection, raw_details, [conformed], day=DAY, part=film_part, earlier=Loaded(raw_details, NOT_JUDGED))
    stored = sa.select(raw_details.c.payload).where(raw_details.c.snapshot_date == DAY)
    parsed = parse_details(list(connection.scalars(stored.order_by(raw_details.c.movie_id))), DAY)
    order = sorted(DETAIL_TABLES, key=lambda name: [t.name for t in metadata.sorted_tables].index(name))
    for name in order:
        table = metadata.tables[name]
        merge = merge_countries if name == "dim_country" else None
        if table.info["group"] == "bridges":
            merge = lambda c, table=table: replace_links(c, table, DAY)  # noqa: E731
        if name == "movie_history":
            merge = lambda c: merge_history(c, [DAY])  # noqa: E731
        take(connection, name, parsed[name], merge=merge)
    return unreadable


def films_in(connection, query):
    return set(connection.scalars(sa.text(query)))


def rejected_films(connection, table_name):
    return films_in(
        connection, f"select (payload ->> 'movie_id')::numeric from rejected_row where table_name = '{table_name}'"
    )


def check_details(warehouse, films):
    with warehouse.begin() as connection:
        unreadable = take_details(connection, films)
        stored = films_in(connection, "select movie_id from raw_details")
        assert stored | rejected_films(connection, "raw_details") | unreadable == films.keys()
        for name in ("dim_movie", "movie_history"):
            there = films_in(connection, f"select movie_id from {name}")
            assert there | rejected_films(connection, name) == stored
            assert len(there) >= FILMS // 10, "what is valid is loaded"
        connection.rollback()


FULL_FILM = {**film(1), **FULL, "belongs_to_collection": {"id": 1, "name": "Saga"}}


def answers(breaker):
    """The body of each film's answer: any JSON, a broken film, or one with two ids."""
    made = {}
    for movie_id in range(1, FILMS + 1):
        payload, kind = {**FULL_FILM, "id": movie_id}, breaker.random.randrange(10)
        if kind == 0:
            made[movie_id] = encoded(breaker.anything())
        else:
            twice = ("id", breaker.anything()) if kind == 1 else None
            made[movie_id] = encoded(breaker.broken(payload, keep=("id",) if kind > 2 else ()), twice=twice)
    return made


@QUICK
@given(SEEDS)
def test_any_details_are_loaded_or_rejected(warehouse, seed):
    check_details(warehouse, answers(Breaker(seed)))


@pytest.mark.long
@DEEP
@given(SEEDS)
def test_any_details_are_loaded_or_rejected_at_length(warehouse, seed):
    check_details(warehouse, answers(Breaker(seed)))


def entries(breaker):
    """The entries of discover's pages, as read from the client."""
    made = []
    for movie_id in range(1, FILMS + 1):
        item = discover_item(movie_id, film(movie_id))
        entry = breaker.broken(item, keep=("id",)) if breaker.random.randrange(10) else breaker.anything()
        try:
            made += read_answer("/discover/movie", 200, encoded({"results": [entry]}), AT).payload["results"]
        except ValueError:
            continue  # such a page is not believed: it is requested again
    return made


@QUICK
@given(SEEDS)
def test_any_discover_page_and_list_are_loaded_or_rejected(warehouse, seed):
    breaker = Breaker(seed)
    films = entries(breaker)
    with warehouse.begin() as connection:
        rows = [row | {"crawl_number": 1} for row in parse_page(films, 1, DAY, AT)]
        frame = as_frame(raw_discover, rows, page_of)
        load(connection, raw_discover, [frame], day=DAY, part=page_of, earlier=Loaded(raw_discover, NOT_JUDGED))
        stored = sa.select(raw_discover.c.payload).where(raw_discover.c.snapshot_date == DAY)
        payloads = list(connection.scalars(stored))
        take(connection, "dim_language", language_rows(payloads, DAY))
        take(connection, "dim_movie", first_movie_rows(payloads, DAY))
        connection.execute(
            sa.text("insert into dim_date select :day, 2026, 3, 7, 29, 31, 3, 'July', false"), {"day": DAY}
        )
        measures = connection.execute(sa.text(MEASURES), NOW)
        take(connection, "fact_movie_daily", fact_rows([tuple(row) for row in measures], DAY))
        seen = films_in(connection, "select movie_id from raw_discover")
        count = connection.scalar(sa.text("select count(*) from rejected_row where table_name = 'raw_discover'"))
        ids = {entry["id"] for entry in films if isinstance(entry, dict) and type(entry.get("id")) is int}
        assert len(seen) + count >= len(ids)
        assert (
            films_in(connection, "select movie_id from fact_movie_daily")
            | rejected_films(connection, fact_movie_daily.name)
            == seen
        )
        for kind in ("genre", "country", "language") * 7:
            try:
                body = encoded({"genres": breaker.anything()})
                payload = read_answer("/genre/movie/list", 200, body, AT).payload
            except ValueError:
                continue
            listed = as_frame(raw_reference, parse_reference(kind, payload["genres"], DAY))
            load(connection, raw_reference, [listed], earlier=Loaded(raw_reference, NOT_JUDGED))
        connection.rollback()


def parts_of(movie_id):
    cast, crew = actor(movie_id, f"a{movie_id}", 0), worker(movie_id, f"b{movie_id}", "Director")
    return {
        "credits": {"cast": [cast], "crew": [crew]},
        "keywords": {"keywords": [{"id": movie_id, "name": f"word {movie_id}"}]},
        "release_dates": {"results": [in_country("US", release("2020-02-29", 3))]},
    }


def broken_day(breaker):
    """220 valid films with eight broken ones, in details or discover, and one broken genre."""
    films = {payload["id"]: {**payload, **parts_of(payload["id"])} for payload in sound_films(220)}
    listing = [discover_item(movie_id, payload) for movie_id, payload in films.items()]
    for movie_id in range(101, 105):
        films[movie_id] = breaker.broken({**FULL_FILM, "id": movie_id}, keep=("id",))
        listing.append(discover_item(movie_id, film(movie_id)))
    for movie_id in range(105, 109):
        films[movie_id] = {**FULL_FILM, "id": movie_id}
        listing.append(breaker.broken(discover_item(movie_id, film(movie_id)), keep=("id",)))
    return catalogue(films, listing=listing, genres=[*genres(*GENRE_NAMES), breaker.anything()])


@pytest.mark.long
@settings(SLOW, max_examples=12)
@given(SEEDS)
def test_any_answers_leave_a_day_that_loads(server, seed):
    made = broken_day(Breaker(seed))
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        copied_warehouse(server) as warehouse,
        platform(warehouse, made, monkeypatch, tmdb_append="credits,keywords,release_dates") as opened,
    ):
        result = opened.run(DAY, charts=False)
        assert failures_of(result) == []
        assert opened.value("select count(*) from fact_movie_daily") >= 220
        lost = opened.column(
            "select movie_id from raw_discover where movie_id not in (select movie_id from fact_movie_daily)"
        )
        with warehouse.begin() as connection:
            assert {*lost} <= rejected_films(connection, fact_movie_daily.name)
