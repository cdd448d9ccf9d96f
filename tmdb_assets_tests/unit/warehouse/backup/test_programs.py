"""Which pg_dump is taken, what a failing one says, and what is read from the contents of a dump."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tmdb_assets.warehouse.backup.dump import BackupError, Counts, RefusedError, find_program, reason_of
from tmdb_assets.warehouse.backup.dump_file import Contents, fit_script, parse_listing, require_warehouse

LISTING = """;
; Archive created at 2026-07-29 09:00:00 UTC
;     dbname: tmdb
;     TOC Entries: 6
;     Compression: gzip
;     Dumped from database version: 18.1
;
;
; Selected TOC Entries:
;
219; 1259 16391 TABLE public dim_movie the owner
230; 1259 16400 TABLE public fact_movie_daily the owner
231; 1259 16410 TABLE public load_day the owner
240; 1259 16420 VIEW public vw_movie_latest the owner
301; 1255 16500 FUNCTION public ensure_partition(text, text, date) the owner
4001; 0 16391 TABLE DATA public dim_movie the owner
4002; 0 0 COMMENT public TABLE dim_company the owner
"""


def program(folder: Path, version: str | None, name: str = "pg_dump") -> Path:
    """A program that says its version, or fails."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / name
    made.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n" if version else "#!/bin/sh\nexit 1\n")
    made.chmod(0o755)
    return made


@pytest.fixture
def bundled(tmp_path: Path) -> dict[int, Path]:
    for version in (16, 18):
        program(tmp_path / f"bundled{version}", f"{version}.4")
    return {version: tmp_path / f"bundled{version}" for version in (18, 16)}


def folders_on_path(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    monkeypatch.setenv("PATH", ":".join(map(str, folders)))


@pytest.mark.parametrize(("server", "taken"), [(15, 16), (16, 16), (17, 18), (18, 18)])
def test_the_bundled_program_nearest_to_the_server_is_taken(
    bundled: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: int, taken: int
) -> None:
    program(tmp_path / "path", "99.1")
    folders_on_path(monkeypatch, tmp_path / "path")
    assert find_program("pg_dump", at_least=server, bundled=bundled) == tmp_path / f"bundled{taken}" / "pg_dump"


def test_a_newer_server_takes_the_nearest_on_path(
    bundled: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []
    for number, version in enumerate(["15.14 (Debian 15.14-1)", None, "21beta1", "20.0", "20.3"]):
        program(tmp_path / str(number), version)
        folders.append(tmp_path / str(number))
    folders_on_path(monkeypatch, tmp_path / "missing", *folders)
    assert find_program("pg_dump", at_least=19, bundled=bundled) == tmp_path / "3" / "pg_dump"
    assert find_program("pg_dump", at_least=21, bundled=bundled) == tmp_path / "2" / "pg_dump"


def test_none_that_fits_is_told_with_what_to_install(
    bundled: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "path", "17.6")
    program(tmp_path / "path", "19.0", name="pg_restore")
    folders_on_path(monkeypatch, tmp_path / "path")
    with pytest.raises(BackupError) as raised:
        find_program("pg_dump", at_least=19, bundled=bundled)
    text = str(raised.value)
    assert "pg_dump of Postgres 19 or later; at hand is 16 and 17 and 18" in text
    assert "postgresql-client-19" in text
    assert "\n" not in text
    folders_on_path(monkeypatch, tmp_path / "nothing")
    with pytest.raises(BackupError, match="at hand is none"):
        find_program("pg_dump", at_least=19, bundled={})


def test_what_a_program_said_is_one_line() -> None:
    said = b"pg_dump: error: query failed: ERROR:  no\npg_dump: detail: Query was: LOCK TABLE\n\n"
    error = subprocess.CalledProcessError(1, "pg_dump", stderr=said)
    assert reason_of(error) == "query failed: ERROR:  no; detail: Query was: LOCK TABLE"
    assert reason_of(subprocess.CalledProcessError(-9, "pg_dump", stderr=b"")) == "it ended with exit code -9"
    assert len(reason_of(subprocess.CalledProcessError(1, "pg_dump", stderr=b"x" * 10_000))) == 600


def test_counts_in_words() -> None:
    assert str(Counts(films=1, days=2, facts=1_234_567)) == "1 film, 2 days, 1,234,567 facts"


def test_the_contents_of_a_dump() -> None:
    contents = parse_listing(LISTING)
    assert contents.database == "tmdb"
    assert contents.holds("TABLE", "dim_movie")
    assert contents.holds("FUNCTION", "ensure_partition")
    for kind, name in (("TABLE", "dim"), ("VIEW", "dim_movie"), ("TABLE", "dim_company"), ("TABLE DATA", "load_day")):
        assert not contents.holds(kind, name)
    require_warehouse(contents, Path("x.dump"), "tmdb")


@pytest.mark.parametrize(
    ("dropped", "said"), [("TABLE public load_day", "the tables load_day are"), ("TABLE DATA public", "the rows are")]
)
def test_a_dump_without_our_tables_or_their_rows_is_refused(dropped: str, said: str) -> None:
    contents = parse_listing("\n".join(line for line in LISTING.splitlines() if dropped not in line))
    with pytest.raises(RefusedError, match=f"is no backup of a warehouse: {said} not in it"):
        require_warehouse(contents, Path("x.dump"), "tmdb")


@pytest.mark.parametrize(
    ("of", "into", "said"),
    [
        ("tmdb_sandbox", "tmdb", "holds sample figures .* tmdb is for real ones"),
        ("tmdb", "tmdb_sandbox", "holds real figures .* tmdb_sandbox is for sample ones"),
    ],
)
def test_sample_figures_and_real_ones_stay_apart(of: str, into: str, said: str) -> None:
    contents = Contents(of, parse_listing(LISTING).objects)
    require_warehouse(contents, Path("x.dump"), of)
    with pytest.raises(RefusedError, match=said):
        require_warehouse(contents, Path("x.dump"), into)


def test_a_script_is_fit_for_the_server() -> None:
    script = b"--\n\\restrict aB3\n\nSET transaction_timeout = 0;\nselect E'\\\\x';\n\\unrestrict aB3\n"
    assert fit_script(script, 17) == b"--\n\nSET LOCAL transaction_timeout = 0;\nselect E'\\\\x';\n"
    assert fit_script(script, 16) == b"--\n\nselect E'\\\\x';\n"


def test_a_script_sets_nothing_for_longer_than_its_transaction() -> None:
    path = b"SELECT pg_catalog.set_config('search_path', '', %s);\n"
    of_a_function = b"    SET search_path TO x\n"
    script = path % b"false" + b"SET row_security = off;\n" + of_a_function
    assert fit_script(script, 18) == path % b"true" + b"SET LOCAL row_security = off;\n" + of_a_function
