"""How the app reads: as tmdb_reader with any log-in, read-only, and with errors that say what to do."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tmdb_assets.settings import Settings
from tmdb_assets.viz import reader
from tmdb_assets.viz.reader import read_edition, reading
from tmdb_assets.warehouse.reading import NothingToReadError
from tmdb_assets.warehouse.schema.ddl import apply_view
from tmdb_assets.warehouse.server.open import reading_url
from tmdb_assets.warehouse.server.urls import READER, describe, reader_url
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.cases.small_star import DAY

SETTINGS = Settings.load(warehouse_reader_password="a word that passes")


@pytest.fixture
def read_from(monkeypatch):
    """Make the app read from an address, as if it were in the settings."""
    monkeypatch.setattr(reader, "get_settings", lambda: Settings.load(warehouse_url="postgresql://host/database"))
    return lambda url: monkeypatch.setattr(reader, "reading_url", lambda: url)


@pytest.fixture(params=["loader", "reader"])
def login(request, star: Warehouse) -> Iterator[sa.URL]:
    """The address of the warehouse for two kinds of log-in."""
    if request.param == "reader":
        yield reader_url(star.url, SETTINGS)
    else:
        name = f"loader_of_{star.url.database}"
        with star.begin() as connection:
            connection.exec_driver_sql(f"create role {name} login password 'x' in role tmdb_loader")
        yield star.url.set(username=name, password="x")
        reader._engine(star.url.set(username=name, password="x")).dispose()
        with star.begin() as connection:
            connection.exec_driver_sql(f"drop owned by {name}; drop role {name}")


def test_every_login_reads_as_the_reader_and_writes_nothing(login: sa.URL, read_from) -> None:
    read_from(login)
    with reading() as connection:
        assert connection.scalar(sa.text("select current_user")) == READER
        assert connection.scalar(sa.text("select count(*) from vw_top_movies")) == 3
    with pytest.raises(NothingToReadError) as refused, reading() as connection:
        connection.execute(sa.text("select count(*) from raw_discover"))
    assert refused.value.problem.what == "This log-in may not read the figures"
    with pytest.raises(NothingToReadError, match="read-only transaction"), reading() as connection:
        connection.execute(sa.text("create temporary table mine (id integer)"))
    # The session is left unchanged: behind a pooler, another program uses it next.
    with reader._engine(login).connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        assert session.scalar(sa.text("select session_user = current_user")) is True
        read_only = "off" if login.username != READER else "on"  # the reader's own default, by sql/roles.sql
        assert session.scalar(sa.text("show transaction_read_only")) == read_only


def test_a_superuser_is_refused(star: Warehouse, read_from) -> None:
    read_from(star.url)
    with pytest.raises(NothingToReadError, match=r"logs in as a superuser.*log in as tmdb_loader"), reading():
        pytest.fail("it reads")


def test_without_roles_the_login_itself_reads_and_writes_nothing(warehouse: Warehouse, read_from) -> None:
    name = f"own_of_{warehouse.url.database}"
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"create role {name} login password 'x'; grant select on dim_movie to {name}")
    read_from(warehouse.url.set(username=name, password="x"))
    with reading() as connection:
        assert connection.scalar(sa.text("select current_user")) == name
        assert connection.scalar(sa.text("show transaction_read_only")) == "on"
    reader._engine(warehouse.url.set(username=name, password="x")).dispose()
    with warehouse.begin() as connection:
        connection.exec_driver_sql(f"drop owned by {name}; drop role {name}")


def test_each_load_is_a_new_edition(star: Warehouse, read_from) -> None:
    read_from(reader_url(star.url, SETTINGS))
    before = read_edition()
    assert (before.database, before.newest_day) == (describe(star.url), DAY)
    with star.begin() as connection:
        connection.execute(sa.text("update load_day set loaded_at = loaded_at + interval '1 s'"))
    assert read_edition().loaded_at - before.loaded_at == dt.timedelta(seconds=1)


def test_a_database_without_views_and_one_without_days_have_no_data_yet(warehouse: Warehouse, read_from) -> None:
    read_from(warehouse.url)
    with pytest.raises(NothingToReadError) as without_views:
        read_edition()
    with warehouse.begin() as connection:
        apply_view(connection, "vw_load_status")
    with pytest.raises(NothingToReadError, match="Load a day first: `tmdb-assets run`") as without_days:
        read_edition()
    assert {without_days.value.problem.what, without_views.value.problem.what} == {"No data yet"}


def test_an_older_release_is_reported_with_advice(star: Warehouse, read_from) -> None:
    read_from(reader_url(star.url, SETTINGS))
    with pytest.raises(NothingToReadError, match="tmdb-assets migrate") as older, reading() as connection:
        connection.execute(sa.text("select * from vw_of_tomorrow"))
    assert older.value.problem.what == "The database is of another release"


def test_a_server_that_is_down_is_reported_and_used_again_later(star: Warehouse, read_from) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        down = reader_url(star.url, SETTINGS).set(
            query={"host": "127.0.0.1", "port": str(taken.getsockname()[1])}, password="secret word"
        )
        read_from(down)
        with pytest.raises(NothingToReadError) as gone:
            read_edition()
    assert gone.value.problem.what == "The database cannot be reached"
    assert f"Postgres at {describe(down)} did not answer (" in str(gone.value)
    assert "secret word" not in str(gone.value)
    read_from(reader_url(star.url, SETTINGS))
    assert read_edition().newest_day == DAY


def test_a_missing_database_is_reported_and_not_created(star: Warehouse, read_from) -> None:
    missing = f"{reader_url(star.url, SETTINGS).database}_missing"
    read_from(reader_url(star.url, SETTINGS).set(database=missing))
    with pytest.raises(NothingToReadError, match=f'database "{missing}" does not exist'):
        read_edition()
    with star.begin() as connection:
        found = connection.scalar(sa.text("select count(*) from pg_database where datname = :name"), {"name": missing})
    assert found == 0


@pytest.mark.parametrize(
    ("settings", "user", "database"),
    [
        ({"tmdb_token": "x"}, "tmdb_loader", "films"),
        ({"tmdb_token": "x", "warehouse_reader_password": "eight chars"}, "tmdb_reader", "films"),
        ({}, "tmdb_loader", "tmdb_sandbox"),
    ],
)
def test_the_address_of_an_external_server_needs_no_connection(settings, user, database) -> None:
    url = reading_url(Settings.load(warehouse_url="postgresql://tmdb_loader:x@nowhere.invalid/films", **settings))
    assert (url.username, url.host, url.database) == (user, "nowhere.invalid", database)
