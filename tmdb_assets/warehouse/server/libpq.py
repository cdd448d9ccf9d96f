"""The environment variables of libpq, such as PGHOST and PGOPTIONS: the one place that decides which apply.

psycopg, psycopg2, psql and pg_dump read them at every connection, whoever makes it; a Postgres server reads some when
it starts. So they are set and removed in the environment of this process, which its child processes inherit
(docs/decisions/0021-libpqs-variables.md).
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from psycopg import OperationalError
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo, PGconn

from tmdb_assets.settings.programs import environment_without_secrets
from tmdb_assets.warehouse.server.urls import render_url

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

SESSION = {"PGTZ": "UTC", "PGDATESTYLE": "ISO, MDY", "PGCLIENTENCODING": "UTF8"}
"""For every connection: they outrank what is set on server, database and role, and poolers pass them on."""

_VARIABLE = re.compile("PG[A-Z]+|PGCONNECT_TIMEOUT")  # not PGADMIN_PORT, which is Compose's
_NO_FILE = os.path.join(os.devnull, "none")  # noqa: PTH118 - never exists; an unusable ~/.pgpass prints a warning


def apply_environment(url: URL | None) -> None:
    """Prepare the environment for connections to `url`; None: to the embedded server.

    The embedded server's have none of the caller's variables. Those to a `url` have what it leaves open, also from the
    service of PGSERVICE; where it names a host, PGHOSTADDR would connect to another one. Raises
    `psycopg.OperationalError`, with libpq's words, for a service that cannot be read.
    """
    if url is None:
        for name in set_variables():
            del os.environ[name]
        os.environ["PGPASSFILE"] = _NO_FILE
    else:
        service = _service() if "service" not in url.query else {}
        os.environ.pop("PGSERVICE", None)
        os.environ |= service
        if url.host or {"host", "service"} & {*url.query}:
            os.environ.pop("PGHOSTADDR", None)
    os.environ |= SESSION


def _service() -> dict[str, str]:
    """What the service of PGSERVICE adds to the environment, by libpq's variables."""
    service = os.environ.pop("PGSERVICE", None)
    if service is None:
        return {}
    without, expected = _defaults(), _connection_error()
    os.environ["PGSERVICE"] = service
    if (error := _connection_error()) != expected:
        raise OperationalError(error)
    return {name: value for name, value in _defaults().items() if name != "PGSERVICE" and without.get(name) != value}


def _defaults() -> dict[str, str]:
    return {
        option.envvar.decode(): option.val.decode()
        for option in Conninfo.get_defaults()
        if option.envvar and option.val is not None
    }


def _connection_error() -> str:
    """What libpq says about an address that it refuses without connecting, after it has read the service."""
    return PGconn.connect_start(b"host=a,b hostaddr=127.0.0.1").get_error_message()


def set_variables() -> list[str]:
    """The variables of libpq that the caller's environment sets, sorted."""
    ours = {**SESSION, "PGPASSFILE": _NO_FILE}
    return sorted(name for name, value in os.environ.items() if _VARIABLE.fullmatch(name) and ours.get(name) != value)


def libpq_environment(url: URL) -> dict[str, str]:
    """The environment of this process with the URL in libpq's variables (PGHOST, PGUSER ...), for psql and the like.

    A program's flags then replace only what they name. The few parameters without a variable are left out, and so are
    secrets of others than libpq.
    """
    variables = {option.keyword.decode(): option.envvar for option in Conninfo.get_defaults()}
    ours = {name: value for name, value in os.environ.items() if _VARIABLE.fullmatch(name)}
    return (
        environment_without_secrets()
        | ours
        | {
            variable.decode(): str(value)
            for keyword, value in conninfo_to_dict(render_url(url)).items()
            if value is not None and (variable := variables.get(keyword))
        }
    )
