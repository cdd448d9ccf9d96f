"""A new database next to the warehouse's, which takes its name when complete.

The new one is `NAME_restoring_XXXXXXXX`. The former one becomes `NAME_replaced_XXXXXXXX` and is dropped, or
`NAME_former_XXXXXXXX` if it holds what others made. A killed process may leave one of the first two behind; the next
restore drops it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
import sqlalchemy as sa
from psycopg import sql

from tmdb_assets.warehouse.backup.programs import RefusedError, application_name
from tmdb_assets.warehouse.server.databases import Connection, ensure_databases
from tmdb_assets.warehouse.server.engine import SYSTEM_PATH_ONLY
from tmdb_assets.warehouse.server.open import Server
from tmdb_assets.warehouse.server.urls import APPLICATION_NAME, READER, describe, render_url

LONGEST_NAME = 40  # bytes kept of the warehouse's name: Postgres cuts names at 63
MAY_REPLACE = """
select r.rolsuper or r.rolcreatedb and pg_has_role(d.datdba, 'member') as may_replace, r.rolname, r.rolsuper
from pg_roles as r, pg_database as d
where r.rolname = current_user and d.datname = current_database()
"""
LEFT_BEHIND = "select datname from pg_database where left(datname, -8) = any(:stems)"
# The statement that makes the new database with this one's locale (in another column from Postgres 17 on). Where a
# superuser fills it, nobody else may connect until it is complete: the tables' owner could leave a function there.
CREATE = """
select format('create database %I template template0 encoding ''UTF8'' lc_collate %L lc_ctype %L locale_provider ',
    cast(:new as text), datcollate, datctype)
    || case datlocprovider when 'c' then 'libc' when 'i' then 'icu icu_locale ' else 'builtin builtin_locale ' end
    || coalesce(quote_literal(coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')), '')
    || case when :is_superuser then ' connection limit 0' else '' end
from pg_database as d where datname = current_database()
"""
# For `ADOPT` and `HAND_OVER`: the rights in schema public that this database's owner has only as its owner.
RIGHTS_OF_OWNER = """
with here as (select *, cast(:new as text) as new, pg_get_userbyid(datdba) as owner from pg_database
    where datname = current_database()),
lent as (
    select owner, privilege from here, (values ('USAGE'), ('CREATE')) as p (privilege)
    where owner <> current_user and not exists (
        select from pg_namespace, aclexplode(nspacl) where nspname = 'public' and grantee = datdba
        and privilege_type = privilege
    )
)
"""
# The statements that give the new database this one's settings and rights. Settings that are lists are stored ready for
# SQL (pg_dump lists the same ones by name). Its owner gets it last, by `HAND_OVER`: it could let itself in.
ADOPT = """
select format('grant %s on schema public to %I', privilege, owner) from lent
union all
select format('alter %s database %I set %s to %s', of_role, new, name,
    case when name ~ '^search_path$|^temp_tablespaces$|_preload_libraries$' then value else quote_literal(value) end)
from here inner join pg_db_role_setting as s on s.setdatabase = here.oid, unnest(setconfig) as setting,
    split_part(setting, '=', 1) as name, substr(setting, length(name) + 2) as value,
    coalesce('role ' || quote_ident(pg_get_userbyid(nullif(setrole, 0))) || ' in', '') as of_role
union all select format('revoke all on database %I from public', new) from here
union all select 'revoke all on schema public from public'
union all
select format('grant %s on %s to %s', privilege_type, place, coalesce(quote_ident(rolname), 'public'))
from (
    select format('database %I', new), datdba, coalesce(datacl, acldefault('d', datdba)) from here
    union all
    select 'schema public', nspowner, coalesce(nspacl, acldefault('n', nspowner)) from pg_namespace
    where nspname = 'public'
) as p (place, owner, acl), aclexplode(acl) as a left join pg_roles as r on r.oid = a.grantee
where a.grantee <> owner
"""
HAND_OVER = """
select format('revoke %s on schema public from %I', privilege, owner) from lent
union all
select format('alter database %I owner to %I', new, owner) from here where owner <> current_user
"""
# Ends idle sessions where this role may: all in the new database; in the former one those of readers, of other
# programs, and this process's own, which a pooler may keep open.
END_IDLE = """
select pg_terminate_backend(pid) from pg_stat_activity
where state = 'idle' and pg_has_role(usesysid, 'usage') and (datname = %(new)s or datname = %(name)s and (
    usename = %(reader)s or application_name = %(ours)s or not starts_with(application_name, %(application)s)
))
"""


@contextmanager
def successor(server: Server, former: sa.Connection) -> Iterator[tuple[Connection, str]]:
    """Make an empty database with the owner, rights, locale and settings of the one that `former` is connected to.

    Yields a connection to a third database, from which names can be changed, and the new database's name. At the end
    the new database is dropped if it still has that name. Raises `RefusedError` where the role may not do this,
    `WarehouseUnavailableError` where a pooler has no entry for the new database, and `psycopg.Error`.
    """
    is_superuser = _require_rights(former, server)
    with psycopg.connect(render_url(server.url.set(database=server.storage_url.database)), autocommit=True) as admin:
        stem = stem_of(str(server.url.database))
        left_behind = [f"{stem}_restoring_", f"{stem}_replaced_"]
        for name in former.execute(sa.text(LEFT_BEHIND), {"stems": left_behind}).scalars().all():
            _drop(admin, name)
        new = f"{stem}_restoring_{secrets.token_hex(4)}"
        admin.execute(former.execute(sa.text(CREATE), {"new": new, "is_superuser": is_superuser}).scalar_one())
        try:
            url = server.url.set(database=new)
            ensure_databases([url], maintenance=[], patience_s=0)  # a pooler may have no entry for it
            with psycopg.connect(render_url(url), autocommit=True) as connection:
                for statement in former.execute(sa.text(RIGHTS_OF_OWNER + ADOPT), {"new": new}).scalars().all():
                    connection.execute(statement)
            yield admin, new
        finally:
            with suppress(psycopg.Error):  # the server went away: the next restore drops it
                _drop(admin, new)


def hand_over(server: Server, former: sa.Connection, new: str) -> None:
    """Make the former database's owner that of the new one, once it is complete. Raises `psycopg.Error`."""
    with psycopg.connect(render_url(server.url.set(database=new))) as connection:
        for statement in former.execute(sa.text(RIGHTS_OF_OWNER + HAND_OVER), {"new": new}).scalars().all():
            connection.execute(statement)


def stem_of(name: str) -> str:
    """The start of the other databases' names; a long `name` is cut, and a hash keeps it unique."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: LONGEST_NAME - 9].decode(errors='ignore')}_{digest}"


def take_name(admin: Connection, name: str, new: str, *, keep: bool) -> str | None:
    """Give the new database the warehouse's name; drop the former one unless `keep`.

    Both names change in one transaction, so a kill leaves one of the two as the warehouse. Ends idle sessions and waits
    up to 5 s for others. Returns the former database's new name if it still exists. Raises `psycopg.Error`, and of
    these `ObjectInUse` if sessions do not end.
    """
    aside = new.replace("_restoring_", "_former_" if keep else "_replaced_")
    names = {"name": name, "new": new, "reader": READER, "ours": application_name("restore")}
    with admin.transaction():
        admin.execute(SYSTEM_PATH_ONLY)
        admin.execute(END_IDLE, names | {"application": APPLICATION_NAME})
        (limit,) = admin.execute("select datconnlimit from pg_database where datname = %s", [name]).fetchall()[0]
        admin.execute(sql.SQL("alter database {} connection limit {}").format(sql.Identifier(new), limit))
        for pair in ((name, aside), (new, name)):
            admin.execute(sql.SQL("alter database {} rename to {}").format(*map(sql.Identifier, pair)))
    if not keep:
        with suppress(psycopg.Error):  # it is reported, and the next restore drops it
            _drop(admin, aside)
            return None
    return aside


def _drop(admin: Connection, name: str) -> None:
    admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _require_rights(former: sa.Connection, server: Server) -> bool:
    """Whether this role is a superuser. Raises `RefusedError` where it may not replace the database."""
    may_replace, role, is_superuser = former.execute(sa.text(MAY_REPLACE)).one()
    if not may_replace:
        name = server.url.database
        raise RefusedError(
            f"A restore makes a new database, which then takes the name {name}, and the role {role} of WAREHOUSE_URL "
            f"may not do that at {describe(server.url)}",
            setting="WAREHOUSE_URL",
            action="Restore as an administrator, or have one run: "
            f'alter role "{role}" createdb; alter database "{name}" owner to "{role}";',
        )
    return bool(is_superuser)
