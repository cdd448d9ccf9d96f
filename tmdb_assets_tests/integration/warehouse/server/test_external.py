"""An external server, played by the shared embedded one: its databases are made, its faults named."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.server import databases
from tmdb_assets.warehouse.server.databases import WarehouseUnavailableError, ensure_databases
from tmdb_assets.warehouse.server.open import PATIENCE_S, open_server
from tmdb_assets.warehouse.warehouse import Warehouse
from tmdb_assets_tests.stage.postgres import as_text, connect, database_names, needs_embedded, settings

pytestmark = needs_embedded


def test_an_external_server_starts_nothing_and_gets_its_databases(embedded, tmp_path):
    url = as_text(embedded.url.set(database="films").update_query_dict({"sslmode": "prefer"}), "postgres")
    server = open_server(settings(url, token="t"), data_dir=tmp_path / "postgres")
    assert not server.is_embedded
    assert (server.url.drivername, server.url.database) == ("postgresql+psycopg", "films")
    assert (server.storage_url.drivername, server.storage_url.database) == ("postgresql+psycopg2", "dagster")
    assert server.url.query["sslmode"] == "prefer"
    assert not (tmp_path / "postgres").exists()
    assert {"films", "dagster"} <= database_names(embedded.url)
    assert (server.bin_dir / "psql").exists()


@pytest.mark.parametrize("drivername", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg2"])
def test_any_driver_and_no_token(embedded, tmp_path, drivername):
    server = open_server(settings(as_text(embedded.url, drivername)), data_dir=tmp_path / "postgres")
    assert (server.url.drivername, server.url.database) == ("postgresql+psycopg", "tmdb_sandbox")
    with sa.create_engine(server.url).connect() as connection:
        assert connection.scalar(sa.text("select current_database()")) == "tmdb_sandbox"


@pytest.mark.parametrize("name", ["tmdb_sandbox", "dagster"])
def test_real_figures_are_kept_out_of_the_sample_and_storage_databases(embedded, tmp_path, name):
    url = as_text(embedded.url.set(database=name))
    with pytest.raises(WarehouseUnavailableError, match=f"names the database {name}, which is reserved for"):
        open_server(settings(url, token="t"), data_dir=tmp_path)


def test_several_processes_may_create_the_same_databases_at_once(embedded):
    targets = [embedded.url.set(database=f"race_{number}") for number in range(2)]

    def create(_: int) -> None:
        ensure_databases(targets, maintenance=[embedded.url], patience_s=1)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(create, range(6)))
    assert {"race_0", "race_1"} <= database_names(embedded.url)


def test_an_unreachable_server_is_named_without_its_password(tmp_path):
    with socket.socket() as held:  # bound and not listening: refuses, and nobody else gets the port
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        begin = time.monotonic()
        with pytest.raises(WarehouseUnavailableError) as caught:
            open_server(
                settings(f"postgresql://me:s3cret@127.0.0.1:{port}/films", token="t"),
                data_dir=tmp_path / "postgres",
                patience_s=0.5,
            )
    text = str(caught.value)
    assert f"127.0.0.1:{port}/films cannot be reached" in text
    assert "s3cret" not in text
    assert "\n" not in text
    assert 0.5 <= time.monotonic() - begin < PATIENCE_S  # which it would have by default
    assert not (tmp_path / "postgres").exists()


def test_a_server_that_comes_up_late_is_waited_for(embedded, monkeypatch):
    attempts = []

    def connect_at_the_third(*args, **kwargs):
        attempts.append(args)
        if len(attempts) < 3:
            raise psycopg.OperationalError("failed to resolve host")
        return real_connect(*args, **kwargs)

    real_connect = psycopg.connect
    monkeypatch.setattr(databases.psycopg, "connect", connect_at_the_third)
    ensure_databases([embedded.url], maintenance=[], patience_s=10)
    assert len(attempts) == 3


def test_a_wrong_password_is_not_tried_again(guest, tmp_path, monkeypatch):
    attempts = []
    real_connect = psycopg.connect
    monkeypatch.setattr(
        databases.psycopg, "connect", lambda *args, **kwargs: attempts.append(args) or real_connect(*args, **kwargs)
    )
    url = as_text(guest.set(database="films", password="wr0ng"))
    with pytest.raises(WarehouseUnavailableError, match=r"refuses the connection.*password") as caught:
        open_server(settings(url, token="t"), data_dir=tmp_path, patience_s=60)
    assert 1 <= len(attempts) <= 2  # the database, and where it would be made
    assert "wr0ng" not in str(caught.value)


def test_an_unknown_parameter_of_libpq_is_named(embedded, tmp_path):
    url = as_text(embedded.url.set(database="films").update_query_dict({"ssl": "require"}))
    with pytest.raises(WarehouseUnavailableError, match='invalid URI query parameter: "ssl"'):
        open_server(settings(url, token="t"), data_dir=tmp_path, patience_s=60)


def test_a_role_that_may_not_create_databases_gets_the_statement_for_an_administrator(guest, tmp_path):
    with pytest.raises(WarehouseUnavailableError) as caught:
        open_server(settings(as_text(guest.set(database="cinema")), token="t"), data_dir=tmp_path)
    assert (
        'Ask an administrator to run: create database "cinema" owner "guest" encoding \'UTF8\' template template0;'
        in str(caught.value)
    )


def test_a_database_of_another_encoding_is_refused(embedded, tmp_path):
    with connect(embedded.url) as connection:
        connection.execute("drop database if exists latin")
        connection.execute("create database latin encoding 'LATIN1' locale 'C' template template0")
    with pytest.raises(WarehouseUnavailableError, match=r"database latin .* has the encoding LATIN1"):
        open_server(settings(as_text(embedded.url.set(database="latin")), token="t"), data_dir=tmp_path)


def test_an_old_server_is_refused(embedded, monkeypatch):
    monkeypatch.setattr(databases, "OLDEST_VERSION", 99)
    with pytest.raises(WarehouseUnavailableError, match=r"is version \d+; the warehouse needs 99 or later"):
        ensure_databases([embedded.url], maintenance=[], patience_s=1)


def test_names_are_read_from_databases_in_sql_ascii(embedded):
    with connect(embedded.url) as connection:
        for name in ("ascii", "utf", "fresh"):
            connection.execute(f"drop database if exists {name}")
        connection.execute("create database ascii encoding 'SQL_ASCII' locale 'C' template template0")
        connection.execute("create database utf encoding 'UTF8' template template0")
    targets = [embedded.url.set(database=name) for name in ("fresh", "utf")]
    ensure_databases(targets, maintenance=[embedded.url.set(database="ascii")], patience_s=1)
    assert {"fresh", "utf"} <= database_names(embedded.url)


def test_session_settings_of_the_url_are_kept_with_ours(embedded):
    with connect(embedded.url) as connection:
        connection.execute("drop database if exists with_options")
        connection.execute("create database with_options")
    url = embedded.url.set(database="with_options")
    given = url.update_query_dict({"options": "-c work_mem=7MB -c statement_timeout=1min"})
    for chosen, memory in ((given, "7MB"), (url, "4MB")):
        warehouse = Warehouse(url=chosen)
        with warehouse.begin() as connection:
            shown = [connection.scalar(sa.text(f"show {name}")) for name in ("work_mem", "statement_timeout")]
        warehouse.close()
        assert shown == [memory, "30min"]
