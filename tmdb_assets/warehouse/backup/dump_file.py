"""What a file of `warehouse.backup` holds, as pg_restore tells it, and whether it is one for this warehouse."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tmdb_assets.warehouse.backup.dump import CORE_TABLES, RefusedError, reason_of, run_program

SANDBOX_DATABASE = "tmdb_sandbox"
MAGIC = b"PGDMP"  # pg_dump's custom format begins so


@dataclass(frozen=True)
class Contents:
    """The table of contents of a dump: the database it is of, and its objects as `KIND public NAME ...`."""

    database: str
    objects: tuple[str, ...]

    def holds(self, kind: str, name: str) -> bool:
        """Whether the dump makes this object."""
        return any(line.startswith((f"{kind} public {name} ", f"{kind} public {name}(")) for line in self.objects)


def parse_listing(listing: str) -> Contents:
    """Parse what `pg_restore --list` prints."""
    database = re.search(r"^; +dbname: (.*)$", listing, re.MULTILINE)
    objects = re.findall(r"^\d+; \d+ \d+ (.*)$", listing, re.MULTILINE)
    return Contents(database[1].strip() if database else "", tuple(objects))


def read_contents(program: Path, file: Path) -> Contents:
    """Read the file's table of contents; raises `RefusedError` for what is no dump."""
    try:
        with file.open("rb") as opened:
            begins_right = opened.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise RefusedError(f"{file} cannot be read ({error.strerror}). Nothing was changed.") from None
    if not begins_right:
        raise RefusedError(f"{file} is no file that tmdb-assets backup has made. Nothing was changed; name another.")
    with told(file):
        return parse_listing(run_program([program, "--list", file]).decode(errors="replace"))


@contextmanager
def told(file: Path) -> Iterator[None]:
    """What pg_restore finds wrong with the file, as a refusal."""
    try:
        yield
    except subprocess.CalledProcessError as error:
        raise RefusedError(
            f"{file} cannot be restored: pg_restore says: {reason_of(error)}. Nothing was changed; use another backup."
        ) from None


def require_warehouse(contents: Contents, file: Path, database: str) -> None:
    """Raise `RefusedError` unless the dump is of a warehouse, of sample figures or real ones like `database`."""
    missing = [name for name in CORE_TABLES if not contents.holds("TABLE", name)]
    if missing or not contents.holds("TABLE DATA", "dim_movie"):
        what = f"the tables {', '.join(missing)} are" if missing else "the rows are"
        raise RefusedError(
            f"{file} is no backup of a warehouse: {what} not in it. Nothing was changed; use one that tmdb-assets "
            "backup has made."
        )
    if (contents.database == SANDBOX_DATABASE) != (database == SANDBOX_DATABASE):
        kinds = ("sample", "real") if contents.database == SANDBOX_DATABASE else ("real", "sample")
        raise RefusedError(
            f"{file} holds {kinds[0]} figures (database {contents.database}), and {database} is for {kinds[1]} ones. "
            "Nothing was changed; set or unset TMDB_TOKEN, which chooses between them, and restore again."
        )


def fit_script(script: bytes, version: int) -> bytes:
    """SQL as psql would get it, for this server's major version: without psql's own commands and unknown settings.

    Its settings are made those of the transaction: behind a pooler the session is somebody else's afterwards.
    """
    script = re.sub(rb"^\\(un)?restrict \w+\n", b"", script, flags=re.MULTILINE)
    if version < 17:
        script = script.replace(b"SET transaction_timeout = 0;\n", b"", 1)
    script = script.replace(b"set_config('search_path', '', false)", b"set_config('search_path', '', true)")
    return re.sub(rb"^SET (?=[a-z_]+ = [^;\n]*;$)", b"SET LOCAL ", script, flags=re.MULTILINE)
