"""URLs of a warehouse: what they mean to libpq, and that none shows its password."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.server import open as server_module
from tmdb_assets.warehouse.server.urls import describe, normalise, render_url
from tmdb_assets_tests.stage.postgres import PASSWORD, needs_embedded

pytestmark = needs_embedded


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            sa.URL.create(
                "postgresql+psycopg", "me", PASSWORD, "db.example.org", 6543, "my films", {"sslmode": "require"}
            ),
            {
                "user": "me",
                "password": PASSWORD,
                "host": "db.example.org",
                "port": "6543",
                "dbname": "my films",
                "sslmode": "require",
            },
        ),
        (
            sa.make_url("postgresql://me@/films?host=/var/run/my+dir&port=5433"),
            {"user": "me", "host": "/var/run/my dir", "port": "5433", "dbname": "films"},
        ),
        (
            sa.make_url("postgresql://me@/films?host=a:1&host=b:2&application_name=tmdb-assets"),
            {"user": "me", "host": "a,b", "port": "1,2", "dbname": "films"},
        ),
        (sa.make_url("postgresql://[::1]:5433/films"), {"host": "::1", "port": "5433", "dbname": "films"}),
    ],
)
def test_a_rendered_url_means_the_same_to_libpq(url, expected):
    assert psycopg.conninfo.conninfo_to_dict(render_url(url)) == expected


def test_a_password_in_the_query_is_moved_to_where_a_repr_hides_it():
    url = normalise(sa.make_url("postgres://db.example.org/films?user=me&password=hush&dbname=cinema"))
    assert (url.username, url.password, url.database) == ("me", "hush", "cinema")
    assert "hush" not in repr(url)


def test_neither_repr_nor_description_has_a_password(embedded):
    secret = embedded.url.set(host="db.example.org", port=6543, query={}, username="me", password="hush")
    assert describe(secret) == "db.example.org:6543/tmdb_sandbox"
    misplaced = sa.make_url("postgresql://me@db.example.org/films?port=hush")
    assert describe(normalise(misplaced)) == "db.example.org:?/films"
    assert "hush" not in repr(server_module.Server(secret, secret, False, Path("/bin")))
