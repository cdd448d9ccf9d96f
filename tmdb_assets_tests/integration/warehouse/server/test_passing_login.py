"""A short-lived log-in: not a superuser, acts as the given role, dropped afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa

from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.passing_login import PREFIX, passing_login
from tmdb_assets_tests.stage.postgres import connect


@pytest.fixture
def role(database: sa.URL) -> Iterator[str]:
    """A role that may make tables in the test's database."""
    name = f"makers_of_{database.database}"
    with connect(database) as admin:
        admin.execute(f"create role {name}")
        admin.execute(f"grant create on schema public to {name}")
        yield name
        admin.execute(f"drop owned by {name}")
        admin.execute(f"drop role {name}")


def passing_roles(url: sa.URL) -> list[str]:
    with connect(url) as admin:
        return [
            name for (name,) in admin.execute("select rolname from pg_roles where starts_with(rolname, %s)", [PREFIX])
        ]


def test_what_it_makes_is_the_roles_and_it_is_not_a_superuser_whatever_it_resets(database: sa.URL, role: str) -> None:
    with passing_login(database, role) as url:
        assert url.username is not None
        assert url.username.startswith(PREFIX)
        with connect(url) as session:
            session.execute("create table made (id int)")
            for reset in ("reset role", "set role none", "reset session authorization"):
                session.execute(reset)
                assert session.execute("select current_setting('is_superuser')").fetchone() == ("off",)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute("set role postgres")
    with connect(database) as admin:
        assert admin.execute("select tableowner from pg_tables where tablename = 'made'").fetchall() == [(role,)]
    assert passing_roles(database) == []


def test_it_is_dropped_with_what_it_made_under_its_own_name_when_the_work_fails(database: sa.URL, role: str) -> None:
    def work(url: sa.URL) -> None:
        with connect(database) as admin:
            admin.execute(f"grant create on schema public to {url.username}")
        with connect(url) as session:
            session.execute("set role none")
            session.execute("create function trap() returns int language sql as 'select 1'")
        raise RuntimeError

    with pytest.raises(RuntimeError), passing_login(database, role) as url:
        work(url)
    assert passing_roles(database) == []
    with connect(database) as admin:
        assert admin.execute("select to_regproc('trap')::text").fetchall() == [(None,)]


def test_those_that_have_expired_but_are_still_at_work_are_kept(database: sa.URL, role: str) -> None:
    with passing_login(database, role) as url, connect(url) as session, connect(database) as admin:
        admin.execute(f"alter role {url.username} valid until '2026-01-01'")
        with passing_login(database, role):
            pass
        assert session.execute("select session_user::text").fetchone() == (url.username,)
        assert url.username in passing_roles(database)


def test_the_password_reaches_the_server_only_as_a_verifier_and_expires(database: sa.URL, role: str) -> None:
    with passing_login(database, role) as url, connect(database) as admin:
        stored, minutes = admin.execute(
            "select rolpassword, extract(epoch from rolvaliduntil - now()) / 60 from pg_authid where rolname = %s",
            [url.username],
        ).fetchall()[0]
        assert stored.startswith("SCRAM-SHA-256$")
        assert url.password not in stored
        assert 0 < minutes <= 10


def test_expired_ones_of_a_killed_process_are_dropped(server: Server, database: sa.URL, role: str) -> None:
    with connect(database) as admin:
        admin.execute(f"create role {PREFIX}old login valid until '2026-01-01'")
        admin.execute(f"create role {PREFIX}new login valid until 'infinity'")
        try:
            with passing_login(database, role):
                assert f"{PREFIX}old" not in passing_roles(database)
            assert passing_roles(database) == [f"{PREFIX}new"]
        finally:
            admin.execute(f"drop role {PREFIX}new")
